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
use super::watch::{Seen, look};
use crate::runtime::task::{Pace, RunResult, Task, Tasks};

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

/// How often the figures for metrics are looked up.
const WATCH: Duration = Duration::from_secs(15);

/// Starts them all.
pub(super) fn start(app: &App, identities: &Arc<Identities>, seen: &Arc<Seen>, tasks: &Tasks) {
    let period = Duration::from_secs(app.config.parcels.task_seconds);
    let identities = Arc::clone(identities);
    let start = Start { app, tasks };
    let send_mail = start.every(SEND_MAIL, "send-mail", |app| async move { send_mail(&app).await });
    // Started once for each state.
    let _ = app.outbox.set(send_mail);
    start.every(period, "forget", |app| async move { forget(&app).await });
    start.every(FOLLOW_FILES, "follow-identities", move |_| {
        let identities = Arc::clone(&identities);
        async move { spawn_blocking(move || identities.follow()).await.unwrap_or(Err("task.panicked")) }
    });
    let seen = Arc::clone(seen);
    start.every(WATCH, "watch", move |app| {
        let seen = Arc::clone(&seen);
        async move { look(&app, &seen).await }
    });
    start.every(FOLLOW, "follow-registry", |app| async move { follow(&app).await });
    start.every(SEND_AWAY, "send-away", |app| async move {
        app.send_away();
        Ok(())
    });
    start.every(period, "expire-uploads", |app| async move { expire(&app).await.map(drop) });
    start.every(SWEEP, "sweep-bytes", |app| async move { sweep(&app).await.map(drop) });
    start.every(period, "end-deliveries", |app| async move { end_deliveries(&app).await });
    start.every(period, "purge-parcels", |app| async move { purge(&app).await.map(drop) });
}

struct Start<'a> {
    app: &'a App,
    tasks: &'a Tasks,
}

impl Start<'_> {
    fn every<F>(&self, period: Duration, name: &'static str, work: impl Fn(App) -> F + Send + Sync + 'static) -> Task
    where
        F: Future<Output = RunResult> + Send,
    {
        let app = Arc::clone(self.app);
        self.tasks.start(name, Pace::Every(period), move |_| work(Arc::clone(&app)))
    }
}
