//! The long poll: hears within a second that something has arrived, and has the pull run.

use std::sync::Arc;
use std::time::Duration;

use super::ARRIVALS_WAIT;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::task::Task;
use crate::wire::page::PageQuery;
use crate::wire::union::ParcelState;

/// Starts it.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, pull: &Task, shutdown: &Shutdown) {
    let (receiver, pull, soft) = (Arc::clone(receiver), pull.clone(), shutdown.soft().clone());
    shutdown.spawn(async move {
        tokio::select! {
            () = soft.cancelled() => {}
            () = watch(&receiver, &pull) => {}
        }
    });
}

async fn watch<R: Relay>(receiver: &Receiver<R>, pull: &Task) {
    let mut failures = 0;
    loop {
        if !receiver.breaker.allows(receiver.clock.now()) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        }
        // What a run has seen and left is not news.
        let seen = receiver.seen.get();
        let query = PageQuery { after: Some(seen), limit: Some(1), wait: Some(ARRIVALS_WAIT) };
        let answer = receiver.relay.parcels(ParcelState::Waiting, query).await;
        if answer.is_ok() {
            receiver.breaker.answered();
        }
        match answer {
            Ok(page) if page.items.is_empty() => failures = 0,
            Ok(page) => {
                failures = 0;
                let runs = pull.status().runs;
                pull.activate();
                wait_for_run(receiver, pull, runs).await;
                // Should the run have failed, its own backoff applies; the same parcel is not news twice.
                if let Some(newest) = page.next {
                    receiver.seen.advance(newest);
                }
            }
            Err(error) => {
                failures += 1;
                receiver.breaker.interrupted();
                tracing::debug!(code = "relay.long-poll", error = &error as &dyn std::error::Error, "no answer");
                let pause = receiver.backoff.pause(failures, receiver.random.as_ref());
                tokio::time::sleep(Duration::try_from(pause).unwrap_or_default()).await;
            }
        }
    }
}

/// Until a run has ended that began after the arrival was heard of, or the list was gone through further.
async fn wait_for_run<R: Relay>(receiver: &Receiver<R>, pull: &Task, runs: u64) {
    let seen = receiver.seen.get();
    while pull.status().runs == runs && receiver.seen.get() == seen {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
