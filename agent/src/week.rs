//! The letter of the week: for readers who want no letter an issue, but one a week.
//!
//! Must stay true: it holds issues that their author wants mailed, in the reader's topics, and none that they had a mail of; who gets
//! it is not mailed its issues one by one; who would get no such letter is. It is sent by the wakes of the week after, in passing.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{Datelike, Days, NaiveDate};
use reveille_memory::{EffectState, Memory, RunId};
use reveille_mission::{Channel, Issue, Shelf, Skill};
use reveille_skills::channels::{Connection, email};
use reveille_skills::delivery::letter::{PART, Progress, Stopped};
use reveille_skills::readers::{Reaches, Recipient, reaches};

use crate::act::publication;
use crate::brakes::Guard;
use crate::connect::connect;
use crate::credential;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::letter;
use crate::list;
use crate::observe::Scene;
use crate::telling::failed;

/// The Monday of a day's week (ISO 8601).
fn monday(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(day)
}

/// Today, where the publication is.
fn today(scene: &Scene<'_>) -> NaiveDate {
    scene.now.with_timezone(&scene.settings.wake.timezone).date_naive()
}

/// Whether a letter of the week may go out at all: one that waits for the human's word each time can't, for there is no line to
/// say it to. Without it every reader gets each issue.
fn may_be(scene: &Scene<'_>) -> bool {
    let approve = &scene.settings.approve;
    !approve.channels.contains(&Channel::Email) && !approve.skills.contains(&Skill::Publish)
}

/// Whether an issue comes, or came, in the letter of this week or the last.
fn comes_weekly(issue: &Issue, today: NaiveDate) -> bool {
    let recent = |date: NaiveDate| date <= today && (monday(today) - monday(date)).num_days() <= 7;
    issue.mail && issue.date.is_some_and(recent)
}

/// Who of these gets the letter of a single issue.
pub(crate) fn at_once(scene: &Scene<'_>, memory: &Memory, people: Vec<Recipient>, issue: &Issue) -> Outcome<Vec<Recipient>> {
    let chosen = memory.all_preferences().or_fail()?;
    let weekly = may_be(scene) && comes_weekly(issue, today(scene));
    let gets = |one: &Recipient| match chosen.get(&one.id).map_or(Reaches::AtOnce, |chosen| reaches(chosen, issue, scene.now)) {
        Reaches::AtOnce => true,
        Reaches::Weekly => !weekly,
        Reaches::Not => false,
    };
    Ok(people.into_iter().filter(gets).collect())
}

/// Sends the letter of last week to whoever has not got it. What to tell of it.
pub(crate) fn send(guard: &Guard<'_>, memory: &mut Memory, run: RunId) -> Outcome<Vec<String>> {
    let scene = guard.scene;
    if scene.settings.channels.email.is_none() || !may_be(scene) {
        return Ok(vec![]);
    }
    let first = monday(today(scene)) - Days::new(7);
    let name = format!("week-{}", first.format("%G-W%V"));
    let shelf = reveille_skills::shelf::load(scene.home.root()).or_fail()?.as_of(scene.now.date_naive()).shelf;
    let issues = of_week(&shelf, first);
    // Most homes have no weekly reader, and most wakes nothing to send: nothing is asked of the mail server then.
    if issues.is_empty() {
        return Ok(vec![]);
    }
    let groups = groups(scene, memory, &issues)?;
    let states = memory.letter_states(&name).or_fail()?;
    let waits = |one: &Recipient| states.get(&one.id).is_none_or(|state| matches!(state, EffectState::Intended | EffectState::Sending));
    if !groups.values().flatten().any(waits) {
        return Ok(vec![]);
    }
    let begun = states.values().any(|state| matches!(state, EffectState::Confirmed | EffectState::Unknown));
    let may = if begun { guard.may_go_on(memory) } else { guard.may_begin(memory, Channel::Email, &[]) };
    if let Err(why) = may {
        tracing::info!("the letter of the week waits: {why}");
        return Ok(vec![]);
    }
    match go(guard, memory, run, (&name, first), &issues, groups) {
        Ok(progress) => Ok(told(guard, memory, &name, &progress)?.into_iter().collect()),
        // It keeps the rest of the wake from nothing.
        Err(failure) => Ok(vec![format!("the letter of the week was not sent: {}", failure.with_hint())]),
    }
}

/// The issues of the week that begins on this Monday, in their order.
fn of_week(shelf: &Shelf, first: NaiveDate) -> Vec<&Issue> {
    let mut issues: Vec<&Issue> =
        shelf.published().filter(|issue| issue.mail && issue.date.is_some_and(|date| monday(date) == first)).collect();
    issues.sort_by_key(|issue| (issue.date, issue.number, issue.path.as_str()));
    issues
}

