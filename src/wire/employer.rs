//! `/employer/v1`: what an employer's app asks of the relay, on the Internet listener.
//!
//! With the *device* credential (from the kit, later the PC's own):
//!
//! | method and path | body → answer |
//! | --- | --- |
//! | GET [`UNION`] | → [`UnionInfo`] |
//! | POST [`PIN`]`/{pc}` | [`PinTry`] → [`PinAnswer`]; a new PC gets its key with the first try |
//! | POST [`CERTIFICATE_REQUESTS`] | [`CertificateRequest`] → [`RequestState`] |
//! | GET [`CERTIFICATE_REQUESTS`]`/{id}` `?wait` | → [`RequestState`]; long poll for an answer |
//!
//! With the *user* certificate:
//!
//! | method and path | body → answer |
//! | --- | --- |
//! | POST [`LOGIN`] | [`Login`] → [`Session`] |
//! | POST [`PIN`]`/{pc}/proof` | [`PinProof`] → 204: the PIN was right, its try counts no more |
//!
//! With the user certificate, within a session (header `Authorization: Bearer TOKEN`), [`UNION`] and
//! [`CERTIFICATE_REQUESTS`] as above, and:
//!
//! | method and path | body → answer |
//! | --- | --- |
//! | POST [`LOGOUT`] | → 204 |
//! | POST [`PASSWORD`] | [`PasswordChange`] → 204 |
//! | POST [`UPLOADS`] | tus creation, also with the first bytes → 201, `Location` |
//! | HEAD, PATCH, DELETE [`UPLOADS`]`/{id}` | tus |
//! | OPTIONS [`UPLOADS`] | tus |
//! | GET [`SENT`] `?after&limit` | → `Page<SentParcel>`, oldest first |
//! | GET [`SENT`]`/{id}` | → [`SentParcel`] |
//!
//! The upload's id is the message id: creating the same upload again gives the same place, at the offset it has.
//!
//! [`PinTry`]: super::session::PinTry
//! [`PinAnswer`]: super::session::PinAnswer
//! [`PinProof`]: super::session::PinProof
//! [`Login`]: super::session::Login
//! [`Session`]: super::session::Session
//! [`PasswordChange`]: super::session::PasswordChange
//! [`CertificateRequest`]: super::enrolment::CertificateRequest
//! [`RequestState`]: super::enrolment::RequestState

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Der;
use super::enrolment::PcId;
use super::page::Cursor;
use super::union::UnionCertificates;
use crate::domain::digest::Tag;
use crate::domain::ids::{InsurerNumber, MessageId, OfficeCode, RequestId, UserId};

/// The union of this user, with its certificates.
pub const UNION: &str = "/employer/v1/union";
/// Evaluation of PINs.
pub const PIN: &str = "/employer/v1/pin";
/// Requests for certificates.
pub const CERTIFICATE_REQUESTS: &str = "/employer/v1/certificate-requests";
/// Begins a session.
pub const LOGIN: &str = "/employer/v1/login";
/// Ends a session.
pub const LOGOUT: &str = "/employer/v1/logout";
/// Changes the password.
pub const PASSWORD: &str = "/employer/v1/password";
/// Uploads by tus.
pub const UPLOADS: &str = "/employer/v1/uploads";
/// What this user sent, with receipts.
pub const SENT: &str = "/employer/v1/sent";

/// The path of a PC's PIN.
pub fn pin(pc: PcId) -> String {
    format!("{PIN}/{pc}")
}

/// The path on which a PIN's try is proved.
pub fn pin_proof(pc: PcId) -> String {
    format!("{PIN}/{pc}/proof")
}

/// The path of a request for certificates.
pub fn certificate_request(id: RequestId) -> String {
    format!("{CERTIFICATE_REQUESTS}/{id}")
}

/// The path of an upload.
pub fn upload(id: MessageId) -> String {
    format!("{UPLOADS}/{id}")
}

/// The path of one sent parcel.
pub fn sent(id: MessageId) -> String {
    format!("{SENT}/{id}")
}

/// Answer of [`UNION`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnionInfo {
    /// The union's number.
    pub union: InsurerNumber,
    /// The caller, as the relay knows it.
    pub user: UserId,
    /// The caller's office.
    pub office: OfficeCode,
    /// The union's certificates. The app checks them against the union's CA, which it has from elsewhere.
    pub certificates: UnionCertificates,
    /// The certificate (DER) that the relay signs its receipts with.
    pub receipt_certificate: Der,
}

/// One parcel that this user sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentParcel {
    /// The message id.
    pub id: MessageId,
    /// The place in the list.
    pub cursor: Cursor,
    /// How far it has come.
    pub state: SentState,
    /// Length in bytes.
    pub size: u64,
    /// The GCM tag read from its end.
    pub tag: Option<Tag>,
    /// When the last byte was durable.
    pub deposited_at: Timestamp,
    /// Signed receipts in the order they came, the relay's first.
    pub receipts: Vec<Der>,
}

/// How far a sent parcel has come, as far as a blind relay can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SentState {
    /// Waits for the union to fetch it.
    Waiting,
    /// The union has it.
    Acknowledged,
}
