//! Sealing: a file becomes a message, in one pass and constant memory.

use std::io::{Read, Write};
use std::thread;

use jiff::Timestamp;

use super::entity::{self, Header};
use super::error::SealError;
use super::keys::{Certificate, Credential};
use super::{enveloped, signed};
use crate::domain::clock::Random;
use crate::domain::digest::{Sha256, Tag};
use crate::domain::file_name::FileName;

/// What a message shall say about the file that it carries. The date is written in whole seconds; `Zstd` compresses if
/// that wins.
pub type Draft = Header<FileName>;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The GCM tag: names the sealed bytes.
    pub tag: Tag,
    /// The signed message digest.
    pub digest: Sha256,
    /// What the next message of the stream says in `KX-Previous`.
    pub signature_hash: Sha256,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of the message.
    pub sealed_size: u64,
}

/// Seals what `input` gives for every one of `recipients`, and writes the message to `output`.
///
/// Blocks; large inputs take a second thread. On an error `output` holds a part of a message that nobody can open.
pub fn seal(
    draft: &Draft,
    signer: &Credential,
    recipients: &[Certificate],
    random: &dyn Random,
    input: impl Read + Send,
    output: impl Write + Send,
) -> Result<Sealed, SealError> {
    let mut header = draft.clone();
    header.date = Timestamp::from_second(draft.date.as_second()).expect("whole seconds of a time are a time");
    let date = header.date;
    // Inside: header block and body in the signature, that in the envelope. Outside: the order of the calls.
    thread::scope(|scope| {
        let envelope = enveloped::writer::Writer::new(output, recipients, random)?;
        let mut content = signed::writer::Writer::new(envelope, signer, Some(scope))?;
        let size = entity::writer::write(header, input, &mut content)?;
        let (envelope, digest, signature_hash) = content.finish(date)?;
        let (_, tag, sealed_size) = envelope.finish()?;
        Ok(Sealed { tag, digest, signature_hash, size, sealed_size })
    })
}
