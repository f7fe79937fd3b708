//! An effect's way out: written down, let go, sent, proved. Everything that leaves the home goes this way.
//!
//! Must stay true: the brakes are asked between the intent and the call; what may have happened is looked for on the server
//! before it is sent again, and its absence counts only once a server has had time to finish; what certainly did not happen
//! is put back; nothing is confirmed without a receipt.

pub mod letter;
pub mod note;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{Effect, EvidenceRow, Intended, Memory, MemoryError, Sending, Standing, Unknown, has_to_wait};
use strum::{Display, EnumIter, EnumString};

use crate::channels::{Attached, Connection, Fault, Frozen, Look, Receipt};

/// How long a server may take to finish what it was asked, counted from when sight of it was lost, after which "it is not there" counts. A server that was silent for
/// a minute may still write; nobody sees it do so after a quarter of an hour.
const SETTLED: TimeDelta = TimeDelta::minutes(15);

/// How often the same bytes are sent and never seen, before only a person can say how it goes on.
const MOST_SENDINGS: u32 = 3;

/// How long to leave a channel alone that could not be reached.
const TRY_AGAIN: TimeDelta = TimeDelta::minutes(30);

/// The steps of an effect, each a place where a crash must lose nothing and repeat nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, EnumIter)]
#[strum(serialize_all = "kebab-case")]
pub enum Step {
    /// The effect is about to be written down.
    BeforeIntent,
    /// It is written down.
    AfterIntent,
    /// It was let go, and is about to be sent.
    BeforeCall,
    /// The server's answer is here, and was read back.
    AfterAnswer,
    /// It is proved in the ledger.
    AfterConfirm,
}

/// What an effect asks before it goes out.
pub struct Brakes<'a> {
    /// Whether it may go out now; else why not. Caps, approval, pause, STOP file, lease, quiet hours, time limit.
    pub may: &'a dyn Fn(&Memory) -> Result<(), String>,
    /// Whether what was let go may still be sent: the last look, for the program may have been frozen since it was let go.
    pub still: &'a dyn Fn(&Memory) -> Result<(), String>,
    /// Told of every step.
    pub step: &'a dyn Fn(Step),
    /// The time.
    pub now: &'a dyn Fn() -> DateTime<Utc>,
}

/// What came of an effect. The ledger says the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivered {
    /// It is there, and was read back.
    Confirmed(Box<Receipt>),
    /// Nothing was sent: a brake.
    Held {
        /// Why.
        why: String,
    },
    /// Nothing was sent, and it will never be.
    Refused {
        /// Why.
        why: String,
    },
    /// The channel did not do it; the fault says whether it may have happened. Of a look only what the caller must remember, a
    /// dead credential or a rate limit: then the effect stays unknown.
    Failed(Fault),
    /// It may have happened, and a look did not settle it.
    Unsure {
        /// Why not.
        why: String,
    },
}

/// Writes an effect down: its frozen bytes, and what they are sent with.
///
/// # Errors
/// The rows can't be written: then nothing may be sent.
pub fn intend(
    memory: &mut Memory,
    frozen: &Frozen,
    new: impl FnOnce(&Frozen) -> reveille_memory::NewEffect,
    brakes: &Brakes<'_>,
) -> Result<Standing, MemoryError> {
    for attached in &frozen.attached {
        memory.keep_letter(&attached.digest, &attached.bytes)?;
    }
    (brakes.step)(Step::BeforeIntent);
    let standing = memory.intend(&new(frozen), (brakes.now)())?;
    (brakes.step)(Step::AfterIntent);
    match standing {
        // Nothing has gone out: what the author edited since counts.
        Standing::Intended(intended) => Ok(Standing::Intended(intended.renew(memory, frozen.text.clone(), frozen.token.clone())?)),
        other => Ok(other),
    }
}

