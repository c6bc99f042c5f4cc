//! What the relay has from us and this database does not know: it came back from a backup. Each such message is fetched, opened
//! with our own key, and takes the place in its stream that it has; only then is anything new numbered. Of one whose bytes are gone the
//! relay has kept what we said to ourselves about its place.

mod found;

use std::collections::HashMap;
use std::io::{self, Write};

use tokio_util::sync::CancellationToken;

use super::check::Doubt;
use super::outcome::SendRunError;
use super::{Sender, place, standing};
use crate::domain::address::Address;
use crate::domain::ids::{MessageId, OfficeCode};
use crate::domain::sending::{Progress, Sending};
use crate::gateway::relay::{Chunks, Relay};
use crate::message::receipt::Stage;
use crate::message::relayed;
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::dispatches::{self, Dispatch};
use crate::store::gateway::events::{self, Kind, NewEvent};
use crate::store::gateway::marks::{self, List};
use crate::store::gateway::sent::{self, NewSent, Sealed, Sent};
use crate::store::gateway::sent_receipts::{self, SentReceipt};
use crate::store::gateway::sent_recipients::{self, Mark};
use crate::store::gateway::users;
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::client::{ClientError, Fault};
use crate::wire::delivery::{Delivery, DeliveryState};
use crate::wire::page::{Cursor, PageQuery};
use found::Found;

/// Deliveries on a page.
const PAGE: u32 = 250;

impl<R: Relay> Sender<R> {
    /// Goes through what the relay has from us since we last did.
    pub(super) async fn take_over(&self, stop: &CancellationToken) -> Result<(), SendRunError> {
        let database = &self.receiver.database;
        loop {
            if stop.is_cancelled() {
                return Err(SendRunError::Stopped);
            }
            let mark = marks::get(database.read(), List::Deliveries).await?;
            let query =
                PageQuery { after: mark.as_ref().map(|mark| Cursor(mark.place)), limit: Some(PAGE), wait: None };
            let page = self.receiver.relay.deliveries(query).await?;
            self.receiver.breaker.answered();
            let Some(next) = page.items.last().map(standing::of_delivery) else { return Ok(()) };
            let ids: Vec<MessageId> = page.items.iter().map(|delivery| delivery.id).collect();
            let known = sent::find_all(&mut *database.reader().await?, &ids).await?;
            let known: HashMap<MessageId, Sent> = known.into_iter().map(|sent| (sent.id, sent)).collect();
            let mut forgotten = Vec::new();
            for delivery in &page.items {
                if known.get(&delivery.id).is_none_or(|sent| sent.link.is_none()) {
                    forgotten.push((delivery, self.look_into(delivery, stop).await?));
                }
            }
            let mut transaction = database.write().await?;
            if !marks::set(&mut transaction, List::Deliveries, mark.as_ref(), &next).await? {
                continue;
            }
            for delivery in &page.items {
                if let Some(sent) = known.get(&delivery.id) {
                    self.note_times(&mut transaction, sent, delivery).await?;
                }
            }
            let mut strangers = Vec::new();
            for (delivery, found) in forgotten {
                match found {
                    Some(found) => self.adopt(&mut transaction, delivery, found).await?,
                    None => strangers.push(delivery.id),
                }
            }
            self.tell_of_strangers(&mut transaction, &strangers).await?;
            database.commit(transaction).await?;
            if !page.more {
                return Ok(());
            }
        }
    }

    /// What a delivery is, if it is ours. What cannot be had now stops the run.
    async fn look_into(&self, delivery: &Delivery, stop: &CancellationToken) -> Result<Option<Found>, SendRunError> {
        if delivery.kept && delivery.size > 0 {
            // Whatever goes wrong here says nothing of whose it is: the mark does not move past it.
            if let Err(error) = self.fetch(delivery, stop).await {
                self.outbox.give_up(delivery.id);
                return Err(error);
            }
            let (keys, path, expected) = (self.keys(), self.outbox.temporary(delivery.id), delivery.clone());
            let task = tokio::task::spawn_blocking(move || found::read(&path, &keys, &expected));
            let found = task.await.map_err(|_| SendRunError::Internal);
            self.outbox.give_up(delivery.id);
            if let Some(found) = found?? {
                return Ok(Some(found));
            }
        }
        let (keys, expected) = (self.keys(), delivery.clone());
        let task = tokio::task::spawn_blocking(move || {
            let place = expected.place.as_ref().and_then(|kept| place::read(expected.id, kept, &keys));
            place.map(Found::from).or_else(|| found::said(&expected, &keys).map(Found::from))
        });
        task.await.map_err(|_| SendRunError::Internal)
    }

