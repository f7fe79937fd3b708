//! One wake, a stage a line. What each stage does lives in the file that it names.

mod best;

use std::cell::Cell;

use chrono::{DateTime, Utc};
use reveille_memory::{Memory, RunEnd, RunId, RunState};
use reveille_mission::{Edit, Need, NeedState};
use serde::Serialize;

use crate::act::{self, Done};
use crate::answers;
use crate::backup;
use crate::brakes::Guard;
use crate::deliberate::{Deliberation, Manner, deliberate};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::fault::Moment;
use crate::handover::{Letter, Notes};
use crate::inbox;
use crate::learn;
use crate::lease::Lock;
use crate::ledger;
use crate::letter;
use crate::list;
use crate::noted;
use crate::numbers;
use crate::observe::Scene;
use crate::reached;
use crate::record;
use crate::rendering;
use crate::retain;
use crate::sheet::markdown;
use crate::sheet::terminal;
use crate::sheet::{self, Sheet};
use crate::stages::Stages;
use crate::turn::{self, Timer, Turn};
use crate::watchdog::Watchdog;
use crate::week;
use crate::witness;
use best::act_or_next;

/// What a wake leaves behind for whoever started it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) run: Option<i64>,
    pub(crate) did: String,
    pub(crate) evidence: Vec<String>,
    pub(crate) learned: Vec<String>,
    #[serde(flatten)]
    pub(crate) sheet: Sheet,
    /// Something was tried, and nothing came of it.
    #[serde(skip)]
    pub(crate) failed: bool,
    /// What is shown on a terminal.
    #[serde(skip)]
    pub(crate) text: String,
}

/// What starts a wake, and how much of it is done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// A person.
    ByHand,
    /// A person who wants to see it only.
    Rehearsal,
    /// A timer: only when a slot is due.
    By(Timer),
}

/// What came of a start.
pub(crate) enum Woken {
    /// A wake.
    Report(Box<Report>),
    /// Nothing: no slot is due before this time.
    NotUntil(DateTime<Utc>),
}

/// Wakes once in a home.
pub(crate) fn wake(scene: &Scene<'_>, manner: &Manner, start: Start) -> Outcome<Woken> {
    let faults = &manner.faults;
    faults.reach(Moment::BeforeClaim);
    let timer = match start {
        Start::By(timer) => Some(timer),
        Start::ByHand | Start::Rehearsal => None,
    };
    let lock = enter(scene, matches!(start, Start::Rehearsal)).inspect_err(|failure| in_vain(scene, timer, failure))?;
    let Some((mut memory, lock)) = lock else {
        return rehearse(scene, manner).map(|report| Woken::Report(Box::new(report)));
    };
    faults.reach(Moment::AfterClaim);
    let begin = match turn::take(scene, &mut memory, &lock, timer)? {
        Turn::Ours(begin) => begin,
        Turn::NotUntil(next) => return Ok(Woken::NotUntil(next)),
    };
    let run = begin.run;
    faults.reach(Moment::AfterBegin);
    let mut stages = Stages::start(scene.settings.wake.limit.duration())?;
    let (_watchdog, trouble) = watch(scene, run, &stages).map_or_else(|failure| (None, Some(failure)), |watchdog| (Some(watchdog), None));
    let stopped = stages.brake();
    let guard = Guard { scene, lease: &begin.lease, stopped: &stopped, faults, begun: Cell::new(0) };
    // From here on whatever fails ends the run, and is what is kept of it.
    let said = trouble.map_or_else(|| turn::said(scene, &mut memory, begin.missed), Err);
    let result = said.and_then(|said| stages_of(&guard, manner, &mut memory, run, said, &mut stages));
    faults.reach(Moment::BeforeEnd);
    let ended = end(scene, &mut memory, run, &stages, &result);
    // Behind the end of the run, so that the copy holds it as it ended; a wake that failed has a day of its human's work to keep.
    backup::daily(scene, &mut memory, &stages.signalled(), &stopped);
    // What went wrong first is what is said.
    result.and_then(|report| ended.map(|()| Woken::Report(Box::new(report))))
}

