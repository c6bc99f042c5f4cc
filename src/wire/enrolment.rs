//! Enrolment: what app and gateway say to each other through the relay, and what each says to the relay about it.
//!
//! ```text
//! gateway ── PUT users/{user}/enrolment ──▶ relay ── mail with link ──▶ person ── page, download password ──▶ Kit
//! app ── CertificateRequest (sealed to the union) ──▶ relay ── list ──▶ gateway
//! app ◀── Answer (signed by the union) ── relay ◀── POST certificate-requests/{id}/answer ── gateway
//! ```
//!
//! The relay cannot read a request, cannot make one (it lacks the MAC's key or the old private key) and cannot alter an
//! answer (it is signed by the union, whose CA stands in the kit under the same MAC).

use std::fmt;

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Der;
use super::page::Cursor;
pub use super::pc::{InvalidPcId, InvalidPcMark, PcId, PcMark};
use crate::domain::base64_bytes;
use crate::domain::digest::Sha256;
use crate::domain::ids::{EnrolmentId, InsurerNumber, OfficeCode, RequestId, UserId};
use crate::secret::{LoginVerifier, Maced, Salt};

/// Body of PUT `/union/v1/users/{user}/enrolment`: a new kit, with a new link by mail. Ends any enrolment before it, and
/// enables the user. The same order again (same `id`) changes nothing and mails nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentOrder {
    /// Which enrolment.
    pub id: EnrolmentId,
    /// The user's office.
    pub office: OfficeCode,
    /// Where the mail with the link goes.
    pub mail: String,
    /// The certificate of the device credential in the kit.
    pub device: Der,
    /// Salt of the download password.
    pub download_salt: Salt,
    /// Tells whether a download password is right.
    pub download_verifier: LoginVerifier,
    /// The kit ([`Kit`] as JSON) under the download password (`secret::DownloadKeys::kit`, purpose [`KIT_PURPOSE`]).
    #[serde(with = "base64_bytes")]
    pub kit: Vec<u8>,
    /// Tells whether the initial login password is right.
    pub login: LoginVerifier,
}

/// Binds the sealed kit to its use.
pub const KIT_PURPOSE: &str = "kit";
/// Binds the kit's MAC to its use.
pub const KIT_MAC: &str = "kit";
/// Binds a request's MAC to its use.
pub const REQUEST_MAC: &str = "certificate-request";
/// Name of the kit's ZIP file.
pub const KIT_FILE: &str = "kenpoexpress.zip";
/// Folder in the ZIP.
pub const KIT_FOLDER: &str = "kenpoexpress";
/// Name of the file in that folder that holds the [`Kit`].
pub const KIT_JSON: &str = "kit.json";

/// `kit.json`: what a new PC starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kit {
    /// [`KitBody`] under the MAC key of the initial password (purpose [`KIT_MAC`]).
    pub kit: Maced,
    /// Salt of the login password. Stands outside: the key is derived with it before the MAC can be checked.
    pub login_salt: Salt,
    /// PEM of the device credential: certificate, then private key. Worth an enrolment with the initial password only.
    pub device: String,
}

/// What the kit says under its MAC. Until the MAC was checked with the initial password, nobody vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KitBody {
    /// Which enrolment.
    pub enrolment: EnrolmentId,
    /// The union.
    pub union: InsurerNumber,
    /// The user's office.
    pub office: OfficeCode,
    /// The user.
    pub user: UserId,
    /// Where the relay is: `https://HOST:PORT`.
    pub relay: String,
    /// Who vouches for the relay's TLS certificate.
    pub relay_roots: Vec<Der>,
    /// The certificates that the relay signs receipts with.
    pub relay_receipts: Vec<Der>,
    /// The union's CA.
    pub union_ca: Vec<Der>,
}

/// Body of POST `/employer/v1/certificate-requests`. The same request (same id and bytes) may be posted again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateRequest {
    /// Made by the app.
    pub id: RequestId,
    /// [`SealedRequest`] as `message::words::seal` makes it, for the union's newest encryption certificate.
    pub sealed: Der,
}

