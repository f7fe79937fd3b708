//! Looking, at most once a day, whether a network that stopped an action is there again: by a call that only reads, one a channel.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::Memory;
use reveille_mission::Channel;

use super::{Failures, Tried};
use crate::connect::connect;
use crate::failure::Outcome;
use crate::observe::Scene;

/// From one look to the next.
const EVERY: TimeDelta = TimeDelta::days(1);

/// Lets what failed for want of a network have one more go where the channel answers; a channel that nobody can look at (the site)
/// once a day.
pub(crate) fn look(scene: &Scene<'_>, memory: &mut Memory) -> Outcome {
    let mut tried = Tried::read(memory)?;
    let mut answers: BTreeMap<Option<Channel>, bool> = BTreeMap::new();
    let mut looked = false;
    for failures in tried.0.values_mut().filter(|failures| failures.stops() && failures.is_of_network()) {
        if failures.looked_at > scene.now {
            // The clock was set back: how long it is ago nobody knows.
            failures.looked_at = scene.now;
            looked = true;
        }
        if is_due(failures, scene.now) {
            let channel = failures.channel();
            failures.again = *answers.entry(channel).or_insert_with(|| answers_again(scene, channel));
            failures.looked_at = scene.now;
            looked = true;
        }
    }
    if looked { tried.keep(memory, scene.now) } else { Ok(()) }
}

fn is_due(failures: &Failures, now: DateTime<Utc>) -> bool {
    now - failures.looked_at >= EVERY
}

fn answers_again(scene: &Scene<'_>, channel: Option<Channel>) -> bool {
    let Some(channel) = channel.filter(|channel| *channel != Channel::Web) else { return true };
    let Ok(connection) = connect(scene.settings, scene.home, scene.environment, channel) else { return false };
    let answer = connection.account(scene.now);
    tracing::info!(%channel, well = answer.is_ok(), "looked whether it is there again");
    answer.is_ok()
}
