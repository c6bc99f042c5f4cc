//! Writing `SignedData`.

use std::io::{self, Read, Write};
use std::thread::Scope;

use jiff::Timestamp;

use super::algorithm::{Digest, Hash};
use super::hasher::FIRST_BUFFER;
use super::outlet::Outlet;
use super::signer_info::{Signature, sha256_identifier};
use crate::domain::digest::Sha256;
use crate::message::error::SealError;
use crate::message::format::header::{CONSTRUCTED, INTEGER, OCTET_STRING, SEQUENCE, SET, context_constructed};
use crate::message::format::segments::{END, INDEFINITE};
use crate::message::format::{der, oid};
use crate::message::keys::Credential;

/// Hashes while it writes.
pub(in crate::message) struct Writer<'scope, 'env, 'key, W> {
    out: Outlet<'scope, 'env, W>,
    signer: &'key Credential,
    digest: Digest,
    /// Content up to `filled`. All of it is initialized.
    buffer: Vec<u8>,
    filled: usize,
}

/// A short content with its signature, in DER.
pub(in crate::message) fn whole(
    content: &[u8],
    signer: &Credential,
    signing_time: Timestamp,
) -> Result<Vec<u8>, SealError> {
    let (info, _) = Signature::make(&Hash::Sha256.digest(content), signing_time, signer)?;
    let content = der::element(context_constructed(0), &[&der::element(OCTET_STRING, &[content])]);
    let signed_data = der::sequence(&[
        &der::element(INTEGER, &[&[1]]),
        &der::element(SET, &[&sha256_identifier()]),
        &der::sequence(&[&der::oid(oid::DATA), &content]),
        &der::element(context_constructed(0), &[signer.certificate().der()]),
        &der::element(SET, &[&info]),
    ]);
    Ok(der::sequence(&[&der::oid(oid::SIGNED_DATA), &der::element(context_constructed(0), &[&signed_data])]))
}

impl<'scope, 'env, 'key, W: Write + Send + 'scope> Writer<'scope, 'env, 'key, W> {
    /// Writes what stands before the content. `scope`: where a second thread may be started.
    pub(in crate::message) fn new(
        mut out: W,
        signer: &'key Credential,
        scope: Option<&'scope Scope<'scope, 'env>>,
    ) -> Result<Self, SealError> {
        let prefix = [
            &[SEQUENCE, INDEFINITE],
            &*der::oid(oid::SIGNED_DATA),
            &[context_constructed(0), INDEFINITE, SEQUENCE, INDEFINITE, INTEGER, 1, 1],
            &der::element(SET, &[&sha256_identifier()]),
            &[SEQUENCE, INDEFINITE],
            &der::oid(oid::DATA),
            &[context_constructed(0), INDEFINITE, OCTET_STRING | CONSTRUCTED, INDEFINITE],
        ]
        .concat();
        out.write_all(&prefix)?;
        let (out, digest) = (Outlet::new(out, scope), Digest::new(Hash::Sha256));
        Ok(Self { out, signer, digest, buffer: vec![0; FIRST_BUFFER], filled: 0 })
    }

    /// Takes what the input gives now, without a copy on the way. Gives how many octets, none at the input's end.
    pub(in crate::message) fn fill_from(&mut self, input: &mut impl Read) -> Result<usize, SealError> {
        if self.filled == self.buffer.len() {
            self.flush_segment()?;
        }
        loop {
            match input.read(&mut self.buffer[self.filled..]) {
                Ok(count) => {
                    self.filled += count;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SealError::Input(error)),
            }
        }
    }

    /// Signs. Gives back the inner writer, the digest over the content, and the hash of the signature value.
    pub(in crate::message) fn finish(mut self, signing_time: Timestamp) -> Result<(W, Sha256, Sha256), SealError> {
        self.digest.update(&self.buffer[..self.filled]);
        let digest = self.digest.finish();
        let (info, value_hash) = Signature::make(&digest, signing_time, self.signer)?;
        let suffix = [
            &END[..],
            &END,
            &END,
            &der::element(context_constructed(0), &[self.signer.certificate().der()]),
            &der::element(SET, &[&info]),
            &END,
            &END,
            &END,
        ]
        .concat();
        let mut out = self.out.finish(&self.buffer[..self.filled])?;
        out.write_all(&suffix)?;
        let digest = Sha256::try_from(digest.as_slice()).expect("we hash with SHA-256");
        Ok((out, digest, value_hash))
    }

    fn flush_segment(&mut self) -> Result<(), SealError> {
        if self.filled == 0 {
            return Ok(());
        }
        self.digest.update(&self.buffer[..self.filled]);
        let filled = std::mem::take(&mut self.filled);
        self.buffer = self.out.exchange(std::mem::take(&mut self.buffer), filled)?;
        Ok(())
    }
}

impl<'scope, W: Write + Send + 'scope> Write for Writer<'scope, '_, '_, W> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        if self.filled == self.buffer.len() {
            self.flush_segment()?;
        }
        let count = content.len().min(self.buffer.len() - self.filled);
        self.buffer[self.filled..self.filled + count].copy_from_slice(&content[..count]);
        self.filled += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.flush_segment()?)
    }
}
