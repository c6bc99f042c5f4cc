//! Reading an entity.

use std::io::{BufRead, Write};

use super::body::{Expander, Stopped};
use super::header::{self, MAX_BLOCK};
use super::{ContentEncoding, EntityError, Header};
use crate::message::error::OpenError;
use crate::message::format::MAX_MESSAGE;

/// What ends the header block.
const BLANK: &[u8] = b"\r\n\r\n";

/// An entity whose header block was read.
pub(in crate::message) struct Reader<R> {
    source: R,
    header: Header,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header block.
    pub(in crate::message) fn new(mut source: R) -> Result<Self, OpenError> {
        let mut block = Vec::new();
        let length = loop {
            let piece = source.fill_buf()?;
            if piece.is_empty() {
                return Err(EntityError::Header("no end").into());
            }
            let known = block.len();
            block.extend_from_slice(&piece[..piece.len().min(MAX_BLOCK - known)]);
            // The mark may begin in what was there before.
            let from = known.saturating_sub(BLANK.len() - 1);
            let found = block[from..].windows(BLANK.len()).position(|window| window == BLANK);
            if let Some(place) = found {
                source.consume(from + place + BLANK.len() - known);
                break from + place;
            }
            if block.len() == MAX_BLOCK {
                return Err(EntityError::Header("longer than 16 KiB").into());
            }
            let taken = block.len() - known;
            source.consume(taken);
        };
        let header = header::read(&block[..length])?;
        Ok(Self { source, header })
    }

    /// Writes the file to `content`. Gives its size, and the header.
    pub(in crate::message) fn finish(mut self, content: &mut impl Write) -> Result<(u64, Header), OpenError> {
        let size = match self.header.encoding {
            ContentEncoding::Identity => copy(&mut self.source, content)?,
            ContentEncoding::Zstd => expand(&mut self.source, content)?,
        };
        Ok((size, self.header))
    }
}

fn copy(source: &mut impl BufRead, content: &mut impl Write) -> Result<u64, OpenError> {
    let mut size = 0;
    loop {
        let piece = source.fill_buf()?;
        let count = piece.len();
        if count == 0 {
            return Ok(size);
        }
        content.write_all(piece).map_err(OpenError::Output)?;
        source.consume(count);
        size += count as u64;
    }
}

fn expand(source: &mut impl BufRead, content: &mut impl Write) -> Result<u64, OpenError> {
    let mut expander = Expander::new()?;
    let mut size = 0;
    loop {
        let piece = source.fill_buf()?;
        let count = piece.len();
        if count == 0 {
            expander.finish()?;
            return Ok(size);
        }
        let mut too_large = false;
        let pushed = expander.push(piece, |plain| {
            size += plain.len() as u64;
            too_large = size > MAX_MESSAGE;
            if too_large {
                return Err(Stopped::Malformed);
            }
            content.write_all(plain).map_err(Stopped::Output)
        });
        match pushed {
            Ok(()) => source.consume(count),
            Err(Stopped::Malformed) if too_large => return Err(EntityError::TooLarge.into()),
            Err(Stopped::Malformed) => return Err(EntityError::Encoding.into()),
            Err(Stopped::Output(error)) => return Err(OpenError::Output(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    const BLOCK: &str = "MIME-Version: 1.0\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: binary\r\n\
        Content-Disposition: attachment; filename*=UTF-8''a.csv\r\nMessage-ID: <0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6@kx>\r\n\
        Date: Sun, 22 Nov 2026 08:57:42 +0000\r\nFrom: <a@06123456.kx>\r\nTo: <union@06123456.kx>\r\nKX-Sequence: 1\r\n\
        KX-Previous: 0000000000000000000000000000000000000000000000000000000000000000";

    fn read(bytes: &[u8], step: usize) -> Result<(u64, Vec<u8>), OpenError> {
        let mut content = Vec::new();
        let (size, _) = Reader::new(BufReader::with_capacity(step, bytes))?.finish(&mut content)?;
        Ok((size, content))
    }

    #[test]
    fn the_block_ends_where_it_ends_however_it_is_cut() {
        let body = b"\r\n\r\nbody";
        let bytes = [BLOCK.as_bytes(), b"\r\n\r\n", body].concat();
        for step in 1..40 {
            assert_eq!(read(&bytes, step).unwrap(), (8, body.to_vec()), "in steps of {step}");
        }
    }

    #[test]
    fn a_block_without_an_end_is_refused() {
        for bytes in [&b""[..], b"\r\n", BLOCK.as_bytes(), &vec![b'a'; MAX_BLOCK], &vec![b'a'; 10 * MAX_BLOCK]] {
            for step in [1, 1000, usize::MAX >> 40] {
                assert!(matches!(read(bytes, step), Err(OpenError::Entity(EntityError::Header(_)))));
            }
        }
    }
}
