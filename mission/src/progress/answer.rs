//! What the human answered in the agent's block: a ticked box, `no`, `yes`, or an address behind an entry. An entry is known
//! by the key that stands in it as `` `#key` ``; a line without one is no answer.

/// What stands behind an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// `yes`
    Yes,
    /// `no`
    No,
    /// An http or https address.
    Address(String),
    /// Other words: shown back, never acted upon.
    Other(String),
}

/// One entry of the block as the human left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The entry's key.
    pub key: String,
    /// Whether its box is ticked.
    pub ticked: bool,
    /// What stands behind it.
    pub said: Said,
    /// Its line, from 1.
    pub line: usize,
}

impl Answer {
    /// Whether it is a plain yes: a tick with other words behind it is none.
    pub fn agrees(&self) -> bool {
        self.said == Said::Yes || (self.ticked && self.said == Said::Nothing)
    }
}

/// Reads one list item of the block.
pub(super) fn answer_of(line: &str, number: usize) -> Option<Answer> {
    let from = line.rfind("`#")? + 2;
    let to = from + line[from..].find('`')?;
    let key = &line[from..to];
    // Eight digits of a digest: `#general` is a channel of a chat.
    if key.len() != 8 || !key.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let box_start = line.find('[')?;
    let ticked = matches!(line.as_bytes().get(box_start + 1..box_start + 3), Some(b"x]" | b"X]"));
    let dropped = line.as_bytes().get(box_start + 1) == Some(&b'-');
    let behind = line[to + 1..].trim().trim_matches(['<', '>']);
    let said = match behind.to_lowercase().trim_end_matches(['.', '!']) {
        "" if !dropped => Said::Nothing,
        _ if dropped => Said::No,
        "yes" | "y" | "ok" => Said::Yes,
        words if matches!(words.split([' ', ',', '.', ';', ':']).next(), Some("no" | "n" | "nope" | "never" | "don't" | "not")) => Said::No,
        _ if behind.starts_with("https://") || behind.starts_with("http://") => match behind.contains(char::is_whitespace) {
            false => Said::Address(behind.to_owned()),
            true => Said::Other(behind.to_owned()),
        },
        _ => Said::Other(behind.to_owned()),
    };
    Some(Answer { key: key.to_owned(), ticked, said, line: number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_from_entries_with_a_key() {
        for (line, expected) in [
            ("- [x] Approve it `#ab12cd34`", Some((true, Said::Nothing))),
            ("- [ ] Approve it `#ab12cd34` no", Some((false, Said::No))),
            ("- [x] Approve it `#ab12cd34` no thanks", Some((true, Said::No))),
            ("- [-] Approve it `#ab12cd34`", Some((false, Said::No))),
            ("- [x] Approve it `#ab12cd34` but only on Monday", Some((true, Said::Other("but only on Monday".into())))),
            ("- [ ] Approve it `#ab12cd34` Yes!", Some((false, Said::Yes))),
            ("- [ ] Post it `#ab12cd34` https://x.example/1", Some((false, Said::Address("https://x.example/1".into())))),
            ("- [ ] Post it `#ab12cd34` <https://x.example/1>", Some((false, Said::Address("https://x.example/1".into())))),
            ("- [ ] Post it `#ab12cd34` https://x.example/1 and more", Some((false, Said::Other("https://x.example/1 and more".into())))),
            ("- [ ] Post it `#ab12cd34` later", Some((false, Said::Other("later".into())))),
            ("- [x] A line of mine", None),
            ("- [ ] Tell them in `#sig-release`", None),
            ("- [x] `#; drop` x", None),
        ] {
            let found = answer_of(line, 1).map(|answer| (answer.ticked, answer.said));
            assert_eq!(found, expected, "{line}");
        }
    }
}
