//! Deliveries: parcels on their way from a union to users of its employers.
//!
//! On the VPN listener, with the union's client certificate:
//!
//! | method and path | body → answer |
//! | --- | --- |
//! | POST [`UPLOADS`] | tus creation with `message_id`, `recipients` and perhaps `place` ([`Place`]), also with the first bytes → 201, `Location` |
//! | HEAD, PATCH, DELETE [`UPLOADS`]`/{id}` | tus |
//! | OPTIONS [`UPLOADS`] | tus |
//! | GET [`DELIVERIES`] `?after&limit` | → `Page<Delivery>`, in the order in which they became visible |
//! | GET [`DELIVERIES`]`/{id}` | → [`Delivery`] |
//! | GET [`DELIVERIES`]`/{id}/content` | → the sealed bytes while they are kept; `Range: bytes=N-` gives 206 |
//! | PUT [`DELIVERIES`]`/{id}/withdrawal` | [`Withdrawal`] → [`WithdrawalAnswer`] |
//! | POST [`DELIVERIES`]`/{id}/reminder` | → [`Confirmation`](super::union::Confirmation): a reminder by mail to who has not fetched it |
//! | GET [`EVENTS`] `?after&limit&wait` | → `Page<DeliveryEvent>`; long poll with `wait` |
//!
//! On the employers' listener, within a session:
//!
//! | method and path | body → answer |
//! | --- | --- |
//! | GET [`INBOX`] `?after&limit&wait` | → `Page<InboxParcel>`: what this user has not acknowledged, oldest first; long poll |
//! | GET [`INBOX`]`/{id}/content` | → the sealed bytes; `Range: bytes=N-` gives 206 |
//! | POST [`ACKNOWLEDGEMENTS`] | [`Acknowledgements`](super::union::Acknowledgements) → [`AcknowledgementResults`](super::union::AcknowledgementResults) |
//! | GET [`WITHDRAWALS`] `?after&limit` | → `Page<Withdrawn>`: what the union took back from this user |
//! | GET [`NOTICES`] | → [`NoticeChoice`] |
//! | PUT [`NOTICES`] | [`NoticeChoice`] → 204 |
//!
//! A delivery is *fetched* by a user from the moment at which the first of its bytes are given out: that is made durable before they
//! are, so that a delivery that was recalled was read by nobody.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Der;
use super::page::Cursor;
use crate::domain::address::Address;
use crate::domain::digest::{Sha256, Tag};
use crate::domain::ids::{MessageId, UserId};

/// The union's uploads by tus.
pub const UPLOADS: &str = "/union/v1/uploads";
/// What the union has sent.
pub const DELIVERIES: &str = "/union/v1/deliveries";
/// What became of what the union has sent.
pub const EVENTS: &str = "/union/v1/delivery-events";
/// What waits for a user.
pub const INBOX: &str = "/employer/v1/inbox";
/// What a user has, with receipts; many at once.
pub const ACKNOWLEDGEMENTS: &str = "/employer/v1/acknowledgements";
/// What the union took back.
pub const WITHDRAWALS: &str = "/employer/v1/withdrawals";
/// Which mails a user wants.
pub const NOTICES: &str = "/employer/v1/notices";

/// Users that one delivery can be for: their ids must fit into one header.
pub const MAX_RECIPIENTS: usize = 200;

/// The path of one of the union's uploads.
pub fn upload(id: MessageId) -> String {
    format!("{UPLOADS}/{id}")
}

/// The path of one delivery.
pub fn delivery(id: MessageId) -> String {
    format!("{DELIVERIES}/{id}")
}

/// The path of a delivery's bytes, for the union that sent it.
pub fn delivery_content(id: MessageId) -> String {
    format!("{DELIVERIES}/{id}/content")
}

/// The path of a delivery's withdrawal.
pub fn withdrawal(id: MessageId) -> String {
    format!("{DELIVERIES}/{id}/withdrawal")
}

