//! The revocation list of the union's own CA: made anew in the transaction that revokes, and every day.

use jiff::{SignedDuration, Timestamp};

use super::receive::Receiver;
use crate::gateway::keys::Keys;
use crate::gateway::relay::Relay;
use crate::pki::PkiError;
use crate::pki::crl::Revoked;
use crate::store::gateway::certificates;
use crate::store::gateway::orders::{self, NewOrder};
use crate::store::gateway::revocation::{self, Stored};
use crate::store::sqlite::{Connection, StoreError};

/// A list is made anew when it is so old.
const RENEWED_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// How long a list counts: a gateway may stand still over long holidays.
const COUNTS_FOR: SignedDuration = SignedDuration::from_hours(24 * 14);

/// Why no list could be made.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The authority.
    #[error("the revocation list cannot be made")]
    Pki(#[from] PkiError),
}

/// Makes a new list of what is revoked as the transaction has it, and has it published. Nothing where another CA issues.
pub async fn renew(connection: &mut Connection, keys: &Keys, now: Timestamp) -> Result<(), RevocationError> {
    let Some(authority) = &keys.authority else { return Ok(()) };
    let users = certificates::revoked(&mut *connection, now).await?;
    let own = revocation::own(&mut *connection).await?.into_iter().map(|own| (own.serial, own.at));
    let revoked: Vec<Revoked> = users.into_iter().chain(own).map(|(serial, at)| Revoked { serial, at }).collect();
    let number = revocation::newest(&mut *connection).await?.map_or(1, |list| list.number + 1);
    let next_update = now.checked_add(COUNTS_FOR).map_err(|_| PkiError::Period)?;
    let list = authority.crl(number, &revoked, now, next_update)?;
    revocation::replace(connection, &Stored { number, made_at: now, der: list.der().to_vec() }).await?;
    orders::insert(connection, &[NewOrder::certificates()], now).await?;
    Ok(())
}

/// Makes a new list when the one that is there has come of age, or there is none.
pub async fn renew_daily<R: Relay>(receiver: &Receiver<R>) -> Result<(), RevocationError> {
    let now = receiver.clock.now();
    let newest = revocation::newest(receiver.database.read()).await?;
    // A clock that was set back must not stop the list either.
    let fresh = newest.is_some_and(|list| now.duration_since(list.made_at).abs() < RENEWED_AFTER);
    let keys = receiver.keys.current();
    if fresh || keys.authority.is_none() {
        return Ok(());
    }
    let mut transaction = receiver.database.write().await?;
    renew(&mut transaction, &keys, now).await?;
    Ok(receiver.database.commit(transaction).await?)
}
