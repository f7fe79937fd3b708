//! What the next record has to say: notes that come up where PROGRESS.md is not written, or after it was.
//!
//! Must stay true: a note is forgotten only after it stands in PROGRESS.md.

use reveille_memory::Memory;

use crate::failure::{OrFail, Outcome};

/// Under which key memory keeps them, a line each.
const NOTED: &str = "noted";

/// Keeps a note for the next record; the same one once.
pub(crate) fn keep(memory: &mut Memory, note: &str) -> Outcome {
    let mut all = lines(memory)?;
    let line = note.split_whitespace().collect::<Vec<_>>().join(" ");
    if !all.contains(&line) {
        all.push(line);
        memory.keep_text(NOTED, &all.join("\n")).or_fail()?;
    }
    Ok(())
}

/// The notes that no record has said yet.
pub(crate) fn lines(memory: &Memory) -> Outcome<Vec<String>> {
    Ok(memory.text(NOTED).or_fail()?.unwrap_or_default().lines().map(str::to_owned).collect())
}

/// They stand in PROGRESS.md now.
pub(crate) fn said(memory: &mut Memory) -> Outcome {
    if lines(memory)?.is_empty() { Ok(()) } else { memory.keep_text(NOTED, "").or_fail() }
}
