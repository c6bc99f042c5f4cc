//! The long poll: hears within a second that something has arrived, and has the pull run.

use std::sync::Arc;
use std::time::Duration;

use super::{ARRIVALS_WAIT, line};
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::{self, Relay};
use crate::runtime::task::{Pace, RunResult, Task, Tasks};
use crate::wire::page::PageQuery;
use crate::wire::union::ParcelState;

/// Starts it.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, pull: &Task, tasks: &Tasks) -> Task {
    let pause = line::pause(receiver, &[]);
    let (receiver, pull) = (Arc::clone(receiver), pull.clone());
    tasks.start("arrivals", Pace::Following(pause), move |_| {
        let (receiver, pull) = (Arc::clone(&receiver), pull.clone());
        async move { ask(&receiver, &pull).await }
    })
}

async fn ask<R: Relay>(receiver: &Receiver<R>, pull: &Task) -> RunResult {
    line::allows(receiver)?;
    // What a run has seen and left is not news.
    let seen = receiver.seen.get();
    let query = PageQuery { after: Some(seen), limit: Some(1), wait: Some(ARRIVALS_WAIT) };
    let page = receiver.relay.parcels(ParcelState::Waiting, query).await.map_err(|error| {
        receiver.breaker.interrupted();
        tracing::debug!(code = "relay.long-poll", error = &error as &dyn std::error::Error, "no answer");
        relay::code(&error)
    })?;
    receiver.breaker.answered();
    if page.items.is_empty() {
        return Ok(());
    }
    let runs = pull.status().runs;
    pull.activate();
    wait_for_run(receiver, pull, runs).await;
    // Should the run have failed, its own backoff applies; the same parcel is not news twice.
    if let Some(newest) = page.next {
        receiver.seen.advance(newest);
    }
    Ok(())
}

/// Until a run has ended that began after the arrival was heard of, or the list was gone through further.
async fn wait_for_run<R: Relay>(receiver: &Receiver<R>, pull: &Task, runs: u64) {
    let seen = receiver.seen.get();
    while pull.status().runs == runs && receiver.seen.get() == seen {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
