//! Writing a larger model anew in another type of numbers, for processors on which its own is slow. First a plan, in which
//! everything is checked that can be checked before; then llama.cpp writes into a file of another name, which gets its own name
//! only when it was found right.

mod llama;
#[cfg(test)]
mod tests;

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::carried::carried_sum;
use crate::course::folder_of;
use crate::digest::Digest;
use crate::encoder::{EncodeError, backend};
use crate::gguf::{Checked, GgufError, TensorType, Weights, check_file};
use crate::processor::Processor;
use crate::pull::free_space;

/// How often the unfinished file is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// What matrices can be written in: types that are one scale a block and nothing else, which every processor multiplies quickly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantization {
    /// Eight bits.
    Q8_0,
    /// Four bits.
    Q4_0,
}

impl Quantization {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Q8_0, Self::Q4_0];

    /// Its name on the command line and in names of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q8_0 => "q8_0",
            Self::Q4_0 => "q4_0",
        }
    }

    /// Its type in a file.
    pub fn tensor_type(self) -> TensorType {
        match self {
            Self::Q8_0 => TensorType::Q8_0,
            Self::Q4_0 => TensorType::Q4_0,
        }
    }
}

/// A name that is no type we write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("q8_0 and q4_0 can be written, not {0:?}")]
pub struct NotAQuantization(String);

impl FromStr for Quantization {
    type Err = NotAQuantization;

    fn from_str(text: &str) -> Result<Self, NotAQuantization> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text)).ok_or_else(|| NotAQuantization(text.to_owned()))
    }
}

/// The type in which a file would be read faster on a processor, if there is one. Without AVX llama.cpp has quick code for Q4_0
/// and Q8_0 only: on a Core 2 Q4_1 takes three times as long as Q4_0.
pub fn better_type(processor: &Processor, weights: &Weights) -> Option<Quantization> {
    let slow = weights.main_type().is_some_and(|kind| kind == TensorType::Q4_1 || kind.is_k_quant());
    (processor.lacks("AVX") && slow).then_some(Quantization::Q4_0)
}

/// Where a model goes when it is written anew: beside it, `x.gguf` and `x.q4_0.gguf`.
pub fn requantized_path(model: &Path, to: Quantization) -> PathBuf {
    model.with_extension(format!("{}.gguf", to.name()))
}

/// Why a model is not written anew.
#[derive(Debug, thiserror::Error)]
pub enum RequantizeError {
    /// The file to read is not in order, or not there.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// It is the carried reader.
    #[error("the carried reader is not written anew: its heads belong to its bytes")]
    Carried,
    /// It is written so already.
    #[error("{} is in {kind} already", path.display())]
    Already {
        /// The file.
        path: PathBuf,
        /// Its type.
        kind: TensorType,
    },
    /// It would be written over itself.
    #[error("{} is the model itself", path.display())]
    SameFile {
        /// The file.
        path: PathBuf,
    },
    /// Something is there already.
    #[error("{} is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The disk is too full.
    #[error("{} has {free} bytes free, about {needed} are needed", folder.display())]
    Space {
        /// The folder.
        folder: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that are needed.
        needed: u64,
    },
    /// The file can't be written.
    #[error("can't write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// llama.cpp does not start.
    #[error(transparent)]
    Backend(#[from] EncodeError),
    /// llama.cpp failed.
    #[error("llama.cpp could not write {} anew", path.display())]
    Llama {
        /// The file that was read.
        path: PathBuf,
    },
    /// What was written is not the same model.
    #[error("what llama.cpp wrote is not the model that it read: {0}")]
    Wrong(&'static str),
}

impl RequantizeError {
    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Gguf(error) => return error.hint(),
            Self::Backend(error) => return error.hint(),
            Self::Carried => {
                "for another encoder file, `reveille model train --encoder FILE --out FILE.heads.jsonl` trains heads".to_owned()
            }
            Self::Already { .. } => "there is nothing to do; --to names another type".to_owned(),
            Self::SameFile { .. } => "give another file with --out".to_owned(),
            Self::Exists { .. } => "--force writes over it, --out names another file".to_owned(),
            Self::Space { .. } => "make room, or write to another disk with --out".to_owned(),
            Self::Io { .. } => "is the folder there and writable?".to_owned(),
            Self::Llama { .. } => "it may be of a kind that this llama.cpp does not know, or the disk is full".to_owned(),
            Self::Wrong(_) => "nothing was kept; report this as a defect".to_owned(),
        })
    }
}

/// A model that can be written anew.
#[derive(Debug)]
pub struct Requantization {
    from: Checked,
    kind: TensorType,
    to: Quantization,
    out: PathBuf,
    overwrite: bool,
    free: u64,
}

/// A model that was written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requantized {
    /// Its file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// The sum of its file.
    pub sha256: Digest,
}

