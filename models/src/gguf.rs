//! A strict look at a GGUF file before llama.cpp may see it: only [`check_file`] makes a [`Checked`], and the encoder loads
//! nothing else. Every length is compared with what is left of the file before it is used; nothing is allocated by a number
//! that the file gives, beyond the small bounds below.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3, little-endian.

#[cfg(test)]
pub(crate) mod fixture;
mod source;
#[cfg(test)]
mod tests;
mod types;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use self::source::Source;
pub use self::types::{TensorType, Weights};
use crate::digest::Digest;

/// Bounds that every real model keeps by far; a header beyond them is refused.
const MAX_ENTRIES: u64 = 4_096;
const MAX_TENSORS: u64 = 16_384;
const MAX_KEY: u64 = 256;
const MAX_NAME: u64 = 64;
const MAX_TEXT: u64 = 1_024;
const MAX_DIMENSIONS: u32 = 4;

/// Why a file is not given to llama.cpp.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The file can't be opened or read.
    #[error("can't read the model {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It does not begin with GGUF's magic.
    #[error("{} is no GGUF file", path.display())]
    NotGguf {
        /// The file.
        path: PathBuf,
    },
    /// It begins as GGUF, but its header or its tensors are not in order.
    #[error("{} is damaged: {fault}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// It is not the file it should be.
    #[error("{} is not the expected file: sha256 {actual}, expected {expected}", path.display())]
    OtherHash {
        /// The file.
        path: PathBuf,
        /// The sum it should have.
        expected: Digest,
        /// The sum it has.
        actual: Digest,
    },
}

impl GgufError {
    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Io { .. } => "check that the file exists and may be read".to_owned(),
            _ => "delete the file and fetch it again with `reveille model pull`".to_owned(),
        })
    }
}

/// What is wrong inside a GGUF file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No GGUF at all.
    #[error("the magic is missing")]
    Magic,
    /// A version that is not read here.
    #[error("version {0} is not known (2 and 3 are)")]
    Version(u32),
    /// The file ends before what it announces.
    #[error("it ends at byte {size}, inside {what} which needs {needed} bytes from {at}")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it begins.
        at: u64,
        /// How many bytes it needs.
        needed: u64,
        /// The size of the file.
        size: u64,
    },
    /// A number is beyond its bound.
    #[error("{what} is {found}, at most {limit} is allowed")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The number in the file.
        found: u64,
        /// The bound.
        limit: u64,
    },
    /// A value that the format does not allow.
    #[error("{0}")]
    Malformed(&'static str),
    /// A key that must be there.
    #[error("the key {0} is missing")]
    Missing(String),
}

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gguf {
    /// The version of the format.
    pub version: u32,
    /// `general.architecture`, for example `bert` or `llama`.
    pub architecture: String,
    /// `general.name`, empty if there is none.
    pub name: String,
    /// How many tokens the model was trained to read at once.
    pub context_length: u32,
    /// The width of a token's vector.
    pub embedding_length: u32,
    /// How many tensors it holds.
    pub tensors: u64,
    /// How its numbers are written.
    pub weights: Weights,
    /// The size of the file in bytes.
    pub size: u64,
}

/// A file whose structure, and where one was expected whose hash, was found right. The only thing the encoder loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    path: PathBuf,
    header: Gguf,
    sha256: Digest,
}

impl Checked {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its header says.
    pub fn header(&self) -> &Gguf {
        &self.header
    }

    /// The sum of the whole file.
    pub fn sha256(&self) -> Digest {
        self.sha256
    }
}

/// Checks a file: that it is the expected one (when a sum is given), and that its structure is in order.
///
/// # Errors
/// [`GgufError`] for anything that llama.cpp should not see.
pub fn check_file(path: &Path, expected: Option<Digest>) -> Result<Checked, GgufError> {
    let io = |source| GgufError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    if !file.metadata().map_err(io)?.is_file() {
        return Err(io(io::Error::other("it is not a file")));
    }
    let sha256 = Digest::of_reader(&mut file).map_err(io)?;
    let header = header_of(&mut file).map_err(io)?.map_err(|fault| match fault {
        Fault::Magic => GgufError::NotGguf { path: path.to_owned() },
        fault => GgufError::Damaged { path: path.to_owned(), fault },
    })?;
    match expected {
        Some(expected) if expected != sha256 => Err(GgufError::OtherHash { path: path.to_owned(), expected, actual: sha256 }),
        _ => Ok(Checked { path: path.to_owned(), header, sha256 }),
    }
}

