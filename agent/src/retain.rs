//! Readers who fall silent: who they are, what is known of them as facts and needs, and the author's letter to them on its way.
//!
//! Must stay true: while nobody listens nobody is called silent; nothing here widens who is mailed; a message goes through the same
//! ledger, brakes and caps as a letter, and of a silence a reader gets each stage's once.

mod send;

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use reveille_memory::Memory;
use reveille_mission::{Channel, Fact, FactKey, FactValue, Facts, LAPSED_DAYS, Need, NeedState, Past, Skill, Task, silent_days};
use reveille_skills::readers::Recipient;
use reveille_skills::retain::{self, Listening, Silence};
use reveille_skills::shelf::WinBack;

pub(crate) use send::send;

use crate::failure::{OrFail, Outcome};
use crate::ledger::Ledger;
use crate::list;
use crate::observe::Scene;

/// Since when the readers' side of this home listens, in memory.
const HEARD_SINCE: &str = "heard since";
/// How long after a round began the next one may: silent readers come one by one, and each round counts as an effect.
const BETWEEN: chrono::TimeDelta = chrono::TimeDelta::hours(20);
/// Where the facts come from.
const SOURCE: &str = "signs of life and letters in memory";

/// Whether silence can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ears {
    /// The settings have no readers' side: no click is seen.
    None,
    /// No wake has begun to listen.
    NotYet,
    /// Nobody was ever heard: perhaps nothing reaches us.
    NobodyYet,
    /// Signs are seen since then.
    Since(DateTime<Utc>),
}

/// Whether silence can be heard in this home.
pub(crate) fn ears(scene: &Scene<'_>, memory: Option<&Memory>) -> Outcome<Ears> {
    if scene.settings.site.is_none() {
        return Ok(Ears::None);
    }
    let Some(memory) = memory else { return Ok(Ears::NotYet) };
    let since = memory.text(HEARD_SINCE).or_fail()?.and_then(|text| text.parse().ok());
    Ok(match since {
        None => Ears::NotYet,
        Some(since) if memory.has_signs().or_fail()? => Ears::Since(since),
        Some(_) => Ears::NobodyYet,
    })
}

/// Everybody who gets the letter, and on which day the list says that they confirmed.
pub(crate) struct People {
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) confirmed_on: HashMap<String, NaiveDate>,
}

/// The readers who count; those whose letters have ended are among them only when `all`.
pub(crate) fn people(scene: &Scene<'_>, memory: &Memory, all: bool) -> Outcome<People> {
    let readers = list::readers(scene.home, scene.settings, Some(memory))?;
    let left_out = if all { list::suppressed(Some(memory))? } else { list::not_mailed(scene.settings, Some(memory))? };
    let day = |text: &str| text.trim().get(..10).and_then(|day| day.parse::<NaiveDate>().ok());
    let mut confirmed_on: HashMap<String, NaiveDate> = HashMap::new();
    for row in readers.rows() {
        if let Some(day) = day(&row.confirmed_at) {
            let known = confirmed_on.entry(row.id.clone()).or_insert(day);
            *known = day.max(*known);
        }
    }
    Ok(People { recipients: readers.recipients(&left_out), confirmed_on })
}

/// The readers told apart by their silence; nothing where nobody listens.
pub(crate) fn silence(scene: &Scene<'_>, memory: &Memory, people: &People) -> Outcome<Option<Silence>> {
    let Ears::Since(since) = ears(scene, Some(memory))? else { return Ok(None) };
    let listening = Listening { since, sunset_after: scene.settings.retain.sunset() };
    let traces = memory.traces().or_fail()?;
    Ok(Some(Silence::of(&people.recipients, &traces, &people.confirmed_on, listening, scene.now)))
}

/// Remembers since when somebody listens, ends the letters of whom they are to end for, and has them begin again for those who were
/// heard. A list that can't be read changes nothing.
pub(crate) fn keep(scene: &Scene<'_>, memory: &mut Memory) -> Outcome {
    let known = memory.text(HEARD_SINCE).or_fail()?.filter(|text| !text.is_empty());
    match (scene.settings.site.is_some(), known) {
        (true, None) => memory.keep_text(HEARD_SINCE, &scene.now.to_rfc3339()).or_fail()?,
        // Deaf from now on: what comes after this was never silence.
        (false, Some(_)) => memory.keep_text(HEARD_SINCE, "").or_fail()?,
        _ => {}
    }
    let Ok(everybody) = people(scene, memory, true) else { return Ok(()) };
    let ended = memory.sunsets().or_fail()?;
    // Who confirmed once more by the list, on a later day, has given a sign, too.
    let again =
        |(id, at): (&String, &DateTime<Utc>)| everybody.confirmed_on.get(id).is_some_and(|day| *day > at.date_naive()).then(|| id.clone());
    memory.resume_letters(&ended.iter().filter_map(again).collect()).or_fail()?;
    if let Some(silence) = silence(scene, memory, &everybody)?
        && !silence.ending.is_empty()
    {
        memory.end_letters(&silence.ending, scene.now).or_fail()?;
    }
    Ok(())
}