impl Requantization {
    /// Checks all that can be checked before: the file (against the sum it must have, if one is known), where the new one goes,
    /// and that there is room.
    ///
    /// # Errors
    /// [`RequantizeError`].
    pub fn plan(
        from: &Path,
        expected: Option<Digest>,
        to: Quantization,
        out: Option<PathBuf>,
        overwrite: bool,
    ) -> Result<Self, RequantizeError> {
        let from = check_file(from, expected)?;
        if carried_sum() == Ok(from.sha256()) {
            return Err(RequantizeError::Carried);
        }
        let out = out.unwrap_or_else(|| requantized_path(from.path(), to));
        // By what they are, not by what they are called: links lead to the same file too.
        let identity = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        if let Some(there) = identity(&out) {
            if identity(from.path()) == Some(there) {
                return Err(RequantizeError::SameFile { path: out });
            } else if !overwrite {
                return Err(RequantizeError::Exists { path: out });
            }
        }
        let weights = &from.header().weights;
        let kind = weights.main_type().ok_or(RequantizeError::Wrong("it has no matrices"))?;
        if weights.matrices.iter().all(|(kind, ..)| *kind == to.tensor_type()) {
            return Err(RequantizeError::Already { path: from.path().to_owned(), kind });
        }
        let folder = folder_of(&out);
        let free = free_space(folder).map_err(|source| RequantizeError::Io { path: out.clone(), source })?;
        let planned = Self { from, kind, to, out, overwrite, free };
        let needed = planned.estimate();
        if free < needed {
            return Err(RequantizeError::Space { folder: folder_of(&planned.out).to_owned(), free, needed });
        }
        Ok(planned)
    }

    /// The file that is read.
    pub fn from(&self) -> &Checked {
        &self.from
    }

    /// The type that most of its numbers are in.
    pub fn kind(&self) -> TensorType {
        self.kind
    }

    /// The type that is written.
    pub fn to(&self) -> Quantization {
        self.to
    }

    /// The file that is written.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// Bytes that are free where it is written.
    pub fn free(&self) -> u64 {
        self.free
    }

    /// About how many bytes the new file has: a few tensors keep their type.
    pub fn estimate(&self) -> u64 {
        let header = self.from.header();
        header.size.saturating_sub(header.weights.bytes()).saturating_add(header.weights.estimate(self.to.tensor_type()))
    }

    /// Writes it. `on_progress` hears now and then (bytes written, about how many in all).
    ///
    /// # Errors
    /// [`RequantizeError`]; nothing is left behind, and what was at that place stays.
    pub fn carry_out(&self, threads: usize, on_progress: &mut dyn FnMut(u64, u64)) -> Result<Requantized, RequantizeError> {
        let io = |source| RequantizeError::Io { path: self.out.clone(), source };
        backend()?;
        let folder = folder_of(&self.out);
        let part = tempfile::Builder::new().prefix(".requantize-").suffix(".part").tempfile_in(folder).map_err(io)?;
        self.write(part.path(), threads, on_progress)?;
        let written = self.examine(part.path())?;
        // Who may read the model may read it anew.
        let mode = fs::metadata(self.from.path()).map_err(io)?.permissions();
        fs::set_permissions(part.path(), mode).and_then(|()| File::open(part.path())?.sync_all()).map_err(io)?;
        match self.overwrite {
            true => part.persist(&self.out).map_err(|error| io(error.error))?,
            // Somebody may have put a file there in the meantime.
            false => part.persist_noclobber(&self.out).map_err(|error| match error.error.kind() {
                io::ErrorKind::AlreadyExists => RequantizeError::Exists { path: self.out.clone() },
                _ => io(error.error),
            })?,
        };
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        Ok(Requantized { path: self.out.clone(), size: written.header().size, sha256: written.sha256() })
    }

    /// llama.cpp writes in a thread of its own, for it says nothing on the way; how far it is shows in the file.
    fn write(&self, part: &Path, threads: usize, on_progress: &mut dyn FnMut(u64, u64)) -> Result<(), RequantizeError> {
        let text = |path: &Path| {
            let source = io::Error::from(io::ErrorKind::InvalidFilename);
            CString::new(path.as_os_str().as_bytes()).map_err(|_| RequantizeError::Io { path: path.to_owned(), source })
        };
        let (from, to) = (text(self.from.path())?, text(part)?);
        let threads = i32::try_from(threads.clamp(1, 64)).unwrap_or(1);
        let all = self.estimate();
        let done = std::thread::scope(|scope| {
            let writing = scope.spawn(|| llama::quantize(&from, &to, self.to, threads));
            while !writing.is_finished() {
                std::thread::sleep(GLANCE);
                on_progress(fs::metadata(part).map_or(0, |file| file.len()).min(all), all);
            }
            writing.join()
        });
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(RequantizeError::Llama { path: self.from.path().to_owned() }),
        }
    }

    /// The strict check, and that it is the same model in the other type.
    fn examine(&self, part: &Path) -> Result<Checked, RequantizeError> {
        let written = check_file(part, None)?;
        let (old, new) = (self.from.header(), written.header());
        if (&old.architecture, old.context_length, old.embedding_length) != (&new.architecture, new.context_length, new.embedding_length) {
            Err(RequantizeError::Wrong("its header says something else"))
        } else if old.tensors != new.tensors {
            Err(RequantizeError::Wrong("tensors are missing"))
        } else if new.weights.main_type() != Some(self.to.tensor_type()) {
            Err(RequantizeError::Wrong("it is in another type"))
        } else {
            Ok(written)
        }
    }
}
