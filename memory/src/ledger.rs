//! The ledger of effects: post once. A row is committed before anything happens, with the frozen bytes that are sent; a
//! retry sends the same. `intended → sending → confirmed | refused | unknown`, back to `intended` when it certainly did not
//! happen, or `intended → awaiting_human` for what a person posts. A step that is not legal has no method (`standing.rs`), and
//! the schema refuses it as well.

mod standing;
mod tally;

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use strum::{Display, EnumString};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};
use crate::runs::RunId;

pub use standing::{Awaiting, Intended, Sending, Standing, Unknown};
pub use tally::{NOTICE, SUBSCRIBING, Tally};

/// The number of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId(pub i64);

/// Where an effect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum EffectState {
    /// Written down, nothing has happened.
    Intended,
    /// Prepared for a person to post.
    AwaitingHuman,
    /// On its way: after a crash it may or may not have happened.
    Sending,
    /// It happened, and there is evidence.
    Confirmed,
    /// It did not happen and will not.
    Refused,
    /// It may have happened: look before sending again.
    Unknown,
}

impl EffectState {
    /// Whether it is neither settled nor given to a person: it may still go out, or be on its way.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Intended | Self::Sending)
    }

    /// Whether it has happened, or may have.
    #[must_use]
    pub fn may_have_happened(self) -> bool {
        matches!(self, Self::Confirmed | Self::Unknown)
    }
}

/// What makes an effect the same effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The issue's stable id.
    pub issue: String,
    /// The channel.
    pub channel: String,
    /// The part: `page`, `post`, `mail`.
    pub part: String,
    /// For mail the subscriber's id, else empty.
    pub recipient: String,
}

/// An effect to be written down.
#[derive(Debug, Clone)]
pub struct NewEffect {
    /// What makes it the same.
    pub key: Key,
    /// The bytes that are sent, frozen.
    pub text: Vec<u8>,
    /// Idempotency key, record key or Message-ID, frozen.
    pub token: String,
    /// The run that intends it.
    pub run: RunId,
}

/// An effect as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Its number.
    pub id: EffectId,
    /// The issue's stable id.
    pub issue: String,
    /// The channel.
    pub channel: String,
    /// The part.
    pub part: String,
    /// The subscriber's id, for mail.
    pub recipient: String,
    /// Where it stands.
    pub state: EffectState,
    /// The frozen bytes.
    pub text: Vec<u8>,
    /// The frozen token.
    pub token: String,
    /// When it was written down.
    pub intended_at: DateTime<Utc>,
    /// When it was let go last.
    pub sending_at: Option<DateTime<Utc>>,
    /// How often it was let go.
    pub sendings: u32,
    /// Put back: not again before this time.
    pub not_before: Option<DateTime<Utc>>,
    /// The last error.
    pub error: Option<String>,
    /// When it was last settled, given to a person, or when sight of it was lost.
    pub settled_at: Option<DateTime<Utc>>,
}

/// No server is asked to wait longer: two days at most, and an hour for a clock that was mended a little.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(49);

/// Whether something put back has to wait now. A time further ahead than any wait was made while the clock was wrong, and holds
/// nothing back.
#[must_use]
pub fn has_to_wait(not_before: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    not_before > now && not_before <= latest_wait(now)
}

/// The end of the longest wait that may begin now.
fn latest_wait(now: DateTime<Utc>) -> DateTime<Utc> {
    now.checked_add_signed(LONGEST_WAIT).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

impl Effect {
    /// The same, let go at `at`.
    fn sent(self, at: DateTime<Utc>) -> Self {
        Self { state: EffectState::Sending, sending_at: Some(at), sendings: self.sendings + 1, not_before: None, ..self }
    }
}

/// A proof: something that code fetched back, or the human's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceRow {
    /// `page`, `feed`, `status`, `record`, `smtp` or `human`.
    pub kind: String,
    /// A path or an address.
    pub place: String,
    /// The digest of what was read there.
    pub sha256: Option<String>,
    /// A short text of it.
    pub text: Option<String>,
    /// When it was read.
    pub fetched_at: DateTime<Utc>,
}

const COLUMNS: &str =
    "id, issue, channel, part, recipient, state, text, key, intended_at, error, sending_at, sendings, not_before, settled_at";

/// Posts of one channel; `+state` keeps the index of states out, for nearly every mail ever sent is confirmed.
pub(crate) const POSTS: &str = "SELECT count(*) FROM (
    SELECT DISTINCT issue, CASE instr(part, '/') WHEN 0 THEN part ELSE substr(part, 1, instr(part, '/') - 1) END
    FROM effects WHERE channel = ?1 AND +state = 'confirmed' AND settled_at BETWEEN ?2 AND ?3)";

