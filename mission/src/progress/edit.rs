//! Edits as operations, applied to whatever the text is by then. What the human wrote meanwhile stays; where both changed
//! the same line, both versions are kept.

use super::{BLOCK_END, BLOCK_START, ItemState, Progress, ProgressError};
use crate::disguise::unmarked;
use crate::identity::identify;
use crate::task::{folded, sha256_hex};

/// One change by the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Tick an open item and append its evidence to the line.
    Tick {
        /// The item's words as they were read.
        text: String,
        /// Which of several items with equal words, from 0.
        nth: usize,
        /// The evidence: one line.
        evidence: String,
    },
    /// Rewrite the agent's block.
    Block {
        /// The lines between the markers.
        body: String,
        /// What the agent wrote there the last time, if that is known: other lines are the human's.
        last: Option<String>,
    },
}

/// The text after a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The bytes to write.
    pub bytes: Vec<u8>,
    /// What could not be put where it belongs, for the human to read.
    pub conflicts: Vec<String>,
}

/// Applies `edits`, which were made for `base`, to `theirs`, which is what the file holds now.
///
/// # Errors
/// [`ProgressError::NoPlaceForBlock`]: nothing should be written.
pub fn merge(base: &Progress, theirs: &Progress, edits: &[Edit]) -> Result<Merged, ProgressError> {
    let mut changes: Vec<Change> = Vec::new();
    let mut conflicts = Vec::new();
    for edit in edits {
        if let Edit::Tick { text, nth, evidence } = edit {
            match tick(base, theirs, text, *nth, evidence) {
                Some(ticked) => changes.extend(ticked),
                None => conflicts.push(format!("the line “{text}” is gone; it was done: {evidence}")),
            }
        }
    }
    // From the end to the start, so that earlier places stay valid.
    changes.sort_by_key(|change| std::cmp::Reverse((change.from, change.to)));
    let mut bytes = theirs.source.clone();
    for change in changes {
        bytes.splice(change.from..change.to, change.with.into_bytes());
    }
    for edit in edits {
        if let Edit::Block { body, last } = edit {
            bytes = with_block(&Progress::parse(bytes)?, body, last.as_deref())?;
        }
    }
    Ok(Merged { bytes, conflicts })
}

struct Change {
    from: usize,
    to: usize,
    with: String,
}

fn tick(base: &Progress, theirs: &Progress, text: &str, nth: usize, evidence: &str) -> Option<Vec<Change>> {
    let evidence = one_line(evidence);
    let words = folded(text);
    let mut same = theirs.items.iter().filter(|item| folded(item.text()) == words);
    if let Some(item) = same.nth(nth) {
        let symbol = Change { from: item.symbol, to: item.symbol + 1, with: "x".to_owned() };
        let behind = Change { from: item.end, to: item.end, with: format!(" — {evidence}") };
        let written = theirs.source[item.symbol..item.end].windows(evidence.len().max(1)).any(|part| part == evidence.as_bytes());
        return Some(match (item.state, written) {
            (ItemState::Done, true) => vec![],
            (ItemState::Done, false) => vec![behind],
            _ => vec![symbol, behind],
        });
    }
    // The human reworded the line: theirs stays, ours is put below it.
    let texts: Vec<&str> = theirs.items.iter().map(super::Item::text).collect();
    let remembered: Vec<_> = base.items.iter().map(super::Item::text).collect();
    let ids = identify(&remembered, &[]);
    let known: Vec<_> = ids.iter().cloned().zip(remembered.iter().map(|text| folded(text))).collect();
    let mut mine = known.iter().filter(|(_, old)| *old == words);
    let wanted = &mine.nth(nth)?.0;
    let place = identify(&texts, &known).iter().position(|id| id == wanted)?;
    let item = &theirs.items[place];
    let line_start = theirs.source[..item.symbol].iter().rposition(|b| matches!(b, b'\n' | b'\r')).map_or(0, |at| at + 1);
    let marker = String::from_utf8_lossy(&theirs.source[line_start..item.symbol]).into_owned();
    let with = format!("{}{marker}x] {text} — {evidence}", theirs.eol());
    Some(vec![Change { from: item.end, to: item.end, with }])
}

