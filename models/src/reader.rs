//! The reader: an encoder and its heads, opened cheaply and loaded at the first line. Opening reads the card of the heads and
//! nothing else; llama.cpp, the weights and the cache folder are touched only by [`Reader::read`] with at least one line.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use reveille_mission::{ModelReading, nearest};

use crate::carried::{CARRIED, CarriedError, HEADS, LINES, materialize};
use crate::catalog::{Catalog, CatalogError};
use crate::course::lines_path;
use crate::digest::{Digest, Running};
use crate::encoder::{EncodeError, Encoder, default_threads};
use crate::gguf::{Checked, GgufError, check_file};
use crate::heads::{Card, Heads, HeadsError, read_bytes};
use crate::home::{self, HomeLine, Learned};
use crate::lines::{Lines, Neighbour};
use crate::requantize::{Quantization, requantized_path};

/// Which reader is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReaderChoice {
    /// One of the catalogue: the carried one, or one that was pulled into the cache folder.
    Named(String),
    /// A model's file; its heads are beside it ([`heads_path`]).
    File(PathBuf),
}

impl Default for ReaderChoice {
    fn default() -> Self {
        Self::Named(CARRIED.to_owned())
    }
}

/// Why there is no reader, or no reading.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// A name that the catalogue does not have.
    #[error("there is no model named {given:?}")]
    Unknown {
        /// The name.
        given: String,
        /// The right one nearest to it.
        nearest: Option<String>,
    },
    /// A model of the catalogue that is not in the cache folder.
    #[error("the model {name} is not here: {} is missing", path.display())]
    NotPulled {
        /// Its name.
        name: String,
        /// Where it should be.
        path: PathBuf,
    },
    /// The catalogue that the program carries is damaged.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The carried model can't be written to the cache folder.
    #[error(transparent)]
    Carried(#[from] CarriedError),
    /// The model's file is not in order.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The heads are missing, damaged, or another model's.
    #[error(transparent)]
    Heads(#[from] HeadsError),
    /// llama.cpp failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl ReaderError {
    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { nearest: Some(name), .. } => Some(format!("did you mean {name}?")),
            Self::Unknown { nearest: None, .. } => Some("`reveille model list` names them".to_owned()),
            Self::NotPulled { name, .. } => Some(format!("fetch it with `reveille model pull {name}`")),
            Self::Catalog(error) => error.hint(),
            Self::Carried(error) => error.hint(),
            Self::Gguf(error) => error.hint(),
            Self::Heads(error) => error.hint(),
            Self::Encode(error) => error.hint(),
        }
    }
}

/// Where the heads of a model's file are: beside it, `x.gguf` and `x.heads.jsonl`.
pub fn heads_path(model: &Path) -> PathBuf {
    model.with_extension("heads.jsonl")
}

/// What names a reader: another model, other heads or other lines of the home, another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReaderKey(Digest);

impl ReaderKey {
    /// What names this reader's reading of a text.
    pub fn hash(&self, text: &str) -> [u8; 32] {
        let mut sum = Running::default();
        sum.update(&self.0.0);
        sum.update(text.as_bytes());
        sum.finish().0
    }
}

/// Where the model's file comes from.
#[derive(Debug)]
enum Model {
    Carried { cache: PathBuf },
    File(PathBuf),
}

impl Model {
    /// The corpus that its heads learned from.
    fn lines(&self) -> Result<Lines, ReaderError> {
        Ok(Lines::parse(match self {
            Self::Carried { .. } => Cow::Borrowed(LINES),
            Self::File(path) => Cow::Owned(read_bytes(&lines_path(&heads_path(path)))?),
        })?)
    }

    fn check(&self, sum: Digest) -> Result<Checked, ReaderError> {
        Ok(match self {
            Self::Carried { cache } => materialize(cache)?,
            Self::File(path) => check_file(path, Some(sum))?,
        })
    }
}

/// A reader, loaded at its first line.
#[derive(Debug)]
pub struct Reader {
    model: Model,
    heads: Cow<'static, [u8]>,
    card: Card,
    key: ReaderKey,
    threads: usize,
    home: Vec<HomeLine>,
    learned: Option<Learned>,
    loaded: Option<(Encoder, Heads)>,
}

