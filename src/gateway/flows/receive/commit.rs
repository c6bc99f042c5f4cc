//! ONE transaction for a group: messages, evidence, audit, receipts, stream marks, outgoing acknowledgements.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::mpsc::{Receiver, Sender};

use super::RunError;
use super::item::{Batch, Judged, Outgoing};
use super::judge;
use super::run::Run;
use crate::domain::address::Address;
use crate::domain::digest::Sha256;
use crate::domain::ids::{MessageId, OfficeCode};
use crate::domain::policy;
use crate::domain::sequence::{Link, Order, StreamMark};
use crate::domain::verdict::{Verdict, Warning};
use crate::failpoint;
use crate::gateway::keys::Keys;
use crate::gateway::relay::Relay;
use crate::message::receipt::{Receipt, SignedReceipt, Stage};
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::events::{self, Kind, NewEvent};
use crate::store::gateway::evidence::{self, Evidence};
use crate::store::gateway::gaps::{self, Gap};
use crate::store::gateway::messages::{self, Content, Message, State};
use crate::store::gateway::receipts::{self, StoredReceipt};
use crate::store::gateway::{acknowledgements, counters, registry_version, stream_marks, waiting};
use crate::store::sqlite::{Connection, StoreError, length};
use crate::wire::Der;
use crate::wire::union::Acknowledgement;

/// Commits group after group, until nothing more can come.
pub(super) async fn work<R: Relay>(run: Arc<Run<R>>, mut batches: Receiver<Batch>, done: Sender<Vec<Outgoing>>) {
    while let Some(batch) = batches.recv().await {
        let began_at = Instant::now();
        match commit(&run, batch).await {
            Ok(acknowledgements) => {
                run.stage("commit", began_at);
                if done.send(acknowledgements).await.is_err() {
                    return;
                }
            }
            Err(error) => return run.fail(error),
        }
    }
}

/// Commits one group, and gives what the relay is to be told.
pub(super) async fn commit<R: Relay>(run: &Arc<Run<R>>, mut batch: Batch) -> Result<Vec<Outgoing>, RunError> {
    let receiver = &run.receiver;
    let mut transaction = loop {
        let mut transaction = receiver.database.write().await?;
        if registry_version(&mut *transaction).await? == batch.registry_version {
            break transaction;
        }
        drop(transaction);
        batch = judge::again(run, batch).await?;
    };
    let now = receiver.clock.now();
    let contiguous = put_in_order(&mut transaction, &mut batch.judged, &receiver.keys.address(), now).await?;
    let first_message = messages::next_number(&mut transaction).await?;
    let rows: Vec<Message> =
        (first_message..).zip(&batch.judged).map(|(number, one)| message(number, one, now)).collect();
    let signed = sign(receiver.keys.current(), &batch.judged, &contiguous, now).await?;
    let first_receipt = receipts::next_number(&mut transaction).await?;
    let (receipt_rows, own) = receipt_rows(first_receipt, &rows, &batch.judged, &signed, now);
    let proofs: Result<Vec<Evidence>, StoreError> =
        rows.iter().zip(&batch.judged).map(|(row, one)| proof(row, one, now)).collect();
    let mut entries: Vec<(Entry, Option<OfficeCode>)> = rows.iter().map(|row| (entry(row, now), office(row))).collect();
    let doubts = rows.iter().zip(&batch.judged).filter_map(|(row, one)| Some((doubt(one, now)?, office(row))));
    entries.extend(doubts);
    let mut line: Vec<(MessageId, Option<i64>)> = rows.iter().zip(&own).map(|(row, own)| (row.id, *own)).collect();
    let mut items: Vec<Acknowledgement> = batch.judged.iter().zip(&signed).map(acknowledgement).collect();
    for one in &batch.repeated {
        let receipt = if one.archived { stored_receipt(&mut transaction, one.message).await? } else { None };
        line.push((one.id, receipt.as_ref().map(|receipt| receipt.number)));
        items.push(Acknowledgement { id: one.id, receipt: receipt.map(|receipt| Der(receipt.der)) });
    }
    messages::insert(&mut transaction, &rows).await?;
    evidence::insert(&mut transaction, &proofs?).await?;
    receipts::insert(&mut transaction, &receipt_rows).await?;
    audit::insert_of(&mut transaction, &entries).await?;
    events::insert(&mut transaction, &rows.iter().map(|row| event(row, now)).collect::<Vec<_>>()).await?;
    gaps::insert(&mut transaction, &open_gaps(&rows, &batch.judged)).await?;
    // First what is done, then what is new: what is told again now has a new place.
    let confirmed = std::mem::take(&mut run.lock().acknowledged);
    acknowledgements::remove(&mut transaction, &confirmed).await?;
    let numbers = acknowledgements::insert(&mut transaction, &line, now).await?;
    count(&mut transaction, &rows).await?;
    let arrived: Vec<MessageId> = line.iter().map(|(id, _)| *id).collect();
    waiting::remove(&mut transaction, &arrived).await?;
    receiver.database.commit(transaction).await?;
    failpoint!("receive.committed");
    tell(run, &rows, batch.repeated.len());
    tell_doubts(run, &batch.judged);
    let outgoing = numbers.into_iter().zip(items);
    Ok(outgoing.map(|(number, acknowledgement)| Outgoing { number, acknowledgement }).collect())
}

