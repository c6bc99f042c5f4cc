//! Writing an envelope.

use std::io::{self, Write};

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;

use super::ContentKey;
use super::recipient::{self, MAX_RECIPIENTS};
use crate::domain::clock::Random;
use crate::domain::digest::Tag;
use crate::message::error::SealError;
use crate::message::format::header::{INTEGER, OCTET_STRING, SEQUENCE, context_constructed};
use crate::message::format::segments::{self, END, INDEFINITE, SEGMENT, SEGMENT_HEADER};
use crate::message::format::{MAX_MESSAGE, der, oid};
use crate::message::keys::Certificate;

/// First size of the buffer: a message of 10 KB fits.
const FIRST_BUFFER: usize = 16 << 10;

/// Encrypts while it writes.
pub(in crate::message) struct Writer<W> {
    out: W,
    cipher: CipherCtx,
    /// Room for a segment's header, then ciphertext up to `filled`. All of it is initialized.
    segment: Vec<u8>,
    filled: usize,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Draws key and nonce, and writes all that stands before the content.
    pub(in crate::message) fn new(out: W, recipients: &[Certificate], random: &dyn Random) -> Result<Self, SealError> {
        match recipients.len() {
            0 => return Err(SealError::NoRecipient),
            1..=MAX_RECIPIENTS => {}
            _ => return Err(SealError::TooManyRecipients),
        }
        let mut key = ContentKey([0; 32]);
        let mut nonce = [0; 12];
        random.fill(&mut key.0);
        random.fill(&mut nonce);
        let infos = recipients.iter().map(|recipient| recipient::write(&key, recipient));
        let infos = der::set_of(infos.collect::<Result<_, _>>()?);
        let mut cipher = CipherCtx::new()?;
        cipher.encrypt_init(Some(Cipher::aes_256_gcm()), Some(key.as_bytes()), Some(&nonce))?;
        let parameters = der::sequence(&[&der::element(OCTET_STRING, &[&nonce]), &der::element(INTEGER, &[&[16]])]);
        let prefix = [
            &[SEQUENCE, INDEFINITE],
            &*der::oid(oid::AUTH_ENVELOPED_DATA),
            &[context_constructed(0), INDEFINITE, SEQUENCE, INDEFINITE, INTEGER, 1, 0],
            &infos,
            &[SEQUENCE, INDEFINITE],
            &der::oid(oid::DATA),
            &der::sequence(&[&der::oid(oid::AES_256_GCM), &parameters]),
            &[context_constructed(0), INDEFINITE],
        ]
        .concat();
        let segment = vec![0; FIRST_BUFFER];
        let mut writer = Self { out, cipher, segment, filled: SEGMENT_HEADER, written: 0 };
        writer.put(&prefix)?;
        Ok(writer)
    }

    /// Writes what is left, and the tag. Gives back the inner writer, the tag and the size of the message.
    pub(in crate::message) fn finish(mut self) -> Result<(W, Tag, u64), SealError> {
        self.flush_segment()?;
        self.cipher.cipher_final(&mut [])?;
        let mut tag = [0; 16];
        self.cipher.tag(&mut tag)?;
        self.put(&[&END, &END, &*der::element(OCTET_STRING, &[&tag]), &END, &END, &END].concat())?;
        self.out.flush().map_err(SealError::Output)?;
        Ok((self.out, Tag(tag), self.written))
    }

    fn encrypt(&mut self, plain: &[u8]) -> Result<usize, SealError> {
        if self.filled == SEGMENT_HEADER + SEGMENT {
            self.flush_segment()?;
        }
        let count = plain.len().min(SEGMENT_HEADER + SEGMENT - self.filled);
        let end = self.filled + count;
        if self.segment.len() < end {
            let size = (self.segment.len() * 4).clamp(end, SEGMENT_HEADER + SEGMENT);
            self.segment.resize(size, 0);
        }
        self.cipher.cipher_update(&plain[..count], Some(&mut self.segment[self.filled..end]))?;
        self.filled = end;
        Ok(count)
    }

    fn flush_segment(&mut self) -> Result<(), SealError> {
        if self.filled == SEGMENT_HEADER {
            return Ok(());
        }
        let header = segments::header(self.filled - SEGMENT_HEADER);
        let start = SEGMENT_HEADER - header.len();
        self.segment[start..SEGMENT_HEADER].copy_from_slice(&header);
        self.count(self.filled - start)?;
        self.out.write_all(&self.segment[start..self.filled]).map_err(SealError::Output)?;
        self.filled = SEGMENT_HEADER;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), SealError> {
        self.count(bytes.len())?;
        self.out.write_all(bytes).map_err(SealError::Output)
    }

    fn count(&mut self, octets: usize) -> Result<(), SealError> {
        self.written += octets as u64;
        if self.written > MAX_MESSAGE { Err(SealError::TooLarge) } else { Ok(()) }
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, plain: &[u8]) -> io::Result<usize> {
        Ok(self.encrypt(plain)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_segment()?;
        self.out.flush()
    }
}
