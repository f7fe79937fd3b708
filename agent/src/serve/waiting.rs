//! Mails that readers asked for and that can't go out: how many, since when, and why.
//!
//! Must stay true: what is on its way is no trouble; why it waits is what the server said last, where one runs, and else what would
//! hold it back now.

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::Memory;
use reveille_mission::Channel;
use reveille_site::CONFIRM_WITHIN;
use serde::Serialize;

use super::health::{Held, Server};
use super::templates;
use crate::commands::not_paused;
use crate::connect::absent;
use crate::credential::{self, Standing};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::lease::stopped;
use crate::observe::Scene;
use crate::witness;

/// How long the server may take to hand over what nothing holds back: longer, and that is worth a word.
const ON_ITS_WAY: TimeDelta = TimeDelta::minutes(10);

/// What a server that can't mail does meanwhile.
pub(crate) const TRIES_AGAIN: &str = "`reveille serve` tries again every 30 seconds";

/// Mails that wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Waiting {
    /// How many.
    count: u64,
    /// When the first of them was asked for.
    since: DateTime<Utc>,
    #[serde(flatten)]
    held: Held,
}

impl Waiting {
    /// In a sentence.
    pub(crate) fn sentence(&self) -> String {
        let since = self.since.format("%Y-%m-%d %H:%M UTC");
        match self.count {
            1 => format!("1 mail that a reader asked for waits since {since}: {}", self.held.why),
            count => format!("{count} mails that readers asked for wait since {since}: {}", self.held.why),
        }
    }

    /// What to do.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.held.hint.as_deref()
    }
}

/// The mails of a home that wait for something.
///
/// # Errors
/// Memory can't be read.
pub(crate) fn waiting(scene: &Scene<'_>, memory: &Memory, server: &Server) -> Outcome<Option<Waiting>> {
    let Some((count, since)) = memory.open_mails(scene.now - CONFIRM_WITHIN).or_fail()? else { return Ok(None) };
    let held = match held(scene, memory, server) {
        Err(failure) => Some(Held::from(&failure)),
        Ok(()) if !server.running => {
            let hint = "start it, and have it kept running: docs/site.md, Serving".to_owned();
            Some(Held { why: "`reveille serve` does not run".to_owned(), hint: Some(hint) })
        }
        Ok(()) => match server.health.as_ref().and_then(|health| health.mails.clone()) {
            None if scene.now - since > ON_ITS_WAY => Some(late(memory)?),
            said => said,
        },
    };
    Ok(held.map(|held| Waiting { count, since, held }))
}

/// What holds every mail back: the brakes, then what is missing.
fn held(scene: &Scene<'_>, memory: &Memory, server: &Server) -> Outcome {
    may_go(scene, memory)?;
    is_certain(scene, memory)?;
    if scene.settings.channels.email.is_none() {
        return Err(absent(Channel::Email));
    }
    match credential::standing(scene, Some(memory), Channel::Email)? {
        // One that runs has an environment of its own, and says itself what it misses.
        Some(Standing::Missing { why, unblock }) if !server.running => {
            return Err(Failure::message(Kind::Failed, format!("the password of [channels.email] is not there: {why}")).hint(unblock));
        }
        Some(Standing::Refused { source, words }) => return Err(refused(&source, &words)),
        Some(Standing::Missing { .. } | Standing::Ready { .. }) | None => {}
    }
    templates::words(scene)
}

/// The brakes that hold such mails back: quiet hours don't, for somebody waits.
///
/// # Errors
/// STOP, a pause; or memory can't be read.
pub(super) fn may_go(scene: &Scene<'_>, memory: &Memory) -> Outcome {
    stopped(&scene.home.stop_file())?;
    not_paused(memory, scene.environment.now())
}

/// An error while this memory may not know all that has gone out.
///
/// # Errors
/// It may not; or it can't be read.
pub(super) fn is_certain(scene: &Scene<'_>, memory: &Memory) -> Outcome {
    if witness::is_in_doubt(scene.home, memory)? {
        let failure = Failure::message(Kind::Busy, "this memory may not know all that has gone out");
        return Err(failure.hint("the next wake looks, and says what to do"));
    }
    Ok(())
}

/// A password that the server has refused.
pub(super) fn refused(source: &str, words: &str) -> Failure {
    Failure::message(Kind::Failed, words).hint(credential::unblock(Channel::Email, source))
}

/// A server that puts mails off, in the words of the last one; or a queue that is longer than ten minutes.
fn late(memory: &Memory) -> Outcome<Held> {
    Ok(match memory.last_put_off().or_fail()? {
        Some((why, until)) => {
            Held { why, hint: Some(format!("`reveille serve` tries that one again at {}", until.format("%Y-%m-%d %H:%M UTC"))) }
        }
        None => {
            let why = "the mail server has not taken them yet".to_owned();
            Held { why, hint: Some("they go out one by one, as many a minute as `rate` of [channels.email] says".to_owned()) }
        }
    })
}
