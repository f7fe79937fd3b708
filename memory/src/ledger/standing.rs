//! An effect in its state, with the steps that are legal from there: a step that is not legal has no method. Each state holds
//! the effect with its frozen bytes, so that what goes out can only be what was written down.

use chrono::{DateTime, Utc};

use super::{Effect, EffectId, EffectState, EvidenceRow, add_evidence};
use crate::error::MemoryError;
use crate::open::Memory;

/// An effect that nothing has happened for.
#[derive(Debug)]
#[must_use]
pub struct Intended(pub(super) Effect);

/// An effect on its way: the permit without which nothing is sent. Only the ledger makes one.
///
/// ```compile_fail
/// fn forge(effect: reveille_memory::Effect) -> reveille_memory::Sending {
///     reveille_memory::Sending(effect)
/// }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Sending(pub(super) Effect);

/// An effect that a person posts.
#[derive(Debug)]
#[must_use]
pub struct Awaiting(pub(super) Effect);

/// An effect that may have happened.
#[derive(Debug)]
#[must_use]
pub struct Unknown(pub(super) Effect);

/// An effect in its state, with the steps that are legal from there.
#[derive(Debug)]
pub enum Standing {
    /// See [`Intended`].
    Intended(Intended),
    /// See [`Awaiting`].
    Awaiting(Awaiting),
    /// See [`Sending`].
    Sending(Sending),
    /// See [`Unknown`].
    Unknown(Unknown),
    /// It is settled: confirmed or refused.
    Settled(Effect),
}

impl Intended {
    pub(super) fn of(effect: Effect) -> Self {
        Self(effect)
    }

    /// The effect.
    #[must_use]
    pub fn effect(&self) -> &Effect {
        &self.0
    }

    /// The effect's number.
    #[must_use]
    pub fn id(&self) -> EffectId {
        self.0.id
    }

    /// Writes anew what it will send: nothing has gone out, and the author may have edited it since.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn renew(mut self, memory: &mut Memory, text: Vec<u8>, token: String) -> Result<Self, MemoryError> {
        if self.0.text != text || self.0.token != token {
            memory.renew(&self.0, &text, &token)?;
            (self.0.text, self.0.token) = (text, token);
        }
        Ok(self)
    }

    /// The last step before it happens. Commit it, then act.
    ///
    /// # Errors
    /// The row can't be written: do not act.
    pub fn send(self, memory: &mut Memory, at: DateTime<Utc>) -> Result<Sending, MemoryError> {
        memory.step(&self.0, EffectState::Sending, at, None).map(|()| Sending(self.0.sent(at)))
    }

    /// A person will post it.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn await_human(self, memory: &mut Memory, at: DateTime<Utc>) -> Result<Awaiting, MemoryError> {
        memory
            .step(&self.0, EffectState::AwaitingHuman, at, None)
            .map(|()| Awaiting(Effect { state: EffectState::AwaitingHuman, settled_at: Some(at), ..self.0 }))
    }

    /// It will not happen.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(&self.0, EffectState::Refused, at, Some(why))
    }
}

impl Sending {
    pub(super) fn of(effect: Effect) -> Self {
        Self(effect)
    }

    /// The effect, with its frozen bytes.
    #[must_use]
    pub fn effect(&self) -> &Effect {
        &self.0
    }

    /// It happened: here is the proof.
    ///
    /// # Errors
    /// The rows can't be written, or there is no evidence.
    pub fn confirm(self, memory: &mut Memory, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.confirm(&self.0, evidence, at)
    }

    /// It certainly did not happen.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(&self.0, EffectState::Refused, at, Some(why))
    }

    /// It certainly did not happen, and may be tried again: from `not_before` on, or at once.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn put_back(self, memory: &mut Memory, why: &str, not_before: Option<DateTime<Utc>>, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.put_back(&self.0, why, not_before, at)
    }

    /// It happened, and in the same commit the next one is let go: one sync of the disk a mail.
    ///
    /// # Errors
    /// The rows can't be written: then neither step was taken.
    pub fn confirm_and_send(
        self,
        memory: &mut Memory,
        evidence: &[EvidenceRow],
        next: Intended,
        at: DateTime<Utc>,
    ) -> Result<Sending, MemoryError> {
        memory.confirm_and_send(&self.0, evidence, &next.0, at)?;
        Ok(Sending(next.0.sent(at)))
    }

    /// Nobody can tell.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn lose_sight(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<Unknown, MemoryError> {
        memory
            .step(&self.0, EffectState::Unknown, at, Some(why))
            .map(|()| Unknown(Effect { state: EffectState::Unknown, error: Some(why.to_owned()), settled_at: Some(at), ..self.0 }))
    }
}

impl Awaiting {
    pub(super) fn of(effect: Effect) -> Self {
        Self(effect)
    }

    /// The human says where it is.
    ///
    /// # Errors
    /// The rows can't be written, or there is no evidence.
    pub fn confirm(self, memory: &mut Memory, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.confirm(&self.0, evidence, at)
    }

    /// The human will not post it.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(&self.0, EffectState::Refused, at, Some(why))
    }
}

impl Unknown {
    pub(super) fn of(effect: Effect) -> Self {
        Self(effect)
    }

    /// The effect, with its frozen bytes.
    #[must_use]
    pub fn effect(&self) -> &Effect {
        &self.0
    }

    /// A look at the place showed it there.
    ///
    /// # Errors
    /// The rows can't be written, or there is no evidence.
    pub fn confirm(self, memory: &mut Memory, evidence: &[EvidenceRow], at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.confirm(&self.0, evidence, at)
    }

    /// Keeps what a look at the place (or a person) said: it is not there. Opens the way to [`Unknown::send_again`].
    ///
    /// # Errors
    /// The row can't be written.
    pub fn not_there(&self, memory: &mut Memory, look: &EvidenceRow) -> Result<(), MemoryError> {
        memory.transact(|conn| add_evidence(conn, self.0.id, "absent", look))
    }

    /// A person says that it is not there: from now on it may be sent as if it had not been.
    ///
    /// # Errors
    /// The rows can't be written, or the word is not a person's.
    pub fn put_back_by_hand(self, memory: &mut Memory, word: &EvidenceRow, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.transact(|conn| add_evidence(conn, self.0.id, "absent", word))?;
        memory.step(&self.0, EffectState::Intended, at, None)
    }

    /// Sends the same bytes again. Pages may be written again at any time; a post only after [`Unknown::not_there`] for the
    /// last sending; a mail only when that was a person's word.
    ///
    /// # Errors
    /// The row can't be written, or nobody has looked: do not act.
    pub fn send_again(self, memory: &mut Memory, at: DateTime<Utc>) -> Result<Sending, MemoryError> {
        memory.step(&self.0, EffectState::Sending, at, None).map(|()| Sending(self.0.sent(at)))
    }

    /// It is given up.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn refuse(self, memory: &mut Memory, why: &str, at: DateTime<Utc>) -> Result<(), MemoryError> {
        memory.step(&self.0, EffectState::Refused, at, Some(why))
    }
}
