//! What staff decide about what is on its way: approval, recall, reminder.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{SendError, Sender};
use crate::domain::ids::MessageId;
use crate::domain::sending::{NotFromHere, Sending};
use crate::failpoint;
use crate::gateway::flows::By;
use crate::gateway::relay::Relay;
use crate::gateway::view::sent::{DispatchView, SentView};
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::dispatches;
use crate::store::gateway::sent::{self, Sent};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::client::ClientError;
use crate::wire::problem::Code;

/// How long a person waits for the relay.
const PATIENCE: Duration = Duration::from_secs(10);

impl<R: Relay> Sender<R> {
    /// Lets a dispatch go that waits for a second person. Whoever sends it cannot approve it; `approver` is who does.
    pub async fn approve<'a>(&self, id: MessageId, approver: impl Into<By<'a>>) -> Result<DispatchView, SendError> {
        let By { actor: approver, origin } = approver.into();
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
        audit::insert_from(&mut transaction, &[entry], origin).await?;
        database.commit(transaction).await?;
        self.wake.notify_one();
        self.dispatch(id).await
    }

    /// Takes a message back that nobody has fetched. The relay is told at once; when it cannot be reached it is told as soon as
    /// it can, and until then the message is `recalling`.
    ///
    /// # Errors
    /// [`SendError::Collected`] when somebody has fetched it, by what we know or by what the relay says.
    pub async fn recall<'a>(self: &Arc<Self>, id: MessageId, by: impl Into<By<'a>>) -> Result<SentView, SendError> {
        let by = by.into();
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        let message = sent::find(&mut *transaction, id).await?.ok_or(SendError::NoMessage(id))?;
        let ordered = self.order_recall(&mut transaction, &message, by).await??;
        database.commit(transaction).await?;
        failpoint!("send.recall-ordered");
        if self.tell_at_once(vec![ordered]).await? > 0 {
            return Err(SendError::Collected(id));
        }
        self.find(id).await
    }

    /// Orders the recall of a message, and answers it as it stands then.
    async fn order_recall(
        &self,
        connection: &mut Connection,
        message: &Sent,
        by: By<'_>,
    ) -> Result<Result<Sent, SendError>, StoreError> {
        match message.state.recall() {
            Ok(to) => drop(self.end(connection, message, to, None, by).await?),
            // Ordered before: it is told again.
            Err(NotFromHere::State(Sending::Recalling)) => {}
            Err(cause) => return Ok(Err(SendError::not_from_here(message.id)(cause))),
        }
        Ok(Ok(sent::get(connection, message.number).await?))
    }

    /// Tells the relay of what was ordered, side by side, as long as a person waits. Answers how many come too late. What cannot be told
    /// now stands in the line.
    async fn tell_at_once(self: &Arc<Self>, ordered: Vec<Sent>) -> Result<usize, SendError> {
        let mut line = ordered.into_iter().filter(|message| message.statement.is_some());
        let (mut told, mut late) = (JoinSet::new(), 0);
        let telling = async {
            loop {
                while told.len() < self.limits.parallel
                    && let Some(message) = line.next()
                {
                    let sender = Arc::clone(self);
                    told.spawn(async move { sender.tell(&message).await });
                }
                let Some(answer) = told.join_next().await else { return Ok::<(), SendError>(()) };
                match answer.map_err(|_| SendError::Internal)?? {
                    Ok(collected) => late += usize::from(collected),
                    Err(error) => late += usize::from(error.code() == Some(Code::DeliveryCollected)),
                }
            }
        };
        if let Ok(told) = tokio::time::timeout(PATIENCE, telling).await {
            told?;
        }
        self.wake.notify_one();
        Ok(late)
    }

    /// Takes every message of a dispatch back that can be: all of them are ordered before the relay is told of any.
    ///
    /// # Errors
    /// [`SendError::Collected`] or [`SendError::State`] when none can be.
    pub async fn recall_dispatch<'a>(
        self: &Arc<Self>,
        id: MessageId,
        by: impl Into<By<'a>>,
    ) -> Result<DispatchView, SendError> {
        self.take_back(id, by.into(), |_| true).await
    }

    /// A second person does not agree: takes a dispatch back that waits for one.
    ///
    /// # Errors
    /// [`SendError::State`] when it does not wait any more: somebody was faster, and nothing is changed.
    pub async fn disagree<'a>(
        self: &Arc<Self>,
        id: MessageId,
        by: impl Into<By<'a>>,
    ) -> Result<DispatchView, SendError> {
        self.take_back(id, by.into(), |state| state == Sending::Held).await
    }

    /// Takes back what can be, and is meant by where it stands.
    async fn take_back(
        self: &Arc<Self>,
        id: MessageId,
        by: By<'_>,
        is_meant: impl Fn(Sending) -> bool,
    ) -> Result<DispatchView, SendError> {
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        let dispatch = dispatches::find(&mut *transaction, id).await?.ok_or(SendError::NoMessage(id))?;
        let (mut ordered, mut why) = (Vec::new(), SendError::Collected(id));
        for message in sent::of_dispatch(&mut *transaction, dispatch.number).await? {
            if !is_meant(message.state) {
                why = SendError::State(message.state);
                continue;
            }
            match self.order_recall(&mut transaction, &message, by).await? {
                Ok(message) => ordered.push(message),
                Err(error) => why = error,
            }
        }
        database.commit(transaction).await?;
        failpoint!("send.recall-ordered");
        let count = ordered.len();
        if self.tell_at_once(ordered).await? < count { self.dispatch(id).await } else { Err(why) }
    }

    /// Has those reminded by mail who have not fetched a message.
    pub async fn remind<'a>(&self, id: MessageId, by: impl Into<By<'a>>) -> Result<SentView, SendError> {
        let by = by.into();
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
        self.note(&mut transaction, &message, by, "sent.reminded", message.state.code()).await?;
        database.commit(transaction).await?;
        self.find(id).await
    }
}
