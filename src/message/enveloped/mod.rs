//! The envelope: `AuthEnvelopedData` (RFC 5083) with AES-256-GCM (RFC 5084).

mod agreement;
pub(in crate::message) mod reader;
pub(in crate::message) mod recipient;
mod transport;
pub(in crate::message) mod writer;

use crate::domain::verdict::Reason;

/// What is wrong with an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// `EnvelopedData`: anybody could have altered it. Refused before any key is touched.
    #[error("encrypted without authentication")]
    Unauthenticated,
    /// An algorithm, a nonce or a tag length that is not on the list. Refused before any key is touched.
    #[error("an algorithm that is not accepted: {0}")]
    Algorithm(&'static str),
    /// No recipient names a certificate of ours.
    #[error("not encrypted for our certificate")]
    NotForUs,
    /// More than one recipient names a certificate of ours.
    #[error("encrypted for our certificates more than once")]
    AmbiguousRecipient,
    /// A recipient names our certificate, but its key does not come out: altered, or made for another key.
    #[error("the content key does not open with our key")]
    WrongKey,
    /// The authentication tag does not fit.
    #[error("the sealed bytes were altered")]
    Tampered,
}

impl EnvelopeError {
    /// The code for the verdict.
    pub fn reason(self) -> Reason {
        match self {
            Self::Unauthenticated => Reason::EnvelopeUnauthenticated,
            Self::Algorithm(_) => Reason::AlgorithmRefused,
            Self::NotForUs => Reason::EnvelopeNotForUs,
            Self::AmbiguousRecipient => Reason::FormatMalformed,
            Self::WrongKey | Self::Tampered => Reason::EnvelopeTampered,
        }
    }
}

/// The AES-256 key that the content is encrypted with.
struct ContentKey([u8; 32]);

impl ContentKey {
    fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
