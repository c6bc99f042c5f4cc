//! What goes wrong, as the problem document that it is. Causes that are ours stay in the log.

use std::io;

use crate::gateway::flows::reveal::RevealError;
use crate::gateway::flows::send::SendError;
use crate::wire::problem::{Code, Problem};

impl From<RevealError> for Problem {
    fn from(error: RevealError) -> Self {
        match error {
            RevealError::Unknown => Self::new(Code::MessageUnknown),
            RevealError::Quarantined => Self::new(Code::MessageQuarantined),
            RevealError::Damaged(reason) => {
                tracing::error!(code = reason.code(), "an archived file does not verify any more");
                Self::new(Code::MessageDamaged).with_detail(reason.english())
            }
            RevealError::Store(error) => error.into(),
            RevealError::File(error) => failed(&error),
        }
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        let code = match &error {
            SendError::NoAddressee
            | SendError::TooManyAddressees
            | SendError::UnknownUser(_)
            | SendError::UnknownOffice(_) => Code::RecipientRefused,
            SendError::Comment => Code::CommentRefused,
            SendError::ContentType | SendError::Key | SendError::Size => Code::RequestMalformed,
            SendError::KeyTaken => Code::IdempotencyConflict,
            SendError::Malware(_) => Code::UploadRefused,
            SendError::TooLarge { .. } => Code::ParcelTooLarge,
            SendError::Full => Code::StorageFull,
            SendError::NoMessage(_) => Code::MessageUnknown,
            SendError::Collected(_) => Code::DeliveryCollected,
            SendError::State(_) => Code::MessageState,
            SendError::Relay(_) | SendError::Scanner(_) => Code::Unavailable,
            SendError::Approver
            | SendError::Store(_)
            | SendError::Disk(_)
            | SendError::Seal(_)
            | SendError::Internal => {
                let detail = &error as &dyn std::error::Error;
                tracing::error!(code = error.code(), error = detail, "a file cannot be sent");
                return Self::new(Code::Internal);
            }
        };
        Self::new(code).with_detail(error.to_string())
    }
}

/// A file of ours that cannot be read or written.
pub(super) fn failed(error: &io::Error) -> Problem {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    tracing::error!(code = "api.file", error = error as &dyn std::error::Error, "a file cannot be read or written");
    Problem::new(if full { Code::StorageFull } else { Code::Internal })
}
