//! Visits of the site by day, page and source, and the funnel. A person is a number made with the day's salt, for as long as the day
//! lasts.
//!
//! Must stay true: no address, no user agent and no time of day is kept; a number and its salt are gone by the first write of the next
//! day; a day is counted by the server or by a log, never by both, and it is a page of the publication that makes it the server's;
//! nothing of it grows with what strangers send: who comes beyond the bounds of a day and of a network is a look at a page by nobody.

mod salt;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, Utc};
use reveille_mission::{DayCount, Fetcher, PEOPLE_A_DAY, PEOPLE_A_NETWORK, VisitSource, network_of, visitor_number};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::MemoryError;
use crate::open::Memory;

/// The name of every page that is none of the publication's.
pub const OTHER: &str = "other";

/// In `visitor_networks`, all of them together.
const ALL_NETWORKS: i64 = 0;

/// What a browser shows of itself: network address, user agent, host. It is never kept, and never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Visitor([String; 3]);

impl Visitor {
    /// Of a request.
    #[must_use]
    pub fn of(address: &str, agent: &str, host: &str) -> Self {
        Self([address, agent, host].map(str::to_owned))
    }

    /// Their number under a salt.
    #[must_use]
    pub fn number(&self, salt: &[u8; 32]) -> i64 {
        visitor_number(salt, &self.0.each_ref().map(String::as_str))
    }

    /// Their network's number under a salt; what is no address is a network of its own.
    #[must_use]
    pub fn network(&self, salt: &[u8; 32]) -> i64 {
        let [address, ..] = &self.0;
        let network = address.parse::<IpAddr>().map_or_else(|_| address.clone(), network_of);
        visitor_number(salt, &["network", &network])
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visitor(…)")
    }
}

/// A page that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// When.
    pub at: DateTime<Utc>,
    /// The page's path, or [`OTHER`].
    pub page: String,
    /// What led to this page; what brought the visitor first on that day stands before it.
    pub source: VisitSource,
    /// Who fetched it.
    pub by: Fetcher,
    /// By whom; nothing where they ask not to be told from others.
    pub visitor: Option<Visitor>,
}

/// A day as a web server's log tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedDay {
    /// The day (UTC), a whole one.
    pub day: NaiveDate,
    /// Pages: path, source, views, visitors.
    pub pages: Vec<(String, VisitSource, u64, u64)>,
    /// Visitors by what brought them first.
    pub landings: Vec<(VisitSource, u64)>,
    /// Pages that programs fetched.
    pub robots: u64,
}

/// The visits of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayVisits {
    /// The day (UTC).
    pub day: NaiveDate,
    /// Pages that people looked at.
    pub views: u64,
    /// Pages that programs fetched.
    pub robots: u64,
}

/// The number of a day.
fn number(day: NaiveDate) -> i64 {
    (day - NaiveDate::default()).num_days()
}

/// A count as SQLite takes it.
fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn day_of(number: i64) -> Option<NaiveDate> {
    NaiveDate::default().checked_add_signed(chrono::TimeDelta::try_days(number)?)
}

impl Memory {
    /// Counts pages that were fetched, in one commit, and forgets whose days are over.
    ///
    /// # Errors
    /// The salt or the rows can't be written: nothing is counted then.
    pub fn count_views(&mut self, views: &[View], now: DateTime<Utc>) -> Result<(), MemoryError> {
        let mut told = Vec::with_capacity(views.len());
        // The salt of a day goes with the first view of the next one.
        let mut views: Vec<&View> = views.iter().collect();
        views.sort_by_key(|view| view.at);
        for view in views {
            let visitor = match &view.visitor {
                Some(visitor) if view.by == Fetcher::Person => {
                    let salt = self.salt(view.at.date_naive())?;
                    Some((visitor.number(&salt), visitor.network(&salt)))
                }
                _ => None,
            };
            told.push((view, visitor));
        }
        self.transact(|conn| {
            told.iter().try_for_each(|(view, visitor)| count(conn, view, *visitor))?;
            forget(conn, now.date_naive())
        })?;
        self.forget_salt(now.date_naive())
    }

