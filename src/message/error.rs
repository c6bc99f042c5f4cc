//! What can go wrong, told apart inside; outside there is only the reason code.

use std::io;

use openssl::error::ErrorStack;

use super::entity::EntityError;
use super::enveloped::EnvelopeError;
use super::format::FormatError;
use super::signed::SignatureError;
use crate::domain::verdict::Reason;

/// Why a sealed message could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Environment: the bytes could not be fetched. Says nothing about the message.
    #[error("the sealed message could not be read")]
    Input(#[source] io::Error),
    /// Environment: the content could not be written. Says nothing about the message.
    #[error("the content could not be written")]
    Output(#[source] io::Error),
    /// Us: a primitive failed where no input can make it fail.
    #[error("the cryptographic library failed")]
    Crypto(#[source] ErrorStack),
    /// The peer: not a message of this shape.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The peer: the envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The peer: the signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The peer: the entity inside the signature.
    #[error(transparent)]
    Entity(#[from] EntityError),
}

impl OpenError {
    /// The code for the verdict. `None`: a local failure, which says nothing about the message; try again.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Input(_) | Self::Output(_) | Self::Crypto(_) => None,
            Self::Format(error) => Some(error.reason()),
            Self::Envelope(error) => Some(error.reason()),
            Self::Signature(error) => Some(error.reason()),
            Self::Entity(error) => Some(error.reason()),
        }
    }

    /// The same, with the local failure itself where there is no code.
    pub fn into_reason(self) -> Result<Reason, io::Error> {
        match (self.reason(), self) {
            (Some(reason), _) => Ok(reason),
            (None, Self::Input(error) | Self::Output(error)) => Err(error),
            (None, other) => Err(io::Error::other(other)),
        }
    }
}

/// A layer's `Read` can only answer with an [`io::Error`]: our own errors travel inside it.
impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Input(error) => error,
            other => Self::new(io::ErrorKind::InvalidData, other),
        }
    }
}

/// The way back: an error of ours that travelled inside an [`io::Error`], or else a failure to read the input.
impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(error) => Self::Input(error),
        }
    }
}

/// Why a message could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Environment: the content could not be read.
    #[error("the content could not be read")]
    Input(#[source] io::Error),
    /// Environment: the sealed message could not be written.
    #[error("the sealed message could not be written")]
    Output(#[source] io::Error),
    /// Us: a primitive failed where no input can make it fail.
    #[error("the cryptographic library failed")]
    Crypto(#[from] ErrorStack),
    /// Input: nobody would be able to open it.
    #[error("no recipient was given")]
    NoRecipient,
    /// Input: more than 1,000 recipients.
    #[error("more than 1,000 recipients")]
    TooManyRecipients,
    /// Input: a recipient's key is neither P-256, P-384 nor RSA of 2048 bits or more.
    #[error("a recipient's certificate has a key that is not accepted")]
    RecipientKey,
    /// Input: the signer's key is neither P-256, P-384 nor RSA of 2048 bits or more.
    #[error("the signer's certificate has a key that is not accepted")]
    SignerKey,
    /// Input: a part of the draft cannot stand in a header.
    #[error("{0} cannot be written into a message")]
    Draft(&'static str),
    /// Input: more than 60 GiB.
    #[error("the content is larger than 60 GiB")]
    TooLarge,
}

/// A layer's `Write` can only answer with an [`io::Error`]: our own errors travel inside it.
impl From<SealError> for io::Error {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Input(error) | SealError::Output(error) => error,
            other => Self::other(other),
        }
    }
}

/// The way back: an error of ours that travelled inside an [`io::Error`], or else a failure to write the output.
impl From<io::Error> for SealError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(error) => Self::Output(error),
        }
    }
}
