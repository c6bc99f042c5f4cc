//! Why a PIN is not taken and a set-up does not go on.

use crate::secret::pin::PinError;
use crate::wire::enrolment::RefusalReason;

/// Why the key store stays shut.
#[derive(Debug, thiserror::Error)]
pub enum PinRefused {
    /// Input: another PIN was chosen.
    #[error("the PIN is wrong; {tries_left} tries are left")]
    Wrong {
        /// How many tries are left until it is locked.
        tries_left: u32,
    },
    /// Input: too many tries.
    #[error("the PIN is locked")]
    Locked,
    /// Peer: the relay does not use the key that it had when the PIN was chosen.
    #[error("the relay does not answer with the key that this PC was set up with")]
    Relay(#[from] PinError),
}

/// Why a set-up does not go on.
#[derive(Debug, thiserror::Error)]
pub enum SetupRefused {
    /// Input: no kit was named and none is kept.
    #[error("no kit is there yet")]
    NeedsKit,
    /// Input: the folder is another user's.
    #[error("the folder belongs to another user than the kit")]
    OtherUser,
    /// Input: this kit was used here before, to its end.
    #[error("the set-up with this kit is finished")]
    Finished,
    /// Input: another kit, while the request of the one before is under way.
    #[error("the set-up with another kit is under way")]
    UnderWay,
    /// Environment: another set-up is running in the folder.
    #[error("another set-up is running in this folder")]
    Busy,
    /// Input: the initial password is wrong, or the kit was altered. Nothing was sent.
    #[error("the initial password is wrong, or the kit was altered")]
    Password,
    /// Peer: the union said no.
    #[error("the union refused: {0:?}")]
    Union(RefusalReason),
}

impl SetupRefused {
    /// Which of these it is, as a word for logs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NeedsKit => "setup.needs-kit",
            Self::OtherUser => "setup.other-user",
            Self::Finished => "setup.finished",
            Self::UnderWay => "setup.under-way",
            Self::Busy => "setup.busy",
            Self::Password => "setup.password",
            Self::Union(_) => "setup.union",
        }
    }
}
