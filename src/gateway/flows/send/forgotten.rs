//! A relay that came back from a backup has forgotten what it got, gave out and was told since. At the last places that we have seen there
//! is nothing then, or something else: its lists are gone through from the beginning, it is told again what it was told, and asked for all that is on its way.
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
use crate::store::gateway::events::{self, Kind, NewEvent};
use crate::store::gateway::marks::{self, List, Mark, Marks};
use crate::store::gateway::sent::{self, Sent};
use crate::store::gateway::{sent_receipts, sent_recipients};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::client::ClientError;
use crate::wire::delivery::{Delivery, DeliveryState};
use crate::wire::page::Cursor;
use crate::wire::problem::Code;
use crate::wire::union::Handshake;

/// What nobody has fetched for so long is asked for.
const LONG: SignedDuration = SignedDuration::from_hours(24);
/// Whatever the relay does to its lists: so seldom they are gone through again, and people hear of it.
const SELDOM: SignedDuration = SignedDuration::from_hours(1);
/// Messages that are looked for at once, and how often in one run: what is to be sent does not wait for all of them.
const AT_ONCE: u32 = 50;
const ROUNDS: u32 = 4;

fn place(mark: Option<&Mark>) -> Option<i64> {
    mark.map(|mark| mark.place)
}

/// Until when nothing more is done about something that was last done at `at`. A clock that was set back holds nothing up for longer.
fn pause_after(at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let until = at.saturating_add(SELDOM).ok()?;
    (at <= now && now < until).then_some(until)
}

impl<R: Relay> Sender<R> {
    /// Before when the relay must have been asked for what it has signed for.
    pub(super) fn asked_before(now: Timestamp) -> Timestamp {
        now.saturating_sub(LONG).unwrap_or(Timestamp::MIN)
    }

    /// Whether the relay has forgotten something since we heard it last. Then everything is gone through again by the next run.
    ///
    /// What stands at the places that we know decides; the newest places that the relay tells only have to agree with that.
    pub async fn compare_marks(&self) -> Result<bool, SendRunError> {
        let receiver = &self.receiver;
        // Read before the relay answers: its lists only grow.
        let before = marks::all(receiver.database.read()).await?;
        let hello = receiver.relay.handshake().await?;
        receiver.breaker.answered();
        let deliveries = self.still_has(List::Deliveries, before.deliveries.as_ref()).await?;
        let has_forgotten = !deliveries || !self.still_has(List::News, before.news.as_ref()).await?;
        if has_forgotten {
            if !self.forget(&before, &hello).await? {
                return Ok(false);
            }
        } else {
            let denies =
                |newest: Option<Cursor>, mark: &Option<Mark>| newest.map(|newest| newest.0) < place(mark.as_ref());
            if denies(hello.newest_delivery, &before.deliveries) || denies(hello.newest_event, &before.news) {
                self.tell_of_denial(&before, &hello).await?;
            }
        }
        self.compared.store(true, Ordering::SeqCst);
        Ok(has_forgotten)
    }

    /// Begins to go through everything again. False when a mark has moved meanwhile.
    async fn forget(&self, before: &Marks, hello: &Handshake) -> Result<bool, SendRunError> {
        let (database, now) = (&self.receiver.database, self.receiver.clock.now());
        if let Some(until) = before.forgot_at.and_then(|at| pause_after(at, now)) {
            return Err(SendRunError::ForgotAgain { until });
        }
        let mut transaction = database.write().await?;
        if !marks::forget(&mut transaction, before, now).await? {
            return Ok(false);
        }
        sent::ask_and_tell_again(&mut transaction).await?;
        self.note_about_relay(&mut transaction, Kind::RelayForgot, before, hello).await?;
        database.commit(transaction).await?;
        self.heard.forget();
        self.owes.store(true, Ordering::SeqCst);
        tracing::warn!(
            code = "relay.forgot",
            "the relay has forgotten what it had and told: everything is gone through again"
        );
        Ok(true)
    }

    /// Its lists have what it says that they do not reach: nothing was forgotten, and people hear of it, once an hour at most.
    async fn tell_of_denial(&self, before: &Marks, hello: &Handshake) -> Result<(), StoreError> {
        let (database, now) = (&self.receiver.database, self.receiver.clock.now());
        if before.denied_at.and_then(|at| pause_after(at, now)).is_some() {
            return Ok(());
        }
        let mut transaction = database.write().await?;
        marks::denied(&mut transaction, now).await?;
        self.note_about_relay(&mut transaction, Kind::RelayDenied, before, hello).await?;
        database.commit(transaction).await?;
        tracing::error!(code = "relay.denied", "the relay says of its own lists what they themselves deny");
        Ok(())
    }

    /// Audit and event, for people to hear of it.
    async fn note_about_relay(
        &self,
        connection: &mut Connection,
        kind: Kind,
        before: &Marks,
        hello: &Handshake,
    ) -> Result<(), StoreError> {
        let (at, subject) = (self.receiver.clock.now(), "relay".to_owned());
        let places = |delivery: Option<i64>, news: Option<i64>| {
            format!("delivery:{} event:{}", delivery.unwrap_or(0), news.unwrap_or(0))
        };
        let told = |cursor: Option<Cursor>| cursor.map(|cursor| cursor.0);
        let entry = Entry {
            at,
            actor: "gateway".to_owned(),
            action: kind.code(),
            subject: subject.clone(),
            before: places(place(before.deliveries.as_ref()), place(before.news.as_ref())),
            after: places(told(hello.newest_delivery), told(hello.newest_event)),
        };
        audit::insert(connection, &[entry]).await?;
        events::insert(connection, &[NewEvent { at, kind, subject, office: None, user: None }]).await
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
                self.note_times(connection, message, &delivery).await?;
                let ends = message.expires_at.max(Some(delivery.expires_at));
                if self.is_over(ends) && message.state.expire().is_ok() {
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
