//! Receipts: signed statements about a message (CMS `SignedData` over a small JSON text).

use std::io::Read;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::enveloped::reader::Inner;
use super::error::{OpenError, SealError};
use super::format::FormatError;
use super::keys::{Certificate, Credential};
use super::signed;
use crate::domain::digest::{Sha256, Tag};
use crate::domain::ids::MessageId;

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The relay took it.
    Relayed,
    /// The receiver opened and verified it.
    Verified,
    /// Staff accepted it (受付済).
    Accepted,
    /// Staff returned it (差戻し).
    Returned,
}

impl Stage {
    /// The word on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Relayed => "relayed",
            Self::Verified => "verified",
            Self::Accepted => "accepted",
            Self::Returned => "returned",
        }
    }
}

/// What a receipt says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The message it is about.
    pub message_id: MessageId,
    /// How far it has come.
    pub stage: Stage,
    /// The GCM tag of the sealed message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// The signed message digest (hexadecimal), once opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When that was.
    pub at: Timestamp,
    /// Who says so: an address, or `relay`.
    pub by: String,
    /// Why it was returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// [`SignedReceipt::hash`] of the receipt before it for this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Sha256>,
    /// The highest sequence number without a gap in that stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contiguous: Option<u64>,
}

/// Most octets of a signed receipt.
const MAX_RECEIPT: usize = 64 << 10;

/// Why a receipt could not be made or is not believed.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Us: it could not be signed.
    #[error("the receipt could not be signed")]
    Sign(#[from] SealError),
    /// Peer: not a signature of this signer over a text.
    #[error("the receipt's signature does not hold")]
    Signed(#[from] OpenError),
    /// Peer: signed, but no receipt.
    #[error("the signed text is no receipt")]
    Text(#[source] serde_json::Error),
}

impl Receipt {
    /// Signs it; `now` is the signing time.
    pub fn sign(&self, signer: &Credential, now: Timestamp) -> Result<SignedReceipt, ReceiptError> {
        let text = serde_json::to_vec(self).map_err(ReceiptError::Text)?;
        Ok(SignedReceipt(signed::writer::whole(&text, signer, now)?))
    }
}

/// A receipt with its signature: CMS `SignedData` in DER. Not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedReceipt(Vec<u8>);

impl SignedReceipt {
    /// Takes the bytes as they are; [`Self::verify`] reads them.
    pub fn from_der(der: Vec<u8>) -> Self {
        Self(der)
    }

    /// The bytes.
    pub fn der(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 over the bytes: what the receipt after it names.
    pub fn hash(&self) -> Sha256 {
        Sha256(openssl::sha::sha256(&self.0))
    }

    /// Checks that the certificate's owner signed it, and reads it.
    pub fn verify(&self, signer: &Certificate) -> Result<Receipt, ReceiptError> {
        if self.0.len() > MAX_RECEIPT {
            return Err(OpenError::Format(FormatError::TooLarge).into());
        }
        let mut content = signed::reader::Reader::new(self.0.as_slice(), Inner::ContentInfo, None)?;
        let mut text = Vec::new();
        content.read_to_end(&mut text).map_err(OpenError::from)?;
        let signature = content.finish()?.signature;
        signature.verify(signer).map_err(OpenError::from)?;
        serde_json::from_slice(&text).map_err(ReceiptError::Text)
    }
}
