//! The ledger of effects: post once. A row is committed before anything happens, with the frozen bytes that are sent; a
//! retry sends the same. `intended → sending → confirmed | refused | unknown`, or `intended → awaiting_human` for what a
//! person posts. A step that is not legal has no method here, and the schema refuses it as well.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, params};
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
        self.connection
            .execute(
                "INSERT INTO effects (issue, channel, part, recipient, text, key, run, intended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (issue, channel, part, recipient) DO NOTHING",
                params![key.issue, key.channel, key.part, key.recipient, new.text, new.token, new.run.0, micros(at)],
            )
            .map_err(|error| self.wrong(error))?;
        let effect = self.effect(key)?.ok_or_else(|| MemoryError::Value("an effect that was just written".to_owned()))?;
        Ok(Self::standing(effect))
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
        self.connection
            .query_row(
                &format!("SELECT {COLUMNS} FROM effects WHERE issue = ?1 AND channel = ?2 AND part = ?3 AND recipient = ?4"),
                params![key.issue, key.channel, key.part, key.recipient],
                read,
            )
            .optional()
            .map_err(|error| self.wrong(error))
    }

    /// Every effect, in the order in which they were intended.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn effects(&self) -> Result<Vec<Effect>, MemoryError> {
        let mut statement =
            self.connection.prepare(&format!("SELECT {COLUMNS} FROM effects ORDER BY id")).map_err(|error| self.wrong(error))?;
        let rows = statement.query_map([], read)?.collect::<Result<_, _>>();
        rows.map_err(|error| self.wrong(error))
    }

    /// Every effect in one state.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn effects_in(&self, state: EffectState) -> Result<Vec<Effect>, MemoryError> {
        let mut statement = self.connection.prepare(&format!("SELECT {COLUMNS} FROM effects WHERE state = ?1 ORDER BY id"))?;
        let rows = statement.query_map([state.to_string()], read)?.collect::<Result<_, _>>();
        rows.map_err(|error| self.wrong(error))
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

    /// The proofs of an effect.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn evidence(&self, effect: EffectId) -> Result<Vec<EvidenceRow>, MemoryError> {
        let mut statement =
            self.connection.prepare("SELECT kind, place, sha256, text, fetched_at FROM evidence WHERE effect = ?1 ORDER BY id")?;
        let rows = statement.query_map([effect.0], |row| {
            Ok(EvidenceRow { kind: row.get(0)?, place: row.get(1)?, sha256: row.get(2)?, text: row.get(3)?, fetched_at: time(row.get(4)?) })
        })?;
        rows.collect::<Result<_, _>>().map_err(|error| self.wrong(error))
    }

    fn step(&mut self, id: EffectId, to: EffectState, at: DateTime<Utc>, error: Option<&str>) -> Result<(), MemoryError> {
        let column = if to == EffectState::Sending { "sending_at" } else { "settled_at" };
        self.connection
            .execute(
                &format!("UPDATE effects SET state = ?2, {column} = ?3, error = ?4 WHERE id = ?1"),
                params![id.0, to.to_string(), micros(at), error],
            )
            .map(|_| ())
            .map_err(|error| self.wrong(error))
    }

    /// Evidence and confirmation in one transaction: neither is ever there without the other.
    fn confirm(&mut self, id: EffectId, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        let path = self.path.clone();
        let wrong = |error| MemoryError::at(&path, error);
        let transaction = self.connection.transaction().map_err(wrong)?;
        for row in evidence {
            transaction
                .execute(
                    "INSERT INTO evidence (effect, kind, place, sha256, text, fetched_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![id.0, row.kind, row.place, row.sha256, row.text, micros(row.fetched_at)],
                )
                .map_err(wrong)?;
        }
        transaction
            .execute("UPDATE effects SET state = 'confirmed', settled_at = ?2 WHERE id = ?1", params![id.0, micros(at)])
            .map_err(wrong)?;
        transaction.commit().map_err(wrong)
    }
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
        memory.step(self.0, EffectState::Sending, at, None).map(|()| Sending(self.0))
    }

    /// A person will post it.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn await_human(self, memory: &mut Memory, at: DateTime<Utc>) -> Result<Awaiting, MemoryError> {
        memory.step(self.0, EffectState::AwaitingHuman, at, None).map(|()| Awaiting(self.0))
    }

    /// It will not happen.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(self.0, EffectState::Refused, at, Some(why))
    }
}

