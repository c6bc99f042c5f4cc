//! Follows the files of certificates and keys.

use std::sync::Arc;

use super::KEYS_PERIOD;
use crate::gateway::reload::Reload;
use crate::runtime::task::{Cause, Pace, Task, Tasks};

/// Starts it. Activated, it reads the files whether or not they look changed. `orders` carries what is new to the relay.
pub fn start(reload: Reload, orders: &Task, tasks: &Tasks) -> Task {
    let (reload, orders) = (Arc::new(reload), orders.clone());
    tasks.start("keys", Pace::Every(KEYS_PERIOD), move |cause| {
        let (reload, orders) = (Arc::clone(&reload), orders.clone());
        async move {
            if reload.run(cause == Cause::Signal).await? {
                orders.activate();
            }
            Ok(())
        }
    })
}
