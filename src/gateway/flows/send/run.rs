//! One run of the push: what an earlier one left over, then everything that waits, until nothing more can go now.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Sender;
use super::line::Line;
use super::outcome::{Pushed, SendRunError};
use crate::domain::ids::MessageId;
use crate::gateway::patience::BreakerState;
use crate::gateway::relay::{Relay, is_outage};
use crate::store::gateway::sent::{self, Due};
use crate::store::sqlite::StoreError;

/// Between two looks whether another process has let go of the outbox.
const LOCK_POLL: Duration = Duration::from_millis(50);

impl<R: Relay> Sender<R> {
    /// Whether a run would find anything to do now.
    pub async fn has_work(&self) -> Result<bool, StoreError> {
        if self.owes.load(Ordering::SeqCst) {
            return Ok(true);
        }
        sent::anything_to_do(self.receiver.database.read(), self.due()).await
    }

    /// When what was put off may be tried.
    pub(super) fn due(&self) -> Due {
        let now = self.receiver.clock.now();
        Due { now, horizon: self.receiver.backoff.horizon(now), asked_before: Self::asked_before(now) }
    }

    /// Does one run, unless the stop is asked for first. One at a time: waits for another one, also of another process. What
    /// is under way when it is stopped is gone on with by the next.
    pub async fn run(self: &Arc<Self>, stop: &CancellationToken) -> Result<Pushed, SendRunError> {
        let _turn = self.turn.lock().await;
        let Some(_lock) = self.lock(stop).await? else { return Ok(Pushed::default()) };
        let receiver = &self.receiver;
        if !receiver.breaker.allows(receiver.clock.now()) {
            let BreakerState::Open { until, .. } = receiver.breaker.state() else { return Ok(Pushed::default()) };
            return Err(SendRunError::BreakerOpen { until });
        }
        let result = match self.go(stop).await {
            Err(SendRunError::Stopped) => Ok(Pushed::default()),
            result => result,
        };
        if let Err(SendRunError::Relay(error)) = &result
            && is_outage(error)
        {
            receiver.breaker.failed(receiver.clock.now(), receiver.random.as_ref());
        }
        match &result {
            Ok(Pushed { sealed, deposited, troubles, told, news }) => {
                tracing::info!(code = "push.ended", sealed, deposited, troubles, told, news, "a push has ended");
            }
            Err(error) => {
                let detail = error as &dyn std::error::Error;
                tracing::warn!(code = error.code(), error = detail, "the push ended early");
            }
        }
        result
    }

    /// The lock that keeps other processes from numbering; none when the stop came first.
    async fn lock(&self, stop: &CancellationToken) -> io::Result<Option<File>> {
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(self.lock_path())?;
        while !stop.is_cancelled() {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(std::fs::TryLockError::WouldBlock) => tokio::time::sleep(LOCK_POLL).await,
                Err(std::fs::TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn go(self: &Arc<Self>, stop: &CancellationToken) -> Result<Pushed, SendRunError> {
        self.sweep().await?;
        // Nothing is numbered before it is known what the relay has from us: this database may come from a backup.
        self.compare_marks().await?;
        self.take_over(stop).await?;
        // News first: what somebody has fetched is not taken back any more.
        let mut pushed = Pushed { news: self.hear_all(stop).await?, ..Pushed::default() };
        self.owes.store(false, Ordering::SeqCst);
        pushed.told += self.tell_due().await?;
        self.look_for_lost(stop).await?;
        let mut line = Line::new(self);
        let ended = line.work(stop, &mut pushed).await;
        line.park().await;
        ended?;
        pushed.told += self.tell_due().await?;
        if pushed.deposited > 0 {
            // Until when the relay keeps what it has now: it is not believed later that this was earlier.
            self.take_over(stop).await?;
        }
        pushed.news += self.hear_all(stop).await?;
        Ok(pushed)
    }

    /// Removes what a crash left without a number.
    async fn sweep(&self) -> Result<(), SendRunError> {
        let outbox = self.outbox.clone();
        let found = tokio::task::spawn_blocking(move || outbox.sweep()).await.map_err(|_| SendRunError::Internal)??;
        let mut reader = self.receiver.database.reader().await?;
        let known = sent::find_all(&mut reader, &found).await?;
        drop(reader);
        let kept: HashSet<MessageId> = known.into_iter().filter(|sent| sent.kept).map(|sent| sent.id).collect();
        let outbox = self.outbox.clone();
        let mut stray = found.into_iter().filter(move |id| !kept.contains(id));
        let removed = tokio::task::spawn_blocking(move || stray.try_for_each(|id| outbox.let_go(id)));
        Ok(removed.await.map_err(|_| SendRunError::Internal)??)
    }
}
