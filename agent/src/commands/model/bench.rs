//! `model bench`: reading against its floor (the bare calls of llama.cpp), and against asking a language model, on the same
//! lines with the same threads in one run. A language model that is not here is said in one line, and the rest goes on.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use reveille_mission::Who;
use reveille_models::{Asker, Corpus, Digest, Reader, ReaderChoice, area_under_curve, check_file, default_threads};
use serde_json::{Value, json};

use super::locate;
use crate::commands::{print, print_json};
use crate::failure::{Failure, Kind, OrFail, Outcome};

/// How often reading and its floor are measured; the median counts.
const TIMES: usize = 7;
/// Lines taken from the corpus when no file of lines is given.
const SAMPLE: usize = 100;

/// At most so many times the floor.
const AIM_FLOOR: f64 = 1.15;
/// Under this many times the floor the machine is too busy for the ratio to mean anything.
const NOISY: f64 = 0.9;
/// At least so many times as fast as asking line by line.
const AIM_ASKING: f64 = 100.0;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// A file of lines [default: 100 labelled lines of the corpus]
    lines: Option<PathBuf>,
    /// The folder of labelled lines
    #[arg(long, default_value = "models/corpus")]
    corpus: PathBuf,
    /// The language model that is asked: a name of the catalogue, pulled before, or a file
    #[arg(long, default_value = "smollm2-135m-instruct", value_name = "MODEL")]
    asked: String,
    /// What stands before each question to the language model
    #[arg(long, default_value = "examples/from-the-inside/mission/MISSION.md")]
    mission: PathBuf,
    /// How many lines the language model is asked with a shared prefix; a quarter of them one by one; 0 asks nothing
    #[arg(long, default_value_t = 40, value_name = "LINES")]
    ask: usize,
    /// Threads of every measurement [default: as many as cores, at most 2]
    #[arg(long)]
    threads: Option<usize>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// A line and, if it is known, whether it is for a reader.
type Labelled = (String, Option<bool>);

/// Times in milliseconds a line.
struct Reading {
    load_ms: f64,
    reading_ms: f64,
    floor_ms: f64,
}

/// What asking costs, in milliseconds a line, and what it is worth.
struct Asking {
    file: String,
    prefix_tokens: usize,
    alone: usize,
    alone_ms: f64,
    shared: usize,
    shared_ms: f64,
    /// The largest difference between the answers of both ways.
    differ: f32,
    /// Of the shared answers, with how many lines are for readers and how many for nobody; none without labels of both kinds.
    auc: Option<(f64, usize, usize)>,
}

impl Bench {
    pub(super) fn run(self, cache: &Path) -> Outcome {
        let lines = self.labelled()?;
        let threads = self.threads.unwrap_or_else(default_threads);
        let reading = read(&lines, cache, threads)?;
        let asking = if self.ask == 0 { Err("--ask 0".to_owned()) } else { self.asking(&lines, cache, threads) };
        if self.json {
            print_json(&as_json(lines.len(), threads, &reading, &asking))
        } else {
            print(&as_text(lines.len(), threads, &reading, &asking))
        }
    }

