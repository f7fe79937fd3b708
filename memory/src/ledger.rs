//! The ledger of effects: post once. A row is committed before anything happens, with the frozen bytes that are sent; a
//! retry sends the same. `intended → sending → confirmed | refused | unknown`, or `intended → awaiting_human` for what a
//! person posts. A step that is not legal has no method here, and the schema refuses it as well.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use strum::{Display, EnumString};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};
use crate::runs::RunId;

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
    /// The last error.
    pub error: Option<String>,
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

/// An effect that nothing has happened for.
#[derive(Debug)]
#[must_use]
pub struct Intended(EffectId);

/// An effect on its way.
#[derive(Debug)]
#[must_use]
pub struct Sending(EffectId);

/// An effect that a person posts.
#[derive(Debug)]
#[must_use]
pub struct Awaiting(EffectId);

/// An effect that may have happened.
#[derive(Debug)]
#[must_use]
pub struct Unknown(EffectId);

/// An effect in its state, with the steps that are legal from there.
#[derive(Debug)]
pub enum Standing {
    /// See [`Intended`].
    Intended(Intended),
    /// See [`Awaiting`].
    Awaiting(Awaiting),
    /// See [`Sending`].
    Sending(Sending),
    /// See [`Unknown`].
    Unknown(Unknown),
    /// It is settled: confirmed or refused.
    Settled(Effect),
}

const COLUMNS: &str = "id, issue, channel, part, recipient, state, text, key, intended_at, error";

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
            EffectState::Intended => Standing::Intended(Intended(effect.id)),
            EffectState::AwaitingHuman => Standing::Awaiting(Awaiting(effect.id)),
            EffectState::Sending => Standing::Sending(Sending(effect.id)),
            EffectState::Unknown => Standing::Unknown(Unknown(effect.id)),
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

    /// Every effect, in the order in which they were intended.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn effects(&self) -> Result<Vec<Effect>, MemoryError> {
        self.rows(&format!("SELECT {COLUMNS} FROM effects ORDER BY id"), [], read)
    }

    /// Every effect in one state.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn effects_in(&self, state: EffectState) -> Result<Vec<Effect>, MemoryError> {
        self.rows(&format!("SELECT {COLUMNS} FROM effects WHERE state = ?1 ORDER BY id"), [state.to_string()], read)
    }

    /// How many effects went out on a channel since a time: what caps count.
    ///
    /// # Errors
    /// The rows can't be counted.
    pub fn sent_since(&self, channel: &str, since: DateTime<Utc>) -> Result<u64, MemoryError> {
        let count: i64 = self
            .connection
            .query_row("SELECT count(*) FROM effects WHERE channel = ?1 AND sending_at >= ?2", params![channel, micros(since)], |row| {
                row.get(0)
            })
            .map_err(|error| self.wrong(error))?;
        Ok(count.unsigned_abs())
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

    /// One step, from the state that the caller has seen: somebody who was faster makes it fail.
    fn step(
        &mut self,
        id: EffectId,
        from: EffectState,
        to: EffectState,
        at: DateTime<Utc>,
        error: Option<&str>,
    ) -> Result<(), MemoryError> {
        let changed = self.transact(|conn| moved(conn, id, from, to, at, error))?;
        if changed { Ok(()) } else { Err(meanwhile(id, from)) }
    }

    /// Evidence and confirmation in one transaction: neither is ever there without the other.
    fn confirm(&mut self, id: EffectId, from: EffectState, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        let changed = self.transact(|conn| {
            evidence.iter().try_for_each(|row| add_evidence(conn, id, "there", row))?;
            moved(conn, id, from, EffectState::Confirmed, at, None)
        })?;
        if changed { Ok(()) } else { Err(meanwhile(id, from)) }
    }
}

fn meanwhile(id: EffectId, from: EffectState) -> MemoryError {
    MemoryError::Refused(format!("effect {} is not `{from}` any more", id.0))
}

/// False when the effect is in another state by now.
fn moved(
    conn: &Connection,
    id: EffectId,
    from: EffectState,
    to: EffectState,
    at: DateTime<Utc>,
    error: Option<&str>,
) -> rusqlite::Result<bool> {
    let column = if to == EffectState::Sending { "sending_at" } else { "settled_at" };
    let changed = conn.execute(
        &format!("UPDATE effects SET state = ?3, {column} = ?4, error = coalesce(?5, error) WHERE id = ?1 AND state = ?2"),
        params![id.0, from.to_string(), to.to_string(), micros(at), error],
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

impl Intended {
    /// The effect.
    #[must_use]
    pub fn id(&self) -> EffectId {
        self.0
    }

    /// The last step before it happens. Commit it, then act.
    ///
    /// # Errors
    /// The row can't be written: do not act.
    pub fn send(self, memory: &mut Memory, at: DateTime<Utc>) -> Result<Sending, MemoryError> {
        memory.step(self.0, EffectState::Intended, EffectState::Sending, at, None).map(|()| Sending(self.0))
    }

    /// A person will post it.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn await_human(self, memory: &mut Memory, at: DateTime<Utc>) -> Result<Awaiting, MemoryError> {
        memory.step(self.0, EffectState::Intended, EffectState::AwaitingHuman, at, None).map(|()| Awaiting(self.0))
    }

    /// It will not happen.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(self.0, EffectState::Intended, EffectState::Refused, at, Some(why))
    }
}

impl Sending {
    /// It happened: here is the proof.
    ///
    /// # Errors
    /// The rows can't be written, or there is no evidence.
    pub fn confirm(self, memory: &mut Memory, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.confirm(self.0, EffectState::Sending, evidence, at)
    }

    /// It certainly did not happen.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(self.0, EffectState::Sending, EffectState::Refused, at, Some(why))
    }

    /// Nobody can tell.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn lose_sight(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<Unknown, MemoryError> {
        memory.step(self.0, EffectState::Sending, EffectState::Unknown, at, Some(why)).map(|()| Unknown(self.0))
    }
}

impl Awaiting {
    /// The human says where it is.
    ///
    /// # Errors
    /// The rows can't be written, or there is no evidence.
    pub fn confirm(self, memory: &mut Memory, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.confirm(self.0, EffectState::AwaitingHuman, evidence, at)
    }

    /// The human will not post it.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(self.0, EffectState::AwaitingHuman, EffectState::Refused, at, Some(why))
    }
}

impl Unknown {
    /// A look at the place showed it there.
    ///
    /// # Errors
    /// The rows can't be written, or there is no evidence.
    pub fn confirm(self, memory: &mut Memory, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.confirm(self.0, EffectState::Unknown, evidence, at)
    }

    /// Keeps what a look at the place (or a person) said: it is not there. Opens the way to [`Unknown::send_again`].
    ///
    /// # Errors
    /// The row can't be written.
    pub fn not_there(&self, memory: &mut Memory, look: &EvidenceRow) -> Result<(), MemoryError> {
        memory.transact(|conn| add_evidence(conn, self.0, "absent", look))
    }

    /// Sends the same bytes again. Pages may be written again at any time; a post only after [`Unknown::not_there`] for the
    /// last sending; a mail only when that was a person's word.
    ///
    /// # Errors
    /// The row can't be written, or nobody has looked: do not act.
    pub fn send_again(self, memory: &mut Memory, at: DateTime<Utc>) -> Result<Sending, MemoryError> {
        memory.step(self.0, EffectState::Unknown, EffectState::Sending, at, None).map(|()| Sending(self.0))
    }

    /// It is given up.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(self.0, EffectState::Unknown, EffectState::Refused, at, Some(why))
    }
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
    })
}

#[cfg(test)]
mod tests;