impl Reader {
    /// Opens a reader without loading it. `cache` is the folder that the carried model is written to and that `model pull`
    /// writes to; it is not touched yet.
    ///
    /// # Errors
    /// [`ReaderError`]: a name or a file that is not there, heads that are not in order.
    pub fn open(choice: &ReaderChoice, cache: &Path) -> Result<Self, ReaderError> {
        match choice {
            ReaderChoice::Named(name) if name == CARRIED => Self::with(Model::Carried { cache: cache.to_owned() }, Cow::Borrowed(HEADS)),
            ReaderChoice::Named(name) => Self::at(named(name, cache)?),
            ReaderChoice::File(path) => Self::at(path.clone()),
        }
    }

    fn at(model: PathBuf) -> Result<Self, ReaderError> {
        if let Err(source) = std::fs::metadata(&model) {
            return Err(GgufError::Io { path: model, source }.into());
        }
        let heads = read_bytes(&heads_path(&model))?;
        Self::with(Model::File(model), Cow::Owned(heads))
    }

    fn with(model: Model, heads: Cow<'static, [u8]>) -> Result<Self, ReaderError> {
        let card = Card::parse(&heads)?;
        let key = ReaderKey(Card::sum(&heads));
        Ok(Self { model, heads, card, key, threads: default_threads(), home: Vec::new(), learned: None, loaded: None })
    }

    /// The same reader with another number of threads (default: as many as cores, at most 2).
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The same reader, its heads refitted to what the human of a home said of these lines when it is loaded. Their order does
    /// not matter; without lines it is the reader as it was opened.
    #[must_use]
    pub fn with_home(mut self, lines: Vec<HomeLine>) -> Self {
        self.home = home::in_order(lines);
        self.key = ReaderKey(home::key(Card::sum(&self.heads), &self.home));
        (self.learned, self.loaded) = (None, None);
        self
    }

    /// What came of the home's lines; `None` until it is loaded, and without lines.
    pub fn learned(&self) -> Option<&Learned> {
        self.learned.as_ref()
    }

    /// What names this reader: its heads and, through the sum they hold, its model; and the lines of its home.
    pub fn key(&self) -> ReaderKey {
        self.key
    }

    /// What names this reader's reading of a text.
    pub fn hash(&self, text: &str) -> [u8; 32] {
        self.key.hash(text)
    }

    /// Between these two probabilities of "some reader notices" its word does not count.
    pub fn grey_zone(&self) -> (f32, f32) {
        self.card.grey_zone
    }

    /// Whether llama.cpp holds the model.
    pub fn is_loaded(&self) -> bool {
        self.loaded.is_some()
    }

