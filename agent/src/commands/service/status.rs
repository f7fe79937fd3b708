//! `service status`: whether it is really loaded, the next wake, the last ten.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::Args;
use reveille_memory::{Memory, MemoryError, Run};
use serde::Serialize;

use super::super::{Ready, print, print_json};
use super::{machine, out_of_reach, shown, when};
use crate::failure::{OrFail, Outcome};
use crate::service::{Note, State, former};

/// How many wakes are shown.
const WAKES: u32 = 10;

/// Show what wakes the home, whether it is really loaded, the next wake and the last ten
///
/// Exit codes: 0 one service is loaded and as the settings say, 1 not, 78 the settings are wrong.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Standing {
    schema: u32,
    label: String,
    services: Vec<Service>,
    next_wake: DateTime<Utc>,
    wakes: Vec<Wake>,
    warnings: Vec<Warning>,
}

#[derive(Debug, Serialize)]
struct Service {
    service: &'static str,
    loaded: bool,
    /// Whether it has the times and paths that it would be given now.
    current: bool,
}

#[derive(Debug, Serialize)]
struct Wake {
    run: i64,
    started_at: DateTime<Utc>,
    /// `hand`, or the service.
    by: String,
    state: String,
    outcome: Option<String>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Warning {
    message: String,
    hint: String,
}

impl Status {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let machine = machine(ready)?;
        let states = machine.standing()?;
        let mut notes = warnings(&states, ready);
        notes.extend(of_before(ready)?);
        let standing = Standing {
            schema: 1,
            label: machine.label().to_owned(),
            services: states.iter().map(service).collect(),
            next_wake: ready.settings.wake.schedule().next(ready.environment.now()),
            wakes: wakes(ready)?.into_iter().map(wake).collect(),
            warnings: notes.iter().map(|note| Warning { message: note.what.clone(), hint: note.hint.clone() }).collect(),
        };
        match self.json {
            true => print_json(&standing)?,
            false => print(&format!("{}{}{}", told(&standing, &states), shown(&notes), table(&standing.wakes)))?,
        }
        let well = matches!(states.as_slice(), [state] if state.current && state.idle.is_none());
        Ok(ExitCode::from(u8::from(!well)))
    }
}

fn service(state: &State) -> Service {
    Service { service: state.service.name(), loaded: state.idle.is_none(), current: state.current }
}

fn warnings(states: &[State], ready: &Ready<'_>) -> Vec<Note> {
    let mut notes: Vec<Note> = states.iter().flat_map(State::problems).collect();
    if states.len() > 1 {
        let hint = format!("`reveille service install {}` keeps that one only", states[0].service);
        notes.push(Note { what: "more than one service wakes this home".to_owned(), hint });
    }
    if !states.is_empty() {
        notes.extend(out_of_reach(&ready.settings));
    }
    notes
}

/// What still starts where the home lay before.
fn of_before(ready: &Ready<'_>) -> Outcome<Vec<Note>> {
    let mut notes = Vec::new();
    for machine in former::former(ready.environment, &ready.home) {
        notes.extend(machine.installed()?.into_iter().map(|service| Note {
            what: format!("{service} still starts {}, of where the home lay before", machine.label()),
            hint: "`reveille service install` replaces it, `reveille service uninstall` takes it away".to_owned(),
        }));
    }
    Ok(notes)
}

fn wakes(ready: &Ready<'_>) -> Outcome<Vec<Run>> {
    match Memory::open_read_only(&ready.home.database()) {
        Ok(memory) => memory.runs(WAKES).or_fail(),
        Err(MemoryError::Missing { .. }) => Ok(vec![]),
        Err(error) => Err(error).or_fail(),
    }
}

fn wake(run: Run) -> Wake {
    let outcome = run.outcome.map(|outcome| outcome.to_string());
    Wake { run: run.id.0, started_at: run.started_at, by: run.trigger, state: run.state.to_string(), outcome, error: run.error }
}

fn told(standing: &Standing, states: &[State]) -> String {
    let mut out = String::new();
    if states.is_empty() {
        out.push_str("service     none: nothing wakes this home; `reveille service install`\n");
    }
    for state in states {
        out.push_str(&format!("service     {} ({})\n", state.shown(), standing.label));
    }
    out.push_str(&format!("next wake   {}\n", when(standing.next_wake)));
    out
}

fn table(wakes: &[Wake]) -> String {
    let Some(first) = wakes.first() else { return "No wake yet.\n".to_owned() };
    let mut out = format!("\n{:>6}  {:<20}  {:<8}  end\n", "run", "wake", "by");
    for wake in wakes {
        let end = wake.outcome.as_ref().unwrap_or(&wake.state);
        out.push_str(&format!("{:>6}  {:<20}  {:<8}  {end}\n", wake.run, when(wake.started_at), wake.by));
        if let Some(error) = wake.error.as_ref().filter(|_| wake.run == first.run) {
            out.push_str(&format!("{:40}{error}\n", ""));
        }
    }
    out
}
