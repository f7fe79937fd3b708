//! Signs of life: what a human reader did, by which they are known to be there. A machine's click is none.

use chrono::{DateTime, Utc};
use rusqlite::params;
use strum::{Display, EnumString};

use crate::error::MemoryError;
use crate::letters::is_suppressed;
use crate::open::{Memory, micros, time};

/// What a reader did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum SignKind {
    /// They confirmed that they want the letter.
    Confirmation,
    /// They followed a link of a letter.
    Click,
    /// They answered, by mail or in public.
    Reply,
    /// They came to the site by a link that is theirs: their preferences.
    Visit,
    /// They answered a survey.
    Survey,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// The subscriber's id.
    pub subscriber: String,
    /// What they did.
    pub kind: SignKind,
    /// The id of the issue that it was about; empty when it was about none.
    pub about: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Memory {
    /// Keeps signs of life; one that is kept already changes nothing.
    ///
    /// # Errors
    /// The rows can't be written: none is then.
    pub fn record_signs(&mut self, signs: &[Sign]) -> Result<(), MemoryError> {
        self.transact(|conn| {
            let mut write = conn.prepare_cached("INSERT OR IGNORE INTO signs VALUES (?1, ?2, ?3, ?4)")?;
            signs.iter().try_for_each(|sign| {
                if is_suppressed(conn, &sign.subscriber)? {
                    return Ok(());
                }
                write.execute(params![sign.subscriber, sign.kind.to_string(), sign.about, micros(sign.at)]).map(|_| ())
            })
        })
    }

    /// The signs since a time, the oldest first.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn signs_since(&self, since: DateTime<Utc>) -> Result<Vec<Sign>, MemoryError> {
        let known = self.rows("SELECT subscriber, kind, about, at FROM signs WHERE at >= ?1 ORDER BY at", [micros(since)], |row| {
            let sign = |kind| Ok(Sign { subscriber: row.get(0)?, kind, about: row.get(2)?, at: time(row.get(3)?) });
            // A kind that only a later program knows is left out.
            row.get::<_, String>(1)?.parse().ok().map(sign).transpose()
        })?;
        Ok(known.into_iter().flatten().collect())
    }

    /// When each reader gave their last sign.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn last_signs(&self) -> Result<Vec<(String, DateTime<Utc>)>, MemoryError> {
        self.rows("SELECT subscriber, max(at) FROM signs GROUP BY subscriber", [], |row| Ok((row.get(0)?, time(row.get(1)?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_kept_once_and_the_last_one_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        let mut memory = Memory::open(&folder.path().join("a.db"), at("2026-11-20T14:00:00Z")).expect("made");
        let sign = |who: &str, kind, when: &str| Sign { subscriber: who.to_owned(), kind, about: "45".to_owned(), at: at(when) };
        let (click, reply) = (sign("ann", SignKind::Click, "2026-11-20T14:00:00Z"), sign("ann", SignKind::Reply, "2026-11-20T15:00:00Z"));
        let survey = sign("bob", SignKind::Survey, "2026-11-19T15:00:00Z");
        memory.record_signs(&[click.clone(), click.clone(), reply.clone(), survey.clone()]).expect("kept");
        memory.record_signs(std::slice::from_ref(&reply)).expect("kept");
        assert_eq!(memory.signs_since(at("2026-11-20T00:00:00Z")).expect("read"), [click, reply.clone()]);
        assert_eq!(memory.last_signs().expect("read"), [("ann".to_owned(), reply.at), ("bob".to_owned(), survey.at)]);
    }
}
