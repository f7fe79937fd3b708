//! The brakes: what may hold an effect back at the last moment, between its intent and its call. Each is looked at anew, for a
//! wake may have been frozen by sleep for hours since it decided.

use std::cell::Cell;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::Memory;
use reveille_mission::Channel;

use crate::fault::Faults;
use crate::lease::Lease;
use crate::observe::Scene;

/// What an effect of this wake has to pass.
pub(crate) struct Guard<'a> {
    pub(crate) scene: &'a Scene<'a>,
    pub(crate) lease: &'a Lease<'a>,
    /// Whether the wake's time is up, or a signal came.
    pub(crate) stopped: &'a dyn Fn() -> bool,
    pub(crate) faults: &'a Faults,
    /// How many effects of this wake have gone out, or may have.
    pub(crate) begun: Cell<u64>,
}

impl Guard<'_> {
    /// The time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.scene.environment.now()
    }

    /// Whether a first effect may go out on a channel now; `approvals` are the digests that need the human's yes.
    pub(crate) fn may_begin(&self, memory: &Memory, channel: Channel, approvals: &[String]) -> Result<(), String> {
        self.may_go_on(memory)?;
        self.within_caps(memory, channel)?;
        let words = memory.approvals().map_err(|error| error.to_string())?;
        if approvals.iter().any(|digest| !words.iter().any(|word| word.granted && word.digest == *digest)) {
            return Err("it waits for your word".to_owned());
        }
        Ok(())
    }

    /// An effect has gone out, or may have: what the cap of a wake counts.
    pub(crate) fn count(&self) {
        self.begun.set(self.begun.get() + 1);
    }

    /// Whether an effect that has begun may go on: the next piece of a thread, the next mail of a letter.
    pub(crate) fn may_go_on(&self, memory: &Memory) -> Result<(), String> {
        let now = self.now();
        self.lease.check(memory, now).map_err(|failure| failure.to_string())?;
        if (self.stopped)() {
            return Err("the wake's time is up".to_owned());
        }
        if let Some(pause) = memory.paused(now).map_err(|error| error.to_string())? {
            return Err(format!("the home is paused: {}", pause.reason));
        }
        match quiet_until(self.scene, now) {
            Some(until) => Err(format!("it is quiet until {}", until.format("%H:%M UTC"))),
            None => Ok(()),
        }
    }

    fn within_caps(&self, memory: &Memory, channel: Channel) -> Result<(), String> {
        let (caps, since) = (&self.scene.settings.caps, self.now() - TimeDelta::hours(24));
        let (mut today, mut on_channel) = (0, 0);
        for other in Channel::ALL {
            let sent = memory.sent_since(&other.to_string(), since, self.now()).map_err(|error| error.to_string())?;
            today += sent;
            on_channel += if other == channel { sent } else { 0 };
        }
        let run = (self.begun.get() >= caps.run).then(|| format!("{} effects in one wake", caps.run));
        match caps.reached(today, on_channel, Some(channel)).or(run) {
            Some(cap) => Err(format!("the cap is reached: {cap}")),
            None => Ok(()),
        }
    }
}

/// When the quiet hours end, if it is quiet now.
pub(crate) fn quiet_until(scene: &Scene<'_>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let wake = &scene.settings.wake;
    wake.quiet.and_then(|quiet| quiet.until(now, wake.timezone))
}
