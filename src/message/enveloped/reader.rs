//! Reading an envelope: what comes out is the plaintext, as it streams; only [`Reader::finish`] says that it is authentic.

use std::io::{self, Read};

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;

use super::{EnvelopeError, recipient};
use crate::domain::digest::Tag;
use crate::message::error::OpenError;
use crate::message::format::der::Der;
use crate::message::format::header::{
    INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, context, context_constructed,
};
use crate::message::format::reader::StreamReader;
use crate::message::format::{FormatError, oid};
use crate::message::keys::Credential;

/// Most octets of all recipients together.
const MAX_RECIPIENTS_SIZE: usize = 2 << 20;
/// Most octets of an object identifier, and of an algorithm identifier for the content.
const MAX_IDENTIFIER: usize = 128;

/// What stands before the encrypted content.
#[derive(Debug)]
pub(in crate::message) struct Prefix {
    /// Contents of `RecipientInfos`.
    pub(in crate::message) recipients: Vec<u8>,
    /// What the plaintext is.
    pub(in crate::message) inner: Inner,
    /// Nonce of AES-256-GCM.
    pub(in crate::message) nonce: [u8; 12],
}

/// What the plaintext is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::message) enum Inner {
    /// Declared as data: a whole `ContentInfo`, as OpenSSL and we do.
    ContentInfo,
    /// Declared as signed data: `SignedData` without a `ContentInfo` round it.
    SignedData,
}

/// Reads up to where the encrypted content begins, and begins it.
pub(in crate::message) fn read_prefix<R: Read>(frames: &mut StreamReader<R>) -> Result<Prefix, OpenError> {
    frames.enter(SEQUENCE)?;
    match frames.element(OBJECT_IDENTIFIER, MAX_IDENTIFIER)?.content {
        oid::AUTH_ENVELOPED_DATA => {}
        oid::ENVELOPED_DATA | oid::ENCRYPTED_DATA => return Err(EnvelopeError::Unauthenticated.into()),
        _ => return Err(FormatError::Malformed("content of another type").into()),
    }
    frames.enter(context_constructed(0))?;
    frames.enter(SEQUENCE)?;
    if frames.element(INTEGER, 1)?.content != [0] {
        return Err(FormatError::Malformed("an envelope of another version").into());
    }
    let recipients = frames.element(SET, MAX_RECIPIENTS_SIZE)?.content.to_vec();
    frames.enter(SEQUENCE)?;
    let inner = match frames.element(OBJECT_IDENTIFIER, MAX_IDENTIFIER)?.content {
        oid::DATA => Inner::ContentInfo,
        oid::SIGNED_DATA => Inner::SignedData,
        _ => return Err(FormatError::Malformed("encrypted content of another type").into()),
    };
    let nonce = read_algorithm(Der::new(frames.element(SEQUENCE, MAX_IDENTIFIER)?.content))?;
    frames.begin_octets(context(0))?;
    Ok(Prefix { recipients, inner, nonce })
}

/// AES-256-GCM with a nonce of 12 octets and a tag of 16 (RFC 5084), nothing else.
fn read_algorithm(mut algorithm: Der<'_>) -> Result<[u8; 12], OpenError> {
    if algorithm.oid()? != oid::AES_256_GCM {
        return Err(EnvelopeError::Algorithm("a cipher other than AES-256-GCM").into());
    }
    let mut parameters = algorithm.nested(SEQUENCE)?;
    algorithm.finish()?;
    let nonce = parameters.element(OCTET_STRING)?.content;
    let nonce = nonce.try_into().map_err(|_| EnvelopeError::Algorithm("a nonce of another length than 12"))?;
    // Left out, the length means 12.
    if parameters.is_empty() || parameters.small_integer()? != 16 {
        return Err(EnvelopeError::Algorithm("a tag of another length than 16").into());
    }
    parameters.finish()?;
    Ok(nonce)
}

/// Reads from after the encrypted content to the end of the input. Gives the tag.
pub(in crate::message) fn read_suffix<R: Read>(frames: &mut StreamReader<R>) -> Result<Tag, OpenError> {
    frames.leave()?;
    let tag = frames.element(OCTET_STRING, 16)?.content;
    let tag = Tag::try_from(tag).map_err(|_| FormatError::Malformed("a tag of another length than 16"))?;
    for _ in 0..3 {
        frames.leave()?;
    }
    frames.finish()?;
    Ok(tag)
}

/// Decrypts while it reads.
pub(in crate::message) struct Reader<R> {
    frames: StreamReader<R>,
    cipher: CipherCtx,
    inner: Inner,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Streaming,
    Authentic(Tag),
    Failed,
}

impl<R: Read> Reader<R> {
    /// Reads what stands before the content, and gets at its key with whichever of `keys` is named. No key is touched
    /// before all algorithms were found to be accepted.
    pub(in crate::message) fn new(source: R, keys: &[Credential]) -> Result<Self, OpenError> {
        let mut frames = StreamReader::new(source);
        let prefix = read_prefix(&mut frames)?;
        let recipients = recipient::read(&prefix.recipients)?;
        let (recipient, credential) = recipient::find(&recipients, keys)?;
        let key = recipient.content_key(credential)?;
        let mut cipher = CipherCtx::new().map_err(OpenError::Crypto)?;
        let begun = cipher.decrypt_init(Some(Cipher::aes_256_gcm()), Some(key.as_bytes()), Some(&prefix.nonce));
        begun.map_err(OpenError::Crypto)?;
        Ok(Self { frames, cipher, inner: prefix.inner, state: State::Streaming })
    }

    /// What the plaintext is.
    pub(in crate::message) fn inner(&self) -> Inner {
        self.inner
    }

    /// Whether reading has failed here, and not in a layer above.
    pub(in crate::message) fn has_failed(&self) -> bool {
        self.state == State::Failed
    }

    /// Reads what is left, and checks the tag. Gives it, and the size of the message.
    pub(in crate::message) fn finish(&mut self) -> Result<(Tag, u64), OpenError> {
        let mut rest = Vec::new();
        loop {
            match self.state {
                State::Authentic(tag) => return Ok((tag, self.frames.position())),
                State::Failed => return Err(EnvelopeError::Tampered.into()),
                State::Streaming => {
                    // A few octets are enough to see the end, where every sound message is now.
                    let size = if rest.is_empty() { 16 } else { 64 << 10 };
                    rest.resize(size, 0);
                    self.read_plain(&mut rest)?;
                }
            }
        }
    }

    fn read_plain(&mut self, out: &mut [u8]) -> Result<usize, OpenError> {
        if self.state != State::Streaming || out.is_empty() {
            return Ok(0);
        }
        let result = self.step(out);
        if result.is_err() {
            self.state = State::Failed;
        }
        result
    }

    fn step(&mut self, out: &mut [u8]) -> Result<usize, OpenError> {
        let count = self.frames.read_octets(out)?;
        if count > 0 {
            self.cipher.cipher_update_inplace(out, count).map_err(OpenError::Crypto)?;
            return Ok(count);
        }
        let tag = read_suffix(&mut self.frames)?;
        self.cipher.set_tag(tag.as_bytes()).map_err(OpenError::Crypto)?;
        self.cipher.cipher_final(&mut []).map_err(|_| EnvelopeError::Tampered)?;
        self.state = State::Authentic(tag);
        Ok(0)
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_plain(out)?)
    }
}