/// Puts every verified message that is addressed to us into its sender's stream, in the order of the numbers. Gives, for
/// each message of the group, up to where the stream is without a gap.
async fn put_in_order(
    connection: &mut Connection,
    judged: &mut [Judged],
    us: &Address,
    now: Timestamp,
) -> Result<Vec<Option<u64>>, StoreError> {
    let mut order: Vec<(String, Link, MessageId, usize)> = judged
        .iter()
        .enumerate()
        .filter_map(|(index, one)| {
            let verified = one.outcome.verified()?;
            let header = verified.header();
            let policy::Signer::Registered { user, .. } = one.facts.signer.as_ref()? else { return None };
            // A copy under another parcel's id says nothing about the stream.
            let ours = header.to == *us && header.from == user.address && header.id == one.parcel.id;
            let hash = verified.signature_hash();
            let link = Link { sequence: header.sequence, previous: header.previous, hash };
            ours.then(|| (header.from.to_string(), link, header.id, index))
        })
        .collect();
    order.sort_by(|a, b| (&a.0, a.1.sequence).cmp(&(&b.0, b.1.sequence)));
    let mut senders: Vec<String> = order.iter().map(|(sender, ..)| sender.clone()).collect();
    senders.dedup();
    let stored = stream_marks::find(connection, &senders).await?;
    let mut marks = BTreeMap::new();
    for sender in senders {
        let mark = match stored.get(&sender) {
            Some(json) => serde_json::from_str(json).map_err(|_| StoreError::Corrupt("stream mark"))?,
            None => StreamMark::default(),
        };
        marks.insert(sender, mark);
    }
    let mut contiguous = vec![None; judged.len()];
    let mut observed: HashSet<Sha256> = HashSet::new();
    for (sender, link, id, index) in order {
        let mark = marks.get_mut(&sender).expect("every sender of the group has a mark");
        let seen = mark.covers(link.sequence)
            && (observed.contains(&link.hash) || was_seen(connection, id, link.hash).await?);
        judged[index].facts.sequence = Some(mark.observe(&link, seen));
        observed.insert(link.hash);
        contiguous[index] = Some(mark.contiguous());
    }
    let rows: Result<Vec<(String, String)>, _> =
        marks.into_iter().map(|(sender, mark)| serde_json::to_string(&mark).map(|json| (sender, json))).collect();
    let rows = rows.map_err(|_| StoreError::Corrupt("stream mark"))?;
    stream_marks::put(connection, &rows, now).await?;
    Ok(contiguous)
}

/// What seems to be missing now. Told at the end of the run, if it still is then.
fn open_gaps(rows: &[Message], judged: &[Judged]) -> Vec<Gap> {
    let gap = |(row, one): (&Message, &Judged)| {
        let Order::Gap { missing } = one.facts.sequence?.order else { return None };
        let sender = one.outcome.opened()?.header().from.to_string();
        Some(Gap { message: row.number, sender, missing })
    };
    rows.iter().zip(judged).filter_map(gap).collect()
}

/// Whether this very message is here already.
async fn was_seen(connection: &mut Connection, id: MessageId, hash: Sha256) -> Result<bool, StoreError> {
    let found = messages::find(connection, id).await?;
    Ok(found.and_then(|message| message.content).is_some_and(|content| content.signature_hash == hash))
}

