//! A letter's way to its readers: a row of the ledger for each, one after the other, across as many wakes as it takes.
//!
//! Must stay true: nobody gets it twice, and nobody who has left or bounced gets it at all; each mail is a committed row before
//! it goes; what is unknown is never sent again by the program; what is counted is what stands in the ledger.

mod course;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reveille_memory::{EffectState, Key, Memory, MemoryError, NewEffect, RunId, Standing, Tally};
use reveille_mission::{Channel, former_ids};

use crate::channels::Fault;
use crate::channels::email::{Email, Letter, freeze};
use crate::delivery::Step;
use crate::readers::Recipient;
use course::{Course, Whom};

/// The part of an issue that a letter is, in the ledger.
pub const PART: &str = "letter";

/// How many rows are read at a time.
const PAGE: u32 = 500;

/// How the letter goes out this time.
pub struct Round<'a> {
    /// The run that sends.
    pub run: RunId,
    /// The home's secret, which tokens to unsubscribe are made of.
    pub key: &'a [u8],
    /// The most mails a minute; 0 for as fast as the server takes them.
    pub rate: u32,
    /// Not after this time: the rest goes out in the next wake.
    pub until: Option<DateTime<Utc>>,
    /// The time.
    pub now: &'a dyn Fn() -> DateTime<Utc>,
    /// Waits.
    pub sleep: &'a dyn Fn(Duration),
    /// Whether the next mail may go, asked before each: else why not.
    pub may: &'a dyn Fn(&Memory) -> Result<(), String>,
    /// Where the delivery stands.
    pub step: &'a dyn Fn(Step),
    /// How far it is, after each mail.
    pub progress: &'a dyn Fn(&Progress),
}

/// How far a letter is, over all its wakes: `sent + refused + unknown + put_back + left` are its rows in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The server has taken them.
    pub sent: u64,
    /// They will not be sent: bounced, refused, or the reader has left since.
    pub refused: u64,
    /// Nobody can tell whether they arrived; only a person's word sends them again.
    pub unknown: u64,
    /// The server wants them later.
    pub put_back: u64,
    /// Not tried yet.
    pub left: u64,
    /// Sent in this call.
    pub sent_now: u64,
    /// Readers whose address or name can't stand in a mail: they have no row.
    pub unfit: u64,
    /// Readers on the list who are never mailed: they have no row either.
    pub suppressed: u64,
    /// Why it stopped, if not because nothing can be sent now.
    pub stopped: Option<Stopped>,
}

/// Why a delivery stopped before its end. The next call goes on from the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// A brake, in its words.
    Brake(String),
    /// The time is up.
    Time,
    /// The server does not let us in, or can't be reached.
    Server(Fault),
    /// One mail after the other failed in the same way: going on would only spoil the rest. The last answer.
    InARow(Fault),
}

impl Progress {
    /// All rows of the letter.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sent + self.refused + self.unknown + self.put_back + self.left
    }

    /// Whether every row is settled as far as the program can settle it.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.put_back + self.left == 0
    }

    fn count(&mut self, tally: &Tally) {
        self.sent = tally.confirmed;
        self.refused = tally.refused;
        self.unknown = tally.unknown + tally.sending;
        self.put_back = tally.put_back;
        self.left = tally.intended - tally.put_back;
    }
}

/// Sends a letter to everybody in `recipients` who has not got it: those that are new get a row, and then one mail goes after
/// the other. The list is to be whole each time: whoever is not on it any more is not mailed. Calling it again sends what is
/// left, and nothing twice. Only one process may do this at a time: what stands as `sending` is taken as cut off by a crash.
///
/// # Errors
/// The ledger can't be read or written, or the letter can't be kept: then nothing more was sent.
pub fn deliver(
    memory: &mut Memory,
    email: &Email,
    letter: &Letter,
    recipients: &[Recipient],
    round: &Round<'_>,
) -> Result<Progress, MemoryError> {
    deliver_each(memory, email, (&letter.issue, PART), &[(letter, recipients)], round)
}

/// The same where not everybody gets the same words, or where it is no issue's letter: each letter has its recipients, and all are one
/// issue and part of the ledger. Nobody may be a recipient of two.
///
/// # Errors
/// See [`deliver`].
pub fn deliver_each(
    memory: &mut Memory,
    email: &Email,
    (issue, part): (&str, &str),
    letters: &[(&Letter, &[Recipient])],
    round: &Round<'_>,
) -> Result<Progress, MemoryError> {
    give_up_on_cut_off(memory, issue, part, round)?;
    let suppressed: HashSet<String> = memory.suppressed()?.into_iter().map(|one| one.subscriber).collect();
    let formerly = formerly(letters, &suppressed);
    let mut progress = Progress::default();
    let mut readers = HashSet::new();
    for (letter, recipients) in letters {
        let wanted: Vec<&Recipient> = recipients.iter().filter(|one| !suppressed.contains(&one.id)).collect();
        progress.suppressed += (recipients.len() - wanted.len()) as u64;
        progress.unfit += write_down(memory, part, letter, &wanted, round)?;
        readers.extend(wanted.into_iter().map(|one| one.id.as_str()));
    }
    progress.count(&tally(memory, issue, part)?);
    let stopped = Course::new(memory, email, round, (issue, part), Whom { readers, formerly }, &mut progress).run()?;
    email.close();
    progress.count(&tally(memory, issue, part)?);
    progress.stopped = stopped;
    Ok(progress)
}

