//! `model train`: heads from labelled lines, how good they are, and what this home has learned.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use reveille_memory::{Memory, MemoryError};
use reveille_models::{Course, Figures, Recipe, check_file, materialize, row};

use super::super::print;
use super::bar;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home::Home;
use crate::learn;

/// Train the heads on labelled lines and measure them with each hand left out
#[derive(Debug, Args)]
pub(super) struct Train {
    /// The folder of labelled lines
    #[arg(long, default_value = "models/corpus")]
    corpus: PathBuf,
    /// The encoder: a GGUF file [default: the carried one]
    #[arg(long)]
    encoder: Option<PathBuf>,
    /// A folder with an encoder for each hand that has not seen it (HAND.gguf), for an encoder trained on the corpus
    #[arg(long)]
    blind: Option<PathBuf>,
    /// Measure on this hand only, with heads trained on the others; may stand more than once, nothing is written
    #[arg(long, value_name = "HAND", conflicts_with_all = ["blind", "out", "report"])]
    hold_out: Vec<String>,
    /// With --hold-out: a second model whose vectors stand beside the encoder's
    #[arg(long, value_name = "FILE", requires = "hold_out")]
    beside: Option<PathBuf>,
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
}

impl Train {
    pub(super) fn run(self, home: impl FnOnce() -> Outcome<Home>, cache: &Path) -> Outcome {
        if let Some(file) = &self.export {
            return export(&home()?, (file != Path::new("-")).then_some(file.as_path()));
        }
        let mut course = course(cache, &self.corpus, self.encoder.as_deref(), self.blind.as_deref())?;
        if let Some(path) = &self.beside {
            encode_beside(&mut course, path)?;
        }
        if self.hold_out.is_empty() {
            train(&course, self.out.as_deref(), self.report)
        } else {
            print(&course.measure(&self.hold_out, &Recipe::default()).or_fail()?.to_string())
        }
    }
}

/// The corpus, encoded.
fn course(cache: &Path, corpus: &Path, encoder: Option<&Path>, blind: Option<&Path>) -> Outcome<Course> {
    let model = match encoder {
        Some(path) => check_file(path, None).or_fail()?,
        None => materialize(cache).or_fail()?,
    };
    encoding(|shown| Course::prepare(&model, corpus, blind, shown)).or_fail()
}

fn encode_beside(course: &mut Course, path: &Path) -> Outcome {
    let model = check_file(path, None).or_fail()?;
    encoding(|shown| course.beside(&model, shown)).or_fail()
}

/// Shows a bar while lines are encoded.
fn encoding<T>(encode: impl FnOnce(&mut dyn FnMut(usize, usize) -> ControlFlow<()>) -> T) -> T {
    let bar = bar(0, "encoding {bar:30} {pos}/{len} lines, {eta} left");
    let encoded = encode(&mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    encoded
}

fn train(course: &Course, out: Option<&Path>, variants: bool) -> Outcome {
    let trained = course.train(&Recipe::default());
    print(&format!("{}\n", trained.report))?;
    if variants {
        print(&format!("{}\n", Figures::TABLE_HEAD))?;
        for (name, mut report) in course.variants() {
            report.all.name = name;
            print(&format!("{}\n", report.all))?;
        }
    }
    match out {
        Some(path) => {
            course.write(&trained, path).or_fail()?;
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