/// Our receipts for what is accepted, signed on a blocking thread.
async fn sign(
    keys: Arc<Keys>,
    judged: &[Judged],
    contiguous: &[Option<u64>],
    now: Timestamp,
) -> Result<Vec<Option<SignedReceipt>>, RunError> {
    let receipt = |(one, contiguous): (&Judged, &Option<u64>)| {
        let verified = one.outcome.verified().filter(|_| one.accepted)?;
        Some(Receipt {
            message_id: verified.header().id,
            stage: Stage::Verified,
            tag: Some(verified.tag()),
            digest: Some(hex::encode(verified.digest())),
            at: now,
            by: keys.address().to_string(),
            words: None,
            previous: Some(SignedReceipt::from_der(one.parcel.relayed.0.clone()).hash()),
            contiguous: *contiguous,
        })
    };
    let unsigned: Vec<Option<Receipt>> = judged.iter().zip(contiguous).map(receipt).collect();
    let task = tokio::task::spawn_blocking(move || {
        let sign = |receipt: Receipt| receipt.sign(keys.signer(), now);
        unsigned.into_iter().map(|receipt| receipt.map(sign).transpose()).collect::<Result<Vec<_>, _>>()
    });
    task.await.map_err(|_| RunError::Internal)?.map_err(|error| {
        tracing::error!(code = "receipt.unsigned", error = &error as &dyn std::error::Error, "cannot sign a receipt");
        RunError::Internal
    })
}

fn message(number: i64, one: &Judged, now: Timestamp) -> Message {
    let verdict = policy::judge(&one.facts);
    debug_assert_eq!(verdict.is_accepted(), one.accepted, "the place in the stream only makes warnings");
    Message {
        number,
        id: one.parcel.id,
        state: if one.accepted { State::Archived } else { State::Quarantined },
        verdict,
        sealed_size: one.parcel.size,
        tag: one.tag,
        path: one.placement.path().to_owned(),
        deposited_at: one.parcel.deposited_at,
        received_at: one.received_at,
        archived_at: one.accepted.then_some(now),
        content: content(one),
        suspect_since: None,
        released_at: None,
    }
}

fn content(one: &Judged) -> Option<Content> {
    let opened = one.outcome.opened()?;
    let header = opened.header();
    Some(Content {
        office: one.signer.as_ref().map(|user| user.office.clone()),
        user: one.signer.as_ref().map(|user| user.id.clone()),
        sender: header.from.clone(),
        recipient: header.to.clone(),
        file_name: header.file_name.clone().ok(),
        content_type: header.content_type.clone(),
        comment: header.comment.clone(),
        size: opened.size(),
        digest: opened.digest().to_vec(),
        signature_hash: opened.signature_hash(),
        sequence: header.sequence,
        signed_at: opened.signing_time(),
    })
}

/// The relay's receipt and ours for each message. Also gives the number of ours.
fn receipt_rows(
    first: i64,
    rows: &[Message],
    judged: &[Judged],
    signed: &[Option<SignedReceipt>],
    now: Timestamp,
) -> (Vec<StoredReceipt>, Vec<Option<i64>>) {
    let (mut stored, mut own) = (Vec::with_capacity(rows.len() * 2), Vec::with_capacity(rows.len()));
    let mut number = first..;
    let mut next = || number.next().expect("there are more numbers than receipts");
    for ((row, one), signed) in rows.iter().zip(judged).zip(signed) {
        let mut add = |stage: Stage, der: &[u8]| {
            let number = next();
            let stage = stage.code().to_owned();
            stored.push(StoredReceipt { number, message: row.number, stage, at: now, der: der.to_vec() });
            number
        };
        // What is not the relay's word is no evidence of it.
        if one.relayed.is_ok() {
            add(Stage::Relayed, &one.parcel.relayed.0);
        }
        own.push(signed.as_ref().map(|signed| add(Stage::Verified, signed.der())));
    }
    (stored, own)
}

async fn stored_receipt(connection: &mut Connection, message: i64) -> Result<Option<StoredReceipt>, StoreError> {
    let stored = receipts::of_message(connection, message).await?;
    Ok(stored.into_iter().find(|receipt| receipt.stage == Stage::Verified.code()))
}

