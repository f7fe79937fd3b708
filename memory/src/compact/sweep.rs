//! What nothing lists any more goes: sheets without a run, candidates without a sheet, phrases without anything. Must stay true:
//! a sheet that can't be read ends the sweep with an error, for nobody knows what it lists.

use std::collections::HashSet;

use rusqlite::{Connection, Params};

use crate::sheets::candidates_of;

/// How many of each go in one call at most: more than the runs of one call can list anew.
const ROWS_A_TIME: usize = 50_000;

/// Sweeps; how many rows went. References are not checked here.
pub(super) fn sweep(conn: &Connection) -> rusqlite::Result<u64> {
    let sheets = conn.execute("DELETE FROM sheets WHERE id NOT IN (SELECT sheet FROM runs WHERE sheet IS NOT NULL)", [])?;
    let mut listed = HashSet::new();
    for sheet in ids(conn, "SELECT id FROM sheets", [])? {
        listed.extend(candidates_of(conn, sheet)?);
    }
    let candidates = delete_others(conn, "candidates", &listed)?;
    let mut said = HashSet::new();
    for sql in [
        "SELECT text FROM candidates",
        "SELECT why FROM candidates WHERE why IS NOT NULL",
        "SELECT unblock FROM candidates WHERE unblock IS NOT NULL",
        "SELECT parts FROM candidates",
        "SELECT asks FROM sheets",
        "SELECT summary FROM runs WHERE summary IS NOT NULL",
    ] {
        said.extend(ids(conn, sql, [])?);
    }
    let phrases = delete_others(conn, "phrases", &said)?;
    Ok((sheets + candidates + phrases) as u64)
}

/// Deletes the rows of a table that are not in `kept`.
fn delete_others(conn: &Connection, table: &str, kept: &HashSet<i64>) -> rusqlite::Result<usize> {
    let gone = ids(conn, &format!("SELECT id FROM {table} ORDER BY id"), [])?;
    let mut delete = conn.prepare(&format!("DELETE FROM {table} WHERE id = ?1"))?;
    gone.into_iter().filter(|id| !kept.contains(id)).take(ROWS_A_TIME).try_fold(0, |sum, id| Ok(sum + delete.execute([id])?))
}

fn ids(conn: &Connection, sql: &str, values: impl Params) -> rusqlite::Result<Vec<i64>> {
    conn.prepare(sql)?.query_map(values, |row| row.get(0))?.collect()
}