    /// Reads lines, in their order. After each call of the encoder (at most 32 lines) `on_read` sees the readings so far, so
    /// that they can be kept, and `stop` may end the work: then the readings are those of the first lines. Without any line
    /// nothing is loaded.
    ///
    /// # Errors
    /// [`ReaderError`]: the model or the heads are not in order, or llama.cpp failed.
    pub fn read(
        &mut self,
        lines: &[&str],
        on_read: &mut dyn FnMut(&[ModelReading]),
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<ModelReading>, ReaderError> {
        if lines.is_empty() || stop() {
            return Ok(Vec::new());
        }
        let Some((encoder, heads)) = self.loaded(stop)? else { return Ok(Vec::new()) };
        let mut readings = Vec::with_capacity(lines.len());
        encoder.encode(lines, &mut |vectors| {
            let fresh = vectors.iter().zip(lines).skip(readings.len()).map(|(vector, line)| heads.read(vector, line));
            readings.extend(fresh.collect::<Vec<_>>());
            on_read(&readings);
            if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(readings)
    }

    /// The labelled lines nearest to a line, with their labels: a reason that a person can check. Loads the model.
    ///
    /// # Errors
    /// As [`Reader::read`]; [`HeadsError::Io`] when a reader of your own has no corpus beside it.
    pub fn nearest(&mut self, line: &str, most: usize) -> Result<Vec<Neighbour>, ReaderError> {
        let lines = self.model.lines()?;
        let Some((encoder, heads)) = self.loaded(&|| false)? else { return Ok(Vec::new()) };
        if !lines.belong_to(heads) {
            return Err(HeadsError::OtherCorpus.into());
        }
        let vectors = encoder.encode(&[line], &mut |_| ControlFlow::Continue(()))?;
        Ok(vectors.first().map_or_else(Vec::new, |vector| lines.nearest(vector, line, most)))
    }

    /// The time of the bare calls of llama.cpp for these lines, the better of all in one call and packed as [`Reader::read`]
    /// packs them: the floor that a reading is measured against.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn floor(&mut self, lines: &[&str]) -> Result<std::time::Duration, ReaderError> {
        let Some((encoder, _)) = self.loaded(&|| false)? else { return Ok(std::time::Duration::ZERO) };
        let packed = encoder.bare(lines, false)?;
        Ok(if lines.len() <= 256 { packed.min(encoder.bare(lines, true)?) } else { packed })
    }

    /// The encoder and the heads; `None` when `stop` ended the work before the home's lines were learned.
    fn loaded(&mut self, stop: &dyn Fn() -> bool) -> Result<Option<&(Encoder, Heads)>, ReaderError> {
        if self.loaded.is_none() {
            let (encoder, heads) = self.load()?;
            let Some(heads) = self.learn(&encoder, heads, stop)? else { return Ok(None) };
            self.loaded = Some((encoder, heads));
        }
        Ok(self.loaded.as_ref())
    }

    /// The heads refitted to all of the home's lines: to a part of them never, for the key names all.
    fn learn(&mut self, encoder: &Encoder, heads: Heads, stop: &dyn Fn() -> bool) -> Result<Option<Heads>, ReaderError> {
        if self.home.is_empty() {
            return Ok(Some(heads));
        }
        let texts: Vec<&str> = self.home.iter().map(|line| line.text.as_str()).collect();
        let vectors = encoder.encode(&texts, &mut |_| if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })?;
        if vectors.len() < texts.len() {
            return Ok(None);
        }
        let corpus = self.model.lines()?;
        if !corpus.belong_to(&heads) {
            return Err(HeadsError::OtherCorpus.into());
        }
        let (heads, learned) = home::learn(heads, &self.home, &vectors, &corpus);
        tracing::debug!(?learned, "the home's lines");
        self.learned = Some(learned);
        Ok(Some(heads))
    }

    fn load(&self) -> Result<(Encoder, Heads), ReaderError> {
        let checked = self.model.check(self.card.model)?;
        let heads = Heads::parse(&self.heads)?;
        heads.check_model(checked.sha256())?;
        let encoder = Encoder::load(&checked, self.threads)?;
        if encoder.width() != heads.width {
            return Err(HeadsError::Damaged("they take vectors of another length".to_owned()).into());
        }
        tracing::debug!(model = %checked.path().display(), threads = self.threads, "the reader is loaded");
        Ok((encoder, heads))
    }
}

/// The file of a model of the catalogue in the cache folder. Heads belong to one file's bytes: one that was written anew is
/// meant if it has heads and the model as it was pulled has none.
fn named(name: &str, cache: &Path) -> Result<PathBuf, ReaderError> {
    let catalog = Catalog::carried()?;
    let entry = catalog.find(name).ok_or_else(|| ReaderError::Unknown {
        given: name.to_owned(),
        nearest: nearest(name, catalog.models.iter().map(|entry| entry.name.as_str())).map(str::to_owned),
    })?;
    let path = cache.join(&entry.file);
    let with_heads = |path: &PathBuf| path.is_file() && heads_path(path).is_file();
    let anew = Quantization::ALL.map(|to| requantized_path(&path, to));
    if let Some(ready) = [path.clone()].into_iter().chain(anew).find(with_heads) {
        return Ok(ready);
    }
    if path.is_file() { Ok(path) } else { Err(ReaderError::NotPulled { name: name.to_owned(), path }) }
}

#[cfg(test)]
mod tests {
    use reveille_mission::Who;

    use super::*;

    const NO_STOP: &dyn Fn() -> bool = &|| false;

    fn carried(cache: &Path) -> Reader {
        Reader::open(&ReaderChoice::default(), cache).unwrap()
    }

    #[test]
    fn opening_and_reading_nothing_touches_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let mut reader = carried(&cache);
        assert_eq!(reader.read(&[], &mut |_| panic!("nothing is read"), NO_STOP).unwrap(), []);
        assert_eq!(reader.read(&["a line"], &mut |_| panic!("nothing is read"), &|| true).unwrap(), []);
        assert!(!reader.is_loaded() && !cache.exists());
        let (low, high) = reader.grey_zone();
        assert!(0.0 < low && low <= 0.5 && (0.5..1.0).contains(&high), "{low} to {high}");
    }

