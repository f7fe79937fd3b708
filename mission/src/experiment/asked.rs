//! Whether a line asks for an experiment, by plain words only: what they leave open is no experiment, and is read as any other line.

use super::Kind;
use crate::phrases::{in_words, without_quotation};

/// What a line wants an experiment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// On what the program can word in several ways.
    On(Kind),
    /// On something else, or it does not say on what.
    OnSomething,
}

/// With what a line begins that asks for a test, besides the test's own name.
const BEGINS: [&str; 17] = [
    "run",
    "start",
    "do",
    "try",
    "test",
    "launch",
    "conduct",
    "begin",
    "set",
    "send",
    "mail",
    "compare",
    "experiment",
    "use",
    "let",
    "split",
    "pit",
];
/// How many wordings, where a test of them is an experiment.
const SEVERAL: [&str; 11] = ["two", "three", "four", "2", "3", "4", "both", "different", "alternative", "several", "competing"];
/// Who builds or tells of experiments does not ask for one; neither does a "not".
const NOT: [&str; 35] = [
    "framework",
    "infrastructure",
    "library",
    "service",
    "pipeline",
    "code",
    "module",
    "tool",
    "tooling",
    "platform",
    "harness",
    "system",
    "support",
    "sdk",
    "api",
    "unit",
    "integration",
    "results",
    "result",
    "report",
    "essay",
    "article",
    "about",
    "write",
    "not",
    "no",
    "never",
    "don",
    "dont",
    "stop",
    "instead",
    "without",
    "avoid",
    "cancel",
    "rendering",
];

/// What a line asks for an experiment on, if it plainly asks for one: "A/B test two subject lines", "Test two headlines on the home page".
/// "Test whether the subscribe button works" asks for none.
#[must_use]
pub fn asked(text: &str) -> Option<Asked> {
    let lower = without_quotation(text).to_lowercase();
    let words: Vec<&str> = in_words(&lower).into_iter().flat_map(|word| word.split('-')).collect();
    if lower.contains('?') || words.iter().any(|word| NOT.contains(word)) {
        return None;
    }
    let on = object(&words);
    let named = names_a_test(&words);
    let begins = words.first().is_some_and(|first| BEGINS.contains(first)) || names_a_test(&words[..words.len().min(2)]);
    match on {
        Some(kind) if begins && (named || words.contains(&"experiment") || compares(&words)) => Some(Asked::On(kind)),
        None if begins && named => Some(Asked::OnSomething),
        _ => None,
    }
}

/// "A/B", "A/B/C", "AB test", "split test", "multivariate test".
fn names_a_test(words: &[&str]) -> bool {
    let tests = |word: &str| matches!(word, "test" | "tests" | "testing" | "tested" | "experiment");
    words.iter().any(|word| matches!(*word, "a/b" | "a/b/c" | "a/b/n" | "multivariate"))
        || words.windows(2).any(|two| matches!(two[0], "ab" | "split") && tests(two[1]))
}

/// "Test two …", "Compare both …", "Test subject lines".
fn compares(words: &[&str]) -> bool {
    let several = words.iter().any(|word| SEVERAL.contains(word));
    let plural = words.iter().any(|word| matches!(*word, "subjects" | "lines" | "headlines"));
    match words.first() {
        Some(&"test") => several || plural,
        Some(&("compare" | "try" | "pit" | "run" | "split")) => several,
        _ => false,
    }
}

fn object(words: &[&str]) -> Option<Kind> {
    let is_subject = words.windows(2).any(|two| matches!(two, ["subject", "line" | "lines"])) || words.contains(&"subjects");
    let is_headline = words.iter().any(|word| matches!(*word, "headline" | "headlines" | "landing"));
    match (is_subject, is_headline) {
        (true, _) => Some(Kind::Subject),
        (false, true) => Some(Kind::Headline),
        (false, false) => None,
    }
}
