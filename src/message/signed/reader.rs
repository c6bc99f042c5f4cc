//! Reading `SignedData`: what comes out is the content, as it streams; only [`Reader::finish`] says what was signed.

use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::thread::Scope;

use super::SignatureError;
use super::algorithm::Hash;
use super::hasher::Hasher;
use super::signer_info::Signature;
use crate::message::enveloped::reader::Inner;
use crate::message::error::OpenError;
use crate::message::format::der::Der;
use crate::message::format::header::{INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, context_constructed};
use crate::message::format::reader::{Piece, StreamReader};
use crate::message::format::{FormatError, oid};

/// Most certificates that may come along.
const MAX_CERTIFICATES: usize = 8;
/// Most octets of all certificates together, and of all signers together.
const MAX_PART: usize = 64 << 10;
/// Most octets of an object identifier, and of the list of digest algorithms.
const MAX_IDENTIFIER: usize = 256;

/// Hashes while it reads. As a [`BufRead`] it shows the content where it lies, without copying it.
pub(in crate::message) struct Reader<'scope, 'env, R> {
    frames: StreamReader<R>,
    hasher: Hasher<'scope, 'env>,
    hash: Hash,
    /// How many digest algorithms are declared: as many as there are signers.
    declared: usize,
    version: u8,
    outer: Inner,
    /// Content in the buffer that is not hashed yet.
    parts: Vec<Range<usize>>,
    /// Content in the buffer that is not taken yet.
    current: Range<usize>,
    failed: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(in crate::message) struct Signed {
    pub(in crate::message) signature: Signature,
    /// The certificates that came along, in DER. Nothing vouches for them.
    pub(in crate::message) certificates: Vec<Vec<u8>>,
}

impl<'scope, 'env, R: Read> Reader<'scope, 'env, R> {
    /// Reads what stands before the content. `scope`: where a second thread may be started.
    pub(in crate::message) fn new(
        source: R,
        outer: Inner,
        scope: Option<&'scope Scope<'scope, 'env>>,
    ) -> Result<Self, OpenError> {
        let mut frames = StreamReader::new(source);
        if outer == Inner::ContentInfo {
            frames.enter(SEQUENCE)?;
            if frames.element(OBJECT_IDENTIFIER, MAX_IDENTIFIER)?.content != oid::SIGNED_DATA {
                return Err(SignatureError::Missing.into());
            }
            frames.enter(context_constructed(0))?;
        }
        frames.enter(SEQUENCE)?;
        let version = match frames.element(INTEGER, 1)?.content {
            [version @ (1 | 3)] => *version,
            _ => return Err(FormatError::Malformed("signed data of another version").into()),
        };
        let mut algorithms = Der::new(frames.element(SET, MAX_IDENTIFIER)?.content);
        let mut hashes = Vec::new();
        while !algorithms.is_empty() {
            hashes.push(Hash::read(&mut algorithms)?);
        }
        frames.enter(SEQUENCE)?;
        if frames.element(OBJECT_IDENTIFIER, MAX_IDENTIFIER)?.content != oid::DATA {
            return Err(FormatError::Malformed("signed content of another type").into());
        }
        frames.enter(context_constructed(0))?;
        frames.begin_octets(OCTET_STRING)?;
        let hash = hashes.first().copied().unwrap_or(Hash::Sha256);
        Ok(Self {
            frames,
            hasher: Hasher::new(hash, scope),
            hash,
            declared: hashes.len(),
            version,
            outer,
            parts: Vec::new(),
            current: 0..0,
            failed: false,
        })
    }

    /// Reads what stands after the content, which must have been taken to its end; the source must end there. Checks that
    /// the one signer's attributes are all there and fit the content.
    pub(in crate::message) fn finish(mut self) -> Result<Signed, OpenError> {
        debug_assert!(self.current.is_empty(), "the content was taken to its end");
        let digest = self.hasher.finish(self.frames.buffer(), &self.parts);
        self.frames.leave()?;
        self.frames.leave()?;
        let mut certificates = Vec::new();
        if self.frames.next_is(context_constructed(0))? {
            let mut list = Der::new(self.frames.element(context_constructed(0), MAX_PART)?.content);
            while !list.is_empty() {
                certificates.push(list.element(SEQUENCE)?.whole.to_vec());
                if certificates.len() > MAX_CERTIFICATES {
                    return Err(FormatError::Malformed("more than 8 certificates").into());
                }
            }
        }
        let signers = self.frames.element(SET, MAX_PART)?.content.to_vec();
        self.frames.leave()?;
        if self.outer == Inner::ContentInfo {
            self.frames.leave()?;
            self.frames.leave()?;
        }
        self.frames.finish()?;
        let mut signers = Der::new(&signers);
        if signers.is_empty() {
            return Err(SignatureError::Missing.into());
        }
        let only = signers.element(SEQUENCE)?;
        if !signers.is_empty() {
            return Err(SignatureError::Multiple.into());
        }
        if self.declared != 1 {
            return Err(SignatureError::Algorithm("another number of digests than of signers").into());
        }
        let (signature, version) = Signature::read(only.content, self.hash, &digest)?;
        if version != self.version {
            return Err(FormatError::Malformed("signed data of another version").into());
        }
        Ok(Signed { signature, certificates })
    }

    /// Whether reading has failed here or below, and not in a layer above.
    pub(in crate::message) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Takes what is left of the content.
    pub(in crate::message) fn drain(&mut self) -> Result<(), OpenError> {
        loop {
            match self.fill_buf()?.len() {
                0 => return Ok(()),
                count => self.consume(count),
            }
        }
    }

    /// Hands the used buffer to the hasher and goes on with another.
    fn hash_buffer(&mut self) {
        let Self { frames, hasher, parts, .. } = self;
        frames.exchange(|used| hasher.exchange(used, parts));
    }

    fn advance(&mut self) -> Result<(), OpenError> {
        while self.current.is_empty() {
            match self.frames.piece(usize::MAX)? {
                Piece::Octets(range) => {
                    self.parts.push(range.clone());
                    self.current = range;
                }
                Piece::End => break,
                Piece::Exhausted => {
                    self.hash_buffer();
                    self.frames.fill()?;
                }
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Reader<'_, '_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Reader<'_, '_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let advanced = self.advance();
        self.failed |= advanced.is_err();
        advanced?;
        Ok(&self.frames.buffer()[self.current.clone()])
    }

    fn consume(&mut self, count: usize) {
        self.current.start += count.min(self.current.len());
    }
}
