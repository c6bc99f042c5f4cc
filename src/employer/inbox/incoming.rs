//! What is kept of a message that came, for good.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::address::Address;
use crate::domain::digest::{Fingerprint, Sha256, Tag};
use crate::domain::file_name::FileName;
use crate::domain::ids::MessageId;
use crate::domain::policy::Facts;
use crate::domain::verdict::{Reason, Warning};
use crate::employer::alarm::Alarm;
use crate::message::open::Opened;
use crate::message::receipt::{Receipt, SignedReceipt, Stage};
use crate::wire::Der;

/// One message from the union, or the union's word that there is none under this number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incoming {
    /// The id it came under.
    pub id: MessageId,
    /// 0; higher for other bytes that came under an id that was here already.
    #[serde(default)]
    pub copy: u32,
    /// Bytes of the sealed message.
    pub sealed_size: u64,
    /// The GCM tag at its end, if it ends like a message.
    pub tag: Option<Tag>,
    /// When the relay had it whole, by the relay's word.
    pub deposited_at: Timestamp,
    /// When it came here, by our clock.
    pub received_at: Timestamp,
    /// What it says, once opened.
    pub content: Option<Content>,
    /// Why it is in quarantine; empty for what is accepted.
    #[serde(default)]
    pub reasons: BTreeSet<Reason>,
    /// What was noticed beside that.
    #[serde(default)]
    pub warnings: BTreeSet<Warning>,
    /// What the verdict rests on. None for what was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// The certificate that it was verified with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Der>,
    /// The relay's receipt, as it was handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relayed: Option<Der>,
    /// What is wrong with that receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Alarm>,
    /// The union's signed statement, for a message that it took back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Der>,
    /// Our receipts, in order.
    #[serde(default)]
    pub receipts: Vec<OwnReceipt>,
    /// When the relay was told of what is in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// Where the file was about to be put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taking: Option<PathBuf>,
    /// Where the file was put, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_as: Option<PathBuf>,
    /// Why we returned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Incoming {
    /// Something under this id of which nothing is known but when it came.
    pub(super) fn new(id: MessageId, deposited_at: Timestamp, received_at: Timestamp) -> Self {
        Self {
            id,
            copy: 0,
            sealed_size: 0,
            tag: None,
            deposited_at,
            received_at,
            content: None,
            reasons: BTreeSet::new(),
            warnings: BTreeSet::new(),
            facts: None,
            signer: None,
            relayed: None,
            doubt: None,
            withdrawn: None,
            receipts: Vec::new(),
            acknowledged_at: None,
            taking: None,
            saved_as: None,
            reason: None,
        }
    }
}

/// What a message says, in the part that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Who sent it.
    pub from: Address,
    /// Whom it is for.
    pub to: Address,
    /// Its number in the stream.
    pub sequence: u64,
    /// The file's name. None when it is refused.
    pub file_name: Option<FileName>,
    /// The comment for the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// The signed message digest, in hexadecimal.
    pub digest: String,
    /// What the message after it says about it.
    pub signature_hash: Sha256,
    /// When it was signed, by the union's clock.
    pub signed_at: Timestamp,
}

impl Content {
    /// What was opened says.
    pub(super) fn of(opened: &Opened) -> Self {
        let header = opened.header();
        Self {
            from: header.from.clone(),
            to: header.to.clone(),
            sequence: header.sequence,
            file_name: header.file_name.clone().ok(),
            comment: header.comment.clone(),
            size: opened.size(),
            digest: hex::encode(opened.digest()),
            signature_hash: opened.signature_hash(),
            signed_at: opened.signing_time(),
        }
    }
}

/// A receipt of ours. These bytes and no others are sent, however often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnReceipt {
    /// What it says.
    pub receipt: Receipt,
    /// The signed form.
    pub der: Der,
    /// The certificate it is signed under.
    pub signer: Fingerprint,
    /// When the relay had taken it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
}

/// How far a message from the union has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InboxState {
    /// At the relay.
    Waiting,
    /// Verified and here, still sealed.
    Verified,
    /// The person has the file (受領).
    Accepted,
    /// The person sent it back (差戻し).
    Returned,
    /// A check failed (隔離).
    Quarantined,
    /// The union took it back before it came here.
    Withdrawn,
}

impl InboxState {
    /// As programs read it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Verified => "verified",
            Self::Accepted => "accepted",
            Self::Returned => "returned",
            Self::Quarantined => "quarantined",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Incoming {
    /// How far it has come.
    pub fn state(&self) -> InboxState {
        if self.withdrawn.is_some() {
            return InboxState::Withdrawn;
        }
        if !self.reasons.is_empty() {
            return InboxState::Quarantined;
        }
        match self.receipts.last().map(|own| own.receipt.stage) {
            Some(Stage::Returned) => InboxState::Returned,
            Some(Stage::Accepted) => InboxState::Accepted,
            _ => InboxState::Verified,
        }
    }

    /// The receipt of a stage.
    pub fn receipt(&self, stage: Stage) -> Option<&Receipt> {
        self.receipts.iter().map(|own| &own.receipt).find(|receipt| receipt.stage == stage)
    }

    /// What names our next receipt's predecessor: the relay's receipt, or our last one.
    pub(super) fn newest_hash(&self) -> Option<Sha256> {
        let newest = self.receipts.last().map(|own| &own.der).or(self.relayed.as_ref());
        newest.map(|der| SignedReceipt::from_der(der.0.clone()).hash())
    }

    /// Whether the relay knows all that is to be known of it here.
    pub fn is_acknowledged(&self) -> bool {
        match self.state() {
            InboxState::Withdrawn => true,
            InboxState::Quarantined => self.acknowledged_at.is_some(),
            _ => self.receipts.iter().all(|own| own.acknowledged_at.is_some()),
        }
    }

    /// When the relay knew the last of it; none while something is on its way, or the person has yet to take the file.
    pub(super) fn settled_at(&self) -> Option<Timestamp> {
        match self.state() {
            InboxState::Accepted | InboxState::Returned if self.is_acknowledged() => {
                self.receipts.iter().filter_map(|own| own.acknowledged_at).max()
            }
            InboxState::Quarantined => self.acknowledged_at,
            _ => None,
        }
    }
}
