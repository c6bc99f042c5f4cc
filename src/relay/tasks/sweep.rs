//! Deletes bytes that nobody knows of: what a crash left between the bytes and their row.

use std::collections::HashSet;

use futures_util::StreamExt;

use crate::domain::ids::MessageId;
use crate::relay::bytes::Key;
use crate::relay::state::State;
use crate::store::relay::parcels;
use crate::wire::problem::Problem;

/// Deletes bytes that belong neither to an upload nor to a parcel. What somebody is writing to is left alone.
///
/// Answers how many.
pub async fn sweep(state: &State) -> Result<u64, &'static str> {
    let (mut swept, mut failed) = (0, false);
    let mut pieces = state.bytes.list();
    while let Some(piece) = pieces.next().await {
        if state.shutdown.is_stopping() {
            break;
        }
        // The causes are in the log already.
        match sweep_piece(state, piece.map_err(Problem::from)).await {
            Ok(some) => swept += some,
            Err(_) => failed = true,
        }
    }
    if failed { Err("bytes.not-swept") } else { Ok(swept) }
}

async fn sweep_piece(state: &State, piece: Result<Vec<Key>, Problem>) -> Result<u64, Problem> {
    let piece = piece?;
    let Some(union) = piece.first().map(|key| key.union.clone()) else { return Ok(0) };
    let ids: Vec<MessageId> = piece.iter().map(|key| key.id).collect();
    let mut connection = state.database.reader().await?;
    let known: HashSet<_> = parcels::with_bytes(&mut connection, &union, &ids).await?.into_iter().collect();
    drop(connection);
    let mut swept = 0;
    for key in piece.iter().filter(|key| !known.contains(&key.id)) {
        // Who begins an upload has the lock until its row is there; and it may have begun since the rows were read.
        let Some(lock) = state.locks.take(key) else { continue };
        if state.discard_unknown(lock.key()).await? {
            tracing::info!(code = "bytes.swept", union = %key.union, message = %key.id, "bytes without a row deleted");
            swept += 1;
        }
    }
    Ok(swept)
}
