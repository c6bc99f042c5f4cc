//! What the API follows by itself: new events, tokens that end, its certificate, uploads whose time is over. Other processes
//! write to the database too: that is why it is looked at, and often.

use std::sync::Arc;
use std::time::Duration;

use super::App;
use crate::http::{ServerTls, follow_identity};
use crate::runtime::task::{Pace, Tasks};
use crate::store::gateway::events;

/// Between two looks at events and tokens.
const NEWS: Duration = Duration::from_millis(250);
/// Between two looks at uploads: those that are whole and were not taken, and those whose time is over.
const UPLOADS: Duration = Duration::from_mins(1);

/// Starts to follow.
pub(super) fn start(app: &App, tls: &ServerTls, tasks: &Tasks) {
    let news = Arc::clone(app);
    tasks.start("api.news", Pace::Every(NEWS), move |_| {
        let app = Arc::clone(&news);
        async move {
            // Whoever comes to wait looks first.
            if app.newest.receiver_count() > 0 {
                let newest = events::newest(app.receiver.database.read()).await.map_err(|_| "database")?;
                app.newest.send_if_modified(|known| std::mem::replace(known, newest) != newest);
            }
            app.end_revoked().await.map_err(|_| "database")
        }
    });
    let uploads = Arc::clone(&app.uploads);
    tasks.start("api.uploads", Pace::Every(UPLOADS), move |_| {
        let uploads = Arc::clone(&uploads);
        async move { uploads.sweep().await }
    });
    let settings = &app.settings.api;
    follow_identity(tasks, "api.identity", settings.certificate.clone(), settings.key.clone(), tls.clone());
}
