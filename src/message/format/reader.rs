//! Elements from a stream: the few that may be of indefinite length, and the two strings that carry the bytes.

use std::io::Read;
use std::ops::Range;

use super::der::Element;
use super::header::{self, CONSTRUCTED, Length, OCTET_STRING};
use super::window::Window;
use super::{FormatError, MAX_DEPTH, MAX_MESSAGE};
use crate::message::error::OpenError;

/// From this many octets on, a caller's buffer is filled without a detour.
const DIRECT: usize = 4 << 10;

/// Takes elements from a source, in constant memory.
///
/// An element is either *entered* (its length may be indefinite) and *left* again, or taken whole from memory in strict
/// DER, or it is a string of octets, in one piece or in segments, which streams through.
#[derive(Debug)]
pub(in crate::message) struct StreamReader<R> {
    window: Window<R>,
    frames: Vec<Frame>,
    octets: Octets,
}

/// An element that was entered and not left yet.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Definite { end: u64 },
    Indefinite,
}

/// Where in a string of octets we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Octets {
    Outside,
    Whole { remaining: u64 },
    Segments { remaining: u64 },
}

/// The next piece of a string of octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::message) enum Piece {
    /// These octets of [`StreamReader::buffer`].
    Octets(Range<usize>),
    /// The buffer holds no more of them: [`StreamReader::exchange`] it, then [`StreamReader::fill`].
    Exhausted,
    /// The string has ended.
    End,
}

impl<R: Read> StreamReader<R> {
    pub(in crate::message) fn new(source: R) -> Self {
        Self { window: Window::new(source), frames: Vec::new(), octets: Octets::Outside }
    }

    /// Octets taken so far.
    pub(in crate::message) fn position(&self) -> u64 {
        self.window.position()
    }

    /// Enters an element of this (constructed) tag; its length may be indefinite.
    pub(in crate::message) fn enter(&mut self, tag: u8) -> Result<(), OpenError> {
        let header = self.header(tag)?;
        self.push(header.length)
    }

    /// Leaves the element entered last; it must end here.
    pub(in crate::message) fn leave(&mut self) -> Result<(), OpenError> {
        match self.frames.pop().expect("what is left was entered") {
            Frame::Definite { end } if end == self.position() => Ok(()),
            Frame::Indefinite if self.next_is(0)? => self.end_of_contents(),
            _ => Err(FormatError::Malformed("more elements than expected").into()),
        }
    }

    /// Whether the next element of the one entered last has this tag.
    pub(in crate::message) fn next_is(&mut self, tag: u8) -> Result<bool, OpenError> {
        if matches!(self.frames.last(), Some(Frame::Definite { end }) if *end == self.position()) {
            return Ok(false);
        }
        self.window.ensure(1)?;
        Ok(self.window.held()[0] == tag)
    }

