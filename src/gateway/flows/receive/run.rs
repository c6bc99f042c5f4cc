//! What the stages of a run share.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::again::Again;
use super::item::InFlight;
use super::trouble::Trouble;
use super::{Cause, Receiver, RunError};
use crate::domain::ids::MessageId;
use crate::gateway::relay::{Relay, is_outage};
use crate::store::gateway::runs::Tally;
use crate::store::gateway::waiting::Waiting;
use crate::wire::client::ClientError;

/// Memory that small parcels share from the request to the disk, in KiB.
pub(super) const SMALL_MEMORY_KIB: u32 = 8 * 1024;
/// Tries of one request within a run.
const TRIES: u32 = 3;

/// What the stages of a run share.
pub(super) struct Run<R> {
    pub(super) receiver: Arc<Receiver<R>>,
    pub(super) cause: Cause,
    /// No new work: asked for from outside, or the run has failed.
    pub(super) stop: CancellationToken,
    pub(super) in_flight: InFlight,
    pub(super) memory: Arc<Semaphore>,
    /// Small messages that are opened at the same time: as many as there are cores, and one that begins.
    pub(super) openers: Semaphore,
    /// What waited when the run began.
    pub(super) waited: HashMap<MessageId, Waiting>,
    shared: Mutex<Shared>,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) tally: Tally,
    pub(super) failure: Option<RunError>,
    /// What waits now and is not written yet.
    pub(super) waits: BTreeMap<MessageId, Waiting>,
    /// The places of what the relay has confirmed and still stands in the line.
    pub(super) acknowledged: Vec<i64>,
    /// Parcels of this list that waited when the run began.
    pub(super) still_listed: HashSet<MessageId>,
    /// Parcels that this run has taken on, or left alone until their time: a second pass skips them.
    pub(super) tried: HashSet<MessageId>,
    /// Partly fetched files whose parcels were not listed yet.
    pub(super) unlisted_parts: HashSet<MessageId>,
    /// What the relay has our acknowledgement for and we do not have.
    pub(super) again: Again,
    /// Parcels that had no place in the line of this pass.
    pub(super) deferred: u64,
}

impl<R: Relay> Run<R> {
    /// A run that has not done anything yet.
    pub(super) fn new(
        receiver: Arc<Receiver<R>>,
        cause: Cause,
        stop: CancellationToken,
        waited: HashMap<MessageId, Waiting>,
    ) -> Self {
        Self {
            receiver,
            cause,
            stop,
            in_flight: InFlight::default(),
            memory: Arc::new(Semaphore::new(SMALL_MEMORY_KIB as usize)),
            openers: Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from) + 1),
            waited,
            shared: Mutex::default(),
        }
    }

    /// Asks the relay, some times if need be, and tells the breaker.
    pub(super) async fn request<T, F>(&self, ask: impl Fn() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let mut failures = 0;
        loop {
            match ask().await {
                Ok(answer) => {
                    self.receiver.breaker.succeeded();
                    return Ok(answer);
                }
                Err(error) => {
                    failures += 1;
                    if failures >= TRIES || !self.try_again(&error, failures).await {
                        self.note_failure(&error);
                        return Err(error);
                    }
                }
            }
        }
    }

    /// [`Self::request`], given up when the run is stopped.
    pub(super) async fn request_or_stop<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        Ok(self.until_stop(self.request(ask)).await??)
    }

    /// Waits for something, but not longer than the run lasts.
    pub(super) async fn until_stop<T>(&self, something: impl Future<Output = T>) -> Result<T, Trouble> {
        tokio::select! {
            () = self.stop.cancelled() => Err(Trouble::Stopped),
            done = something => Ok(done),
        }
    }

    /// Waits for the next try of something that failed, if one makes sense. Silence has cost a long time already.
    pub(super) async fn try_again(&self, error: &ClientError, failures: u32) -> bool {
        if !error.is_temporary() || matches!(error, ClientError::TimedOut) {
            return false;
        }
        self.receiver.metrics.retries_total.inc();
        let pause = self.receiver.backoff.pause(failures, self.receiver.random.as_ref());
        let pause = Duration::try_from(pause / 4).unwrap_or_default();
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    /// Tells the breaker of a failure.
    pub(super) fn note_failure(&self, error: &ClientError) {
        if is_outage(error) {
            self.receiver.breaker.failed(self.receiver.clock.now(), self.receiver.random.as_ref());
        }
    }

    /// Ends the run: what is under way is finished or parked, nothing new begins.
    pub(super) fn fail(&self, error: RunError) {
        self.lock().failure.get_or_insert(error);
        self.stop.cancel();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("nothing panics while it holds what the stages share")
    }

    /// Notes how long a stage took.
    pub(super) fn stage(&self, name: &str, began_at: Instant) {
        let seconds = began_at.elapsed().as_secs_f64();
        self.receiver.metrics.stage_seconds.with_label_values(&[name]).observe(seconds);
    }
}
