//! Records that have served their time.

use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::store::gateway::{orders, requests, runs};
use crate::store::sqlite::StoreError;

/// Deletes answered requests, confirmed orders and runs of the pull that are older than the settings want. What waits for staff stays, and of
/// each user the newest order of each kind. The audit is never shortened.
pub async fn trim<R: Relay>(receiver: &Receiver<R>) -> Result<(), StoreError> {
    let now = receiver.clock.now();
    let before = now.checked_sub(receiver.limits.keep_records).unwrap_or(now);
    let mut transaction = receiver.database.write().await?;
    let requests = requests::trim(&mut transaction, before).await?;
    let orders = orders::trim(&mut transaction, before).await?;
    let runs = runs::trim(&mut transaction, before).await?;
    receiver.database.commit(transaction).await?;
    receiver.database.fold().await;
    if requests + orders + runs > 0 {
        tracing::info!(code = "records.trimmed", requests, orders, runs, "old records deleted");
    }
    Ok(())
}