impl Memory {
    /// Writes an effect down, or finds the one with the same key: then the frozen bytes are those of the first time.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn intend(&mut self, new: &NewEffect, at: DateTime<Utc>) -> Result<Standing, MemoryError> {
        let key = &new.key;
        let effect = self.transact(|conn| {
            if let Some(known) = find(conn, key)? {
                return Ok(Some(known));
            }
            conn.execute(
                "INSERT INTO effects (issue, channel, part, recipient, text, key, run, intended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![key.issue, key.channel, key.part, key.recipient, new.text, new.token, new.run.0, micros(at)],
            )?;
            find(conn, key)
        })?;
        effect.map(Self::standing).ok_or_else(|| MemoryError::Value("an effect that was just written".to_owned()))
    }

    /// An effect with the steps that are legal for it.
    #[must_use]
    pub fn standing(effect: Effect) -> Standing {
        match effect.state {
            EffectState::Intended => Standing::Intended(standing::Intended::of(effect)),
            EffectState::AwaitingHuman => Standing::Awaiting(standing::Awaiting::of(effect)),
            EffectState::Sending => Standing::Sending(standing::Sending::of(effect)),
            EffectState::Unknown => Standing::Unknown(standing::Unknown::of(effect)),
            EffectState::Confirmed | EffectState::Refused => Standing::Settled(effect),
        }
    }

    /// The effect with this key.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn effect(&self, key: &Key) -> Result<Option<Effect>, MemoryError> {
        find(&self.connection, key).map_err(|error| self.wrong(error))
    }

    /// Every effect but the mails, in the order in which they were intended. Mails are counted, see [`Memory::tallies`].
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn effects(&self) -> Result<Vec<Effect>, MemoryError> {
        self.rows(&format!("SELECT {COLUMNS} FROM effects WHERE recipient = '' ORDER BY id"), [], read)
    }

    /// The effect with this number.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn effect_by_id(&self, id: EffectId) -> Result<Option<Effect>, MemoryError> {
        Ok(self.rows(&format!("SELECT {COLUMNS} FROM effects WHERE id = ?1"), [id.0], read)?.pop())
    }

    /// Every effect in one state.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn effects_in(&self, state: EffectState) -> Result<Vec<Effect>, MemoryError> {
        self.rows(&format!("SELECT {COLUMNS} FROM effects WHERE state = ?1 ORDER BY id"), [state.to_string()], read)
    }

    /// How many effects went out on a channel since a time: what caps count. A letter is one, however many readers it has, and
    /// a thread is one, however many pieces; what answers a sign-up has caps of its own and is none. What was put back did not go out. What a wrong clock dated after `now` counts until a
    /// wake behind it is older than `since`.
    ///
    /// # Errors
    /// The rows can't be counted.
    pub fn sent_since(&self, channel: &str, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<u64, MemoryError> {
        let sql = "SELECT count(DISTINCT issue || char(10) || CASE instr(part, '/') WHEN 0 THEN part ELSE substr(part, 1, instr(part, '/') - 1) END)
            FROM effects WHERE channel = ?1 AND issue <> 'subscribe' AND sending_at >= ?2 AND state <> 'intended'
             AND (sending_at <= ?3 OR NOT EXISTS (SELECT 1 FROM runs WHERE id > effects.run AND started_at < ?2))";
        let values = params![channel, micros(since), micros(now)];
        let count: i64 = self.connection.query_row(sql, values, |row| row.get(0)).map_err(|error| self.wrong(error))?;
        Ok(count.unsigned_abs())
    }

    /// How many posts (those of one telling are one) were made on a channel in a time, both its ends in it.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn posts_between(&self, channel: &str, from: DateTime<Utc>, to: DateTime<Utc>) -> Result<u64, MemoryError> {
        let count = self.rows(POSTS, params![channel, micros(from), micros(to)], |row| row.get::<_, i64>(0))?;
        Ok(count.into_iter().next().unwrap_or_default().unsigned_abs())
    }

    /// The proofs of an effect: what shows that it is there.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn evidence(&self, effect: EffectId) -> Result<Vec<EvidenceRow>, MemoryError> {
        let sql = "SELECT kind, place, sha256, text, fetched_at FROM evidence WHERE effect = ?1 AND shows = 'there' ORDER BY id";
        self.rows(sql, [effect.0], |row| {
            Ok(EvidenceRow { kind: row.get(0)?, place: row.get(1)?, sha256: row.get(2)?, text: row.get(3)?, fetched_at: time(row.get(4)?) })
        })
    }

    /// One step, from the state and the sending that the caller has seen: somebody who was faster makes it fail.
    fn step(&mut self, seen: &Effect, to: EffectState, at: DateTime<Utc>, error: Option<&str>) -> Result<(), MemoryError> {
        let changed = self.transact(|conn| moved(conn, seen, to, at, error))?;
        if changed { Ok(()) } else { Err(meanwhile(seen)) }
    }

    fn renew(&mut self, seen: &Effect, text: &[u8], token: &str) -> Result<(), MemoryError> {
        let changed = self.transact(|conn| {
            conn.execute("UPDATE effects SET text = ?2, key = ?3 WHERE id = ?1 AND state = 'intended'", params![seen.id.0, text, token])
        })?;
        if changed == 1 { Ok(()) } else { Err(meanwhile(seen)) }
    }

    fn put_back(&mut self, seen: &Effect, why: &str, not_before: Option<DateTime<Utc>>, at: DateTime<Utc>) -> Result<(), MemoryError> {
        let changed = self.transact(|conn| {
            let changed = moved(conn, seen, EffectState::Intended, at, Some(why))?;
            if changed {
                let sql = "UPDATE effects SET not_before = ?2, settled_at = NULL WHERE id = ?1";
                conn.execute(sql, params![seen.id.0, not_before.map(micros)])?;
            }
            Ok(changed)
        })?;
        if changed { Ok(()) } else { Err(meanwhile(seen)) }
    }

    fn confirm_and_send(&mut self, seen: &Effect, evidence: &[EvidenceRow], next: &Effect, at: DateTime<Utc>) -> Result<(), MemoryError> {
        let done = self.transact(|conn| {
            evidence.iter().try_for_each(|row| add_evidence(conn, seen.id, "there", row))?;
            let confirmed = moved(conn, seen, EffectState::Confirmed, at, None)?;
            let sent = moved(conn, next, EffectState::Sending, at, None)?;
            all_or_nothing(confirmed && sent)
        });
        done.map_err(|error| faster(error, seen))
    }

    /// Evidence and confirmation in one transaction: neither is ever there without the other.
    fn confirm(&mut self, seen: &Effect, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        let done = self.transact(|conn| {
            evidence.iter().try_for_each(|row| add_evidence(conn, seen.id, "there", row))?;
            all_or_nothing(moved(conn, seen, EffectState::Confirmed, at, None)?)
        });
        done.map_err(|error| faster(error, seen))
    }
}