/// Sets the facts of silence: unknown where nobody listens, whatever an earlier wake knew.
pub(crate) fn observe(scene: &Scene<'_>, memory: &Memory, facts: &mut Facts) -> Outcome {
    let Ok(people) = people(scene, memory, false) else { return Ok(()) };
    let Some(silence) = silence(scene, memory, &people)? else { return Ok(()) };
    for (stage, (lapsed, unwritten)) in silence.counts() {
        let fact = |count| Fact { value: FactValue::Count(count), source: SOURCE.to_owned(), measured_at: Some(scene.now) };
        facts.set(FactKey::SubscribersLapsed(stage), fact(lapsed));
        facts.set(FactKey::SubscribersUnwritten(stage), fact(unwritten));
    }
    Ok(())
}

/// Who is assumed to be silent is assumed to have had no message, unless that is said as well.
pub(crate) fn assume(facts: &mut Facts, assumed: &[(String, String)]) {
    for stage in LAPSED_DAYS {
        let (lapsed, unwritten) = (FactKey::SubscribersLapsed(stage), FactKey::SubscribersUnwritten(stage));
        let is_assumed = |key: FactKey| assumed.iter().any(|(name, _)| *name == key.to_string());
        if let Some(fact) = facts.get(lapsed).cloned().filter(|_| is_assumed(lapsed) && !is_assumed(unwritten)) {
            facts.set(unwritten, fact);
        }
    }
}

/// Whether a key is a fact of silence: what an earlier wake remembered of it is not taken for today's.
pub(crate) fn is_of_silence(key: FactKey) -> bool {
    matches!(key, FactKey::SubscribersLapsed(_) | FactKey::SubscribersUnwritten(_))
}

/// Checks what winning back needs.
pub(crate) fn needs(scene: &Scene<'_>, memory: Option<&Memory>, facts: &mut Facts, letters: &[WinBack]) -> Outcome {
    let heard = LAPSED_DAYS.into_iter().all(|stage| facts.get(FactKey::SubscribersLapsed(stage)).is_some());
    let assumed = LAPSED_DAYS.into_iter().any(|stage| facts.get(FactKey::SubscribersLapsed(stage)).is_some());
    facts.set_need(Need::Heard, if heard || assumed { NeedState::Met } else { deaf(ears(scene, memory)?) });
    for stage in LAPSED_DAYS {
        let state = match retain::released(letters, stage, scene.now.date_naive()) {
            Some(_) => NeedState::Met,
            None => no_letter(letters, stage, scene.now.date_naive()),
        };
        facts.set_need(Need::WinBack(stage), state);
    }
    Ok(())
}

fn deaf(ears: Ears) -> NeedState {
    let (because, unblock) = unheard(ears);
    NeedState::Unmet { why: format!("nobody can tell who is silent: {because}"), unblock: unblock.to_owned() }
}

/// Why silence can't be heard, and what would change that.
fn unheard(ears: Ears) -> (&'static str, &'static str) {
    match ears {
        Ears::None => (
            "without the readers' side no click is seen",
            "add [site] to reveille.toml and run `reveille serve`: silence counts from then on",
        ),
        Ears::NotYet => ("no wake has begun to listen yet", "run `reveille wake`: silence counts from then on"),
        Ears::NobodyYet | Ears::Since(_) => (
            "no reader was ever heard, so perhaps nothing reaches us",
            "see that `reveille serve` runs where the links in your letters lead",
        ),
    }
}

