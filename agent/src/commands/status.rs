//! `status`: where things stand, from memory alone; nothing is decided and nothing changed.

mod broken;
mod shown;

use std::process::ExitCode;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use reveille_memory::{Memory, MemoryError, Run, RunState, TurnedAway};
use reveille_mission::{Channel, NeedState};
use reveille_skills::measure::{Reached, Visits, visits};
use reveille_skills::readers::Counts;
use serde::Serialize;

use super::{Ready, print, print_json, ready};
use crate::backup::{Store, trouble};
use crate::chosen::{self, Totals};
use crate::daemon::Heard;
use crate::deliberate::load;
use crate::environment::Environment;
use crate::failed::Failed;
use crate::failure::{OrFail, Outcome};
use crate::home::Home;
use crate::list;
use crate::observe::{Scene, credential_now};
use crate::serve::{Server, Waiting, waiting};
use crate::service::{Machine, State};
use shown::shown;

/// Show where things stand: the last wakes, what waits for you, the numbers
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Standing {
    schema: u32,
    name: String,
    runs: u64,
    last: Option<Last>,
    next_wake: Option<DateTime<Utc>>,
    /// Slots of the last seven days that passed without a wake.
    missed: Vec<Missed>,
    /// What wakes it by itself, and whether that is loaded.
    service: Vec<String>,
    /// How `reveille run` goes, where it runs or was killed.
    daemon: Option<Heard>,
    /// Wakes that failed as a whole since the last good one.
    failing: Option<Failed>,
    paused: Option<String>,
    paused_until: Option<DateTime<Utc>>,
    stopped: bool,
    needs_you: Vec<Need>,
    awaiting_you: Vec<String>,
    /// What may have gone out.
    unsettled: Vec<String>,
    learned: Learned,
    backups: Backups,
    /// Nothing when the list can't be read.
    readers: Option<Readers>,
    /// Readers who have fallen silent.
    silence: Option<crate::retain::Standing>,
    /// Why it can't.
    readers_problem: Option<String>,
    channels: Vec<Reachable>,
    /// What came in, once anything has.
    answers: Option<Answers>,
    /// What each channel brought, where that was measured.
    reach: Vec<Reached>,
    /// Who came to the site, and how far; nothing where it is not counted.
    visits: Option<Visits>,
    /// How `reveille serve` goes; nothing without `[site]`.
    serve: Option<Server>,
    /// Mails that readers asked for and that can't go out now.
    mails: Option<Waiting>,
    /// Sign-ups that the caps turned away today and yesterday.
    turned_away: TurnedAway,
    /// What is tried.
    experiments: Vec<crate::experiments::Shown>,
}

#[derive(Debug, Serialize)]
struct Answers {
    all: u32,
    /// Found by the last wake.
    new: u32,
}

#[derive(Debug, Serialize)]
struct Reachable {
    channel: String,
    at: String,
    /// What is missing, if anything is.
    missing: Option<String>,
}

#[derive(Debug, Serialize)]
struct Last {
    run: i64,
    started_at: DateTime<Utc>,
    state: String,
    outcome: Option<String>,
    error: Option<String>,
}

impl Last {
    fn of(run: Run) -> Self {
        // Nobody has told its end, and its process is gone.
        let dead = run.state == RunState::Running && !is_alive(run.pid);
        let state = if dead { "cut off, the next wake repairs it".to_owned() } else { run.state.to_string() };
        Self { run: run.id.0, started_at: run.started_at, state, outcome: run.outcome, error: run.error }
    }
}

#[derive(Debug, Serialize)]
struct Missed {
    first: DateTime<Utc>,
    last: DateTime<Utc>,
    count: u32,
    why: String,
}

#[derive(Debug, Serialize)]
struct Need {
    ask: String,
    reach: f64,
}

/// What the human taught.
#[derive(Debug, Default, Serialize)]
struct Learned {
    lines: u64,
    /// Why they are not used, if they are not.
    set_aside: Option<String>,
}

/// The copies in `memory/backups`.
#[derive(Debug, Default, Serialize)]
struct Backups {
    /// How many good ones there are.
    good: usize,
    /// When the newest was made.
    newest: Option<DateTime<Utc>>,
    /// Why the last one failed, if it did.
    trouble: Option<String>,
}

#[derive(Debug, Serialize)]
struct Readers {
    confirmed: u64,
    paying: u64,
    left_out: u64,
    /// What they chose for their letters.
    letters: Totals,
}

/// Whether a process is there, whoever's it is.
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

/// For how long what was missed is shown.
const SHOWN: TimeDelta = TimeDelta::days(7);

