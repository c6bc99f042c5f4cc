//! What a run of the push comes to.

use std::io;

use jiff::Timestamp;
use serde::Serialize;

use super::SendError;
use crate::gateway::relay;
use crate::store::sqlite::StoreError;
use crate::wire::client::ClientError;

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// Messages that got a number.
    pub sealed: u64,
    /// Messages that the relay has taken.
    pub deposited: u64,
    /// Messages that are put off, stopped or have failed.
    pub troubles: u64,
    /// Numbers that nobody gets, of which the relay was told.
    pub told: u64,
    /// News of the relay.
    pub news: u64,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum SendRunError {
    /// Environment: the relay.
    #[error("the relay does not work with us")]
    Relay(#[from] ClientError),
    /// Environment: after many failures the relay is left alone for a while.
    #[error("the relay has failed again and again; the next try is at {until}")]
    BreakerOpen {
        /// When the next try may be.
        until: Timestamp,
    },
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Environment: the disk.
    #[error("a file of ours cannot be read or written")]
    Disk(#[from] io::Error),
    /// The relay has news of messages that this database does not know, or has itself forgotten what it told: the next run looks.
    #[error("the relay or this database has forgotten messages: the next run looks for them")]
    Forgotten,
    /// Environment: the relay has forgotten something, and had a short while ago. Nothing is sent or heard until its lists are gone through.
    #[error("the relay has forgotten messages again, so soon after it had: its lists are gone through at {until}")]
    ForgotAgain {
        /// When they are.
        until: Timestamp,
    },
    /// Configuration: something that the relay has in our name was sealed for us and is not signed with any key of ours here.
    #[error("the relay has a message that no signing key of ours fits: name the old ones in keys.signing too")]
    Unreadable,
    /// The stop was asked for: the next run goes on.
    #[error("the run was stopped")]
    Stopped,
    /// Us: a task has panicked.
    #[error("a task of the run failed")]
    Internal,
}

impl SendRunError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Relay(error) => relay::code(error),
            Self::BreakerOpen { .. } => "relay.breaker-open",
            Self::Store(_) => "database",
            Self::Disk(_) => "disk.error",
            Self::Forgotten => "delivery.forgotten",
            Self::ForgotAgain { .. } => "relay.forgot",
            Self::Unreadable => "delivery.unreadable",
            Self::Stopped => "stopped",
            Self::Internal => "internal",
        }
    }
}

impl From<SendRunError> for SendError {
    fn from(error: SendRunError) -> Self {
        match error {
            SendRunError::Relay(error) => Self::Relay(error),
            SendRunError::Store(error) => Self::Store(error),
            SendRunError::Disk(error) => Self::Disk(error),
            SendRunError::BreakerOpen { .. }
            | SendRunError::Forgotten
            | SendRunError::ForgotAgain { .. }
            | SendRunError::Unreadable
            | SendRunError::Stopped
            | SendRunError::Internal => Self::Internal,
        }
    }
}