/// Brings an effect as far as it goes now: sends it, or looks what became of it.
///
/// # Errors
/// The ledger can't be written. What was sent by then is found by the next look.
pub fn deliver(memory: &mut Memory, connection: &Connection, standing: Standing, brakes: &Brakes<'_>) -> Result<Delivered, MemoryError> {
    match standing {
        Standing::Intended(intended) => first(memory, connection, intended, brakes),
        Standing::Sending(_) | Standing::Unknown(_) => {
            let unknown = unsettled(memory, standing, (brakes.now)())?;
            match unknown {
                Some(unknown) => again(memory, connection, unknown, brakes),
                None => Ok(Delivered::Unsure { why: "it was settled meanwhile".to_owned() }),
            }
        }
        Standing::Awaiting(_) => Ok(Delivered::Held { why: "it waits for you to post it".to_owned() }),
        Standing::Settled(effect) => settled(memory, &effect),
    }
}

/// Looks what became of an effect that a crash or a fault left open; sends nothing.
///
/// # Errors
/// The ledger can't be written.
pub fn settle(memory: &mut Memory, connection: &Connection, standing: Standing, brakes: &Brakes<'_>) -> Result<Delivered, MemoryError> {
    let Some(unknown) = unsettled(memory, standing, (brakes.now)())? else {
        return Ok(Delivered::Held { why: "it was never let go".to_owned() });
    };
    match look(memory, connection, unknown, brakes)? {
        Looked::Settled(delivered) => Ok(delivered),
        Looked::NotThere(_) => Ok(Delivered::Unsure { why: "it is not there: it may be sent again".to_owned() }),
    }
}

/// What was let go and not settled counts as unknown: nobody saw the answer.
fn unsettled(memory: &mut Memory, standing: Standing, now: DateTime<Utc>) -> Result<Option<Unknown>, MemoryError> {
    match standing {
        Standing::Sending(sending) => sending.lose_sight(memory, "the program ended while it was sent", now).map(Some),
        Standing::Unknown(unknown) => Ok(Some(unknown)),
        _ => Ok(None),
    }
}

fn settled(memory: &Memory, effect: &Effect) -> Result<Delivered, MemoryError> {
    let proof = memory.evidence(effect.id)?;
    Ok(match proof.iter().find_map(Receipt::of) {
        Some(receipt) => Delivered::Confirmed(Box::new(receipt)),
        None => Delivered::Refused { why: effect.error.clone().unwrap_or_else(|| "it was settled by hand".to_owned()) },
    })
}

fn first(memory: &mut Memory, connection: &Connection, intended: Intended, brakes: &Brakes<'_>) -> Result<Delivered, MemoryError> {
    let now = (brakes.now)();
    if let Some(not_before) = intended.effect().not_before.filter(|until| has_to_wait(*until, now)) {
        let why = intended.effect().error.clone().unwrap_or_default();
        return Ok(Delivered::Held { why: format!("not before {}: {why}", not_before.format("%Y-%m-%d %H:%M UTC")) });
    }
    if let Err(why) = (brakes.may)(memory) {
        return Ok(Delivered::Held { why });
    }
    let attached = attached(memory, connection, intended.effect())?;
    let sending = intended.send(memory, now)?;
    call(memory, connection, sending, &attached, brakes)
}

fn again(memory: &mut Memory, connection: &Connection, unknown: Unknown, brakes: &Brakes<'_>) -> Result<Delivered, MemoryError> {
    let unknown = match look(memory, connection, unknown, brakes)? {
        Looked::Settled(delivered) => return Ok(delivered),
        Looked::NotThere(unknown) => unknown,
    };
    let times = unknown.effect().sendings;
    if times >= MOST_SENDINGS {
        return Ok(Delivered::Unsure { why: format!("it was sent {times} times and is never there: look yourself, and say where it is") });
    }
    if let Err(why) = (brakes.may)(memory) {
        return Ok(Delivered::Held { why });
    }
    let attached = attached(memory, connection, unknown.effect())?;
    let sending = unknown.send_again(memory, (brakes.now)())?;
    call(memory, connection, sending, &attached, brakes)
}

