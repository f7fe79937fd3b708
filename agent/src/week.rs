//! The letter of the week: for readers who want no letter an issue, but one a week.
//!
//! Must stay true: it holds issues that their author wants mailed, in the reader's topics, and none that they had a mail of; who gets
//! it is not mailed its issues one by one; who would get no such letter is. It is sent by the wakes of the week after, in passing; what
//! a home that was off or a brake kept from going out then goes out later, to those only who wanted it then.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use reveille_memory::{EffectState, Memory, Preferences, RunId};
use reveille_mission::{Channel, Issue, Shelf, Skill, former_ids};
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
use crate::numbers::many;
use crate::observe::Scene;
use crate::telling::failed;

/// The Monday of a day's week (ISO 8601).
fn monday(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(day)
}

/// How many weeks a letter may come late.
const REACH: u64 = 4;

/// The day of a time, where the publication is.
fn day(scene: &Scene<'_>, at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&scene.settings.wake.timezone).date_naive()
}

fn today(scene: &Scene<'_>) -> NaiveDate {
    day(scene, scene.now)
}

/// A week whose letter is due, or was.
struct Week {
    /// Its Monday.
    first: NaiveDate,
    /// The issue of its letter in the ledger.
    name: String,
    /// Where its mails stand, by the readers' ids.
    states: HashMap<String, EffectState>,
    /// Whether it is the last one: who has chosen it by now gets it.
    is_last: bool,
    /// Whether it goes to those, too, to whom it was not written down yet.
    is_open: bool,
}

impl Week {
    /// One that is over and done.
    fn of(memory: &Memory, first: NaiveDate) -> Outcome<Self> {
        let name = format!("week-{}", first.format("%G-W%V"));
        let states = memory.letter_states(&name).or_fail()?;
        Ok(Self { first, name, states, is_last: false, is_open: false })
    }

    /// Whether a reader who wants one letter a week gets this one, if it has anything for them and they have not got it.
    fn is_for(&self, scene: &Scene<'_>, id: &str, chosen: &Preferences, changed_at: Option<DateTime<Utc>>) -> bool {
        let due = self.first + Days::new(7);
        let then = || changed_at.is_some_and(|at| day(scene, at) < due) && chosen.paused_until.is_none_or(|until| day(scene, until) <= due);
        self.states.get(id).map_or_else(|| self.is_last || self.is_open && then(), |state| state.is_under_way())
    }
}

/// The weeks whose letters may have to go out, the last one first: back to the last that began to go out, and those with mails that
/// were put back.
fn weeks(scene: &Scene<'_>, memory: &Memory) -> Outcome<Vec<Week>> {
    let mut weeks = Vec::new();
    for back in 1..=REACH {
        let week = Week::of(memory, monday(today(scene)) - Days::new(7 * back))?;
        weeks.push(Week { is_last: back == 1, ..week });
    }
    // Where none has gone out there was nobody yet who wanted one.
    let begun = weeks.iter().position(|week| !week.states.is_empty()).unwrap_or(0);
    weeks.iter_mut().take(begun + 1).for_each(|week| week.is_open = true);
    weeks.retain(|week| week.is_open || week.states.values().any(|state| state.is_under_way()));
    Ok(weeks)
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

/// How a single issue reaches each reader, by their ids: with a letter of its own, or, weekly, with that of its week.
pub(crate) fn ways<'a>(
    scene: &'a Scene<'_>,
    memory: &Memory,
    chosen: &'a HashMap<String, Preferences>,
    issue: &'a Issue,
) -> Outcome<impl Fn(&str) -> Reaches + 'a> {
    let may_be = may_be(scene);
    let weekly = may_be && comes_weekly(issue, today(scene));
    let late = late(scene, memory, issue)?.filter(|_| may_be);
    let changed = if late.is_some() { memory.preferences_changed().or_fail()? } else { HashMap::new() };
    let comes_late = move |id: &str| {
        let (Some(week), Some(chosen)) = (&late, chosen.get(id)) else { return false };
        let had = week.states.get(id).is_some_and(|state| *state != EffectState::Refused);
        had || week.is_for(scene, id, chosen, changed.get(id).copied())
    };
    Ok(move |id: &str| match chosen.get(id).map_or(Reaches::AtOnce, |chosen| reaches(chosen, issue, scene.now)) {
        Reaches::Weekly if !weekly && !comes_late(id) => Reaches::AtOnce,
        way => way,
    })
}