    /// Fetches the sealed bytes into the outbox, under a name that means nothing.
    async fn fetch(&self, delivery: &Delivery, stop: &CancellationToken) -> Result<(), SendRunError> {
        let Some(_room) = self.disk.admit(delivery.size)? else {
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        };
        let mut content = self.receiver.relay.delivery_content(delivery.id, delivery.size, 0).await?;
        let (mut file, mut length) = (self.outbox.begin(delivery.id)?, 0);
        while let Some(bytes) = stop.run_until_cancelled(content.chunk()).await.ok_or(SendRunError::Stopped)?? {
            length += bytes.len() as u64;
            let written = tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file));
            file = written.await.map_err(|_| SendRunError::Internal)??;
        }
        if length == delivery.size { Ok(()) } else { Err(ClientError::Protocol(Fault::Length).into()) }
    }

    /// Takes a message into the books: a row of its own, or the place of the one that was staged before the backup and numbered
    /// after it.
    async fn adopt(&self, connection: &mut Connection, delivery: &Delivery, found: Found) -> Result<(), StoreError> {
        let now = self.receiver.clock.now();
        let staged = sent::find(&mut *connection, delivery.id).await?;
        let message = match staged {
            Some(staged) => staged,
            None => self.insert_forgotten(connection, delivery, &found).await?,
        };
        let sealed = found.sealed.as_ref();
        if sent::at_place(&mut *connection, &found.to, found.link.sequence).await?.is_some_and(|id| id != delivery.id) {
            // Two under one number: one of them was made after a backup that did not know of the other. Nothing is hidden by it,
            // and nothing held up.
            sent::alarm(connection, message.number, "sequence.fork").await?;
        } else {
            sent::number_known(connection, message.number, &found.link, sealed).await?;
        }
        let relayed = self.relayed_of(delivery, sealed).await;
        let said = self.has_said(delivery, &found).await;
        let to = match delivery.state {
            DeliveryState::Withdrawn if said => Sending::Recalled,
            DeliveryState::Expired if self.is_over(Some(delivery.expires_at)) => Sending::Expired,
            DeliveryState::Fetched => Sending::Sealed.hear(Progress::Fetched),
            _ if relayed => Sending::Sealed.hear(Progress::Relayed),
            _ => Sending::Deposited,
        };
        sent::change(connection, message.number, message.state, to, None, now).await?;
        if let (true, Some(der)) = (relayed, &delivery.relayed) {
            let (stage, at) = (Stage::Relayed.code().to_owned(), delivery.deposited_at);
            let receipt =
                SentReceipt { message: message.number, user: None, stage, at, der: der.0.clone(), refused: None };
            sent_receipts::insert(connection, &receipt).await?;
        }
        let recipients: Vec<_> = delivery.recipients.iter().map(|one| (one.user.clone(), None)).collect();
        sent_recipients::insert(connection, message.number, &recipients).await?;
        for one in &delivery.recipients {
            let marks = [
                (Mark::Fetched, one.fetched_at),
                (Mark::Acknowledged, one.acknowledged_at),
                (Mark::Dropped, one.dropped_at),
            ];
            for (mark, at) in marks {
                if let Some(at) = at {
                    sent_recipients::mark(connection, message.number, &one.user, mark, at).await?;
                }
            }
        }
        sent::set_relay_times(connection, message.number, delivery.deposited_at, Some(delivery.expires_at)).await?;
        let message = sent::get(&mut *connection, message.number).await?;
        match &delivery.statement {
            Some(statement) if said => {
                sent::set_statement(connection, message.number, &statement.0).await?;
                sent::told(connection, message.number, Some(now)).await?;
            }
            _ if to == Sending::Expired => self.state_about(connection, &message).await?,
            _ => {}
        }
        if let Some(doubt) = doubt(delivery, to, said)
            && sent::alarm(connection, message.number, doubt.code()).await?
        {
            self.alarm(connection, &message, None, doubt).await?;
        }
        tracing::warn!(code = "sent.taken-over", id = %message.id, "a message of ours that this database had forgotten");
        self.note(connection, &message, "gateway", "sent.taken-over", to.code()).await
    }

    async fn insert_forgotten(
        &self,
        connection: &mut Connection,
        delivery: &Delivery,
        found: &Found,
    ) -> Result<Sent, StoreError> {
        let now = self.receiver.clock.now();
        let content = found.content.as_ref();
        let unknown = || "unknown".parse().expect("a plain word is a file name");
        let dispatch = Dispatch {
            number: 0,
            id: delivery.id,
            origin: "restored".to_owned(),
            key: None,
            actor: "gateway".to_owned(),
            held: false,
            approval: None,
            file_name: content.map_or_else(unknown, |content| content.file_name.clone()),
            content_type: content.map_or_else(String::new, |content| content.media_type.clone()),
            comment: content.and_then(|content| content.comment.clone()),
            size: content.map_or(0, |content| content.size),
            copy: None,
            staged_at: now,
            put_away: false,
        };
        let number = dispatches::insert(connection, &dispatch).await?;
        let office = self.office_of(connection, &found.to).await?;
        let row =
            NewSent { id: delivery.id, addressee: found.to.clone(), office, state: Sending::Released, code: None };
        sent::insert(connection, number, &[row], now).await?;
        sent::find(connection, delivery.id).await?.ok_or(StoreError::Missing("message"))
    }

    /// The office of an addressee, where it is known.
    pub(super) async fn office_of(
        &self,
        connection: &mut Connection,
        to: &Address,
    ) -> Result<Option<OfficeCode>, StoreError> {
        Ok(match to {
            Address::Office(_, office) => Some(office.clone()),
            Address::User(_, user) => users::find(connection, user).await?.map(|user| user.office),
            Address::Union(_) => None,
        })
    }

    /// Whether the relay has what we said about the number of a delivery, signed by us.
    async fn has_said(&self, delivery: &Delivery, found: &Found) -> bool {
        let (keys, expected) = (self.keys(), delivery.clone());
        let said = tokio::task::spawn_blocking(move || found::said(&expected, &keys)).await;
        matches!(said, Ok(Some(said)) if found.is_meant_by(&said))
    }

    async fn relayed_of(&self, delivery: &Delivery, sealed: Option<&Sealed>) -> bool {
        let (Some(relayed), Some(sealed)) = (delivery.relayed.clone(), sealed) else { return false };
        let (keys, id, tag) = (self.keys(), delivery.id, sealed.tag);
        let task = tokio::task::spawn_blocking(move || relayed::check(id, &relayed.0, Some(tag), &keys.relay_receipt));
        matches!(task.await, Ok(Ok(())))
    }

    /// The relay lists something in our name that we did not make, or cannot read any more. People hear of the first on a page: a
    /// relay that lies fills neither their mailbox nor our books.
    async fn tell_of_strangers(&self, connection: &mut Connection, ids: &[MessageId]) -> Result<(), StoreError> {
        let Some(id) = ids.first() else { return Ok(()) };
        let (code, at) = ("delivery.unknown", self.receiver.clock.now());
        tracing::error!(code, %id, count = ids.len(), "the relay has something in our name that we do not know");
        self.receiver.metrics.receipts_refused_total.with_label_values(&[code]).inc_by(ids.len() as u64);
        let subject = id.to_string();
        let entry = Entry {
            at,
            actor: "gateway".to_owned(),
            action: "delivery.unknown",
            subject: subject.clone(),
            before: String::new(),
            after: format!("{code} count:{}", ids.len()),
        };
        audit::insert(connection, &[entry]).await?;
        events::insert(connection, &[NewEvent { at, kind: Kind::SentAlarm, subject, office: None, user: None }]).await
    }
}

/// What does not fit in what the relay says of how a delivery stands.
fn doubt(delivery: &Delivery, to: Sending, said: bool) -> Option<Doubt> {
    let is_unsaid = !said && (delivery.statement.is_some() || delivery.state == DeliveryState::Withdrawn);
    let is_collected = to.reached_nobody() && delivery.recipients.iter().any(|one| one.fetched_at.is_some());
    is_unsaid.then_some(Doubt::Statement).or(is_collected.then_some(Doubt::Collected))
}
