//! What the stages of a run share.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::again::Again;
use super::trouble::Trouble;
use super::{Cause, Receiver, RunError};
use crate::domain::ids::MessageId;
use crate::gateway::relay::{Relay, is_outage};
use crate::store::gateway::runs::{self, Tally};
use crate::store::gateway::waiting::{self, Waiting};
use crate::store::sqlite::StoreError;
use crate::wire::client::ClientError;
use crate::wire::page::Cursor;
use crate::wire::union::ParcelState;

/// Memory that small parcels share from the request to the disk, in KiB.
pub(super) const SMALL_MEMORY_KIB: u32 = 8 * 1024;
/// Tries of one request within a run.
const TRIES: u32 = 3;

/// What the stages of a run share.
pub(super) struct Run<R> {
    pub(super) receiver: Arc<Receiver<R>>,
    /// Its number in the history.
    pub(super) number: i64,
    pub(super) cause: Cause,
    /// No new work: asked for from outside, or the run has failed.
    pub(super) stop: CancellationToken,
    pub(super) memory: Arc<Semaphore>,
    /// Small messages that are opened at the same time: as many as there are cores, and one that begins.
    pub(super) openers: Semaphore,
    shared: Mutex<Shared>,
    /// Held until the last large parcel of this run has landed.
    _lock: Option<Arc<File>>,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) tally: Tally,
    pub(super) failure: Option<RunError>,
    /// What waits now and is not written yet.
    pub(super) waits: BTreeMap<MessageId, Waiting>,
    /// The places of what the relay has confirmed and still stands in the line.
    pub(super) acknowledged: Vec<i64>,
    /// Parcels that waited before and are still listed, which is not written yet.
    pub(super) still_listed: Vec<MessageId>,
    pub(super) furthest: Furthest,
    /// Partly fetched files whose parcels were not listed yet.
    pub(super) unlisted_parts: HashSet<MessageId>,
    /// What the relay has our acknowledgement for and we do not have.
    pub(super) again: Again,
    /// Parcels that had no place in line since the list was last gone through as a whole.
    pub(super) deferred: u64,
}

/// How far any pass of a run has come in the relay's lists.
#[derive(Default)]
pub(super) struct Furthest {
    waiting: Option<Cursor>,
    acknowledged: Option<Cursor>,
}

impl Furthest {
    /// How far in the list of what waits.
    pub(super) const fn waiting(&self) -> Option<Cursor> {
        self.waiting
    }

    /// Notes a place; whether none of this run was there yet.
    pub(super) fn passed(&mut self, state: ParcelState, place: Cursor) -> bool {
        let furthest = match state {
            ParcelState::Waiting => &mut self.waiting,
            ParcelState::Acknowledged => &mut self.acknowledged,
        };
        let new = Some(place) > *furthest;
        *furthest = (*furthest).max(Some(place));
        new
    }
}

impl<R: Relay> Run<R> {
    /// A run that has not done anything yet.
    pub(super) fn new(
        receiver: Arc<Receiver<R>>,
        number: i64,
        cause: Cause,
        stop: CancellationToken,
        lock: Option<Arc<File>>,
    ) -> Self {
        Self {
            receiver,
            number,
            cause,
            stop,
            memory: Arc::new(Semaphore::new(SMALL_MEMORY_KIB as usize)),
            openers: Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from) + 1),
            shared: Mutex::default(),
            _lock: lock,
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

    /// Looks whether the scanner is there, where there is one.
    pub(super) async fn look_for_scanner(&self) -> Result<(), RunError> {
        let Some(scanner) = self.receiver.scanner.clone() else { return Ok(()) };
        let stop = self.stop.clone();
        let asked = tokio::task::spawn_blocking(move || scanner.ping(&stop)).await.map_err(|_| RunError::Internal)?;
        if let Err(unscanned) = asked {
            tracing::warn!(code = unscanned.code(), "the malware scanner does not answer: what arrives waits");
        }
        Ok(())
    }

    /// Whether there is a scanner to come and nobody to ask.
    pub(super) fn scanner_is_away(&self) -> bool {
        self.receiver.scanner.as_ref().is_some_and(|scanner| scanner.is_away())
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

    /// Writes down what the run has come to: at its end, and again when a large parcel has landed after that.
    pub(super) async fn write_down(&self) -> Result<Tally, StoreError> {
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        let waiting = waiting::count(&mut *transaction).await?;
        // Read by the one who may write, so that what is written last is the newest.
        let tally = Tally { waiting, ..self.lock().tally };
        runs::put_tally(&mut transaction, self.number, &tally).await?;
        database.commit(transaction).await?;
        Ok(tally)
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
