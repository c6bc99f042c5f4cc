//! What does not match in what the relay hands over.

use serde::{Deserialize, Serialize};

/// A receipt that does not match: somebody lies or something is broken, and people must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Alarm {
    /// The relay has the message and gives no receipt for it.
    #[error("the relay gives no receipt for a message that it has")]
    Missing,
    /// Not signed by whom it should be.
    #[error("a receipt is not signed by whom it should be")]
    Signature,
    /// About another message.
    #[error("a receipt is about another message")]
    Message,
    /// The relay or the union got other sealed bytes than we sent.
    #[error("a receipt is for other bytes than were sent")]
    Tag,
    /// The union read another content than we signed.
    #[error("a receipt is for another content than was signed")]
    Digest,
    /// Stages that cannot follow one another.
    #[error("the receipts do not follow one another")]
    Order,
    /// A receipt that does not name the one before it.
    #[error("the chain of receipts is broken")]
    Chain,
    /// A receipt that we have is not there any more, or is another one now.
    #[error("a receipt that was there before is missing or was exchanged")]
    Withdrawn,
    /// The relay has a message of ours that this folder does not know.
    #[error("the relay has a message that this folder does not know")]
    UnknownHere,
    /// The sealed bytes are gone from the outbox before the relay had them: that number can never be sent.
    #[error("the sealed message is gone from the outbox")]
    Gone,
    /// The relay says that it does not have a message for which it gave a receipt.
    #[error("the relay does not know a message any more that it had taken")]
    Lost,
}

impl Alarm {
    /// Every one there is.
    pub const ALL: &[Self] = &[
        Self::Missing,
        Self::Signature,
        Self::Message,
        Self::Tag,
        Self::Digest,
        Self::Order,
        Self::Chain,
        Self::Withdrawn,
        Self::UnknownHere,
        Self::Gone,
        Self::Lost,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "receipt.missing",
            Self::Signature => "receipt.signature",
            Self::Message => "receipt.message",
            Self::Tag => "receipt.tag",
            Self::Digest => "receipt.digest",
            Self::Order => "receipt.order",
            Self::Chain => "receipt.chain",
            Self::Withdrawn => "receipt.withdrawn",
            Self::UnknownHere => "sent.unknown-here",
            Self::Gone => "sent.gone",
            Self::Lost => "sent.lost",
        }
    }
}
