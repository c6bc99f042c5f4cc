//! An archived message becomes a file again: decrypted, and verified once more under the certificate that was frozen then.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::By;
use super::receive::Receiver;
use crate::domain::ids::MessageId;
use crate::domain::verdict::Reason;
use crate::gateway::keys::Keys;
use crate::message::error::OpenError;
use crate::message::keys::Certificate;
use crate::message::open::open;
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::events::{self, Kind, NewEvent};
use crate::store::gateway::messages::{self, Message};
use crate::store::gateway::{certificates, evidence};
use crate::store::sqlite::{Connection, StoreError};

/// Why a file is not taken out.
#[derive(Debug, thiserror::Error)]
pub enum RevealError {
    /// Input: no such message.
    #[error("there is no such message")]
    Unknown,
    /// Input: the message is in quarantine.
    #[error("the message is in quarantine")]
    Quarantined,
    /// Environment or attack: what is in the archive does not open or verify any more.
    #[error("the archived file does not verify any more: {0}")]
    Damaged(Reason),
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Environment: a file.
    #[error("a file cannot be read or written")]
    File(#[from] io::Error),
}

impl From<OpenError> for RevealError {
    fn from(error: OpenError) -> Self {
        error.into_reason().map_or_else(Self::File, Self::Damaged)
    }
}

/// A message that may be taken out, with all that is needed for it.
#[derive(Debug, Clone)]
pub struct Revealable {
    /// The message.
    pub message: Message,
    sealed: PathBuf,
    keys: Arc<Keys>,
    certificate: Certificate,
}

impl Revealable {
    /// Finds it; what is in quarantine stays there.
    pub async fn find<R>(receiver: &Receiver<R>, id: MessageId) -> Result<Self, RevealError> {
        let mut reader = receiver.database.reader().await?;
        let message = messages::find(&mut reader, id).await?.ok_or(RevealError::Unknown)?;
        if !message.verdict.is_accepted() {
            return Err(RevealError::Quarantined);
        }
        let evidence = evidence::find(&mut *reader, message.number).await?;
        let name = evidence.and_then(|evidence| evidence.certificate).ok_or(StoreError::Missing("evidence"))?;
        let found = certificates::find(&mut reader, &[name]).await?.into_iter().next();
        let registered = found.ok_or(StoreError::Missing("certificate"))?;
        let certificate = Certificate::from_der(&registered.der).map_err(|_| StoreError::Corrupt("certificate"))?;
        let sealed = receiver.archive.archived(&message.path);
        Ok(Self { message, sealed, keys: receiver.keys.current(), certificate })
    }

    /// Whether its sealed bytes are where they belong.
    pub fn is_there(&self) -> bool {
        self.sealed.exists()
    }

    /// Writes the file to `output`. What is there counts only if this is `Ok`: whoever gets to see it before has been told
    /// what nothing vouches for. Blocks.
    pub fn write<W: Write + Send>(&self, output: W) -> Result<W, RevealError> {
        let (opened, output) = open(File::open(&self.sealed)?, &self.keys.encryption, output)?;
        let verified = opened.verify(&self.certificate).map_err(|error| RevealError::Damaged(error.reason()))?;
        if verified.header().id != self.message.id {
            return Err(RevealError::Damaged(Reason::BindingMessageId));
        }
        if Some(verified.tag()) != self.message.tag {
            return Err(RevealError::Damaged(Reason::EnvelopeTampered));
        }
        Ok(output)
    }

    /// Bytes of the file, as it says itself.
    pub fn size(&self) -> u64 {
        self.message.content.as_ref().map_or(0, |content| content.size)
    }

    /// Notes who has taken it out; the first time that is an event.
    pub async fn note(
        &self,
        connection: &mut Connection,
        by: By<'_>,
        action: &'static str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let message = &self.message;
        if messages::set_opened(connection, message.number, at).await? {
            let content = message.content.as_ref();
            let event = NewEvent {
                at,
                kind: Kind::ReceivedOpened,
                subject: message.id.to_string(),
                office: content.and_then(|content| content.office.clone()),
                user: content.and_then(|content| content.user.clone()),
            };
            events::insert(connection, &[event]).await?;
        }
        self.log(connection, by, action, at).await
    }

    /// Writes into the audit that it was taken out.
    pub async fn log(
        &self,
        connection: &mut Connection,
        by: By<'_>,
        action: &'static str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let state = self.message.state.code().to_owned();
        let entry = Entry {
            at,
            actor: by.actor.to_owned(),
            action,
            subject: self.message.id.to_string(),
            before: state.clone(),
            after: state,
        };
        audit::insert_from(connection, &[entry], by.origin).await
    }
}
