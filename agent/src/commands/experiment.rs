//! `experiment`: what is tried, how far it is, and what came of it.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reveille_memory::{Memory, MemoryError};
use reveille_mission::nearest;

use super::{Ready, print, print_json};
use crate::experiments::{Shown, all, line};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::list;
use crate::numbers::worded;
use crate::observe::Scene;
use crate::sheet::terminal::fold;

/// Show the experiments: subject lines of letters, headlines of the home page
///
/// Subject lines stand in a draft's front matter (subjects: ["One", "Another"]), headlines in experiments/NAME.toml.
#[derive(Debug, Args)]
pub(crate) struct Experiment {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All of them, a line each
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// One of them: its wordings, its counts, what comes next
    Show {
        /// Its name, as `list` says it
        name: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}

impl Experiment {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let experiments = known(ready)?;
        match self.what {
            What::List { json: true } => print_json(&experiments)?,
            What::List { json: false } if experiments.is_empty() => print("No experiments: docs/site.md shows how to begin one\n")?,
            What::List { json: false } => {
                let folded = |one: &Shown| fold(&line(one), 100).iter().map(|piece| format!("{piece}\n")).collect::<String>();
                print(&experiments.iter().map(folded).collect::<String>())?;
            }
            What::Show { name, json } => {
                let one = experiments.iter().find(|one| one.name == name).ok_or_else(|| no_such(&name, &experiments))?;
                if json { print_json(one)? } else { print(&shown(one))? }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn known(ready: &Ready<'_>) -> Outcome<Vec<Shown>> {
    let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now: ready.environment.now() };
    let memory = match Memory::open_read_only(&ready.home.database()) {
        Ok(memory) => Some(memory),
        Err(MemoryError::Missing { .. }) => None,
        Err(error) => return Err(error).or_fail(),
    };
    let readers = list::counted(&ready.home, &ready.settings, memory.as_ref())?.ok();
    let shelf = reveille_skills::shelf::load(ready.home.root()).or_fail()?.shelf;
    all(&scene, memory.as_ref(), &shelf, readers.map(|readers| readers.confirmed))
}

fn no_such(name: &str, experiments: &[Shown]) -> Failure {
    let hint = match nearest(name, experiments.iter().map(|one| one.name.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`reveille experiment list` names them".to_owned(),
    };
    Failure::message(Kind::Usage, format!("there is no experiment `{name}`")).hint(hint)
}

fn shown(one: &Shown) -> String {
    let mut out = format!("{}\n\nstate       {}\n", one.name, one.state);
    for (at, piece) in fold(&one.takes, 88).iter().enumerate() {
        out.push_str(&format!("{:<12}{piece}\n", if at == 0 { "takes" } else { "" }));
    }
    for (at, variant) in one.variants.iter().enumerate() {
        let outcomes = variant.outcomes.map(|outcomes| format!(", {outcomes} did what is wanted")).unwrap_or_default();
        out.push_str(&format!(
            "{:<12}“{}”: {}{outcomes}\n",
            format!("wording {}", at + 1),
            variant.text,
            worded(variant.shown, "person", "people")
        ));
    }
    for comparison in &one.comparisons {
        let difference = &comparison.difference;
        out.push_str(&format!(
            "{:<12}{:+.1} points against wording 1 ({:+.1} to {:+.1}), p {:.4}\n",
            format!("wording {}", comparison.variant + 1),
            difference.estimate * 100.0,
            difference.low * 100.0,
            difference.high * 100.0,
            difference.p
        ));
    }
    for (at, piece) in fold(&one.next, 88).iter().enumerate() {
        out.push_str(&format!("{:<12}{piece}\n", if at == 0 { "next" } else { "" }));
    }
    out
}
