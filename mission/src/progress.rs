//! PROGRESS.md: the human's plan and the agent's record, read without losing a byte.
//!
//! Must stay true: the bytes that were read are the bytes that are kept; a task item is what cmark-gfm says it is, except
//! that one in a block quote is a quotation; nothing inside the agent's block is a task.

mod answer;
mod edit;
mod parse;

use crate::diagnostic::Diagnostic;
use crate::tags::Tagged;

pub use answer::{Answer, Said};
pub use edit::{Edit, Merged, merge};

/// A file that can't be read as PROGRESS.md at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgressError {
    /// It holds a NUL byte.
    #[error("line {line}: a NUL byte: this is no text file")]
    Binary {
        /// Where the first one is.
        line: usize,
    },
    /// The block could not be placed where a later wake would find it again.
    #[error("the agent's block can't be placed: the file begins and ends inside a fence or a comment that is never closed")]
    NoPlaceForBlock,
}

/// The box of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemState {
    /// `[ ]`
    Open,
    /// `[x]` or `[X]`
    Done,
    /// `[-]`
    Dropped,
}

/// One item of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The line of its box, from 1.
    pub line: usize,
    /// The box.
    pub state: ItemState,
    /// The words and tags of its first paragraph.
    pub tagged: Tagged,
    /// The nearest heading above it, if there is one.
    pub heading: Option<String>,
    /// Where the box's symbol is, in bytes from the start of the file.
    symbol: usize,
    /// Where words may be appended: the end of its first paragraph.
    end: usize,
}

impl Item {
    /// Its words without tags.
    pub fn text(&self) -> &str {
        &self.tagged.words
    }
}

/// The agent's block: the bytes between the two marker lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The lines between the markers.
    inner: std::ops::Range<usize>,
    /// The markers' lines with what is between them.
    outer: std::ops::Range<usize>,
}

/// PROGRESS.md as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    source: Vec<u8>,
    /// All items outside the agent's block, in the order of the file.
    pub items: Vec<Item>,
    /// What the human answered in the agent's block.
    pub answers: Vec<Answer>,
    /// What is wrong, with line and column.
    pub diagnostics: Vec<Diagnostic>,
    block: Option<Block>,
    /// Where the body starts, behind front matter.
    body: usize,
}

impl Progress {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// [`ProgressError::Binary`] when it holds a NUL byte. Nothing else is an error: what can't be understood becomes a
    /// diagnostic.
    pub fn parse(source: impl Into<Vec<u8>>) -> Result<Self, ProgressError> {
        parse::parse(source.into())
    }

    /// The bytes, exactly as they were read.
    pub fn bytes(&self) -> &[u8] {
        &self.source
    }

    /// Open items, in the order of the file.
    pub fn open(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.state == ItemState::Open)
    }

    /// The agent's block, if there is one, with line ends as the agent writes them.
    pub fn block(&self) -> Option<String> {
        let inner = self.block.as_ref()?.inner.clone();
        Some(String::from_utf8_lossy(&self.source[inner]).replace("\r\n", "\n"))
    }

    /// The number of the wake that wrote the agent's block, if there is a block that says it.
    pub fn last_run(&self) -> Option<i64> {
        let block = String::from_utf8_lossy(&self.source[self.block.as_ref()?.inner.clone()]).into_owned();
        let line = block.lines().find_map(|line| line.strip_prefix(LAST_WAKE))?;
        // Right behind the time: what was done is told behind it, in words that could be anything.
        let (_, said) = line.split_once(" UTC, run ").filter(|(time, _)| time.len() == "2026-11-20 14:00".len())?;
        said.split_once(':')?.0.parse().ok().filter(|run| (1..=MOST_RUNS).contains(run))
    }

    /// The line ending that most lines have.
    pub(crate) fn eol(&self) -> &'static str {
        let crlf = self.source.windows(2).filter(|pair| pair == b"\r\n").count();
        let lf = self.source.iter().filter(|byte| **byte == b'\n').count();
        if crlf * 2 > lf { "\r\n" } else { "\n" }
    }
}

/// How the line of the agent's block begins that says when it was written and by which run: `Last wake 2026-11-20 14:00 UTC, run 12: …`.
pub const LAST_WAKE: &str = "Last wake ";

/// No home wakes so often: a larger number is no number of a run.
const MOST_RUNS: i64 = 1_000_000_000;

/// The marker lines of the agent's block.
pub(crate) const BLOCK_START: &str = "<!-- reveille -->";
/// See [`BLOCK_START`].
pub(crate) const BLOCK_END: &str = "<!-- /reveille -->";

#[cfg(test)]
mod tests;
