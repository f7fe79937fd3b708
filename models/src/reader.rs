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
    /// How many tokens it may still give to the encoder.
    left: usize,
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
        Ok(Self { model, heads, card, key, threads: default_threads(), left: usize::MAX, home: Vec::new(), learned: None, loaded: None })
    }

    /// The same reader with another number of threads (default: as many as cores, at most 2).
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The same reader, which gives the encoder at most so many tokens from now on (default: no bound): those of the home's lines
    /// count like those of the lines that it reads.
    #[must_use]
    pub fn with_tokens(mut self, most: usize) -> Self {
        self.left = most;
        self
    }

    /// How many tokens it may still give to the encoder.
    pub fn tokens_left(&self) -> usize {
        self.left
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
    /// that they can be kept, and `stop` may end the work, as may the bound of tokens: then the readings are those of the first
    /// lines. Without any line nothing is loaded.
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
        self.left = self.load_within(self.left, stop)?;
        let mut left = self.left;
        let Some((encoder, heads)) = self.loaded.as_ref() else { return Ok(Vec::new()) };
        let mut readings = Vec::with_capacity(lines.len());
        encoder.encode(lines, &mut left, &mut |vectors| {
            let fresh = vectors.iter().zip(lines).skip(readings.len()).map(|(vector, line)| heads.read(vector, line));
            readings.extend(fresh.collect::<Vec<_>>());
            on_read(&readings);
            if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        self.left = left;
        Ok(readings)
    }

    /// The labelled lines nearest to a line, with their labels: a reason that a person can check. Loads the model.
    ///
    /// # Errors
    /// As [`Reader::read`]; [`HeadsError::Io`] when a reader of your own has no corpus beside it.
    pub fn nearest(&mut self, line: &str, most: usize) -> Result<Vec<Neighbour>, ReaderError> {
        let lines = self.model.lines()?;
        let Some((encoder, heads)) = self.loaded()? else { return Ok(Vec::new()) };
        if !lines.belong_to(heads) {
            return Err(HeadsError::OtherCorpus.into());
        }
        let vectors = encoder.encode(&[line], &mut { usize::MAX }, &mut |_| ControlFlow::Continue(()))?;
        Ok(vectors.first().map_or_else(Vec::new, |vector| lines.nearest(vector, line, most)))
    }

    /// The time of the bare calls of llama.cpp for these lines, the better of all in one call and packed as [`Reader::read`]
    /// packs them: the floor that a reading is measured against.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn floor(&mut self, lines: &[&str]) -> Result<std::time::Duration, ReaderError> {
        let Some((encoder, _)) = self.loaded()? else { return Ok(std::time::Duration::ZERO) };
        let packed = encoder.bare(lines, false)?;
        Ok(if lines.len() <= 256 { packed.min(encoder.bare(lines, true)?) } else { packed })
    }

    /// The encoder and the heads, whatever it takes.
    fn loaded(&mut self) -> Result<Option<&(Encoder, Heads)>, ReaderError> {
        self.load_within(usize::MAX, &|| false)?;
        Ok(self.loaded.as_ref())
    }

    /// Loads the encoder and the heads, unless `stop` or the bound of tokens ends it before the home's lines were learned; how
    /// many tokens are left.
    fn load_within(&mut self, mut left: usize, stop: &dyn Fn() -> bool) -> Result<usize, ReaderError> {
        if self.loaded.is_none() {
            let (encoder, heads) = self.load()?;
            self.loaded = self.learn(&encoder, heads, &mut left, stop)?.map(|heads| (encoder, heads));
        }
        Ok(left)
    }

    /// The heads refitted to all of the home's lines: to a part of them never, for the key names all.
    fn learn(&mut self, encoder: &Encoder, heads: Heads, left: &mut usize, stop: &dyn Fn() -> bool) -> Result<Option<Heads>, ReaderError> {
        if self.home.is_empty() {
            return Ok(Some(heads));
        }
        let texts: Vec<&str> = self.home.iter().map(|line| line.text.as_str()).collect();
        let vectors = encoder.encode(&texts, left, &mut |_| if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })?;
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
mod tests;
