//! Setting fields of a front matter as lines, the rest byte for byte.
//!
//! Must stay true: the edited text, read again, says exactly what was asked and nothing else has changed; where lines can't
//! do that, it is an error and there is no text.

use std::collections::BTreeMap;

use reveille_mission::Diagnostic;
use serde_json::Value;

use super::split;

/// Why a front matter can't be completed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It can't be read.
    #[error("the front matter can't be read: {0}")]
    Unreadable(Diagnostic),
    /// It is written in a form that lines can't be added to.
    #[error("the front matter is written in a form that no line can be added to")]
    Form,
}

impl EditError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            EditError::Unreadable(diagnostic) => diagnostic.hint.clone(),
            EditError::Form => Some("write it as one `key: value` a line, without braces around all of it".to_owned()),
        }
    }
}

/// Sets fields to values (written as YAML) and removes others. A field that stands there on a line of its own keeps its
/// place; new ones come first. Line endings are those of the file.
///
/// # Errors
///
/// [`EditError`] when the front matter can't be read or its form does not allow it.
pub fn complete(text: &str, set: &[(&str, String)], remove: &[&str]) -> Result<String, EditError> {
    let parts = split(text).map_err(EditError::Unreadable)?;
    let before = fields(parts.yaml)?;
    let end = if parts.open.ends_with("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = parts.yaml.split_inclusive('\n').map(str::to_owned).collect();
    let mut new: Vec<String> = Vec::new();
    for (key, value) in set {
        match own_line(&lines, key) {
            Some(at) => lines[at] = format!("{key}: {value}{end}"),
            None => new.push(format!("{key}: {value}{end}")),
        }
    }
    for key in remove {
        if let Some(at) = own_line(&lines, key) {
            lines.remove(at);
        }
    }
    let yaml = [new.concat(), lines.concat()].concat();
    // What could be read before and can't be now was no place for lines.
    let after = fields(&yaml).map_err(|_| EditError::Form)?;
    let touched = |key: &str| set.iter().any(|(set, _)| *set == key) || remove.contains(&key);
    let kept = |fields: &BTreeMap<String, Value>| {
        fields.iter().filter(|(key, _)| !touched(key)).map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
    };
    let asked =
        |(key, value): &(&str, String)| after.get(*key) == fields(&format!("v: {value}")).ok().as_ref().and_then(|one| one.get("v"));
    if kept(&before) != kept(&after) || !set.iter().all(asked) {
        return Err(EditError::Form);
    }
    Ok([parts.open, &yaml, parts.close, parts.body].concat())
}

/// The line that holds a field and nothing else: the next line does not go on with it.
fn own_line(lines: &[String], key: &str) -> Option<usize> {
    let at = lines.iter().position(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))?;
    let goes_on = |line: &String| line.starts_with([' ', '\t', '-']) && !line.trim().is_empty();
    (!lines.get(at + 1).is_some_and(goes_on)).then_some(at)
}

fn fields(yaml: &str) -> Result<BTreeMap<String, Value>, EditError> {
    if yaml.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let read: Result<Option<BTreeMap<String, Value>>, _> = super::read_yaml(yaml);
    read.map(Option::unwrap_or_default).map_err(EditError::Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Result<String, EditError> {
        complete(text, &[("id", "\"tag:x,2026:issue-046\"".into()), ("number", "46".into()), ("date", "2026-11-20".into())], &["ready"])
    }

    #[test]
    fn lines_are_added_and_all_else_is_kept() {
        let text = "\u{feff}---\r\n# mine\r\ntitle:   'A  b'  # odd\r\nready: true\r\ntags:\r\n  - x\r\n---\r\n\tBody \r\nno end";
        insta::assert_debug_snapshot!(set(text).expect("set"), @r#""\u{feff}---\r\nid: \"tag:x,2026:issue-046\"\r\nnumber: 46\r\ndate: 2026-11-20\r\n# mine\r\ntitle:   'A  b'  # odd\r\ntags:\r\n  - x\r\n---\r\n\tBody \r\nno end""#);
    }

    #[test]
    fn a_field_that_is_there_keeps_its_place() {
        insta::assert_snapshot!(set("---\ntitle: A\ndate:\nnumber: 7\n---\nBody\n").expect("set"), @r#"
        ---
        id: "tag:x,2026:issue-046"
        title: A
        date: 2026-11-20
        number: 46
        ---
        Body
        "#);
    }

    #[test]
    fn a_second_time_changes_nothing() {
        let once = set("---\ntitle: A\nready: true\n---\n").expect("set");
        assert_eq!(set(&once).expect("set"), once);
    }

    #[test]
    fn a_form_that_lines_would_break_is_refused() {
        for text in ["---\n{title: A, ready: true}\n---\n", "---\ntitle: A\n\"id\": 7\n---\n", "---\ntitle: A\ndate:\n  2026-01-01\n---\n"]
        {
            assert!(set(text).is_err(), "{text}");
        }
        // A line inside a longer text is no field.
        assert!(set("---\ntitle: \"A\nnumber: 7\"\n---\n").is_err_and(|error| error.hint().is_some()));
    }

    proptest::proptest! {
        #[test]
        fn the_body_is_never_touched(body in "(\\PC|\n|\r\n|\t){0,60}", title in "[a-zA-Z ]{1,20}") {
            let text = format!("---\ntitle: \"{title}\"\n---\n{body}");
            let edited = set(&text).expect("set");
            let kept = format!("title: \"{title}\"\n---\n{body}");
            proptest::prop_assert!(edited.ends_with(&kept));
        }
    }
}
