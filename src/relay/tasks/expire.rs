//! Throws unfinished uploads away when their time is over.

use crate::relay::bytes::Key;
use crate::relay::deposit::Begun;
use crate::relay::fault::chain;
use crate::relay::state::State;
use crate::store::relay::uploads;
use crate::wire::problem::Problem;

/// Uploads looked at in one go.
const BATCH: i64 = 500;

/// Throws away what has expired. An upload that somebody is writing to, or that cannot be thrown away, is left for the next
/// time and holds up no other.
///
/// Answers how many.
pub async fn expire(state: &State) -> Result<u64, &'static str> {
    let failed = "uploads.not-expired";
    let (mut thrown_away, mut left, mut failures) = (0, 0, 0);
    while !state.shutdown.is_stopping() {
        let batch = uploads::expired(state.database.read(), state.clock.now(), left, BATCH).await;
        let batch = batch.map_err(|error| {
            tracing::error!(code = failed, error = chain(&error), "expired uploads cannot be listed");
            failed
        })?;
        if batch.is_empty() {
            break;
        }
        for upload in batch {
            let key = Key { union: upload.insurer, id: upload.id };
            match end(state, &key).await {
                Ok(End::ThrownAway) => thrown_away += 1,
                Ok(End::Otherwise) => (),
                Ok(End::Busy) => left += 1,
                Err(_) => (left, failures) = (left + 1, failures + 1),
            }
        }
    }
    if failures == 0 {
        return Ok(thrown_away);
    }
    // The causes are in the log already.
    tracing::error!(code = failed, failures, thrown_away, "some expired uploads cannot be thrown away");
    Err(failed)
}

/// What became of an upload that was listed as expired.
enum End {
    ThrownAway,
    /// It went on, became a parcel or was given up meanwhile.
    Otherwise,
    /// Somebody is writing to it.
    Busy,
}

async fn end(state: &State, key: &Key) -> Result<End, Problem> {
    let Some(lock) = state.locks.take(key) else { return Ok(End::Busy) };
    // It may have moved on since it was listed.
    let Some(upload) = uploads::find(state.database.read(), &key.union, key.id).await? else {
        return Ok(End::Otherwise);
    };
    if upload.expires_at > state.clock.now() {
        return Ok(End::Otherwise);
    }
    // What is whole does not expire.
    if state.bytes.size(key).await.is_ok_and(|size| size >= upload.size) {
        state.bytes.durable_size(key).await?;
        state.complete(&upload, Begun::Before).await?;
        return Ok(End::Otherwise);
    }
    state.throw_away(lock.key()).await?;
    tracing::info!(code = "upload.expired", union = %key.union, message = %key.id, "unfinished upload thrown away");
    state.metrics.uploads_expired_total.inc();
    Ok(End::ThrownAway)
}