/// Weekly readers, by what they get: issues of their topics that they had no mail of.
fn groups(scene: &Scene<'_>, memory: &Memory, issues: &[&Issue]) -> Outcome<BTreeMap<Vec<usize>, Vec<Recipient>>> {
    let chosen = memory.all_preferences().or_fail()?;
    let people = list::readers(scene.home, scene.settings, Some(memory))?.recipients(&list::not_mailed(scene.settings, Some(memory))?);
    let mut mailed: Vec<HashSet<String>> = Vec::with_capacity(issues.len());
    for issue in issues {
        let states: HashMap<String, EffectState> = memory.letter_states(&issue.id).or_fail()?;
        mailed.push(states.into_iter().filter(|(_, state)| *state != EffectState::Refused).map(|(id, _)| id).collect());
    }
    let mut groups: BTreeMap<Vec<usize>, Vec<Recipient>> = BTreeMap::new();
    for one in people {
        let Some(chosen) = chosen.get(&one.id) else { continue };
        let gets = |at: &usize| reaches(chosen, issues[*at], scene.now) == Reaches::Weekly && !mailed[*at].contains(&one.id);
        let wanted: Vec<usize> = (0..issues.len()).filter(gets).collect();
        if !wanted.is_empty() {
            groups.entry(wanted).or_default().push(one);
        }
    }
    Ok(groups)
}

fn go(
    guard: &Guard<'_>,
    memory: &mut Memory,
    run: RunId,
    (name, first): (&str, NaiveDate),
    issues: &[&Issue],
    groups: BTreeMap<Vec<usize>, Vec<Recipient>>,
) -> Outcome<Progress> {
    let scene = guard.scene;
    let Connection::Email(server) = connect(scene.settings, scene.home, scene.environment, Channel::Email)? else {
        return Err(Failure::message(Kind::Failed, "mail has no mail server"));
    };
    let unsubscribe = scene.settings.channels.email.as_ref().and_then(|email| email.unsubscribe.as_deref());
    let mut letters = Vec::with_capacity(groups.len());
    for (which, recipients) in groups {
        let these: Vec<&Issue> = which.into_iter().filter_map(|at| issues.get(at).copied()).collect();
        let letter = email::compose_week(scene.home.root(), &publication(scene), (name, first), &these, &server, unsubscribe)
            .map_err(|fault| failed(guard, memory, fault))?;
        let files: Vec<&str> = these.iter().map(|issue| issue.path.as_str()).collect();
        letters.push((letter::at_site(scene, memory, letter, &files)?, recipients));
    }
    let letters: Vec<(&email::Letter, &[Recipient])> = letters.iter().map(|(letter, to)| (letter, to.as_slice())).collect();
    letter::deliver(guard, memory, run, &server, (name, PART), &letters)
}

/// What a round came to, in words.
fn told(guard: &Guard<'_>, memory: &mut Memory, name: &str, progress: &Progress) -> Outcome<Option<String>> {
    if progress.sent_now > 0 {
        credential::accepted(memory, Channel::Email)?;
    }
    let server = match &progress.stopped {
        Some(Stopped::Server(fault) | Stopped::InARow(fault)) => Some(failed(guard, memory, fault.clone()).with_hint()),
        _ => None,
    };
    let sent = (progress.sent_now > 0).then(|| format!("sent the letter of the week ({name}) to {} readers", progress.sent_now));
    Ok(match (sent, server) {
        (Some(sent), Some(server)) => Some(format!("{sent}; then {server}")),
        (sent, server) => sent.or_else(|| server.map(|server| format!("the letter of the week waits: {server}"))),
    })
}

#[cfg(test)]
mod tests {
    use reveille_mission::Stage;

    use super::*;

    fn issue(mail: bool, date: &str) -> Issue {
        Issue {
            id: date.into(),
            number: None,
            title: "T".into(),
            slug: "t".into(),
            date: date.parse().ok(),
            summary: None,
            hooks: vec![],
            tags: vec![],
            mail,
            thread: false,
            stage: Stage::Published,
            path: date.into(),
        }
    }

    #[test]
    fn a_week_is_from_monday_to_sunday_and_its_letter_is_due_in_the_next() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        assert_eq!(["2026-11-16", "2026-11-20", "2026-11-22"].map(|at| monday(day(at))), [day("2026-11-16"); 3]);
        assert_eq!(monday(day("2027-01-01")).format("week-%G-W%V").to_string(), "week-2026-W53");
        for (mail, date, today, expected) in [
            (true, "2026-11-16", "2026-11-16", true),
            (true, "2026-11-16", "2026-11-29", true),
            (true, "2026-11-22", "2026-11-29", true),
            // Its week's letter is past: whoever is mailed it now is mailed it alone.
            (true, "2026-11-22", "2026-11-30", false),
            (true, "2026-11-23", "2026-11-22", false),
            (false, "2026-11-16", "2026-11-16", false),
        ] {
            assert_eq!(comes_weekly(&issue(mail, date), day(today)), expected, "{mail} {date} {today}");
        }
        let shelf = Shelf {
            issues: vec![issue(true, "2026-11-22"), issue(true, "2026-11-23"), issue(false, "2026-11-17"), issue(true, "2026-11-16")],
        };
        let found: Vec<_> = of_week(&shelf, day("2026-11-16")).into_iter().map(|issue| issue.id.as_str()).collect();
        assert_eq!(found, ["2026-11-16", "2026-11-22"]);
    }
}
