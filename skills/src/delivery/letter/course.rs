//! One mail after the other: brakes, ledger, server, ledger.
//!
//! Must stay true: between the commit that lets a mail go and the call there is no waiting; a mail that was taken is confirmed
//! before anything else is done; only rows that are due are touched, each once in a run; a mail is refused for good, and its
//! reader taken off the list, only by a server that takes others: until then the row stands as put back.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{Effect, EffectState, Intended, Key, Memory, MemoryError, Sending, Standing, SuppressedFor};

use super::{PAGE, Progress, Round, Stopped};
use crate::channels::email::{Email, Mail, NotTaken};
use crate::channels::{Attached, Fault, Receipt};
use crate::delivery::Step;

/// When a mail that a server did not take yet is tried again, in hours, after each try; after the last it is refused.
const BACK_OFF: [i64; 4] = [2, 6, 24, 48];

/// After so many answers in a row that are no answer it stops: the server, not the mails, has a fault.
const UNCLEAR: u32 = 3;
/// The same for mails that were put back or refused for their content. Those stay put back.
const NOT_TAKEN: u32 = 10;
/// The same for bounces: a list where nobody exists is rather a server that lies, and a bounce is for ever. Nobody bounced then.
const BOUNCED: u32 = 25;

/// Everybody who is to get a letter.
pub(super) struct Whom<'a> {
    /// Their ids.
    pub(super) readers: HashSet<&'a str>,
    /// Ids that some of them had before, by which nobody was suppressed when it began.
    pub(super) formerly: HashMap<&'a str, Vec<String>>,
}

impl Whom<'_> {
    /// Whether somebody is still to get it: asked now, for they may have left since it began.
    fn has(&self, memory: &Memory, reader: &str) -> Result<bool, MemoryError> {
        let mut ids = std::iter::once(reader).chain(self.formerly.get(reader).into_iter().flatten().map(String::as_str));
        Ok(self.readers.contains(reader) && !ids.try_fold(false, |out, id| Ok::<_, MemoryError>(out || memory.is_suppressed(id)?))?)
    }
}

/// The state of one delivery.
pub(super) struct Course<'a> {
    memory: &'a mut Memory,
    email: &'a Email,
    round: &'a Round<'a>,
    issue: &'a str,
    part: &'a str,
    whom: Whom<'a>,
    progress: &'a mut Progress,
    /// The letters that mails were frozen with: one, or two after an edit.
    letters: Vec<Attached>,
    /// When the last mail was handed over.
    last: Option<DateTime<Utc>>,
    in_a_row: InARow,
    /// Mails refused since the last one that was taken; in the ledger they are put back.
    held: Vec<Held>,
    /// Why no further mail can go.
    over: Option<Stopped>,
}

/// A mail that was refused for good, while it is not known yet whether the server refuses everything.
struct Held {
    recipient: String,
    why: String,
    bounced: bool,
    /// How often it was let go.
    tries: u32,
}

#[derive(Default)]
struct InARow {
    unclear: u32,
    not_taken: u32,
    bounced: u32,
}

impl<'a> Course<'a> {
    pub(super) fn new(
        memory: &'a mut Memory,
        email: &'a Email,
        round: &'a Round<'a>,
        (issue, part): (&'a str, &'a str),
        whom: Whom<'a>,
        progress: &'a mut Progress,
    ) -> Self {
        let (letters, held, in_a_row) = (vec![], vec![], InARow::default());
        Self { memory, email, round, issue, part, whom, progress, letters, last: None, in_a_row, held, over: None }
    }

    fn now(&self) -> DateTime<Utc> {
        (self.round.now)()
    }

    /// Until nothing is due, or something stops it.
    pub(super) fn run(mut self) -> Result<Option<Stopped>, MemoryError> {
        while self.over.is_none() {
            let page = self.memory.mails(self.issue, self.part, EffectState::Intended, self.now(), PAGE)?;
            if page.is_empty() {
                break;
            }
            self.page(page)?;
        }
        // Whoever was refused last stays so if the server took others before, and did not fail after.
        if matches!(self.over, None | Some(Stopped::Brake(_) | Stopped::Time)) {
            self.settle(self.progress.sent_now > 0)?;
        }
        Ok(self.over)
    }