/// The path of a delivery's reminder.
pub fn reminder(id: MessageId) -> String {
    format!("{DELIVERIES}/{id}/reminder")
}

/// The path of the bytes of what waits for a user.
pub fn inbox_content(id: MessageId) -> String {
    format!("{INBOX}/{id}/content")
}

/// How far a delivery has come, as far as a blind relay can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// Nobody has fetched it yet.
    Waiting,
    /// At least one recipient has fetched it.
    Fetched,
    /// The union took it back before anybody had fetched it, or it never came here.
    Withdrawn,
    /// Its time was over before anybody had fetched it.
    Expired,
}

/// A parcel from the union to users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The message id.
    pub id: MessageId,
    /// The place in the list.
    pub cursor: Cursor,
    /// How far it has come.
    pub state: DeliveryState,
    /// Length in bytes; 0 for what never came here.
    pub size: u64,
    /// The GCM tag read from its end.
    pub tag: Option<Tag>,
    /// When the last byte was durable.
    pub deposited_at: Timestamp,
    /// When it ends for those who have not fetched it.
    pub expires_at: Timestamp,
    /// Whether its bytes are here still.
    pub kept: bool,
    /// The relay's signed `relayed` receipt; none for what never came here.
    pub relayed: Option<Der>,
    /// The union's signed [`Statement`], once the relay has one: a union that came back from a backup reads there which number
    /// nobody gets.
    #[serde(default)]
    pub statement: Option<Der>,
    /// What the union deposited with it ([`Place`]), for nobody else.
    #[serde(default)]
    pub place: Option<Der>,
    /// Each user it is for.
    pub recipients: Vec<Recipient>,
}

/// A user that a delivery is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Who.
    pub user: UserId,
    /// When the first bytes were given out.
    pub fetched_at: Option<Timestamp>,
    /// When the user's app had it for good.
    pub acknowledged_at: Option<Timestamp>,
    /// Since when the user cannot have it any more: the user was disabled.
    pub dropped_at: Option<Timestamp>,
    /// The user's signed receipts in the order in which they came.
    pub receipts: Vec<Der>,
}

/// Something that became of a delivery. Kept for as long as its delivery's row is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryEvent {
    /// The place in the list: never used twice, rising in the order in which things happened.
    pub cursor: Cursor,
    /// Which delivery.
    pub id: MessageId,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub news: News,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum News {
    /// The relay has all of it.
    Relayed {
        /// The relay's signed receipt.
        receipt: Der,
    },
    /// The first bytes were given out to a recipient, for the first time.
    Fetched {
        /// To whom.
        user: UserId,
    },
    /// A recipient's app has it for good, with or without a receipt.
    Acknowledged {
        /// Whose.
        user: UserId,
    },
    /// A recipient's signed receipt.
    Receipt {
        /// Whose.
        user: UserId,
        /// `verified`, `accepted` or `returned`.
        receipt: Der,
    },
    /// A reminder was put into the outbox.
    Reminded {
        /// To whom.
        user: UserId,
    },
    /// A recipient was disabled and cannot have it any more.
    Dropped {
        /// Who.
        user: UserId,
    },
    /// The union took it back.
    Withdrawn,
    /// Its time was over.
    Expired {
        /// Who had not fetched it, where others had; nobody at all where no user stands here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<UserId>,
    },
    /// The relay has deleted its bytes.
    Deleted,
}

impl News {
    /// The stable code of its kind, as on the wire.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Relayed { .. } => "relayed",
            Self::Fetched { .. } => "fetched",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Receipt { .. } => "receipt",
            Self::Reminded { .. } => "reminded",
            Self::Dropped { .. } => "dropped",
            Self::Withdrawn => "withdrawn",
            Self::Expired { .. } => "expired",
            Self::Deleted => "deleted",
        }
    }

    /// The recipient whom it is about, if it is about one.
    pub const fn user(&self) -> Option<&UserId> {
        match self {
            Self::Fetched { user }
            | Self::Acknowledged { user }
            | Self::Receipt { user, .. }
            | Self::Reminded { user }
            | Self::Dropped { user } => Some(user),
            Self::Expired { user } => user.as_ref(),
            Self::Relayed { .. } | Self::Withdrawn | Self::Deleted => None,
        }
    }
}

