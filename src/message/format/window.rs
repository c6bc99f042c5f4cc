//! What was read of a source and is not taken yet.

use std::io::{self, Read};
use std::ops::Range;

use super::header::MAX_HEADER;
use super::{FormatError, MAX_MESSAGE};
use crate::message::error::OpenError;

/// First size of the buffer: a message of 10 KB fits.
const FIRST_BUFFER: usize = 16 << 10;

/// A buffer over a source, which knows how far in the stream it is.
#[derive(Debug)]
pub(super) struct Window<R> {
    source: R,
    /// All of it is initialized; `start..end` is what was read and not yet taken.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Place of `buffer[start]` in the stream.
    position: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, buffer: vec![0; FIRST_BUFFER], start: 0, end: 0, position: 0 }
    }

    /// Octets taken so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// What can be taken without reading.
    pub(super) fn held(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The buffer, with everything taken since the last [`Self::exchange`] or read still in its place.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes so many of the octets that are held. Gives where in the buffer they stand.
    pub(super) fn take(&mut self, count: usize) -> Result<Range<usize>, OpenError> {
        let range = self.start..self.start + count;
        self.start = range.end;
        self.advance(count)?;
        Ok(range)
    }

    /// Reads until this many octets are held.
    pub(super) fn ensure(&mut self, count: usize) -> Result<(), OpenError> {
        if self.buffer.len() < count {
            self.buffer.resize(count, 0);
        }
        while self.end - self.start < count {
            self.read_more()?;
        }
        Ok(())
    }

    /// Reads what the source gives now, at least one octet.
    pub(super) fn read_more(&mut self) -> Result<(), OpenError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let count = read_some(&mut self.source, &mut self.buffer[self.end..])?;
        self.end += count;
        if count == 0 { Err(FormatError::Truncated.into()) } else { Ok(()) }
    }

    /// Fills the buffer as far as the source gives, at least by one octet.
    pub(super) fn fill(&mut self) -> Result<(), OpenError> {
        self.read_more()?;
        while self.end < self.buffer.len() {
            match read_some(&mut self.source, &mut self.buffer[self.end..])? {
                0 => break,
                count => self.end += count,
            }
        }
        Ok(())
    }

    /// Takes octets that are not held straight from the source into `out`, at least one.
    pub(super) fn take_into(&mut self, out: &mut [u8]) -> Result<usize, OpenError> {
        debug_assert!(self.held().is_empty(), "what is held comes first");
        let count = read_some(&mut self.source, out)?;
        if count == 0 {
            return Err(FormatError::Truncated.into());
        }
        self.advance(count)?;
        Ok(count)
    }

    /// Takes the used buffer out and goes on with the one that is given back, all of which must be initialized. What is
    /// held moves along.
    pub(super) fn exchange(&mut self, swap: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let rest = self.held().to_vec();
        self.buffer = swap(std::mem::take(&mut self.buffer));
        if self.buffer.len() < rest.len() + MAX_HEADER {
            self.buffer.resize(rest.len() + MAX_HEADER, 0);
        }
        self.buffer[..rest.len()].copy_from_slice(&rest);
        (self.start, self.end) = (0, rest.len());
    }

    /// The source must end here. Gives it back.
    pub(super) fn finish(&mut self) -> Result<&mut R, OpenError> {
        if !self.held().is_empty() || read_some(&mut self.source, &mut [0])? > 0 {
            return Err(FormatError::TrailingData.into());
        }
        Ok(&mut self.source)
    }

    fn advance(&mut self, count: usize) -> Result<(), OpenError> {
        self.position += count as u64;
        if self.position > MAX_MESSAGE { Err(FormatError::TooLarge.into()) } else { Ok(()) }
    }
}

/// Some octets; none only at the end of the source.
fn read_some(source: &mut impl Read, out: &mut [u8]) -> Result<usize, OpenError> {
    loop {
        match source.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return Ok(other?),
        }
    }
}
