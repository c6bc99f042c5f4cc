//! Numbers that nobody gets: the union signs why, and the relay hands that to whom they were for.

use std::sync::Arc;

use super::Sender;
use super::check::Doubt;
use super::outcome::SendRunError;
use crate::domain::ids::UserId;
use crate::domain::sending::Sending;
use crate::gateway::flows::By;
use crate::gateway::relay::{self, Relay, is_outage};
use crate::message::words;
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::events::{self, Kind, NewEvent};
use crate::store::gateway::sent::{self, Sent};
use crate::store::gateway::sent_recipients;
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::Der;
use crate::wire::client::ClientError;
use crate::wire::delivery::{Statement, Withdrawal, WithdrawalAnswer};
use crate::wire::problem::Code;

/// Statements that are looked up at once.
const AT_ONCE: u32 = 100;
/// Tries of a statement that the relay refuses for a cause of its own.
const TRIES: u32 = 10;

impl<R: Relay> Sender<R> {
    /// Ends a message that nobody gets, in the transaction of the caller: its state, the statement about its number if it has
    /// one, audit and event. False when it does not stand any more where it stood.
    pub(super) async fn end<'a>(
        &self,
        connection: &mut Connection,
        message: &Sent,
        to: Sending,
        code: Option<&str>,
        by: impl Into<By<'a>>,
    ) -> Result<bool, StoreError> {
        let now = self.receiver.clock.now();
        if !sent::change(connection, message.number, message.state, to, code, now).await? {
            return Ok(false);
        }
        if let Some(statement) = self.statement(message).await? {
            sent::set_statement(connection, message.number, &statement).await?;
        }
        let (action, kind) = match to {
            Sending::Recalling => ("sent.recall", None),
            Sending::Recalled => ("sent.recalled", Some(Kind::SentRecalled)),
            Sending::Expired => ("sent.expired", Some(Kind::SentExpired)),
            Sending::Failed => ("sent.failed", Some(Kind::SentStopped)),
            _ => ("sent.stopped", Some(Kind::SentStopped)),
        };
        let after = code.map_or_else(|| to.code().to_owned(), |code| format!("{} {code}", to.code()));
        self.note(connection, message, by, action, &after).await?;
        if let Some(kind) = kind {
            self.announce(connection, message, kind, message.user.clone()).await?;
        }
        Ok(true)
    }

    /// An audit entry about a message.
    pub(super) async fn note<'a>(
        &self,
        connection: &mut Connection,
        message: &Sent,
        by: impl Into<By<'a>>,
        action: &'static str,
        after: &str,
    ) -> Result<(), StoreError> {
        let by = by.into();
        let entry = Entry {
            at: self.receiver.clock.now(),
            actor: by.actor.to_owned(),
            action,
            subject: message.id.to_string(),
            before: message.state.code().to_owned(),
            after: after.to_owned(),
        };
        audit::insert_from(connection, &[entry], by.origin).await
    }

    /// An event about a message, for those who tell people and programs of it.
    pub(super) async fn announce(
        &self,
        connection: &mut Connection,
        message: &Sent,
        kind: Kind,
        user: Option<UserId>,
    ) -> Result<(), StoreError> {
        let (at, subject) = (self.receiver.clock.now(), message.id.to_string());
        events::insert(connection, &[NewEvent { at, kind, subject, office: message.office.clone(), user }]).await
    }

    /// What the union says about a number that nobody gets. Nothing about a message without a number.
    async fn statement(&self, message: &Sent) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(link) = message.link else { return Ok(None) };
        let (keys, now) = (self.keys(), self.receiver.clock.now());
        let statement = Statement {
            message_id: message.id,
            to: message.addressee.clone(),
            sequence: link.sequence,
            previous: link.previous,
            signature_hash: link.hash,
            at: now,
        };
        let signed = tokio::task::spawn_blocking(move || words::sign(&statement, keys.signer(), now)).await;
        let Ok(Ok(der)) = signed else {
            tracing::error!(code = "statement.unsigned", id = %message.id, "a statement cannot be signed");
            return Err(StoreError::Missing("statement"));
        };
        Ok(Some(der))
    }

    /// Signs a statement about a message that has ended, for the relay to be told.
    pub(super) async fn state_about(&self, connection: &mut Connection, message: &Sent) -> Result<(), StoreError> {
        match self.statement(message).await? {
            Some(statement) => sent::set_statement(connection, message.number, &statement).await,
            None => Ok(()),
        }
    }

    /// Tells the relay what is due. Answers how many it has taken.
    pub(super) async fn tell_due(self: &Arc<Self>) -> Result<u64, SendRunError> {
        let mut told = 0;
        for message in sent::to_tell(self.receiver.database.read(), self.due(), AT_ONCE).await? {
            match self.tell(&message).await? {
                Ok(_) => told += 1,
                Err(error) if is_outage(&error) => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(told)
    }

    /// What was signed with a certificate that is not the union's newest any more is signed anew: nobody believes a statement under one
    /// that was revoked.
    async fn current_statement(&self, message: &Sent) -> Result<Option<Vec<u8>>, StoreError> {
        let (Some(statement), keys) = (message.statement.clone(), self.keys()) else { return Ok(None) };
        let signed = statement.clone();
        let check = move || words::verify::<Statement>(&signed, keys.signer().certificate()).is_ok();
        if tokio::task::spawn_blocking(check).await.unwrap_or(true) {
            return Ok(Some(statement));
        }
        let Some(anew) = self.statement(message).await? else { return Ok(Some(statement)) };
        let mut transaction = self.receiver.database.write().await?;
        sent::set_statement(&mut transaction, message.number, &anew).await?;
        self.receiver.database.commit(transaction).await?;
        Ok(Some(anew))
    }

    /// Tells the relay about one number, and notes what it says. Answers whether somebody has the message all the same.
    pub(super) async fn tell(&self, message: &Sent) -> Result<Result<bool, ClientError>, StoreError> {
        let Some(statement) = self.current_statement(message).await? else { return Ok(Ok(false)) };
        let recipients = sent_recipients::of_message(self.receiver.database.read(), message.number).await?;
        let recipients = recipients.into_iter().filter(|one| one.dropped_at.is_none()).map(|one| one.user).collect();
        let order = Withdrawal { recipients, statement: Der(statement) };
        let answer = self.receiver.relay.withdraw(message.id, &order).await;
        let refused = answer.as_ref().err().and_then(ClientError::code);
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        let now = self.receiver.clock.now();
        match (&answer, refused) {
            // Its time was over before it could be taken back, and somebody had fetched it: the statement is for the others.
            (Ok(WithdrawalAnswer { collected: true, .. }), _) => {
                sent::told(&mut transaction, message.number, Some(now)).await?;
                self.too_late(&mut transaction, message).await?;
            }
            // Also when there is nobody left to be told: nobody can fetch it either.
            (Ok(_), _) | (_, Some(Code::RecipientRefused | Code::DeliveryEnded)) => {
                self.confirmed(&mut transaction, message).await?;
            }
            // Somebody was faster than the recall. For any other cause the relay says that it gave out what it says nobody got.
            (_, Some(Code::DeliveryCollected)) => {
                self.too_late(&mut transaction, message).await?;
                sent::told(&mut transaction, message.number, None).await?;
            }
            (Err(error), _) => {
                let pause = self.receiver.backoff.pause(message.tries.min(TRIES) + 1, self.receiver.random.as_ref());
                let problem = error.code().map_or(relay::code(error), Code::as_str);
                let next = now.saturating_add(pause).unwrap_or(now);
                sent::put_off(&mut transaction, message.number, next, problem).await?;
            }
        }
        database.commit(transaction).await?;
        if matches!(answer, Ok(WithdrawalAnswer { collected: false, .. })) {
            self.let_go(std::slice::from_ref(message)).await?;
        }
        Ok(answer.map(|answer| answer.collected))
    }

    /// The relay says that somebody has a message. What was to be taken back is fetched then; of what has ended otherwise that cannot be.
    async fn too_late(&self, connection: &mut Connection, message: &Sent) -> Result<(), StoreError> {
        if let Ok(state) = message.state.collected() {
            let now = self.receiver.clock.now();
            sent::change(connection, message.number, message.state, state, None, now).await?;
            return self.note(connection, message, "gateway", "sent.recall-refused", state.code()).await;
        }
        if message.state.reached_nobody() && sent::alarm(connection, message.number, Doubt::Collected.code()).await? {
            self.alarm(connection, message, None, Doubt::Collected).await?;
        }
        Ok(())
    }

    /// The relay has taken the statement: nobody gets the message.
    pub(super) async fn confirmed(&self, connection: &mut Connection, message: &Sent) -> Result<(), StoreError> {
        let now = self.receiver.clock.now();
        sent::told(connection, message.number, Some(now)).await?;
        if let Ok(state) = message.state.withdrawn()
            && sent::change(connection, message.number, message.state, state, None, now).await?
        {
            self.note(connection, message, "gateway", "sent.recalled", state.code()).await?;
            self.announce(connection, message, Kind::SentRecalled, message.user.clone()).await?;
        }
        Ok(())
    }

    /// Lets the sealed bytes of messages go: first the file, then the row that says that it is there.
    pub(super) async fn let_go(&self, messages: &[Sent]) -> Result<(), StoreError> {
        let kept: Vec<&Sent> = messages.iter().filter(|message| message.kept).collect();
        if kept.is_empty() {
            return Ok(());
        }
        let (outbox, ids) = (self.outbox.clone(), kept.iter().map(|message| message.id).collect::<Vec<_>>());
        let gone = tokio::task::spawn_blocking(move || ids.into_iter().try_for_each(|id| outbox.let_go(id))).await;
        if !matches!(gone, Ok(Ok(()))) {
            tracing::warn!(code = "outbox.kept", "sealed messages that nobody needs cannot be removed");
            return Ok(());
        }
        let mut transaction = self.receiver.database.write().await?;
        for message in kept {
            sent::let_go(&mut transaction, message.number).await?;
        }
        self.receiver.database.commit(transaction).await
    }
}
