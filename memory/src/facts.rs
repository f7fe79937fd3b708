//! Facts as a time series: a new row when the value or its source changed, else the last one was seen again.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};
use crate::runs::RunId;

/// One measured value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactRow {
    /// The key, like `subscribers.confirmed`.
    pub key: String,
    /// The value, as JSON.
    pub value_json: String,
    /// Where it comes from.
    pub source: String,
    /// When it was last measured.
    pub measured_at: DateTime<Utc>,
}

impl Memory {
    /// Keeps what was measured in a run.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn record_facts(&mut self, facts: &[FactRow], run: RunId) -> Result<(), MemoryError> {
        self.transact(|conn| facts.iter().try_for_each(|fact| record(conn, fact, run)))
    }

    /// The newest value of every key.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn latest_facts(&self) -> Result<Vec<FactRow>, MemoryError> {
        self.facts("SELECT key, value, source, seen_at FROM facts WHERE id IN (SELECT max(id) FROM facts GROUP BY key) ORDER BY key", [])
    }

    /// The values of one key since a time, oldest first.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn fact_history(&self, key: &str, since: DateTime<Utc>) -> Result<Vec<FactRow>, MemoryError> {
        self.facts(
            "SELECT key, value, source, measured_at FROM facts WHERE key = ?1 AND seen_at >= ?2 ORDER BY id",
            params![key, micros(since)],
        )
    }

    fn facts(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<FactRow>, MemoryError> {
        self.rows(sql, values, |row| {
            Ok(FactRow { key: row.get(0)?, value_json: row.get(1)?, source: row.get(2)?, measured_at: time(row.get(3)?) })
        })
    }
}

fn record(conn: &Connection, fact: &FactRow, run: RunId) -> rusqlite::Result<()> {
    let last: Option<(i64, String, String)> = conn
        .prepare_cached("SELECT id, value, source FROM facts WHERE key = ?1 ORDER BY id DESC LIMIT 1")?
        .query_row([&fact.key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let at = micros(fact.measured_at);
    match last {
        Some((id, value, source)) if value == fact.value_json && source == fact.source => {
            conn.prepare_cached("UPDATE facts SET seen_at = max(seen_at, ?2) WHERE id = ?1")?.execute(params![id, at])?;
        }
        _ => {
            conn.prepare_cached("INSERT INTO facts (key, value, source, measured_at, seen_at, run) VALUES (?1, ?2, ?3, ?4, ?4, ?5)")?
                .execute(params![fact.key, fact.value_json, fact.source, at, run.0])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewRun;

    #[test]
    fn only_a_change_is_a_new_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |hour: u32| format!("2026-11-20T{hour:02}:00:00Z").parse::<DateTime<Utc>>().expect("a time");
        let mut memory = Memory::open(&folder.path().join("a.db"), at(1)).expect("made");
        let new = NewRun { started_at: at(1), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
        let run = memory.begin_run(&new).expect("begun");
        let fact = |value: &str, hour| FactRow {
            key: "mastodon.followers".into(),
            value_json: value.into(),
            source: "s".into(),
            measured_at: at(hour),
        };
        for (value, hour) in [("3", 1), ("3", 2), ("4", 3), ("3", 4), ("3", 5)] {
            memory.record_facts(&[fact(value, hour)], run).expect("kept");
        }
        assert_eq!(memory.latest_facts().expect("read"), [fact("3", 5)]);
        assert_eq!(memory.fact_history("mastodon.followers", at(0)).expect("read"), [fact("3", 1), fact("4", 3), fact("3", 4)]);
    }
}
