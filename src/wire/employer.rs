//! `/employer/v1`: what an employer's app asks of the relay, on the Internet listener, with the user's certificate.
//!
//! | method and path | body → answer |
//! | --- | --- |
//! | GET [`UNION`] | → [`UnionInfo`] |
//! | POST [`UPLOADS`] | tus creation, also with the first bytes → 201, `Location` |
//! | HEAD, PATCH, DELETE [`UPLOADS`]`/{id}` | tus |
//! | OPTIONS [`UPLOADS`] | tus |
//! | GET [`SENT`] `?after&limit` | → `Page<SentParcel>`, oldest first |
//! | GET [`SENT`]`/{id}` | → [`SentParcel`] |
//!
//! The upload's id is the message id: creating the same upload again gives the same place, at the offset it has.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Der;
use super::page::Cursor;
use super::union::UnionCertificates;
use crate::domain::digest::Tag;
use crate::domain::ids::{InsurerNumber, MessageId, OfficeCode, UserId};

/// The union of this user, with its certificates.
pub const UNION: &str = "/employer/v1/union";
/// Uploads by tus.
pub const UPLOADS: &str = "/employer/v1/uploads";
/// What this user sent, with receipts.
pub const SENT: &str = "/employer/v1/sent";

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
