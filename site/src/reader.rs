//! Reading memory beside the one who writes: what is long to read keeps nobody waiting who wants to leave.
//!
//! Must stay true: it can't write; no more than two read at once; it is opened for each reading, so that it is always the file that
//! stands there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reveille_memory::{Memory, MemoryError};
use tokio::sync::Semaphore;

use crate::writer::WriteError;

/// How many read at once.
const AT_ONCE: usize = 2;
/// How many may wait for their turn.
const WAITING: usize = 64;

/// The way to read.
#[derive(Debug, Clone)]
pub struct Reader {
    database: Arc<PathBuf>,
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Reader {
    /// Of a database.
    #[must_use]
    pub fn of(database: &Path) -> Self {
        let (turns, places) = (Semaphore::new(AT_ONCE), Semaphore::new(AT_ONCE + WAITING));
        Self { database: Arc::new(database.to_owned()), turns: Arc::new(turns), places: Arc::new(places) }
    }

    /// Runs `read` in a thread of its own: it sees everything that is committed.
    ///
    /// # Errors
    /// Memory's, or too much waits to be read.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Memory) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, WriteError> {
        let _place = self.places.try_acquire().map_err(|_| WriteError::Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| WriteError::Ended)?;
        let database = Arc::clone(&self.database);
        let done = tokio::task::spawn_blocking(move || {
            // Held until the reading is done, also when whoever asked has gone.
            let _turn = turn;
            read(&Memory::open_read_only(&database)?)
        });
        Ok(done.await.map_err(|_| WriteError::Ended)??)
    }
}

#[cfg(test)]
mod tests;
