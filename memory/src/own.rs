//! What memory has of one reader, for themselves to look at, and what it knows of all for a letter: who came back, what each chose.
//!
//! Must stay true: what a reader is shown of themselves is everything but the letters' own words.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension;

use crate::error::MemoryError;
use crate::ledger::EffectState;
use crate::letters::{Suppressed, SuppressedFor};
use crate::open::{Memory, time};
use crate::signs::Sign;
use crate::subscribers::{Preferences, Subscriber, chosen};

/// A mail to one reader, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailed {
    /// What it was about: an issue's id.
    pub issue: String,
    /// Which part of it.
    pub part: String,
    /// Where it stands: `confirmed` when the mail server has taken it.
    pub state: String,
    /// When it was written down.
    pub intended_at: DateTime<Utc>,
    /// When it was settled; not yet without it.
    pub settled_at: Option<DateTime<Utc>>,
}

/// Everything that memory has of one reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnData {
    /// Their row, if they came by the site and have not left.
    pub subscriber: Option<Subscriber>,
    /// What they chose.
    pub preferences: Preferences,
    /// Their signs of life, the oldest first.
    pub signs: Vec<Sign>,
    /// The mails to them, the oldest first.
    pub mails: Vec<Mailed>,
    /// Since when and why they are not mailed, if they ever left, bounced or complained; what they have undone is told too.
    pub suppressed: Option<Suppressed>,
    /// Whether they are mailed no more.
    pub is_suppressed: bool,
}

impl Memory {
    /// Everything that memory has of one reader.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn own_data(&self, id: &str) -> Result<OwnData, MemoryError> {
        let signs = self.rows("SELECT subscriber, kind, about, at FROM signs WHERE subscriber = ?1 ORDER BY at", [id], |row| {
            let sign = |kind| Ok(Sign { subscriber: row.get(0)?, kind, about: row.get(2)?, at: time(row.get(3)?) });
            row.get::<_, String>(1)?.parse().ok().map(sign).transpose()
        })?;
        let mails = self.rows(
            "SELECT issue, part, state, intended_at, settled_at FROM effects WHERE channel = 'email' AND recipient = ?1 ORDER BY id",
            [id],
            |row| {
                let settled_at = row.get::<_, Option<i64>>(4)?.map(time);
                Ok(Mailed { issue: row.get(0)?, part: row.get(1)?, state: row.get(2)?, intended_at: time(row.get(3)?), settled_at })
            },
        )?;
        let suppressed = self
            .connection
            .query_row("SELECT why, at FROM suppressed WHERE subscriber = ?1", [id], |row| {
                let why = row.get::<_, String>(0)?.parse().unwrap_or(SuppressedFor::Removed);
                Ok(Suppressed { subscriber: id.to_owned(), why, at: time(row.get(1)?) })
            })
            .optional()
            .map_err(|error| self.wrong(error))?;
        Ok(OwnData {
            subscriber: self.subscriber(id)?,
            preferences: self.preferences(id)?,
            signs: signs.into_iter().flatten().collect(),
            mails,
            suppressed,
            is_suppressed: self.is_suppressed(id)?,
        })
    }

    /// Who left, and then confirmed once more: what a list says of their leaving is older than their own word.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn came_back(&self) -> Result<HashSet<String>, MemoryError> {
        let sql = "SELECT subscriber FROM suppressed JOIN subscribers ON id = subscriber WHERE why = 'left' AND confirmed_at > at";
        Ok(self.rows(sql, [], |row| row.get(0))?.into_iter().collect())
    }

    /// What each reader chose who chose something.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn all_preferences(&self) -> Result<HashMap<String, Preferences>, MemoryError> {
        let rows =
            self.rows("SELECT frequency, paused_until, topics, subscriber FROM preferences", [], |row| Ok((row.get(3)?, chosen(row)?)))?;
        Ok(rows.into_iter().collect())
    }

    /// When each reader chose last who chose something.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn preferences_changed(&self) -> Result<HashMap<String, DateTime<Utc>>, MemoryError> {
        Ok(self
            .rows("SELECT subscriber, changed_at FROM preferences", [], |row| Ok((row.get(0)?, time(row.get(1)?))))?
            .into_iter()
            .collect())
    }

    /// Where the mails of an issue's letter stand, by the readers' ids.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn letter_states(&self, issue: &str) -> Result<HashMap<String, EffectState>, MemoryError> {
        let sql = "SELECT recipient, state FROM effects WHERE issue = ?1 AND channel = 'email' AND part = 'letter'";
        let rows = self.rows(sql, [issue], |row| {
            // A state that is not known here may be anything: nothing more is sent for it.
            Ok((row.get(0)?, row.get::<_, String>(1)?.parse().unwrap_or(EffectState::Unknown)))
        })?;
        Ok(rows.into_iter().collect())
    }

    /// Everybody whom a letter was ever written to, by their ids.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn ever_mailed(&self) -> Result<Vec<String>, MemoryError> {
        self.rows("SELECT DISTINCT recipient FROM effects WHERE channel = 'email' AND recipient <> ''", [], |row| row.get(0))
    }
}

#[cfg(test)]
mod tests;