    fn labelled(&self) -> Outcome<Vec<Labelled>> {
        let Some(file) = &self.lines else {
            let corpus = Corpus::read(&self.corpus).or_fail()?;
            let lines: Vec<Labelled> = corpus.lines.into_iter().map(|line| (line.text, Some(line.who != Who::Nobody))).collect();
            return Ok(shuffled(lines).into_iter().take(SAMPLE.max(self.ask)).collect());
        };
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::message(Kind::Failed, format!("failed to read {}: {error}", file.display())))?;
        let lines: Vec<Labelled> = text.lines().filter(|line| !line.trim().is_empty()).map(|line| (line.to_owned(), None)).collect();
        match lines.is_empty() {
            true => Err(Failure::message(Kind::Failed, format!("{} has no lines", file.display()))),
            false => Ok(shuffled(lines)),
        }
    }

    /// Asks, or says in one line why not.
    fn asking(&self, lines: &[Labelled], cache: &Path, threads: usize) -> Result<Asking, String> {
        let (path, expected) = locate(cache, &self.asked).map_err(|failure| one_line(&failure))?;
        let checked = check_file(&path, expected).map_err(|error| error.to_string())?;
        let mission = std::fs::read_to_string(&self.mission)
            .map_err(|error| format!("failed to read the mission {}: {error}; give --mission FILE", self.mission.display()))?;
        let asker = Asker::load(&checked, &mission, threads).map_err(|error| error.to_string())?;
        let lines = lines.get(..self.ask).unwrap_or(lines);
        let texts = texts(lines);
        let few = texts.get(..self.ask.div_ceil(4)).unwrap_or(&texts);
        // Once unmeasured, so that the file's pages are in memory.
        asker.one_by_one(few.get(..1).unwrap_or_default()).map_err(|error| error.to_string())?;
        let alone = asker.one_by_one(few).map_err(|error| error.to_string())?;
        let shared = asker.shared(&texts).map_err(|error| error.to_string())?;
        let pairs = alone.yes.iter().zip(&shared.yes).map(|(alone, shared)| (alone - shared).abs());
        Ok(Asking {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            prefix_tokens: asker.prefix_tokens(),
            alone: alone.yes.len(),
            alone_ms: a_line(alone.time, alone.yes.len()),
            shared: shared.yes.len(),
            shared_ms: a_line(shared.time, shared.yes.len()),
            differ: pairs.fold(0.0, f32::max),
            auc: auc(&shared.yes, lines),
        })
    }
}

fn read(lines: &[Labelled], cache: &Path, threads: usize) -> Outcome<Reading> {
    let lines = texts(lines);
    let mut reader = Reader::open(&ReaderChoice::default(), cache).or_fail()?.with_threads(threads);
    let from = Instant::now();
    reader.read(lines.get(..1).unwrap_or_default(), &mut |_| {}, &|| false).or_fail()?;
    let load = from.elapsed();
    // Taken in turns, so that a noisy machine is noisy for both.
    let (mut reading, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        floor.push(reader.floor(&lines).or_fail()?);
        let from = Instant::now();
        reader.read(&lines, &mut |_| {}, &|| false).or_fail()?;
        reading.push(from.elapsed());
    }
    Ok(Reading { load_ms: a_line(load, 1), reading_ms: a_line(median(reading), lines.len()), floor_ms: a_line(median(floor), lines.len()) })
}

fn as_json(lines: usize, threads: usize, reading: &Reading, asking: &Result<Asking, String>) -> Value {
    let asked = asking.as_ref().ok().map(|asking| {
        json!({"model": asking.file, "prefix_tokens": asking.prefix_tokens,
            "one_by_one_lines": asking.alone, "one_by_one_ms_a_line": asking.alone_ms,
            "shared_lines": asking.shared, "shared_ms_a_line": asking.shared_ms, "answers_differ_at_most": asking.differ,
            "auc": asking.auc.map(|(auc, _, _)| auc), "one_by_one_to_reading": asking.alone_ms / reading.reading_ms,
            "shared_to_reading": asking.shared_ms / reading.reading_ms})
    });
    json!({"lines": lines, "threads": threads, "load_ms": reading.load_ms, "reading_ms_a_line": reading.reading_ms,
        "floor_ms_a_line": reading.floor_ms, "reading_to_floor": reading.reading_ms / reading.floor_ms,
        "asking": asked, "not_asked": asking.as_ref().err()})
}