fn proof(row: &Message, one: &Judged, now: Timestamp) -> Result<Evidence, StoreError> {
    let certificate = one.outcome.verified().map(|verified| verified.certificate().fingerprint());
    let facts = serde_json::to_string(&one.facts).map_err(|_| StoreError::Corrupt("facts"))?;
    Ok(Evidence { message: row.number, judged_at: now, certificate, facts })
}

fn entry(row: &Message, now: Timestamp) -> Entry {
    let (action, after) = match &row.verdict {
        Verdict::Accepted { .. } => ("message.archived", "accepted".to_owned()),
        Verdict::Quarantined { reasons, .. } => {
            let reasons: Vec<&str> = reasons.iter().map(|reason| reason.code()).collect();
            ("message.quarantined", format!("quarantined {}", reasons.join(" ")))
        }
    };
    Entry { at: now, actor: "gateway".to_owned(), action, subject: row.id.to_string(), before: String::new(), after }
}

fn office(row: &Message) -> Option<OfficeCode> {
    row.content.as_ref()?.office.clone()
}

fn event(row: &Message, at: Timestamp) -> NewEvent {
    NewEvent {
        at,
        kind: if row.verdict.is_accepted() { Kind::ReceivedArchived } else { Kind::ReceivedQuarantined },
        subject: row.id.to_string(),
        office: office(row),
        user: row.content.as_ref().and_then(|content| content.user.clone()),
    }
}

fn doubt(one: &Judged, now: Timestamp) -> Option<Entry> {
    let after = one.relayed.err()?.code().to_owned();
    let (subject, actor) = (one.parcel.id.to_string(), "gateway".to_owned());
    Some(Entry { at: now, actor, action: "receipt.refused", subject, before: String::new(), after })
}

fn tell_doubts<R: Relay>(run: &Run<R>, judged: &[Judged]) {
    for one in judged {
        let Err(doubt) = one.relayed else { continue };
        run.receiver.metrics.relayed_refused_total.with_label_values(&[doubt.code()]).inc();
        tracing::error!(code = doubt.code(), id = %one.parcel.id, "the relay's receipt for a message does not hold");
    }
}

fn acknowledgement((one, signed): (&Judged, &Option<SignedReceipt>)) -> Acknowledgement {
    let receipt = signed.as_ref().map(|signed| Der(signed.der().to_vec()));
    Acknowledgement { id: one.parcel.id, receipt }
}

async fn count(connection: &mut Connection, rows: &[Message]) -> Result<(), StoreError> {
    let archived: Vec<&Message> = rows.iter().filter(|row| row.verdict.is_accepted()).collect();
    let bytes: u64 = archived.iter().map(|row| row.sealed_size).sum();
    counters::add(connection, counters::ARCHIVED, length(archived.len() as u64)).await?;
    counters::add(connection, counters::QUARANTINED, length((rows.len() - archived.len()) as u64)).await?;
    counters::add(connection, counters::ARCHIVED_BYTES, length(bytes)).await
}

/// Counts what was done, and says what staff should look at.
fn tell<R: Relay>(run: &Run<R>, rows: &[Message], repeated: usize) {
    let metrics = &run.receiver.metrics;
    let mut shared = run.lock();
    shared.tally.repeated += repeated as u64;
    metrics.transfers_total.with_label_values(&["in", "repeated"]).inc_by(repeated as u64);
    for row in rows {
        if shared.again.came(row.id) {
            shared.tally.again += 1;
        }
        metrics.transfers_total.with_label_values(&["in", row.verdict.code()]).inc();
        match &row.verdict {
            Verdict::Accepted { warnings } => {
                shared.tally.archived += 1;
                for warning in warnings.iter().filter(|warning| **warning != Warning::SequenceGap) {
                    tracing::warn!(code = warning.code(), id = %row.id, "archived with a warning");
                }
            }
            Verdict::Quarantined { reasons, .. } => {
                shared.tally.quarantined += 1;
                for reason in reasons {
                    metrics.quarantined_total.with_label_values(&[reason.code()]).inc();
                    tracing::warn!(code = reason.code(), id = %row.id, "a message went to quarantine");
                }
            }
        }
    }
}
