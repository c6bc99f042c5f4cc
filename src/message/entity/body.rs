//! The compressed body: one Zstandard frame (RFC 8878), in bounded memory.

use std::io::{self, Write};

use zstd::stream::raw::{DParameter, Decoder, Encoder, InBuffer, Operation, OutBuffer};

use super::EntityError;

/// Window of at most 8 MiB, which is what a decoder has to keep in memory.
const MAX_WINDOW_LOG: u32 = 23;
/// Output is handed on in pieces of this size.
const PIECE: usize = 128 << 10;
/// What zstd itself takes as its default.
const LEVEL: i32 = 3;

/// Expands what is pushed in.
pub(super) struct Expander {
    decoder: Decoder<'static>,
    piece: Vec<u8>,
    ended: bool,
}

/// What stopped an expansion.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It is no such frame, or more than one.
    Malformed,
    /// The output did.
    Output(io::Error),
}

impl Expander {
    pub(super) fn new() -> Result<Self, EntityError> {
        let mut decoder = Decoder::new().map_err(|_| EntityError::Encoding)?;
        decoder.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG)).map_err(|_| EntityError::Encoding)?;
        Ok(Self { decoder, piece: vec![0; PIECE], ended: false })
    }

    /// Takes a part of the frame, and gives every piece that comes of it to `output`.
    pub(super) fn push(
        &mut self,
        part: &[u8],
        mut output: impl FnMut(&[u8]) -> Result<(), Stopped>,
    ) -> Result<(), Stopped> {
        let mut input = InBuffer::around(part);
        loop {
            if self.ended {
                return if input.pos() == part.len() { Ok(()) } else { Err(Stopped::Malformed) };
            }
            let mut out = OutBuffer::around(self.piece.as_mut_slice());
            let hint = self.decoder.run(&mut input, &mut out).map_err(|_| Stopped::Malformed)?;
            self.ended = hint == 0;
            let written = out.pos();
            output(&self.piece[..written])?;
            // A full piece may mean that more is waiting inside.
            if input.pos() == part.len() && written < self.piece.len() && !self.ended {
                return Ok(());
            }
        }
    }

    /// The frame must have ended.
    pub(super) fn finish(self) -> Result<(), EntityError> {
        if self.ended { Ok(()) } else { Err(EntityError::Encoding) }
    }
}

/// Compresses into a writer.
pub(super) struct Compressor {
    encoder: Encoder<'static>,
    piece: Vec<u8>,
}

impl Compressor {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { encoder: Encoder::new(LEVEL)?, piece: vec![0; PIECE] })
    }

    pub(super) fn push(&mut self, part: &[u8], out: &mut impl Write) -> io::Result<()> {
        let mut input = InBuffer::around(part);
        while input.pos() < part.len() {
            let mut piece = OutBuffer::around(self.piece.as_mut_slice());
            self.encoder.run(&mut input, &mut piece)?;
            let written = piece.pos();
            out.write_all(&self.piece[..written])?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, out: &mut impl Write) -> io::Result<()> {
        loop {
            let mut piece = OutBuffer::around(self.piece.as_mut_slice());
            let left = self.encoder.finish(&mut piece, true)?;
            let written = piece.pos();
            out.write_all(&self.piece[..written])?;
            if left == 0 {
                return Ok(());
            }
        }
    }
}

/// Whether compression wins on this sample of a file: by a tenth, or it is not worth the time.
pub(super) fn wins(sample: &[u8]) -> bool {
    zstd::bulk::compress(sample, LEVEL).is_ok_and(|small| small.len() < sample.len() - sample.len() / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compress(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut compressor = Compressor::new().unwrap();
        for part in bytes.chunks(70_000) {
            compressor.push(part, &mut out).unwrap();
        }
        compressor.finish(&mut out).unwrap();
        out
    }

    fn expand(frame: &[u8], step: usize) -> Result<Vec<u8>, Stopped> {
        let mut out = Vec::new();
        let mut expander = Expander::new().unwrap();
        for part in frame.chunks(step) {
            expander.push(part, |piece| {
                out.extend_from_slice(piece);
                Ok(())
            })?;
        }
        expander.finish().map(|()| out).map_err(|_| Stopped::Malformed)
    }

    #[test]
    fn bodies_expand_to_what_they_were() {
        for bytes in [vec![], vec![7], b"0123456789".repeat(200_000), (0..=255).collect()] {
            let frame = compress(&bytes);
            for step in [1, 3, 1000, usize::MAX] {
                assert!(expand(&frame, step).unwrap() == bytes);
            }
        }
    }

    #[test]
    fn only_one_whole_frame_is_taken() {
        let frame = compress(b"0123456789");
        assert!(expand(&frame[..frame.len() - 1], 5).is_err());
        assert!(expand(&[], 1).is_err());
        assert!(expand(&[&*frame, &[0]].concat(), usize::MAX).is_err());
        assert!(expand(&[&*frame, &frame].concat(), 1).is_err());
        assert!(expand(b"not a frame at all", 4).is_err());
    }

    #[test]
    fn a_window_that_costs_memory_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&vec![1; 1 << 20]).unwrap();
        assert!(matches!(expand(&encoder.finish().unwrap(), 1000), Err(Stopped::Malformed)));
    }

    #[test]
    fn compression_must_win() {
        assert!(wins(&b"0123456789".repeat(100)));
        assert!(!wins(b"x"));
        assert!(!wins(&[]));
    }
}
