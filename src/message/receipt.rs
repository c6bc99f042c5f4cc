//! Receipts: signed statements about a message (CMS `SignedData` over a small JSON text).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys::{Certificate, Credential};
use super::words::{self, WordsError};
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
    /// Words for the sender alone: a [`Return`] sealed as [`super::words`] are. The relay sees that there are some.
    #[serde(default, with = "words_in_base64", skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<u8>>,
    /// [`SignedReceipt::hash`] of the receipt before it for this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Sha256>,
    /// The highest sequence number without a gap in that stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contiguous: Option<u64>,
}

/// What staff say to whoever sent a file that they return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// The message: words sealed for one return are not those of another.
    pub message_id: MessageId,
    /// Why.
    pub reason: String,
}

/// The longest reason of a return, in characters.
pub const MAX_REASON: usize = 1_000;

/// Why a receipt could not be made or is not believed.
pub type ReceiptError = WordsError;

impl Receipt {
    /// Signs it; `now` is the signing time.
    pub fn sign(&self, signer: &Credential, now: Timestamp) -> Result<SignedReceipt, ReceiptError> {
        words::sign(self, signer, now).map(SignedReceipt)
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
        words::verify(&self.0, signer)
    }
}

/// Bytes that may be absent, as base64.
mod words_in_base64 {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::domain::base64_bytes;

    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Words(#[serde(with = "base64_bytes")] Vec<u8>);

    #[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
    pub(super) fn serialize<S: Serializer>(words: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        match words {
            Some(words) => base64_bytes::serialize(words, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Option::<Words>::deserialize(deserializer)?.map(|Words(words)| words))
    }
}
