//! What the model says of lines that neither tags nor words explain. A reading is remembered; the model is loaded only for
//! lines that nobody has read, and not at all without any.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use reveille_memory::{Memory, StoredReading};
use reveille_mission::{GreyZone, ModelReading, Source, Task, meaning};
use reveille_models::{HomeLine, Learned, Reader, ReaderChoice};

use crate::environment::Environment;
use crate::failure::{Kind, OrFail, Outcome};
use crate::home::Home;
use crate::priority::give_way;
use crate::settings::{Caps, Settings};

/// The readings of one wake, by the line's words.
#[derive(Default)]
pub(crate) struct Readings {
    by_text: HashMap<String, ModelReading>,
    pub(crate) grey: GreyZone,
    /// How many lines the model read now.
    pub(crate) fresh: usize,
    /// What came of the home's own lines, if the model was loaded.
    pub(crate) learned: Option<Learned>,
    /// Why the model read nothing although there was something to read.
    pub(crate) trouble: Option<String>,
    /// How many lines a cap left unread, and which: the next wake reads on.
    pub(crate) left: Option<String>,
    /// What names the readings that the lines of today want; nothing when the lines were not looked at.
    pub(crate) hashes: Option<Vec<[u8; 32]>>,
    /// What reading has taken of the caps of the wake so far.
    pub(crate) taken: Taken,
}

/// What reading has taken of the caps of a wake.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Taken {
    tokens: usize,
    time: Duration,
}

impl Taken {
    /// The time that is left.
    fn time_left(self, caps: &Caps) -> Duration {
        Duration::from_secs(caps.seconds).saturating_sub(self.time)
    }
}

impl Readings {
    /// The reading of a line.
    pub(crate) fn of(&self, text: &str) -> Option<&ModelReading> {
        self.by_text.get(text)
    }
}

/// Where the reader and its cache are.
pub(crate) fn choice(settings: &Settings, home: &Home) -> ReaderChoice {
    match &settings.model.path {
        Some(path) => ReaderChoice::File(home.root().join(path)),
        None => ReaderChoice::Named(settings.model.name.clone()),
    }
}

/// The folder that the carried reader is unpacked into.
pub(crate) fn cache_folder(environment: &Environment) -> PathBuf {
    use etcetera::BaseStrategy;
    environment.path("REVEILLE_CACHE").unwrap_or_else(|| match etcetera::choose_base_strategy() {
        Ok(strategy) => strategy.cache_dir().join("reveille"),
        Err(_) => environment.folder.join(".cache/reveille"),
    })
}

/// What the model is wanted for.
#[derive(PartialEq, Eq)]
enum Wanted {
    /// The task's reading depends on it.
    Read,
    /// Only to hold against the tags, if it has read the line before.
    Recall,
    Nothing,
}

fn wanted(task: &Task) -> Wanted {
    if task.text.is_empty() || meaning(&task.text).doing.is_some() {
        return Wanted::Nothing;
    }
    match (task.tags.who, task.tags.skill, &task.source) {
        (Some(_), Some(_), Source::Skill(_)) => Wanted::Nothing,
        (Some(_), Some(_), Source::Progress { .. }) => Wanted::Recall,
        _ => Wanted::Read,
    }
}

/// The words of the tasks that want this, each once.
fn texts_of(tasks: &[Task], what: &Wanted) -> Vec<String> {
    let mut texts: Vec<String> = tasks.iter().filter(|task| wanted(task) == *what).map(|task| task.text.clone()).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Reads what must be read: from memory, else by the model. A reader that can't be opened leaves lines unread (they stay
/// unclear), for a wake without a model is better than none. `reached` is told after each call of the encoder.
pub(crate) fn read(
    tasks: &[Task],
    mut memory: Option<&mut Memory>,
    reader: Outcome<Reader>,
    now: chrono::DateTime<chrono::Utc>,
    bounds: &Bounds<'_>,
) -> Outcome<Readings> {
    let (texts, recalled) = (texts_of(tasks, &Wanted::Read), texts_of(tasks, &Wanted::Recall));
    let mut readings = Readings { taken: bounds.taken, ..Readings::default() };
    if texts.is_empty() && recalled.is_empty() {
        return Ok(Readings { hashes: Some(vec![]), ..readings });
    }
    let mut reader = match reader {
        Ok(reader) => reader.with_tokens(bounds.caps.tokens.saturating_sub(bounds.taken.tokens)),
        Err(failure) if failure.kind == Kind::Settings => return Err(failure),
        Err(_) if texts.is_empty() => return Ok(readings),
        Err(failure) => return Ok(Readings { trouble: Some(failure.to_string()), ..readings }),
    };
    let (low, high) = reader.grey_zone();
    readings.grey = GreyZone { low, high };
    let hashes: Vec<[u8; 32]> = texts.iter().chain(&recalled).map(|text| reader.hash(text)).collect();
    let known = match &mut memory {
        Some(memory) => memory.readings(&hashes).or_fail()?,
        None => HashMap::new(),
    };
    let mut unread = Vec::new();
    for (at, (text, hash)) in texts.iter().chain(&recalled).zip(&hashes).enumerate() {
        match known.get(hash) {
            Some(stored) => {
                readings.by_text.insert(text.clone(), ModelReading { who: stored.who, skill: stored.skill });
            }
            None if at < texts.len() => unread.push((text.as_str(), *hash)),
            None => {}
        }
    }
    by_model(&mut reader, &unread, memory, now, bounds, &mut readings)?;
    readings.learned = reader.learned().copied();
    readings.hashes = Some(hashes);
    Ok(readings)
}

/// What ends a reading early: the wake's own brakes, and the caps less what was taken of them already.
pub(crate) struct Bounds<'a> {
    pub(crate) caps: &'a Caps,
    pub(crate) taken: Taken,
    /// Whether the wake's time is up, or a signal came.
    pub(crate) stop: &'a dyn Fn() -> bool,
    /// Told when the readings of a call of the encoder are kept.
    pub(crate) reached: &'a dyn Fn(),
}

