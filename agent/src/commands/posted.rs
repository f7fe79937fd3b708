//! `posted`: the human's word on where a post is, or that it is not there.

use std::process::ExitCode;

use clap::Args;
use reveille_memory::Memory;
use reveille_mission::{AskKind, Channel, Issue, Need, Shelf, Subject, folded};
use reveille_skills::distribute::belongs;
use reveille_skills::offer::Told;

use super::{Ready, print};
use crate::deliberate::{Manner, deliberate, load};
use crate::failure::{Failure, Hinted, Kind, OrFail, Outcome};
use crate::lease::Lock;
use crate::ledger::{self, Ledger, told_key};
use crate::observe::Scene;
use crate::stages::Stages;

/// Say where a post is: one that you made from a prepared text, or one that may have gone out
///
/// ITEM is the key that stands under "Needs you", the start of its text or of the line, or the issue and the channel, like
/// `45 hackernews`. URL is the address of the post; it has to be on that channel. After it the post counts as made, its line
/// is ticked by the next wake, and it is measured.
#[derive(Debug, Args)]
pub(crate) struct Posted {
    #[arg(required = true, value_name = "ITEM URL")]
    words: Vec<String>,
    /// It is not there: what may have gone out may be sent again (no URL)
    #[arg(long, conflicts_with = "there")]
    not: bool,
    /// Of mails that may have gone out: they have arrived (no URL)
    #[arg(long)]
    there: bool,
}

/// What is meant: an issue, by its stable id, on a channel.
type Meant = (Channel, String);

