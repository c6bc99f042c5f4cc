//! Records that have served their time.

use jiff::SignedDuration;

use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::{self, Relay};
use crate::store::gateway::{orders, requests, runs, staff_notices};
use crate::store::sqlite::StoreError;
use crate::wire::client::ClientError;

/// How long staff are alerted that a mail to one of them was refused, when no other one goes there.
const REFUSED_MAILS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How far the relay's clock may be from ours for ours to be believed.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Why old records are not deleted.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// Environment: the relay, without whose clock nobody knows whether ours is right.
    #[error(transparent)]
    Relay(#[from] ClientError),
    /// Environment: one of the two clocks.
    #[error("the relay's clock and ours are too far apart")]
    Clocks,
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UpkeepError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Relay(error) => relay::code(error),
            Self::Clocks => "clock",
            Self::Store(_) => "database",
        }
    }
}

/// Deletes old records while the relay's clock says that they are old, too: a clock that jumps ahead empties nothing.
pub async fn trim_by_two_clocks<R: Relay>(receiver: &Receiver<R>) -> Result<(), UpkeepError> {
    let theirs = receiver.relay.handshake().await?.now;
    if receiver.clock.now().duration_since(theirs).abs() > SKEW {
        return Err(UpkeepError::Clocks);
    }
    Ok(trim(receiver).await?)
}

/// Deletes answered requests, confirmed orders and runs of the pull that are older than the settings want, and mails to staff that
/// were refused. What waits for staff stays, and of
/// each user the newest order of each kind. The audit is never shortened.
pub async fn trim<R: Relay>(receiver: &Receiver<R>) -> Result<(), StoreError> {
    let now = receiver.clock.now();
    let before = now.checked_sub(receiver.limits.keep_records).unwrap_or(now);
    let mut transaction = receiver.database.write().await?;
    let requests = requests::trim(&mut transaction, before).await?;
    let orders = orders::trim(&mut transaction, before).await?;
    let runs = runs::trim(&mut transaction, before).await?;
    let refused_before = now.checked_sub(REFUSED_MAILS).unwrap_or(now);
    let mails = staff_notices::trim(&mut transaction, refused_before).await?;
    receiver.database.commit(transaction).await?;
    receiver.database.fold().await;
    if requests + orders + runs + mails > 0 {
        tracing::info!(code = "records.trimmed", requests, orders, runs, mails, "old records deleted");
    }
    Ok(())
}
