//! The mails that something a reader did on the site calls for: each a row of the ledger before it goes.
//!
//! Must stay true: what was let go is never let go again by itself, whatever crashes in between; a mail that is wanted stays wanted
//! until its row is settled; who left, confirmed or was taken off meanwhile is not mailed; the address stands in no row that stays.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{
    EffectState, Intended, Key, Memory, MemoryError, NewEffect, RunId, SUBSCRIBING, Sending, Standing, WantedFor, WantedMail, has_to_wait,
};
use reveille_mission::Channel;

use crate::channels::email::{CONFIRM_DAYS, Email, Words, freeze_note};
use crate::channels::{Attached, Fault, Receipt};
use crate::delivery::Step;

/// When a mail that a server did not take yet is tried again, in minutes, after each try; after the last it is refused. Somebody
/// waits for it: sooner than a letter.
const BACK_OFF: [i64; 6] = [2, 10, 30, 120, 360, 1440];

/// How many wanted mails are read at a time.
const PAGE: u32 = 200;

/// How the mails go out this time.
pub struct Round<'a> {
    /// The run that they belong to, see [`Memory::run_of_serve`].
    pub run: RunId,
    /// The home's secret, which the links are made of.
    pub key: &'a [u8],
    /// The least time from one mail to the next.
    pub pace: Duration,
    /// The time.
    pub now: &'a dyn Fn() -> DateTime<Utc>,
    /// Waits.
    pub sleep: &'a dyn Fn(Duration),
    /// Whether the next mail may go, asked before each: else why not.
    pub may: &'a dyn Fn(&Memory) -> Result<(), String>,
    /// Where the delivery stands.
    pub step: &'a dyn Fn(Step),
    /// The words of an occasion.
    pub words: &'a dyn Fn(WantedFor) -> Result<Words, Fault>,
}

/// What a round came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// The server has taken them.
    pub taken: u64,
    /// The server wants them later.
    pub later: u64,
    /// They will not be sent, or nobody can tell whether they arrived; each is said in the log.
    pub lost: u64,
    /// Why it stopped before the end. What is left stays wanted.
    pub stopped: Option<Stopped>,
}

/// Why a round stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// A brake, in its words.
    Brake(String),
    /// The words can't be made, the server does not let us in or can't be reached.
    Fault(Fault),
}

/// Sends what is wanted and due. Only one process may do this at a time: what stands as `sending` is taken as cut off by a crash.
///
/// # Errors
/// Memory can't be read or written: then nothing more was sent.
pub fn deliver(memory: &mut Memory, email: &Email, round: &Round<'_>) -> Result<Sent, MemoryError> {
    give_up_on_cut_off(memory, round)?;
    let mut course = Course { memory, email, round, sent: Sent::default(), last: None, made: vec![] };
    let mut after = 0;
    loop {
        let page = course.memory.wanted_mails(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for mail in page {
            course.one(&mail)?;
            if course.sent.stopped.is_some() {
                email.close();
                return Ok(course.sent);
            }
        }
    }
    email.close();
    Ok(course.sent)
}

/// Mails that a crash cut off: nobody knows whether they arrived (RFC 1047), and none is risked twice. Who got none asks again.
fn give_up_on_cut_off(memory: &mut Memory, round: &Round<'_>) -> Result<(), MemoryError> {
    for effect in memory.effects_in(EffectState::Sending)? {
        if effect.issue == SUBSCRIBING
            && let Standing::Sending(sending) = Memory::standing(effect)
        {
            // Dropped: what is unknown has its row, and waits there.
            let _ = sending.lose_sight(memory, "the program was ended while it was on its way", (round.now)())?;
        }
    }
    Ok(())
}

/// The state of one round.
struct Course<'a> {
    memory: &'a mut Memory,
    email: &'a Email,
    round: &'a Round<'a>,
    sent: Sent,
    /// When the last mail was handed over.
    last: Option<DateTime<Utc>>,
    /// The words that were made in this round: they are the same for everybody.
    made: Vec<(WantedFor, Words, Attached)>,
}

