//! Deletes the bytes of acknowledged parcels after their grace time.

use jiff::{SignedDuration, Timestamp};

use crate::relay::bytes::{BytesError, Key, ParcelStore};
use crate::relay::fault::chain;
use crate::relay::state::State;
use crate::store::relay::parcels;
use crate::store::sqlite::{Database, StoreError};

/// Parcels looked at in one go.
const BATCH: i64 = 500;

/// Why parcels are not purged.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The rows.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bytes.
    #[error(transparent)]
    Bytes(#[from] BytesError),
}

/// Deletes what has been acknowledged for longer than `parcels.keep_days`. The rows stay for the senders.
///
/// Answers how many.
pub async fn purge(state: &State) -> Result<u64, &'static str> {
    let mut purged = 0;
    while !state.shutdown.is_stopping() {
        let before = end_of_grace(state.clock.now(), state.config.parcels.keep_days);
        let batch = purge_batch(&state.database, state.bytes.as_ref(), before, state.clock.now()).await;
        let keys = batch.map_err(|error| {
            let code = "parcels.not-purged";
            tracing::error!(code, error = chain(&error), "acknowledged parcels are not purged");
            code
        })?;
        if keys.is_empty() {
            break;
        }
        for key in &keys {
            state.listed.forget(key.id);
        }
        state.metrics.purged_total.inc_by(keys.len() as u64);
        purged += keys.len() as u64;
    }
    Ok(purged)
}

/// What was acknowledged before this moment goes.
pub fn end_of_grace(now: Timestamp, keep_days: u32) -> Timestamp {
    let keep = SignedDuration::from_hours(i64::from(keep_days) * 24);
    now.checked_sub(keep).unwrap_or(Timestamp::MIN)
}

/// Deletes some of what was acknowledged `before` a moment, and says which; nothing when there is nothing left.
///
/// Bytes first: a row that says they are there when they are not is corrected by the next run.
pub async fn purge_batch(
    database: &Database,
    bytes: &dyn ParcelStore,
    before: Timestamp,
    now: Timestamp,
) -> Result<Vec<Key>, PurgeError> {
    let batch = parcels::to_purge(database.read(), before, BATCH).await?;
    let keys: Vec<Key> = batch.into_iter().map(|(union, id)| Key { union, id }).collect();
    if keys.is_empty() {
        return Ok(keys);
    }
    for key in &keys {
        bytes.delete(key).await?;
    }
    let mut transaction = database.write().await?;
    for key in &keys {
        parcels::purged(&mut transaction, &key.union, key.id, now).await?;
    }
    database.commit(transaction).await?;
    Ok(keys)
}
