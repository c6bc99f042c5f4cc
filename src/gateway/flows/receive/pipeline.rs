//! One run from end to end: the handshake, what was left over, then all stages side by side.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::item::{Batch, Item, Outgoing, Ticket};
use super::run::Run;
use super::{Cause, Done, Receiver, RunError, acknowledge, commit, judge, large, list, settle, small};
use crate::gateway::patience::BreakerState;
use crate::gateway::relay::Relay;
use crate::store::gateway::relay_mark;
use crate::wire::{self, page::Cursor};

/// Large parcels that stand in line; those beyond are listed again later.
const LARGE_QUEUE: usize = 256;

/// Does one run. The tally holds also when the run fails.
pub(super) async fn run<R: Relay>(receiver: &Arc<Receiver<R>>, cause: Cause, stop: &CancellationToken) -> Done {
    let waited = match receiver.waiting().await {
        Ok(waited) => waited,
        Err(error) => return RunError::from(error).into(),
    };
    let run = Arc::new(Run::new(Arc::clone(receiver), cause, stop.child_token(), waited));
    let result = run.go().await;
    let result = match run.lock().failure.take() {
        Some(error) => Err(error),
        None => result,
    };
    let complete = result.is_ok() && !stop.is_cancelled();
    if complete {
        run.discard_unlisted().await;
    }
    let flushed = run.flush(complete).await;
    let (tally, mark) = {
        let shared = run.lock();
        (shared.tally, shared.again.mark().filter(|_| complete && flushed.is_ok()))
    };
    let settled = settle::settle(&run, complete && tally.waiting == 0).await;
    Done { tally, mark, result: result.and(flushed).and(settled) }
}

impl<R: Relay> Run<R> {
    async fn go(self: &Arc<Self>) -> Result<(), RunError> {
        self.greet().await?;
        let spool = self.receiver.spool.clone();
        let parts = tokio::task::spawn_blocking(move || spool.parts()).await.map_err(|_| RunError::Internal)??;
        self.lock().unlisted_parts.extend(parts);
        acknowledge::pending(self).await?;
        loop {
            self.pass().await?;
            self.flush(false).await?;
            let deferred = std::mem::take(&mut self.lock().deferred);
            if deferred == 0 || self.stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// One way through the relay's list.
    async fn pass(self: &Arc<Self>) -> Result<(), RunError> {
        let limits = self.receiver.limits;
        let (small, small_queue) = mpsc::channel::<Ticket>(limits.parallel * 2);
        let (large, large_queue) = mpsc::channel::<Ticket>(LARGE_QUEUE);
        let (items, item_queue) = mpsc::channel::<Item>(limits.batch);
        let (batches, batch_queue) = mpsc::channel::<Batch>(1);
        let (done, done_queue) = mpsc::channel::<Vec<Outgoing>>(4);
        let mut tasks = JoinSet::new();
        tasks.spawn(list::list(Arc::clone(self), small, large, items.clone()));
        let small_queue = Arc::new(tokio::sync::Mutex::new(small_queue));
        for _ in 0..limits.parallel {
            tasks.spawn(small::work(Arc::clone(self), Arc::clone(&small_queue), items.clone()));
        }
        let large_queue = Arc::new(tokio::sync::Mutex::new(large_queue));
        for _ in 0..limits.parallel_large {
            tasks.spawn(large::work(Arc::clone(self), Arc::clone(&large_queue), items.clone()));
        }
        drop((items, small_queue, large_queue));
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
        let parts = std::mem::take(&mut self.lock().unlisted_parts);
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
        if hello.union != receiver.keys.union {
            return Err(RunError::OtherUnion);
        }
        let own = relay_mark(receiver.database.read()).await?;
        self.lock().again.begin(self.cause, own.map(Cursor), hello.acknowledged);
        let difference = hello.now.duration_since(receiver.clock.now());
        receiver.metrics.relay_clock_difference_ms.set(i64::try_from(difference.as_millis()).unwrap_or(i64::MAX));
        if difference.abs().as_secs().unsigned_abs() > receiver.limits.rules.clock_skew_seconds {
            tracing::warn!(code = "relay.clock", seconds = difference.as_secs(), "the relay's clock differs from ours");
        }
        Ok(())
    }
}
