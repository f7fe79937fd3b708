//! Sending an issue to its readers: the letter made once, a mail a reader through the ledger, across as many wakes as it takes.

mod whom;

use std::time::Duration;

use chrono::TimeDelta;
use indicatif::{ProgressBar, ProgressStyle};
use reveille_memory::{Memory, RunId, Tally};
use reveille_mission::{Channel, Issue, Shelf};
use reveille_skills::answers::asking::asked_in;
use reveille_skills::channels::{Connection, email};
use reveille_skills::delivery::Step;
use reveille_skills::delivery::letter::{self, Progress, Round, Stopped};
use reveille_skills::readers::Recipient;

use crate::act::{Done, publication};
use crate::brakes::Guard;
use crate::connect::connect;
use crate::credential;
use crate::experiments;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home_key::home_key;
use crate::numbers::{many, worded};
use crate::observe::Scene;
use crate::telling::failed;
pub(crate) use whom::{Readership, Whom, count};

/// Sends an issue to the readers who count and have not got it.
pub(crate) fn send(guard: &Guard<'_>, memory: &mut Memory, run: RunId, issue: &Issue, approvals: &[String]) -> Outcome<Done> {
    let scene = guard.scene;
    let Whom { recipients, begun, .. } = match Readership::of(scene, Some(memory))?.of_issue(scene, Some(memory), issue)? {
        whom if whom.left > 0 => whom,
        // There were some when it was decided.
        _ => return Ok(Done::for_nobody()),
    };
    let Connection::Email(server) = connect(scene.settings, scene.home, scene.environment, Channel::Email)? else {
        return Err(Failure::message(Kind::Failed, "mail has no mail server"));
    };
    let settings = scene.settings.channels.email.as_ref();
    // A mail can't be taken back: a picture that is missing would be missing for everybody.
    reveille_skills::distribute::picture(scene.home.root(), issue).or_fail()?;
    // Without an address that somebody serves, readers leave by a mail: a dead link would keep them against their will.
    let unsubscribe = settings.and_then(|email| email.unsubscribe.as_deref());
    let letter = email::compose(scene.home.root(), &publication(scene), issue, &server, unsubscribe)
        .map_err(|fault| failed(guard, memory, fault))?;
    // What has begun goes on: a letter counts once, however many wakes it takes.
    let may = if begun { guard.may_go_on(memory) } else { guard.may_begin(memory, Channel::Email, approvals) };
    may.map_err(|why| held(&why))?;
    let letter = at_site(scene, memory, letter, &[&issue.path])?;
    let (letter, why_not) = experiments::shared_out(scene, memory, issue, letter, recipients.len() as u64)?;
    let progress = deliver(guard, memory, run, &server, (&issue.id, letter::PART), &[(&letter, &recipients)])?;
    let mut done = come_of(guard, memory, issue, &progress)?;
    done.hurt.extend(why_not);
    Ok(done)
}

/// The letter of these files at our own site where there is one: it counts its links, and readers choose, leave and answer there. One
/// that asks a survey which can't be answered is none.
pub(crate) fn at_site(scene: &Scene<'_>, memory: &mut Memory, letter: email::Letter, files: &[&str]) -> Outcome<email::Letter> {
    let (url, has_site) = (&scene.settings.url, scene.settings.site.is_some());
    let survey = asked_in(scene.home.root(), memory, files, has_site, scene.now).or_fail()?;
    Ok(if has_site { letter.at_site(url).counted(url).asking(survey) } else { letter })
}

/// Sends letters that are one issue and part of the ledger, as far as brakes, time and the server let them go.
pub(crate) fn deliver(
    guard: &Guard<'_>,
    memory: &mut Memory,
    run: RunId,
    server: &email::Email,
    what: (&str, &str),
    letters: &[(&email::Letter, &[Recipient])],
) -> Outcome<Progress> {
    let scene = guard.scene;
    let key = home_key(scene.home)?;
    let bar = progress_bar(letters.iter().map(|(_, recipients)| recipients.len()).sum());
    let settings = scene.settings.channels.email.as_ref();
    let round = Round {
        run,
        key: &key,
        rate: settings.map_or(0, |email| email.rate),
        until: TimeDelta::from_std(scene.settings.wake.limit.duration()).ok().map(|limit| scene.now + limit),
        now: &|| guard.now(),
        sleep: &|pause: Duration| std::thread::sleep(pause),
        may: &|memory| guard.may_go_on(memory),
        step: &|step: Step| guard.faults.reach(step),
        progress: &|progress: &Progress| bar.set_position(progress.total() - progress.left),
    };
    let progress = letter::deliver_each(memory, server, what, letters, &round).or_fail()?;
    bar.finish_and_clear();
    if progress.sent_now > 0 {
        guard.count();
    }
    Ok(progress)
}

