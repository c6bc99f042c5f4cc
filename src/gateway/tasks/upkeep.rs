//! What need not be kept for ever: answered requests and confirmed orders, and copies of what was never sent. The audit is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::gateway::flows::send::Sender;
use crate::gateway::flows::upkeep::{self, UpkeepError};
use crate::gateway::relay::{BREAKER_OPEN, Relay};
use crate::runtime::task::{Pace, Task, Tasks};

/// Between two looks whether it is time.
const LOOK: Duration = Duration::from_secs(600);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Starts it.
pub fn start<R: Relay>(sender: &Arc<Sender<R>>, tasks: &Tasks) -> Task {
    let sender = Arc::clone(sender);
    let last: Arc<Mutex<Option<Timestamp>>> = Arc::default();
    tasks.start("upkeep", Pace::Every(LOOK), move |_| {
        let (sender, last) = (Arc::clone(&sender), Arc::clone(&last));
        async move {
            let (receiver, now) = (&sender.receiver, sender.receiver.clock.now());
            let before = *last.lock().expect("nothing panics while it holds the time");
            if before.is_some_and(|before| now.duration_since(before).abs() < DAY) {
                return Ok(());
            }
            if let Err(error) = sender.remove_strays().await {
                let detail = &error as &dyn std::error::Error;
                tracing::warn!(code = error.code(), error = detail, "stray copies cannot be removed");
            }
            if !receiver.breaker.allows(now) {
                return Err(BREAKER_OPEN);
            }
            match upkeep::trim_by_two_clocks(receiver).await {
                // That the clocks differ is alerted of by itself, and nothing is lost by waiting.
                Ok(()) | Err(UpkeepError::Clocks) => {}
                Err(error) => {
                    let detail = &error as &dyn std::error::Error;
                    tracing::debug!(code = error.code(), error = detail, "old records are not deleted now");
                    return Err(error.code());
                }
            }
            *last.lock().expect("nothing panics while it holds the time") = Some(now);
            Ok(())
        }
    })
}
