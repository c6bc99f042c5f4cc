//! Requests for certificates: heard of within a second, by a request that the relay answers when one comes.

use std::sync::Arc;
use std::time::Duration;

use super::ARRIVALS_WAIT;
use crate::gateway::flows::enrol;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::task::Task;
use crate::wire::page::{Cursor, PageQuery};

/// Requests on a page.
const PAGE: u32 = 32;
/// Between two looks whether there is a CA to answer requests with.
const NO_AUTHORITY: Duration = Duration::from_secs(10);

/// Starts it. `orders` carries the answers to the relay.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, orders: &Task, shutdown: &Shutdown) {
    let (receiver, orders, soft) = (Arc::clone(receiver), orders.clone(), shutdown.soft().clone());
    shutdown.spawn(async move {
        tokio::select! {
            () = soft.cancelled() => {}
            () = watch(&receiver, &orders) => {}
        }
    });
}

async fn watch<R: Relay>(receiver: &Arc<Receiver<R>>, orders: &Task) {
    let (mut seen, mut failures): (Option<Cursor>, u32) = (None, 0);
    loop {
        // Without a CA here nobody can be answered; it may come later.
        if receiver.keys.current().authority.is_none() {
            tokio::time::sleep(NO_AUTHORITY).await;
            continue;
        }
        if !receiver.breaker.allows(receiver.clock.now()) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        }
        let query = PageQuery { after: seen, limit: Some(PAGE), wait: Some(ARRIVALS_WAIT) };
        match enrol::take(receiver, query).await {
            Ok(Some(last)) => {
                (seen, failures) = (Some(last), 0);
                orders.activate();
            }
            // From the start again: what could not be answered then, perhaps can be now.
            Ok(None) => (seen, failures) = (None, 0),
            Err(error) => {
                failures += 1;
                receiver.breaker.interrupted();
                tracing::debug!(
                    code = error.code(),
                    error = &error as &dyn std::error::Error,
                    "requests for certificates cannot be listed"
                );
                let pause = receiver.backoff.pause(failures, receiver.random.as_ref());
                tokio::time::sleep(Duration::try_from(pause).unwrap_or_default()).await;
            }
        }
    }
}
