//! What staff decide about what is on its way: approval, recall, reminder.

use std::sync::Arc;
use std::time::Duration;

use super::{SendError, Sender};
use crate::domain::ids::MessageId;
use crate::domain::sending::{NotFromHere, Sending};
use crate::failpoint;
use crate::gateway::relay::Relay;
use crate::gateway::view::sent::{DispatchView, SentView};
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::{dispatches, sent};
use crate::wire::client::ClientError;
use crate::wire::problem::Code;

/// How long a person waits for the relay.
const PATIENCE: Duration = Duration::from_secs(10);

impl<R: Relay> Sender<R> {
    /// Lets a dispatch go that waits for a second person. Whoever sends it cannot approve it; `approver` is who does.
    pub async fn approve(&self, id: MessageId, approver: &str) -> Result<DispatchView, SendError> {
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        let dispatch = dispatches::find(&mut *transaction, id).await?.ok_or(SendError::NoMessage(id))?;
        if approver.trim().is_empty() || dispatch.actor.eq_ignore_ascii_case(approver.trim()) {
            return Err(SendError::Approver);
        }
        let now = self.receiver.clock.now();
        let to = Sending::Held.approve().map_err(SendError::not_from_here(id))?;
        let released = sent::change_all(&mut transaction, dispatch.number, Sending::Held, to, now).await?;
        if released == 0 {
            let messages = sent::of_dispatch(&mut *transaction, dispatch.number).await?;
            return Err(SendError::State(messages.first().map_or(Sending::Recalled, |message| message.state)));
        }
        dispatches::approve(&mut transaction, dispatch.number, approver.trim(), now).await?;
        let entry = Entry {
            at: now,
            actor: approver.trim().to_owned(),
            action: "sent.approved",
            subject: id.to_string(),
            before: Sending::Held.code().to_owned(),
            after: format!("{} messages:{released}", to.code()),
        };
        audit::insert(&mut transaction, &[entry]).await?;
        database.commit(transaction).await?;
        self.wake.notify_one();
        self.dispatch(id).await
    }

    /// Takes a message back that nobody has fetched. The relay is told at once; when it cannot be reached it is told as soon as
    /// it can, and until then the message is `recalling`.
    ///
    /// # Errors
    /// [`SendError::Collected`] when somebody has fetched it, by what we know or by what the relay says.
    pub async fn recall(self: &Arc<Self>, id: MessageId, actor: &str) -> Result<SentView, SendError> {
        let ordered = self.order_recall(id, actor).await?;
        if ordered.statement.is_some() {
            failpoint!("send.recall-ordered");
            // What cannot be told now stands in the line.
            if let Ok(told) = tokio::time::timeout(PATIENCE, self.tell(&ordered)).await
                && told?.is_err_and(|error| error.code() == Some(Code::DeliveryCollected))
            {
                return Err(SendError::Collected(id));
            }
            self.wake.notify_one();
        }
        self.find(id).await
    }

    async fn order_recall(&self, id: MessageId, actor: &str) -> Result<sent::Sent, SendError> {
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        let message = sent::find(&mut *transaction, id).await?.ok_or(SendError::NoMessage(id))?;
        match message.state.recall() {
            Ok(to) => {
                self.end(&mut transaction, &message, to, None, actor).await?;
                database.commit(transaction).await?;
            }
            // Ordered before: it is told again.
            Err(NotFromHere::State(Sending::Recalling)) => drop(transaction),
            Err(cause) => return Err(SendError::not_from_here(id)(cause)),
        }
        Ok(sent::get(database.read(), message.number).await?)
    }

    /// Takes every message of a dispatch back that can be.
    pub async fn recall_dispatch(self: &Arc<Self>, id: MessageId, actor: &str) -> Result<DispatchView, SendError> {
        let read = self.receiver.database.read();
        let dispatch = dispatches::find(read, id).await?.ok_or(SendError::NoMessage(id))?;
        let messages = sent::of_dispatch(read, dispatch.number).await?;
        let (mut recalled, mut why) = (0, SendError::Collected(id));
        for message in messages {
            match self.recall(message.id, actor).await {
                Ok(_) => recalled += 1,
                Err(error @ (SendError::Collected(_) | SendError::State(_))) => why = error,
                Err(error) => return Err(error),
            }
        }
        if recalled == 0 { Err(why) } else { self.dispatch(id).await }
    }

    /// Has those reminded by mail who have not fetched a message.
    pub async fn remind(&self, id: MessageId, actor: &str) -> Result<SentView, SendError> {
        let database = &self.receiver.database;
        let message = sent::find(database.read(), id).await?.ok_or(SendError::NoMessage(id))?;
        let on_its_way =
            matches!(message.state, Sending::Deposited | Sending::Relayed | Sending::Fetched | Sending::Verified);
        if !on_its_way {
            return Err(SendError::State(message.state));
        }
        let asked = tokio::time::timeout(PATIENCE, self.receiver.relay.remind(id)).await;
        asked.map_err(|_| ClientError::TimedOut)??;
        let mut transaction = database.write().await?;
        self.note(&mut transaction, &message, actor, "sent.reminded", message.state.code()).await?;
        database.commit(transaction).await?;
        self.find(id).await
    }
}
