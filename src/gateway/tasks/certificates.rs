//! What comes of age by itself: the revocation list every day, certificates that end.

use std::sync::Arc;

use super::CERTIFICATES_PERIOD;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::flows::{expiry, revocation};
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, Task, Tasks};

/// Starts it. `orders` carries what comes of it to the relay.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, orders: &Task, tasks: &Tasks) -> Task {
    let (receiver, orders) = (Arc::clone(receiver), orders.clone());
    tasks.start("certificates", Pace::Every(CERTIFICATES_PERIOD), move |_| {
        let (receiver, orders) = (Arc::clone(&receiver), orders.clone());
        async move {
            revocation::renew_daily(&receiver).await.map_err(|error| {
                let detail = &error as &dyn std::error::Error;
                tracing::error!(code = "revocation.list", error = detail, "no new revocation list can be made");
                "revocation.list"
            })?;
            expiry::warn(&receiver).await.map_err(|_| "database")?;
            orders.activate();
            Ok(())
        }
    })
}
