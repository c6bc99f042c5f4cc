//! What keeps a message of the union from the person, and whose fault it is.

use std::io;
use std::path::PathBuf;

use crate::domain::ids::MessageId;
use crate::employer::alarm::Alarm;
use crate::employer::ledger::LedgerError;
use crate::message::receipt::MAX_REASON;
use crate::wire::client::ClientError;

use super::incoming::InboxState;

/// Why a command about what the union sends was refused.
#[derive(Debug, thiserror::Error)]
pub enum InboxRefused {
    /// Input: no such message, at the relay or here.
    #[error("there is no message {0}")]
    Unknown(MessageId),
    /// Input: nothing that could be handed out or sent back.
    #[error("message {id} is {}", state.code())]
    State {
        /// Which.
        id: MessageId,
        /// What it is.
        state: InboxState,
    },
    /// Input: it was handed out before, and the sealed message is not kept any more.
    #[error("message {0} is not kept any more")]
    NotKept(MessageId),
    /// Input: no folder to put files into.
    #[error("{} is not a folder", .0.display())]
    NoFolder(PathBuf),
    /// Input: words for the union that cannot be sent.
    #[error("the reason must be one line of 1 to {MAX_REASON} characters")]
    Reason,
}

impl InboxRefused {
    /// Which of these it is, as a word for logs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "inbox.unknown",
            Self::State { .. } => "inbox.state",
            Self::NotKept(_) => "inbox.not-kept",
            Self::NoFolder(_) => "inbox.no-folder",
            Self::Reason => "inbox.reason",
        }
    }
}

/// What is wrong with one message. The others go on.
#[derive(Debug, thiserror::Error)]
pub enum InboxTrouble {
    /// Peer: what the relay says of it does not hold.
    #[error(transparent)]
    Alarm(#[from] Alarm),
    /// Peer: the relay hands out what the union took back.
    #[error("the relay hands out a message that the union took back")]
    TakenBack,
    /// Peer: it could not be fetched.
    #[error("it could not be fetched")]
    Fetch(#[source] ClientError),
    /// Environment: no room, or a folder that cannot be written to.
    #[error(transparent)]
    Disk(#[from] LedgerError),
    /// Environment: the folder for files.
    #[error("the file cannot be written into the folder")]
    Folder(#[source] io::Error),
    /// Environment: the sealed message on this PC is not what it was, or its key is gone.
    #[error("the message that is kept here does not open any more")]
    Damaged,
    /// Peer: the relay does not take a receipt of ours.
    #[error("the relay does not take our receipt")]
    ReceiptRefused,
    /// Peer: the relay does not know the message any more that our receipt is about.
    #[error("the relay does not know the message any more")]
    ReceiptUnknown,
}

impl InboxTrouble {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Alarm(alarm) => alarm.code(),
            Self::TakenBack => "inbox.taken-back",
            Self::Fetch(error) => error.code().map_or("inbox.not-fetched", crate::wire::problem::Code::as_str),
            Self::Disk(LedgerError::Full { .. }) => "disk.full",
            Self::Disk(LedgerError::Disk { cause, .. }) if cause.kind() == io::ErrorKind::StorageFull => "disk.full",
            Self::Disk(_) => "disk.error",
            Self::Folder(error) if error.kind() == io::ErrorKind::StorageFull => "disk.full",
            Self::Folder(_) => "folder.write",
            Self::Damaged => "inbox.damaged",
            Self::ReceiptRefused => "receipt.refused",
            Self::ReceiptUnknown => "receipt.unknown",
        }
    }
}
