//! A course of training from folder to heads: reads the corpus, encodes its lines, trains, and writes what comes out.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use reveille_mission::nearest;
use tempfile::Builder;

use crate::corpus::{Corpus, CorpusError};
use crate::digest::Digest;
use crate::encoder::{EncodeError, Encoder, default_threads};
use crate::features::unit;
use crate::gguf::{Checked, GgufError, check_file};
use crate::heads::HeadsError;
use crate::lines::Lines;
use crate::report::Report;
use crate::train::{Recipe, Trained, Vectors, measure, train};

/// Why there are no new heads.
#[derive(Debug, thiserror::Error)]
pub enum CourseError {
    /// The corpus is not in order.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// The encoder's file is not in order.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// llama.cpp failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The heads could not be put into words.
    #[error(transparent)]
    Heads(#[from] HeadsError),
    /// The heads can't be written.
    #[error("can't write the heads to {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A hand that the corpus does not have.
    #[error("the corpus has no hand {given:?}")]
    Hand {
        /// The name.
        given: String,
        /// The right one nearest to it.
        nearest: Option<String>,
    },
    /// Every hand is held out.
    #[error("no hand is left to train on")]
    NoneLeft,
    /// The caller wanted it to stop.
    #[error("stopped before the corpus was read")]
    Stopped,
}

impl CourseError {
    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Corpus(error) => error.hint(),
            Self::Gguf(error) => error.hint(),
            Self::Encode(error) => error.hint(),
            Self::Hand { nearest: Some(name), .. } => Some(format!("did you mean {name}?")),
            Self::Hand { nearest: None, .. } => Some("a hand is a file of the corpus without its .tsv".to_owned()),
            Self::NoneLeft => Some("hold out fewer hands".to_owned()),
            Self::Heads(_) | Self::Stopped => None,
            Self::Write { .. } => Some("is the folder writable?".to_owned()),
        }
    }
}

/// A corpus with the vectors of its lines, ready to be trained on with any recipe.
#[derive(Debug, Clone)]
pub struct Course {
    corpus: Corpus,
    vectors: Vectors,
    blind: Option<Vec<Vectors>>,
    model: Digest,
}

impl Course {
    /// Puts the vectors of a second model behind those of the first: what a larger model's view of the lines would add.
    ///
    /// # Errors
    /// [`CourseError`].
    pub fn beside(&mut self, model: &Checked, on_progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>) -> Result<(), CourseError> {
        let all = self.corpus.lines.len();
        let second = encode_all(&self.corpus, model, &mut |done| on_progress(done, all))?;
        for (vector, second) in self.vectors.iter_mut().zip(second) {
            *vector = unit(vector);
            vector.extend(unit(&second));
        }
        Ok(())
    }