impl Status {
    /// With settings that are wrong it shows what can be known without them, and exits with 78.
    pub(super) fn run(self, home: Home, environment: &Environment) -> Outcome<ExitCode> {
        let settled = ready(home.clone(), environment).and_then(|ready| Ok((standing(&ready)?, ready)));
        let (standing, ready) = match settled {
            Ok(settled) => settled,
            Err(failure) => {
                broken::show(&home, environment, &failure, self.json)?;
                return Err(failure);
            }
        };
        match self.json {
            true => print_json(&standing)?,
            false => print(&shown(&standing, &ready))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn standing(ready: &Ready<'_>) -> Outcome<Standing> {
    let now = ready.environment.now();
    let memory = match Memory::open_read_only(&ready.home.database()) {
        Ok(memory) => Some(memory),
        Err(MemoryError::Missing { .. }) => None,
        Err(error) => return Err(error).or_fail(),
    };
    let counted = list::counted(&ready.home, &ready.settings, memory.as_ref())?;
    let readers_problem = counted.as_ref().err().map(ToString::to_string);
    let letters = chosen::totals(&ready.home, &ready.settings, memory.as_ref(), now)?;
    let of = |readers: Counts| {
        let (confirmed, paying, left_out) = (readers.confirmed, readers.paying, readers.left_out.total());
        Readers { confirmed, paying, left_out, letters }
    };
    let mut standing = Standing {
        schema: 1,
        name: ready.settings.name.clone(),
        runs: 0,
        last: None,
        next_wake: None,
        missed: vec![],
        service: services(ready),
        daemon: Heard::of(&ready.home, now),
        failing: Failed::read(&ready.home),
        paused: None,
        paused_until: None,
        stopped: ready.home.stop_file().exists(),
        needs_you: vec![],
        awaiting_you: vec![],
        unsettled: vec![],
        learned: Learned::default(),
        backups: Backups::default(),
        channels: vec![],
        answers: None,
        reach: vec![],
        visits: None,
        serve: ready.settings.site.as_ref().map(|_| Server::of(&ready.home)),
        mails: None,
        turned_away: TurnedAway::default(),
        experiments: vec![],
        readers: counted.ok().map(of),
        silence: None,
        readers_problem,
    };
    if let Some(memory) = &memory {
        from_memory(ready, memory, now, &mut standing)?;
    }
    let good = Store::of(&ready.home).good();
    standing.backups = Backups {
        good: good.len(),
        newest: good.first().map(|kept| kept.manifest.made_at),
        trouble: memory.as_ref().map_or(Ok(None), trouble)?,
    };
    standing.channels = channels(ready, memory.as_ref())?;
    Ok(standing)
}

/// A service that can't be asked is no reason to show nothing.
fn services(ready: &Ready<'_>) -> Vec<String> {
    let machine = Machine::of(ready.environment, &ready.home, Some(&ready.settings));
    match machine.and_then(|machine| machine.standing()) {
        Ok(states) => states.iter().map(State::shown).collect(),
        Err(failure) => vec![format!("nobody can tell: {}", failure.with_hint())],
    }
}

fn channels(ready: &Ready<'_>, memory: Option<&Memory>) -> Outcome<Vec<Reachable>> {
    let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now: ready.environment.now() };
    let one = |channel: Channel| {
        let missing = match credential_now(&scene, memory, channel)? {
            NeedState::Met => None,
            NeedState::Unmet { why, .. } => Some(why),
        };
        Ok(Reachable { channel: channel.to_string(), at: ready.settings.describe(channel), missing })
    };
    ready.settings.configured().into_iter().map(one).collect()
}

fn from_memory(ready: &Ready<'_>, memory: &Memory, now: DateTime<Utc>, standing: &mut Standing) -> Outcome {
    standing.runs = memory.run_count().or_fail()?;
    if let Some(run) = memory.last_run().or_fail()? {
        standing.next_wake = Some(ready.settings.wake.schedule().next(now));
        let sheet = memory.sheet(run.id).or_fail()?;
        standing.needs_you = sheet.into_iter().flat_map(|sheet| sheet.asks).map(|ask| Need { ask: ask.ask, reach: ask.reach }).collect();
        standing.last = Some(Last::of(run));
    }
    let missed = memory.missed(now - SHOWN).or_fail()?;
    // A clock that was ahead has noted slots that are still to come.
    let passed = missed.into_iter().filter(|missed| missed.first <= now);
    standing.missed =
        passed.map(|missed| Missed { first: missed.first, last: missed.last, count: missed.count, why: missed.why }).collect();
    standing.learned = Learned { lines: memory.label_count().or_fail()?, set_aside: crate::learn::set_aside(memory)? };
    standing.answers = crate::inbox::counts(memory)?.map(|(all, new)| Answers { all, new });
    standing.reach = reveille_skills::measure::reached(memory, &ready.settings.priors, now).or_fail()?;
    if ready.settings.site.is_some() {
        standing.visits = visits(memory, now).or_fail()?;
    }
    if let Some(server) = &standing.serve {
        let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now };
        standing.mails = waiting(&scene, memory, server)?;
    }
    standing.turned_away = memory.turned_away(crate::visits::yesterday(now)).or_fail()?;
    if let Some(pause) = memory.paused(now).or_fail()? {
        standing.next_wake = pause.until.map(|until| ready.settings.wake.schedule().next(until));
        (standing.paused, standing.paused_until) = (Some(pause.reason), pause.until);
    }
    let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now };
    let shelf = load(&scene).map(|loaded| loaded.shelf).unwrap_or_default();
    let counted = standing.readers.as_ref().map(|readers| readers.confirmed);
    standing.experiments = crate::experiments::all(&scene, Some(memory), &shelf, counted)?;
    // Without a readers' side, or without readers, there is nobody to be silent.
    if ready.settings.site.is_some() && counted.is_some_and(|readers| readers > 0) {
        standing.silence = Some(crate::retain::standing(&scene, memory)?);
    }
    standing.unsettled = crate::telling::unsettled(memory, &shelf)?;
    standing.unsettled.extend(crate::letter::unsettled(memory, &shelf)?);
    for effect in crate::ledger::awaiting(memory)? {
        let name = shelf.name_of(&effect.issue);
        standing.awaiting_you.push(format!("{name} on {}", effect.channel));
    }
    Ok(())
}
