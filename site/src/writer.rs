//! The one thread that writes into memory. Requests wait for their commit; what waits together may be committed together.
//!
//! Must stay true: an answer that says that something is kept goes out after its commit; a full queue refuses, it never grows.

use std::thread;

use reveille_memory::{Memory, MemoryError};
use tokio::sync::{mpsc, oneshot};

/// How many requests may wait for the writer.
const QUEUE: usize = 1024;

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Memory says no.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// More is asked than can be written.
    #[error("too much waits to be written")]
    Busy,
    /// The writer has ended.
    #[error("the writer has ended")]
    Ended,
}

/// The way to the writer; it ends when the last of them is dropped.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the thread, which owns this memory.
    #[must_use]
    pub fn start(mut memory: Memory) -> Self {
        let (jobs, mut waiting) = mpsc::channel::<Job>(QUEUE);
        thread::spawn(move || {
            while let Some(job) = waiting.blocking_recv() {
                job(&mut memory);
            }
        });
        Self { jobs }
    }

    /// Runs `write` in the writer's thread and waits for what comes of it.
    ///
    /// # Errors
    /// Memory's, or nothing can be written now.
    pub async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Memory) -> Result<T, MemoryError> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            // Whoever asked may have gone: what was asked is done all the same.
            let _ = answer.send(write(memory));
        });
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => WriteError::Busy,
            mpsc::error::TrySendError::Closed(_) => WriteError::Ended,
        })?;
        Ok(answered.await.map_err(|_| WriteError::Ended)??)
    }
}