/// Body of PUT [`withdrawal`]. Refused with `delivery.collected` once somebody has fetched it, unless its time is over: then the
/// statement is taken for those who have not. An id that is not known here, or whose upload is under way, is taken: it can never be
/// deposited afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// Whom it was for.
    pub recipients: Vec<UserId>,
    /// The signed [`Statement`], for the recipients.
    pub statement: Der,
}

/// Answer to a [`Withdrawal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalAnswer {
    /// When it took effect.
    pub at: Timestamp,
    /// Whether somebody had fetched it in time: then the statement is for the others, and the message was not taken back.
    pub collected: bool,
}

/// What the union signs about a message that it took back, that expired, or that it never sent under its number: why that number
/// is missing in the stream. Signed as receipts are ([`crate::message::words`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Which message.
    pub message_id: MessageId,
    /// Whom it was for.
    pub to: Address,
    /// Its number in the stream.
    pub sequence: u64,
    /// What the message before it is named by.
    pub previous: Sha256,
    /// What the message after it names it by.
    pub signature_hash: Sha256,
    /// When the union decided it.
    pub at: Timestamp,
}

/// Octets of a sealed [`Place`] at most: it must fit into one header beside [`MAX_RECIPIENTS`].
pub const MAX_PLACE: usize = 4096;

/// What the union says to itself about a message that it deposits: which place in the stream it has, and what names its bytes. Signed by
/// the union, and that sealed for the union ([`crate::message::words`]): the relay keeps it with the delivery's row and gives it to the
/// union only. A union that came back from a backup reads there which number is taken, also when the bytes are gone.
///
/// It is no [`Statement`], and cannot be read as one: recipients must believe no number to be explained that they are to get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Which message.
    pub place_of: MessageId,
    /// Whom it is for.
    pub to: Address,
    /// Its number in the stream.
    pub sequence: u64,
    /// What the message before it is named by.
    pub previous: Sha256,
    /// What the message after it names it by.
    pub signature_hash: Sha256,
    /// The signed message digest.
    pub digest: Sha256,
    /// The GCM tag of its sealed bytes.
    pub tag: Tag,
    /// Length of its sealed bytes.
    pub sealed_size: u64,
    /// When it was signed.
    pub signed_at: Timestamp,
}

/// A withdrawal as recipients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// Which message. Believe the statement, not this.
    pub id: MessageId,
    /// The place in the list.
    pub cursor: Cursor,
    /// The signed [`Statement`].
    pub statement: Der,
}

/// A parcel that waits for a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxParcel {
    /// The message id that the union told.
    pub id: MessageId,
    /// The place in the list.
    pub cursor: Cursor,
    /// Length in bytes.
    pub size: u64,
    /// The GCM tag read from its end.
    pub tag: Option<Tag>,
    /// When the last byte was durable.
    pub deposited_at: Timestamp,
    /// When it ends unless it is fetched before.
    pub expires_at: Timestamp,
    /// When this user was first given bytes of it.
    pub fetched_at: Option<Timestamp>,
    /// The relay's signed `relayed` receipt: the first of each recipient's chain of receipts.
    pub relayed: Der,
}

/// Which mails a user wants. What must be read (a link, an end of certificates) always comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoticeChoice {
    /// Files from the union: arrival, reminder, expiry, recall.
    pub received: bool,
    /// One's own files: fetched by the union, accepted. A return is always told.
    pub sent: bool,
}

impl Default for NoticeChoice {
    fn default() -> Self {
        Self { received: true, sent: true }
    }
}