    fn page(&mut self, page: Vec<Effect>) -> Result<(), MemoryError> {
        let mut rows = page.into_iter();
        let mut next = self.next_fit(&mut rows)?;
        let mut claimed: Option<Sending> = None;
        loop {
            let sending = match (claimed.take(), next.take()) {
                (Some(sending), unsent) => {
                    next = unsent;
                    sending
                }
                (None, Some(intended)) => {
                    let wait = self.pace();
                    if !wait.is_zero() {
                        (self.round.sleep)(wait);
                    }
                    if self.is_over() {
                        return Ok(());
                    }
                    (self.round.step)(Step::AfterIntent);
                    intended.send(self.memory, self.now())?
                }
                (None, None) => return Ok(()),
            };
            (self.round.step)(Step::BeforeCall);
            // The last look: the program may have been frozen since the mail was let go.
            if let Err(why) = (self.round.may)(self.memory) {
                self.untried_of(&sending);
                self.progress.put_back += 1;
                // At once: the time of a clock that jumped must not hold it back.
                sending.put_back(self.memory, &why, None, self.now())?;
                self.over = Some(Stopped::Brake(why));
                return Ok(());
            }
            let answer = self.email.hand_over(&sending, &self.letters, self.now());
            self.last = Some(self.now());
            (self.round.step)(Step::AfterAnswer);
            match answer {
                Ok(receipt) => {
                    if next.is_none() {
                        next = self.next_fit(&mut rows)?;
                    }
                    claimed = self.confirm(sending, &receipt, &mut next)?;
                }
                Err(not_taken) => self.not_taken(sending, not_taken)?,
            }
            (self.round.step)(Step::AfterConfirm);
            (self.round.progress)(self.progress);
            if next.is_none() {
                next = self.next_fit(&mut rows)?;
            }
        }
    }

    /// The next row that may still be sent. One whose reader has left meanwhile will not be.
    fn next_fit(&mut self, rows: &mut dyn Iterator<Item = Effect>) -> Result<Option<Intended>, MemoryError> {
        for effect in rows {
            let Standing::Intended(intended) = Memory::standing(effect) else { continue };
            let reader = intended.effect().recipient.as_str();
            let why = if !self.whom.has(self.memory, reader)? {
                "the reader is not on the list any more"
            } else if !self.has_letter(intended.effect())? {
                "the letter of this mail is not kept"
            } else {
                return Ok(Some(intended));
            };
            let was_put_back = intended.effect().sendings > 0;
            intended.refuse(self.memory, why, self.now())?;
            self.untried(was_put_back);
            self.progress.refused += 1;
        }
        Ok(None)
    }

    /// Whether the letter of a mail is at hand; it is fetched when it is not.
    fn has_letter(&mut self, effect: &Effect) -> Result<bool, MemoryError> {
        let Some(mail) = Mail::of(&effect.text) else { return Ok(false) };
        if self.letters.iter().any(|letter| letter.digest == mail.letter) {
            return Ok(true);
        }
        let Some(bytes) = self.memory.letter(&mail.letter)? else { return Ok(false) };
        self.letters.push(Attached { digest: mail.letter, bytes });
        Ok(true)
    }

    /// How long the next mail has to wait for the rate.
    fn pace(&self) -> Duration {
        let Some(last) = self.last.filter(|_| self.round.rate > 0) else { return Duration::ZERO };
        let between = Duration::from_secs(60) / self.round.rate;
        // A clock that was set back makes no longer wait than the whole pause.
        let passed = (self.now() - last).to_std().unwrap_or_default();
        between.saturating_sub(passed)
    }

    /// Asked before each mail: brakes, time, and whether the server is there. Nothing has been let go then.
    fn is_over(&mut self) -> bool {
        if self.over.is_none() {
            self.over = if self.round.until.is_some_and(|until| self.now() >= until) {
                Some(Stopped::Time)
            } else if let Err(why) = (self.round.may)(self.memory) {
                Some(Stopped::Brake(why))
            } else {
                self.email.ready().err().map(Stopped::Server)
            };
        }
        self.over.is_some()
    }

    /// It was taken. Where the next may follow at once, it is let go in the same commit.
    fn confirm(&mut self, sending: Sending, receipt: &Receipt, next: &mut Option<Intended>) -> Result<Option<Sending>, MemoryError> {
        self.untried_of(&sending);
        self.progress.sent += 1;
        self.progress.sent_now += 1;
        self.in_a_row = InARow::default();
        let evidence = [receipt.row()];
        // The rate would make it wait between the commit and the call.
        let at_once = next.is_some() && self.held.is_empty() && self.pace().is_zero() && !self.is_over();
        match next.take() {
            Some(intended) if at_once => {
                (self.round.step)(Step::AfterIntent);
                sending.confirm_and_send(self.memory, &evidence, intended, self.now()).map(Some)
            }
            unsent => {
                *next = unsent;
                sending.confirm(self.memory, &evidence, self.now())?;
                self.settle(true).map(|()| None)
            }
        }
    }

