//! Looks at the gateway: for metrics, charts and alerts.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::relay::Relay;
use crate::gateway::watch::Lookout;
use crate::runtime::task::{Pace, Task, Tasks};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(15);

/// Starts it.
pub fn start<R: Relay>(lookout: &Arc<Lookout<R>>, tasks: &Tasks) -> Task {
    let lookout = Arc::clone(lookout);
    tasks.start("watch", Pace::Every(PERIOD), move |_| {
        let lookout = Arc::clone(&lookout);
        async move { lookout.look().await }
    })
}