impl Posted {
    pub(super) fn run(mut self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let now = ready.environment.now();
        let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now };
        let address = if self.not || self.there { None } else { self.words.pop() };
        let item = self.words.join(" ");
        let item = item.trim().trim_start_matches('#');
        if item.is_empty() {
            return Err(usage("no post is named", "`reveille posted 45 hackernews https://…`"));
        }
        let mut memory = Memory::open(&ready.home.database(), now).or_fail()?;
        let shelf = load(&scene)?.shelf;
        let (channel, issue) = meant(&scene, &mut memory, &shelf, item)?;
        let name = format!("{} on {}", shelf.name_of(&issue), channel.title());
        if channel == Channel::Email {
            return self.of_mails(&scene, &mut memory, &issue, &name);
        }
        if self.there {
            return Err(usage("only mails take `--there`", "a post has an address: `reveille posted ITEM URL`"));
        }
        let (done, said) = match address {
            Some(address) => {
                let url = belongs(channel, &address, ready.settings.server(channel))
                    .map_err(|error| usage(&error.to_string(), &error.hint_of().unwrap_or_default()))?;
                let done = ledger::confirm_by_hand(&mut memory, &issue, channel, url.as_str(), now)?;
                (done, format!("Confirmed by your word: {name} is at {url}\nThe next wake ticks its line.\n"))
            }
            None => {
                let done = ledger::deny_by_hand(&mut memory, &issue, channel, now)?;
                (done, format!("Noted by your word: {name} is not there. A wake may send it again.\n"))
            }
        };
        if !done {
            return Err(not_asked(&memory, &scene, channel, &issue, &name, self.not)?);
        }
        print(&said)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Posted {
    /// Mails have no address: they have arrived, or they have not.
    fn of_mails(&self, scene: &Scene<'_>, memory: &mut Memory, issue: &str, name: &str) -> Outcome<ExitCode> {
        if !self.not && !self.there {
            return Err(usage("a mail has no address", "say `--there` if they have arrived, `--not` if they have not"));
        }
        // A wake that is running may have one on its way.
        let _lock = Lock::take(scene.home, scene.now)?;
        let settled = ledger::settle_mails(memory, issue, self.there, scene.now)?;
        match (settled, self.there) {
            (0, _) => Err(usage(&format!("no mail of {name} waits for your word"), "`reveille status` shows what does")),
            (count, true) => print(&format!("Confirmed by your word: {count} mails of {name} have arrived.\n")).map(|()| ExitCode::SUCCESS),
            (count, false) => {
                print(&format!("Noted by your word: {count} mails of {name} have not arrived. The next wake sends them again.\n"))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn usage(message: &str, hint: &str) -> Failure {
    Failure::message(Kind::Usage, message).hint(hint)
}

/// Why there is nothing to say about this post.
fn not_asked(memory: &Memory, scene: &Scene<'_>, channel: Channel, issue: &str, name: &str, not: bool) -> Outcome<Failure> {
    Ok(match Ledger::read(Some(memory), scene.now)?.told(issue, channel) {
        Told::Done { proof, .. } => usage(&format!("{name} is confirmed already: {proof}"), "evidence is never taken back"),
        Told::Prepared if not => usage(
            &format!("{name} was prepared for you; the program has not sent it"),
            "if you do not want to post it, write `no` behind its entry in PROGRESS.md",
        ),
        _ => usage(&format!("{name} does not wait for your word"), "`reveille status` shows what does; the next wake looks by itself"),
    })
}

/// The one post that is meant: by its key, by issue and channel, or by the start of a text.
fn meant(scene: &Scene<'_>, memory: &mut Memory, shelf: &Shelf, item: &str) -> Outcome<Meant> {
    let asked = memory.text(&format!("ask {item}")).or_fail()?;
    if let Some((channel, issue)) = asked.as_deref().and_then(|asked| asked.split_once(' '))
        && let Ok(channel) = channel.parse()
    {
        return Ok((channel, issue.to_owned()));
    }
    let named = by_name(shelf, item);
    let found = if named.is_empty() { by_text(scene, memory, item)? } else { named };
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(usage(&format!("nothing is called `{item}`"), "name the issue and the channel, like `45 hackernews`")),
        several => {
            let names: Vec<String> = several.iter().map(|(channel, issue)| format!("{} {channel}", shelf.name_of(issue))).collect();
            Err(usage(&format!("`{item}` could be any of: {}", names.join(" | ")), "give the key, or the issue's number and the channel"))
        }
    }
}

/// `45 hackernews`, `issue 45 hackernews`, `The Queue hackernews`.
fn by_name(shelf: &Shelf, item: &str) -> Vec<Meant> {
    let Some((issue, channel)) = item.rsplit_once(char::is_whitespace) else { return vec![] };
    let Ok(channel) = channel.to_lowercase().parse::<Channel>() else { return vec![] };
    let issue = issue.trim();
    if reveille_memory::stage_of(issue).is_some() {
        return vec![(channel, issue.to_owned())];
    }
    let number: Option<u32> = issue.strip_prefix("issue ").unwrap_or(issue).trim_start_matches('#').parse().ok();
    let is_meant = |other: &&Issue| match number {
        Some(number) => other.number == Some(number),
        None => other.id == issue || folded(&other.title) == folded(issue),
    };
    shelf.published().filter(is_meant).map(|issue| (channel, issue.id.clone())).collect()
}

/// By the key or the start of an entry under "Needs you", or by the start of an open line about one issue on one channel.
fn by_text(scene: &Scene<'_>, memory: &mut Memory, item: &str) -> Outcome<Vec<Meant>> {
    let mut stages = Stages::start(scene.settings.wake.limit.duration())?;
    let deliberation = deliberate(scene, Some(memory), &Manner::default(), &mut stages)?;
    let (_, _, asks) = deliberation.decide(scene);
    let starts = |text: &str| text.to_lowercase().starts_with(&item.to_lowercase());
    let asked = asks.iter().filter(|ask| ask.key == item || starts(&ask.text)).filter_map(|ask| match &ask.kind {
        AskKind::PostedByHand { need: Need::PostedByHand { channel, issue } } => Some((*channel, issue.clone())),
        _ => None,
    });
    let lines = deliberation.cases.iter().filter(|case| starts(&case.task.text)).filter_map(|case| match &case.reading.subject {
        Subject::One(issue) => Some((told_key(case.reading.skill, case.reading.channel)?, issue.clone())),
        _ => None,
    });
    let mut found: Vec<Meant> = Vec::new();
    for one in asked.chain(lines) {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found)
}
