//! What need not be kept for ever: answered requests and confirmed orders. The audit is.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::flows::receive::Receiver;
use crate::gateway::flows::upkeep;
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, Task, Tasks};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Starts it.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, tasks: &Tasks) -> Task {
    let receiver = Arc::clone(receiver);
    tasks.start("upkeep", Pace::Every(DAY), move |_| {
        let receiver = Arc::clone(&receiver);
        async move {
            upkeep::trim(&receiver).await.map_err(|error| {
                let detail = &error as &dyn std::error::Error;
                tracing::error!(code = "database", error = detail, "old records cannot be deleted");
                "database"
            })
        }
    })
}
