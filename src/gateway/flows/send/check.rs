//! Whether to believe a receipt for a message of ours. The relay hands them over and is not trusted with them: each must be
//! signed under a certificate that was registered for that user and counted then, speak of this message (id, tag, digest), and
//! name the receipt before it. What the relay says of itself is believed where our clock and our registry agree.

use jiff::{SignedDuration, Timestamp};

use super::Sender;
use crate::domain::address::Address;
use crate::domain::digest::Sha256;
use crate::domain::ids::UserId;
use crate::domain::user::UserState;
use crate::gateway::relay::Relay;
use crate::message::keys::{Certificate, Credential};
use crate::message::receipt::{MAX_REASON, Receipt, Return, SignedReceipt, Stage};
use crate::message::{relayed, words};
use crate::store::gateway::certificates::{Purpose, Registered};
use crate::store::gateway::sent::{self, Sent};
use crate::store::gateway::{standings, users};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::Der;
use crate::wire::delivery::{Delivery, DeliveryState};

/// What does not fit. The codes are those that an employer's app uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Not signed by the relay, or by the user it is said to be of.
    Signature,
    /// Signed with a certificate of the user that did not count then.
    Signer,
    /// About another message.
    Message,
    /// For other bytes than were sent.
    Tag,
    /// For another content than was signed.
    Digest,
    /// Of a stage that cannot follow.
    Order,
    /// It does not name the receipt before it.
    Chain,
    /// The app has the message and gives no receipt: it could not verify it, or somebody keeps the receipt back.
    Missing,
    /// A recipient's later receipt says that this number is missing there, long after the relay had our statement about it.
    Gap,
    /// Of a user whom the message is not for.
    Recipient,
    /// The relay says that its time is over, and by our clock it is not; or that it ends earlier than the relay had said.
    Early,
    /// The relay says that a user was disabled, and ours is not.
    Dropped,
    /// The relay does not have it any more, and somebody may have had it from there.
    Lost,
    /// The relay gave out what it had said that nobody gets.
    Collected,
    /// The relay says that we took it back, or what we said about its number, and we signed nothing of the kind.
    Statement,
}

impl Doubt {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Signature => "receipt.signature",
            Self::Signer => "receipt.signer",
            Self::Message => "receipt.message",
            Self::Tag => "receipt.tag",
            Self::Digest => "receipt.digest",
            Self::Order => "receipt.order",
            Self::Chain => "receipt.chain",
            Self::Missing => "receipt.missing",
            Self::Gap => "receipt.gap",
            Self::Recipient => "receipt.recipient",
            Self::Early => "delivery.expired-early",
            Self::Dropped => "delivery.dropped-enabled",
            Self::Lost => "delivery.lost",
            Self::Collected => "delivery.collected",
            Self::Statement => "delivery.statement",
        }
    }
}

impl From<relayed::Doubt> for Doubt {
    fn from(doubt: relayed::Doubt) -> Self {
        match doubt {
            relayed::Doubt::Signature => Self::Signature,
            relayed::Doubt::Message => Self::Message,
            relayed::Doubt::Tag => Self::Tag,
            relayed::Doubt::Order => Self::Order,
        }
    }
}

/// The newest receipt of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) stage: Stage,
    pub(super) hash: Sha256,
}

/// A user whose receipts come in.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) address: Address,
    /// When the PC was lost, if it was.
    pub(super) lost_at: Option<Timestamp>,
    /// Every certificate of the user.
    pub(super) certificates: Vec<Registered>,
}

impl Signer {
    /// Reads a receipt that this user signed, with a certificate that counted when the relay got it. Blocks.
    pub(super) fn read(&self, der: &Der, at: Timestamp) -> Result<Receipt, Doubt> {
        let signed = SignedReceipt::from_der(der.0.clone());
        let (mut receipt, mut doubt) = (None, Doubt::Signature);
        for one in self.certificates.iter().filter(|one| one.purpose == Purpose::Signing) {
            let Ok(certificate) = Certificate::from_der(&one.der) else { continue };
            let Ok(read) = signed.verify(&certificate) else { continue };
            if self.counted(one, at) {
                receipt = Some(read);
                break;
            }
            doubt = Doubt::Signer;
        }
        let receipt = receipt.ok_or(doubt)?;
        if receipt.by == self.address.to_string() { Ok(receipt) } else { Err(Doubt::Signature) }
    }