fn header_of(file: &mut File) -> io::Result<Result<Gguf, Fault>> {
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(0))?;
    read_header(&mut Source::new(BufReader::with_capacity(64 * 1024, file), size))
}

/// Reads the header and holds every tensor against the size of the file. The outer error is the reader's.
pub(crate) fn read_header<R: io::Read + Seek>(source: &mut Source<R>) -> io::Result<Result<Gguf, Fault>> {
    match walk(source) {
        Ok(header) => Ok(Ok(header)),
        Err(Stop::Fault(fault)) => Ok(Err(fault)),
        Err(Stop::Io(error)) => Err(error),
    }
}

/// Why the walk through a header ended early.
pub(crate) enum Stop {
    Fault(Fault),
    Io(io::Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn walk<R: io::Read + Seek>(source: &mut Source<R>) -> Result<Gguf, Stop> {
    if source.left() < 4 || source.array::<4>("the magic")? != *b"GGUF" {
        return Err(Fault::Magic.into());
    }
    let version = source.u32("the version")?;
    if !(2..=3).contains(&version) {
        return Err(Fault::Version(version).into());
    }
    let tensors = bounded("the number of tensors", source.u64("the number of tensors")?, MAX_TENSORS)?;
    let entries = bounded("the number of keys", source.u64("the number of keys")?, MAX_ENTRIES)?;
    let known = walk_entries(source, entries)?;
    let weights = walk_tensors(source, tensors, u64::from(known.alignment))?;
    let architecture = known.architecture.ok_or_else(|| Fault::Missing("general.architecture".to_owned()))?;
    let number = |end: &str| {
        let key = format!("{architecture}.{end}");
        let found = known.numbers.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        found.filter(|value| *value > 0).ok_or(Fault::Missing(key))
    };
    Ok(Gguf {
        version,
        context_length: number("context_length")?,
        embedding_length: number("embedding_length")?,
        architecture,
        name: known.name,
        tensors,
        weights,
        size: source.size(),
    })
}

/// The few values that are kept.
struct Known {
    architecture: Option<String>,
    name: String,
    alignment: u32,
    numbers: Vec<(String, u32)>,
}

fn walk_entries<R: io::Read + Seek>(source: &mut Source<R>, entries: u64) -> Result<Known, Stop> {
    let mut known = Known { architecture: None, name: String::new(), alignment: 32, numbers: Vec::new() };
    let mut seen = HashSet::new();
    for _ in 0..entries {
        let key = source.text("a key", MAX_KEY)?;
        let kind = source.u32("a key's type")?;
        match (key.as_str(), kind) {
            ("general.architecture", kind::STRING) => known.architecture = Some(source.text("general.architecture", MAX_TEXT)?),
            ("general.name", kind::STRING) => known.name = source.text("general.name", MAX_TEXT)?,
            ("general.alignment", kind::U32) => known.alignment = source.u32("general.alignment")?,
            ("general.architecture" | "general.name" | "general.alignment", _) => {
                return Err(Fault::Malformed("a general key has the wrong type").into());
            }
            (_, kind::U32) => {
                let value = source.u32("a number")?;
                if key.ends_with(".context_length") || key.ends_with(".embedding_length") {
                    known.numbers.push((key.clone(), value));
                }
            }
            (_, kind::ARRAY) => skip_array(source)?,
            (_, kind) => skip_value(source, kind)?,
        }
        if !seen.insert(key) {
            return Err(Fault::Malformed("a key stands twice").into());
        }
    }
    if known.alignment.is_power_of_two() && (8..=65_536).contains(&known.alignment) {
        Ok(known)
    } else {
        Err(Fault::Malformed("general.alignment is no power of two between 8 and 65536").into())
    }
}

/// The types of metadata values that are named here.
mod kind {
    pub(super) const U32: u32 = 4;
    pub(super) const BOOL: u32 = 7;
    pub(super) const STRING: u32 = 8;
    pub(super) const ARRAY: u32 = 9;

    /// The size of a value of fixed size, in bytes.
    pub(super) fn size(kind: u32) -> Option<u64> {
        Some(match kind {
            0 | 1 | BOOL => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            _ => return None,
        })
    }
}

fn skip_value<R: io::Read + Seek>(source: &mut Source<R>, kind: u32) -> Result<(), Stop> {
    match kind {
        kind::BOOL => truth(source.array::<1>("a truth value")?),
        kind::STRING => source.skip_text("a text"),
        kind => {
            let size = kind::size(kind).ok_or(Fault::Malformed("a key has an unknown type"))?;
            source.skip("a value", size)
        }
    }
}

fn skip_array<R: io::Read + Seek>(source: &mut Source<R>) -> Result<(), Stop> {
    let kind = source.u32("a list's type")?;
    let length = source.u64("a list's length")?;
    if let (Some(size), false) = (kind::size(kind), kind == kind::BOOL) {
        let all = length.checked_mul(size).ok_or(Fault::TooMany { what: "a list's length", found: length, limit: u64::MAX / size })?;
        return source.skip("a list", all);
    }
    // Each element takes at least one byte, so a list can't be longer than what is left.
    bounded("a list's length", length, source.left())?;
    if kind == kind::ARRAY {
        return Err(Fault::Malformed("a list holds lists").into());
    }
    (0..length).try_for_each(|_| skip_value(source, kind))
}

fn truth(byte: [u8; 1]) -> Result<(), Stop> {
    if byte[0] <= 1 { Ok(()) } else { Err(Fault::Malformed("a truth value is neither 0 nor 1").into()) }
}

fn walk_tensors<R: io::Read + Seek>(source: &mut Source<R>, tensors: u64, alignment: u64) -> Result<Weights, Stop> {
    let mut seen = HashSet::new();
    let mut weights = Weights::default();
    // Where the next tensor begins, and where the last one ends, counted from the beginning of the data.
    let (mut next, mut end) = (0_u64, 0_u64);
    for _ in 0..tensors {
        let name = source.text("a tensor's name", MAX_NAME - 1)?;
        let dimensions = source.u32("a tensor's dimensions")?;
        bounded("a tensor's number of dimensions", u64::from(dimensions), u64::from(MAX_DIMENSIONS))?;
        let mut shape = [1_u64; MAX_DIMENSIONS as usize];
        for place in shape.iter_mut().take(dimensions as usize) {
            *place = source.u64("a tensor's shape")?;
        }
        let kind = TensorType(source.u32("a tensor's type")?);
        let size = kind.bytes(shape)?;
        weights.add(kind, shape, size);
        // llama.cpp wants them one behind the other; so do we.
        if source.u64("a tensor's offset")? != next {
            return Err(Fault::Malformed("a tensor does not begin where the one before it ends").into());
        }
        end = next.checked_add(size).ok_or(Fault::Malformed("a tensor is too large"))?;
        next = end.checked_next_multiple_of(alignment).ok_or(Fault::Malformed("a tensor is too large"))?;
        if !seen.insert(name) {
            return Err(Fault::Malformed("a tensor stands twice").into());
        }
    }
    let data = source.at().checked_next_multiple_of(alignment).ok_or(Fault::Malformed("the header is too large"))?;
    if tensors == 0 {
        return Err(Fault::Malformed("it has no tensors").into());
    }
    if data.saturating_add(end) > source.size() {
        return Err(Fault::Truncated { what: "the tensors", at: data, needed: end, size: source.size() }.into());
    }
    Ok(weights)
}

pub(crate) fn bounded(what: &'static str, found: u64, limit: u64) -> Result<u64, Fault> {
    if found <= limit { Ok(found) } else { Err(Fault::TooMany { what, found, limit }) }
}
