//! Mails, counted: a list has thousands of recipients, and a decision needs to know how many of them were reached, not who.

use rusqlite::params;

use super::{COLUMNS, Effect, EffectState, NewEffect, find, latest_wait, read};
use crate::error::MemoryError;
use crate::open::{Memory, micros, time};
use chrono::{DateTime, Utc};

/// How many effects of an issue on a channel stand where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The issue's stable id.
    pub issue: String,
    /// The channel.
    pub channel: String,
    /// The part.
    pub part: String,
    /// Not sent yet.
    pub intended: u64,
    /// Of those, let go before and put back, for another try.
    pub put_back: u64,
    /// Let go and not settled: a crash came in between.
    pub sending: u64,
    /// Proved.
    pub confirmed: u64,
    /// Refused for good.
    pub refused: u64,
    /// Nobody can tell.
    pub unknown: u64,
    /// When the first of those not sent yet may be tried, if none may be at once.
    pub next_try: Option<DateTime<Utc>>,
}

/// The part of a notice to the owner in the ledger: a mail, and no letter.
pub const NOTICE: &str = "notice";

/// Under which issue mails to a reader about their own subscription stand in the ledger: no letters, and nothing a wake sends.
pub const SUBSCRIBING: &str = "subscribe";

impl Tally {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.intended + self.sending + self.confirmed + self.refused + self.unknown
    }
}

impl Memory {
    /// The mails of every letter, counted, oldest letter first. A notice to the owner is no letter, nor is what answers a sign-up.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn tallies(&self) -> Result<Vec<Tally>, MemoryError> {
        let sql = "SELECT issue, channel, part,
                sum(state = 'intended'), sum(state = 'intended' AND sendings > 0), sum(state = 'sending'),
                sum(state = 'confirmed'), sum(state = 'refused'), sum(state = 'unknown'),
                min(CASE WHEN state = 'intended' THEN coalesce(not_before, 0) END)
            FROM effects WHERE recipient <> '' AND part <> 'notice' AND issue <> 'subscribe' GROUP BY issue, channel, part ORDER BY min(id)";
        self.rows(sql, [], |row| {
            let count = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
            Ok(Tally {
                issue: row.get(0)?,
                channel: row.get(1)?,
                part: row.get(2)?,
                intended: count(3)?,
                put_back: count(4)?,
                sending: count(5)?,
                confirmed: count(6)?,
                refused: count(7)?,
                unknown: count(8)?,
                next_try: row.get::<_, Option<i64>>(9)?.filter(|at| *at > 0).map(time),
            })
        })
    }

    /// Writes many effects down in one commit; those that stand in the ledger already stay as they are. How many are new.
    ///
    /// # Errors
    /// The rows can't be written: then none was.
    pub fn intend_all(&mut self, new: &[NewEffect], at: DateTime<Utc>) -> Result<usize, MemoryError> {
        self.transact(|conn| {
            let mut write = conn.prepare_cached(
                "INSERT INTO effects (issue, channel, part, recipient, text, key, run, intended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?;
            let mut written = 0;
            for one in new {
                if find(conn, &one.key)?.is_none() {
                    let key = &one.key;
                    written += write
                        .execute(params![key.issue, key.channel, key.part, key.recipient, one.text, one.token, one.run.0, micros(at)])?;
                }
            }
            Ok(written)
        })
    }

    /// The mails of a letter in one state, oldest first, at most `most` of them and only those that may be tried at `now`
    /// (see [`has_to_wait`](super::has_to_wait)).
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn mails(&self, issue: &str, part: &str, state: EffectState, now: DateTime<Utc>, most: u32) -> Result<Vec<Effect>, MemoryError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM effects WHERE issue = ?1 AND channel = 'email' AND part = ?2 AND state = ?3 AND recipient <> ''
             AND (not_before IS NULL OR not_before <= ?4 OR not_before > ?6) ORDER BY id LIMIT ?5"
        );
        self.rows(&sql, params![issue, part, state.to_string(), micros(now), most, micros(latest_wait(now))], read)
    }
}
