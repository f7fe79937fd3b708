//! Readers who drift away: what is known of each one's signs and letters, and for whom the letters have ended.
//!
//! Must stay true: a question for all readers takes one query a table, none of which reads the whole ledger; what was written to a
//! silent reader is what the ledger says; whose letters have ended comes back by a sign of life, and by nothing else.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use reveille_mission::{Trace, WinBackSent};
use rusqlite::params;

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};

/// The part of a message to silent readers in the ledger.
pub const RETAIN: &str = "retain";

/// How the issue of a message to silent readers begins in the ledger: the stage's days and `:` follow, then the round.
pub const RETAIN_ISSUE: &str = "retain-";

impl Memory {
    /// What is known of everybody whom any table knows, by their ids.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn traces(&self) -> Result<HashMap<String, Trace>, MemoryError> {
        let mut traces: HashMap<String, Trace> = HashMap::new();
        for (subscriber, at) in self.last_signs()? {
            traces.entry(subscriber).or_default().last_sign = Some(at);
        }
        let got = self.rows("SELECT subscriber, first_at, last_at FROM letters_got", [], |row| {
            Ok((row.get::<_, String>(0)?, time(row.get(1)?), time(row.get(2)?)))
        })?;
        for (subscriber, first, last) in got {
            let trace = traces.entry(subscriber).or_default();
            (trace.first_letter, trace.last_letter) = (Some(first), Some(last));
        }
        let paused = self.rows("SELECT subscriber, paused_until FROM preferences WHERE paused_until IS NOT NULL", [], |row| {
            Ok((row.get::<_, String>(0)?, time(row.get(1)?)))
        })?;
        for (subscriber, until) in paused {
            traces.entry(subscriber).or_default().paused_until = Some(until);
        }
        for (subscriber, sent) in self.win_backs()? {
            traces.entry(subscriber).or_default().sent.push(sent);
        }
        Ok(traces)
    }

    /// Every message to a silent reader that has gone out, or may have, or that the server would not take. One that waits is none yet,
    /// and one that was given up before its first try never was: its reader was heard before its turn.
    fn win_backs(&self) -> Result<Vec<(String, WinBackSent)>, MemoryError> {
        let sql = "SELECT lower(recipient), issue, coalesce(sending_at, intended_at), state FROM effects
            WHERE part = 'retain' AND channel = 'email' AND state <> 'intended' AND NOT (state = 'refused' AND sendings = 0)";
        let found = self.rows(sql, [], |row| {
            let (reader, issue, at) = (row.get(0)?, row.get::<_, String>(1)?, time(row.get(2)?));
            let taken = row.get::<_, String>(3)? == "confirmed";
            Ok(stage_of(&issue).map(|stage| (reader, WinBackSent { stage, at, taken })))
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Whether any reader was ever heard: else nobody knows whether signs reach us at all.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn has_signs(&self) -> Result<bool, MemoryError> {
        Ok(!self.rows("SELECT 1 FROM signs LIMIT 1", [], |_| Ok(()))?.is_empty())
    }

    /// From now on these get no letters; who is among them already stays so since then.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn end_letters(&mut self, subscribers: &[String], at: DateTime<Utc>) -> Result<(), MemoryError> {
        self.transact(|conn| {
            let mut write = conn.prepare_cached("INSERT OR IGNORE INTO sunsets VALUES (?1, ?2)")?;
            subscribers.iter().try_for_each(|subscriber| write.execute(params![subscriber, micros(at)]).map(|_| ()))
        })
    }

    /// Whose letters have ended, and since when. A sign of life behind that brings them back.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn sunsets(&self) -> Result<HashMap<String, DateTime<Utc>>, MemoryError> {
        let sql = "SELECT subscriber, at FROM sunsets AS e WHERE NOT EXISTS (SELECT 1 FROM signs AS s WHERE s.subscriber = e.subscriber AND s.at > e.at)";
        Ok(self.rows(sql, [], |row| Ok((row.get(0)?, time(row.get(1)?))))?.into_iter().collect())
    }

    /// Since when somebody's letters have ended, if no sign of life came behind that.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn letters_ended(&self, id: &str) -> Result<Option<DateTime<Utc>>, MemoryError> {
        let sql = "SELECT at FROM sunsets AS e WHERE subscriber = ?1
            AND NOT EXISTS (SELECT 1 FROM signs AS s WHERE s.subscriber = e.subscriber AND s.at > e.at)";
        Ok(self.rows(sql, [id], |row| Ok(time(row.get(0)?)))?.pop())
    }

    /// Forgets that the letters of these had ended, and of everybody who was heard since.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn resume_letters(&mut self, subscribers: &HashSet<String>) -> Result<(), MemoryError> {
        self.transact(|conn| {
            conn.execute(
                "DELETE FROM sunsets WHERE EXISTS (SELECT 1 FROM signs AS s WHERE s.subscriber = sunsets.subscriber AND s.at > sunsets.at)",
                [],
            )?;
            let mut forget = conn.prepare_cached("DELETE FROM sunsets WHERE subscriber = ?1")?;
            subscribers.iter().try_for_each(|subscriber| forget.execute([subscriber]).map(|_| ()))
        })
    }
}

