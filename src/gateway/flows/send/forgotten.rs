//! A relay that came back from a backup has forgotten what it got, gave out and was told since. Its newest places lie behind those that we
//! have seen then: its lists are gone through from the beginning, it is told again what it was told, and asked for all that is on its way.
//! What it does not have, and nobody had from it, is deposited again: the same bytes under the same number.

use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::Sender;
use super::check::Doubt;
use super::outcome::SendRunError;
use crate::domain::sending::Sending;
use crate::gateway::relay::{Relay, is_outage};
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::sent::{self, Sent};
use crate::store::gateway::{delivery_mark, forget_sent_marks, news_mark, sent_receipts, sent_recipients};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::client::ClientError;
use crate::wire::delivery::{Delivery, DeliveryState};
use crate::wire::page::Cursor;
use crate::wire::problem::Code;

/// What nobody has fetched for so long is asked for.
const LONG: SignedDuration = SignedDuration::from_hours(24);
/// Messages that are looked for at once, and how often in one run: what is to be sent does not wait for all of them.
const AT_ONCE: u32 = 50;
const ROUNDS: u32 = 4;

impl<R: Relay> Sender<R> {
    /// Before when the relay must have been asked for what it has signed for.
    pub(super) fn asked_before(now: Timestamp) -> Timestamp {
        now.saturating_sub(LONG).unwrap_or(Timestamp::MIN)
    }

    /// Whether the relay has forgotten something since we heard it last. Then everything is gone through again by the next run.
    pub async fn compare_marks(&self) -> Result<bool, SendRunError> {
        let database = &self.receiver.database;
        // Read before the relay answers: its lists only grow.
        let mut reader = database.reader().await?;
        let (delivery, news) = (delivery_mark(&mut *reader).await?, news_mark(&mut *reader).await?);
        drop(reader);
        let hello = self.receiver.relay.handshake().await?;
        self.receiver.breaker.answered();
        let is_behind = |newest: Option<Cursor>, mark: Option<i64>| {
            mark.is_some_and(|mark| newest.is_none_or(|newest| newest.0 < mark))
        };
        if !is_behind(hello.newest_delivery, delivery) && !is_behind(hello.newest_event, news) {
            self.compared.store(true, Ordering::SeqCst);
            return Ok(false);
        }
        let mut transaction = database.write().await?;
        if !forget_sent_marks(&mut transaction, delivery, news).await? {
            return Ok(false);
        }
        sent::ask_and_tell_again(&mut transaction).await?;
        let places = |delivery: Option<i64>, news: Option<i64>| {
            format!("delivery:{} event:{}", delivery.unwrap_or(0), news.unwrap_or(0))
        };
        let place = |cursor: Option<Cursor>| cursor.map(|cursor| cursor.0);
        let entry = Entry {
            at: self.receiver.clock.now(),
            actor: "gateway".to_owned(),
            action: "relay.forgot",
            subject: "relay".to_owned(),
            before: places(delivery, news),
            after: places(place(hello.newest_delivery), place(hello.newest_event)),
        };
        audit::insert(&mut transaction, &[entry]).await?;
        database.commit(transaction).await?;
        self.heard.forget();
        self.owes.store(true, Ordering::SeqCst);
        self.compared.store(true, Ordering::SeqCst);
        tracing::warn!(
            code = "relay.forgot",
            "the relay has forgotten what it had and told: everything is gone through again"
        );
        Ok(true)
    }

    /// Asks for what the relay has taken and not signed for, what nobody has fetched for a long time, and, when it has forgotten
    /// something, all that is on its way: either it has it, or it gets it again.
    pub(super) async fn look_for_lost(&self, stop: &CancellationToken) -> Result<(), SendRunError> {
        let database = &self.receiver.database;
        for _ in 0..ROUNDS {
            let found = sent::to_find(database.read(), self.due(), AT_ONCE).await?;
            if found.is_empty() {
                break;
            }
            for message in found {
                if stop.is_cancelled() {
                    return Ok(());
                }
                let answer = match self.receiver.relay.delivery(message.id).await {
                    Err(error) if is_outage(&error) && error.code() != Some(Code::Internal) => return Err(error.into()),
                    answer => answer,
                };
                let mut transaction = database.write().await?;
                let message = sent::get(&mut *transaction, message.number).await?;
                self.asked(&mut transaction, &message, answer).await?;
                database.commit(transaction).await?;
            }
        }
        Ok(())
    }

    async fn asked(
        &self,
        connection: &mut Connection,
        message: &Sent,
        answer: Result<Delivery, ClientError>,
    ) -> Result<(), StoreError> {
        let now = self.receiver.clock.now();
        sent::asked(connection, message.number, now).await?;
        match answer {
            Err(error) if error.code() == Some(Code::ParcelUnknown) => return self.lost(connection, message).await,
            Ok(delivery) if delivery.state == DeliveryState::Expired => {
                sent::set_relay_times(connection, message.number, delivery.deposited_at, Some(delivery.expires_at))
                    .await?;
                if self.is_over(Some(delivery.expires_at)) && message.state.expire().is_ok() {
                    self.end(connection, message, Sending::Expired, None, "gateway").await?;
                }
            }
            _ => self.wait_on(connection, message).await?,
        }
        Ok(())
    }

    /// What the relay has not signed for is asked for again before long.
    async fn wait_on(&self, connection: &mut Connection, message: &Sent) -> Result<(), StoreError> {
        if message.state != Sending::Deposited {
            return Ok(());
        }
        let now = self.receiver.clock.now();
        let pause = self.receiver.backoff.pause(message.tries + 1, self.receiver.random.as_ref());
        let next = now.saturating_add(pause).unwrap_or(now);
        sent::put_off(connection, message.number, next, "receipt.awaited").await
    }

    /// The relay does not have it any more. Whatever nobody had from it goes there again; otherwise people are told.
    async fn lost(&self, connection: &mut Connection, message: &Sent) -> Result<(), StoreError> {
        tracing::warn!(code = "delivery.lost", id = %message.id, state = message.state.code(), "the relay has lost a message");
        if let Ok(to) = message.state.lose()
            && message.kept
        {
            let now = self.receiver.clock.now();
            sent::change(connection, message.number, message.state, to, None, now).await?;
            sent::lost(connection, message.number).await?;
            sent_receipts::void(connection, message.number, Doubt::Lost.code()).await?;
            return self.note(connection, message, "gateway", "sent.lost", to.code()).await;
        }
        let recipients = sent_recipients::of_message(&mut *connection, message.number).await?;
        let waits = |one: &sent_recipients::Recipient| {
            one.verified_at.is_none() && one.dropped_at.is_none() && one.expired_at.is_none()
        };
        if !message.state.has_ended()
            && recipients.iter().any(waits)
            && sent::alarm(connection, message.number, Doubt::Lost.code()).await?
        {
            self.alarm(connection, message, None, Doubt::Lost).await?;
        }
        self.wait_on(connection, message).await
    }
}
