//! Links of letters, and who fetched them. A fetch is kept as it was; whether a human clicked is judged later, when a scanner has had
//! the time to give itself away.
//!
//! Must stay true: a link leads where the letter's own link led and nowhere else; no address and no user agent is kept; at most one
//! sign of life comes of a reader and a letter; what could be a scanner's gives none.

use chrono::{DateTime, TimeDelta, Utc};
use reveille_mission::{Fetch, Fetcher, HASTE, human_click};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};

/// How many fetches of a reader's mail are kept: whoever has the link can fetch it as often as they like.
const MOST: u32 = 200;

/// For how many days fetches are kept.
const KEPT_DAYS: i64 = 30;

/// When a mail about an issue was first sent to a reader. It is asked for each click: `effects_to` finds it among all mails.
const SENT: &str = "SELECT min(coalesce(settled_at, sending_at)) FROM effects
    WHERE issue = ?1 AND channel = 'email' AND recipient = ?2 AND sending_at IS NOT NULL AND state IN ('confirmed', 'unknown')";

/// A fetch of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// The letter's number.
    pub letter: u64,
    /// The number of its link.
    pub link: u32,
    /// The subscriber's id, by the link.
    pub subscriber: String,
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: Fetcher,
}

/// SQLite's integers have a sign.
fn stored(letter: u64) -> i64 {
    i64::from_be_bytes(letter.to_be_bytes())
}

impl Memory {
    /// Keeps where the links of a letter go; what is kept stays as it is.
    ///
    /// # Errors
    /// The rows can't be written: none is then.
    pub fn keep_links(&mut self, letter: u64, issue: &str, addresses: &[String]) -> Result<(), MemoryError> {
        self.transact(|conn| {
            let mut write = conn.prepare_cached("INSERT OR IGNORE INTO letter_links VALUES (?1, ?2, ?3, ?4)")?;
            addresses
                .iter()
                .enumerate()
                .try_for_each(|(link, address)| write.execute(params![stored(letter), link as i64, issue, address]).map(|_| ()))
        })
    }

    /// Where a link of a letter goes; the fetch is kept.
    ///
    /// # Errors
    /// The row can't be read or written.
    pub fn follow(&mut self, click: &Click) -> Result<Option<String>, MemoryError> {
        self.transact(|conn| {
            let address: Option<String> = conn
                .prepare_cached("SELECT address FROM letter_links WHERE letter = ?1 AND link = ?2")?
                .query_row(params![stored(click.letter), click.link], |row| row.get(0))
                .optional()?;
            let kept: u32 = conn
                .prepare_cached("SELECT count(*) FROM clicks WHERE subscriber = ?1 AND letter = ?2")?
                .query_row(params![click.subscriber, stored(click.letter)], |row| row.get(0))?;
            if address.is_some() && kept < MOST {
                conn.prepare_cached("INSERT INTO clicks (letter, link, subscriber, at, fetcher) VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![stored(click.letter), click.link, click.subscriber, micros(click.at), click.by.to_string()])?;
            }
            Ok(address)
        })
    }

    /// Judges the fetches that are old enough: a human's click becomes a sign of life of its reader, about the letter's issue. How many
    /// there were. Fetches of more than 30 days ago are forgotten.
    ///
    /// # Errors
    /// The rows can't be read or written: nothing is judged then.
    pub fn judge_clicks(&mut self, now: DateTime<Utc>) -> Result<usize, MemoryError> {
        let old = now - TimeDelta::days(KEPT_DAYS);
        let ripe = now - TimeDelta::seconds(HASTE);
        // Most of the time there is nothing to judge, and then nothing is written.
        let open = self.rows("SELECT DISTINCT subscriber, letter FROM clicks WHERE judged = 0 AND at < ?1", [micros(ripe)], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })?;
        if open.is_empty() {
            return Ok(0);
        }
        self.transact(|conn| {
            let mut humans = 0;
            for (subscriber, letter) in &open {
                humans += usize::from(judge(conn, subscriber, *letter)?);
                conn.prepare_cached("UPDATE clicks SET judged = 1 WHERE subscriber = ?1 AND letter = ?2 AND judged = 0 AND at < ?3")?
                    .execute(params![subscriber, letter, micros(ripe)])?;
            }
            conn.prepare_cached("DELETE FROM clicks WHERE judged = 1 AND at < ?1")?.execute([micros(old)])?;
            Ok(humans)
        })
    }
}

/// Judges all fetches of one reader's mail; whether a human's click was new among them.
fn judge(conn: &Connection, subscriber: &str, letter: i64) -> rusqlite::Result<bool> {
    let (issue, links): (Option<String>, u32) = conn
        .prepare_cached("SELECT min(issue), count(*) FROM letter_links WHERE letter = ?1")?
        .query_row([letter], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some(issue) = issue else { return Ok(false) };
    let known = conn
        .prepare_cached("SELECT 1 FROM signs WHERE subscriber = ?1 AND kind = 'click' AND about = ?2")?
        .exists(params![subscriber, issue])?;
    // Without a mail that was sent there is nobody who could have clicked in it.
    let sent: Option<i64> = conn.prepare_cached(SENT)?.query_row(params![issue, subscriber], |row| row.get(0))?;
    let Some(sent) = sent.filter(|_| !known) else { return Ok(false) };
    let fetches: Vec<Fetch> = conn
        .prepare_cached("SELECT link, at, fetcher FROM clicks WHERE subscriber = ?1 AND letter = ?2")?
        .query_map(params![subscriber, letter], |row| {
            let by = row.get::<_, String>(2)?.parse().unwrap_or(Fetcher::Robot);
            Ok(Fetch { link: row.get(0)?, at: time(row.get(1)?), by })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let Some(at) = human_click(&fetches, links as usize, time(sent)) else { return Ok(false) };
    conn.prepare_cached("INSERT OR IGNORE INTO signs VALUES (?1, 'click', ?2, ?3)")?.execute(params![subscriber, issue, micros(at)])?;
    Ok(true)
}

#[cfg(test)]
mod tests;
