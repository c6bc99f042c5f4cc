//! Makes mails of what was noted for users.
//!
//! The first of a quiet time becomes a mail at once; what comes within the window after it becomes one more at the window's end.
//! While a mail waits to go out, the next one gathers.

use jiff::{SignedDuration, Timestamp};

use crate::failpoint;
use crate::relay::fault::chain;
use crate::relay::mail::GIVE_UP;
use crate::relay::state::State;
use crate::store::relay::notices;
use crate::store::relay::outbox::{self, Content};
use crate::store::sqlite::StoreError;

/// Users in one transaction.
const BATCH: i64 = 200;

/// Puts a mail into the outbox for each user whose time has come.
pub(super) async fn gather(state: &State) -> Result<(), &'static str> {
    while !state.shutdown.is_stopping() {
        let done = batch(state).await.map_err(|error| {
            tracing::error!(code = "notices.failed", error = chain(&error), "no mails are made of notices");
            "notices.failed"
        })?;
        if done == 0 {
            break;
        }
    }
    Ok(())
}

/// Answers how many users it was about: the notices of each are gone after it, so that it comes to an end.
async fn batch(state: &State) -> Result<usize, StoreError> {
    let now = state.clock.now();
    let before = |age: SignedDuration| now.checked_sub(age).unwrap_or(Timestamp::MIN);
    let window = SignedDuration::from_secs(state.config.notices.window_seconds.into());
    let (quiet, tried) = (before(window), before(GIVE_UP));
    if notices::due(state.database.read(), now, quiet, tried, 1).await?.is_empty() {
        return Ok(0);
    }
    let mut transaction = state.database.write().await?;
    let due = notices::due(&mut *transaction, now, quiet, tried, BATCH).await?;
    for user in &due {
        if let Some((mail, gathered)) = notices::gather(&mut transaction, *user, now).await? {
            let content = Content::Files(gathered);
            outbox::put(&mut transaction, *user, &state.new_mail_id(), &mail, &content, now).await?;
        }
    }
    failpoint!("notices.gathering");
    state.database.commit(transaction).await?;
    failpoint!("notices.gathered");
    Ok(due.len())
}
