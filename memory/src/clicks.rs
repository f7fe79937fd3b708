//! Links of letters, and who fetched them. A fetch is kept as it was; whether a human clicked is judged later, when a scanner has had
//! the time to give itself away.
//!
//! Must stay true: a link leads where the letter's own link led and nowhere else; no address and no user agent is kept; at most one
//! sign of life comes of a reader and an issue; what could be a scanner's gives none; of who has left nothing is kept.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_mission::{Fetch, Fetcher, HASTE, human_clicks};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::MemoryError;
use crate::letters::is_suppressed;
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
    /// Keeps where the links of a letter go, and in which of several issues each stands: `about` has one for each, and '' or nothing
    /// where it is the letter's own. What is kept stays as it is.
    ///
    /// # Errors
    /// The rows can't be written: none is then.
    pub fn keep_links(&mut self, letter: u64, issue: &str, addresses: &[String], about: &[String]) -> Result<(), MemoryError> {
        self.transact(|conn| {
            let mut write = conn.prepare_cached("INSERT OR IGNORE INTO letter_links VALUES (?1, ?2, ?3, ?4, ?5)")?;
            addresses.iter().enumerate().try_for_each(|(link, address)| {
                let about = about.get(link).map(String::as_str).filter(|about| !about.is_empty()).unwrap_or(issue);
                write.execute(params![stored(letter), link as i64, issue, address, about]).map(|_| ())
            })
        })
    }

    /// Where a link of a letter goes; the fetch is kept, unless its reader has left: their link leads on, and nobody looks.
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
            if address.is_some() && kept < MOST && !is_suppressed(conn, &click.subscriber)? {
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
                humans += judge(conn, subscriber, *letter, ripe)?;
                conn.prepare_cached("UPDATE clicks SET judged = 1 WHERE subscriber = ?1 AND letter = ?2 AND judged = 0 AND at < ?3")?
                    .execute(params![subscriber, letter, micros(ripe)])?;
            }
            conn.prepare_cached("DELETE FROM clicks WHERE judged = 1 AND at < ?1")?.execute([micros(old)])?;
            Ok(humans)
        })
    }
}

/// Judges what a reader fetched who is about to leave: their clicks go with them, and whether they were active is counted before.
pub(crate) fn judge_leaving(conn: &Connection, subscriber: &str, now: DateTime<Utc>) -> rusqlite::Result<()> {
    let letters: Vec<i64> = conn
        .prepare_cached("SELECT DISTINCT letter FROM clicks WHERE subscriber = ?1 AND judged = 0")?
        .query_map([subscriber], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    letters.into_iter().try_for_each(|letter| judge(conn, subscriber, letter, now - TimeDelta::seconds(HASTE)).map(|_| ()))
}

/// Judges the fetches of one reader's mail that were made before `ripe`, by all of them. How many issues there are in it of which a human's click is new.
fn judge(conn: &Connection, subscriber: &str, letter: i64, ripe: DateTime<Utc>) -> rusqlite::Result<usize> {
    if is_suppressed(conn, subscriber)? {
        return Ok(0);
    }
    let links: Vec<(u32, String, String)> = conn
        .prepare_cached("SELECT link, issue, about FROM letter_links WHERE letter = ?1")?
        .query_map([letter], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let Some((_, issue, _)) = links.first() else { return Ok(0) };
    // Without a mail that was sent there is nobody who could have clicked in it.
    let sent: Option<i64> = conn.prepare_cached(SENT)?.query_row(params![issue, subscriber], |row| row.get(0))?;
    let Some(sent) = sent else { return Ok(0) };
    let fetches: Vec<Fetch> = conn
        .prepare_cached("SELECT link, at, fetcher FROM clicks WHERE subscriber = ?1 AND letter = ?2")?
        .query_map(params![subscriber, letter], |row| {
            let by = row.get::<_, String>(2)?.parse().unwrap_or(Fetcher::Robot);
            Ok(Fetch { link: row.get(0)?, at: time(row.get(1)?), by })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let about: HashMap<u32, &str> = links.iter().map(|(link, _, about)| (*link, about.as_str())).collect();
    let mut new = 0;
    // What is not ripe may turn out to be a scanner's: it is judged next time.
    for click in human_clicks(&fetches, links.len(), time(sent)).into_iter().filter(|click| click.at < ripe) {
        let Some(about) = about.get(&click.link) else { continue };
        let keep = "INSERT INTO signs SELECT ?1, 'click', ?2, ?3
            WHERE NOT EXISTS (SELECT 1 FROM signs WHERE subscriber = ?1 AND kind = 'click' AND about = ?2)";
        new += conn.prepare_cached(keep)?.execute(params![subscriber, about, micros(click.at)])?;
    }
    Ok(new)
}

#[cfg(test)]
mod tests;
