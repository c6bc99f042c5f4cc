//! What becomes of deliveries by the clock: reminders, the end of their time, the end of their bytes.

use jiff::{SignedDuration, Timestamp};

use super::purge::Purged;
use crate::failpoint;
use crate::relay::bytes::{Key, ParcelStore};
use crate::relay::fault::chain;
use crate::relay::state::State;
use crate::store::relay::deliveries::endings;
use crate::store::sqlite::{Database, StoreError};

/// Who was reminded within this time is not reminded again.
pub const REMINDED: SignedDuration = SignedDuration::from_hours(24);

/// Deliveries looked at in one go.
const BATCH: i64 = 200;

/// Ends what nobody fetched in time, reminds of what waits, and deletes bytes, in this order.
pub async fn end_deliveries(state: &State) -> Result<(), &'static str> {
    expire(state).await.map_err(|error| {
        tracing::error!(code = "deliveries.not-expired", error = chain(&error), "deliveries are not ended");
        "deliveries.not-expired"
    })?;
    remind(state).await.map_err(|error| {
        tracing::error!(code = "deliveries.not-reminded", error = chain(&error), "nobody is reminded");
        "deliveries.not-reminded"
    })?;
    delete_deliveries(state).await.map(drop)
}

async fn expire(state: &State) -> Result<(), StoreError> {
    while !state.shutdown.is_stopping() {
        let mut transaction = state.database.write().await?;
        let (unions, expired) = endings::expire(&mut transaction, state.clock.now(), BATCH).await?;
        failpoint!("deliveries.expiring");
        state.database.commit(transaction).await?;
        failpoint!("deliveries.expired");
        if unions.is_empty() {
            break;
        }
        for union in &unions {
            state.events.ring(union);
        }
        state.ring_outbox();
        state.metrics.deliveries_expired_total.inc_by(expired);
    }
    Ok(())
}

async fn remind(state: &State) -> Result<(), StoreError> {
    while !state.shutdown.is_stopping() {
        let now = state.clock.now();
        let since = now.checked_sub(REMINDED).unwrap_or(Timestamp::MIN);
        let mut transaction = state.database.write().await?;
        let due = endings::to_remind(&mut transaction, now, BATCH).await?;
        let mut unions = Vec::new();
        for (delivery, deposited_at) in &due {
            unions.extend(endings::remind(&mut transaction, *delivery, since, now).await?);
            let next = state.config.deliveries.reminder_after(*deposited_at, now);
            endings::remind_next(&mut transaction, *delivery, next).await?;
        }
        state.database.commit(transaction).await?;
        if due.is_empty() {
            break;
        }
        for union in &unions {
            state.events.ring(union);
        }
        state.ring_outbox();
    }
    Ok(())
}

/// Deletes the bytes of deliveries whose time has come. What cannot be deleted is left for the next time and holds up nothing else.
///
/// Answers how many.
pub async fn delete_deliveries(state: &State) -> Result<u64, &'static str> {
    let code = "deliveries.not-deleted";
    let (mut deleted, mut failures) = (0, 0);
    while !state.shutdown.is_stopping() {
        let batch = delete_batch(&state.database, state.bytes.as_ref(), failures, state.clock.now()).await;
        let batch = batch.map_err(|error| {
            tracing::error!(code, error = chain(&error), "deliveries are not deleted");
            code
        })?;
        if batch.keys.is_empty() && batch.failures == 0 {
            break;
        }
        for key in &batch.keys {
            state.events.ring(&key.union);
        }
        state.metrics.deliveries_deleted_total.inc_by(batch.keys.len() as u64);
        deleted += batch.keys.len() as u64;
        failures += batch.failures;
    }
    if failures == 0 { Ok(deleted) } else { Err(code) }
}

/// Deletes some of the deliveries whose time has come, after the first `skip`; nothing when there is nothing left.
///
/// Bytes first: a row that says they are there when they are not is corrected by the next run.
pub async fn delete_batch(
    database: &Database,
    bytes: &dyn ParcelStore,
    skip: i64,
    now: Timestamp,
) -> Result<Purged, StoreError> {
    let (mut batch, mut gone) = (Purged::default(), Vec::new());
    for delivery in endings::to_delete(database.read(), now, skip, BATCH).await? {
        let key = Key { union: delivery.insurer, id: delivery.id };
        if let Err(error) = bytes.delete(&key).await {
            let code = "delivery.not-deleted";
            tracing::error!(code, union = %key.union, message = %key.id, error = chain(&error), "bytes stay");
            batch.failures += 1;
        } else {
            gone.push((key, delivery.seq));
        }
    }
    if gone.is_empty() {
        return Ok(batch);
    }
    failpoint!("deliveries.deleting");
    let mut transaction = database.write().await?;
    for (key, delivery) in gone {
        endings::deleted(&mut transaction, delivery, now).await?;
        batch.keys.push(key);
    }
    database.commit(transaction).await?;
    failpoint!("deliveries.deleted");
    Ok(batch)
}