fn as_text(lines: usize, threads: usize, reading: &Reading, asking: &Result<Asking, String>) -> String {
    let ratio = reading.reading_ms / reading.floor_ms;
    let mut out = format!(
        "{lines} lines, {threads} threads\nloading                        {:9.2} ms\nreading                        {:9.2} ms a line\n",
        reading.load_ms, reading.reading_ms
    );
    out.push_str(&format!("floor: the bare encode         {:9.2} ms a line\n", reading.floor_ms));
    out.push_str(&format!("reading / floor                {ratio:9.2}            aim: at most {AIM_FLOOR}  {}\n", floor_verdict(ratio)));
    if ratio < NOISY {
        out.push_str("faster than its floor: other programs want the cores, and the floor does not give way; --threads 1 tells more\n");
    }
    let asking = match asking {
        Ok(asking) => asking,
        Err(reason) => return format!("{out}not asked: {reason}\n"),
    };
    let faster = asking.alone_ms / reading.reading_ms;
    out.push_str(&format!("\nasking {}, {} tokens before each line\n", asking.file, asking.prefix_tokens));
    out.push_str(&format!("one by one                     {:9.2} ms a line   ({} lines)\n", asking.alone_ms, asking.alone));
    out.push_str(&format!("with a shared prefix           {:9.2} ms a line   ({} lines)\n", asking.shared_ms, asking.shared));
    out.push_str(&format!(
        "one by one / reading           {faster:9.0}            aim: at least {AIM_ASKING}  {}\n",
        verdict(faster >= AIM_ASKING)
    ));
    out.push_str(&format!("shared prefix / reading        {:9.0}\n", asking.shared_ms / reading.reading_ms));
    out.push_str(&format!("answers of both ways differ by {:9.4} at most\n", asking.differ));
    if let Some((auc, readers, nobody)) = asking.auc {
        out.push_str(&format!(
            "AUC of the answers             {auc:9.2}            ({readers} lines for readers, {nobody} for nobody; 0.5 is chance)\n"
        ));
    }
    out
}

/// A failure and its hint, for a line of its own.
fn one_line(failure: &Failure) -> String {
    failure.hint.as_ref().map_or_else(|| failure.to_string(), |hint| format!("{failure}; {hint}"))
}

/// Reading can't really be faster than its floor: then nothing is claimed.
fn floor_verdict(ratio: f64) -> &'static str {
    if ratio < NOISY { "too noisy to say" } else { verdict(ratio <= AIM_FLOOR) }
}

fn verdict(hit: bool) -> &'static str {
    if hit { "hit" } else { "MISSED" }
}

fn texts(lines: &[Labelled]) -> Vec<&str> {
    lines.iter().map(|(text, _)| text.as_str()).collect()
}

/// In an order that has nothing to do with what they say or who wrote them, and that is the same every time: the first few
/// are a fair sample.
fn shuffled(mut lines: Vec<Labelled>) -> Vec<Labelled> {
    lines.sort_by_cached_key(|(text, _)| Digest::of(text.as_bytes()).0);
    lines
}

fn auc(yes: &[f32], lines: &[Labelled]) -> Option<(f64, usize, usize)> {
    let shares: Vec<(f32, bool)> = yes.iter().zip(lines).filter_map(|(yes, (_, reader))| reader.map(|reader| (*yes, reader))).collect();
    let readers = shares.iter().filter(|(_, reader)| *reader).count();
    let nobody = shares.len() - readers;
    (readers > 0 && nobody > 0).then(|| (area_under_curve(&shares), readers, nobody))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Milliseconds for each of so many lines.
fn a_line(time: Duration, lines: usize) -> f64 {
    time.as_secs_f64() * 1000.0 / lines.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_depends_on_nothing_but_the_lines() {
        let lines: Vec<Labelled> = (0..50).map(|at| (format!("line {at}"), Some(at % 2 == 0))).collect();
        let first = shuffled(lines.clone());
        assert_eq!(shuffled(lines.iter().rev().cloned().collect()), first);
        assert!(
            first != lines && first[..10].iter().any(|line| line.1 == Some(true)) && first[..10].iter().any(|line| line.1 == Some(false))
        );
    }

    #[test]
    fn a_ratio_under_the_floor_is_no_hit() {
        assert_eq!([0.5, 1.0, AIM_FLOOR, 1.2].map(floor_verdict), ["too noisy to say", "hit", "hit", "MISSED"]);
    }

    #[test]
    fn without_labels_of_both_kinds_there_is_no_area() {
        let line = |label| (String::new(), label);
        assert_eq!(auc(&[0.9, 0.1], &[line(Some(true)), line(Some(false))]), Some((1.0, 1, 1)));
        assert_eq!(auc(&[0.9, 0.1], &[line(Some(true)), line(Some(true))]), None);
        assert_eq!(auc(&[0.9], &[line(None)]), None);
    }
}
