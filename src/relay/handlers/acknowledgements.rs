//! `/union/v1/acknowledgements`: what is durable at a union.

use std::collections::{HashMap, HashSet};

use axum::extract::State;
use jiff::Timestamp;

use crate::domain::digest::Sha256;
use crate::domain::ids::{InsurerNumber, MessageId};
use crate::http::Json;
use crate::message::keys::Certificate;
use crate::message::receipt::{SignedReceipt, Stage};
use crate::relay::caller::UnionCaller;
use crate::relay::registry::Union;
use crate::relay::state::App;
use crate::store::relay::notices::{self, Kind};
use crate::store::relay::receipts::{self, NewReceipt};
use crate::store::relay::uploads::Depositor;
use crate::store::relay::{acknowledged, parcels, usage};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::page::{Cursor, MAX_LIMIT};
use crate::wire::problem::{Code, Problem};
use crate::wire::union::{
    Acknowledgement, AcknowledgementOutcome as Outcome, AcknowledgementResult, AcknowledgementResults, Acknowledgements,
};

/// POST: acknowledges many at once, in one transaction, and keeps their receipts for the senders.
pub async fn create(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    Json(Acknowledgements { items }): Json<Acknowledgements>,
) -> Result<Json<AcknowledgementResults>, Problem> {
    let checked = check_all(items, union.signing.clone()).await?;
    let results = store(&app, &union, &checked).await?;
    for result in &results.items {
        app.metrics.acknowledged_total.with_label_values(&[label(result.outcome)]).inc();
    }
    Ok(Json(results))
}

/// An acknowledgement whose receipt has been looked at.
pub(super) struct Checked {
    /// Of which message.
    pub(super) id: MessageId,
    /// The receipt, if there is one.
    pub(super) receipt: Result<Option<NewReceipt>, Refused>,
    /// What the receipt says, if it counts.
    stage: Option<Stage>,
}

/// The receipt is not what it should be.
pub(super) struct Refused;

/// Checks the receipts of acknowledgements: each signed by one of these certificates, about its message, and not in the relay's
/// place.
pub(super) async fn check_all(items: Vec<Acknowledgement>, signing: Vec<Certificate>) -> Result<Vec<Checked>, Problem> {
    if items.len() > MAX_LIMIT as usize {
        let detail = format!("at most {MAX_LIMIT} acknowledgements at once");
        return Err(Problem::new(Code::RequestTooLarge).with_detail(detail));
    }
    let check_one = move |item: Acknowledgement| {
        let checked = item.receipt.map(|der| check(item.id, &SignedReceipt::from_der(der.0), &signing)).transpose();
        let stage = checked.as_ref().ok().and_then(|checked| checked.as_ref().map(|(_, stage)| *stage));
        Checked { id: item.id, receipt: checked.map(|checked| checked.map(|(receipt, _)| receipt)), stage }
    };
    // Signatures take processor time: not on the threads that everybody waits for.
    let checked = tokio::task::spawn_blocking(|| items.into_iter().map(check_one).collect()).await;
    checked.map_err(|_| Problem::new(Code::Internal))
}

fn check(id: MessageId, signed: &SignedReceipt, signing: &[Certificate]) -> Result<(NewReceipt, Stage), Refused> {
    let receipt = signing.iter().find_map(|certificate| signed.verify(certificate).ok()).ok_or(Refused)?;
    if receipt.message_id != id || receipt.stage == Stage::Relayed {
        return Err(Refused);
    }
    Ok((NewReceipt { id, hash: signed.hash(), der: signed.der().to_vec() }, receipt.stage))
}

async fn store(app: &App, union: &Union, items: &[Checked]) -> Result<AcknowledgementResults, Problem> {
    let now = app.clock.now();
    let insurer = &union.insurer;
    let mut ids: Vec<MessageId> = items.iter().filter(|item| item.receipt.is_ok()).map(|item| item.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut transaction = app.database.write().await?;
    let taken = acknowledged::acknowledge(&mut transaction, insurer, &ids, now).await?;
    let mut fresh: HashSet<MessageId> = taken.iter().map(|parcel| parcel.id).collect();
    ids.retain(|id| !fresh.contains(id));
    let mut known: HashSet<MessageId> = parcels::known(&mut transaction, insurer, &ids).await?.into_iter().collect();
    known.extend(&fresh);
    let mut freed: HashMap<Depositor, (u64, u64)> = HashMap::new();
    for parcel in &taken {
        let (bytes, items) = freed.entry(Depositor::User(parcel.user.clone())).or_default();
        *bytes += parcel.size;
        *items += 1;
    }
    for (by, (bytes, items)) in freed {
        usage::acknowledge(&mut transaction, insurer, &by, bytes, items).await?;
    }
    let receipts: Vec<NewReceipt> = items
        .iter()
        .filter(|item| known.contains(&item.id))
        .filter_map(|item| item.receipt.as_ref().ok().cloned().flatten())
        .collect();
    let new = receipts::insert(&mut transaction, insurer, &receipts, now).await?;
    let noted = note_senders(&mut transaction, insurer, items, &new, now).await?;
    let newest = acknowledged::newest(&mut *transaction, insurer).await?;
    app.database.commit(transaction).await?;
    if noted {
        app.ring_outbox();
    }
    let mut outcome = |item: &Checked| match item.receipt {
        Err(Refused) => Outcome::ReceiptRefused,
        // Told twice in one request, the second time is "already".
        Ok(_) if fresh.remove(&item.id) => Outcome::Acknowledged,
        Ok(_) if known.contains(&item.id) => Outcome::AlreadyAcknowledged,
        Ok(_) => Outcome::Unknown,
    };
    let results = items.iter().map(|item| AcknowledgementResult { id: item.id, outcome: outcome(item) });
    Ok(AcknowledgementResults { items: results.collect(), acknowledged: newest.map(Cursor) })
}

/// Notes what those who sent the messages are to be told: once for each receipt. Answers whether there is anything.
async fn note_senders(
    connection: &mut Connection,
    insurer: &InsurerNumber,
    items: &[Checked],
    new: &HashSet<Sha256>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut noted = false;
    for (stage, kind) in
        [(Stage::Verified, Kind::Fetched), (Stage::Accepted, Kind::Accepted), (Stage::Returned, Kind::Returned)]
    {
        let told = items.iter().filter(|item| item.stage == Some(stage));
        let told = told.filter_map(|item| item.receipt.as_ref().ok()?.as_ref());
        let told: Vec<MessageId> =
            told.filter(|receipt| new.contains(&receipt.hash)).map(|receipt| receipt.id).collect();
        noted |= notices::note_senders(connection, insurer, kind, &told, now).await?;
    }
    Ok(noted)
}

/// An outcome as metrics count it.
pub(super) const fn label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Acknowledged => "acknowledged",
        Outcome::AlreadyAcknowledged => "already-acknowledged",
        Outcome::Unknown => "unknown",
        Outcome::ReceiptRefused => "receipt-refused",
    }
}