impl CertificateRequest {
    /// What the answer names the request's bytes by: SHA-256 over [`Self::sealed`].
    pub fn digest(&self) -> Sha256 {
        let hash = digest::digest(&digest::SHA256, &self.sealed.0);
        Sha256(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// What is in a request, for the union's eyes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum SealedRequest {
    /// The first of a PC: [`FirstRequest`] under the MAC key of the initial password (purpose [`REQUEST_MAC`]).
    Enrolment {
        /// Which enrolment, so that the gateway knows which key to check with.
        enrolment: EnrolmentId,
        /// The request.
        request: Maced,
    },
    /// A later one: [`Renewal`] signed with the user's present key (`message::words::sign`).
    Renewal {
        /// DER of the CMS `SignedData`.
        signed: Der,
        /// SHA-256 of the certificate that it is signed with.
        signer: crate::domain::digest::Fingerprint,
    },
}

/// What a PC asks for first. Office, user and mail address are compared with the registration.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstRequest {
    /// The id of the request round it: no other may carry it.
    pub id: RequestId,
    /// Which enrolment.
    pub enrolment: EnrolmentId,
    /// The user.
    pub user: UserId,
    /// Which PC.
    pub pc: PcId,
    /// 事業所名, as typed.
    pub office_name: String,
    /// 利用者名, as typed.
    pub user_name: String,
    /// メールアドレス, as typed.
    pub mail: String,
    /// The keys.
    pub keys: KeyRequests,
}

impl fmt::Debug for FirstRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FirstRequest({}, ..)", self.id)
    }
}

/// A user's wish for new certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// The id of the request round it.
    pub id: RequestId,
    /// The user.
    pub user: UserId,
    /// Which PC.
    pub pc: PcId,
    /// The new keys.
    pub keys: KeyRequests,
}

/// PKCS#10 requests for the three keys of a PC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRequests {
    /// For signing and TLS.
    pub signing: Der,
    /// For receiving.
    pub encryption: Der,
    /// For TLS before the PIN.
    pub device: Der,
}

/// The union's answer, signed by it (`message::words::sign`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Which request.
    pub request: RequestId,
    /// SHA-256 over [`CertificateRequest::sealed`]: an answer to other bytes is none.
    pub digest: Sha256,
    /// When it was given.
    pub at: Timestamp,
    /// What became of the request.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", deny_unknown_fields)]
pub enum Outcome {
    /// Certificates.
    Issued {
        /// For signing and TLS.
        signing: Der,
        /// For receiving.
        encryption: Der,
        /// For TLS before the PIN.
        device: Der,
        /// For a new PC of a user from whom something came before: where the user's stream stands. A renewal has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stream: Option<StreamPosition>,
    },
    /// Another PC is enrolled for this user: staff have to approve the replacement. A later answer replaces this one.
    WaitsForApproval,
    /// Refused.
    Refused {
        /// Why.
        reason: RefusalReason,
    },
}

/// Where a user's stream of messages to the union stands: the next message has the number after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamPosition {
    /// `KX-Sequence` of the newest message that the union has.
    pub sequence: u64,
    /// Hash of that message's signature: `KX-Previous` of the next one.
    pub previous: Sha256,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalReason {
    /// Office, user or mail address are not those of the registration. They may be typed again, a few times.
    Names,
    /// Too many wrong tries: the union has to make a new enrolment.
    Locked,
    /// The initial password is wrong, or the request was altered on the way.
    Mac,
    /// The enrolment was ended or replaced by another.
    Ended,
    /// The user is disabled.
    Disabled,
    /// Staff did not approve the replacement.
    NotApproved,
    /// The request is not of the expected form, or its keys are not accepted.
    Malformed,
    /// A renewal before its time, or signed with a key that is not valid any more.
    NotNow,
}

/// What the app sees of its request at the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestState {
    /// Which request.
    pub id: RequestId,
    /// When the relay took it.
    pub received_at: Timestamp,
    /// The union's newest answer (a signed [`Answer`]), if there is one.
    pub answer: Option<Der>,
}

/// A request as the union finds it at the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRequest {
    /// Which request.
    pub id: RequestId,
    /// The place in the list.
    pub cursor: Cursor,
    /// Whose credential it came with. The gateway believes MAC and signature, not this.
    pub user: UserId,
    /// The sealed request.
    pub sealed: Der,
    /// When the relay took it.
    pub received_at: Timestamp,
}

/// A PC's own credential at the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Which PC. The PIN keys of PCs that were registered and are so no more are deleted.
    pub pc: PcId,
    /// The certificate of its device key.
    pub certificate: Der,
}

/// What the union asks the relay to mail to a user. The words are the relay's; nothing personal is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Notice {
    /// The certificates end soon.
    CertificateExpiry {
        /// When.
        not_after: Timestamp,
    },
}

/// How far an enrolment has come at the relay, for staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentStatus {
    /// Which enrolment.
    pub id: EnrolmentId,
    /// When the mail with the newest link went out.
    pub mailed_at: Option<Timestamp>,
    /// Why the mail has not gone out: a stable code.
    pub mail_problem: Option<String>,
    /// Until when the link can be used.
    pub link_expires_at: Timestamp,
    /// Too many wrong download passwords: a new link has to be mailed.
    pub link_locked: bool,
    /// When the kit was downloaded.
    pub downloaded_at: Option<Timestamp>,
}
