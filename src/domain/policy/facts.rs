//! What a verdict rests on.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::domain::address::Address;
use crate::domain::digest::{Fingerprint, Sha256};
use crate::domain::ids::MessageId;
use crate::domain::sequence::Finding;
use crate::domain::verdict::Reason;

/// How far the sender's clock may be off before staff are told, by default: 15 minutes.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Everything that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Who received it: the addresses that `To` may name.
    pub receiver: BTreeSet<Address>,
    /// What the relay said. Believed in nothing; compared with what was signed.
    pub parcel: Parcel,
    /// When it came here, by our clock.
    pub received_at: Timestamp,
    /// The rules that held then.
    pub rules: Rules,
    /// Why it could not be opened, or its signature not be verified.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub failures: BTreeSet<Reason>,
    /// Whether the signature was verified under the signer's registered certificate.
    pub signature_verified: bool,
    /// What the message says of itself. None when it could not be opened.
    pub claims: Option<Claims>,
    /// What the registry knows of the signer. None when nothing was opened that names one.
    pub signer: Option<Signer>,
    /// Its place in the sender's stream. None when its signature was not verified.
    pub sequence: Option<Finding>,
    /// Whether its id is archived already.
    pub archived: Archived,
    /// What the scanner said.
    pub scan: Scan,
}

/// A parcel as the relay announced it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The id it was announced under.
    pub id: MessageId,
    /// Who deposited it, by the relay's word.
    pub sender: Address,
    /// Bytes, sealed, as they came.
    pub size: u64,
    /// When the relay had it whole, by the relay's word.
    pub deposited_at: Timestamp,
}

/// The rules that held when a message was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Most bytes allowed, of the sealed message and of the file in it alike.
    pub max_size: u64,
    /// How far, in seconds, signing time and `Date` may be from the time of deposit, in either direction.
    pub clock_skew_seconds: u64,
}

impl Rules {
    /// A limit of size, and [`CLOCK_SKEW`].
    pub fn new(max_size: u64) -> Self {
        Self { max_size, clock_skew_seconds: CLOCK_SKEW.as_secs().unsigned_abs() }
    }
}

/// What a message says of itself, in the part that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// `Message-ID`.
    pub id: MessageId,
    /// `Date`.
    pub date: Timestamp,
    /// `From`.
    pub from: Address,
    /// `To`.
    pub to: Address,
    /// `KX-Sequence`.
    pub sequence: u64,
    /// `KX-Previous`.
    pub previous: Sha256,
    /// Why the file name is refused, in words. None for a harmless one. The name itself is no fact to be frozen here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name_refused: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// The signature's signing time.
    pub signed_at: Timestamp,
}

/// What the registry knows of who signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Signer {
    /// Neither the certificate nor the user that it names is registered.
    Unknown {
        /// The certificate, if the signature names one.
        fingerprint: Option<Fingerprint>,
        /// Whom the certificate in the message names as its owner. Unproven.
        owner: Option<Address>,
    },
    /// The user is registered, the certificate is not.
    CertificateUnknown {
        /// The certificate, if the signature names one.
        fingerprint: Option<Fingerprint>,
        /// The user that the certificate in the message, or `From`, names. Unproven.
        user: User,
    },
    /// Both are registered: the certificate is this user's.
    Registered {
        /// The user.
        user: User,
        /// The certificate.
        certificate: Certificate,
    },
}

/// A registered user (or the union, where an employer receives) as the registry has it at the time of receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who.
    pub address: Address,
    /// Whether the user may send.
    pub enabled: bool,
    /// Since when the user's PC is lost, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_at: Option<Timestamp>,
}

/// A registered certificate, as it was at the time of receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Whom the certificate itself names. None for one from another CA: then the registry alone says whose it is.
    pub owner: Option<Address>,
    /// First moment of validity.
    pub not_before: Timestamp,
    /// End of validity: expired from this moment on, as OpenSSL counts.
    pub not_after: Timestamp,
    /// Whether its key usage allows signatures on messages.
    pub may_sign: bool,
    /// Since when it is revoked, by the registry or a current revocation list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// Why no path to a trusted authority was found, judged at the time of receipt. None when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untrusted: Option<Reason>,
}

/// Whether a message with this id is archived already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Archived {
    /// No.
    No,
    /// With the same bytes: it is acknowledged again and not stored again.
    Same,
    /// With other bytes.
    Other,
}

/// What the malware scanner said. A scanner that is down says nothing: the message waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Scan {
    /// None is configured, or the message never came as far.
    NotScanned,
    /// Nothing was found.
    Clean,
    /// Something was found.
    Found {
        /// What, in the scanner's words.
        name: String,
    },
    /// It could not read the file.
    Failed,
}
