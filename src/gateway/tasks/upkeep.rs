//! What need not be kept for ever: answered requests and confirmed orders, and copies of what was never sent. The audit is.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::flows::send::Sender;
use crate::gateway::flows::upkeep;
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, Task, Tasks};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Starts it.
pub fn start<R: Relay>(sender: &Arc<Sender<R>>, tasks: &Tasks) -> Task {
    let sender = Arc::clone(sender);
    tasks.start("upkeep", Pace::Every(DAY), move |_| {
        let sender = Arc::clone(&sender);
        async move {
            if let Err(error) = sender.remove_strays().await {
                let detail = &error as &dyn std::error::Error;
                tracing::warn!(code = error.code(), error = detail, "stray copies cannot be removed");
            }
            upkeep::trim(&sender.receiver).await.map_err(|error| {
                let detail = &error as &dyn std::error::Error;
                tracing::error!(code = "database", error = detail, "old records cannot be deleted");
                "database"
            })
        }
    })
}