    /// Forgets the visitors of days that are over. It is called at start, by every wake and with everything that is counted.
    ///
    /// # Errors
    /// The rows or the salt can't be removed.
    pub fn forget_visitors(&mut self, now: DateTime<Utc>) -> Result<(), MemoryError> {
        let today = now.date_naive();
        let (days, today_number) = (self.rows("SELECT DISTINCT day FROM visitors", [], |row| row.get::<_, i64>(0))?, number(today));
        if days.iter().any(|day| *day != today_number) {
            self.transact(|conn| forget(conn, today))?;
        }
        self.forget_salt(today)
    }

    /// What brought a visitor first today, where that was seen.
    ///
    /// # Errors
    /// The salt or the row can't be read.
    pub fn first_touch(&self, visitor: &Visitor, now: DateTime<Utc>) -> Result<Option<VisitSource>, MemoryError> {
        let today = now.date_naive();
        let Some(salt) = self.known_salt(today)? else { return Ok(None) };
        let found = self.rows(
            "SELECT source FROM visitors WHERE day = ?1 AND visitor = ?2",
            params![number(today), visitor.number(&salt)],
            |row| row.get::<_, String>(0),
        )?;
        Ok(found.into_iter().next().and_then(|source| source.parse().ok()))
    }

    /// Keeps a day of a log. Whether it was new: a day that the server or an earlier import counted stays as it is.
    ///
    /// # Errors
    /// The rows can't be written: none is then.
    pub fn count_logged(&mut self, logged: &LoggedDay) -> Result<bool, MemoryError> {
        let day = number(logged.day);
        self.transact(|conn| {
            let new = conn
                .prepare_cached("INSERT OR IGNORE INTO visit_days VALUES (?1, 'log', ?2)")?
                .execute(params![day, whole(logged.robots)])?;
            if new == 0 {
                return Ok(false);
            }
            for (page, source, views, visitors) in &logged.pages {
                add_views(conn, day, page, &source.to_string(), *views, *visitors)?;
            }
            for (source, people) in logged.landings.iter().filter(|(source, _)| !source.is_readers()) {
                land(conn, day, *source, *people)?;
            }
            Ok(true)
        })
    }

    /// Whether a day was counted.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn is_counted(&self, day: NaiveDate) -> Result<bool, MemoryError> {
        Ok(!self.rows("SELECT 1 FROM visit_days WHERE day = ?1", [number(day)], |_| Ok(()))?.is_empty())
    }

    /// The visits of each counted day from a day on, the oldest first.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn visits_since(&self, from: NaiveDate) -> Result<Vec<DayVisits>, MemoryError> {
        let sql = "SELECT d.day, coalesce((SELECT sum(views) FROM visits AS v WHERE v.day = d.day), 0), d.robots
                   FROM visit_days AS d WHERE d.day >= ?1 ORDER BY d.day";
        let known = self.rows(sql, [number(from)], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
        Ok(known
            .into_iter()
            .filter_map(|(day, views, robots)| {
                Some(DayVisits { day: day_of(day)?, views: views.unsigned_abs(), robots: robots.unsigned_abs() })
            })
            .collect())
    }

    /// How many people took each step of the funnel on each day from a day on.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn funnel_since(&self, from: NaiveDate) -> Result<Vec<DayCount>, MemoryError> {
        let sql = "SELECT day, source, step, people FROM funnel WHERE day >= ?1 ORDER BY day, source, step";
        let known = self.rows(sql, [number(from)], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?.unsigned_abs()))
        })?;
        // A step that only a later program knows is left out.
        let count = |(day, source, step, people): (i64, String, String, u64)| {
            Some(DayCount { day: day_of(day)?, source, step: step.parse().ok()?, people })
        };
        Ok(known.into_iter().filter_map(count).collect())
    }
}