/// The lock and the memory, when nothing stops the home; no memory for a rehearsal.
fn enter(scene: &Scene<'_>, rehearsal: bool) -> Outcome<Option<(Memory, Lock)>> {
    let lock = Lock::take(scene.home, scene.now)?;
    lock.not_stopped()?;
    if rehearsal {
        return Ok(None);
    }
    let mut memory = Memory::open(&scene.home.database(), scene.now).or_fail()?;
    if witness::look(scene, &mut memory)? {
        // It waits for its human, who reads PROGRESS.md and not what a timer is told. It holds, whether that can be written or not.
        let shown = crate::pausing::show_with(scene.home, scene.environment, &mut memory, &lock);
        let _ = shown.inspect_err(|failure| tracing::warn!("PROGRESS.md does not show the pause: {failure}"));
    }
    crate::commands::not_paused(&memory, scene.now)?;
    Ok(Some((memory, lock)))
}

/// A timer that started a wake in vain: its slot is noted with the reason, when that can be written.
fn in_vain(scene: &Scene<'_>, timer: Option<Timer>, failure: &Failure) {
    if timer.is_none() || failure.kind != Kind::Busy {
        return;
    }
    let noted = Memory::open(&scene.home.database(), scene.now).or_fail();
    let noted = noted.and_then(|mut memory| turn::missed(scene, &mut memory, &failure.to_string()));
    if let Err(error) = noted {
        tracing::warn!("the missed slot could not be noted: {error}");
    }
}

/// The watchdog, whose last words are the end of the run.
fn watch(scene: &Scene<'_>, run: RunId, stages: &Stages) -> Outcome<Watchdog> {
    let (database, clock, limit) = (scene.home.database(), scene.environment.clock(), scene.settings.wake.limit.duration());
    let error = format!("it took longer than its limit of {} s, did not stop when it was asked, and was ended by force", limit.as_secs());
    let last_words = {
        let clock = clock.clone();
        move || {
            tracing::error!(run = run.0, "{error}");
            let end = RunEnd { ended_at: clock.now(), state: RunState::Interrupted, outcome: None, pick: None, error: Some(error) };
            // What can't be written now is found by the next wake: the run is open, and nobody holds the lock.
            let _ = Memory::open(&database, clock.now()).and_then(|mut memory| memory.finish_run(run, &end));
        }
    };
    Watchdog::start(clock, limit, stages.over(), last_words)
}

/// Writes down how the run ended.
fn end(scene: &Scene<'_>, memory: &mut Memory, run: RunId, stages: &Stages, result: &Outcome<Report>) -> Outcome {
    let ended_at = scene.environment.now();
    let end = match result {
        Ok(report) => RunEnd {
            ended_at,
            state: RunState::Done,
            outcome: Some(report.sheet.outcome.as_str().to_owned()),
            pick: report.sheet.pick.clone(),
            error: None,
        },
        Err(failure) => {
            let state = if stages.stop().is_some() || failure.held { RunState::Interrupted } else { RunState::Failed };
            RunEnd { ended_at, state, outcome: None, pick: None, error: Some(failure.to_string()) }
        }
    };
    memory.record_stages(run, stages.times()).or_fail()?;
    memory.finish_run(run, &end).or_fail()?;
    if let Err(failure) = result {
        tracing::error!(run = run.0, "{failure}");
    }
    Ok(())
}

