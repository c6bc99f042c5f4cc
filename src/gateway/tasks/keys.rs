//! Follows the files of certificates and keys.

use std::sync::Arc;

use super::KEYS_PERIOD;
use crate::domain::clock::Clock;
use crate::gateway::reload::Reload;
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::task::{Cause, Task};

/// Starts it. Activated, it reads the files whether or not they look changed. `orders` carries what is new to the relay.
pub fn start(reload: Reload, clock: Arc<dyn Clock>, orders: &Task, shutdown: &Shutdown) -> Task {
    let (reload, orders) = (Arc::new(reload), orders.clone());
    Task::start("keys", KEYS_PERIOD, clock, shutdown, move |cause| {
        let (reload, orders) = (Arc::clone(&reload), orders.clone());
        async move {
            if reload.run(cause == Cause::Signal).await? {
                orders.activate();
            }
            Ok(())
        }
    })
}
