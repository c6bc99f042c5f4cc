//! The long poll: hears within a second that something has arrived, and has the pull run. It waits only while the schedule lets
//! the pull run.

use std::sync::Arc;
use std::time::Duration;

use super::{ARRIVALS_WAIT, line};
use crate::gateway::flows::receive::{Cause, Receiver};
use crate::gateway::keeper::Keeper;
use crate::gateway::relay::{self, Relay};
use crate::runtime::task::{Pace, RunResult, Task, Tasks};
use crate::wire::page::PageQuery;
use crate::wire::union::ParcelState;

/// Starts it.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, keeper: &Arc<Keeper<R>>, pull: &Task, tasks: &Tasks) -> Task {
    let looks = Arc::clone(keeper);
    let pause = line::pause(receiver, move || !(looks.may_poll() && looks.is_open()));
    let (receiver, keeper, pull) = (Arc::clone(receiver), Arc::clone(keeper), pull.clone());
    tasks.start("arrivals", Pace::Following(pause), move |_| {
        let (receiver, keeper, pull) = (Arc::clone(&receiver), Arc::clone(&keeper), pull.clone());
        async move {
            if !keeper.may_poll() {
                return Ok(());
            }
            tokio::select! {
                () = keeper.closed() => Ok(()),
                result = ask(&receiver, &keeper, &pull) => result,
            }
        }
    })
}

async fn ask<R: Relay>(receiver: &Receiver<R>, keeper: &Keeper<R>, pull: &Task) -> RunResult {
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
    if keeper.order(Cause::Arrival.into()) {
        pull.activate();
    }
    wait_for_run(receiver, pull, runs).await;
    if !keeper.is_open() {
        // It may be that no run began: it is news still when one may.
        return Ok(());
    }
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
