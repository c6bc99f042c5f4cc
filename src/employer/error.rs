//! What keeps the app from doing its work, and whose fault it is.

use std::path::PathBuf;

use jiff::SignedDuration;

use super::home::HomeError;
use super::inbox::InboxRefused;
use super::kit::KitError;
use super::ledger::LedgerError;
use super::outgoing::{RefusedComment, RefusedFile};
use super::refusal::{PinRefused, SetupRefused};
use crate::domain::ids::MessageId;
use crate::message::words::WordsError;
use crate::pki::PkiError;
use crate::secret::password::WeakPassword;
use crate::wire::client::{ClientError, SettingsError};
use crate::wire::problem::Code;

/// Why a command ended without having done what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EmployerError {
    /// Configuration: the home folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Configuration: the connection.
    #[error(transparent)]
    Connection(#[from] SettingsError),
    /// Input: the kit.
    #[error(transparent)]
    Kit(#[from] KitError),
    /// Input or peer: the key store stays shut.
    #[error(transparent)]
    Pin(#[from] PinRefused),
    /// Input: a new password that breaks the rule.
    #[error(transparent)]
    Password(#[from] WeakPassword),
    /// The set-up does not go on.
    #[error(transparent)]
    Setup(#[from] SetupRefused),
    /// Peer: an answer of the union that is not the union's, or about something else.
    #[error("the answer to the request for certificates is not the union's")]
    Answer,
    /// Us: a key or a request for a certificate could not be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// Us: a request for certificates could not be sealed or signed.
    #[error(transparent)]
    Words(#[from] WordsError),
    /// Environment: the folder of what was sent.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Input: a file that cannot be sent. Nothing was sent.
    #[error("{} cannot be sent: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: RefusedFile,
    },
    /// Input: the comment. Nothing was sent.
    #[error(transparent)]
    Comment(#[from] RefusedComment),
    /// Input: what was asked about what the union sends.
    #[error(transparent)]
    Inbox(#[from] InboxRefused),
    /// Peer: the relay.
    #[error(transparent)]
    Relay(#[from] ClientError),
    /// Peer: the relay, while this message was sent. It is kept and goes on at the next start.
    #[error("message {id} could not be sent: {cause}")]
    Upload {
        /// Which.
        id: MessageId,
        /// Why.
        #[source]
        cause: ClientError,
    },
    /// Environment: the clock of this PC, or the relay's. Nothing was sealed, and no certificate was judged by it.
    #[error("this PC's clock is {} s ahead of the server's", ahead.as_secs())]
    Clock {
        /// By how much; negative when ours is behind.
        ahead: SignedDuration,
    },
    /// Peer: the relay takes us for somebody else than we are.
    #[error("the relay knows this user as somebody else")]
    Identity,
    /// Configuration: the relay has messages from us that this folder does not know: it is an old copy, or somebody else has
    /// our key. Nothing was sealed.
    #[error("the relay has {} message(s) that this folder does not know, such as {}", .0.len(), .0[0])]
    OldCopy(Vec<MessageId>),
    /// Peer: the certificates that the relay hands over for the union are not the union's. Nothing was sealed for them.
    #[error("the relay has no certificate of the union that can be trusted")]
    UnionCertificate,
    /// Peer: there is no revocation list of the union that is not overdue, so nobody says that its certificates still count.
    /// Nothing was sealed for them.
    #[error("there is no current revocation list of the union")]
    NoRevocationList,
}

impl EmployerError {
    /// Which of these it is, as a word for logs: it says nothing of whom or what it is about.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Home(error) => error.kind(),
            Self::Connection(_) => "connection",
            Self::Kit(_) => "kit",
            Self::Pin(PinRefused::Wrong { .. }) => "pin.wrong",
            Self::Pin(PinRefused::Locked) => "pin.locked",
            Self::Pin(PinRefused::Relay(_)) => "pin.relay",
            Self::Password(_) => "password",
            Self::Setup(refused) => refused.kind(),
            Self::Answer => "answer",
            Self::Pki(_) => "pki",
            Self::Words(_) => "words",
            Self::Ledger(error) => error.kind(),
            Self::File { .. } => "file",
            Self::Comment(_) => "comment",
            Self::Inbox(refused) => refused.kind(),
            Self::Relay(cause) | Self::Upload { cause, .. } => cause.kind(),
            Self::Clock { .. } => "clock",
            Self::Identity => "identity",
            Self::OldCopy(_) => "old-copy",
            Self::UnionCertificate => "union-certificate",
            Self::NoRevocationList => "no-revocation-list",
        }
    }

    /// The code of the relay's refusal, if it was one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Relay(cause) | Self::Upload { cause, .. } => cause.code(),
            _ => None,
        }
    }

    /// Whether the same command may well succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Relay(cause) | Self::Upload { cause, .. } => cause.is_temporary(),
            Self::Ledger(LedgerError::Busy | LedgerError::Full { .. } | LedgerError::Changed)
            | Self::NoRevocationList => true,
            _ => false,
        }
    }
}
