//! Deletes what nobody will ask for any more: sessions whose time is over, old requests for certificates, mails that have not come back.

use jiff::{SignedDuration, Timestamp};

use crate::relay::fault::chain;
use crate::relay::sessions::idle_since;
use crate::relay::state::State;
use crate::store::relay::{mail_failures, requests, sessions};
use crate::store::sqlite::StoreError;

/// For so long an app finds the answer to its request.
const REQUESTS: SignedDuration = SignedDuration::from_hours(24 * 180);
/// A mail that has not come back by then has arrived: mail servers give up after five days.
const MAILS: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Deletes them.
pub async fn forget(state: &State) -> Result<(), &'static str> {
    let deleted = async {
        let now = state.clock.now();
        let mut transaction = state.database.write().await?;
        sessions::expire(&mut transaction, now, idle_since(state)).await?;
        requests::forget(&mut transaction, now.checked_sub(REQUESTS).unwrap_or(Timestamp::MIN)).await?;
        mail_failures::settle(&mut transaction, now.checked_sub(MAILS).unwrap_or(Timestamp::MIN)).await?;
        state.database.commit(transaction).await
    };
    deleted.await.map_err(|error: StoreError| {
        tracing::error!(code = "store.not-forgotten", error = chain(&error), "old rows are not deleted");
        "store.not-forgotten"
    })
}
