//! The words of a line with what stands between them, and the words that may name an issue.

/// A word: letters and digits, with an apostrophe inside.
#[derive(Debug, Clone)]
pub(super) struct Word<'a> {
    /// As it is written.
    pub(super) raw: &'a str,
    /// In small letters, without an apostrophe and the `s` behind it.
    pub(super) text: String,
    /// It ends in `'s`.
    pub(super) owns: bool,
    /// What stands between it and the word before.
    pub(super) gap: &'a str,
}

impl Word<'_> {
    /// It follows the word before without a break: only white space or a hyphen lies between.
    pub(super) fn follows(&self) -> bool {
        !self.gap.is_empty() && self.gap.chars().all(|c| c.is_whitespace() || c == '-')
    }

    pub(super) fn is(&self, any: &[&str]) -> bool {
        any.contains(&self.text.as_str())
    }

    /// It starts with a digit, whatever follows.
    pub(super) fn counts(&self) -> bool {
        self.raw.starts_with(|c: char| c.is_ascii_digit())
    }

    /// A whole number in digits.
    pub(super) fn digits(&self) -> Option<u32> {
        if self.raw.bytes().all(|b| b.is_ascii_digit()) { self.raw.parse().ok() } else { None }
    }

    /// A number in digits, or in words up to twenty.
    pub(super) fn number(&self) -> Option<u32> {
        self.digits().or_else(|| place(&CARDINALS, &self.text))
    }

    /// "third", "3rd".
    pub(super) fn ordinal(&self) -> Option<u32> {
        place(&ORDINALS, &self.text).or_else(|| {
            let (digits, ending) = self.text.split_at(self.text.find(|c: char| !c.is_ascii_digit())?);
            if matches!(ending, "st" | "nd" | "rd" | "th") { digits.parse().ok() } else { None }
        })
    }
}

/// The place of a name in a list, from 1.
fn place(names: &[&str], name: &str) -> Option<u32> {
    names.iter().position(|one| *one == name).and_then(|at| u32::try_from(at + 1).ok())
}

const CARDINALS: [&str; 20] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];
const ORDINALS: [&str; 20] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
];

/// Words that point at something that is known.
pub(super) const POINTING: [&str; 6] = ["the", "our", "my", "your", "that", "this"];
/// Words that say nothing of which issue it is.
const FILLING: [&str; 14] = [
    "published",
    "back",
    "whole",
    "full",
    "entire",
    "complete",
    "free",
    "public",
    "regular",
    "weekly",
    "monthly",
    "own",
    "existing",
    "finished",
];
/// Words with which another part of the sentence begins.
const FOLLOWING: [&str; 30] = [
    "to",
    "on",
    "onto",
    "in",
    "into",
    "at",
    "via",
    "from",
    "for",
    "by",
    "with",
    "as",
    "of",
    "over",
    "again",
    "now",
    "and",
    "or",
    "but",
    "so",
    "today",
    "tomorrow",
    "soon",
    "once",
    "when",
    "if",
    "is",
    "that",
    "which",
    "everywhere",
];