    /// The clock of whoever signed says nothing: what counts is when the relay had it.
    fn counted(&self, one: &Registered, at: Timestamp) -> bool {
        let lost = self.lost_at.is_some_and(|lost| at >= lost && one.registered_at <= lost);
        let revoked = one.revoked_at.is_some_and(|revoked| at >= revoked);
        (one.not_before..one.not_after).contains(&at) && !lost && !revoked
    }
}

impl<R: Relay> Sender<R> {
    /// Whether a message's time at the relay is over by our clock, which may differ a little from the relay's.
    pub(super) fn is_over(&self, expires_at: Option<Timestamp>) -> bool {
        let skew = i64::try_from(self.receiver.limits.rules.clock_skew_seconds).unwrap_or(i64::MAX);
        let now = self.receiver.clock.now().saturating_add(SignedDuration::from_secs(skew)).unwrap_or(Timestamp::MAX);
        expires_at.is_some_and(|end| end <= now)
    }

    /// Notes what the relay says of a message's time there. That it ends earlier than was said before, or has ended before that, is not believed.
    pub(super) async fn note_times(
        &self,
        connection: &mut Connection,
        message: &Sent,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let ends = Some(delivery.expires_at);
        sent::set_relay_times(connection, message.number, delivery.deposited_at, ends).await?;
        let is_early = match delivery.state {
            DeliveryState::Withdrawn => false,
            DeliveryState::Expired if !self.is_over(message.expires_at.max(ends)) => true,
            _ => message.expires_at > ends,
        };
        if is_early
            && !message.state.has_ended()
            && sent::alarm(connection, message.number, Doubt::Early.code()).await?
        {
            self.alarm(connection, message, None, Doubt::Early).await?;
        }
        Ok(())
    }

    /// Whether our registry has a user shut out, or had at some time since a moment.
    pub(super) async fn is_shut_out(
        &self,
        connection: &mut Connection,
        user: &UserId,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let state = users::find(&mut *connection, user).await?.map(|user| user.state);
        Ok(state != Some(UserState::Enabled) || standings::disabled_since(connection, user, since).await?)
    }
}

/// Whether a recipient's receipt fits the message and the chain.
pub(super) fn fits(receipt: &Receipt, message: &Sent, before: Option<Before>) -> Result<(), Doubt> {
    if receipt.message_id != message.id {
        return Err(Doubt::Message);
    }
    let follows = matches!(
        (before.map(|before| before.stage), receipt.stage),
        (Some(Stage::Relayed), Stage::Verified) | (Some(Stage::Verified), Stage::Accepted | Stage::Returned)
    );
    if !follows {
        return Err(Doubt::Order);
    }
    if receipt.previous != before.map(|before| before.hash) {
        return Err(Doubt::Chain);
    }
    // What is only known from the relay's word to have been taken back has nothing that a receipt could be for.
    let sealed = message.sealed.as_ref().ok_or(Doubt::Tag)?;
    if receipt.tag != Some(sealed.tag) {
        return Err(Doubt::Tag);
    }
    if receipt.digest != Some(sealed.digest.to_string()) {
        return Err(Doubt::Digest);
    }
    if receipt.words.is_some() && receipt.stage != Stage::Returned {
        return Err(Doubt::Order);
    }
    Ok(())
}

/// Why a message was returned, if the words open and are about this message. Blocks.
pub(super) fn reason(receipt: &Receipt, keys: &[Credential]) -> Option<String> {
    let said: Return = words::open(receipt.words.as_deref()?, keys).ok()?;
    let fits = said.message_id == receipt.message_id && said.reason.chars().count() <= MAX_REASON;
    fits.then_some(said.reason)
}
