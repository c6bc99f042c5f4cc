//! Deletes the bytes of acknowledged parcels after their grace time.

use jiff::{SignedDuration, Timestamp};

use crate::relay::bytes::{Key, ParcelStore};
use crate::relay::fault::chain;
use crate::relay::state::State;
use crate::store::relay::uploads::Depositor;
use crate::store::relay::{acknowledged, usage};
use crate::store::sqlite::{Database, StoreError};

/// Parcels looked at in one go.
const BATCH: i64 = 500;

/// What became of some messages whose time to be deleted has come.
#[derive(Debug, Default)]
pub struct Purged {
    /// Whose bytes are gone.
    pub keys: Vec<Key>,
    /// How many were looked at whose bytes cannot be deleted.
    pub failures: i64,
}

/// Deletes what has been acknowledged for longer than `parcels.keep_days`. The rows stay for the senders. What cannot be
/// deleted is left for the next time and holds up nothing else.
///
/// Answers how many.
pub async fn purge(state: &State) -> Result<u64, &'static str> {
    let code = "parcels.not-purged";
    let (mut purged, mut failures) = (0, 0);
    while !state.shutdown.is_stopping() {
        let before = end_of_grace(state.clock.now(), state.config.parcels.keep_days);
        let batch = purge_batch(&state.database, state.bytes.as_ref(), before, failures, state.clock.now()).await;
        let batch = batch.map_err(|error| {
            tracing::error!(code, error = chain(&error), "acknowledged parcels are not purged");
            code
        })?;
        if batch.keys.is_empty() && batch.failures == 0 {
            break;
        }
        for key in &batch.keys {
            state.listed.forget(key.id);
        }
        state.metrics.purged_total.inc_by(batch.keys.len() as u64);
        purged += batch.keys.len() as u64;
        failures += batch.failures;
    }
    if failures == 0 { Ok(purged) } else { Err(code) }
}

/// What was acknowledged before this moment goes.
pub fn end_of_grace(now: Timestamp, keep_days: u32) -> Timestamp {
    let keep = SignedDuration::from_hours(i64::from(keep_days) * 24);
    now.checked_sub(keep).unwrap_or(Timestamp::MIN)
}

/// Deletes some of what was acknowledged `before` a moment, after the first `skip`; nothing when there is nothing left.
///
/// Bytes first: a row that says they are there when they are not is corrected by the next run.
pub async fn purge_batch(
    database: &Database,
    bytes: &dyn ParcelStore,
    before: Timestamp,
    skip: i64,
    now: Timestamp,
) -> Result<Purged, StoreError> {
    let (mut batch, mut deleted) = (Purged::default(), Vec::new());
    for (union, parcel) in acknowledged::to_purge(database.read(), before, skip, BATCH).await? {
        let key = Key { union, id: parcel.id };
        if let Err(error) = bytes.delete(&key).await {
            let code = "parcel.not-purged";
            tracing::error!(code, union = %key.union, message = %key.id, error = chain(&error), "bytes stay");
            batch.failures += 1;
        } else {
            deleted.push((key, parcel));
        }
    }
    if deleted.is_empty() {
        return Ok(batch);
    }
    let mut transaction = database.write().await?;
    for (key, parcel) in deleted {
        if acknowledged::purged(&mut transaction, &key.union, key.id, now).await? {
            usage::purge(&mut transaction, &key.union, &Depositor::User(parcel.user), parcel.size).await?;
        }
        batch.keys.push(key);
    }
    database.commit(transaction).await?;
    Ok(batch)
}