/// Whether the phrase is over at `at`: the line ends, a mark breaks it, or another part begins.
pub(super) fn ends(words: &[Word<'_>], at: usize) -> bool {
    words.get(at).is_none_or(|word| !word.follows() || word.is(&FOLLOWING))
}

/// The place of the pointing word before the phrase at `at`, else `at`.
pub(super) fn pointing(words: &[Word<'_>], at: usize) -> usize {
    if at > 0 && words[at - 1].is(&POINTING) && words[at].follows() { at - 1 } else { at }
}

/// Whether the phrase at `at` only says when, or what is not meant: "since the last issue", "unlike the fog letter".
pub(super) fn set_aside(words: &[Word<'_>], at: usize) -> bool {
    const ASIDE: [&str; 12] = ["since", "before", "after", "until", "till", "than", "like", "unlike", "without", "except", "not", "never"];
    let start = pointing(words, at);
    let before = |back: usize, any: &[&str]| start >= back && words[start - back].is(any);
    before(1, &ASIDE) || (before(1, &["of"]) && before(2, &["instead"]))
}

/// What a noun of the field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noun {
    /// It means a draft.
    pub(super) draft: bool,
    /// It means more than one.
    pub(super) many: bool,
    /// It is "one" or "ones".
    pub(super) one: bool,
}

/// What a word says if it is a noun that can name issues.
pub(super) fn noun(word: &Word<'_>) -> Option<Noun> {
    const PIECES: [&str; 9] = ["issue", "letter", "essay", "episode", "post", "piece", "article", "edition", "instalment"];
    let text = word.text.as_str();
    let (single, many) = text.strip_suffix('s').map_or((text, false), |single| (single, true));
    let (draft, one) = (single == "draft", single == "one");
    (draft || one || PIECES.contains(&single)).then_some(Noun { draft, many, one })
}

/// The noun that follows from `at` on, behind at most two words that say nothing, with its place.
pub(super) fn noun_from(words: &[Word<'_>], at: usize) -> Option<(usize, Noun)> {
    for (place, word) in words.iter().enumerate().skip(at).take(3) {
        if !word.follows() {
            return None;
        }
        if let Some(noun) = noun(word) {
            return Some((place, noun));
        }
        if !is_filling(word) {
            return None;
        }
    }
    None
}

pub(super) fn is_filling(word: &Word<'_>) -> bool {
    word.is(&FILLING)
}

/// Whether a word begins another part of the sentence.
pub(super) fn is_following(word: &Word<'_>) -> bool {
    word.is(&FOLLOWING)
}

/// The words from `from` up to `to`, as they are written, in quotation marks.
pub(super) fn said(words: &[Word<'_>], from: usize, to: usize) -> String {
    let mut out = String::from("“");
    for (at, word) in words.iter().enumerate().take(to).skip(from) {
        let gap = if word.gap.trim().is_empty() { " " } else { word.gap };
        out.push_str(if at > from { gap } else { "" });
        out.push_str(word.raw);
    }
    out.push('”');
    out
}

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut end = 0;
    let mut start: Option<usize> = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let apostrophe = matches!(c, '\'' | '’') && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        match start {
            None if c.is_alphanumeric() => start = Some(at),
            Some(from) if !c.is_alphanumeric() && !apostrophe => {
                words.push(word(&text[end..from], &text[from..at]));
                (start, end) = (None, at);
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        words.push(word(&text[end..from], &text[from..]));
    }
    words
}

fn word<'a>(gap: &'a str, raw: &'a str) -> Word<'a> {
    let lower = raw.to_lowercase().replace('’', "'");
    match lower.strip_suffix("'s") {
        Some(owner) => Word { raw, text: owner.to_owned(), owns: true, gap },
        None => Word { raw, text: lower.replace('\'', ""), owns: false, gap },
    }
}

/// What stands in quotation marks, and the text with a break in place of each quotation.
pub(super) fn quotations(text: &str) -> (Vec<&str>, String) {
    const MARKS: [(char, char); 4] = [('"', '"'), ('“', '”'), ('«', '»'), ('„', '“')];
    let mut quoted = Vec::new();
    let mut outside = String::with_capacity(text.len());
    let mut rest = text;
    // A mark that nothing closes is only a mark; it is looked for once.
    let mut unclosed = [false; MARKS.len()];
    let opening = |c: char| MARKS.iter().position(|(open, _)| *open == c);
    while let Some((at, mark)) = rest.char_indices().find_map(|(at, c)| Some((at, opening(c).filter(|mark| !unclosed[*mark])?))) {
        let (open, close) = MARKS[mark];
        outside.push_str(&rest[..at]);
        outside.push_str(" ; ");
        rest = &rest[at + open.len_utf8()..];
        match rest.split_once(close) {
            Some((quotation, after)) => {
                quoted.extend((!quotation.trim().is_empty()).then_some(quotation));
                rest = after;
            }
            None => unclosed[mark] = true,
        }
    }
    outside.push_str(rest);
    (quoted, outside)
}
