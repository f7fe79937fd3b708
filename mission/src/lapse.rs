//! Readers who drift away: since when one is silent, which stage of silence that is, which message is due, when the letters end.
//!
//! Must stay true: silence counts only while somebody listens, and only when a letter has gone out that they could have answered; who
//! has just joined is not silent; of one silence nobody gets two messages of a stage, nor an earlier stage after a later one; a
//! clock that was set back makes nobody silent.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::facts::LAPSED_DAYS;

/// A message to a silent reader that has gone out, or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WinBackSent {
    /// The stage that it was for, in days.
    pub stage: u16,
    /// When it was let go, or written down where it was not yet.
    pub at: DateTime<Utc>,
    /// The mail server has taken it, which is proved.
    pub taken: bool,
}

/// What is known of one reader's signs of life, and of what they got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// Their last sign: a human click, a reply, a visit, a survey's answer, a confirmation.
    pub last_sign: Option<DateTime<Utc>>,
    /// The day on which they confirmed by the list, which is a sign.
    pub confirmed_on: Option<NaiveDate>,
    /// The first letter that the mail server took for them. It stands for a sign where there is none.
    pub first_letter: Option<DateTime<Utc>>,
    /// The last one.
    pub last_letter: Option<DateTime<Utc>>,
    /// They wanted no mail until then: nobody is silent in a pause of their own.
    pub paused_until: Option<DateTime<Utc>>,
    /// Messages of all their silences, in any order.
    pub sent: Vec<WinBackSent>,
}

/// A silence that has reached a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lapse {
    /// Their last sign: where the silence began. A message behind it belongs to this silence.
    pub since: DateTime<Utc>,
    /// The stage: the greatest of [`LAPSED_DAYS`] that it has lasted. Each reader is in one stage only.
    pub stage: u16,
    /// The latest stage whose message they got in it, or may have.
    pub written: Option<u16>,
    /// When the message of the last stage was taken for them in it.
    pub last_message: Option<DateTime<Utc>>,
    /// From when on the silence counts: it began then, or somebody began to listen, or their pause ended.
    pub counted_from: DateTime<Utc>,
}

impl Trace {
    /// The last sign that counts: of a day nobody knows the hour, so it is the day's end.
    fn since(&self) -> Option<DateTime<Utc>> {
        let day = self.confirmed_on.and_then(|day| day.succ_opt()).map(|next| next.and_time(NaiveTime::MIN).and_utc());
        self.last_sign.max(day).or(self.first_letter)
    }

    /// The silence that they are in, if it has reached a stage. `heard_since`: since when signs can be seen at all.
    pub fn lapse(&self, heard_since: DateTime<Utc>, now: DateTime<Utc>) -> Option<Lapse> {
        let since = self.since()?;
        let counted_from = since.max(heard_since).max(self.paused_until.unwrap_or(since));
        let lasted = now - counted_from;
        let stage = LAPSED_DAYS.into_iter().rev().find(|days| lasted >= TimeDelta::days(i64::from(*days)))?;
        // Silence is no answer where nothing was said.
        self.last_letter.filter(|letter| *letter > counted_from && *letter <= now)?;
        let of_this = || self.sent.iter().filter(|sent| sent.at > since);
        let last = LAPSED_DAYS[LAPSED_DAYS.len() - 1];
        Some(Lapse {
            since,
            stage,
            written: of_this().map(|sent| sent.stage).max(),
            last_message: of_this().filter(|sent| sent.taken && sent.stage == last).map(|sent| sent.at).min(),
            counted_from,
        })
    }
}

impl Lapse {
    /// Whether the message of its stage is due: none of this stage or a later one has gone out in this silence. Of the stages
    /// that passed while the machine was off none is made up for.
    pub fn is_due(&self) -> bool {
        self.written.is_none_or(|written| written < self.stage)
    }

    /// Whether the letters end now: the last stage's message has arrived, and `after` more has passed in silence.
    pub fn ends_letters(&self, after: TimeDelta, now: DateTime<Utc>) -> bool {
        self.last_message.is_some_and(|at| now - at.max(self.counted_from) >= after)
    }
}

/// The stage of silence that a line names; 30 days where it names none.
pub fn silent_days(text: &str) -> u16 {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).find(|days| LAPSED_DAYS.contains(days)).unwrap_or(30)
}

#[cfg(test)]
mod tests;
