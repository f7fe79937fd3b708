//! Reading numbers and texts from a file that may lie: every length is held against what is left before it is used.

use std::io::{Read, Seek};

use crate::gguf::{Fault, Stop, bounded};

/// A reader that knows how much is left.
pub(crate) struct Source<R> {
    inner: R,
    at: u64,
    size: u64,
}

impl<R: Read + Seek> Source<R> {
    /// A source of `size` bytes, from its beginning.
    pub(crate) fn new(inner: R, size: u64) -> Self {
        Self { inner, at: 0, size }
    }

    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn left(&self) -> u64 {
        self.size.saturating_sub(self.at)
    }

    fn advance(&mut self, what: &'static str, needed: u64) -> Result<(), Fault> {
        if needed > self.left() {
            return Err(Fault::Truncated { what, at: self.at, needed, size: self.size });
        }
        self.at += needed;
        Ok(())
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Stop> {
        self.advance(what, N as u64)?;
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).map_err(Stop::Io)?;
        Ok(bytes)
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Stop> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Stop> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A text of at most `limit` bytes.
    pub(crate) fn text(&mut self, what: &'static str, limit: u64) -> Result<String, Stop> {
        let length = bounded(what, self.u64(what)?, limit)?;
        self.advance(what, length)?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| Fault::Malformed("a text is too long"))?];
        self.inner.read_exact(&mut bytes).map_err(Stop::Io)?;
        String::from_utf8(bytes).map_err(|_| Fault::Malformed("a name is not UTF-8").into())
    }

    pub(crate) fn skip_text(&mut self, what: &'static str) -> Result<(), Stop> {
        let length = self.u64(what)?;
        self.skip(what, length)
    }

    pub(crate) fn skip(&mut self, what: &'static str, length: u64) -> Result<(), Stop> {
        self.advance(what, length)?;
        let by = i64::try_from(length).map_err(|_| Fault::Malformed("a value is too long"))?;
        self.inner.seek_relative(by).map_err(Stop::Io)
    }
}
