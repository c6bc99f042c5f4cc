//! What is kept of a message that was sent, for good.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::address::Address;
use crate::domain::digest::{Fingerprint, Sha256, Tag};
use crate::domain::file_name::FileName;
use crate::domain::ids::MessageId;
use crate::message::keys::Credential;
use crate::message::receipt::{Receipt, Return, SignedReceipt, Stage};
use crate::message::words;
use crate::wire::Der;

/// One message that has its number. From here on exactly these sealed bytes are sent under that number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The id.
    pub id: MessageId,
    /// Our address.
    pub from: Address,
    /// Whom it is for.
    pub to: Address,
    /// Its number in the stream.
    pub sequence: u64,
    /// What it says about the message before it.
    pub previous: Sha256,
    /// What the message after it says about it.
    pub signature_hash: Sha256,
    /// The certificate it is sealed for.
    pub recipient: Fingerprint,
    /// Since when that is valid: the next message is never sealed for an older one.
    pub recipient_since: Timestamp,
    /// The GCM tag.
    pub tag: Tag,
    /// The signed message digest.
    pub digest: Sha256,
    /// The file's name.
    pub file_name: FileName,
    /// The comment for the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When it was sealed.
    pub signed_at: Timestamp,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of the sealed message.
    pub sealed_size: u64,
    /// When the relay had all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_at: Option<Timestamp>,
    /// The receipts that were believed, in order.
    #[serde(default)]
    pub receipts: Vec<KeptReceipt>,
    /// What the union said when it returned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<ReturnWords>,
}

/// What the union said when it returned a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "words")]
pub enum ReturnWords {
    /// Why.
    Told {
        /// In the union's words.
        reason: String,
    },
    /// There are words, and they do not open with any key of this PC.
    Closed,
    /// There are words, and they are about another message.
    Other,
}

impl ReturnWords {
    /// Opens the words of a receipt about this message.
    pub(super) fn open(sealed: &[u8], id: MessageId, keys: &[Credential]) -> Self {
        match words::open::<Return>(sealed, keys) {
            Ok(told) if told.message_id == id => Self::Told { reason: told.reason },
            Ok(_) => Self::Other,
            Err(_) => Self::Closed,
        }
    }
}

/// A receipt that was checked, with its signed form as evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptReceipt {
    /// What it says.
    pub receipt: Receipt,
    /// The signed form.
    pub der: Der,
}

impl KeptReceipt {
    /// What the next receipt names this one by.
    pub fn hash(&self) -> Sha256 {
        SignedReceipt::from_der(self.der.0.clone()).hash()
    }
}

/// How far a message has come, as far as receipts prove it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Sealed; the relay does not have all of it yet.
    Sealed,
    /// The relay says that it has it, without a receipt that proves it.
    Uploaded,
    /// The relay has it.
    Relayed,
    /// The union has opened, verified and archived it.
    Verified,
    /// The union's staff has accepted it (受付済).
    Accepted,
    /// The union's staff has returned it (差戻し).
    Returned,
}

impl State {
    /// As programs read it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Uploaded => "uploaded",
            Self::Relayed => "relayed",
            Self::Verified => "verified",
            Self::Accepted => "accepted",
            Self::Returned => "returned",
        }
    }
}

impl Record {
    /// How far it has come.
    pub fn state(&self) -> State {
        match self.receipts.last().map(|kept| kept.receipt.stage) {
            Some(Stage::Returned) => State::Returned,
            Some(Stage::Accepted) => State::Accepted,
            Some(Stage::Verified) => State::Verified,
            Some(Stage::Relayed) => State::Relayed,
            None if self.uploaded_at.is_some() => State::Uploaded,
            None => State::Sealed,
        }
    }

    /// Whether the sealed bytes may go: the union has said, under its signature, what became of them.
    pub fn is_settled(&self) -> bool {
        self.state() >= State::Verified
    }

    /// The receipt of a stage.
    pub fn receipt(&self, stage: Stage) -> Option<&Receipt> {
        self.receipts.iter().map(|kept| &kept.receipt).find(|receipt| receipt.stage == stage)
    }
}
