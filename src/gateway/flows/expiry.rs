//! Certificates that end soon: the user is told by mail, 60 days before and then every 14 days.

use jiff::SignedDuration;

use super::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::directory::{self, Ending};
use crate::store::gateway::orders::{self, NewOrder, OrderKind};
use crate::store::gateway::users;
use crate::store::sqlite::StoreError;
use crate::wire::enrolment::Notice;

/// How long before the end the first notice goes out.
pub const FIRST: SignedDuration = SignedDuration::from_hours(24 * 60);
/// How long after a notice the next one goes out.
const AGAIN: SignedDuration = SignedDuration::from_hours(24 * 14);

/// Puts the notices that are due in the line. Disabled users get none; those whom the relay cannot mail to are counted in the
/// status only.
pub async fn warn<R: Relay>(receiver: &Receiver<R>) -> Result<(), StoreError> {
    let now = receiver.clock.now();
    let until = now.saturating_add(FIRST).unwrap_or(now);
    // What was told at a later time than now was told by a clock that has been set back since.
    let is_due = |one: &Ending| one.warned_at.is_none_or(|at| now.duration_since(at).abs() >= AGAIN);
    for ending in directory::ending(receiver.database.read(), now, until).await? {
        if !ending.has_mail || !is_due(&ending) {
            continue;
        }
        let notice = Notice::CertificateExpiry { not_after: ending.not_after };
        let entry = Entry {
            at: now,
            actor: "gateway".to_owned(),
            action: "user.warned",
            subject: ending.user.to_string(),
            before: String::new(),
            after: "certificate-expiry".to_owned(),
        };
        let mut transaction = receiver.database.write().await?;
        users::set_warned(&mut transaction, &ending.user, now).await?;
        let order = NewOrder::about(&ending.user, OrderKind::Notice).with(&notice);
        orders::insert(&mut transaction, &[order], now).await?;
        audit::insert(&mut transaction, &[entry]).await?;
        receiver.database.commit(transaction).await?;
    }
    Ok(())
}
