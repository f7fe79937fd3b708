//! Cells of a CSV file that a spreadsheet would run: they go out with an apostrophe before them, and lose it when they come back.
//!
//! Must stay true: whatever goes out and comes back is what it was; no cell that goes out starts like a formula.

use std::borrow::Cow;

/// What a formula starts with, in its narrow and its wide form (OWASP, "CSV Injection").
const STARTS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Whether a cell would be run, but for the apostrophes before it.
fn runs(cell: &str) -> bool {
    let words = cell.trim_start_matches('\'');
    words.starts_with(['\t', '\r', '\n']) || words.trim_start().starts_with(STARTS)
}

/// A cell as it goes out: an apostrophe before what a spreadsheet would run, and before what starts like that already.
#[must_use]
pub fn cell_out(cell: &str) -> Cow<'_, str> {
    if runs(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// A cell that has come back: what [`cell_out`] was given.
#[must_use]
pub fn cell_in(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|_| runs(cell)).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_text() {
        for (given, out) in [
            ("=HYPERLINK(\"http://a.example\")", "'=HYPERLINK(\"http://a.example\")"),
            ("=cmd@x.net", "'=cmd@x.net"),
            ("+x@y.net", "'+x@y.net"),
            ("-2+3", "'-2+3"),
            ("@SUM(1)", "'@SUM(1)"),
            ("＝1", "'＝1"),
            ("\t=1", "'\t=1"),
            ("\rx", "'\rx"),
            (" =1", "' =1"),
            ("'=1", "''=1"),
            ("o'hara@home.net", "o'hara@home.net"),
            ("'quoted'", "'quoted'"),
            ("ann@home.net", "ann@home.net"),
            ("", ""),
        ] {
            assert_eq!(cell_out(given), out, "{given:?}");
            assert_eq!(cell_in(out), given, "{out:?}");
        }
    }

    proptest! {
        #[test]
        fn what_goes_out_comes_back_and_is_no_formula(cell in "['=+@ \t\r\n-]{0,4}[a-z＝]{0,2}") {
            let out = cell_out(&cell);
            prop_assert_eq!(cell_in(&out), cell.as_str());
            prop_assert!(!out.starts_with(STARTS) && !out.starts_with(['\t', '\r', '\n']));
        }
    }
}
