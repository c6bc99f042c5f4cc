//! What became of what was sent: heard within a second, by a request that the relay answers when there is something.

use std::sync::Arc;
use std::time::Duration;

use super::ARRIVALS_WAIT;
use crate::gateway::flows::send::{SendRunError, Sender};
use crate::gateway::relay::Relay;
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::task::Task;

/// Starts it. `push` tells the relay what follows from it.
pub fn start<R: Relay>(sender: &Arc<Sender<R>>, push: &Task, shutdown: &Shutdown) {
    let (sender, push, soft) = (Arc::clone(sender), push.clone(), shutdown.soft().clone());
    shutdown.spawn(async move {
        tokio::select! {
            () = soft.cancelled() => {}
            () = watch(&sender, &push) => {}
        }
    });
}

async fn watch<R: Relay>(sender: &Arc<Sender<R>>, push: &Task) {
    let receiver = &sender.receiver;
    let mut failures = 0;
    loop {
        if !receiver.breaker.allows(receiver.clock.now()) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        }
        match sender.hear(Some(ARRIVALS_WAIT)).await {
            Ok(heard) => {
                failures = 0;
                if heard > 0 {
                    push.activate();
                }
            }
            Err(error) => {
                failures += 1;
                if matches!(error, SendRunError::Forgotten) {
                    push.activate();
                }
                tracing::debug!(
                    code = error.code(),
                    error = &error as &dyn std::error::Error,
                    "what became of what was sent cannot be heard"
                );
                let pause = receiver.backoff.pause(failures, receiver.random.as_ref());
                tokio::time::sleep(Duration::try_from(pause).unwrap_or_default()).await;
            }
        }
    }
}
