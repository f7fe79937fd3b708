//! What readers.csv says of people, by their ids. Whoever reads the file tells it here, so that who asks on the site is answered
//! without it: by the same looks, in the same time, for everybody.
//!
//! Must stay true: it is what the file said last, all of it; no address stands here.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use strum::{Display, EnumString};

use crate::error::MemoryError;
use crate::letters::is_suppressed;
use crate::open::Memory;

/// What readers.csv says of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Listing {
    /// They are a confirmed reader.
    Confirmed,
    /// The author wrote that they left, bounced or complained: as long as that stands there, they are not mailed.
    Gone,
}

impl Memory {
    /// Keeps what the file says of everybody; whether that is anything new.
    ///
    /// # Errors
    /// The rows can't be read or written.
    pub fn tell_listed(&mut self, told: &HashMap<String, Listing>) -> Result<bool, MemoryError> {
        let known: HashMap<String, Listing> = self
            .rows("SELECT subscriber, standing FROM listed", [], |row| {
                // A standing that is not known here is the careful one.
                Ok((row.get(0)?, row.get::<_, String>(1)?.parse().unwrap_or(Listing::Gone)))
            })?
            .into_iter()
            .collect();
        if known == *told {
            return Ok(false);
        }
        self.transact(|conn| {
            let mut forget = conn.prepare_cached("DELETE FROM listed WHERE subscriber = ?1")?;
            known.keys().filter(|id| !told.contains_key(*id)).try_for_each(|id| forget.execute([id]).map(|_| ()))?;
            let mut write = conn.prepare_cached("INSERT OR REPLACE INTO listed VALUES (?1, ?2)")?;
            let mut new = told.iter().filter(|(id, standing)| known.get(*id) != Some(standing));
            new.try_for_each(|(id, standing)| write.execute(params![id, standing.to_string()]).map(|_| ()))
        })?;
        Ok(true)
    }

    /// What the file said of somebody when it was read last.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn listed(&self, id: &str) -> Result<Option<Listing>, MemoryError> {
        listed(&self.connection, id).map_err(|error| self.wrong(error))
    }
}

fn listed(conn: &Connection, id: &str) -> rusqlite::Result<Option<Listing>> {
    let found = conn.prepare_cached("SELECT standing FROM listed WHERE subscriber = ?1")?.query_row([id], |row| row.get::<_, String>(0));
    Ok(found.optional()?.map(|standing| standing.parse().unwrap_or(Listing::Gone)))
}

/// Whether somebody is a confirmed reader of the file who has not left since it was read.
pub(crate) fn is_listed_reader(conn: &Connection, id: &str) -> rusqlite::Result<bool> {
    let (listed, suppressed) = (listed(conn, id)?, is_suppressed(conn, id)?);
    Ok(listed == Some(Listing::Confirmed) && !suppressed)
}

#[cfg(test)]
mod tests;
