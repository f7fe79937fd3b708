//! Letters: what all mails of one letter share is kept once, by its digest, and never changes. And the subscribers who are
//! never mailed again, by the digest of their address: the address itself is not kept.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};
use strum::{Display, EnumString};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};

/// Leaving is undone by who left alone: by confirming once more, later.
const NOT_BACK: &str = "NOT (why = 'left' AND EXISTS (SELECT 1 FROM subscribers AS s WHERE s.id = subscriber AND s.confirmed_at > at))";

/// Keeps why and since when somebody is not mailed. Leaving can be undone, so a later leaving, or a reason that is for good, takes
/// the place of one; what is for good stays as it is.
pub(crate) const SUPPRESS: &str = "ON CONFLICT (subscriber) DO UPDATE SET why = excluded.why, at = max(at, excluded.at) WHERE why = 'left'";

/// Whether somebody is not mailed; see [`Memory::is_suppressed`].
pub(crate) fn is_suppressed(conn: &Connection, subscriber: &str) -> rusqlite::Result<bool> {
    conn.prepare_cached(&format!("SELECT 1 FROM suppressed WHERE subscriber = ?1 AND {NOT_BACK}"))?.exists([subscriber])
}

/// Why somebody is never mailed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum SuppressedFor {
    /// They left.
    Left,
    /// The mail server said for good that there is no such address.
    Bounced,
    /// They called it spam.
    Complained,
    /// The owner took them off the list.
    Removed,
}

/// A subscriber who is never mailed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// The subscriber's id: the digest of the folded address.
    pub subscriber: String,
    /// Why.
    pub why: SuppressedFor,
    /// Since when.
    pub at: DateTime<Utc>,
}

impl Memory {
    /// Keeps a letter.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn keep_letter(&mut self, digest: &str, letter: &[u8]) -> Result<(), MemoryError> {
        self.transact(|conn| conn.execute("INSERT OR IGNORE INTO letters VALUES (?1, ?2)", params![digest, letter]).map(|_| ()))
    }

    /// The letter with this digest.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn letter(&self, digest: &str) -> Result<Option<Vec<u8>>, MemoryError> {
        self.connection
            .query_row("SELECT letter FROM letters WHERE digest = ?1", [digest], |row| row.get(0))
            .optional()
            .map_err(|error| self.wrong(error))
    }

    /// From now on these are never mailed; the first reason that is for good stays.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn suppress(&mut self, subscribers: &[String], why: SuppressedFor, at: DateTime<Utc>) -> Result<(), MemoryError> {
        self.transact(|conn| {
            let mut write = conn.prepare_cached(&format!("INSERT INTO suppressed VALUES (?1, ?2, ?3) {SUPPRESS}"))?;
            subscribers.iter().try_for_each(|subscriber| write.execute(params![subscriber, why.to_string(), micros(at)]).map(|_| ()))
        })
    }

    /// Whether somebody is not mailed: asked before each mail, for a letter takes its time. Who left and then confirmed once more is.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn is_suppressed(&self, subscriber: &str) -> Result<bool, MemoryError> {
        is_suppressed(&self.connection, subscriber).map_err(|error| self.wrong(error))
    }

    /// Everybody who is not mailed; see [`Memory::is_suppressed`].
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn suppressed(&self) -> Result<Vec<Suppressed>, MemoryError> {
        self.rows(&format!("SELECT subscriber, why, at FROM suppressed WHERE {NOT_BACK} ORDER BY subscriber"), [], |row| {
            // A reason that is not known here suppresses all the same.
            let why = row.get::<_, String>(1)?.parse().unwrap_or(SuppressedFor::Removed);
            Ok(Suppressed { subscriber: row.get(0)?, why, at: time(row.get(2)?) })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suppressed_is_for_ever_and_letters_are_frozen() {
        let folder = tempfile::tempdir().expect("a folder");
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        memory.suppress(&["ab".into(), "cd".into()], SuppressedFor::Bounced, now).expect("kept");
        memory.suppress(&["ab".into()], SuppressedFor::Left, now).expect("kept");
        assert!(memory.is_suppressed("ab").expect("read") && !memory.is_suppressed("ef").expect("read"));
        let kept = memory.suppressed().expect("read");
        assert_eq!(
            kept.iter().map(|one| (one.subscriber.as_str(), one.why)).collect::<Vec<_>>(),
            [("ab", SuppressedFor::Bounced), ("cd", SuppressedFor::Bounced)]
        );
        assert!(memory.connection.execute("DELETE FROM suppressed", []).is_err());
        memory.keep_letter("d", b"one").expect("kept");
        memory.keep_letter("d", b"two").expect("ignored");
        assert_eq!(memory.letter("d").expect("read").as_deref(), Some(&b"one"[..]));
        assert_eq!(memory.letter("e").expect("read"), None);
        assert!(memory.connection.execute("UPDATE letters SET letter = x'00'", []).is_err());
    }
}