/// Lets the model read, and remembers after each call of the encoder: a wake that is killed loses at most that call.
fn by_model(
    reader: &mut Reader,
    unread: &[(&str, [u8; 32])],
    mut memory: Option<&mut Memory>,
    now: chrono::DateTime<chrono::Utc>,
    bounds: &Bounds<'_>,
    readings: &mut Readings,
) -> Outcome {
    let (from, time, tokens) = (Instant::now(), bounds.taken.time_left(bounds.caps), reader.tokens_left());
    let stop = || (bounds.stop)() || from.elapsed() >= time;
    let lines: Vec<&str> = unread.iter().map(|(text, _)| *text).collect();
    if !lines.is_empty() {
        give_way();
    }
    let bar = progress_bar(lines.len());
    let mut kept = 0;
    let mut failed = None;
    let mut keep = |so_far: &[ModelReading]| {
        bar.set_position(so_far.len() as u64);
        let fresh: Vec<([u8; 32], StoredReading)> = unread
            .iter()
            .zip(so_far)
            .skip(kept)
            .map(|((_, hash), reading)| (*hash, StoredReading { who: reading.who, skill: reading.skill }))
            .collect();
        kept = so_far.len();
        if let Some(memory) = &mut memory
            && let Err(error) = memory.remember_readings(&fresh, now)
        {
            failed.get_or_insert(error);
        }
        (bounds.reached)();
    };
    match reader.read(&lines, &mut keep, &stop) {
        Ok(read) => {
            readings.fresh += read.len();
            if !(bounds.stop)() {
                readings.left = left_unread(lines.len() - read.len(), from.elapsed() >= time, bounds.caps);
            }
            readings.by_text.extend(lines.iter().map(|text| (*text).to_owned()).zip(read));
        }
        Err(error) => readings.trouble = Some(error.to_string()),
    }
    readings.taken.tokens += tokens - reader.tokens_left();
    readings.taken.time += from.elapsed();
    bar.finish_and_clear();
    failed.map_or(Ok(()), Err).or_fail()
}

/// What a cap left unread, in words; nothing where everything was read.
fn left_unread(lines: usize, out_of_time: bool, caps: &Caps) -> Option<String> {
    let (cap, key) = match out_of_time {
        true => (format!("{} s of reading in one wake", caps.seconds), "seconds"),
        false => (format!("{} tokens in one wake", caps.tokens), "tokens"),
    };
    let what = if lines == 1 { "one line is".to_owned() } else { format!("{lines} lines are") };
    (lines > 0).then(|| format!("the cap is reached: {cap}; {what} left unread, the next wake reads on (`{key}` in [caps] sets it)"))
}

/// A bar on a terminal, once it takes longer than a second.
fn progress_bar(lines: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template("reading {bar:30} {pos}/{len} lines, {eta} left").unwrap_or_else(|_| ProgressStyle::default_bar());
    // Lines of a second on a Core 2; fewer are read before anybody wonders.
    if lines < 70 { ProgressBar::hidden() } else { ProgressBar::new(lines as u64).with_style(style) }
}

/// Opens the reader that the settings name, to be refitted to the home's own lines when it is loaded.
pub(crate) fn open(settings: &Settings, home: &Home, environment: &Environment, lines: Vec<HomeLine>) -> Outcome<Reader> {
    Ok(Reader::open(&choice(settings, home), &cache_folder(environment)).or_fail()?.with_home(lines))
}