    /// An element of this tag, whole, in strict DER, with contents of at most `limit` octets.
    pub(in crate::message) fn element(&mut self, tag: u8, limit: usize) -> Result<Element<'_>, OpenError> {
        let header = self.peek_header(tag)?;
        let Length::Definite(length) = header.length else {
            return Err(FormatError::Malformed("an indefinite length where DER must be").into());
        };
        self.check_fits(header.size as u64, length)?;
        let length = usize::try_from(length).ok().filter(|length| *length <= limit);
        let length = length.ok_or(FormatError::Malformed("an element that is longer than it may be"))?;
        let whole = header.size + length;
        self.window.ensure(whole)?;
        let range = self.window.take(whole)?;
        let whole = &self.window.buffer()[range];
        Ok(Element { tag, content: &whole[header.size..], whole })
    }

    /// Begins a string of octets whose tag in primitive form is this.
    pub(in crate::message) fn begin_octets(&mut self, tag: u8) -> Result<(), OpenError> {
        self.window.ensure(1)?;
        if self.window.held()[0] == tag | CONSTRUCTED {
            self.enter(tag | CONSTRUCTED)?;
            self.octets = Octets::Segments { remaining: 0 };
            return Ok(());
        }
        let Length::Definite(remaining) = self.header(tag)?.length else {
            return Err(FormatError::Malformed("a primitive element of indefinite length").into());
        };
        self.check_fits(0, remaining)?;
        self.octets = Octets::Whole { remaining };
        Ok(())
    }

    /// What the buffer holds of the string of octets, at most `limit` of them. Reads nothing from the source.
    pub(in crate::message) fn piece(&mut self, limit: usize) -> Result<Piece, OpenError> {
        loop {
            match self.octets {
                Octets::Outside => return Ok(Piece::End),
                Octets::Whole { remaining: 0 } => self.octets = Octets::Outside,
                Octets::Segments { remaining: 0 } => {
                    if !self.next_segment()? {
                        return Ok(Piece::Exhausted);
                    }
                }
                Octets::Whole { remaining } | Octets::Segments { remaining } => {
                    let held = self.window.held().len().min(limit);
                    let count = usize::try_from(remaining).map_or(held, |remaining| held.min(remaining));
                    if count == 0 {
                        return Ok(Piece::Exhausted);
                    }
                    let range = self.window.take(count)?;
                    self.spend(count);
                    return Ok(Piece::Octets(range));
                }
            }
        }
    }

    /// Fills `out` with the next octets of the string; fewer than it holds at any time, none at its end.
    pub(in crate::message) fn read_octets(&mut self, out: &mut [u8]) -> Result<usize, OpenError> {
        loop {
            match self.piece(out.len())? {
                Piece::Octets(range) => {
                    let count = range.len();
                    out[..count].copy_from_slice(&self.window.buffer()[range]);
                    return Ok(count);
                }
                Piece::End => return Ok(0),
                Piece::Exhausted => {}
            }
            let wanted = match self.octets {
                Octets::Whole { remaining } | Octets::Segments { remaining } => remaining,
                Octets::Outside => 0,
            };
            let wanted = usize::try_from(wanted).map_or(out.len(), |wanted| wanted.min(out.len()));
            if wanted < DIRECT {
                self.window.read_more()?;
                continue;
            }
            let count = self.window.take_into(&mut out[..wanted])?;
            self.spend(count);
            return Ok(count);
        }
    }

    /// The buffer, with every piece given since the last [`Self::exchange`] still in its place.
    pub(in crate::message) fn buffer(&self) -> &[u8] {
        self.window.buffer()
    }

    /// Takes the used buffer out and goes on with the one that is given back, all of which must be initialized. What was
    /// read and not taken yet moves along.
    pub(in crate::message) fn exchange(&mut self, swap: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        self.window.exchange(swap);
    }

    /// Fills the buffer as far as the source gives, at least by one octet.
    pub(in crate::message) fn fill(&mut self) -> Result<(), OpenError> {
        self.window.fill()
    }

    /// Every element was left; the source must end here. Gives it back.
    pub(in crate::message) fn finish(&mut self) -> Result<&mut R, OpenError> {
        debug_assert!(self.frames.is_empty() && self.octets == Octets::Outside, "the shape was read to its end");
        self.window.finish()
    }

    /// Takes the header of the next segment, or the end of the string. `false`: more bytes are needed.
    fn next_segment(&mut self) -> Result<bool, OpenError> {
        let held = self.window.held();
        match self.frames.last().expect("segments stand in an element") {
            Frame::Definite { end } if *end == self.position() => {
                self.frames.pop();
                self.octets = Octets::Outside;
                return Ok(true);
            }
            Frame::Indefinite if held.len() < 2 => return Ok(false),
            Frame::Indefinite if held[0] == 0 => {
                self.frames.pop();
                self.octets = Octets::Outside;
                self.end_of_contents()?;
                return Ok(true);
            }
            _ => {}
        }
        let Some(header) = header::read(held)? else { return Ok(false) };
        let (OCTET_STRING, Length::Definite(remaining)) = (header.tag, header.length) else {
            return Err(FormatError::Malformed("a segment that is no plain octet string").into());
        };
        self.check_fits(header.size as u64, remaining)?;
        self.window.take(header.size)?;
        self.octets = Octets::Segments { remaining };
        Ok(true)
    }

    fn spend(&mut self, count: usize) {
        match &mut self.octets {
            Octets::Whole { remaining } | Octets::Segments { remaining } => *remaining -= count as u64,
            Octets::Outside => {}
        }
    }

    fn end_of_contents(&mut self) -> Result<(), OpenError> {
        self.window.ensure(2)?;
        if self.window.held()[..2] != [0, 0] {
            return Err(FormatError::Malformed("a broken end-of-contents mark").into());
        }
        self.window.take(2)?;
        Ok(())
    }

    fn push(&mut self, length: Length) -> Result<(), OpenError> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(FormatError::Malformed("elements nested too deep").into());
        }
        let frame = match length {
            Length::Indefinite => Frame::Indefinite,
            Length::Definite(length) => {
                self.check_fits(0, length)?;
                Frame::Definite { end: self.position() + length }
            }
        };
        self.frames.push(frame);
        Ok(())
    }

    fn header(&mut self, tag: u8) -> Result<header::Header, OpenError> {
        let header = self.peek_header(tag)?;
        self.check_fits(header.size as u64, 0)?;
        self.window.take(header.size)?;
        Ok(header)
    }

    fn peek_header(&mut self, tag: u8) -> Result<header::Header, OpenError> {
        if !self.next_is(tag)? {
            return Err(FormatError::Malformed("another element than expected").into());
        }
        let mut needed = 2;
        loop {
            self.window.ensure(needed)?;
            if let Some(header) = header::read(self.window.held())? {
                return Ok(header);
            }
            needed = self.window.held().len() + 1;
        }
    }

    /// Whether an element of this size stays inside the one it stands in, and inside what a message may have.
    fn check_fits(&self, header: u64, length: u64) -> Result<(), OpenError> {
        let end = self.position().saturating_add(header).saturating_add(length);
        let bound = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Definite { end } => Some(*end),
            Frame::Indefinite => None,
        });
        if bound.is_some_and(|bound| end > bound) {
            return Err(FormatError::Malformed("an element that is longer than what it stands in").into());
        }
        if end > MAX_MESSAGE { Err(FormatError::TooLarge.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::der;
    use super::super::header::{INTEGER, SEQUENCE};
    use super::*;

    /// Gives one octet at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = 1.min(out.len()).min(self.0.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// Reads a sequence of a number and a string of octets, to the end of the input.
    fn read(bytes: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut frames = StreamReader::new(Slow(bytes));
        frames.enter(SEQUENCE)?;
        frames.element(INTEGER, 4)?;
        frames.begin_octets(OCTET_STRING)?;
        let mut octets = Vec::new();
        let mut piece = [0; 7];
        loop {
            match frames.read_octets(&mut piece)? {
                0 => break,
                count => octets.extend_from_slice(&piece[..count]),
            }
        }
        frames.leave()?;
        frames.finish()?;
        Ok(octets)
    }

    fn refused(bytes: &[u8]) -> FormatError {
        match read(bytes) {
            Err(OpenError::Format(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn definite_and_indefinite_say_the_same() {
        let number = [INTEGER, 1, 7];
        let segments = [&[0x24, 0x80][..], &[4, 3, 1, 2, 3], &[4, 0], &[4, 1, 4], &[0, 0]].concat();
        let whole = [4, 4, 1, 2, 3, 4];
        let constructed = der::element(0x24, &[&[4, 3, 1, 2, 3], &[4, 1, 4]]);
        for octets in [&segments[..], &whole, &constructed] {
            let definite = der::sequence(&[&number, octets]);
            let indefinite = [&[0x30, 0x80][..], &number, octets, &[0, 0]].concat();
            for bytes in [definite, indefinite] {
                assert_eq!(read(&bytes).unwrap(), [1, 2, 3, 4]);
                for cut in 0..bytes.len() {
                    assert_eq!(refused(&bytes[..cut]), FormatError::Truncated, "{bytes:02x?} cut at {cut}");
                }
                assert_eq!(refused(&[&bytes[..], &[0]].concat()), FormatError::TrailingData);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for bytes in [
            &[0x30, 6, 2, 1, 7, 4, 2, 1, 2][..],
            &[0x30, 8, 2, 1, 7, 4, 2, 1, 2, 0, 0],
            &[0x30, 0x80, 2, 1, 7, 4, 1, 1, 5, 0],
            &[0x30, 0x80, 2, 1, 7, 4, 1, 1, 0, 1],
            &[0x30, 0x80, 2, 0x80, 7, 0, 0],
            &[0x30, 0x80, 2, 5, 1, 2, 3, 4, 5, 4, 0, 0, 0],
            &[0x30, 0x80, 2, 1, 7, 4, 0x80, 0, 0],
            &[0x30, 9, 2, 1, 7, 0x24, 0x80, 4, 3, 1, 2, 3, 0, 0],
            &[0x30, 0x80, 2, 1, 7, 0x24, 0x80, 0x24, 0x80, 0, 0],
            &[0x31, 0x80],
        ] {
            assert!(matches!(refused(bytes), FormatError::Malformed(_)), "{bytes:02x?}");
        }
        let huge = [0x30, 0x80, 2, 1, 7, 4, 0x85, 0x0F, 0, 0, 0, 1];
        assert_eq!(refused(&huge), FormatError::TooLarge);
    }

    #[test]
    fn elements_are_not_entered_without_end() {
        let mut frames = StreamReader::new(io::repeat(0x30).take(1000));
        let mut depth = 0;
        while frames.enter(SEQUENCE).is_ok() {
            depth += 1;
        }
        assert!(depth <= MAX_DEPTH);
        let endless = [SEQUENCE, 0x80].repeat(1000);
        let mut frames = StreamReader::new(&endless[..]);
        let entered = (0..1000).take_while(|_| frames.enter(SEQUENCE).is_ok()).count();
        assert_eq!(entered, MAX_DEPTH);
    }
}
