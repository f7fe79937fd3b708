//! Which issue or draft a line names. Unknown and ambiguous are said, never guessed.

use crate::identity::numbers;
use crate::shelf::{Issue, Shelf, Stage};
use crate::task::folded;

/// What a line is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// It names no issue.
    None,
    /// Exactly this one, by stable id.
    One(String),
    /// It names one that is not there.
    Unknown(String),
    /// It could be any of these, by stable id.
    Several(Vec<String>),
}

const NUMBERED: [&str; 7] = ["issue", "letter", "draft", "essay", "episode", "number", "no"];
const NEWEST: [&str; 3] = ["latest", "newest", "recent"];
const PIECE: [&str; 5] = ["issue", "letter", "essay", "post", "episode"];

/// Finds what a line names: the `issue:` tag first, then numbers, titles in quotation marks, whole titles, "the latest".
pub(crate) fn find_subject(text: &str, tag: Option<&str>, shelf: &Shelf) -> Subject {
    if let Some(tag) = tag {
        let found = match tag.parse::<u32>() {
            Ok(number) => numbered(shelf, number, false),
            Err(_) => shelf.by_id(tag).into_iter().collect(),
        };
        return settle(found, || format!("issue {tag}"));
    }
    // A title in quotation marks is the author's own name for it; numbers in it are part of the name.
    if let Some(title) = quoted(text)
        && let found @ [_, ..] = titled(shelf, &folded(title)).as_slice()
    {
        return settle(found.to_vec(), String::new);
    }
    let folded_text = folded(text);
    let words: Vec<&str> = folded_text.split(' ').collect();
    let numbers: Vec<(u32, bool)> = words
        .windows(2)
        .filter(|pair| NUMBERED.contains(&pair[0]))
        .filter_map(|pair| Some((pair[1].parse().ok()?, pair[0] == "draft")))
        .collect();
    if let Some(&(first, _)) = numbers.first() {
        let found = numbers.iter().flat_map(|(number, draft)| numbered(shelf, *number, *draft)).collect();
        return settle(found, || format!("issue {first}"));
    }
    if let Some(title) = quoted(text) {
        return settle(titled(shelf, &folded(title)), || format!("“{title}”"));
    }
    let padded = format!(" {folded_text} ");
    let whole = shelf
        .issues
        .iter()
        .filter(|issue| {
            let title = folded(&issue.title);
            title.contains(' ') && padded.contains(&format!(" {title} "))
        })
        .collect::<Vec<_>>();
    if !whole.is_empty() {
        return settle(whole, String::new);
    }
    if words.iter().any(|word| NEWEST.contains(word)) && words.iter().any(|word| PIECE.contains(word)) {
        let newest = shelf.published().max_by_key(|issue| (issue.date, issue.number));
        return settle(newest.into_iter().collect(), || "a published issue".to_owned());
    }
    Subject::None
}

fn settle(found: Vec<&Issue>, named: impl FnOnce() -> String) -> Subject {
    let mut ids: Vec<String> = found.into_iter().map(|issue| issue.id.clone()).collect();
    ids.sort();
    ids.dedup();
    match ids.len() {
        0 => Subject::Unknown(named()),
        1 => Subject::One(ids.remove(0)),
        _ => Subject::Several(ids),
    }
}

/// "draft 2" is a draft; "issue 2" is the published one, else the draft that will be it.
fn numbered(shelf: &Shelf, number: u32, draft: bool) -> Vec<&Issue> {
    let all = || shelf.issues.iter().filter(move |issue| issue.number == Some(number));
    let wanted: Vec<&Issue> = all().filter(|issue| (issue.stage == Stage::Published) != draft).collect();
    if wanted.is_empty() && !draft { all().collect() } else { wanted }
}

fn titled<'a>(shelf: &'a Shelf, title: &str) -> Vec<&'a Issue> {
    let same: Vec<&Issue> = shelf.issues.iter().filter(|issue| folded(&issue.title) == title).collect();
    if !same.is_empty() || title.is_empty() {
        return same;
    }
    let near = |issue: &&Issue| {
        let other = folded(&issue.title);
        numbers(&other) == numbers(title) && strsim::normalized_damerau_levenshtein(&other, title) >= 0.85
    };
    shelf.issues.iter().filter(near).collect()
}

fn quoted(text: &str) -> Option<&str> {
    [('"', '"'), ('“', '”'), ('«', '»'), ('„', '“')].into_iter().find_map(|(open, close)| {
        let from = text.find(open)? + open.len_utf8();
        let to = from + text[from..].find(close)?;
        (to > from).then(|| &text[from..to])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> Shelf {
        let issue = |number: u32, title: &str, stage| Issue {
            id: format!("id-{number}-{title}"),
            number: Some(number),
            title: title.to_owned(),
            slug: String::new(),
            date: chrono::NaiveDate::from_ymd_opt(2026, 1, number % 28 + 1),
            summary: None,
            hooks: vec![],
            tags: vec![],
            mail: false,
            stage,
            path: String::new(),
        };
        Shelf {
            issues: vec![
                issue(43, "The Queue", Stage::Published),
                issue(44, "Small Models", Stage::Published),
                issue(45, "Who Reads This", Stage::Published),
                issue(45, "Who Reads That", Stage::Draft),
                issue(46, "Zero", Stage::Ready),
            ],
        }
    }

    #[test]
    fn subjects_are_found_or_said_to_be_missing() {
        let one = |id: &str| Subject::One(id.to_owned());
        for (text, expected) in [
            ("Post issue 45 to Mastodon", one("id-45-Who Reads This")),
            ("Publish draft 45", one("id-45-Who Reads That")),
            ("Publish issue 46", one("id-46-Zero")),
            ("Submit \"the queue\" to HN", one("id-43-The Queue")),
            ("Share “The Qeue” again", one("id-43-The Queue")),
            ("Tell them about Small Models on Bluesky", one("id-44-Small Models")),
            ("Share the latest issue", one("id-45-Who Reads This")),
            ("Publish draft 44", Subject::Unknown("issue 44".into())),
            ("Post \"The Queue 2\"", Subject::Unknown("“The Queue 2”".into())),
            ("Post issue 99", Subject::Unknown("issue 99".into())),
            ("Post \"Nothing\"", Subject::Unknown("“Nothing”".into())),
            ("Share issue 43 and issue 44", Subject::Several(vec!["id-43-The Queue".into(), "id-44-Small Models".into()])),
            ("Refactor the loader", Subject::None),
        ] {
            assert_eq!(find_subject(text, None, &shelf()), expected, "{text}");
        }
        assert_eq!(find_subject("it", Some("44"), &shelf()), one("id-44-Small Models"));
        assert_eq!(find_subject("it", Some("nope"), &shelf()), Subject::Unknown("issue nope".into()));
    }
}