    /// Reads the corpus of a folder and encodes its lines (a few milliseconds each). `blind` is a folder with an encoder for
    /// each hand, `HAND.gguf`, that has not seen that hand: needed to measure honestly when `model` itself was trained on the
    /// corpus. `on_progress` hears (done, all) and may stop.
    ///
    /// # Errors
    /// [`CourseError`].
    pub fn prepare(
        model: &Checked,
        corpus: &Path,
        blind: Option<&Path>,
        on_progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Self, CourseError> {
        let corpus = Corpus::read(corpus)?;
        let unseen = match blind {
            None => Vec::new(),
            Some(folder) => {
                let of_hand = |hand: &String| check_file(&folder.join(format!("{hand}.gguf")), None);
                corpus.hands.iter().map(of_hand).collect::<Result<Vec<_>, _>>()?
            }
        };
        // Several hands may share an encoder that has seen none of them: it reads the corpus once.
        let files: BTreeMap<Digest, &Checked> = unseen.iter().chain([model]).map(|file| (file.sha256(), file)).collect();
        let all = files.len() * corpus.lines.len();
        let mut vectors: BTreeMap<Digest, Vectors> = BTreeMap::new();
        for (sum, file) in files {
            let before = vectors.len() * corpus.lines.len();
            vectors.insert(sum, encode_all(&corpus, file, &mut |done| on_progress(before + done, all))?);
        }
        let of = |file: &Checked| vectors.get(&file.sha256()).cloned().unwrap_or_default();
        let blind = blind.map(|_| unseen.iter().map(of).collect());
        Ok(Self { vectors: of(model), blind, model: model.sha256(), corpus })
    }

    /// Trains heads and measures them.
    pub fn train(&self, recipe: &Recipe) -> Trained {
        train(&self.corpus, &self.vectors, self.blind.as_deref(), self.model, recipe)
    }

    /// Trains heads on the other hands and measures them on these.
    ///
    /// # Errors
    /// [`CourseError::Hand`]: there is no hand of that name, or none is left to train on.
    pub fn measure(&self, held: &[String], recipe: &Recipe) -> Result<Report, CourseError> {
        let place = |name: &String| {
            let hands = self.corpus.hands.iter();
            hands.clone().position(|hand| hand == name).ok_or_else(|| CourseError::Hand {
                given: name.clone(),
                nearest: nearest(name, hands.map(String::as_str)).map(str::to_owned),
            })
        };
        let held = held.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        if self.corpus.only(&held).lines.len() == self.corpus.lines.len() {
            return Err(CourseError::NoneLeft);
        }
        Ok(measure(&self.corpus, &self.vectors, &held, recipe))
    }

    /// Measures other recipes, one change each from the default: what the choice of the default rests on.
    pub fn variants(&self) -> Vec<(String, Report)> {
        let usual = Recipe::default();
        let others = [
            ("default".to_owned(), usual),
            ("no words".to_owned(), Recipe { term_scale: 0.0, ..usual }),
            ("words at half length".to_owned(), Recipe { term_scale: usual.term_scale / 2.0, ..usual }),
            ("words at twice the length".to_owned(), Recipe { term_scale: usual.term_scale * 2.0, ..usual }),
            ("words of 2 lines".to_owned(), Recipe { term_lines: 2, ..usual }),
            ("words of 6 lines".to_owned(), Recipe { term_lines: 6, ..usual }),
            ("not balanced".to_owned(), Recipe { balance: 0.0, ..usual }),
            ("fully balanced".to_owned(), Recipe { balance: 1.0, ..usual }),
            ("a quarter of the shrinkage".to_owned(), Recipe { shrinkage: usual.shrinkage / 4.0, ..usual }),
            ("4 times the shrinkage".to_owned(), Recipe { shrinkage: usual.shrinkage * 4.0, ..usual }),
        ];
        others.into_iter().map(|(name, recipe)| (name, self.train(&recipe).report)).collect()
    }
}

fn encode_all(corpus: &Corpus, file: &Checked, on_progress: &mut dyn FnMut(usize) -> ControlFlow<()>) -> Result<Vectors, CourseError> {
    let lines: Vec<&str> = corpus.lines.iter().map(|line| line.text.as_str()).collect();
    let vectors = Encoder::load(file, default_threads())?.encode(&lines, &mut { usize::MAX }, &mut |vectors| on_progress(vectors.len()))?;
    if vectors.len() == lines.len() { Ok(vectors) } else { Err(CourseError::Stopped) }
}

impl Course {
    /// Writes the heads to a file and, beside it, the corpus as the reader carries it (`x.lines`), each whole or not at all.
    ///
    /// # Errors
    /// [`CourseError::Heads`] or [`CourseError::Write`].
    pub fn write(&self, trained: &Trained, path: &Path) -> Result<(), CourseError> {
        let lines = Lines::to_bytes(&self.corpus, self.model, &self.vectors, &trained.held_out)?;
        write_whole(&trained.heads.to_bytes()?, path)?;
        write_whole(&lines, &lines_path(path))
    }
}

/// Where the corpus of a file of heads is: beside it, `x.heads.jsonl` and `x.lines`.
pub(crate) fn lines_path(heads: &Path) -> PathBuf {
    heads.with_extension("").with_extension("lines")
}

/// The folder that a file is in; the present one for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_whole(bytes: &[u8], path: &Path) -> Result<(), CourseError> {
    let io = |source| CourseError::Write { path: path.to_owned(), source };
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(io)?;
    // Heads are no secret: they are committed, and read by other users of the machine.
    let mut part = Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder).map_err(io)?;
    part.write_all(bytes).map_err(io)?;
    part.as_file().sync_all().map_err(io)?;
    part.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}