impl Sending {
    /// It happened: here is the proof.
    ///
    /// # Errors
    /// The rows can't be written, or there is no evidence.
    pub fn confirm(self, memory: &mut Memory, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.confirm(self.0, evidence, at)
    }

    /// It certainly did not happen.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(self.0, EffectState::Refused, at, Some(why))
    }

    /// Nobody can tell.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn lose_sight(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<Unknown, MemoryError> {
        memory.step(self.0, EffectState::Unknown, at, Some(why)).map(|()| Unknown(self.0))
    }
}

impl Awaiting {
    /// The human says where it is.
    ///
    /// # Errors
    /// The rows can't be written, or there is no evidence.
    pub fn confirm(self, memory: &mut Memory, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.confirm(self.0, evidence, at)
    }

    /// The human will not post it.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(self.0, EffectState::Refused, at, Some(why))
    }
}

impl Unknown {
    /// A look at the place showed it there.
    ///
    /// # Errors
    /// The rows can't be written, or there is no evidence.
    pub fn confirm(self, memory: &mut Memory, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.confirm(self.0, evidence, at)
    }

    /// A look at the place showed that it is not there: the same bytes may be sent again.
    ///
    /// # Errors
    /// The row can't be written: do not act.
    pub fn send_again(self, memory: &mut Memory, at: DateTime<Utc>) -> Result<Sending, MemoryError> {
        memory.step(self.0, EffectState::Sending, at, None).map(|()| Sending(self.0))
    }

    /// It is given up.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(self.0, EffectState::Refused, at, Some(why))
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
mod tests {
    use super::*;
    use crate::NewRun;

    const STATES: [EffectState; 6] = [
        EffectState::Intended,
        EffectState::AwaitingHuman,
        EffectState::Sending,
        EffectState::Confirmed,
        EffectState::Refused,
        EffectState::Unknown,
    ];

    fn now() -> DateTime<Utc> {
        "2026-11-20T14:00:00Z".parse().expect("a time")
    }

    fn memory() -> (tempfile::TempDir, Memory, RunId) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut memory = Memory::open(&folder.path().join("a.db"), now()).expect("made");
        let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
        let run = memory.begin_run(&new).expect("begun");
        (folder, memory, run)
    }

    fn new(issue: &str, run: RunId) -> NewEffect {
        let key = Key { issue: issue.into(), channel: "mastodon".into(), part: "post".into(), recipient: String::new() };
        NewEffect { key, text: b"hello".to_vec(), token: "k".into(), run }
    }

    fn proof() -> EvidenceRow {
        EvidenceRow { kind: "status".into(), place: "https://s.example/1".into(), sha256: None, text: None, fetched_at: now() }
    }

    fn set(memory: &Memory, id: EffectId, state: EffectState) -> rusqlite::Result<usize> {
        memory.connection.execute("UPDATE effects SET state = ?2 WHERE id = ?1", params![id.0, state.to_string()])
    }

    /// Every pair of states against the schema itself, in raw SQL.
    #[test]
    fn illegal_transitions_can_not_be_written() {
        use EffectState::{AwaitingHuman, Confirmed, Intended, Refused, Sending, Unknown};
        let legal = [
            (Intended, Sending),
            (Intended, AwaitingHuman),
            (Intended, Refused),
            (AwaitingHuman, Confirmed),
            (AwaitingHuman, Refused),
            (Sending, Confirmed),
            (Sending, Refused),
            (Sending, Unknown),
            (Unknown, Confirmed),
            (Unknown, Refused),
            (Unknown, Sending),
        ];
        let path = |to| match to {
            Intended => vec![],
            AwaitingHuman => vec![AwaitingHuman],
            Sending => vec![Sending],
            Refused => vec![Refused],
            Unknown => vec![Sending, Unknown],
            Confirmed => vec![Sending, Confirmed],
        };
        let (_folder, mut memory, run) = memory();
        for from in STATES {
            for to in STATES.into_iter().filter(|to| *to != from) {
                let Standing::Intended(effect) = memory.intend(&new(&format!("{from}-{to}"), run), now()).expect("written") else {
                    panic!()
                };
                memory
                    .connection
                    .execute("INSERT INTO evidence (effect, kind, place, fetched_at) VALUES (?1, 'page', 'p', 1)", [effect.id().0])
                    .expect("proof");
                for step in path(from) {
                    set(&memory, effect.id(), step).expect("legal");
                }
                assert_eq!(set(&memory, effect.id(), to).is_ok(), legal.contains(&(from, to)), "{from} → {to}");
            }
        }
    }

