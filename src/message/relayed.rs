//! Whether to believe the `relayed` receipt that the relay gives for a message, whichever way that goes. It is the relay's own
//! word and no part of a verdict, but it is kept as evidence, and a wrong one means that the relay lies or is broken.

use super::keys::Certificate;
use super::receipt::{SignedReceipt, Stage};
use crate::domain::digest::Tag;
use crate::domain::ids::MessageId;

/// The largest one that is kept: ours are a tenth of it.
const MAX: usize = 16 * 1024;

/// What is wrong with it. The codes are those that an employer's app uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Not signed by the relay, or no receipt at all.
    Signature,
    /// About another message.
    Message,
    /// For other bytes than came.
    Tag,
    /// Of another stage, or behind another receipt.
    Order,
}

impl Doubt {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Signature => "receipt.signature",
            Self::Message => "receipt.message",
            Self::Tag => "receipt.tag",
            Self::Order => "receipt.order",
        }
    }
}

/// Checks it against the relay's certificates and the tag at the end of the message's bytes. Blocks.
pub fn check(id: MessageId, relayed: &[u8], tag: Option<Tag>, signers: &[Certificate]) -> Result<(), Doubt> {
    if relayed.len() > MAX {
        return Err(Doubt::Signature);
    }
    let signed = SignedReceipt::from_der(relayed.to_owned());
    let receipt = signers.iter().find_map(|signer| signed.verify(signer).ok()).ok_or(Doubt::Signature)?;
    if receipt.by != "relay" {
        return Err(Doubt::Signature);
    }
    if receipt.message_id != id {
        return Err(Doubt::Message);
    }
    if receipt.stage != Stage::Relayed || receipt.previous.is_some() {
        return Err(Doubt::Order);
    }
    if receipt.tag == tag { Ok(()) } else { Err(Doubt::Tag) }
}
