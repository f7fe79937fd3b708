//! Words of a row that came from outside.

/// A name or a source that came from outside, on one line; a spreadsheet would run one that starts like a formula.
pub(super) fn plain_words(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    words.trim_start_matches(['=', '+', '-', '@']).trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_outside_stay_on_one_line_and_are_no_formula() {
        for (given, expected) in [
            (" Ann  B ", "Ann B"),
            ("Ann\r\nBcc: bob@home.net", "Ann Bcc: bob@home.net"),
            ("=HYPERLINK(1)", "HYPERLINK(1)"),
            ("\t@-+ Ann", "Ann"),
            ("Jean-Luc", "Jean-Luc"),
        ] {
            assert_eq!(plain_words(given), expected, "{given:?}");
        }
    }
}
