//! What the relay has from us and this database does not know: it came back from a backup. Each such message is fetched, opened
//! with our own key, and takes the place in its stream that it has; only then is anything new numbered. Of one whose bytes are gone the
//! relay has kept what we said to ourselves about its place.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};

use tokio_util::sync::CancellationToken;

use super::outcome::SendRunError;
use super::{Sender, place};
use crate::domain::address::Address;
use crate::domain::file_name::FileName;
use crate::domain::ids::{MessageId, OfficeCode};
use crate::domain::sending::{Progress, Sending};
use crate::domain::sequence::Link;
use crate::gateway::keys::Keys;
use crate::gateway::relay::{Chunks, Relay};
use crate::message::keys::Credential;
use crate::message::open::{Opened, open};
use crate::message::receipt::Stage;
use crate::message::{relayed, words};
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::dispatches::{self, Dispatch};
use crate::store::gateway::events::{self, Kind, NewEvent};
use crate::store::gateway::sent::{self, NewSent, Sealed, Sent};
use crate::store::gateway::sent_receipts::{self, SentReceipt};
use crate::store::gateway::sent_recipients::{self, Mark};
use crate::store::gateway::{delivery_mark, set_delivery_mark, users};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::client::{ClientError, Fault};
use crate::wire::delivery::{Delivery, DeliveryState, Place, Statement};
use crate::wire::page::{Cursor, PageQuery};

/// Deliveries on a page.
const PAGE: u32 = 250;

/// What is known of a message that we have forgotten.
struct Found {
    to: Address,
    link: Link,
    /// What names its bytes. Nothing is known of one that was taken back before it came.
    sealed: Option<Sealed>,
    /// What is in it, as long as the relay has it.
    content: Option<Content>,
}

impl From<Place> for Found {
    fn from(place: Place) -> Self {
        let link = Link { sequence: place.sequence, previous: place.previous, hash: place.signature_hash };
        let Place { to, digest, tag, sealed_size: size, signed_at, .. } = place;
        Self { to, link, sealed: Some(Sealed { digest, tag, size, signed_at }), content: None }
    }
}

/// What is in it.
struct Content {
    file_name: FileName,
    media_type: String,
    comment: Option<String>,
    size: u64,
}

impl<R: Relay> Sender<R> {
    /// Goes through what the relay has from us since we last did.
    pub(super) async fn take_over(&self, stop: &CancellationToken) -> Result<(), SendRunError> {
        let database = &self.receiver.database;
        loop {
            if stop.is_cancelled() {
                return Err(SendRunError::Stopped);
            }
            let mark = delivery_mark(database.read()).await?;
            let query = PageQuery { after: mark.map(Cursor), limit: Some(PAGE), wait: None };
            let page = self.receiver.relay.deliveries(query).await?;
            self.receiver.breaker.answered();
            let Some(next) = page.next else { return Ok(()) };
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
            if !set_delivery_mark(&mut transaction, mark, next.0).await? {
                continue;
            }
            for delivery in &page.items {
                if let Some(sent) = known.get(&delivery.id) {
                    let (at, ends) = (delivery.deposited_at, Some(delivery.expires_at));
                    sent::set_relay_times(&mut transaction, sent.number, at, ends).await?;
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
            let task = tokio::task::spawn_blocking(move || read(&path, &keys, &expected));
            let found = task.await.map_err(|_| SendRunError::Internal);
            self.outbox.give_up(delivery.id);
            if let Some(found) = found?? {
                return Ok(Some(found));
            }
        }
        let (keys, id, place, statement) =
            (self.keys(), delivery.id, delivery.place.clone(), delivery.statement.clone());
        let task = tokio::task::spawn_blocking(move || {
            if let Some(found) = place.and_then(|place| place::read(id, &place, &keys)) {
                return Some(Found::from(found));
            }
            let statement = statement?;
            let said = |own: &Credential| words::verify::<Statement>(&statement.0, own.certificate()).ok();
            let said = keys.signing.iter().find_map(said)?;
            let Statement { to, sequence, previous, signature_hash, .. } = said.clone();
            let ours = said.message_id == id && *to.union() == keys.union;
            let link = Link { sequence, previous, hash: signature_hash };
            ours.then_some(Found { to, link, sealed: None, content: None })
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
        let to = match delivery.state {
            DeliveryState::Withdrawn => Sending::Recalled,
            DeliveryState::Expired if self.is_over(Some(delivery.expires_at)) => Sending::Expired,
            DeliveryState::Fetched => Sending::Sealed.hear(Progress::Fetched),
            DeliveryState::Waiting | DeliveryState::Expired if relayed => Sending::Sealed.hear(Progress::Relayed),
            DeliveryState::Waiting | DeliveryState::Expired => Sending::Deposited,
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
            Some(statement) => {
                sent::set_statement(connection, message.number, &statement.0).await?;
                sent::told(connection, message.number, Some(now)).await?;
            }
            None if to == Sending::Expired => self.state_about(connection, &message).await?,
            None => {}
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

/// Opens a message of ours; nothing when it is none. Blocks.
fn read(path: &std::path::Path, keys: &Keys, delivery: &Delivery) -> Result<Option<Found>, SendRunError> {
    match open(File::open(path)?, &keys.encryption, io::sink()) {
        Ok((opened, _)) => {
            let name = opened.signer().fingerprint();
            let own = keys.signing.iter().find(|own| Some(own.certificate().fingerprint()) == name);
            // Sealed for us and from us, as it says: that must not be passed over for want of an old key.
            if own.is_none() && opened.header().from == keys.address() {
                return Err(SendRunError::Unreadable);
            }
            Ok(own.and_then(|own| found(&opened, own, keys, delivery)))
        }
        Err(error) if error.reason().is_none() => Err(io::Error::from(error).into()),
        Err(_) => Ok(None),
    }
}

fn found(opened: &Opened, own: &Credential, keys: &Keys, delivery: &Delivery) -> Option<Found> {
    let verified = opened.verify(own.certificate()).ok()?;
    let header = verified.header();
    let ours = header.from == keys.address() && header.id == delivery.id && *header.to.union() == keys.union;
    let digest = verified.digest().try_into().ok()?;
    let link = Link { sequence: header.sequence, previous: header.previous, hash: verified.signature_hash() };
    let content = Content {
        file_name: header.file_name.clone().ok()?,
        media_type: header.content_type.clone(),
        comment: header.comment.clone(),
        size: verified.size(),
    };
    let sealed =
        Sealed { digest, tag: verified.tag(), size: verified.sealed_size(), signed_at: verified.signing_time() };
    ours.then(|| Found { to: header.to.clone(), link, sealed: Some(sealed), content: Some(content) })
}
