//! What is wrong with something a human wrote: where, what, and how to mend it.

use std::fmt;

use serde::Serialize;

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The reader should know; nothing is blocked by it.
    Warning,
    /// What it points at is not acted upon.
    Error,
}

/// One finding in a file, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A finding that blocks what it points at.
    pub fn error(line: usize, column: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { line, column, severity: Severity::Error, message: message.into(), hint: Some(hint.into()) }
    }

    /// A finding that blocks nothing.
    pub fn warning(line: usize, column: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(line, column, message, hint) }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}