/// How the letter of an issue stands in the ledger.
fn tally(memory: &Memory, issue: &str, part: &str) -> Result<Tally, MemoryError> {
    let all = memory.tallies()?;
    Ok(all.into_iter().find(|tally| tally.issue == issue && tally.part == part && tally.channel == name()).unwrap_or_default())
}

fn name() -> &'static str {
    Channel::Email.into()
}

/// Mails that a crash cut off: nobody knows whether they arrived (RFC 1047), and none is risked twice.
fn give_up_on_cut_off(memory: &mut Memory, issue: &str, part: &str, round: &Round<'_>) -> Result<(), MemoryError> {
    loop {
        let cut_off = memory.mails(issue, part, EffectState::Sending, (round.now)(), PAGE)?;
        if cut_off.is_empty() {
            return Ok(());
        }
        for effect in cut_off {
            if let Standing::Sending(sending) = Memory::standing(effect) {
                // Dropped: what is unknown has its row, and waits there.
                let _ = sending.lose_sight(memory, "the program was ended while it was on its way", (round.now)())?;
            }
        }
    }
}

/// A row for everybody who has none, in one commit. How many can't have one.
fn write_down(memory: &mut Memory, part: &str, letter: &Letter, wanted: &[&Recipient], round: &Round<'_>) -> Result<u64, MemoryError> {
    let now = (round.now)();
    (round.step)(Step::BeforeIntent);
    let kept = letter.frozen().map_err(|fault| MemoryError::Value(fault.to_string()))?;
    memory.keep_letter(&kept.digest, &kept.bytes)?;
    if let Some(clicks) = &letter.clicks {
        memory.keep_links(clicks.number, &letter.issue, &clicks.links, &clicks.about)?;
    }
    let mut unfit = 0;
    let mut rows = Vec::with_capacity(wanted.len());
    for reader in wanted {
        if had_by_former_id(memory, (&letter.issue, part), reader)? {
            continue;
        }
        // A name that can't stand in a header is left out; without an address there is no mail.
        let nameless = Recipient { name: None, ..(*reader).clone() };
        let frozen = freeze(letter, &kept.digest, reader, round.key, now);
        match frozen.or_else(|_| freeze(letter, &kept.digest, &nameless, round.key, now)) {
            Ok((text, token)) => rows.push(NewEffect {
                key: Key { issue: letter.issue.clone(), channel: name().to_owned(), part: part.to_owned(), recipient: reader.id.clone() },
                text,
                token,
                run: round.run,
            }),
            Err(fault) => {
                tracing::warn!(subscriber = reader.id, %fault, "a reader can't be mailed");
                unfit += 1;
            }
        }
    }
    memory.intend_all(&rows, now)?;
    Ok(unfit)
}

/// Whether a mail of the letter went to somebody, or may have gone, by an id that they had before. One that did not go yet goes by the
/// id they have now: the row of the former one is refused, for nobody on the list has it.
fn had_by_former_id(memory: &Memory, (issue, part): (&str, &str), reader: &Recipient) -> Result<bool, MemoryError> {
    for recipient in former_ids(&reader.email) {
        let key = Key { issue: issue.to_owned(), channel: name().to_owned(), part: part.to_owned(), recipient };
        let state = memory.effect(&key)?.map(|effect| effect.state);
        if state.is_some_and(|state| !matches!(state, EffectState::Intended | EffectState::Refused)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The ids that these readers had before, but those that were suppressed when the letter began: whoever leaves by one of a letter of
/// then, while this one is on its way, has left.
fn formerly<'a>(letters: &[(&Letter, &'a [Recipient])], suppressed: &HashSet<String>) -> HashMap<&'a str, Vec<String>> {
    let all = letters.iter().flat_map(|(_, recipients)| recipients.iter());
    let former = |one: &'a Recipient| {
        let mut former = former_ids(&one.email);
        former.retain(|id| !suppressed.contains(id));
        (one.id.as_str(), former)
    };
    all.map(former).filter(|(_, former)| !former.is_empty()).collect()
}
