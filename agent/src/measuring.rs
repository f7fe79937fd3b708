//! Measuring the channels of a home: which are due, and asking each of them.
//!
//! Must stay true: only a channel with a credential that is really there (not one that was assumed), or with posts of ours, is
//! asked; one that does not answer keeps the others from nothing.

use reveille_memory::{Memory, RunId};
use reveille_mission::{Channel, FactKey, Facts};
use reveille_skills::channels::Connection;
use reveille_skills::channels::hackernews::HackerNews;
use reveille_skills::measure::{self, Due, MadePost, Measured, Meter, Round};

use crate::credential;
use crate::failure::{OrFail, Outcome};
use crate::observe::Scene;

/// What measuring came to.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// What was learned, a phrase a channel.
    pub(crate) learned: Vec<String>,
    /// What could not be fetched, and what stands in its place.
    pub(crate) notes: Vec<String>,
}

/// The channels that are to be measured now, and why.
pub(crate) fn due(scene: &Scene<'_>, memory: Option<&Memory>, facts: &Facts) -> Outcome<Vec<(Channel, Due)>> {
    let every = scene.settings.wake.measure_every.delta();
    let posts = memory.map(|memory| measure::posts(memory, scene.now)).transpose().or_fail()?.unwrap_or_default();
    let mut due = Vec::new();
    for (channel, posts, account) in measurable(scene, memory, facts, &posts)? {
        let last = memory.map(|memory| Round::last(memory, channel)).transpose().or_fail()?.flatten();
        due.extend(measure::due(last.as_ref(), &posts, account, every, scene.now).map(|why| (channel, why)));
    }
    Ok(due)
}

/// The channels that can be measured, with their posts, and whether there is something to count besides those.
fn measurable(
    scene: &Scene<'_>,
    memory: Option<&Memory>,
    facts: &Facts,
    posts: &[MadePost],
) -> Outcome<Vec<(Channel, Vec<MadePost>, bool)>> {
    let of = |channel: Channel| -> Vec<MadePost> { posts.iter().filter(|post| post.channel == channel).cloned().collect() };
    let mut all: Vec<(Channel, Vec<MadePost>, bool)> = [Channel::Mastodon, Channel::Bluesky]
        .into_iter()
        .filter(|channel| is_connected(facts, *channel))
        .map(|channel| (channel, of(channel), true))
        .collect();
    let stories = of(Channel::Hackernews);
    if !stories.is_empty() {
        all.push((Channel::Hackernews, stories, false));
    }
    let letters = memory.map(Memory::tallies).transpose().or_fail()?.unwrap_or_default();
    if letters.iter().any(|letter| letter.channel == Channel::Email.to_string()) {
        all.push((Channel::Email, vec![], true));
    }
    if scene.settings.site.as_ref().is_some_and(|site| !site.logs.is_empty()) {
        all.push((Channel::Web, vec![], true));
    }
    Ok(all)
}

/// A credential is there; one that was only assumed can ask nobody.
fn is_connected(facts: &Facts, channel: Channel) -> bool {
    let ready = FactKey::Ready(channel);
    facts.flag(ready) == Some(true) && facts.get(ready).is_some_and(|fact| fact.measured_at.is_some())
}

/// Measures every channel that can be: what a server forbids until a time is not asked before, all else is, due or not.
pub(crate) fn measure(
    scene: &Scene<'_>,
    memory: &mut Memory,
    run: RunId,
    facts: &Facts,
    connect: &dyn Fn(Channel) -> Outcome<Connection>,
) -> Outcome<Heard> {
    let posts = measure::posts(memory, scene.now).or_fail()?;
    let mut heard = Heard::default();
    for (channel, _, _) in measurable(scene, Some(memory), facts, &posts)? {
        let forbidden = Round::last(memory, channel).or_fail()?.and_then(|round| round.not_before).filter(|until| *until > scene.now);
        if let Some(until) = forbidden {
            heard.notes.push(format!("measuring {}: not before {}", channel.title(), until.format("%Y-%m-%d %H:%M UTC")));
            continue;
        }
        let measured = one(scene, memory, run, channel, connect)?;
        heard.learned.extend(Some(measured.learned).filter(|learned| !learned.is_empty()));
        heard.notes.extend(measured.notes);
    }
    if scene.settings.site.is_some() {
        measure::measure_by_hand(memory, run, scene.now).or_fail()?;
    }
    Ok(heard)
}

fn one(
    scene: &Scene<'_>,
    memory: &mut Memory,
    run: RunId,
    channel: Channel,
    connect: &dyn Fn(Channel) -> Outcome<Connection>,
) -> Outcome<Measured> {
    let (every, now) = (scene.settings.wake.measure_every.delta(), scene.now);
    match channel {
        Channel::Web => {
            let (learned, notes) = crate::visits::import_configured(scene, memory)?;
            measure::measured_logs(memory, learned, notes, every, now).or_fail()
        }
        Channel::Email => measure::measure_mail(memory, run, every, now).or_fail(),
        Channel::Hackernews => match HackerNews::public(scene.settings.wake.patience.duration()) {
            Ok(hackernews) => measure::measure(memory, run, Meter::HackerNews(&hackernews), every, now).or_fail(),
            Err(fault) => measure::not_connected(memory, channel, &fault.to_string(), every, now).or_fail(),
        },
        _ => match connect(channel) {
            Ok(connection) => {
                let measured = measure::measure(memory, run, Meter::Account(&connection), every, now).or_fail()?;
                heard_of_credential(scene, memory, measured)
            }
            Err(failure) => measure::not_connected(memory, channel, &failure.to_string(), every, now).or_fail(),
        },
    }
}

/// Remembers whether the server accepted the credential, and takes it out of what the server said.
fn heard_of_credential(scene: &Scene<'_>, memory: &mut Memory, mut measured: Measured) -> Outcome<Measured> {
    match &measured.refused {
        Some(why) => credential::refused(scene, memory, measured.channel, why)?,
        None if !measured.learned.is_empty() => credential::accepted(memory, measured.channel)?,
        None => {}
    }
    let secret = scene.settings.secret(measured.channel).and_then(|secret| secret.reveal(scene.environment, scene.home).ok());
    if let Some(secret) = secret {
        measured.notes = measured.notes.iter().map(|note| credential::without(note, &secret)).collect();
    }
    Ok(measured)
}
