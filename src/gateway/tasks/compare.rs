//! The relay's list of users against ours: at the start, when the relay was away, and every day.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::gateway::flows::receive::Receiver;
use crate::gateway::flows::{compare, orders};
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, Task, Tasks};

/// Between two looks whether it is time.
const LOOK: Duration = Duration::from_secs(5);
/// Between two comparisons while nothing happens.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Starts it. `orders` carries what comes of it to the relay.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, orders: &Task, tasks: &Tasks) -> Task {
    let (receiver, line) = (Arc::clone(receiver), orders.clone());
    let last: Arc<Mutex<Option<(Timestamp, u64)>>> = Arc::default();
    tasks.start("compare", Pace::Every(LOOK), move |_| {
        let (receiver, line, last) = (Arc::clone(&receiver), line.clone(), Arc::clone(&last));
        async move {
            let (now, outages) = (receiver.clock.now(), receiver.breaker.outages());
            let is_done = |(at, seen): (Timestamp, u64)| seen == outages && now.duration_since(at).abs() < DAY;
            let before = *last.lock().expect("nothing panics while it holds the time");
            if before.is_some_and(is_done) || !receiver.breaker.allows(now) {
                return Ok(());
            }
            let compared = compare::compare(&receiver).await.map_err(|error| {
                let detail = &error as &dyn std::error::Error;
                tracing::debug!(code = "relay.uncompared", error = detail, "the lists of users are not compared");
                error.code()
            })?;
            if before.is_some() {
                // A relay that came back from a backup has an old revocation list, too.
                orders::announce(&receiver).await?;
            }
            *last.lock().expect("nothing panics while it holds the time") = Some((now, outages));
            if compared.told > 0 {
                line.activate();
            }
            Ok(())
        }
    })
}