fn attached(memory: &Memory, connection: &Connection, effect: &Effect) -> Result<Vec<Attached>, MemoryError> {
    let read = |digest: String| match memory.letter(&digest)? {
        Some(bytes) => Ok(Attached { digest, bytes }),
        None => Err(MemoryError::Value(format!("what effect {} is sent with is not kept", effect.id.0))),
    };
    connection.attached(effect).into_iter().map(read).collect()
}

fn call(
    memory: &mut Memory,
    connection: &Connection,
    sending: Sending,
    attached: &[Attached],
    brakes: &Brakes<'_>,
) -> Result<Delivered, MemoryError> {
    (brakes.step)(Step::BeforeCall);
    if let Err(why) = (brakes.still)(memory) {
        // At once: the time of a clock that jumped must not hold it back.
        sending.put_back(memory, &why, None, (brakes.now)())?;
        return Ok(Delivered::Held { why });
    }
    let answer = connection.send(&sending, attached, (brakes.now)());
    (brakes.step)(Step::AfterAnswer);
    let now = (brakes.now)();
    match answer {
        Ok(receipt) => {
            sending.confirm(memory, &[receipt.row()], now)?;
            (brakes.step)(Step::AfterConfirm);
            Ok(Delivered::Confirmed(Box::new(receipt)))
        }
        Err(fault) => {
            enter(memory, sending, &fault, now)?;
            Ok(Delivered::Failed(fault))
        }
    }
}

/// A fault, as the ledger keeps it.
fn enter(memory: &mut Memory, sending: Sending, fault: &Fault, now: DateTime<Utc>) -> Result<(), MemoryError> {
    let why = fault.to_string();
    match fault {
        Fault::Credential { .. } => sending.put_back(memory, &why, None, now),
        Fault::RateLimited { until, .. } => sending.put_back(memory, &why, Some(*until), now),
        Fault::Later { .. } => sending.put_back(memory, &why, Some(now + TRY_AGAIN), now),
        Fault::Refused { .. } => sending.refuse(memory, &why, now),
        Fault::Unclear { .. } => sending.lose_sight(memory, &why, now).map(drop),
    }
}

enum Looked {
    Settled(Delivered),
    /// Long enough ago, and not there.
    NotThere(Unknown),
}

fn look(memory: &mut Memory, connection: &Connection, unknown: Unknown, brakes: &Brakes<'_>) -> Result<Looked, MemoryError> {
    let now = (brakes.now)();
    let unsure = |why: String| Ok(Looked::Settled(Delivered::Unsure { why }));
    match connection.look(unknown.effect(), now) {
        Ok(Look::There(receipt)) => {
            unknown.confirm(memory, &[receipt.row()], now)?;
            (brakes.step)(Step::AfterConfirm);
            Ok(Looked::Settled(Delivered::Confirmed(receipt)))
        }
        Ok(Look::Absent { place, seen }) => {
            let since = unseen_since(unknown.effect()).unwrap_or(now);
            if now - since < SETTLED {
                return unsure(format!("{seen}, but the server may still be at it; looked at again from {} on", clock(since + SETTLED)));
            }
            let row = EvidenceRow { kind: kind_of(connection), place, sha256: None, text: Some(seen), fetched_at: now };
            unknown.not_there(memory, &row)?;
            Ok(Looked::NotThere(unknown))
        }
        Ok(Look::CannotTell { why }) => unsure(why),
        Err(fault @ (Fault::Credential { .. } | Fault::RateLimited { .. })) => Ok(Looked::Settled(Delivered::Failed(fault))),
        Err(fault) => unsure(fault.to_string()),
    }
}

/// From when on a server may still be at it: it was let go, and it was called for until sight of it was lost.
fn unseen_since(effect: &Effect) -> Option<DateTime<Utc>> {
    effect.sending_at.max(effect.settled_at)
}

fn kind_of(connection: &Connection) -> String {
    match connection {
        Connection::Mastodon(_) => "status",
        Connection::Bluesky(_) => "record",
        Connection::Email(_) => "smtp",
    }
    .to_owned()
}

fn clock(at: DateTime<Utc>) -> String {
    at.format("%H:%M UTC").to_string()
}

#[cfg(test)]
mod tests;
