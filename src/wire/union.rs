//! `/union/v1`: what a union's gateway asks of the relay, on the VPN listener, with the union's client certificate.
//!
//! | method and path | body → answer |
//! | --- | --- |
//! | GET [`HANDSHAKE`] | → [`Handshake`] |
//! | GET [`PARCELS`] `?after&limit&wait` | → `Page<Parcel>`: what waits, oldest first; long poll with `wait` |
//! | GET [`PARCELS`] `?state=acknowledged&after&limit` | → `Page<Parcel>`: what was acknowledged and is kept still |
//! | GET [`PARCELS`]`/{id}/content` | → the sealed bytes; `Range: bytes=N-` gives 206 |
//! | POST [`ACKNOWLEDGEMENTS`] | [`Acknowledgements`] → [`AcknowledgementResults`] |
//! | PUT [`CERTIFICATES`] | [`UnionCertificates`] → 204 |
//! | GET [`USERS`] `?after&limit` | → `Page<User>` |
//! | PUT [`USERS`]`/{user}` | [`UserRegistration`] → 204 (makes or replaces) |
//! | POST [`USERS`]`/{user}/disable` | [`DisableUser`] → [`Confirmation`] |
//! | POST [`USERS`]`/{user}/enable` | → [`Confirmation`] |
//! | PUT [`USERS`]`/{user}/enrolment` | [`EnrolmentOrder`] → [`Confirmation`] |
//! | POST [`USERS`]`/{user}/link` | → [`Confirmation`]: a new link by mail for the enrolment that is open |
//! | POST [`USERS`]`/{user}/notices` | [`Notice`] → [`Confirmation`] |
//! | GET [`CERTIFICATE_REQUESTS`] `?after&limit&wait` | → `Page<PendingRequest>`: without an answer, oldest first; long poll |
//! | POST [`CERTIFICATE_REQUESTS`]`/{id}/answer` | [`RequestAnswer`] → [`Confirmation`] |
//!
//! Whatever changes a user is an order: it carries its number in [`ORDER`], and so does an answer to a request. An order that
//! comes behind a later one of the same user, because it hung somewhere, is refused as `order.overtaken` and changes nothing.
//!
//! [`EnrolmentOrder`]: super::enrolment::EnrolmentOrder
//! [`Notice`]: super::enrolment::Notice
//! [`PendingRequest`]: super::enrolment::PendingRequest

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Der;
use super::enrolment::{Device, EnrolmentStatus};
use super::page::{Cursor, PageQuery};
use crate::domain::digest::{Fingerprint, Tag};
use crate::domain::ids::{InsurerNumber, MessageId, OfficeCode, RequestId, UserId};
use crate::secret::LoginVerifier;

/// Who is there, which version, what time it is.
pub const HANDSHAKE: &str = "/union/v1/handshake";
/// Parcels that wait for the union.
pub const PARCELS: &str = "/union/v1/parcels";
/// Acknowledgements, many at once.
pub const ACKNOWLEDGEMENTS: &str = "/union/v1/acknowledgements";
/// The union's own certificates, for its employers to fetch.
pub const CERTIFICATES: &str = "/union/v1/certificates";
/// The union's users.
pub const USERS: &str = "/union/v1/users";

/// Requests for certificates that wait for the union's answer.
pub const CERTIFICATE_REQUESTS: &str = "/union/v1/certificate-requests";

/// The header with an order's number.
pub const ORDER: &str = "kx-order";

/// The place of an order in its union's line: rises, never used twice. 0 stands before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderNumber(pub i64);

impl OrderNumber {
    /// Larger than any that comes about by counting, and small enough to count on from: what a peer claims beyond it is
    /// not believed.
    pub const LARGEST: Self = Self(1 << 53);
}

/// The path of the answer to a request for certificates.
pub fn request_answer(id: RequestId) -> String {
    format!("{CERTIFICATE_REQUESTS}/{id}/answer")
}

/// The path of a user's enrolment.
pub fn user_enrolment(user: &UserId) -> String {
    format!("{USERS}/{user}/enrolment")
}

/// The path for mailing a new link.
pub fn user_link(user: &UserId) -> String {
    format!("{USERS}/{user}/link")
}

/// The path for notices to a user.
pub fn user_notices(user: &UserId) -> String {
    format!("{USERS}/{user}/notices")
}

/// The path of a parcel's bytes.
pub fn parcel_content(id: MessageId) -> String {
    format!("{PARCELS}/{id}/content")
}

/// Answer of [`HANDSHAKE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Version of the contract ([`super::VERSION`]).
    pub version: String,
    /// The union that the client certificate belongs to.
    pub union: InsurerNumber,
    /// The relay's clock.
    pub now: Timestamp,
    /// When this union was here before, if ever.
    pub last_seen: Option<Timestamp>,
    /// The certificate (DER) that the relay signs its receipts with.
    pub receipt_certificate: Der,
    /// The place of the union's newest acknowledgement, if what it is about is kept still. A gateway that knows only earlier
    /// ones has forgotten something.
    pub acknowledged: Option<Cursor>,
    /// The place of what the union has sent last. A relay that tells an earlier one than the union has seen has forgotten
    /// something: it came back from a backup. So has one that has something else at a place that the union has seen, however far it is now: a
    /// union asks with `after` one before that place and `limit=1`.
    pub newest_delivery: Option<Cursor>,
    /// The place of the newest thing that became of what the union has sent, likewise.
    pub newest_event: Option<Cursor>,
    /// How employers reach the relay: what goes into a kit.
    pub entrance: Entrance,
}

