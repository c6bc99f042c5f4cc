//! Writing an entity.

use std::io::{Read, Write};

use super::body::{self, Compressor};
use super::{ContentEncoding, EntityError, Header, header};
use crate::domain::file_name::FileName;
use crate::message::error::SealError;
use crate::message::format::MAX_MESSAGE;
use crate::message::signed::writer::Writer as SignedWriter;

/// This much of a file tells whether compression wins.
const SAMPLE: usize = 256 << 10;

/// Writes header block and body. Gives the size of the file.
pub(in crate::message) fn write<'scope, W: Write + Send + 'scope>(
    mut header: Header<FileName>,
    mut input: impl Read,
    out: &mut SignedWriter<'scope, '_, '_, W>,
) -> Result<u64, SealError> {
    if header.encoding == ContentEncoding::Identity {
        return write_plain(&header, &[], input, out);
    }
    let mut sample = Vec::new();
    input.by_ref().take(SAMPLE as u64).read_to_end(&mut sample).map_err(SealError::Input)?;
    if body::wins(&sample) {
        return write_compressed(&header, sample, input, out);
    }
    header.encoding = ContentEncoding::Identity;
    write_plain(&header, &sample, input, out)
}

fn write_plain<'scope, W: Write + Send + 'scope>(
    header: &Header<FileName>,
    sample: &[u8],
    mut input: impl Read,
    out: &mut SignedWriter<'scope, '_, '_, W>,
) -> Result<u64, SealError> {
    out.write_all(&block(header)?)?;
    out.write_all(sample)?;
    let mut size = sample.len() as u64;
    loop {
        match out.fill_from(&mut input)? {
            0 => return Ok(size),
            count => size += count as u64,
        }
    }
}

fn write_compressed<'scope, W: Write + Send + 'scope>(
    header: &Header<FileName>,
    mut piece: Vec<u8>,
    mut input: impl Read,
    out: &mut SignedWriter<'scope, '_, '_, W>,
) -> Result<u64, SealError> {
    out.write_all(&block(header)?)?;
    let mut compressor = Compressor::new()?;
    let mut size = 0;
    while !piece.is_empty() {
        size += piece.len() as u64;
        if size > MAX_MESSAGE {
            return Err(SealError::TooLarge);
        }
        compressor.push(&piece, out)?;
        piece.clear();
        input.by_ref().take(SAMPLE as u64).read_to_end(&mut piece).map_err(SealError::Input)?;
    }
    compressor.finish(out)?;
    Ok(size)
}

fn block(header: &Header<FileName>) -> Result<Vec<u8>, SealError> {
    header::write(header).map_err(|error| match error {
        EntityError::Header(what) => SealError::Draft(what),
        EntityError::Encoding | EntityError::TooLarge => SealError::Draft("Content-Encoding"),
    })
}