fn stages_of(
    guard: &Guard<'_>,
    manner: &Manner,
    memory: &mut Memory,
    run: RunId,
    said: Vec<String>,
    stages: &mut Stages,
) -> Outcome<Report> {
    let scene = guard.scene;
    let mut ticks = Vec::new();
    let recovered = stages.run("recover", || act::recover(guard, memory, run))?;
    guard.faults.reach(Moment::AfterRecover);
    retain::keep(scene, memory)?;
    if scene.settings.site.is_some() {
        list::tell(scene.home, scene.settings, memory)?;
    }
    let gone = !scene.home.progress().exists() && memory.text("block").or_fail()?.is_some();
    crate::visits::sweep(scene, memory);
    let mut deliberation = deliberate(scene, Some(memory), manner, stages)?;
    let rendered = stages.run("render", || rendering::refresh(scene, memory, &deliberation))?;
    let (_, _, asks) = deliberation.decide(scene);
    let learned = stages.run("learn", || learn::learn(scene, memory, &deliberation, &asks))?;
    let heard = stages.run("answers", || answers::hear(scene, memory, &deliberation, &asks))?;
    if heard.changed || !learned.is_empty() {
        deliberation = deliberate(scene, Some(memory), manner, stages)?;
    }
    ticks.extend(heard.edits);
    let mut notes = Notes { learned, hurt: said };
    notes.hurt.extend(gone.then(|| GONE.to_owned()));
    notes.hurt.extend(recovered);
    notes.hurt.extend(rendered);
    notes.hurt.extend(heard.said);
    notes.hurt.extend(learn::weigh(memory, deliberation.readings.learned)?);
    notes.hurt.extend(
        memory
            .text("unreported")
            .or_fail()?
            .filter(|text| !text.is_empty())
            .map(|text| format!("an earlier wake, which could not write this file, did: {text}")),
    );
    notes.hurt.extend(noted::lines(memory)?);
    let known =
        already_done(&deliberation).into_iter().filter(|edit| !ticks.iter().any(|other| same_item(edit, other))).collect::<Vec<_>>();
    ticks.extend(known);
    let (sheet, done, asks) = act_or_next(guard, memory, run, &mut deliberation, stages, &mut notes.hurt)?;
    notes.hurt.extend(done.hurt.iter().cloned());
    let report = format!("{} {}", done.did, done.evidence.join("; "));
    if sheet.outcome == sheet::Outcome::Act {
        // Kept until it is recorded: a wake that can't write PROGRESS.md has it said by the next one.
        memory.keep_text("unreported", &report).or_fail()?;
    }
    // Something is done already: what keeps this letter back keeps nothing from being recorded.
    let weekly = stages.finish("week", || week::send(guard, memory, run));
    notes.hurt.extend(weekly.unwrap_or_else(|failure| vec![format!("the letter of the week was not sent: {}", failure.with_hint())]));
    notes.hurt.extend(stages.finish("prepare", || act::prepare_by_hand(guard, memory, run, &deliberation, &asks))?);
    let shelf = &deliberation.loaded.shelf;
    let stopped = stages.brake();
    notes.hurt.extend(stages.finish("inbox", || Ok(inbox::fetch(scene, memory, run, shelf, &stopped)))?);
    ticks.extend(done.edits.clone());
    let report = stages.finish("record", || record_all(guard, memory, run, &deliberation, sheet, &done, ticks, notes))?;
    memory.keep_text("unreported", "").or_fail()?;
    noted::said(memory)?;
    stages.finish("compact", || compact(memory, &deliberation, scene.now))?;
    Ok(report)
}

/// Thins out the past once a day. What is wrong with that is no fault of the wake: it is said in the log, and tried again.
fn compact(memory: &mut Memory, deliberation: &Deliberation, now: DateTime<Utc>) -> Outcome {
    match memory.compact(deliberation.readings.hashes.as_deref(), now) {
        Ok(None) => {}
        Ok(Some(done)) => tracing::debug!(?done, "the past was thinned out"),
        Err(error) => tracing::warn!("the past could not be thinned out: {error}"),
    }
    Ok(())
}

/// What is said when the human's list is not there any more.
const GONE: &str = "PROGRESS.md was gone, and a new one was begun without your list: `reveille backup list` shows the copies of it, in \
    memory/backups/…/home/PROGRESS.md";

/// Two ticks of the same line: the first says it.
fn same_item(one: &Edit, other: &Edit) -> bool {
    match (one, other) {
        (Edit::Tick { text, nth, .. }, Edit::Tick { text: other_text, nth: other_nth, .. }) => text == other_text && nth == other_nth,
        _ => false,
    }
}

/// Lines that the ledger knows as done, but that no wake has ticked yet.
fn already_done(deliberation: &Deliberation) -> Vec<Edit> {
    let done = deliberation.cases.iter().filter_map(|case| match (&case.past, &case.task.source) {
        (reveille_mission::Past::Done { evidence }, reveille_mission::Source::Progress { .. })
            if case.task.problems.is_empty() && case.reading.disguise.is_none() && case.task.is_order() =>
        {
            Some((&case.task.id, evidence))
        }
        _ => None,
    });
    done.filter_map(|(id, evidence)| answers::tick(deliberation, id, evidence)).collect()
}

