//! Sending as the console does it: said before, taken in as it comes, followed, and all reminded at once.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::super::{Admin, AdminError};
use crate::domain::file_name::FileName;
use crate::domain::ids::MessageId;
use crate::domain::sending::Sending;
use crate::gateway::flows::send::{Forecast, NewDispatch, Origin, SendError, To};
use crate::store::gateway::dispatches::{self, Dispatch};
use crate::store::gateway::sent;

/// Word for every office that is registered.
pub const EVERYBODY: &str = "all";

/// A file that somebody sends from the console.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Whom to.
    pub to: Vec<To>,
    /// The name that they see.
    pub file_name: FileName,
    /// A line for the reader.
    pub comment: Option<String>,
    /// Bytes that it has at most.
    pub most: u64,
    /// Who comes again with this key means the same file.
    pub key: String,
}

/// A dispatch with how many of its messages stand where.
#[derive(Debug, Clone)]
pub struct Followed {
    /// The dispatch.
    pub dispatch: Dispatch,
    /// How many stand where.
    pub counts: BTreeMap<Sending, u64>,
}

impl Followed {
    /// How many stand in one of these states.
    pub fn count(&self, states: &[Sending]) -> u64 {
        states.iter().filter_map(|state| self.counts.get(state)).sum()
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl Admin {
    /// Whom words mean: those of [`Admin::addressees`], and `all`.
    pub async fn everyone(&self, words: &[&str]) -> Result<Vec<To>, AdminError> {
        let mut to = Vec::new();
        for word in words {
            match *word {
                EVERYBODY => to.extend(self.every_office().await?.into_iter().map(To::Office)),
                word => to.extend(self.addressees(word).await?),
            }
        }
        Ok(to)
    }

    /// Who would get a file now, and who would not.
    pub async fn forecast(&self, to: &[To]) -> Result<Forecast, AdminError> {
        Ok(self.gateway.sender.forecast(to).await?)
    }

    /// Takes a file in as it comes. What breaks off leaves nothing behind.
    pub async fn take_in(&self, file: NewFile, content: impl Read + Send + 'static) -> Result<MessageId, AdminError> {
        let new = NewDispatch {
            to: file.to,
            file_name: file.file_name,
            // Receivers do not trust a declared type, so none is guessed.
            content_type: "application/octet-stream".to_owned(),
            comment: file.comment,
            size: file.most,
            origin: Origin::Console,
            key: Some(file.key),
            actor: self.actor.clone(),
        };
        let staged = self.gateway.sender.stage_from(new, content, &self.origin).await?;
        staged.id.parse().map_err(|_| SendError::Internal.into())
    }

    /// Dispatches, newest first.
    pub async fn dispatches(&self, before: Option<i64>, limit: u32) -> Result<Vec<Followed>, AdminError> {
        self.followed(dispatches::newest(self.read(), before, limit).await?).await
    }

    /// Dispatches that wait for a second person, the oldest first.
    pub async fn held(&self, limit: u32) -> Result<Vec<Followed>, AdminError> {
        self.followed(dispatches::held(self.read(), limit).await?).await
    }

    /// One dispatch; none if a message is called so, or nothing.
    pub async fn dispatch(&self, id: MessageId) -> Result<Option<Followed>, AdminError> {
        let found = dispatches::find(self.read(), id).await?;
        Ok(self.followed(found.into_iter().collect()).await?.pop())
    }

    async fn followed(&self, found: Vec<Dispatch>) -> Result<Vec<Followed>, AdminError> {
        let mut all = Vec::with_capacity(found.len());
        for dispatch in found {
            let counts = sent::counts(self.read(), dispatch.number).await?.into_iter().collect();
            all.push(Followed { dispatch, counts });
        }
        Ok(all)
    }

    /// Whether whoever acts has handed this in.
    pub fn has_sent(&self, dispatch: &Dispatch) -> bool {
        self.is_actor(&dispatch.actor)
    }

    /// Has everybody reminded who has not fetched their message of a dispatch. Answers how many messages that are.
    ///
    /// # Errors
    /// What the relay says of the first that it does not do; the others are asked for all the same.
    pub async fn remind_all(&self, id: MessageId) -> Result<usize, AdminError> {
        let sender = &self.gateway.sender;
        let dispatch = dispatches::find(self.read(), id).await?.ok_or(AdminError::NoMessage(id))?;
        let messages = sent::of_dispatch(self.read(), dispatch.number).await?;
        let waits = |one: &sent::Sent| matches!(one.state, Sending::Deposited | Sending::Relayed);
        let waiting: Vec<MessageId> = messages.iter().filter(|one| waits(one)).map(|one| one.id).collect();
        let asked = waiting.into_iter().map(|id| {
            let (sender, admin) = (Arc::clone(sender), self.clone());
            async move { sender.remind(id, admin.by()).await }
        });
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(sender.limits.parallel.max(1)).collect().await;
        let mut done = 0;
        for answer in answers {
            match answer {
                Ok(_) => done += 1,
                // Somebody has fetched it meanwhile.
                Err(SendError::State(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }
}
