//! The thread that mails: confirmations and welcomes, as soon as they are wanted, through the ledger.
//!
//! Must stay true: one process of a home mails at a time; STOP, `pause` and a memory that may not know all that has gone out hold
//! everything back (it goes out after); quiet hours do not, for a reader waits for it; who never confirmed is forgotten in any case.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{Memory, WantedFor};
use reveille_mission::Channel;
use reveille_site::CONFIRM_WITHIN;
use reveille_skills::channels::{Connection, Fault, email};
use reveille_skills::delivery::Step;
use reveille_skills::delivery::note::{self, Round, Sent, Stopped};
use reveille_skills::shelf;

use super::waiting::{TRIES_AGAIN, is_certain, may_go, refused};
use super::{AtPost, Bell, Changed, templates};
use crate::act::publication;
use crate::commands::Ready;
use crate::connect::connect;
use crate::credential::{self, Standing};
use crate::failure::{Failure, Kind, OnDisk as _, OrFail, Outcome};
use crate::fault::Faults;
use crate::home_key::home_key;
use crate::locked::{self, Locked};
use crate::observe::Scene;

/// How long it waits for the bell: what a server wanted later, or a pause held back, goes out within this time.
const EVERY: Duration = Duration::from_secs(30);

/// How often those are forgotten who never confirmed, and memory is told what readers.csv says.
const FORGET_EVERY: TimeDelta = TimeDelta::hours(1);

/// Mails until the program leaves. What goes wrong is said once, and again when it is something else.
pub(crate) fn run(ready: &Ready<'_>, bell: &Bell, at_post: &AtPost) {
    let (mut forgot, mut changed) = (None, Changed::since(&ready.home, &ready.settings_text));
    let mut said = String::new();
    let faults = match Faults::of(ready.environment) {
        Ok(faults) => faults,
        Err(failure) => return tracing::error!("no mail is sent: {failure}"),
    };
    loop {
        changed.look();
        let held = round(ready, bell, at_post, &faults, &mut forgot).err();
        // Who is about to leave is no trouble.
        at_post.mailed(held.as_ref().filter(|_| !bell.has_ended()).map(Into::into));
        let trouble = held.map(|failure| failure.with_hint()).unwrap_or_default();
        if trouble != said && !trouble.is_empty() {
            tracing::warn!("mails that readers asked for wait: {trouble}");
        }
        said = trouble;
        if bell.wait(EVERY) {
            return;
        }
    }
}

fn round(ready: &Ready<'_>, bell: &Bell, at_post: &AtPost, faults: &Faults, forgot: &mut Option<DateTime<Utc>>) -> Outcome {
    let Ready { environment, home, settings, .. } = ready;
    let now = environment.now();
    let path = home.memory().join("mails.lock");
    // Another one of this home, on another port or about to leave, is at it.
    let Locked::Ours(_lock) = locked::lock(&path).on(&path)? else { return Ok(()) };
    let mut memory = Memory::open(&home.database(), now).or_fail()?;
    if forgot.is_none_or(|last| now - last >= FORGET_EVERY || now < last) {
        crate::list::tell(home, settings, &mut memory)?;
        let people = memory.forget_unconfirmed(now - CONFIRM_WITHIN, now).or_fail()?;
        *forgot = Some(now);
        if people > 0 {
            tracing::info!(people, "forgot who had not confirmed within a week");
        }
    }
    if settings.channels.email.is_none() || memory.wanted_mails(0, 1).or_fail()?.is_empty() {
        return Ok(());
    }
    let scene = Scene { home, settings, environment, now };
    let may = |memory: &Memory| may_now(&scene, bell, memory).map_err(|failure| failure.to_string());
    may_now(&scene, bell, &memory)?;
    is_certain(&scene, &memory)?;
    let step = |step| {
        // A round may take hours: what is taken meanwhile is no trouble any more.
        if step == Step::AfterConfirm {
            at_post.mailed(None);
        }
        faults.reach(step);
    };
    let sent = send(&scene, &mut memory, bell, &step, &may)?;
    come_of(&scene, &mut memory, sent)
}

/// The brakes, asked before each mail.
fn may_now(scene: &Scene<'_>, bell: &Bell, memory: &Memory) -> Outcome {
    if bell.has_ended() {
        return Err(Failure::message(Kind::Busy, "the program is leaving"));
    }
    may_go(scene, memory)
}

fn send(
    scene: &Scene<'_>,
    memory: &mut Memory,
    bell: &Bell,
    step: &dyn Fn(Step),
    may: &dyn Fn(&Memory) -> Result<(), String>,
) -> Outcome<Sent> {
    if let Some(Standing::Refused { source, words }) = credential::standing(scene, Some(memory), Channel::Email)? {
        return Err(refused(&source, &words));
    }
    let Connection::Email(server) = connect(scene.settings, scene.home, scene.environment, Channel::Email)? else {
        return Err(Failure::message(Kind::Failed, "mail has no mail server"));
    };
    let key = home_key(scene.home)?;
    let rate = scene.settings.channels.email.as_ref().map_or(1, |email| email.rate).max(1);
    let round = Round {
        run: memory.run_of_serve(env!("CARGO_PKG_VERSION"), scene.now).or_fail()?,
        key: &key,
        pace: Duration::from_secs(60) / rate,
        now: &|| scene.environment.now(),
        sleep: &|time| bell.pause(time),
        may,
        step,
        words: &|kind| words(scene, &server, kind),
    };
    note::deliver(memory, &server, &round).or_fail()
}

fn words(scene: &Scene<'_>, server: &email::Email, kind: WantedFor) -> Result<email::Words, Fault> {
    let starts = || {
        shelf::starts(scene.home.root()).unwrap_or_else(|error| {
            // A welcome is worth more than what it names.
            tracing::warn!("a welcome names no issues: {error}");
            vec![]
        })
    };
    let start = if kind == WantedFor::Welcome { starts() } else { vec![] };
    email::words(&scene.home.root().join("templates"), &publication(scene), server, kind, &start)
}

fn come_of(scene: &Scene<'_>, memory: &mut Memory, sent: Sent) -> Outcome {
    if sent.taken + sent.later + sent.lost > 0 {
        tracing::info!(taken = sent.taken, later = sent.later, lost = sent.lost, "mails that readers asked for");
    }
    if sent.taken > 0 {
        credential::accepted(memory, Channel::Email)?;
    }
    match sent.stopped {
        None => Ok(()),
        Some(Stopped::Brake(why)) => Err(Failure::message(Kind::Busy, why)),
        Some(Stopped::Fault(fault)) => {
            if let Fault::Credential { channel, why } = &fault {
                credential::refused(scene, memory, *channel, why)?;
            }
            if let Fault::Refused { .. } = &fault {
                // What was changed since the start: in its own words, with its line.
                templates::words(scene)?;
            }
            let failure = Failure::message(Kind::Failed, credential::said(scene, Channel::Email, &fault));
            Err(match fault {
                // No wake sends these mails.
                Fault::Later { .. } | Fault::RateLimited { .. } => failure.hint(TRIES_AGAIN),
                fault => Failure { hint: fault.hint(), ..failure },
            })
        }
    }
}