    /// It was not, or nobody knows.
    fn not_taken(&mut self, sending: Sending, not_taken: NotTaken) -> Result<(), MemoryError> {
        let NotTaken { fault, bounced, stops } = not_taken;
        let now = self.now();
        let why = fault.to_string();
        self.untried_of(&sending);
        match &fault {
            Fault::Refused { .. } => {
                self.hold(sending, why, bounced)?;
            }
            Fault::Unclear { .. } => {
                self.progress.unknown += 1;
                // Dropped: what is unknown has its row, and waits there.
                let _ = sending.lose_sight(self.memory, &why, now)?;
            }
            Fault::Credential { .. } => {
                self.progress.put_back += 1;
                sending.put_back(self.memory, &why, None, now)?;
                self.over = Some(Stopped::Server(fault.clone()));
            }
            // Not the mail's fault: however often it happens, the mail is not refused for it.
            Fault::Later { .. } | Fault::RateLimited { .. } if stops => {
                self.progress.put_back += 1;
                sending.put_back(self.memory, &why, Some(now + TimeDelta::hours(BACK_OFF[0])), now)?;
                self.over = Some(Stopped::Server(fault.clone()));
            }
            Fault::Later { .. } | Fault::RateLimited { .. } => self.later(sending, &why)?,
        }
        self.count_in_a_row(fault, bounced);
        Ok(())
    }

    /// It was refused, which counts only when the server takes another mail: until then it is put back, and so it is after a crash.
    fn hold(&mut self, sending: Sending, why: String, bounced: bool) -> Result<(), MemoryError> {
        let now = self.now();
        let Effect { sendings: tries, recipient, .. } = sending.effect().clone();
        self.progress.put_back += 1;
        sending.put_back(self.memory, &why, Some(now + TimeDelta::hours(back_off(tries).unwrap_or(BACK_OFF[3]))), now)?;
        self.held.push(Held { recipient, why, bounced, tries });
        Ok(())
    }

    /// What was held is refused if the server is sound, and so are those that it refused at every try if nobody can tell. Only
    /// a sound server takes readers off the list.
    fn settle(&mut self, is_sound: bool) -> Result<(), MemoryError> {
        let now = self.now();
        for held in std::mem::take(&mut self.held) {
            if !is_sound && back_off(held.tries).is_some() {
                continue;
            }
            let (issue, channel) = (self.issue.to_owned(), super::name().to_owned());
            let key = Key { issue, channel, part: self.part.to_owned(), recipient: held.recipient.clone() };
            let Some(Standing::Intended(intended)) = self.memory.effect(&key)?.map(Memory::standing) else { continue };
            if is_sound && held.bounced {
                self.memory.suppress(&[held.recipient], SuppressedFor::Bounced, now)?;
            }
            intended.refuse(self.memory, &held.why, now)?;
            self.untried(true);
            self.progress.refused += 1;
        }
        Ok(())
    }

    /// It may be tried again, five times in all.
    fn later(&mut self, sending: Sending, why: &str) -> Result<(), MemoryError> {
        let now = self.now();
        let tries = sending.effect().sendings;
        match back_off(tries) {
            Some(hours) => {
                self.progress.put_back += 1;
                sending.put_back(self.memory, why, Some(now + TimeDelta::hours(hours)), now)
            }
            None => {
                self.progress.refused += 1;
                sending.refuse(self.memory, &format!("not taken in {tries} tries: {why}"), now)
            }
        }
    }

    fn count_in_a_row(&mut self, fault: Fault, bounced: bool) {
        let row = &mut self.in_a_row;
        let (count, most) = match (&fault, bounced) {
            (Fault::Unclear { .. }, _) => (&mut row.unclear, UNCLEAR),
            (_, true) => (&mut row.bounced, BOUNCED),
            _ => (&mut row.not_taken, NOT_TAKEN),
        };
        *count += 1;
        if *count >= most && self.over.is_none() {
            self.over = Some(Stopped::InARow(fault));
        }
    }

    fn untried_of(&mut self, sending: &Sending) {
        // Before this sending it was put back if it had been let go before.
        self.untried(sending.effect().sendings > 1);
    }

    /// One row less is waiting.
    fn untried(&mut self, was_put_back: bool) {
        let waiting = if was_put_back { &mut self.progress.put_back } else { &mut self.progress.left };
        *waiting = waiting.saturating_sub(1);
    }
}

/// How many hours a mail waits after so many tries; nothing after the last.
fn back_off(tries: u32) -> Option<i64> {
    let at = usize::try_from(tries).unwrap_or(usize::MAX).saturating_sub(1);
    BACK_OFF.get(at).copied()
}
