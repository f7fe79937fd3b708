//! Sheets: what was decided, every candidate with every part of its score. A sheet is known by the digest of its rows, so
//! a year of wakes that decide the same costs one sheet. Times of measuring are kept with the facts, not here: they would
//! make every sheet a new one.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::MemoryError;
use crate::open::Memory;
use crate::runs::RunId;

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
        let digest = digest(sheet)?;
        let path = self.path.clone();
        let wrong = |error| MemoryError::at(&path, error);
        let transaction = self.connection.transaction()?;
        let known: Option<i64> =
            transaction.query_row("SELECT id FROM sheets WHERE digest = ?1", [&digest[..]], |row| row.get(0)).optional()?;
        let id = match known {
            Some(id) => id,
            None => {
                let asks = serde_json::to_string(&sheet.asks).map_err(|error| MemoryError::Value(error.to_string()))?;
                transaction.execute("INSERT INTO sheets (digest, asks) VALUES (?1, ?2)", params![&digest[..], asks]).map_err(wrong)?;
                let id = transaction.last_insert_rowid();
                let mut insert = transaction.prepare(
                    "INSERT INTO candidates VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
                )?;
                for (position, row) in sheet.candidates.iter().enumerate() {
                    let verdict = if row.refusal_kind.is_some() { "refused" } else { "eligible" };
                    let shares = serde_json::to_string(&row.p).map_err(|error| MemoryError::Value(error.to_string()))?;
                    insert
                        .execute(params![
                            id,
                            position as i64,
                            row.task_id,
                            row.text,
                            row.source,
                            row.line,
                            row.who,
                            row.skill,
                            row.channel,
                            row.read_by,
                            row.confidence,
                            shares,
                            verdict,
                            row.refusal_kind,
                            row.why,
                            row.unblock,
                            row.audience_count.map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
                            row.audience_source,
                            row.reach,
                            row.fit,
                            row.value,
                            row.parts.to_string(),
                        ])
                        .map_err(wrong)?;
                }
                id
            }
        };
        transaction.execute("UPDATE runs SET sheet = ?2, did = ?3 WHERE id = ?1", params![run.0, id, did]).map_err(wrong)?;
        transaction.commit().map_err(wrong)
    }

    /// What a run decided; `None` for one that got no further.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn sheet(&self, run: RunId) -> Result<Option<Sheet>, MemoryError> {
        let found: Option<(i64, String)> = self
            .connection
            .query_row("SELECT sheets.id, asks FROM runs JOIN sheets ON sheets.id = runs.sheet WHERE runs.id = ?1", [run.0], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(|error| self.wrong(error))?;
        let Some((id, asks)) = found else { return Ok(None) };
        let asks = serde_json::from_str(&asks).map_err(|error| MemoryError::Value(error.to_string()))?;
        let mut statement = self.connection.prepare(
            "SELECT task, text, source, line, who, skill, channel, read_by, confidence, shares, kind, why, unblock, count, counted_by, reach, fit, value, parts
             FROM candidates WHERE sheet = ?1 ORDER BY position",
        )?;
        let candidates = statement.query_map([id], candidate)?.collect::<Result<_, _>>().map_err(|error| self.wrong(error))?;
        Ok(Some(Sheet { candidates, asks }))
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

fn candidate(row: &Row<'_>) -> rusqlite::Result<CandidateRow> {
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap_or(Value::Null);
    let shares = json(row.get(9)?);
    Ok(CandidateRow {
        task_id: row.get(0)?,
        text: row.get(1)?,
        source: row.get(2)?,
        line: row.get(3)?,
        who: row.get(4)?,
        skill: row.get(5)?,
        channel: row.get(6)?,
        read_by: row.get(7)?,
        confidence: row.get(8)?,
        p: std::array::from_fn(|at| shares[at].as_f64().unwrap_or(0.0)),
        refusal_kind: row.get(10)?,
        why: row.get(11)?,
        unblock: row.get(12)?,
        audience_count: row.get::<_, Option<i64>>(13)?.map(i64::unsigned_abs),
        audience_source: row.get(14)?,
        reach: row.get(15)?,
        fit: row.get(16)?,
        value: row.get(17)?,
        parts: json(row.get(18)?),
    })
}

fn digest(sheet: &Sheet) -> Result<[u8; 32], MemoryError> {
    let bytes = serde_json::to_vec(sheet).map_err(|error| MemoryError::Value(error.to_string()))?;
    Ok(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewRun;

    #[test]
    fn the_same_sheet_is_stored_once_and_read_back_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = "2026-11-20T14:00:00Z".parse().expect("a time");
        let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        let row = |text: &str, kind: Option<&str>| CandidateRow {
            task_id: "ab".into(),
            text: text.into(),
            source: "progress".into(),
            line: Some(3),
            who: "strangers".into(),
            skill: None,
            channel: Some("web".into()),
            read_by: "model".into(),
            confidence: 0.1 + 0.2,
            p: [0.3, 0.3, 0.2, 0.2],
            refusal_kind: kind.map(str::to_owned),
            why: kind.map(str::to_owned),
            unblock: None,
            audience_count: Some(7),
            audience_source: None,
            reach: Some(1.0 / 3.0),
            fit: None,
            value: Some(1e-9),
            parts: serde_json::json!([{"who": "strangers", "reach": 3.5}]),
        };
        let asks = vec![AskRow { ask: "set it".into(), unlocks: vec!["ab".into()], reach: 2.5 }];
        let first = Sheet { candidates: vec![row("a", None), row("b", Some("blocked"))], asks };
        let other = Sheet { candidates: vec![row("c", None)], asks: vec![] };
        let new = NewRun { started_at: now, slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
        for sheet in [&first, &first, &other, &first] {
            let run = memory.begin_run(&new).expect("begun");
            memory.record_sheet(run, sheet, "rested").expect("kept");
            assert_eq!(memory.sheet(run).expect("read").as_ref(), Some(sheet));
        }
        let count: i64 = memory.connection.query_row("SELECT count(*) FROM candidates", [], |row| row.get(0)).expect("counted");
        assert_eq!(count, 3);
        let bare = memory.begin_run(&new).expect("begun");
        assert_eq!(memory.sheet(bare).expect("read"), None);
    }
}
