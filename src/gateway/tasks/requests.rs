//! Requests for certificates: heard of within a second, by a request that the relay answers when one comes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{ARRIVALS_WAIT, line};
use crate::gateway::flows::enrol;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, RunResult, Task, Tasks};
use crate::wire::page::{Cursor, PageQuery};

/// Requests on a page.
const PAGE: u32 = 32;
/// Between two looks whether there is a CA to answer requests with.
const NO_AUTHORITY: Duration = Duration::from_secs(10);

/// Starts it. `orders` carries the answers to the relay.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, orders: &Task, tasks: &Tasks) -> Task {
    let pause = line::pause(receiver, || false);
    let (receiver, orders) = (Arc::clone(receiver), orders.clone());
    let seen: Arc<Mutex<Option<Cursor>>> = Arc::default();
    tasks.start("requests", Pace::Following(pause), move |_| {
        let (receiver, orders, seen) = (Arc::clone(&receiver), orders.clone(), Arc::clone(&seen));
        async move { ask(&receiver, &orders, &seen).await }
    })
}

async fn ask<R: Relay>(receiver: &Arc<Receiver<R>>, orders: &Task, seen: &Mutex<Option<Cursor>>) -> RunResult {
    // Without a CA here nobody can be answered; it may come later.
    if receiver.keys.current().authority.is_none() {
        tokio::time::sleep(NO_AUTHORITY).await;
        return Ok(());
    }
    line::allows(receiver)?;
    let lock = || seen.lock().expect("nothing panics while it holds the place");
    let after = *lock();
    let query = PageQuery { after, limit: Some(PAGE), wait: Some(ARRIVALS_WAIT) };
    let taken = enrol::take(receiver, query).await.map_err(|error| {
        receiver.breaker.interrupted();
        tracing::debug!(
            code = error.code(),
            error = &error as &dyn std::error::Error,
            "requests for certificates cannot be listed"
        );
        error.code()
    })?;
    if taken.is_some() {
        orders.activate();
    }
    // None: from the start again. What could not be answered then, perhaps can be now.
    *lock() = taken;
    Ok(())
}
