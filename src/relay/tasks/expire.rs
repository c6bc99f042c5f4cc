//! Throws unfinished uploads away when their time is over.

use crate::relay::bytes::Key;
use crate::relay::fault::chain;
use crate::relay::state::State;
use crate::store::relay::uploads;

/// Uploads looked at in one go.
const BATCH: i64 = 500;

/// Throws away what has expired. An upload that somebody is writing to is left for the next time.
///
/// Answers how many.
pub async fn expire(state: &State) -> Result<u64, &'static str> {
    let failed = "uploads.not-expired";
    let expired = uploads::expired(state.database.read(), state.clock.now(), BATCH).await.map_err(|error| {
        tracing::error!(code = failed, error = chain(&error), "expired uploads cannot be listed");
        failed
    })?;
    let mut thrown_away = 0;
    for upload in expired {
        let key = Key { union: upload.insurer, id: upload.id };
        let Some(lock) = state.locks.take(&key) else { continue };
        // The cause is in the log already.
        state.throw_away(lock.key()).await.map_err(|_| failed)?;
        tracing::info!(code = "upload.expired", union = %key.union, message = %key.id, "unfinished upload thrown away");
        state.metrics.uploads_expired_total.inc();
        thrown_away += 1;
    }
    Ok(thrown_away)
}
