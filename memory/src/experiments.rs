//! Experiments: what is tried, how many people it takes, and the counts of headlines. Those of a letter are made from the ledger and the
//! signs of life.
//!
//! Must stay true: an experiment is frozen at its first exposure; an exposure is counted before its outcome; who it was is not kept
//! longer than a sign-up waits for its confirmation.

use chrono::{DateTime, Utc};
use reveille_mission::experiment::{Arm, Kind, Rates};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};

/// An experiment as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Its name, the seed of the assignment.
    pub name: String,
    /// What is worded in several ways.
    pub kind: Kind,
    /// The id of the issue whose letter it is, or empty.
    pub about: String,
    /// The wordings.
    pub variants: Vec<String>,
    /// The difference that it can see.
    pub rates: Rates,
    /// How many people a side that takes.
    pub people: u64,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Nobody looks at outcomes before; nothing for a letter.
    pub ends_at: Option<DateTime<Utc>>,
}

/// One sight of a headline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// The experiment's name.
    pub experiment: String,
    /// Which wording, from 0.
    pub variant: usize,
    /// When.
    pub at: DateTime<Utc>,
}

impl Exposure {
    /// Days since 1970, UTC.
    fn day(&self) -> i64 {
        self.at.timestamp().div_euclid(86_400)
    }
}

const COLUMNS: &str = "name, kind, about, variants, base, wanted, people, started_at, ends_at";

impl Memory {
    /// Begins an experiment, or finds the one of this name. One that nobody has seen yet takes the new words; of one that somebody has,
    /// everything stays as it was.
    ///
    /// # Errors
    /// The row can't be written or read.
    pub fn begin_experiment(&mut self, new: &Experiment) -> Result<Experiment, MemoryError> {
        let variants = serde_json::to_string(&new.variants).map_err(|error| MemoryError::Value(error.to_string()))?;
        let kept = self.transact(|conn| {
            if find(conn, &new.name)?.is_none() || !is_seen(conn, &new.name)? {
                conn.execute(
                    "INSERT INTO experiments VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                     ON CONFLICT (name) DO UPDATE SET kind = ?2, about = ?3, variants = ?4, base = ?5, wanted = ?6, people = ?7,
                        started_at = ?8, ends_at = ?9",
                    params![
                        new.name,
                        new.kind.to_string(),
                        new.about,
                        variants,
                        new.rates.base,
                        new.rates.wanted,
                        i64::try_from(new.people).unwrap_or(i64::MAX),
                        micros(new.started_at),
                        new.ends_at.map(micros)
                    ],
                )?;
            }
            find(conn, &new.name)
        })?;
        kept.ok_or_else(|| MemoryError::Value(format!("the experiment {}", new.name)))
    }

    /// The experiment of this name.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn experiment(&self, name: &str) -> Result<Option<Experiment>, MemoryError> {
        find(&self.connection, name).map_err(|error| self.wrong(error))
    }

    /// All of them, the oldest first.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn experiments(&self) -> Result<Vec<Experiment>, MemoryError> {
        self.rows(&format!("SELECT {COLUMNS} FROM experiments ORDER BY started_at, name"), [], read)
    }

    /// Counts people who saw a headline for the first time that day.
    ///
    /// # Errors
    /// There is no such experiment, or the rows can't be written: none is then.
    pub fn count_exposures(&mut self, exposures: &[Exposure]) -> Result<(), MemoryError> {
        self.transact(|conn| {
            let mut write = conn.prepare_cached(
                "INSERT INTO exposures (experiment, variant, day, shown) VALUES (?1, ?2, ?3, 1)
                 ON CONFLICT (experiment, variant, day) DO UPDATE SET shown = shown + 1",
            )?;
            exposures.iter().try_for_each(|one| write.execute(params![one.experiment, side(one.variant), one.day()]).map(|_| ()))
        })
    }

    /// Somebody asked for the letter who was shown a headline: their confirmation will be its outcome. Only the first time counts,
    /// only of who has not confirmed, and only what was counted as shown.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn await_outcome(&mut self, subscriber: &str, shown: &Exposure) -> Result<(), MemoryError> {
        self.transact(|conn| {
            conn.execute(
                "INSERT OR IGNORE INTO awaited_outcomes SELECT ?1, ?2, ?3, ?4
                 WHERE EXISTS (SELECT 1 FROM subscribers WHERE id = ?1 AND state = 'pending')
                   AND EXISTS (SELECT 1 FROM exposures WHERE experiment = ?2 AND variant = ?3 AND day = ?4)",
                params![subscriber, shown.experiment, side(shown.variant), shown.day()],
            )
            .map(|_| ())
        })
    }

    /// The counts of a headline, by wording; `sides` of them.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn headline_arms(&self, name: &str, sides: usize) -> Result<Vec<Arm>, MemoryError> {
        let sql = "SELECT variant, sum(shown), sum(outcomes) FROM exposures WHERE experiment = ?1 GROUP BY variant";
        let count = |row: &Row<'_>, at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        let rows = self.rows(sql, [name], |row| Ok((row.get::<_, i64>(0)?, Arm { shown: count(row, 1)?, outcomes: count(row, 2)? })))?;
        let mut arms = vec![Arm::default(); sides];
        for (variant, arm) in rows {
            if let Some(place) = usize::try_from(variant).ok().and_then(|variant| arms.get_mut(variant)) {
                *place = arm;
            }
        }
        Ok(arms)
    }
}

fn side(variant: usize) -> i64 {
    i64::try_from(variant).unwrap_or(i64::MAX)
}

/// Whether somebody has seen it, or a mail with its subject is frozen.
fn is_seen(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM exposures WHERE experiment = ?1)
            OR EXISTS (SELECT 1 FROM experiments AS x JOIN effects AS e ON e.issue = x.about AND e.part = 'letter'
                       WHERE x.name = ?1 AND x.kind = 'subject')",
        [name],
        |row| row.get(0),
    )
}

fn find(conn: &Connection, name: &str) -> rusqlite::Result<Option<Experiment>> {
    conn.query_row(&format!("SELECT {COLUMNS} FROM experiments WHERE name = ?1"), [name], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Experiment> {
    let wrong = |at: usize, error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error)
    };
    Ok(Experiment {
        name: row.get(0)?,
        kind: row.get::<_, String>(1)?.parse().map_err(|error: strum::ParseError| wrong(1, error.into()))?,
        about: row.get(2)?,
        variants: serde_json::from_str(&row.get::<_, String>(3)?).map_err(|error| wrong(3, error.into()))?,
        rates: Rates { base: row.get(4)?, wanted: row.get(5)? },
        people: row.get::<_, i64>(6)?.unsigned_abs(),
        started_at: time(row.get(7)?),
        ends_at: row.get::<_, Option<i64>>(8)?.map(time),
    })
}

#[cfg(test)]
mod tests;
