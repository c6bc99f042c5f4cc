//! One run from end to end: the handshake, what was left over, then all stages side by side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::item::{Batch, Item, Outgoing, Ticket};
use super::list::Part;
use super::run::Run;
use super::{RunError, acknowledge, commit, judge, list, settle, small};
use crate::gateway::flows::orders::remember;
use crate::gateway::patience::BreakerState;
use crate::gateway::relay::Relay;
use crate::store::gateway::{relay_mark, waiting};
use crate::wire::{self, page::Cursor};

/// While all places in line are taken by large parcels, it is looked this often whether something new has come.
const NEWS: Duration = Duration::from_secs(5);
/// The whole list is gone through again when half the line is free, or after this time: what waits may be due.
const AGAIN: Duration = Duration::from_mins(5);

/// Does one run, all but the large parcels that come in beside it. After a whole list gives up to which of our
/// acknowledgements at the relay everything is here, if that is known.
pub(super) async fn run<R: Relay>(run: &Arc<Run<R>>, stop: &CancellationToken) -> Result<Option<Cursor>, RunError> {
    let result = run.go().await;
    let result = match run.lock().failure.take() {
        Some(error) => Err(error),
        None => result,
    };
    let complete = result.is_ok() && !stop.is_cancelled();
    let written = if complete {
        run.discard_unlisted().await;
        run.forget_unlisted().await
    } else {
        run.flush().await
    };
    if run.cause.is_a_persons() {
        run.receiver.beside.idle().await;
    }
    let waiting = waiting::count(run.receiver.database.read()).await?;
    let settled = settle::settle(run, complete && waiting == 0 && run.receiver.beside.is_idle()).await;
    // A large parcel may have failed since.
    let landed = run.lock().failure.take().map_or(Ok(()), Err);
    result.and(written).and(landed).and(settled)?;
    Ok(run.lock().again.mark().filter(|_| complete))
}

impl<R: Relay> Run<R> {
    async fn go(self: &Arc<Self>) -> Result<(), RunError> {
        self.greet().await?;
        let spool = self.receiver.spool.clone();
        let parts = tokio::task::spawn_blocking(move || spool.parts()).await.map_err(|_| RunError::Internal)??;
        self.lock().unlisted_parts.extend(parts);
        // A person's word counts once: what fails then waits for its time.
        let mut part = if self.cause.is_a_persons() { Part::Eager } else { Part::Whole };
        let mut whole_at = Instant::now();
        loop {
            acknowledge::pending(self).await?;
            if part != Part::News {
                self.lock().deferred = 0;
                whole_at = Instant::now();
            }
            self.look_for_scanner().await?;
            self.pass(part).await?;
            self.flush().await?;
            if self.lock().deferred == 0 || self.stop.is_cancelled() {
                return Ok(());
            }
            part = tokio::select! {
                () = self.stop.cancelled() => Part::News,
                () = self.receiver.beside.room() => Part::Whole,
                () = tokio::time::sleep(NEWS) => if whole_at.elapsed() < AGAIN { Part::News } else { Part::Whole },
            };
        }
    }

    /// One way through the relay's list, or a part of it.
    async fn pass(self: &Arc<Self>, part: Part) -> Result<(), RunError> {
        let limits = self.receiver.limits;
        let (small, small_queue) = mpsc::channel::<Ticket>(limits.parallel * 2);
        let (items, item_queue) = mpsc::channel::<Item>(limits.batch);
        let (batches, batch_queue) = mpsc::channel::<Batch>(1);
        let (done, done_queue) = mpsc::channel::<Vec<Outgoing>>(4);
        let mut tasks = JoinSet::new();
        tasks.spawn(list::list(Arc::clone(self), small, items.clone(), part));
        let small_queue = Arc::new(tokio::sync::Mutex::new(small_queue));
        for _ in 0..limits.parallel {
            tasks.spawn(small::work(Arc::clone(self), Arc::clone(&small_queue), items.clone()));
        }
        drop((items, small_queue));
        tasks.spawn(judge::work(Arc::clone(self), item_queue, batches));
        tasks.spawn(commit::work(Arc::clone(self), batch_queue, done));
        tasks.spawn(acknowledge::work(Arc::clone(self), done_queue));
        while let Some(ended) = tasks.join_next().await {
            if ended.is_err() {
                self.fail(RunError::Internal);
            }
        }
        match self.lock().failure.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// After a whole list: throws away what was partly fetched of parcels that the relay has no more.
    async fn discard_unlisted(&self) {
        let mut parts = std::mem::take(&mut self.lock().unlisted_parts);
        parts.retain(|id| !self.receiver.beside.in_flight.contains(*id));
        let spool = self.receiver.spool.clone();
        let task = tokio::task::spawn_blocking(move || parts.into_iter().try_for_each(|id| spool.discard(id)));
        // What stays is only room on the disk, and the next run tries again.
        if !matches!(task.await, Ok(Ok(()))) {
            tracing::warn!(code = "spool.parts", "partly fetched files that nobody needs cannot be removed");
        }
    }

    /// The handshake: is the relay there, is it ours, what time does it have.
    async fn greet(&self) -> Result<(), RunError> {
        let receiver = &self.receiver;
        if !receiver.breaker.allows(receiver.clock.now()) {
            let BreakerState::Open { until, .. } = receiver.breaker.state() else { return Ok(()) };
            return Err(RunError::BreakerOpen { until });
        }
        let hello = self.request(|| receiver.relay.handshake()).await?;
        if hello.version != wire::VERSION {
            return Err(RunError::OtherVersion);
        }
        if hello.union != *receiver.keys.union() {
            return Err(RunError::OtherUnion);
        }
        remember(receiver, &hello.entrance).await?;
        let own = relay_mark(receiver.database.read()).await?;
        self.lock().again.begin(self.cause, own.map(Cursor), hello.acknowledged);
        let difference = hello.now.duration_since(receiver.clock.now());
        receiver.metrics.relay_clock_difference_seconds.set(difference.as_secs_f64());
        if difference.abs().as_secs().unsigned_abs() > receiver.limits.rules.clock_skew_seconds {
            tracing::warn!(code = "relay.clock", seconds = difference.as_secs(), "the relay's clock differs from ours");
        }
        Ok(())
    }
}