impl Course<'_> {
    fn now(&self) -> DateTime<Utc> {
        (self.round.now)()
    }

    fn one(&mut self, mail: &WantedMail) -> Result<(), MemoryError> {
        let too_late = mail.kind == WantedFor::Confirm && self.now() - mail.wanted_at > TimeDelta::days(CONFIRM_DAYS);
        if too_late || !self.memory.is_wanted(mail)? {
            return self.memory.mail_done(mail.id, self.now());
        }
        let Some((words, kept)) = self.words(mail.kind)? else { return Ok(()) };
        let Some(intended) = self.intend(mail, &words, &kept)? else { return Ok(()) };
        if intended.effect().not_before.is_some_and(|until| has_to_wait(until, self.now())) {
            self.sent.later += 1;
            return Ok(());
        }
        let wait = self.wait();
        if !wait.is_zero() {
            (self.round.sleep)(wait);
        }
        // The line is opened before anything is let go: a dead server costs no mail a try.
        let stopped = (self.round.may)(self.memory).map_err(Stopped::Brake).and_then(|()| self.email.ready().map_err(Stopped::Fault));
        if let Err(stopped) = stopped {
            self.sent.stopped = Some(stopped);
            return Ok(());
        }
        // Asked once more: they may have left while it waited.
        if !self.memory.is_wanted(mail)? {
            return self.memory.mail_done(mail.id, self.now());
        }
        let sending = intended.send(self.memory, self.now())?;
        self.call(mail, sending, &kept)
    }

    /// The words of an occasion, kept; nothing when they can't be made, which stops the round.
    fn words(&mut self, kind: WantedFor) -> Result<Option<(Words, Attached)>, MemoryError> {
        if let Some((_, words, kept)) = self.made.iter().find(|(made, ..)| *made == kind) {
            return Ok(Some((words.clone(), kept.clone())));
        }
        match (self.round.words)(kind).and_then(|words| Ok((words.frozen()?, words))) {
            Ok((kept, words)) => {
                self.memory.keep_letter(&kept.digest, &kept.bytes)?;
                self.made.push((kind, words.clone(), kept.clone()));
                Ok(Some((words, kept)))
            }
            Err(fault) => {
                self.sent.stopped = Some(Stopped::Fault(fault));
                Ok(None)
            }
        }
    }

    /// Its row; nothing when there is nothing to send: then it is wanted no more.
    fn intend(&mut self, mail: &WantedMail, words: &Words, kept: &Attached) -> Result<Option<Intended>, MemoryError> {
        // By the time of the wish, not by its number: a memory that was put back counts anew.
        let part = format!("{}-{}", mail.kind, mail.wanted_at.timestamp_micros());
        let now = self.now();
        let (text, token) = match freeze_note(words, &kept.digest, &mail.subscriber, &mail.email, &part, now) {
            Ok(frozen) => frozen,
            Err(fault) => {
                self.lose(mail, &fault.to_string());
                return self.memory.mail_done(mail.id, now).map(|()| None);
            }
        };
        let channel = Channel::Email.to_string();
        let key = Key { issue: SUBSCRIBING.to_owned(), channel, part, recipient: mail.subscriber.clone() };
        (self.round.step)(Step::BeforeIntent);
        let new = NewEffect { key, text: text.clone(), token: token.clone(), run: self.round.run };
        let standing = self.memory.intend(&new, now)?;
        (self.round.step)(Step::AfterIntent);
        match standing {
            // Nothing has gone out: its links are good from now on.
            Standing::Intended(intended) => intended.renew(self.memory, text, token).map(Some),
            // It went before a crash, or may have.
            _ => self.memory.mail_done(mail.id, now).map(|()| None),
        }
    }

    fn call(&mut self, mail: &WantedMail, sending: Sending, kept: &Attached) -> Result<(), MemoryError> {
        (self.round.step)(Step::BeforeCall);
        if let Err(why) = (self.round.may)(self.memory) {
            // At once: the time of a clock that jumped must not hold it back.
            sending.put_back(self.memory, &why, None, self.now())?;
            self.sent.stopped = Some(Stopped::Brake(why));
            return Ok(());
        }
        let answer = self.email.hand_over_note(&sending, kept, &mail.email, self.round.key, self.now());
        self.last = Some(self.now());
        (self.round.step)(Step::AfterAnswer);
        match answer {
            Ok(receipt) => self.confirm(mail, sending, &receipt),
            Err(not_taken) => {
                if not_taken.stops {
                    self.sent.stopped = Some(Stopped::Fault(not_taken.fault.clone()));
                }
                self.not_taken(mail, sending, not_taken.fault)
            }
        }
    }

    fn confirm(&mut self, mail: &WantedMail, sending: Sending, receipt: &Receipt) -> Result<(), MemoryError> {
        let mut row = receipt.row();
        // A server may name the address in its answer.
        row.text = row.text.map(|text| without(&text, &mail.email));
        sending.confirm(self.memory, &[row], self.now())?;
        (self.round.step)(Step::AfterConfirm);
        self.sent.taken += 1;
        self.memory.mail_done(mail.id, self.now())
    }

    fn not_taken(&mut self, mail: &WantedMail, sending: Sending, fault: Fault) -> Result<(), MemoryError> {
        let (now, why) = (self.now(), without(&fault.to_string(), &mail.email));
        match fault {
            Fault::Credential { .. } => {
                sending.put_back(self.memory, &why, None, now)?;
                self.sent.stopped = Some(Stopped::Fault(fault));
                return Ok(());
            }
            Fault::Later { .. } | Fault::RateLimited { .. } => {
                let tries = usize::try_from(sending.effect().sendings).unwrap_or(usize::MAX);
                if let Some(minutes) = BACK_OFF.get(tries.saturating_sub(1)) {
                    self.sent.later += 1;
                    return sending.put_back(self.memory, &why, Some(now + TimeDelta::minutes(*minutes)), now);
                }
                sending.refuse(self.memory, &why, now)?;
            }
            Fault::Refused { .. } => sending.refuse(self.memory, &why, now)?,
            // Dropped: what is unknown has its row, and waits there.
            Fault::Unclear { .. } => drop(sending.lose_sight(self.memory, &why, now)?),
        }
        self.lose(mail, &why);
        self.memory.mail_done(mail.id, now)
    }

    fn lose(&mut self, mail: &WantedMail, why: &str) {
        tracing::warn!(subscriber = mail.subscriber, kind = %mail.kind, why, "a mail that a reader asked for has not arrived, as far as is known");
        self.sent.lost += 1;
    }

    /// How long the next mail has to wait for the rate.
    fn wait(&self) -> Duration {
        let Some(last) = self.last else { return Duration::ZERO };
        // A clock that was set back makes no longer wait than the whole pause.
        self.round.pace.saturating_sub((self.now() - last).to_std().unwrap_or_default())
    }
}

/// Words without the address.
fn without(words: &str, address: &str) -> String {
    words.replace(address, "(the address)")
}

#[cfg(test)]
mod tests;
