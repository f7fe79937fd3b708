//! Sheets: what was decided, every candidate with every part of its score. A year has 4,380 of some 500 candidates, nearly
//! all as in the one before, so three things are shared, each found by what it says: a sheet and a candidate by SHA-256, a
//! phrase by itself. Must stay true: a sheet that is read back equals the one that was recorded; no time of measuring stands
//! in here (it is kept with the facts), or every sheet would be a new one.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::MemoryError;
use crate::open::Memory;
use crate::runs::RunId;

mod candidates;
mod digest;
mod lines;

pub(crate) use candidates::{Phrases, unreadable};
use lines::Line;

/// One candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CandidateRow {
    /// The task's id.
    pub task_id: String,
    /// Its words.
    pub text: String,
    /// `progress` or `skill`.
    pub source: String,
    /// Its line in PROGRESS.md.
    pub line: Option<u32>,
    /// For whom, or `unclear`.
    pub who: String,
    /// The skill.
    pub skill: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// `tag`, `words` or `model`.
    pub read_by: String,
    /// How sure, 0 to 1.
    pub confidence: f64,
    /// The probability of each who.
    pub p: [f64; 4],
    /// The kind of refusal; `None` for an eligible one.
    pub refusal_kind: Option<String>,
    /// Why not.
    pub why: Option<String>,
    /// What would undo it.
    pub unblock: Option<String>,
    /// How many people.
    pub audience_count: Option<u64>,
    /// Who says so.
    pub audience_source: Option<String>,
    /// People reached.
    pub reach: Option<f64>,
    /// Goal units a person.
    pub fit: Option<f64>,
    /// Goal units.
    pub value: Option<f64>,
    /// Every term of the value, so that it can be judged again with other weights.
    pub parts: Value,
}

/// One ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskRow {
    /// The words.
    pub ask: String,
    /// The ids of the tasks that it would unlock.
    pub unlocks: Vec<String>,
    /// People that would be reached.
    pub reach: f64,
}

/// What was decided in a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sheet {
    /// Every candidate, in order.
    pub candidates: Vec<CandidateRow>,
    /// What was asked of the human.
    pub asks: Vec<AskRow>,
}

impl Memory {
    /// Keeps what a run decided, and what it did in words. The same sheet is stored once.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn record_sheet(&mut self, run: RunId, sheet: &Sheet, did: &str) -> Result<(), MemoryError> {
        if sheet.asks.iter().any(|ask| !ask.reach.is_finite()) {
            return Err(MemoryError::Refused("the reach of an ask is no number".to_owned()));
        }
        let asks = serde_json::to_string(&sheet.asks).map_err(|error| MemoryError::Value(error.to_string()))?;
        let digests: Vec<[u8; 32]> = sheet.candidates.iter().map(digest::of_candidate).collect();
        let whole = digest::of_sheet(&sheet.candidates, &digests, &asks);
        self.transact(|conn| {
            let known = conn
                .prepare_cached("SELECT id FROM sheets WHERE digest = ?1")?
                .query_row([&whole[..]], |row| row.get::<_, i64>(0))
                .optional()?;
            let id = match known {
                Some(id) => id,
                None => store(conn, sheet, &digests, &asks, &whole)?,
            };
            conn.execute("UPDATE runs SET sheet = ?2, did = ?3 WHERE id = ?1", params![run.0, id, did]).map(|_| ())
        })
    }

    /// What a run decided; `None` for one that got no further.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn sheet(&self, run: RunId) -> Result<Option<Sheet>, MemoryError> {
        load(&self.connection, run).map_err(|error| self.wrong(error))
    }

    /// What a run did, in words.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn did(&self, run: RunId) -> Result<Option<String>, MemoryError> {
        self.connection
            .query_row("SELECT did FROM runs WHERE id = ?1", [run.0], |row| row.get(0))
            .optional()
            .map(Option::flatten)
            .map_err(|error| self.wrong(error))
    }
}

fn store(conn: &Connection, sheet: &Sheet, digests: &[[u8; 32]], asks: &str, whole: &[u8; 32]) -> rusqlite::Result<i64> {
    let mut phrases = Phrases::new(conn);
    let mut lines = Vec::with_capacity(sheet.candidates.len());
    for (row, digest) in sheet.candidates.iter().zip(digests) {
        lines.push(Line { candidate: candidates::store(conn, &mut phrases, row, digest)?, line: row.line });
    }
    let asks = phrases.id(asks)?;
    conn.prepare_cached("INSERT INTO sheets (digest, lines, asks) VALUES (?1, ?2, ?3)")?.execute(params![
        &whole[..],
        lines::pack(&lines),
        asks
    ])?;
    Ok(conn.last_insert_rowid())
}

fn load(conn: &Connection, run: RunId) -> rusqlite::Result<Option<Sheet>> {
    let found = conn
        .prepare_cached(
            "SELECT lines, text FROM runs JOIN sheets ON sheets.id = runs.sheet JOIN phrases ON phrases.id = sheets.asks WHERE runs.id = ?1",
        )?
        .query_row([run.0], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let Some((packed, asks)) = found else { return Ok(None) };
    let lines = lines::unpack(&packed).ok_or_else(|| unreadable(Type::Blob, "the lines of a sheet are cut off"))?;
    let asks = serde_json::from_str(&asks).map_err(|_| unreadable(Type::Text, "the asks of a sheet are no list"))?;
    let candidates = lines.into_iter().map(|line| candidates::load(conn, line)).collect::<Result<_, _>>()?;
    Ok(Some(Sheet { candidates, asks }))
}

/// The candidates that a sheet lists, by their rows.
pub(crate) fn candidates_of(conn: &Connection, sheet: i64) -> rusqlite::Result<Vec<i64>> {
    let packed: Vec<u8> = conn.prepare_cached("SELECT lines FROM sheets WHERE id = ?1")?.query_row([sheet], |row| row.get(0))?;
    let lines = lines::unpack(&packed).ok_or_else(|| unreadable(Type::Blob, "the lines of a sheet are cut off"))?;
    Ok(lines.into_iter().map(|line| line.candidate).collect())
}

#[cfg(test)]
mod tests;