/// How employers reach the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entrance {
    /// `https://HOST:PORT`.
    pub url: String,
    /// Who vouches for the certificate there.
    pub roots: Vec<Der>,
}

/// Which parcels are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParcelState {
    /// Those that wait for the union, by the order in which they came.
    #[default]
    Waiting,
    /// Those that the union has acknowledged and the relay keeps still, by the order of the acknowledgements. Cursors of this
    /// list are its own.
    Acknowledged,
}

/// The query of [`PARCELS`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParcelQuery {
    /// Which parcels.
    pub state: ParcelState,
    /// As in [`PageQuery`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
    /// As in [`PageQuery`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// As in [`PageQuery`]; for what waits only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<u32>,
}

impl ParcelQuery {
    /// A page of the parcels in this state.
    pub const fn new(state: ParcelState, page: PageQuery) -> Self {
        Self { state, after: page.after, limit: page.limit, wait: page.wait }
    }

    /// The page.
    pub const fn page(&self) -> PageQuery {
        PageQuery { after: self.after, limit: self.limit, wait: self.wait }
    }
}

/// A sealed message as the relay holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The message id that the sender told.
    pub id: MessageId,
    /// The place in the list.
    pub cursor: Cursor,
    /// The user whose certificate deposited it. The gateway believes the signature, not this.
    pub sender: UserId,
    /// Length in bytes.
    pub size: u64,
    /// The GCM tag read from its end, if it ends like a sealed message.
    pub tag: Option<Tag>,
    /// When the last byte was durable.
    pub deposited_at: Timestamp,
    /// The relay's signed `relayed` receipt (DER of a CMS `SignedData`).
    pub relayed: Der,
}

/// Body of POST [`ACKNOWLEDGEMENTS`]; at most [`super::page::MAX_LIMIT`] of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgements {
    /// Parcels that are durable at the union.
    pub items: Vec<Acknowledgement>,
}

/// "It is durable here": the relay need not list it any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// Which parcel.
    pub id: MessageId,
    /// The union's signed receipt for the sender; none for what went to quarantine.
    pub receipt: Option<Der>,
}

/// Answer to [`Acknowledgements`], in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgementResults {
    /// One for each.
    pub items: Vec<AcknowledgementResult>,
    /// As in [`Handshake`], after these.
    pub acknowledged: Option<Cursor>,
}

/// What became of one acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgementResult {
    /// Which parcel.
    pub id: MessageId,
    /// What became of it.
    pub outcome: AcknowledgementOutcome,
}

/// What became of one acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcknowledgementOutcome {
    /// Taken now.
    Acknowledged,
    /// Was taken before; a receipt that comes anew is added.
    AlreadyAcknowledged,
    /// The relay has no such parcel for this union (any more).
    Unknown,
    /// The receipt is no receipt of this union for this message. The parcel goes on waiting, the others are not held up.
    ReceiptRefused,
}

/// The union's own certificates. Several while old and new overlap, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnionCertificates {
    /// For sealing to the union.
    pub encryption: Vec<Der>,
    /// That the union signs receipts and messages with.
    pub signing: Vec<Der>,
    /// What the union's CA has revoked (DER of its newest list), the union's own certificates too.
    #[serde(default)]
    pub revoked: Option<Der>,
}

/// Body of PUT [`USERS`]`/{user}`. With neither certificates nor devices nobody may come in: an enrolment that is open ends too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserRegistration {
    /// The user's office.
    pub office: OfficeCode,
    /// The certificates (DER) with which the user may come in and sign: the relay checks each against the union's CA.
    pub certificates: Vec<Der>,
    /// The user's PCs with their device certificates. Empty until the first enrolment ends, or where there is none.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// When a PC was replaced: the login starts again from the initial password. The same order again does not do it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginVerifier>,
}

impl UserRegistration {
    /// Whether there is nothing in it to come in with.
    pub fn lets_nobody_in(&self) -> bool {
        self.certificates.is_empty() && self.devices.is_empty()
    }
}

/// Body of POST `/union/v1/certificate-requests/{id}/answer`. All of it takes effect at once. The same again changes
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestAnswer {
    /// The signed [`Answer`](super::enrolment::Answer), for the app.
    pub answer: Der,
    /// With certificates: who may come in from now on.
    pub registration: Option<UserRegistration>,
}

/// A user as the relay knows it: no name, no address of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// The place in the list.
    pub cursor: Cursor,
    /// Of which office.
    pub office: OfficeCode,
    /// Whether the user may come in.
    pub enabled: bool,
    /// The newest order about the user that took effect.
    pub order: OrderNumber,
    /// The certificates that are registered.
    pub certificates: Vec<Fingerprint>,
    /// The device certificates of the user's PCs.
    pub devices: Vec<Fingerprint>,
    /// The enrolment that is open, if one is.
    pub enrolment: Option<EnrolmentStatus>,
    /// Whether a PIN of the user is locked, until the union makes a new enrolment.
    pub pin_locked: bool,
    /// Until when logins are locked after wrong passwords.
    pub login_locked_until: Option<Timestamp>,
    /// The last successful login.
    pub last_login_at: Option<Timestamp>,
    /// When a mail to the user last failed for good: the mail server refused it, or it came back. None again with a new enrolment, and
    /// when a later mail has stayed out for a week.
    #[serde(default)]
    pub mail_failed_at: Option<Timestamp>,
}

/// Body of POST [`USERS`]`/{user}/disable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisableUser {
    /// When the union decided it.
    pub at: Timestamp,
}

/// The relay has done it, durably.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// When it took effect at the relay.
    pub at: Timestamp,
}
