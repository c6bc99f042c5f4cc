//! What the console does by itself: sessions that are over go, a certificate that changed is read again.

use std::sync::Arc;
use std::time::Duration;

use super::App;
use crate::http::{ServerTls, follow_identity};
use crate::runtime::task::{Pace, Tasks};
use crate::store::gateway::{staff_browsers, staff_sessions};
use crate::store::sqlite::StoreError;

/// Between two looks at sessions.
const SESSIONS: Duration = Duration::from_mins(10);

/// Starts to follow.
pub(super) fn start(app: &App, tls: &ServerTls, tasks: &Tasks) {
    let sweeping = Arc::clone(app);
    tasks.start("console.sessions", Pace::Every(SESSIONS), move |_| {
        let app = Arc::clone(&sweeping);
        async move { sweep(&app).await.map_err(|_| "database") }
    });
    let settings = &app.gateway.settings.console;
    follow_identity(tasks, "console.identity", settings.certificate.clone(), settings.key.clone(), tls.clone());
}

async fn sweep(app: &App) -> Result<(), StoreError> {
    let (receiver, settings) = (&app.gateway.receiver, &app.gateway.settings.console);
    let now = receiver.clock.now();
    let ago = |time| now.checked_sub(time).unwrap_or(now);
    let mut transaction = receiver.database.write().await?;
    staff_sessions::sweep(&mut transaction, ago(settings.longest()), ago(settings.idle())).await?;
    staff_browsers::sweep(&mut transaction, app.known_since()).await?;
    receiver.database.commit(transaction).await
}
