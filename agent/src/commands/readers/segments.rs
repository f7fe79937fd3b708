//! `readers segments`: how many have fallen silent, and who clicks what. Groups only, never persons.

use std::collections::HashSet;

use clap::Args;
use reveille_memory::{Memory, MemoryError};
use reveille_mission::{LEAST, People};
use serde::Serialize;

use super::super::{Ready, print, print_json};
use crate::deliberate::load;
use crate::failure::{OrFail, Outcome};
use crate::observe::Scene;
use crate::retain::{self, Standing};
use crate::segments;

/// How readers are told apart.
#[derive(Debug, Args)]
pub(super) struct Segments {
    /// Print it as JSON
    #[arg(long, conflicts_with = "write")]
    json: bool,
    /// Write first rules into segments.toml, by the tags that most issues have; a file that is there stays
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    schema: u32,
    silence: Standing,
    /// Nothing where the home has no rules.
    cohorts: Option<Vec<Group>>,
}

#[derive(Debug, Serialize)]
struct Group {
    name: String,
    people: People,
}

impl Segments {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome {
        let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now: ready.environment.now() };
        let shelf = load(&scene)?.shelf;
        if self.write {
            let path = segments::write(&ready.home, &shelf)?;
            return print(&format!("Wrote {}: change the rules as you like\n", path.display()));
        }
        let rules = segments::load(&ready.home)?;
        let memory = match Memory::open_read_only(&ready.home.database()) {
            Ok(memory) => memory,
            Err(MemoryError::Missing { .. }) => return print("No wake yet, so nobody was heard: `reveille wake`.\n"),
            Err(error) => return Err(error).or_fail(),
        };
        let readers: HashSet<String> = retain::people(&scene, &memory, true)?.recipients.into_iter().map(|one| one.id).collect();
        let cohorts = rules.as_ref().map(|rules| segments::cohorts(rules, &memory, &shelf, &readers)).transpose()?;
        let group = |(name, people): (&str, People)| Group { name: name.to_owned(), people };
        let cohorts = cohorts.map(|cohorts| cohorts.into_iter().map(group).collect());
        let shown = Shown { schema: 1, silence: retain::standing(&scene, &memory)?, cohorts };
        if self.json { print_json(&shown) } else { print(&text(&shown)) }
    }
}

fn text(shown: &Shown) -> String {
    let mut out = format!("Silent readers: {}\n\n", shown.silence.shown());
    match &shown.cohorts {
        None => out.push_str("No rules for cohorts yet: `reveille readers segments --write` makes segments.toml.\n"),
        Some(cohorts) => {
            out.push_str("By what they click:\n");
            let width = cohorts.iter().map(|group| group.name.chars().count()).max().unwrap_or(0);
            for group in cohorts {
                let people = match group.people {
                    People::Count(count) => count.to_string(),
                    People::FewerThan(least) => format!("fewer than {least}"),
                    People::Withheld => format!("not shown: it would tell of the group with fewer than {LEAST}"),
                };
                out.push_str(&format!("  {:<width$}  {people}\n", group.name));
            }
        }
    }
    out
}
