//! The MIME entity (RFC 2045): header block, empty line, the file's bytes as they are.

mod body;
mod header;
pub(in crate::message) mod reader;
mod words;
pub(in crate::message) mod writer;

use jiff::Timestamp;

use crate::domain::address::Address;
use crate::domain::digest::Sha256;
use crate::domain::file_name::{FileName, RefusedFileName};
use crate::domain::ids::MessageId;
use crate::domain::verdict::Reason;

/// What the signed header block says (2-message.md, section 1). Of a message that came, the name of its file may be one that is
/// refused: a harmful name does not make the message unreadable. What we write has a good one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<Name = Result<FileName, RefusedFileName>> {
    /// `Message-ID`.
    pub id: MessageId,
    /// `Date`, in whole seconds, by the sender's clock.
    pub date: Timestamp,
    /// `From`.
    pub from: Address,
    /// `To`.
    pub to: Address,
    /// `KX-Sequence`, at least 1.
    pub sequence: u64,
    /// `KX-Previous`: hash of the signature of the message before it in this stream.
    pub previous: Sha256,
    /// `Content-Disposition`.
    pub file_name: Name,
    /// `Content-Type`: what the sender declares. Never trusted for display.
    pub content_type: String,
    /// `Subject`: comment for the reader, at most 500 characters.
    pub comment: Option<String>,
    /// `Content-Encoding`.
    pub encoding: ContentEncoding,
}

/// How the bytes of the file stand in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentEncoding {
    /// As they are.
    #[default]
    Identity,
    /// As one Zstandard frame (RFC 8878).
    Zstd,
}

/// What is wrong with an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntityError {
    /// The header block is not as it must be.
    #[error("the header block is not as it must be: {0}")]
    Header(&'static str),
    /// The compressed body cannot be expanded within the limits.
    #[error("the compressed content cannot be read")]
    Encoding,
    /// The expanded content has more than 60 GiB.
    #[error("the content is larger than 60 GiB")]
    TooLarge,
}

impl EntityError {
    /// The code for the verdict.
    pub fn reason(self) -> Reason {
        match self {
            Self::Header(_) | Self::Encoding => Reason::FormatMalformed,
            Self::TooLarge => Reason::SizeRefused,
        }
    }
}
