//! Sealing: a file becomes a message, in one pass and constant memory.

use std::io::{Read, Write};
use std::thread;

use jiff::Timestamp;

use super::entity::{self, ContentEncoding, Header};
use super::error::SealError;
use super::keys::{Certificate, Credential};
use super::{enveloped, signed};
use crate::domain::address::Address;
use crate::domain::clock::Random;
use crate::domain::digest::{Sha256, Tag};
use crate::domain::file_name::FileName;
use crate::domain::ids::MessageId;

/// What a message shall say about the file that it carries.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The id.
    pub id: MessageId,
    /// `Date` and signing time; written in whole seconds.
    pub date: Timestamp,
    /// The sender.
    pub from: Address,
    /// The one addressee.
    pub to: Address,
    /// Place in the stream of this sender to this addressee, from 1.
    pub sequence: u64,
    /// [`Sealed::signature_hash`] of the message before it, [`Sha256::ZERO`] for the first.
    pub previous: Sha256,
    /// Name of the file.
    pub file_name: FileName,
    /// Media type to declare.
    pub content_type: String,
    /// Comment for the reader, one line, at most 500 characters.
    pub comment: Option<String>,
    /// `Zstd` compresses if that wins.
    pub encoding: ContentEncoding,
}

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
    let header = draft.header();
    // Inside: header block and body in the signature, that in the envelope. Outside: the order of the calls.
    thread::scope(|scope| {
        let envelope = enveloped::writer::Writer::new(output, recipients, random)?;
        let mut content = signed::writer::Writer::new(envelope, signer, Some(scope))?;
        let date = header.date;
        let size = entity::writer::write(header, input, &mut content)?;
        let (envelope, digest, signature_hash) = content.finish(date)?;
        let (_, tag, sealed_size) = envelope.finish()?;
        Ok(Sealed { tag, digest, signature_hash, size, sealed_size })
    })
}

impl Draft {
    fn header(&self) -> Header {
        Header {
            id: self.id,
            date: Timestamp::from_second(self.date.as_second()).expect("whole seconds of a time are a time"),
            from: self.from.clone(),
            to: self.to.clone(),
            sequence: self.sequence,
            previous: self.previous,
            file_name: Ok(self.file_name.clone()),
            content_type: self.content_type.clone(),
            comment: self.comment.clone(),
            encoding: self.encoding,
        }
    }
}