/// An error takes the transaction back.
fn all_or_nothing(all: bool) -> rusqlite::Result<()> {
    if all { Ok(()) } else { Err(rusqlite::Error::StatementChangedRows(0)) }
}

fn faster(error: MemoryError, seen: &Effect) -> MemoryError {
    match error {
        MemoryError::Sqlite(rusqlite::Error::StatementChangedRows(_)) => meanwhile(seen),
        other => other,
    }
}

fn meanwhile(seen: &Effect) -> MemoryError {
    MemoryError::Refused(format!("effect {} is not `{}` any more, or another wake has let it go since", seen.id.0, seen.state))
}

/// False when the effect is in another state by now, or in the same again: a wake that was frozen must not take another's sending
/// for its own.
fn moved(conn: &Connection, seen: &Effect, to: EffectState, at: DateTime<Utc>, error: Option<&str>) -> rusqlite::Result<bool> {
    let column = if to == EffectState::Sending { "sending_at" } else { "settled_at" };
    let changed = conn.execute(
        &format!(
            "UPDATE effects SET state = ?3, {column} = ?4, error = coalesce(?5, error) WHERE id = ?1 AND state = ?2 AND sendings = ?6"
        ),
        params![seen.id.0, seen.state.to_string(), to.to_string(), micros(at), error, seen.sendings],
    )?;
    Ok(changed == 1)
}

fn add_evidence(conn: &Connection, id: EffectId, shows: &str, row: &EvidenceRow) -> rusqlite::Result<()> {
    conn.execute(
        "INSERT INTO evidence (effect, shows, of_sending, kind, place, sha256, text, fetched_at)
         SELECT id, ?2, sendings, ?3, ?4, ?5, ?6, ?7 FROM effects WHERE id = ?1",
        params![id.0, shows, row.kind, row.place, row.sha256, row.text, micros(row.fetched_at)],
    )?;
    Ok(())
}

fn find(conn: &Connection, key: &Key) -> rusqlite::Result<Option<Effect>> {
    conn.query_row(
        &format!("SELECT {COLUMNS} FROM effects WHERE issue = ?1 AND channel = ?2 AND part = ?3 AND recipient = ?4"),
        params![key.issue, key.channel, key.part, key.recipient],
        read,
    )
    .optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Effect> {
    Ok(Effect {
        id: EffectId(row.get(0)?),
        issue: row.get(1)?,
        channel: row.get(2)?,
        part: row.get(3)?,
        recipient: row.get(4)?,
        // A state that is not known here counts as one to look at.
        state: row.get::<_, String>(5)?.parse().unwrap_or(EffectState::Unknown),
        text: row.get(6)?,
        token: row.get(7)?,
        intended_at: time(row.get(8)?),
        error: row.get(9)?,
        sending_at: row.get::<_, Option<i64>>(10)?.map(time),
        sendings: row.get(11)?,
        not_before: row.get::<_, Option<i64>>(12)?.map(time),
        settled_at: row.get::<_, Option<i64>>(13)?.map(time),
    })
}

#[cfg(test)]
mod tests;
