//! Sign-ups that the caps on mails turned away.
//!
//! Must stay true: a number a day and cap, for thirty days; nothing of who asked is kept.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};
use serde::Serialize;

use crate::error::MemoryError;
use crate::open::{Memory, micros};

/// A day as times are stored.
const DAY: i64 = 86_400_000_000;

/// For how long it is kept.
const KEPT: TimeDelta = TimeDelta::days(30);

/// How many sign-ups a cap turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TurnedAway {
    /// By the cap of their network.
    pub network: u64,
    /// By the cap of all together.
    pub all: u64,
}

impl Memory {
    /// How many sign-ups the caps turned away since the beginning of a time's day (UTC).
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn turned_away(&self, since: DateTime<Utc>) -> Result<TurnedAway, MemoryError> {
        let sql = "SELECT coalesce(sum(asked) FILTER (WHERE cap = 'network'), 0), coalesce(sum(asked) FILTER (WHERE cap = 'all'), 0)
            FROM turned_away WHERE day >= ?1";
        let counts = self.rows(sql, [day(since)], |row| {
            Ok(TurnedAway { network: row.get::<_, i64>(0)?.unsigned_abs(), all: row.get::<_, i64>(1)?.unsigned_abs() })
        })?;
        Ok(counts.into_iter().next().unwrap_or_default())
    }
}

fn day(at: DateTime<Utc>) -> i64 {
    micros(at).div_euclid(DAY)
}

/// Counts a sign-up over a cap: `network` or `all`.
pub(crate) fn count(conn: &Connection, cap: &str, now: DateTime<Utc>) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT INTO turned_away VALUES (?1, ?2, 1) ON CONFLICT (day, cap) DO UPDATE SET asked = asked + 1")?
        .execute(params![day(now), cap])
        .map(|_| ())
}

/// Forgets what is older than it is kept.
pub(crate) fn forget(conn: &Connection, now: DateTime<Utc>) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM turned_away WHERE day < ?1", [day(now - KEPT)]).map(|_| ())
}
