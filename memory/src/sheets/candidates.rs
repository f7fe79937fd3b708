//! Candidates and the phrases they share, to rows and back.

use std::collections::HashMap;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::CandidateRow;
use super::lines::Line;

/// Gives phrases their ids; asks the database once for each.
pub(crate) struct Phrases<'a> {
    conn: &'a Connection,
    known: HashMap<String, i64>,
}

impl<'a> Phrases<'a> {
    pub(crate) fn new(conn: &'a Connection) -> Self {
        Self { conn, known: HashMap::new() }
    }

    pub(crate) fn id(&mut self, text: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.known.get(text) {
            return Ok(*id);
        }
        self.conn.prepare_cached("INSERT INTO phrases (text) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([text])?;
        let id = self.conn.prepare_cached("SELECT id FROM phrases WHERE text = ?1")?.query_row([text], |row| row.get(0))?;
        self.known.insert(text.to_owned(), id);
        Ok(id)
    }

    fn maybe(&mut self, text: Option<&str>) -> rusqlite::Result<Option<i64>> {
        text.map(|text| self.id(text)).transpose()
    }
}

/// The id of the candidate with this digest, stored when it is new.
pub(super) fn store(conn: &Connection, phrases: &mut Phrases<'_>, row: &CandidateRow, digest: &[u8; 32]) -> rusqlite::Result<i64> {
    let known =
        conn.prepare_cached("SELECT id FROM candidates WHERE digest = ?1")?.query_row([digest.as_slice()], |row| row.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let shares: Vec<u8> = row.p.iter().flat_map(|share| share.to_le_bytes()).collect();
    let verdict = if row.refusal_kind.is_some() { "refused" } else { "eligible" };
    conn.prepare_cached(
        "INSERT INTO candidates (digest, task, text, source, who, skill, channel, read_by, confidence, shares, verdict, kind, why,
           unblock, count, counted_by, reach, fit, value, parts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
    )?
    .execute(params![
        digest.as_slice(),
        row.task_id,
        phrases.id(&row.text)?,
        row.source,
        row.who,
        row.skill,
        row.channel,
        row.read_by,
        row.confidence,
        shares,
        verdict,
        row.refusal_kind,
        phrases.maybe(row.why.as_deref())?,
        phrases.maybe(row.unblock.as_deref())?,
        row.audience_count.map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
        row.audience_source,
        row.reach,
        row.fit,
        row.value,
        phrases.id(&row.parts.to_string())?,
    ])?;
    Ok(conn.last_insert_rowid())
}

/// One line of a sheet.
pub(super) fn load(conn: &Connection, line: Line) -> rusqlite::Result<CandidateRow> {
    let mut select = conn.prepare_cached(
        "SELECT c.*, t.text AS words, w.text AS why_text, u.text AS unblock_text, p.text AS parts_json
         FROM candidates AS c JOIN phrases AS t ON t.id = c.text JOIN phrases AS p ON p.id = c.parts
         LEFT JOIN phrases AS w ON w.id = c.why LEFT JOIN phrases AS u ON u.id = c.unblock
         WHERE c.id = ?1",
    )?;
    let row = select.query_row([line.candidate], read).optional()?;
    let row = row.ok_or_else(|| unreadable(Type::Blob, "a sheet names a candidate that is not there"))?;
    Ok(CandidateRow { line: line.line, ..row })
}

fn read(row: &Row<'_>) -> rusqlite::Result<CandidateRow> {
    let shares: [u8; 32] = row.get("shares")?;
    let (shares, _) = shares.as_chunks::<8>();
    let parts = serde_json::from_str(row.get_ref("parts_json")?.as_str()?);
    Ok(CandidateRow {
        task_id: row.get("task")?,
        text: row.get("words")?,
        source: row.get("source")?,
        line: None,
        who: row.get("who")?,
        skill: row.get("skill")?,
        channel: row.get("channel")?,
        read_by: row.get("read_by")?,
        confidence: row.get("confidence")?,
        p: std::array::from_fn(|nth| f64::from_le_bytes(shares[nth])),
        refusal_kind: row.get("kind")?,
        why: row.get("why_text")?,
        unblock: row.get("unblock_text")?,
        audience_count: row.get::<_, Option<i64>>("count")?.map(i64::unsigned_abs),
        audience_source: row.get("counted_by")?,
        reach: row.get("reach")?,
        fit: row.get("fit")?,
        value: row.get("value")?,
        parts: parts.map_err(|_| unreadable(Type::Text, "the parts of a value are no JSON"))?,
    })
}

/// The error for what was stored and can't be read back; it names the thing, not its content.
pub(crate) fn unreadable(kind: Type, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, kind, what.into())
}
