//! Runs of the past lose their sheets and stages. Must stay true: the row of a run stays, with its pick, what it did and how it
//! ended; what its sheet said is counted before it goes.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Horizon, Picked, Summary};
use crate::open::micros;
use crate::sheets::{Phrases, candidates_of, unreadable};

/// How many runs are thinned out in one call: twenty days of wakes every two hours, some tenths of a second.
const RUNS_A_TIME: u32 = 240;

/// A run whose sheet no younger run shares.
struct Old {
    run: i64,
    sheet: i64,
    pick: Option<String>,
}

/// Thins out the oldest runs before the horizon; how many.
pub(super) fn thin(conn: &Connection, horizon: Horizon, now: DateTime<Utc>) -> rusqlite::Result<u64> {
    let old = oldest(conn, horizon)?;
    let mut phrases = Phrases::new(conn);
    let mut counted: HashMap<i64, Summary> = HashMap::new();
    let mut mark = conn.prepare_cached("UPDATE runs SET sheet = NULL, thinned_at = ?2, summary = ?3 WHERE id = ?1")?;
    for one in &old {
        let summary = match counted.get(&one.sheet) {
            Some(summary) => summary.clone(),
            None => counted.entry(one.sheet).or_insert(count(conn, one.sheet)?).clone(),
        };
        let summary = Summary { picked: picked(conn, one)?, ..summary };
        let text = serde_json::to_string(&summary).map_err(|_| unreadable(Type::Text, "a summary can't be written"))?;
        mark.execute(params![one.run, micros(now), phrases.id(&text)?])?;
    }
    conn.execute(
        "DELETE FROM stages WHERE run IN (SELECT id FROM runs WHERE id <= ?1 AND started_at < ?2)",
        params![horizon.run, horizon.before],
    )?;
    Ok(old.len() as u64)
}

fn oldest(conn: &Connection, horizon: Horizon) -> rusqlite::Result<Vec<Old>> {
    let mut select = conn.prepare(
        "SELECT id, sheet, pick FROM runs WHERE sheet IS NOT NULL AND state <> 'running' AND id <= ?1 AND started_at < ?2
           AND sheet NOT IN (SELECT sheet FROM runs WHERE sheet IS NOT NULL AND NOT (id <= ?1 AND started_at < ?2))
         ORDER BY id LIMIT ?3",
    )?;
    let rows = select.query_map(params![horizon.run, horizon.before, RUNS_A_TIME], |row| {
        Ok(Old { run: row.get(0)?, sheet: row.get(1)?, pick: row.get(2)? })
    })?;
    rows.collect()
}

/// The verdicts of a sheet, and how many things it asked.
fn count(conn: &Connection, sheet: i64) -> rusqlite::Result<Summary> {
    let mut summary = Summary { asks: asks(conn, sheet)?, ..Summary::default() };
    let mut kind = conn.prepare_cached("SELECT kind FROM candidates WHERE id = ?1")?;
    for candidate in candidates_of(conn, sheet)? {
        match kind.query_row([candidate], |row| row.get::<_, Option<String>>(0))? {
            None => summary.eligible += 1,
            Some(kind) => *summary.refused.entry(kind).or_default() += 1,
        }
    }
    Ok(summary)
}

fn asks(conn: &Connection, sheet: i64) -> rusqlite::Result<u64> {
    let sql = "SELECT text FROM sheets JOIN phrases ON phrases.id = asks WHERE sheets.id = ?1";
    let text: String = conn.prepare_cached(sql)?.query_row([sheet], |row| row.get(0))?;
    let asks: Vec<serde::de::IgnoredAny> =
        serde_json::from_str(&text).map_err(|_| unreadable(Type::Text, "the asks of a sheet are no list"))?;
    Ok(asks.len() as u64)
}

/// The words of what the run chose; nothing for a pick that its sheet does not list.
fn picked(conn: &Connection, old: &Old) -> rusqlite::Result<Option<Picked>> {
    let Some(pick) = &old.pick else { return Ok(None) };
    let mut select = conn.prepare_cached(
        "SELECT phrases.text, who, value FROM candidates JOIN phrases ON phrases.id = candidates.text WHERE candidates.id = ?1 AND task = ?2",
    )?;
    for candidate in candidates_of(conn, old.sheet)? {
        let row = select.query_row(params![candidate, pick], |row| Ok(Picked { text: row.get(0)?, who: row.get(1)?, value: row.get(2)? }));
        if let Some(picked) = row.optional()? {
            return Ok(Some(picked));
        }
    }
    Ok(None)
}
