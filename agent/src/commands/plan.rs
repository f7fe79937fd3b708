//! `plan`: what a wake would decide now.

use std::process::ExitCode;

use clap::Args;

use super::{Ready, print, print_json};
use crate::deliberate::Manner;
use crate::failure::{Failure, Kind, Outcome};
use crate::numbers::heading;
use crate::observe::Scene;
use crate::wake::consider;

/// Show what a wake would decide now, without doing it
///
/// With --assume it answers "what would you do if?": reveille plan --assume mastodon.ready=true --assume
/// subscribers.confirmed=120
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Print the decision as JSON (schema: agent/plan.schema.json)
    #[arg(long)]
    json: bool,
    /// Take a fact for granted; may be given more than once
    #[arg(long, value_name = "KEY=VALUE", value_parser = assumption)]
    assume: Vec<(String, String)>,
    /// Read by tags and plain words only; the rest stays unclear
    #[arg(long)]
    no_model: bool,
}

fn assumption(given: &str) -> Result<(String, String), String> {
    let (key, value) = given.split_once('=').ok_or("write it like mastodon.ready=true")?;
    reveille_mission::Facts::default().assume(key, value).map_err(|error| error.to_string())?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Plan {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let now = ready.environment.now();
        let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now };
        let manner = Manner { assumed: self.assume, no_model: self.no_model, waking: false, ..Manner::default() };
        let (deliberation, sheet) = consider(&scene, &manner)?;
        if let Some(trouble) = &deliberation.readings.trouble {
            tracing::warn!("the model read nothing: {trouble}");
        }
        if sheet.candidates.iter().any(|candidate| candidate.confidence.is_nan()) {
            return Err(Failure::message(Kind::Failed, "a probability is no number").hint("`reveille model check` looks at the reader"));
        }
        match self.json {
            true => print_json(&sheet)?,
            false => print(&crate::sheet::terminal::render(&sheet, &heading(&scene, &deliberation)))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
