//! What memory has of one reader, for themselves to look at, and what it knows of all for a letter: who came back, what each chose.
//!
//! Must stay true: what a reader is shown of themselves is everything but the letters' own words.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rusqlite::OptionalExtension;

use crate::answers::{AnswerRow, of_reader};
use crate::error::MemoryError;
use crate::ledger::EffectState;
use crate::letters::{Suppressed, SuppressedFor};
use crate::listed::Listing;
use crate::open::{Memory, time};
use crate::signs::Sign;
use crate::subscribers::{Preferences, Subscriber, WantedMail, chosen};

mod acts;

pub use acts::{Followed, SurveyAnswer};

/// The mails to one reader: `effects_to` finds them among those to all.
pub(crate) const MAILS: &str =
    "SELECT issue, part, state, intended_at, settled_at FROM effects WHERE channel = 'email' AND recipient = ?1 ORDER BY id";

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
    /// Links of letters that were fetched by their link, the oldest first; kept for a while only.
    pub clicks: Vec<Followed>,
    /// What they wrote in answer, the oldest first: where it is known to be theirs.
    pub answers: Vec<AnswerRow>,
    /// What they answered to surveys.
    pub surveys: Vec<SurveyAnswer>,
    /// When the first and the last letter went to them.
    pub letters: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Since when letters have ended for them, for they stayed silent; a later sign of life undoes it.
    pub letters_ended: Option<DateTime<Utc>>,
    /// The mails that they caused and that wait still, or whose sending is remembered to limit how many there are.
    pub wanted: Vec<WantedMail>,
    /// What readers.csv said of them when it was read last.
    pub listed: Option<Listing>,
    /// The experiment in which they asked for the letter, and the number of the wording: until they confirm.
    pub awaited: Option<(String, i64)>,
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
        let mails = self.rows(MAILS, [id], |row| {
            let settled_at = row.get::<_, Option<i64>>(4)?.map(time);
            Ok(Mailed { issue: row.get(0)?, part: row.get(1)?, state: row.get(2)?, intended_at: time(row.get(3)?), settled_at })
        })?;
        let suppressed = self
            .connection
            .query_row("SELECT why, at FROM suppressed WHERE subscriber = ?1", [id], |row| {
                let why = row.get::<_, String>(0)?.parse().unwrap_or(SuppressedFor::Removed);
                Ok(Suppressed { subscriber: id.to_owned(), why, at: time(row.get(1)?) })
            })
            .optional()
            .map_err(|error| self.wrong(error))?;
        let one = |sql: &str| -> Result<Option<(i64, i64)>, MemoryError> {
            Ok(self.rows(sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))?.pop())
        };
        Ok(OwnData {
            clicks: self.followed(id)?,
            answers: of_reader(&self.connection, id).map_err(|error| self.wrong(error))?.into_iter().map(|(_, row)| row).collect(),
            surveys: self.answers_to_surveys(id)?,
            letters: one("SELECT first_at, last_at FROM letters_got WHERE subscriber = ?1")?.map(|(first, last)| (time(first), time(last))),
            letters_ended: one("SELECT at, 0 FROM sunsets WHERE subscriber = ?1")?.map(|(at, _)| time(at)),
            wanted: self.wanted_of(id)?,
            listed: self.listed(id)?,
            awaited: self
                .rows("SELECT experiment, variant FROM awaited_outcomes WHERE subscriber = ?1", [id], |row| Ok((row.get(0)?, row.get(1)?)))?
                .pop(),
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

    /// Everybody to whom a mail was written behind the place `after` in the ledger (0 for all of it), by their ids; and the place up
    /// to which that is all. Where nothing is new, nothing is read.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn mailed_since(&self, after: i64) -> Result<(Vec<String>, i64), MemoryError> {
        let last = self.connection.query_row("SELECT coalesce(max(id), 0) FROM effects", [], |row| row.get(0));
        let last: i64 = last.map_err(|error| self.wrong(error))?;
        if last == after {
            return Ok((vec![], last));
        }
        // The sign keeps SQLite from another index than that of the places.
        let sql = "SELECT DISTINCT recipient FROM effects WHERE id > ?1 AND id <= ?2 AND +channel = 'email' AND recipient <> ''";
        Ok((self.rows(sql, [after, last], |row| row.get(0))?, last))
    }
}

#[cfg(test)]
mod tests;
