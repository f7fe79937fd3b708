//! `status` of a home whose settings or memory can't be read: what can be known all the same.

use chrono::{DateTime, Utc};
use reveille_memory::Memory;
use serde::Serialize;

use super::shown::failing;
use super::{Last, Need};
use crate::commands::{print, print_json};
use crate::environment::Environment;
use crate::failed::Failed;
use crate::failure::{Failure, Outcome};
use crate::home::Home;

#[derive(Debug, Serialize)]
struct Broken {
    schema: u32,
    error: String,
    hint: Option<String>,
    failing: Option<Failed>,
    runs: u64,
    last: Option<Last>,
    paused: Option<String>,
    paused_until: Option<DateTime<Utc>>,
    stopped: bool,
    needs_you: Vec<Need>,
}

/// Shows it. The failure itself goes to stderr, as always.
pub(super) fn show(home: &Home, environment: &Environment, failure: &Failure, json: bool) -> Outcome {
    let mut broken = Broken {
        schema: 1,
        error: failure.to_string(),
        hint: failure.hint.clone(),
        failing: Failed::read(home),
        runs: 0,
        last: None,
        paused: None,
        paused_until: None,
        stopped: home.stop_file().exists(),
        needs_you: vec![],
    };
    // A memory that can't be read knows nothing; where it is what failed, that is said already.
    if let Ok(memory) = Memory::open_read_only(&home.database()) {
        from_memory(&memory, environment.now(), &mut broken);
    }
    if json { print_json(&broken) } else { print(&text(&broken, home)) }
}

fn from_memory(memory: &Memory, now: DateTime<Utc>, broken: &mut Broken) {
    broken.runs = memory.run_count().unwrap_or(0);
    if let Ok(Some(pause)) = memory.paused(now) {
        (broken.paused, broken.paused_until) = (Some(pause.reason), pause.until);
    }
    let Ok(Some(run)) = memory.last_run() else { return };
    let sheet = memory.sheet(run.id).ok().flatten();
    broken.needs_you = sheet.into_iter().flat_map(|sheet| sheet.asks).map(|ask| Need { ask: ask.ask, reach: ask.reach }).collect();
    broken.last = Some(Last::of(run));
}

fn text(broken: &Broken, home: &Home) -> String {
    let mut out = format!("{}\n\n", home.root().display());
    out.push_str(&broken.failing.as_ref().map(failing).unwrap_or_default());
    if let Some(last) = &broken.last {
        let end = last.outcome.as_ref().unwrap_or(&last.state);
        out.push_str(&format!("last run    {} (run {}): {end}\n", last.started_at.format("%Y-%m-%d %H:%M UTC"), last.run));
    }
    out.push_str(&format!("wakes       {}\n", broken.runs));
    if let Some(reason) = &broken.paused {
        out.push_str(&format!("paused      {reason}\n"));
    }
    if broken.stopped {
        out.push_str("stopped     by a file STOP in the home\n");
    }
    if !broken.needs_you.is_empty() {
        out.push_str(&format!("asks        {} at the last wake that went well\n", broken.needs_you.len()));
    }
    out
}
