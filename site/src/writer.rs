//! The one thread that writes into memory. Requests wait for their commit; sign-ups that wait together are committed together.
//!
//! Must stay true: an answer that says that something is kept goes out after its commit; what is asked is done in the order in which it
//! was asked; a full queue refuses, it never grows; one that panics takes nobody with it; nothing is written into a file that is no
//! longer the memory of the home.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use chrono::{DateTime, Utc};
use reveille_memory::{Memory, MemoryError, Place, SignUp, SignUpCaps, SignedUp};
use tokio::sync::{mpsc, oneshot};

/// How many requests may wait for the writer.
const QUEUE: usize = 1024;
/// How many sign-ups share one commit at most, so that what comes behind them is not kept waiting.
const TOGETHER: usize = 256;

/// A write with a commit of its own; it is given no memory when none can be written.
type Alone = Box<dyn FnOnce(Option<&mut Memory>) + Send>;

/// What is to be written.
enum Job {
    /// Something with a commit of its own.
    Alone(Alone),
    SignUp(Asked),
}

/// A sign-up whose asker waits.
struct Asked {
    who: SignUp,
    caps: SignUpCaps,
    now: DateTime<Utc>,
    answer: oneshot::Sender<Result<SignedUp, WriteError>>,
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Memory says no.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Another file stands where the memory stood, and can't be used.
    #[error("the memory was replaced, and what stands there now can't be used")]
    Replaced,
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
    pub fn start(memory: Memory) -> Self {
        let (jobs, waiting) = mpsc::channel::<Job>(QUEUE);
        thread::spawn(move || work(memory, waiting));
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
        let job = Job::Alone(Box::new(move |memory| {
            // Whoever asked may have gone: what was asked is done all the same.
            let _ = answer.send(memory.map_or(Err(WriteError::Replaced), |memory| Ok(write(memory)?)));
        }));
        self.ask(job, answered).await
    }

    /// Takes a sign-up, in one commit with those that wait beside it, and says after the commit what it came to.
    ///
    /// # Errors
    /// Memory's, or nothing can be written now.
    pub async fn sign_up(&self, who: SignUp, caps: SignUpCaps, now: DateTime<Utc>) -> Result<SignedUp, WriteError> {
        let (answer, answered) = oneshot::channel();
        self.ask(Job::SignUp(Asked { who, caps, now, answer }), answered).await
    }

    async fn ask<T>(&self, job: Job, answered: oneshot::Receiver<Result<T, WriteError>>) -> Result<T, WriteError> {
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => WriteError::Busy,
            mpsc::error::TrySendError::Closed(_) => WriteError::Ended,
        })?;
        answered.await.map_err(|_| WriteError::Ended)?
    }
}

/// The memory, as long as its file is the one that stands in its place.
struct Kept {
    memory: Option<Memory>,
    place: Place,
    /// What was wrong last: it is said once.
    said: String,
}

impl Kept {
    /// The memory; nothing while what stands in its place can't be used.
    fn memory(&mut self) -> Option<&mut Memory> {
        if self.memory.is_none() || !self.place.is_same() {
            self.take_the_other();
        }
        self.memory.as_mut()
    }

    /// Leaves the file that was replaced, and opens the one that is there now.
    fn take_the_other(&mut self) {
        if let Some(before) = self.memory.take() {
            tracing::warn!("another file stands where the memory stood: it is opened anew");
            if let Err(error) = before.let_go() {
                tracing::warn!("what was written last may be missing in the file that was replaced: {error}");
            }
        }
        match self.place.open_anew() {
            Ok(memory) => {
                (self.memory, self.said) = (Some(memory), String::new());
            }
            Err(error) => {
                let said = error.to_string();
                if said != self.said {
                    tracing::error!(
                        "readers are asked to come back later: {said}; end `reveille serve`, put the memory in its place, start it"
                    );
                }
                self.said = said;
            }
        }
    }
}

/// Does one job after the other, until nobody is left who could ask.
fn work(memory: Memory, mut waiting: mpsc::Receiver<Job>) {
    let mut kept = Kept { place: memory.place(), memory: Some(memory), said: String::new() };
    let mut next = None;
    while let Some(job) = next.take().or_else(|| waiting.blocking_recv()) {
        let done = catch_unwind(AssertUnwindSafe(|| match job {
            Job::Alone(write) => write(kept.memory()),
            Job::SignUp(first) => {
                let mut together = vec![first];
                next = gather(&mut together, &mut waiting);
                match kept.memory() {
                    Some(memory) => sign_up(memory, together),
                    None => together.into_iter().for_each(|asked| drop(asked.answer.send(Err(WriteError::Replaced)))),
                }
            }
        }));
        if done.is_err() {
            // Its transaction was rolled back on the way out, and whoever waited for it is told that there is no answer.
            tracing::error!("a write failed: this is a mistake in the program");
        }
    }
}

/// Takes the sign-ups that wait already, up to the first job of another kind, which is handed back.
fn gather(together: &mut Vec<Asked>, waiting: &mut mpsc::Receiver<Job>) -> Option<Job> {
    while together.len() < TOGETHER {
        match waiting.try_recv().ok()? {
            Job::SignUp(asked) if asked.caps == together[0].caps => together.push(asked),
            other => return Some(other),
        }
    }
    None
}

/// One commit for all; where that fails each has its own, so that nobody fails for another.
fn sign_up(memory: &mut Memory, together: Vec<Asked>) {
    let (Some(now), Some(caps)) = (together.iter().map(|asked| asked.now).max(), together.first().map(|asked| asked.caps)) else { return };
    let who: Vec<_> = together.iter().map(|asked| asked.who.clone()).collect();
    if let Ok(came_to) = memory.sign_up(&who, caps, now) {
        for (asked, came_to) in together.into_iter().zip(came_to) {
            let _ = asked.answer.send(Ok(came_to));
        }
        return;
    }
    for Asked { who, caps, now, answer } in together {
        let alone = memory
            .sign_up(&[who], caps, now)
            .and_then(|came_to| came_to.into_iter().next().ok_or_else(|| MemoryError::Value("a sign-up came to nothing".to_owned())));
        let _ = answer.send(alone.map_err(WriteError::from));
    }
}

#[cfg(test)]
mod tests;
