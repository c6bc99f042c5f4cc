//! Deletes what nobody will ask for any more: sessions whose time is over, old requests for certificates.

use jiff::{SignedDuration, Timestamp};

use crate::relay::fault::chain;
use crate::relay::sessions::idle_since;
use crate::relay::state::State;
use crate::store::relay::{requests, sessions};
use crate::store::sqlite::StoreError;

/// For so long an app finds the answer to its request.
const REQUESTS: SignedDuration = SignedDuration::from_hours(24 * 180);

/// Deletes them.
pub async fn forget(state: &State) -> Result<(), &'static str> {
    let deleted = async {
        let now = state.clock.now();
        let mut transaction = state.database.write().await?;
        sessions::expire(&mut transaction, now, idle_since(state)).await?;
        requests::forget(&mut transaction, now.checked_sub(REQUESTS).unwrap_or(Timestamp::MIN)).await?;
        state.database.commit(transaction).await
    };
    deleted.await.map_err(|error: StoreError| {
        tracing::error!(code = "store.not-forgotten", error = chain(&error), "old rows are not deleted");
        "store.not-forgotten"
    })
}
