//! The block of a crontab that wakes a home, and how it gets in and out.
//!
//! Must stay true: every other line stays to the byte, the last one without its line end too; one block a home; where the marks
//! are damaged nothing is changed. The block stands first, so that no `SHELL=` or `CRON_TZ=` further down applies to it.

use std::fmt::Write as _;
use std::ops::Range;

use super::{Job, Service, ServiceError, Times};

/// The longest command that Vixie cron takes (`MAX_COMMAND`, with its end).
pub(super) const LONGEST: usize = 998;

/// The block, from mark to mark.
///
/// # Errors
/// The command is too long.
pub fn cron_block(job: &Job, times: &Times) -> Result<String, ServiceError> {
    let words = job.command(Service::Cron);
    // What it prints is in memory and in the log; what it complains of is mailed, as cron does.
    let command = format!("{} >/dev/null", words.map(quoted).join(" "));
    if command.len() > LONGEST {
        return Err(ServiceError::TooLong(command.len()));
    }
    let mut out = format!("{}\n# Wakes {}; `reveille service install` writes these lines.\n", begin(job.label()), job.home());
    for (minutes, hours) in lines(times) {
        let _ = writeln!(out, "{minutes} {hours} * * * {command}");
    }
    let _ = writeln!(out, "{}", end(job.label()));
    Ok(out)
}

/// Where the block of this label stands in a crontab, with its last line end.
///
/// # Errors
/// There is a beginning without an end, an end without a beginning, or more than one.
pub fn crontab_block(crontab: &[u8], label: &str) -> Result<Option<Range<usize>>, ServiceError> {
    let marks = |mark: &str| -> Vec<Range<usize>> {
        let mut at = 0;
        let lines = crontab.split_inclusive(|byte| *byte == b'\n').map(|line| {
            at += line.len();
            (line, at - line.len()..at)
        });
        let same = |line: &[u8]| line.strip_suffix(b"\n").unwrap_or(line) == mark.as_bytes();
        lines.filter(|(line, _)| same(line)).map(|(_, place)| place).collect()
    };
    match (marks(&begin(label)).as_slice(), marks(&end(label)).as_slice()) {
        ([], []) => Ok(None),
        ([first], [last]) if first.start < last.start => Ok(Some(first.start..last.end)),
        _ => Err(ServiceError::Marks(label.to_owned())),
    }
}

/// The crontab with this block: where the old one stood, else at its beginning.
///
/// # Errors
/// The marks are damaged.
pub fn crontab_with(crontab: &[u8], label: &str, block: &str) -> Result<Vec<u8>, ServiceError> {
    let place = crontab_block(crontab, label)?.unwrap_or(0..0);
    Ok([&crontab[..place.start], block.as_bytes(), &crontab[place.end..]].concat())
}

/// The crontab without the block.
///
/// # Errors
/// The marks are damaged.
pub fn crontab_without(crontab: &[u8], label: &str) -> Result<Vec<u8>, ServiceError> {
    crontab_with(crontab, label, "")
}

pub(super) fn begin(label: &str) -> String {
    format!("# BEGIN {label}")
}

pub(super) fn end(label: &str) -> String {
    format!("# END {label}")
}

/// Minutes and hours, a pair a line.
fn lines(times: &Times) -> Vec<(String, String)> {
    let list = |numbers: &mut dyn Iterator<Item = u32>| numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    match times {
        Times::Hourly(minutes) if minutes.len() == 60 => vec![("*".to_owned(), "*".to_owned())],
        Times::Hourly(minutes) => vec![(list(&mut minutes.iter().copied()), "*".to_owned())],
        Times::Daily(minutes) => times
            .minutes()
            .into_iter()
            .map(|minute| (minute.to_string(), list(&mut minutes.iter().filter(|at| **at % 60 == minute).map(|at| at / 60))))
            .collect(),
    }
}

/// A word for sh(1), and for cron before it, which takes a `%` for a line end unless a backslash stands before it. Some crons take
/// that backslash away and some leave it to the shell: outside the quotes both come to the same.
fn quoted(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | ',' | '+' | ':' | '@');
    if !word.is_empty() && word.chars().all(safe) {
        return word.to_owned();
    }
    let mut out = String::from("'");
    for c in word.chars() {
        match c {
            '\'' => out.push_str("'\"'\"'"),
            '%' => out.push_str("'\\%'"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}