    #[test]
    fn reads_any_line_and_plain_ones_right() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = carried(folder.path());
        let long = "publish ".repeat(2_500);
        let lines = [
            "Send the October issue to all subscribers",
            "Refactor the logging module",
            "",
            "🦀",
            "\u{0}\u{1}\u{7f}\u{202e}",
            long.as_str(),
        ];
        let mut heard = Vec::new();
        let readings = reader.read(&lines, &mut |so_far| heard.push(so_far.len()), NO_STOP).unwrap();
        assert_eq!(readings.len(), lines.len());
        for reading in &readings {
            for sum in [reading.who.iter().sum::<f32>(), reading.skill.iter().sum::<f32>()] {
                assert!((sum - 1.0).abs() < 1e-4, "{reading:?}");
            }
        }
        assert!(readings[0].who[1] > 0.5 && readings[1].who[3] > 0.5, "{readings:?}");
        assert_eq!(heard.last(), Some(&6));
        assert!(heard.is_sorted());
    }

    /// `cargo test --release -p reveille-models other_languages -- --nocapture` prints the table of `models/README.md`.
    #[test]
    #[expect(clippy::print_stdout, reason = "the table is for a document")]
    fn other_languages_are_not_read_as_english() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = carried(folder.path());
        let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/languages/lines.tsv")).unwrap();
        let lines: Vec<(&str, &str)> =
            file.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once('\t').unwrap()).collect();
        let texts: Vec<&str> = lines.iter().map(|(_, text)| *text).collect();
        let readings = reader.read(&texts, &mut |_| {}, NO_STOP).unwrap();
        let (low, high) = reader.grey_zone();
        let mut counts: std::collections::BTreeMap<&str, (usize, usize, usize)> = std::collections::BTreeMap::new();
        for ((language, _), reading) in lines.iter().zip(&readings) {
            let share = 1.0 - reading.who[3];
            let count = counts.entry(language).or_default();
            count.0 += 1;
            count.1 += usize::from(*reading == ModelReading::NONE);
            count.2 += usize::from(*reading != ModelReading::NONE && share > low && share < high);
        }
        println!("| language | lines | known as another language | in the grey zone | read all the same |\n|---|---|---|---|---|");
        for (language, (all, foreign, grey)) in &counts {
            println!("| {language} | {all} | {foreign} | {grey} | {} |", all - foreign - grey);
        }
        for language in ["de", "es", "fr", "ja"] {
            let (all, foreign, grey) = counts[language];
            assert!(all == 50 && foreign + grey >= 43, "{language}: {foreign} and {grey} of {all}");
        }
    }

    #[test]
    fn a_line_reads_the_same_alone_and_among_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = carried(folder.path());
        let lines = ["Post issue 12 to Bluesky", "clean up the CI cache", "Answer Jo's question about the refund"];
        let together = reader.read(&lines, &mut |_| {}, NO_STOP).unwrap();
        for (line, among) in lines.iter().zip(&together) {
            let alone = reader.read(&[line], &mut |_| {}, NO_STOP).unwrap();
            for (a, b) in alone[0].who.iter().zip(among.who) {
                assert!((a - b).abs() < 0.02, "{line}: {alone:?} {among:?}");
            }
        }
    }

    #[test]
    fn stops_early_with_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = carried(folder.path());
        let lines: Vec<String> = (0..200).map(|at| format!("Write a letter to reader number {at}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let done = std::cell::Cell::new(0);
        let readings = reader.read(&lines, &mut |so_far| done.set(so_far.len()), &|| done.get() > 0).unwrap();
        assert_eq!(readings.len(), done.get());
        assert!(readings.len() < lines.len());
    }

    #[test]
    fn what_the_home_said_moves_readings_and_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let line = |text: &str, who| HomeLine { text: text.to_owned(), who: Some(who), skill: None };
        let lines = ["Refactor the logging module", "Rework the logging module", "Send the October issue to all subscribers"];
        let read = |reader: &mut Reader| reader.read(&lines, &mut |_| {}, NO_STOP).unwrap();
        let before = read(&mut carried(folder.path()));
        let said = vec![line(lines[0], Who::Strangers), line("Tidy the build", Who::Nobody)];
        let mut reader = carried(folder.path()).with_home(said.clone());
        assert_eq!((reader.is_loaded(), reader.learned()), (false, None));
        let after = read(&mut reader);
        assert_eq!(reader.learned(), Some(&Learned::Used { lines: 2 }));
        assert!(after[0].who[0] > before[0].who[0] + 0.3 && after[1].who[0] > before[1].who[0] + 0.1, "{before:?} {after:?}");
        assert!(after[2].who[1] > 0.5, "{after:?}");
        let key = |lines: &[HomeLine]| carried(folder.path()).with_home(lines.to_vec()).key();
        let turned: Vec<HomeLine> = said.iter().rev().cloned().collect();
        assert_eq!((key(&said), key(&[])), (key(&turned), carried(folder.path()).key()));
        assert_ne!(key(&said), key(&said[..1]));
        assert_eq!(read(&mut carried(folder.path()).with_home(turned)), after);
    }

    #[test]
    fn a_stop_among_the_home_s_lines_leaves_nothing_half_learned() {
        let folder = tempfile::tempdir().unwrap();
        let said: Vec<HomeLine> = (0..200)
            .map(|at| HomeLine { text: format!("Write a letter to reader number {at}"), who: Some(Who::Nobody), skill: None })
            .collect();
        let mut reader = carried(folder.path()).with_home(said);
        let asked = std::cell::Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) > 1;
        assert_eq!(reader.read(&["a line"], &mut |_| panic!("no progress"), &stop).unwrap(), []);
        assert_eq!((reader.is_loaded(), reader.learned()), (false, None));
        assert_eq!(reader.read(&["a line"], &mut |_| {}, NO_STOP).unwrap().len(), 1);
        assert_eq!(reader.learned(), Some(&Learned::Used { lines: 200 }));
    }

    #[test]
    fn a_changed_or_foreign_model_never_reaches_llama() {
        let folder = tempfile::tempdir().unwrap();
        let model = materialize(folder.path()).unwrap();
        let path = folder.path().join("mine.gguf");
        let whole = std::fs::read(model.path()).unwrap();
        let open = || Reader::open(&ReaderChoice::File(path.clone()), folder.path());
        assert!(matches!(open(), Err(ReaderError::Gguf(GgufError::Io { .. }))));
        std::fs::write(&path, &whole).unwrap();
        assert!(matches!(open(), Err(ReaderError::Heads(HeadsError::Io { .. }))));
        std::fs::write(heads_path(&path), HEADS).unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let mut reader = open().unwrap();
            let read = reader.read(&["a line"], &mut |_| {}, NO_STOP);
            assert_eq!(reader.is_loaded(), read.is_ok());
            read
        };
        assert_eq!(read(&whole).unwrap().len(), 1);
        let mut changed = whole.clone();
        changed[whole.len() - 100] ^= 1;
        for bytes in [&changed[..], &whole[..whole.len() / 2], b"GGUF", b""] {
            let error = read(bytes).unwrap_err();
            assert!(matches!(error, ReaderError::Gguf(_)), "{error}");
        }
    }

    #[test]
    fn names_are_looked_up() {
        let open = |name: &str| Reader::open(&ReaderChoice::Named(name.to_owned()), Path::new("/nowhere")).unwrap_err();
        assert_eq!(open("reader-em").hint().as_deref(), Some("did you mean reader-en?"));
        let missing = open("smollm2-135m-instruct");
        assert!(matches!(missing, ReaderError::NotPulled { .. }), "{missing}");
        assert!(missing.hint().unwrap().contains("reveille model pull smollm2-135m-instruct"));
    }

    #[test]
    fn a_name_means_the_file_that_has_heads() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(format!("SmolLM2-135M-Instruct.Q4_1{name}"));
        let meant = || super::named("smollm2-135m-instruct", folder.path());
        assert!(meant().is_err());
        for (next, expected) in
            [(".gguf", ".gguf"), (".q4_0.gguf", ".gguf"), (".q4_0.heads.jsonl", ".q4_0.gguf"), (".heads.jsonl", ".gguf")]
        {
            std::fs::write(file(next), "").unwrap();
            assert_eq!(meant().unwrap(), file(expected), "after {next}");
        }
    }

    #[test]
    fn the_key_tells_texts_and_readers_apart() {
        let key = carried(Path::new("/nowhere")).key();
        assert_eq!(key.hash("a"), key.hash("a"));
        assert_ne!(key.hash("a"), key.hash("b"));
        assert_ne!(key.hash("a"), ReaderKey(Digest::of(b"other")).hash("a"));
    }
}
