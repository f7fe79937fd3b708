//! A course of training from folder to heads: reads the corpus, encodes its lines, trains, and writes what comes out.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::corpus::{Corpus, CorpusError};
use crate::encoder::{EncodeError, Encoder, default_threads};
use crate::gguf::{Checked, GgufError, check_file};
use crate::heads::{Heads, HeadsError};
use crate::report::Report;
use crate::train::{Recipe, Trained, Vectors, train};

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
    model: crate::Digest,
}

impl Course {
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
        let encoders = 1 + blind.map_or(0, |_| corpus.hands.len());
        let all = encoders * corpus.lines.len();
        let mut before = 0;
        let mut encode = |file: &Checked| -> Result<Vectors, CourseError> {
            let vectors = encode_all(&corpus, file, &mut |done| on_progress(before + done, all))?;
            before += vectors.len();
            Ok(vectors)
        };
        let vectors = encode(model)?;
        let blind = match blind {
            None => None,
            Some(folder) => {
                let of_hand = |hand: &String| encode(&check_file(&folder.join(format!("{hand}.gguf")), None)?);
                Some(corpus.hands.iter().map(of_hand).collect::<Result<Vec<_>, _>>()?)
            }
        };
        Ok(Self { corpus, vectors, blind, model: model.sha256() })
    }

    /// Trains heads and measures them.
    pub fn train(&self, recipe: &Recipe) -> Trained {
        train(&self.corpus, &self.vectors, self.blind.as_deref(), self.model, recipe)
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
    let vectors = Encoder::load(file, default_threads())?.encode(&lines, on_progress)?;
    if vectors.len() == lines.len() { Ok(vectors) } else { Err(CourseError::Stopped) }
}

/// Writes heads to a file, whole or not at all.
///
/// # Errors
/// [`CourseError::Heads`] or [`CourseError::Write`].
pub fn write_heads(heads: &Heads, path: &Path) -> Result<(), CourseError> {
    let bytes = heads.to_bytes()?;
    let io = |source| CourseError::Write { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io)?;
    // Heads are no secret: they are committed, and read by other users of the machine.
    let mut part = Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder).map_err(io)?;
    part.write_all(&bytes).map_err(io)?;
    part.as_file().sync_all().map_err(io)?;
    part.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}
