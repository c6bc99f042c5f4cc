//! Background tasks: one kind for all of them.
//!
//! A task takes no input, is idempotent and does not retry inside: when it fails, the next activation tries again. It runs by
//! its timer and by a signal ("now"), which go the same way, never beside itself, and shows its current and last run.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Notify;

use super::lifecycle::Shutdown;
use crate::domain::clock::Clock;

/// Why an activation began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Its time had come.
    Timer,
    /// Somebody asked for it.
    Signal,
}

/// What a task shows of itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Status {
    /// Since when it has been running, if it is.
    pub running_since: Option<Timestamp>,
    /// How many activations have ended.
    pub runs: u64,
    /// The last one that ended.
    pub last: Option<LastRun>,
}

/// The end of an activation.
#[derive(Debug, Clone, Serialize)]
pub struct LastRun {
    /// Why it ran.
    pub cause: Cause,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The code of what went wrong, if something did.
    pub error: Option<&'static str>,
}

/// The handle of a task: activates it and shows its status. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Task {
    name: &'static str,
    wake: Arc<Notify>,
    status: Arc<Mutex<Status>>,
}

impl Task {
    /// Starts a task that does `work` every `period` (the first time at once) and whenever it is activated.
    ///
    /// `work` answers `Err` with a stable code; it has logged the cause itself.
    pub fn start<W, F>(
        name: &'static str,
        period: Duration,
        clock: Arc<dyn Clock>,
        shutdown: &Shutdown,
        work: W,
    ) -> Self
    where
        W: Fn(Cause) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), &'static str>> + Send,
    {
        let task = Self { name, wake: Arc::default(), status: Arc::default() };
        let (this, soft) = (task.clone(), shutdown.soft().clone());
        shutdown.spawn(async move {
            let mut timer = tokio::time::interval(period);
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                let cause = tokio::select! {
                    () = soft.cancelled() => return,
                    () = this.wake.notified() => Cause::Signal,
                    _ = timer.tick() => Cause::Timer,
                };
                this.run(cause, clock.as_ref(), &work).await;
            }
        });
        task
    }

    async fn run<W, F>(&self, cause: Cause, clock: &dyn Clock, work: &W)
    where
        W: Fn(Cause) -> F,
        F: Future<Output = Result<(), &'static str>>,
    {
        let began_at = clock.now();
        self.lock().running_since = Some(began_at);
        let error = work(cause).await.err();
        let mut status = self.lock();
        status.running_since = None;
        status.runs += 1;
        status.last = Some(LastRun { cause, began_at, ended_at: clock.now(), error });
    }

    /// Its name, for logs and pages.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Asks for a run. Asked for during a run, one more follows; asked for many times, still one.
    pub fn activate(&self) {
        self.wake.notify_one();
    }

    /// What it is doing and how the last run ended.
    pub fn status(&self) -> Status {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Status> {
        self.status.lock().expect("nothing panics while it holds a task's status")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::domain::clock::ManualClock;

    #[tokio::test(start_paused = true)]
    async fn timer_and_signal_go_the_same_way() {
        let (shutdown, runs) = (Shutdown::new(), Arc::new(AtomicU32::new(0)));
        let (seen, (ran, mut ended)) = (Arc::clone(&runs), tokio::sync::mpsc::unbounded_channel());
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let task = Task::start("example", Duration::from_secs(60), clock, &shutdown, move |cause| {
            let (seen, ran) = (Arc::clone(&seen), ran.clone());
            async move {
                seen.fetch_add(1, Ordering::SeqCst);
                ran.send(cause).unwrap();
                Err("example.failed")
            }
        });
        assert_eq!(ended.recv().await, Some(Cause::Timer));
        task.activate();
        assert_eq!(ended.recv().await, Some(Cause::Signal));
        assert_eq!(ended.recv().await, Some(Cause::Timer));
        shutdown.finish(Duration::from_secs(1)).await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        assert_eq!(task.status().last.unwrap().error, Some("example.failed"));
    }
}