/// Evidence is one line and can't open or close anything.
fn one_line(evidence: &str) -> String {
    let plain: String = evidence.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    unmarked(&plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn with_block(text: &Progress, body: &str, last: Option<&str>) -> Result<Vec<u8>, ProgressError> {
    let eol = text.eol();
    let (lines, kept) = match &text.block {
        None => (body.lines().map(str::to_owned).collect(), Vec::new()),
        Some(block) => carried_over(&String::from_utf8_lossy(&text.source[block.inner.clone()]), body, last),
    };
    let mut written = format!("{BLOCK_START}{eol}");
    for line in &lines {
        written.push_str(line);
        written.push_str(eol);
    }
    written.push_str(&seal(&lines));
    written.push_str(eol);
    written.push_str(BLOCK_END);
    written.push_str(eol);
    for line in &kept {
        written.push_str(eol);
        written.push_str(line);
        written.push_str(eol);
    }
    for candidate in placements(text, &written) {
        let placed = Progress::parse(candidate.clone())?;
        if placed.block.is_some() && placed.items.len() >= text.items.len() {
            return Ok(candidate);
        }
    }
    Err(ProgressError::NoPlaceForBlock)
}

/// A digest of the block's lines: a block whose seal fits holds nothing of the human's.
fn seal(lines: &[impl AsRef<str>]) -> String {
    let whole: String = lines.iter().map(|line| format!("{}\n", line.as_ref().trim_end())).collect();
    let short = sha256_hex(whole.as_bytes(), 8);
    format!("<!-- sealed {short} -->")
}

/// Where the block may stand: where it stands, else at the end, else at the start behind the front matter (a fence that is
/// never closed swallows the end).
fn placements(text: &Progress, written: &str) -> Vec<Vec<u8>> {
    let eol = text.eol();
    let source = &text.source;
    if let Some(block) = &text.block {
        let mut bytes = source.clone();
        bytes.splice(block.outer.clone(), written.bytes());
        return vec![bytes];
    }
    let mut at_end = source.clone();
    if !source.is_empty() && !source.ends_with(b"\n") {
        at_end.extend(eol.bytes());
    }
    if !source.is_empty() {
        at_end.extend(eol.bytes());
    }
    at_end.extend(written.bytes());
    let mut at_start = source[..text.body].to_vec();
    at_start.extend(written.bytes().chain(eol.bytes()));
    at_start.extend(&source[text.body..]);
    vec![at_end, at_start]
}

/// The new lines, with the human's answers put into the entries they belong to, and the human's other lines apart.
fn carried_over(theirs: &str, body: &str, last: Option<&str>) -> (Vec<String>, Vec<String>) {
    let mut lines: Vec<String> = body.lines().map(str::to_owned).collect();
    let (seals, rest): (Vec<&str>, Vec<&str>) = theirs.lines().map(str::trim_end).partition(|line| line.starts_with("<!-- sealed "));
    if seals == [seal(&rest)] {
        return (lines, Vec::new());
    }
    let ours: std::collections::HashSet<&str> = last.unwrap_or_default().lines().map(str::trim_end).chain(body.lines()).collect();
    let mut kept = Vec::new();
    for line in rest.into_iter().filter(|line| !line.is_empty() && !ours.contains(line)) {
        match super::answer::answer_of(line, 0) {
            // An entry that is still asked keeps its answer; one that is no longer asked was answered and is done with.
            Some(answer) => {
                let entry = format!("`#{}`", answer.key);
                if let Some(same) = lines.iter_mut().find(|new| new.contains(&entry)) {
                    *same = line.to_owned();
                } else if let super::Said::Other(_) = answer.said {
                    kept.push(line.to_owned());
                }
            }
            None => kept.push(line.to_owned()),
        }
    }
    (lines, kept)
}