/// The week in whose letter an issue comes, or came.
fn late(scene: &Scene<'_>, memory: &Memory, issue: &Issue) -> Outcome<Option<Week>> {
    let Some(first) = issue.date.filter(|_| issue.mail).map(monday) else { return Ok(None) };
    if let Some(week) = weeks(scene, memory)?.into_iter().find(|week| week.first == first) {
        return Ok(Some(week));
    }
    Week::of(memory, first).map(Some)
}

/// Sends the letter of last week, and what is left of earlier ones, to whoever has not got it. What to tell of it.
pub(crate) fn send(guard: &Guard<'_>, memory: &mut Memory, run: RunId) -> Outcome<Vec<String>> {
    let scene = guard.scene;
    if scene.settings.channels.email.is_none() || !may_be(scene) {
        return Ok(vec![]);
    }
    let shelf = reveille_skills::shelf::load(scene.home.root()).or_fail()?.as_of(scene.now.date_naive()).shelf;
    let mut said = Vec::new();
    for week in weeks(scene, memory)?.iter().rev() {
        let issues = of_week(&shelf, week.first);
        // Most homes have no weekly reader, and most wakes nothing to send: nothing is asked of the mail server then.
        if issues.is_empty() {
            continue;
        }
        said.extend(send_week(guard, memory, run, week, &issues)?);
    }
    Ok(said)
}

fn send_week(guard: &Guard<'_>, memory: &mut Memory, run: RunId, week: &Week, issues: &[&Issue]) -> Outcome<Option<String>> {
    let groups = groups(guard.scene, memory, week, issues)?;
    let waits = |one: &Recipient| week.states.get(&one.id).is_none_or(|state| state.is_under_way());
    if !groups.values().flatten().any(waits) {
        return Ok(None);
    }
    let begun = week.states.values().any(|state| state.may_have_happened());
    let may = if begun { guard.may_go_on(memory) } else { guard.may_begin(memory, Channel::Email, &[]) };
    if let Err(why) = may {
        tracing::info!("the letter of the week waits: {why}");
        return Ok(None);
    }
    match go(guard, memory, run, (&week.name, week.first), issues, groups) {
        Ok(progress) => told(guard, memory, &week.name, &progress),
        // It keeps the rest of the wake from nothing.
        Err(failure) => Ok(Some(format!("the letter of the week was not sent: {}", failure.with_hint()))),
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
fn groups(scene: &Scene<'_>, memory: &Memory, week: &Week, issues: &[&Issue]) -> Outcome<BTreeMap<Vec<usize>, Vec<Recipient>>> {
    let (chosen, changed) = (memory.all_preferences().or_fail()?, memory.preferences_changed().or_fail()?);
    let people = list::readers(scene.home, scene.settings, Some(memory))?.recipients(&list::not_mailed(scene.settings, Some(memory))?);
    let mut mailed: Vec<HashSet<String>> = Vec::with_capacity(issues.len());
    for issue in issues {
        let states: HashMap<String, EffectState> = memory.letter_states(&issue.id).or_fail()?;
        mailed.push(states.into_iter().filter(|(_, state)| *state != EffectState::Refused).map(|(id, _)| id).collect());
    }
    let mut groups: BTreeMap<Vec<usize>, Vec<Recipient>> = BTreeMap::new();
    for one in people {
        let Some(chosen) = chosen.get(&one.id).filter(|chosen| week.is_for(scene, &one.id, chosen, changed.get(&one.id).copied())) else {
            continue;
        };
        let ids: Vec<String> = former_ids(&one.email).into_iter().chain([one.id.clone()]).collect();
        let had = |at: usize| ids.iter().any(|id| mailed[at].contains(id));
        let gets = |at: &usize| reaches(chosen, issues[*at], scene.now) == Reaches::Weekly && !had(*at);
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
    let sent = (progress.sent_now > 0).then(|| format!("sent the letter of the week ({name}) to {}", many(progress.sent_now, "reader")));
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
