//! The signature: `SignedData` (RFC 5652) with the signed attributes of CAdES-B.

mod algorithm;
mod attributes;
mod hasher;
mod outlet;
pub(in crate::message) mod reader;
mod signer_info;
pub(in crate::message) mod writer;

pub(in crate::message) use signer_info::Signature;

use crate::domain::verdict::Reason;

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nobody signed.
    #[error("not signed")]
    Missing,
    /// More than one signer.
    #[error("more than one signature")]
    Multiple,
    /// An algorithm or a key that is not on the list.
    #[error("an algorithm that is not accepted: {0}")]
    Algorithm(&'static str),
    /// The signed attributes are not those that must be there.
    #[error("the signed attributes are not as they must be: {0}")]
    Attributes(&'static str),
    /// The content is not what was signed.
    #[error("the content is not what was signed")]
    Digest,
    /// The signature names another certificate than the one given.
    #[error("the signature names another certificate")]
    OtherCertificate,
    /// The signature does not fit the signed attributes and the key.
    #[error("the signature does not verify")]
    Invalid,
}

impl SignatureError {
    /// The code for the verdict.
    pub fn reason(self) -> Reason {
        match self {
            Self::Missing => Reason::SignatureMissing,
            Self::Multiple => Reason::SignatureMultiple,
            Self::Algorithm(_) => Reason::AlgorithmRefused,
            Self::Attributes(_) | Self::Digest | Self::OtherCertificate | Self::Invalid => Reason::SignatureInvalid,
        }
    }
}