    #[test]
    fn what_is_sent_is_frozen_kept_and_proved() {
        let (_folder, mut memory, run) = memory();
        let Standing::Intended(effect) = memory.intend(&new("a", run), now()).expect("written") else { panic!() };
        let id = effect.id().0;
        for sql in
            ["UPDATE effects SET text = x'00'", "UPDATE effects SET key = 'z'", "UPDATE effects SET issue = 'z'", "DELETE FROM effects"]
        {
            assert!(memory.connection.execute(sql, []).is_err(), "{sql}");
        }
        let sending = effect.send(&mut memory, now()).expect("sent");
        assert!(matches!(sending.confirm(&mut memory, &[], now()), Err(MemoryError::Refused(_))), "no evidence, no confirmation");
        let effect = memory.effect(&new("a", run).key).expect("read").expect("there");
        assert_eq!(effect.state, EffectState::Sending);
        let Standing::Sending(sending) = Memory::standing(effect) else { panic!() };
        sending.confirm(&mut memory, &[proof()], now()).expect("confirmed");
        assert_eq!(memory.evidence(EffectId(id)).expect("read"), [proof()]);
        assert!(memory.connection.execute("UPDATE evidence SET place = 'z'", []).is_err());
        assert!(memory.connection.execute("DELETE FROM evidence", []).is_err());
        assert!(memory.connection.execute("INSERT INTO effects (issue, channel, part, state, text, key, run, intended_at) VALUES ('q','c','p','sending',x'',' ',?1,1)", [run.0]).is_err());
    }

    #[test]
    fn the_same_effect_is_intended_once() {
        let (_folder, mut memory, run) = memory();
        let Standing::Intended(first) = memory.intend(&new("a", run), now()).expect("written") else { panic!() };
        let id = first.id();
        let _ = first.send(&mut memory, now()).expect("sent");
        let other = NewEffect { text: b"other words".to_vec(), ..new("a", run) };
        assert!(matches!(memory.intend(&other, now()).expect("found"), Standing::Sending(_)));
        assert_eq!(memory.effects().expect("read").len(), 1);
        assert_eq!(memory.effect(&other.key).expect("read").map(|effect| (effect.id, effect.text)), Some((id, b"hello".to_vec())));
        assert_eq!(memory.sent_since("mastodon", now()).expect("counted"), 1);
        assert_eq!(memory.sent_since("bluesky", now()).expect("counted"), 0);
    }

    proptest::proptest! {
        /// Whatever steps are tried in whatever order: a confirmed effect has evidence, and a settled one stays settled.
        #[test]
        fn no_order_of_steps_breaks_the_ledger(steps in proptest::collection::vec((0usize..3, 0usize..6), 0..25)) {
            let (_folder, mut memory, run) = memory();
            let mut settled: std::collections::HashMap<usize, EffectState> = std::collections::HashMap::new();
            for (which, step) in steps {
                let standing = memory.intend(&new(&which.to_string(), run), now()).expect("written");
                let _ = match (standing, step) {
                    (Standing::Intended(effect), 0) => effect.send(&mut memory, now()).map(drop),
                    (Standing::Intended(effect), 1) => effect.await_human(&mut memory, now()).map(drop),
                    (Standing::Intended(effect), 2) => effect.refuse(&mut memory, "no", now()),
                    (Standing::Sending(effect), 0 | 1) => effect.confirm(&mut memory, &[proof()], now()),
                    (Standing::Sending(effect), 2) => effect.confirm(&mut memory, &[], now()),
                    (Standing::Sending(effect), 3) => effect.lose_sight(&mut memory, "cut", now()).map(drop),
                    (Standing::Awaiting(effect), 0) => effect.confirm(&mut memory, &[proof()], now()),
                    (Standing::Unknown(effect), 0) => effect.send_again(&mut memory, now()).map(drop),
                    (Standing::Unknown(effect), 1) => effect.refuse(&mut memory, "given up", now()),
                    _ => Ok(()),
                };
                for effect in memory.effects().expect("read") {
                    let which: usize = effect.issue.parse().expect("a number");
                    if effect.state == EffectState::Confirmed {
                        proptest::prop_assert!(!memory.evidence(effect.id).expect("read").is_empty());
                    }
                    if let Some(before) = settled.get(&which) {
                        proptest::prop_assert_eq!(*before, effect.state);
                    }
                    if matches!(effect.state, EffectState::Confirmed | EffectState::Refused) {
                        settled.insert(which, effect.state);
                    }
                }
            }
        }
    }
}
