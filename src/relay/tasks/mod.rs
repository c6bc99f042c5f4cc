//! The relay's background tasks. Each is idempotent and can be run at any time by hand.

mod deliveries;
mod expire;
mod follow;
mod forget;
mod gather;
mod mail;
mod purge;
mod sweep;

pub use deliveries::{REMINDED, delete_batch, delete_deliveries, end_deliveries};
pub use expire::expire;
pub use follow::follow;
pub use forget::forget;
pub use mail::send_mail;
pub use purge::{Purged, end_of_grace, purge, purge_batch};
pub use sweep::sweep;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::identities::Identities;
use super::state::App;
use crate::runtime::task::Task;

/// How often a running server looks for changes by commands on the same database.
const FOLLOW: Duration = Duration::from_secs(1);

/// How often the files of certificates and keys are looked at.
const FOLLOW_FILES: Duration = Duration::from_secs(10);

/// How often certificates that run out are looked at, for those who are connected.
const SEND_AWAY: Duration = Duration::from_secs(10);

/// How often the storage is searched for bytes that nobody knows of; the first time at the start.
const SWEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the outbox is looked at, beside when something is put into it.
const SEND_MAIL: Duration = Duration::from_secs(15);

/// Starts them all.
pub(super) fn start(app: &App, identities: &Arc<Identities>) -> Vec<Task> {
    let period = Duration::from_secs(app.config.parcels.task_seconds);
    let identities = Arc::clone(identities);
    let send_mail = task("send-mail", SEND_MAIL, app, |app| async move { send_mail(&app).await });
    // Started once for each state.
    let _ = app.outbox.set(send_mail.clone());
    vec![
        send_mail,
        task("forget", period, app, |app| async move { forget(&app).await }),
        task("follow-identities", FOLLOW_FILES, app, move |_| {
            let identities = Arc::clone(&identities);
            async move { spawn_blocking(move || identities.follow()).await.unwrap_or(Err("task.panicked")) }
        }),
        task("follow-registry", FOLLOW, app, |app| async move { follow(&app).await }),
        task("send-away", SEND_AWAY, app, |app| async move {
            app.send_away();
            Ok(())
        }),
        task("expire-uploads", period, app, |app| async move { expire(&app).await.map(drop) }),
        task("sweep-bytes", SWEEP, app, |app| async move { sweep(&app).await.map(drop) }),
        task("end-deliveries", period, app, |app| async move { end_deliveries(&app).await }),
        task("purge-parcels", period, app, |app| async move { purge(&app).await.map(drop) }),
    ]
}

fn task<F>(name: &'static str, period: Duration, app: &App, work: impl Fn(App) -> F + Send + Sync + 'static) -> Task
where
    F: Future<Output = Result<(), &'static str>> + Send,
{
    let this = Arc::clone(app);
    Task::start(name, period, Arc::clone(&app.clock), &app.shutdown, move |_| work(Arc::clone(&this)))
}