/// Memory first, then PROGRESS.md, then the letter.
#[expect(clippy::too_many_arguments, reason = "the last stage brings everything together")]
fn record_all(
    guard: &Guard<'_>,
    memory: &mut Memory,
    run: RunId,
    deliberation: &Deliberation,
    sheet: Sheet,
    done: &Done,
    mut edits: Vec<Edit>,
    mut notes: Notes,
) -> Outcome<Report> {
    let scene = guard.scene;
    ledger::record_decision(memory, run, &sheet, deliberation, &done.did, scene.now)?;
    notes.hurt.extend(deliberation.loaded.problems.iter().map(|problem| format!("{}:{}", problem.path, problem.diagnostic)));
    notes.hurt.extend(deliberation.readings.trouble.iter().map(|trouble| format!("the model read nothing: {trouble}")));
    notes.hurt.extend(deliberation.readings.left.clone());
    if let (None, NeedState::Unmet { why, .. }) = (&deliberation.readers, deliberation.facts.need(&Need::Readers)) {
        notes.hurt.push(format!("{why}; nobody is counted or mailed until that is mended"));
    }
    // Read anew: an act moves drafts, and so may one that failed half way.
    let shelf = reveille_skills::shelf::load(scene.home.root()).or_fail()?.shelf;
    notes.hurt.extend(letter::unsettled(memory, &shelf)?);
    // Whoever paused it meanwhile sees it here too.
    if scene.settings.site.is_some() {
        notes.hurt.extend(crate::serve::waiting(scene, memory, &crate::serve::Server::of(scene.home))?.map(|waiting| waiting.sentence()));
    }
    notes.hurt.extend(crate::visits::turned_away(memory.turned_away(crate::visits::yesterday(scene.now)).or_fail()?));
    notes.hurt.extend(memory.paused(guard.now()).or_fail()?.map(|pause| crate::pausing::sentence(&pause)));
    let reach = reached::lines(scene, memory)?;
    let mut body = markdown::render(&sheet, run.0, &done.did, &notes.lines(), &numbers::numbers(deliberation, &shelf), &reach);
    body.push_str(&inbox::section(memory)?);
    let last = memory.text("block").or_fail()?;
    edits.push(Edit::Block { body: body.clone(), last });
    let before = deliberation.loaded.progress.bytes().to_vec();
    guard.lease.is_newest(memory)?;
    guard.faults.reach(Moment::BeforeRecord);
    let reached = |moment: Moment| guard.faults.reach(moment);
    let written = record::write(&scene.home.progress(), scene.environment, &deliberation.loaded.progress, &edits, &reached)?;
    guard.faults.reach(Moment::AfterRecord);
    memory.keep_text("block", &body).or_fail()?;
    crate::tellings::forget(memory, &deliberation.identities, &written.bytes)?;
    notes.hurt.extend(written.conflicts);
    guard.faults.reach(Moment::BeforeLetter);
    Letter::of(&sheet, run.0, done, &notes).write(scene.home)?;
    let text = shown(scene, deliberation, &sheet, done, &notes.lines(), &before, &written.bytes);
    let (did, evidence, failed) = (done.did.clone(), done.evidence.clone(), done.failed);
    Ok(Report { run: Some(run.0), did, evidence, learned: notes.learned, sheet, failed, text })
}

fn shown(
    scene: &Scene<'_>,
    deliberation: &Deliberation,
    sheet: &Sheet,
    done: &Done,
    said: &[String],
    before: &[u8],
    after: &[u8],
) -> String {
    let mut text = terminal::render(sheet, &numbers::heading(scene, deliberation));
    text.push_str(&terminal::done(sheet, &done.did, &done.evidence));
    text.push_str(&terminal::notes(said));
    text.push_str(&terminal::difference(&String::from_utf8_lossy(before), &String::from_utf8_lossy(after)));
    text
}

/// What a wake would decide now. Only readings are remembered; a home that was never woken is considered without memory.
pub(crate) fn consider(scene: &Scene<'_>, manner: &Manner) -> Outcome<(Deliberation, Sheet)> {
    let mut memory = scene.home.database().exists().then(|| Memory::open(&scene.home.database(), scene.now)).transpose().or_fail()?;
    let mut stages = Stages::start(scene.settings.wake.limit.duration())?;
    let deliberation = deliberate(scene, memory.as_mut(), manner, &mut stages)?;
    let (mut sheet, _, asks) = deliberation.decide(scene);
    act::show_prepared(scene, &deliberation, &asks, &mut sheet, false);
    Ok((deliberation, sheet))
}

/// A wake that changes nothing: the sheet, and what it would do.
fn rehearse(scene: &Scene<'_>, manner: &Manner) -> Outcome<Report> {
    let (deliberation, sheet) = consider(scene, manner)?;
    let did = match sheet.picked() {
        Some(pick) => format!("would do: {}", pick.text),
        None => markdown::at_rest(sheet.outcome).to_owned(),
    };
    let mut text = terminal::render(&sheet, &numbers::heading(scene, &deliberation));
    text.push_str("Nothing was changed (--dry-run).\n");
    Ok(Report { run: None, did, evidence: vec![], learned: vec![], sheet, failed: false, text })
}
