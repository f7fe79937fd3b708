//! What a human is told when a line names no single issue: why, the candidates, and the tag that settles it.

use super::{Named, Subject};

/// More candidates than this are counted, not named.
const SHOWN: usize = 5;

impl Subject {
    /// Why the line names no single issue, and how to mend that; `None` when it names one.
    pub fn unsettled(&self) -> Option<(String, String)> {
        Some(match self {
            Subject::One(_) => return None,
            Subject::None => ("the line names no issue or draft".to_owned(), "name one, like `issue 45` or `issue:45`".to_owned()),
            Subject::Unknown { what, nearest } => unknown(what, nearest),
            Subject::Several { candidates, each: false } => (
                format!("the line could mean {}", list(candidates, name, " or ")),
                format!("say on the line which one: {}", list(candidates, tag, " or ")),
            ),
            Subject::Several { candidates, each: true } => (
                format!("the line means {}, and a wake does one thing", list(candidates, name, " and ")),
                format!("write a line for each: {}", list(candidates, tag, " and ")),
            ),
            Subject::Unmeasured { what, each, example } => unmeasured(what, *each, example.as_deref().unwrap_or("issue:45")),
        })
    }
}

fn unknown(what: &str, nearest: &[Named]) -> (String, String) {
    let why = format!("{what} is not in issues/ or drafts/");
    match nearest {
        [] => (why, "write it, or correct the line".to_owned()),
        near => (
            format!("{why}; nearest: {}", list(near, name, " and ")),
            format!("write it, or correct the line: {}", list(near, tag, " or ")),
        ),
    }
}

fn unmeasured(what: &str, each: bool, example: &str) -> (String, String) {
    let why = format!("nobody can tell {what}: how many read each issue was never measured");
    let how = if each { "name them yourself, a line for each, for a wake does one thing" } else { "name it yourself" };
    (why, format!("{how}: `{example}`"))
}

fn name(one: &Named) -> String {
    one.name.clone()
}

fn tag(one: &Named) -> String {
    format!("`{}`", one.tag)
}

/// "a, b or c"; what is too much is counted.
fn list(all: &[Named], show: impl Fn(&Named) -> String, last: &str) -> String {
    let mut parts: Vec<String> = all.iter().take(SHOWN).map(show).collect();
    if all.len() > SHOWN {
        parts.push(format!("{} more", all.len() - SHOWN));
    }
    match parts.split_last() {
        Some((end, rest @ [_, ..])) => format!("{}{last}{end}", rest.join(", ")),
        _ => parts.concat(),
    }
}