/// The stage of a message, from its issue in the ledger: `retain-30:2026-11-20T14:00Z`.
#[must_use]
pub fn stage_of(issue: &str) -> Option<u16> {
    issue.strip_prefix(RETAIN_ISSUE)?.split(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EvidenceRow, Key, NewEffect, NewRun, RunId, Sign, SignKind, Standing};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    /// A mail that is written down, and taken when `taken`.
    fn mail(memory: &mut Memory, run: RunId, issue: &str, part: &str, who: &str, when: &str, taken: bool) {
        let key = Key { issue: issue.into(), channel: "email".into(), part: part.into(), recipient: who.into() };
        let new = NewEffect { key, text: b"x".to_vec(), token: String::new(), run };
        let Standing::Intended(intended) = memory.intend(&new, at(when)).expect("written") else { panic!("it is new") };
        if !taken {
            return intended.refuse(memory, "heard before its turn", at(when)).expect("refused");
        }
        let sending = intended.send(memory, at(when)).expect("let go");
        let proof = EvidenceRow { kind: "smtp".into(), place: "m".into(), sha256: None, text: None, fetched_at: at(when) };
        sending.confirm(memory, &[proof], at(when)).expect("taken");
    }

    #[test]
    fn a_trace_holds_signs_letters_and_messages() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut memory = Memory::open(&folder.path().join("a.db"), at("2026-01-01T00:00:00Z")).expect("made");
        let new = NewRun { started_at: at("2026-01-01T00:00:00Z"), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
        let run = memory.begin_run(&new).expect("begun");
        assert!(!memory.has_signs().expect("read"));
        let sign = |when: &str| Sign { subscriber: "ann".into(), kind: SignKind::Click, about: "1".into(), at: at(when) };
        memory.record_signs(&[sign("2026-01-01T00:00:00Z")]).expect("kept");
        for (issue, part, when, taken) in [
            ("1", "letter", "2026-01-02T00:00:00Z", true),
            ("2", "letter", "2026-01-03T00:00:00Z", true),
            ("3", "letter", "2026-01-04T00:00:00Z", false),
            ("n", "notice", "2026-01-05T00:00:00Z", true),
            ("retain-7:a", RETAIN, "2026-01-09T00:00:00Z", true),
            ("retain-30:b", RETAIN, "2026-01-31T00:00:00Z", false),
        ] {
            mail(&mut memory, run, issue, part, "ann", when, taken);
        }
        let waits = Key { issue: "retain-60:c".into(), channel: "email".into(), part: RETAIN.into(), recipient: "ann".into() };
        let waits = NewEffect { key: waits, text: b"x".to_vec(), token: String::new(), run };
        let _ = memory.intend(&waits, at("2026-03-01T00:00:00Z")).expect("written");
        let expected = Trace {
            last_sign: Some(at("2026-01-01T00:00:00Z")),
            first_letter: Some(at("2026-01-02T00:00:00Z")),
            last_letter: Some(at("2026-01-03T00:00:00Z")),
            sent: vec![WinBackSent { stage: 7, at: at("2026-01-09T00:00:00Z"), taken: true }],
            ..Trace::default()
        };
        assert_eq!(memory.traces().expect("read"), HashMap::from([("ann".to_owned(), expected)]));
        assert!(memory.has_signs().expect("read"));
    }

    #[test]
    fn a_sign_brings_back_whose_letters_have_ended() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut memory = Memory::open(&folder.path().join("a.db"), at("2026-01-01T00:00:00Z")).expect("made");
        let ended = at("2026-03-15T00:00:00Z");
        let sign = |who: &str, when| Sign { subscriber: who.into(), kind: SignKind::Visit, about: String::new(), at: when };
        memory.record_signs(&[sign("ann", at("2026-01-01T00:00:00Z"))]).expect("kept");
        memory.end_letters(&["ann".into(), "bob".into(), "cyd".into()], ended).expect("kept");
        memory.end_letters(&["ann".into()], at("2026-04-01T00:00:00Z")).expect("kept");
        let all = |memory: &Memory| {
            let mut all: Vec<_> = memory.sunsets().expect("read").into_iter().collect();
            all.sort();
            all
        };
        assert_eq!(all(&memory), [("ann".to_owned(), ended), ("bob".to_owned(), ended), ("cyd".to_owned(), ended)]);
        memory.record_signs(&[sign("bob", at("2026-03-16T00:00:00Z"))]).expect("kept");
        assert_eq!(all(&memory), [("ann".to_owned(), ended), ("cyd".to_owned(), ended)]);
        assert_eq!(["ann", "bob", "eve"].map(|who| memory.letters_ended(who).expect("read")), [Some(ended), None, None]);
        memory.resume_letters(&HashSet::from(["cyd".to_owned()])).expect("kept");
        assert_eq!(all(&memory), [("ann".to_owned(), ended)]);
        assert_eq!(memory.rows("SELECT subscriber FROM sunsets", [], |row| row.get::<_, String>(0)).expect("read"), ["ann"]);
    }
}