fn no_letter(letters: &[WinBack], stage: u16, today: NaiveDate) -> NeedState {
    // What its author released says more than what waits for that.
    let letter = letters.iter().filter(|letter| letter.stage == stage).min_by_key(|letter| !letter.ready);
    let held_until = letter.and_then(|letter| letter.date).filter(|date| *date > today);
    let (why, unblock) = match (letter, held_until) {
        (Some(WinBack { ready: true, rival: Some(rival), path, .. }), _) => (
            format!("{path} and {rival} are both released, and nobody can tell which one is meant"),
            format!("set `ready: false` in {path} or in {rival}: both are for readers silent for {stage} days"),
        ),
        (Some(WinBack { ready: true, path, .. }), Some(date)) => (
            format!("{path} is held back until {date}"),
            format!("{path} is held back until {date} by its `date:`: remove that line if it may go sooner"),
        ),
        (Some(WinBack { path, .. }), _) => {
            (format!("{path} is not released"), format!("set `ready: true` in {path} when it may go to readers silent for {stage} days"))
        }
        (None, _) => (
            format!("there is no letter to readers silent for {stage} days"),
            format!(
                "write drafts/silent-{stage}.md with `retain: {stage}` and `ready: true` in its front matter: your letter to readers silent for {stage} days"
            ),
        ),
    };
    NeedState::Unmet { why, unblock }
}

/// Writing to silent readers, proposed where the author released a letter and there is somebody to get it.
pub(crate) fn proposals(scene: &Scene<'_>, facts: &Facts, letters: &[WinBack], ledger: &Ledger) -> Vec<Task> {
    let today = scene.now.date_naive();
    let wanted = |stage: &u16| {
        let waits = facts.count(FactKey::SubscribersUnwritten(*stage)).is_some_and(|count| count > 0);
        waits || retain::under_way(ledger.rounds(), *stage).is_some()
    };
    let letters = LAPSED_DAYS.into_iter().filter(wanted).filter_map(|stage| retain::released(letters, stage, today));
    letters.filter(|_| scene.settings.channels.email.is_some()).map(retain::propose).collect()
}

/// The stage that a task is about, if winning back by mail is what it does.
pub(crate) fn stage_of(skill: Option<Skill>, channel: Option<Channel>, text: &str) -> Option<u16> {
    (skill == Some(Skill::Retain) && channel == Some(Channel::Email)).then(|| silent_days(text))
}

/// What earlier rounds say: one that waits for the server, or that was begun a moment ago.
pub(crate) fn past(stage: u16, ledger: &Ledger, now: DateTime<Utc>) -> Option<Past> {
    if let Some(round) = retain::under_way(ledger.rounds(), stage) {
        let until = round.next_try.filter(|until| reveille_memory::has_to_wait(*until, now))?;
        return Some(Past::CoolingDown { until, why: "the mail server wants what is left later".to_owned() });
    }
    // A clock that was ahead holds nothing back for longer than this.
    let last = ledger.rounds().filter_map(|round| retain::begun_at(&round.issue)).filter(|at| *at <= now).max()?;
    let until = last + BETWEEN;
    (until > now).then(|| Past::CoolingDown { until, why: "silent readers were written to a moment ago".to_owned() })
}

/// Whether a round of a stage has begun: it counted when it did.
pub(crate) fn is_under_way(stage: u16, ledger: &Ledger) -> bool {
    retain::under_way(ledger.rounds(), stage).is_some()
}

/// Readers whose letters have ended, and the stages, as `status` says them.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Standing {
    /// By stage, in days; nothing where nobody listens.
    pub(crate) lapsed: Option<BTreeMap<u16, u64>>,
    /// Why nothing is known, if so.
    pub(crate) unknown: Option<String>,
    /// Whose letters have ended.
    pub(crate) sunset: u64,
}

/// How many readers are silent.
pub(crate) fn standing(scene: &Scene<'_>, memory: &Memory) -> Outcome<Standing> {
    let Ok(everybody) = people(scene, memory, true) else { return Ok(Standing::default()) };
    let people = people(scene, memory, false)?;
    let silence = silence(scene, memory, &people)?;
    let unknown = if silence.is_none() { Some(unheard(ears(scene, Some(memory))?).0.to_owned()) } else { None };
    let mailed: HashSet<&str> = people.recipients.iter().map(|one| one.id.as_str()).collect();
    let sunset = everybody.recipients.iter().filter(|one| !mailed.contains(one.id.as_str())).count() as u64;
    let lapsed = silence.map(|silence| silence.counts().into_iter().map(|(stage, (lapsed, _))| (stage, lapsed)).collect());
    Ok(Standing { lapsed, unknown, sunset })
}

impl Standing {
    /// In a line.
    pub(crate) fn shown(&self) -> String {
        let sunset = if self.sunset > 0 { format!("; letters ended for {}", self.sunset) } else { String::new() };
        match &self.lapsed {
            Some(lapsed) => {
                let stages: Vec<String> = lapsed.iter().map(|(stage, count)| format!("{count} for {stage} days")).collect();
                format!("{}{sunset}", stages.join(", "))
            }
            None => format!("unknown: {}{sunset}", self.unknown.as_deref().unwrap_or("the list can't be read")),
        }
    }
}