/// What went wrong in a round that reached somebody, if anything; one that reached nobody is a failure with its reason.
pub(crate) fn went(guard: &Guard<'_>, memory: &mut Memory, progress: &Progress) -> Outcome<Vec<String>> {
    let server = match &progress.stopped {
        Some(Stopped::Server(fault) | Stopped::InARow(fault)) => Some(failed(guard, memory, fault.clone())),
        _ => None,
    };
    if server.is_none() && progress.sent_now > 0 {
        credential::accepted(memory, Channel::Email)?;
    }
    if progress.sent_now == 0 && !progress.is_done() {
        return Err(match (server, &progress.stopped) {
            (Some(failure), _) => failure,
            (None, Some(Stopped::Brake(why))) => held(why),
            (None, Some(Stopped::Time)) => held("the wake's time is up"),
            _ => held("the mail server wants every letter that is left later"),
        });
    }
    Ok(server.iter().map(Failure::with_hint).collect())
}

/// What a round came to, in words.
fn come_of(guard: &Guard<'_>, memory: &mut Memory, issue: &Issue, progress: &Progress) -> Outcome<Done> {
    let hurt = went(guard, memory, progress)?;
    let totals = totals(progress);
    let evidence = if progress.is_done() && progress.sent > 0 { vec![format!("taken by the mail server: {totals}")] } else { vec![] };
    let did = match progress.is_done() {
        true => format!("sent {} to {} ({totals})", issue.name(), many(progress.sent, "reader")),
        false => {
            format!(
                "sent {} to {} more readers, {} are left for the next wake ({totals})",
                issue.name(),
                progress.sent_now,
                progress.left + progress.put_back
            )
        }
    };
    Ok(Done { did, evidence, hurt, ..Done::default() })
}

/// What to tell of mails that nobody can tell of: only the human's word settles them.
pub(crate) fn unsettled(memory: &Memory, shelf: &Shelf) -> Outcome<Vec<String>> {
    let open = memory.tallies().or_fail()?.into_iter().filter(|tally| tally.unknown + tally.sending > 0);
    let say = |tally: Tally| {
        let issue = shelf.by_id(&tally.issue);
        let name = issue.map(Issue::name).or_else(|| reveille_skills::retain::name_of(&tally.issue)).unwrap_or_else(|| tally.issue.clone());
        let short = issue.and_then(|issue| issue.number);
        let item = short.map_or_else(|| tally.issue.clone(), |number| number.to_string());
        format!(
            "{} mails of {name} may or may not have arrived, and are not sent again without your word: \
             `reveille posted \"{item} email\" --there` if they have, `--not` if they have not",
            tally.unknown + tally.sending
        )
    };
    Ok(open.map(say).collect())
}

/// The counts, which add up to the rows of the letter.
pub(crate) fn totals(progress: &Progress) -> String {
    let parts = [
        (progress.sent, "taken"),
        (progress.refused, "refused for good"),
        (progress.put_back, "to be tried again"),
        (progress.unknown, "unknown"),
        (progress.left, "left"),
    ];
    let said: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let unfit = if progress.unfit > 0 {
        format!("; {} can't stand in a mail", worded(progress.unfit, "address", "addresses"))
    } else {
        String::new()
    };
    format!("{} of {}{unfit}", said.join(", "), progress.total())
}

pub(crate) fn held(why: &str) -> Failure {
    Failure::message(Kind::Failed, format!("no letter was sent: {why}")).hint("the next wake goes on from the ledger").held()
}

pub(crate) fn progress_bar(recipients: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("mailing {bar:30} {pos}/{len}, {eta} left").unwrap_or_else(|_| ProgressStyle::default_bar());
    if recipients < 20 { ProgressBar::hidden() } else { ProgressBar::new(recipients as u64).with_style(style) }
}
