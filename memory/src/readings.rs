//! Remembered readings: what the model said of a line, by the hash of (words, model, heads).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use crate::error::MemoryError;
use crate::open::{Memory, micros};

/// The probabilities of one line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredReading {
    /// Who it is for.
    pub who: [f32; 4],
    /// Which skill.
    pub skill: [f32; 10],
}

impl StoredReading {
    fn bytes(&self) -> [u8; 56] {
        let mut bytes = [0; 56];
        for (place, share) in bytes.chunks_exact_mut(4).zip(self.who.iter().chain(&self.skill)) {
            place.copy_from_slice(&share.to_le_bytes());
        }
        bytes
    }

    /// `None` for bytes of another length: the line is read anew then.
    fn of(bytes: &[u8]) -> Option<Self> {
        let numbers: Vec<f32> = bytes.chunks_exact(4).filter_map(|four| four.try_into().ok().map(f32::from_le_bytes)).collect();
        Some(Self { who: numbers.get(..4)?.try_into().ok()?, skill: numbers.get(4..14)?.try_into().ok()? }).filter(|_| bytes.len() == 56)
    }
}

impl Memory {
    /// Those of `hashes` that are remembered.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn readings(&self, hashes: &[[u8; 32]]) -> Result<HashMap<[u8; 32], StoredReading>, MemoryError> {
        look_up(&self.connection, hashes).map_err(|error| self.wrong(error))
    }

    /// Remembers readings, all or none. They survive the death of the process at once, and that of the machine a little later:
    /// what is lost can be read again, and waiting for a slow disk after every few lines would take longer than reading them.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn remember_readings(&mut self, readings: &[([u8; 32], StoredReading)], now: DateTime<Utc>) -> Result<(), MemoryError> {
        if readings.is_empty() {
            return Ok(());
        }
        self.synchronous("normal")?;
        let kept = self.transact(|conn| {
            let mut write = conn.prepare_cached("INSERT OR REPLACE INTO readings VALUES (?1, ?2, ?3)")?;
            for (hash, reading) in readings {
                write.execute(params![&hash[..], &reading.bytes()[..], micros(now)])?;
            }
            Ok(())
        });
        self.synchronous("full")?;
        kept
    }
}

impl Memory {
    fn synchronous(&self, how: &str) -> Result<(), MemoryError> {
        self.connection.pragma_update(None, "synchronous", how).map_err(|error| self.wrong(error))
    }
}

fn look_up(connection: &Connection, hashes: &[[u8; 32]]) -> rusqlite::Result<HashMap<[u8; 32], StoredReading>> {
    let mut found = HashMap::with_capacity(hashes.len());
    // In the order of the index, so that neighbours share a page.
    let mut sorted: Vec<&[u8; 32]> = hashes.iter().collect();
    sorted.sort_unstable();
    // One read transaction, or every look-up would take a lock of its own.
    let transaction = connection.unchecked_transaction()?;
    let mut statement = transaction.prepare_cached("SELECT shares FROM readings WHERE hash = ?1")?;
    for hash in sorted {
        let mut rows = statement.query([&hash[..]])?;
        if let Some(row) = rows.next()?
            && let Some(reading) = row.get_ref(0)?.as_blob().ok().and_then(StoredReading::of)
        {
            found.insert(*hash, reading);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_come_back_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = "2026-11-20T14:00:00Z".parse().expect("a time");
        let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        let hash = |n: u16| {
            let mut hash = [7; 32];
            hash[..2].copy_from_slice(&n.to_le_bytes());
            hash
        };
        let reading = |n: u16| StoredReading { who: [f32::from(n), 0.1, 0.2, 0.3], skill: [0.1; 10] };
        let many: Vec<_> = (0..10_000).map(|n| (hash(n), reading(n))).collect();
        memory.remember_readings(&many, now).expect("kept");
        let synchronous: i64 = memory.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).expect("asked");
        assert_eq!(synchronous, 2, "what is no reading waits for the disk again");
        let hashes: Vec<_> = (0..10_001).map(hash).collect();
        let found = memory.readings(&hashes).expect("read");
        assert_eq!(found.len(), 10_000);
        assert_eq!(found[&hash(9_999)], reading(9_999));
        memory.connection.execute("UPDATE readings SET shares = x'00' WHERE hash = ?1", [&hash(5)[..]]).expect("broken");
        assert_eq!(memory.readings(&hashes).expect("read").len(), 9_999, "a broken one is read anew");
    }
}