/// Counts one view; `who` is the visitor's number and their network's.
fn count(conn: &Connection, view: &View, who: Option<(i64, i64)>) -> rusqlite::Result<()> {
    let day = number(view.at.date_naive());
    let is_counted = mark(conn, day, view)?;
    if view.by != Fetcher::Person {
        return Ok(());
    }
    let visitor = match who {
        Some((visitor, network)) if is_known(conn, day, visitor)? || admit(conn, day, visitor, network, view.source)? => Some(visitor),
        _ => None,
    };
    // Whose day is not the server's is counted by a log, if at all; what brought them is known for a sign-up all the same.
    if !is_counted {
        return Ok(());
    }
    let Some(visitor) = visitor else { return add_views(conn, day, &view.page, &view.source.to_string(), 1, 0) };
    let first: String =
        conn.prepare_cached("SELECT source FROM visitors WHERE day = ?1 AND visitor = ?2")?.query_row([day, visitor], |row| row.get(0))?;
    let landed = conn.prepare_cached("SELECT 1 FROM visitor_pages WHERE day = ?1 AND visitor = ?2")?.exists([day, visitor])?;
    if let (false, Ok(source)) = (landed, first.parse::<VisitSource>())
        && !source.is_readers()
    {
        land(conn, day, source, 1)?;
    }
    let seen = conn.prepare_cached("INSERT OR IGNORE INTO visitor_pages VALUES (?1, ?2, ?3)")?.execute(params![day, visitor, view.page])?;
    add_views(conn, day, &view.page, &first, 1, seen as u64)
}

/// Makes a day the server's, if a page of the publication was looked at; whether it is. A form or a page of somebody's own makes none:
/// where another web server hands out the pages, its log tells that day.
fn mark(conn: &Connection, day: i64, view: &View) -> rusqlite::Result<bool> {
    let sql = match view.page.as_str() {
        OTHER => "UPDATE visit_days SET robots = robots + ?2 WHERE day = ?1 AND counted_by = 'server'",
        _ => "INSERT INTO visit_days VALUES (?1, 'server', ?2) ON CONFLICT DO UPDATE SET robots = robots + excluded.robots",
    };
    let robots = u64::from(view.by != Fetcher::Person);
    Ok(conn.prepare_cached(sql)?.execute(params![day, whole(robots)])? > 0)
}

fn is_known(conn: &Connection, day: i64, visitor: i64) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM visitors WHERE day = ?1 AND visitor = ?2")?.exists([day, visitor])
}

/// Takes a new visitor in, within the bounds of the day and of the network. Whether there was room.
fn admit(conn: &Connection, day: i64, visitor: i64, network: i64, source: VisitSource) -> rusqlite::Result<bool> {
    let rooms = [(ALL_NETWORKS, PEOPLE_A_DAY), (network, PEOPLE_A_NETWORK)];
    for (network, most) in rooms {
        let people: Option<i64> = conn
            .prepare_cached("SELECT people FROM visitor_networks WHERE day = ?1 AND network = ?2")?
            .query_row([day, network], |row| row.get(0))
            .optional()?;
        if people.unwrap_or_default() >= whole(most) {
            return Ok(false);
        }
    }
    for (network, _) in rooms {
        conn.prepare_cached("INSERT INTO visitor_networks VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET people = people + 1")?
            .execute([day, network])?;
    }
    conn.prepare_cached("INSERT INTO visitors VALUES (?1, ?2, ?3)")?.execute(params![day, visitor, source.to_string()])?;
    Ok(true)
}

fn add_views(conn: &Connection, day: i64, page: &str, source: &str, views: u64, visitors: u64) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO visits VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET views = views + excluded.views, visitors = visitors + excluded.visitors",
    )?
    .execute(params![day, page, source, whole(views), whole(visitors)])
    .map(|_| ())
}

fn land(conn: &Connection, day: i64, source: VisitSource, people: u64) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT INTO funnel VALUES (?1, ?2, 'landing', ?3) ON CONFLICT DO UPDATE SET people = people + excluded.people")?
        .execute(params![day, source.to_string(), whole(people)])
        .map(|_| ())
}

/// A day that is still to come is over too: a clock was set back.
fn forget(conn: &Connection, today: NaiveDate) -> rusqlite::Result<()> {
    for table in ["visitors", "visitor_pages", "visitor_networks"] {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE day <> ?1"))?.execute([number(today)])?;
    }
    Ok(())
}
