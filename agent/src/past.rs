//! What is known of a task from before: done, turned down, refused, tried in vain, too soon, over a cap.

use reveille_memory::has_to_wait;
use reveille_mission::{Channel, Issue, Past, Reading, Shelf, Skill, Source, Stage, Subject, Task};
use reveille_skills::offer::Told;

use crate::brakes::quiet_until;
use crate::ledger::{Ledger, told_key};
use crate::observe::Scene;
use crate::retain;

/// What the past says of a task. In a wake, what would go out waits for the end of the quiet hours; a plan looks past them.
pub(crate) fn past(scene: &Scene<'_>, task: &Task, reading: &Reading, shelf: &Shelf, ledger: &Ledger, waking: bool) -> Past {
    if let Some(at) = ledger.turned_down(&task.digest()) {
        return Past::TurnedDown { at };
    }
    if let Subject::One(id) = &reading.subject
        && let Some(issue) = shelf.by_id(id).filter(|issue| issue.stage == Stage::Published && ledger.is_unproved(id))
    {
        let why = format!("{} is not proved to be out yet; each wake looks", issue.name());
        return Past::CoolingDown { until: scene.now + chrono::TimeDelta::hours(1), why };
    }
    if task.is_order()
        && let Subject::One(id) = &reading.subject
        && let Some(issue) = shelf.by_id(id)
    {
        match told_key(reading.skill, reading.channel) {
            Some(channel) => {
                if let Some(past) = past_telling(scene, task, issue, channel, ledger) {
                    return past;
                }
            }
            None if reading.skill == Some(Skill::Publish) && issue.stage == Stage::Published => {
                return Past::Done { evidence: ledger.published(id).unwrap_or_else(|| format!("{} is in {}", issue.name(), issue.path)) };
            }
            None => {}
        }
    }
    if let Some(past) = ledger.tried.past(scene, task) {
        return past;
    }
    if reading.skill == Some(Skill::Measure) {
        let again = ledger.measured.map(|at| at + chrono::TimeDelta::hours(20)).filter(|until| *until > scene.now);
        return match (&task.source, again) {
            (Source::Progress { .. }, Some(until)) => Past::CoolingDown { until, why: "counted today already".to_owned() },
            // A proposal comes when a channel is due; and only reading is no effect that a cap counts.
            _ => Past::Fresh,
        };
    }
    let stage = retain::stage_of(reading.skill, reading.channel, &task.text);
    if let Some(past) = stage.and_then(|stage| retain::past(stage, ledger, scene.now)) {
        return past;
    }
    let leaves_home = stage.is_some() || told_key(reading.skill, reading.channel).is_some_and(|channel| !channel.person_only());
    match quiet_until(scene, scene.now) {
        Some(until) if waking && leaves_home => Past::CoolingDown { until, why: "it is quiet now".to_owned() },
        _ if under_way(reading, ledger) => Past::Fresh,
        _ if stage.is_some_and(|stage| retain::is_under_way(stage, ledger)) => Past::Fresh,
        _ => budget(scene, reading, ledger),
    }
}

/// A letter that has begun counted when it did.
fn under_way(reading: &Reading, ledger: &Ledger) -> bool {
    let letter = told_key(reading.skill, reading.channel) == Some(Channel::Email);
    letter && matches!(&reading.subject, Subject::One(id) if ledger.told(id, Channel::Email) == Told::UnderWay)
}

/// Whether a cap allows one more effect.
fn budget(scene: &Scene<'_>, reading: &Reading, ledger: &Ledger) -> Past {
    let on_channel = reading.channel.map_or(0, |channel| ledger.effects_today_on(channel));
    match scene.settings.caps.reached(ledger.effects_today(), on_channel, reading.channel) {
        Some(cap) => Past::OverBudget { cap },
        None => Past::Fresh,
    }
}

/// What telling an issue there came to. A line that asks again is done when its own telling is, and waits until the last one is
/// long enough ago; a letter goes out once, so there the line stays open.
fn past_telling(scene: &Scene<'_>, task: &Task, issue: &Issue, channel: Channel, ledger: &Ledger) -> Option<Past> {
    if let Some(why) = ledger.refused(&issue.id, channel, &task.content) {
        let unblock = format!("change the issue's words for “{}”, or tell it yourself ({why})", task.text);
        return Some(Past::Refused { why: why.to_owned(), unblock });
    }
    if let Some(past) = stuck_letter(issue, channel, ledger) {
        return Some(past);
    }
    if let Some((until, why)) = ledger.not_before(&issue.id, channel).filter(|(until, _)| has_to_wait(*until, scene.now)) {
        return Some(Past::CoolingDown { until, why });
    }
    let Told::Done { proof, last_at, .. } = ledger.told(&issue.id, channel) else { return None };
    if !task.asks_again() {
        return Some(Past::Done { evidence: proof });
    }
    match ledger.own(task, &issue.id, channel) {
        _ if channel == Channel::Email => None,
        Some((_, proof)) => proof.map(|evidence| Past::Done { evidence }),
        None => {
            let until = last_at.checked_add_signed(scene.settings.channels.again_after.delta()).unwrap_or(last_at);
            let why = format!("{} was told on {} on {}", issue.name(), channel.title(), last_at.format("%Y-%m-%d"));
            (until > scene.now).then_some(Past::CoolingDown { until, why })
        }
    }
}

/// A letter that is settled and has reached nobody: only the human can say how it goes on.
fn stuck_letter(issue: &Issue, channel: Channel, ledger: &Ledger) -> Option<Past> {
    let letter = ledger.letter(&issue.id).filter(|_| channel == Channel::Email)?;
    if letter.total() == 0 || letter.intended + letter.sending + letter.confirmed > 0 {
        return None;
    }
    let name = issue.name();
    Some(match letter.unknown {
        0 => Past::Refused {
            why: format!("the mail server refused all {} mails of {name} for good", letter.refused),
            unblock: format!("see why with `reveille log`, mend the settings or the list, and send {name} under another id"),
        },
        unknown => Past::Refused {
            why: format!("{unknown} mails of {name} may or may not have arrived"),
            unblock: format!("say whether the mails of {name} have arrived: `reveille posted` with --there or --not"),
        },
    })
}
