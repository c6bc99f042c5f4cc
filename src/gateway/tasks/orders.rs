//! Tells the relay about our users and certificates, again and again until it confirms.

use std::sync::Arc;

use super::ORDERS_PERIOD;
use crate::gateway::flows::orders;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::{BREAKER_OPEN, Relay};
use crate::runtime::task::{Pace, Task, Tasks};

/// Starts it.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, tasks: &Tasks) -> Task {
    let receiver = Arc::clone(receiver);
    let announced = Arc::new(std::sync::atomic::AtomicBool::new(false));
    tasks.start("orders", Pace::Every(ORDERS_PERIOD), move |_| {
        let (receiver, announced) = (Arc::clone(&receiver), Arc::clone(&announced));
        async move {
            let disabled = orders::send_disablings(&receiver).await;
            if !receiver.breaker.allows(receiver.clock.now()) {
                return Err(BREAKER_OPEN);
            }
            if !announced.load(std::sync::atomic::Ordering::SeqCst) {
                orders::announce(&receiver).await?;
                announced.store(true, std::sync::atomic::Ordering::SeqCst);
            }
            orders::send_due(&receiver).await.and(disabled)
        }
    })
}
