//! From start to stop: signals, the two steps of a stop, the word to systemd.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The two steps of a stop, and the tasks that it waits for.
///
/// *Soft*: take no new work, finish or park what is under way. *Hard*: drop everything now. Every crash point is safe, so
/// a hard stop loses nothing either; it only repeats some work.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A process that nobody has asked to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the soft stop.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// Asks for the hard stop (and the soft one with it).
    pub fn abort(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }

    /// Whether a stop was asked for.
    pub fn is_stopping(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Comes true when no new work may begin.
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Comes true when everything must be dropped.
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Starts a task that [`finish`](Self::finish) waits for. A hard stop drops it where it awaits.
    pub fn spawn<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hard = self.hard.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = hard.cancelled() => (),
                () = future => (),
            }
        });
    }

    /// Begins the soft stop, waits up to `grace` for the tasks, then stops hard and waits for the rest.
    pub async fn finish(&self, grace: Duration) {
        self.begin();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(code = "stop.grace-over", "tasks were still running at the end of the grace time");
            self.abort();
            self.tasks.wait().await;
        }
    }
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// The signals that reach this process.
#[derive(Debug)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    /// Starts to listen. From here on none of them ends the process by itself.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

/// Tells systemd that the service is ready. Does nothing when it was not systemd who started it.
pub fn notify_ready() {
    notify(&[sd_notify::NotifyState::Ready]);
}

/// Tells systemd that the service is going down.
pub fn notify_stopping() {
    notify(&[sd_notify::NotifyState::Stopping]);
}

/// Tells systemd, and says where that fails.
pub(super) fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(code = "systemd.notify-failed", %error, "systemd was not told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_soft_stop_waits_for_tasks_that_mind_it() {
        let shutdown = Shutdown::new();
        let (done, finished) = tokio::sync::oneshot::channel();
        let soft = shutdown.soft().clone();
        shutdown.spawn(async move {
            soft.cancelled().await;
            done.send(()).unwrap();
        });
        shutdown.finish(Duration::from_secs(60)).await;
        assert_eq!(finished.await, Ok(()));
        assert!(!shutdown.hard().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_hard_stop_drops_the_rest() {
        let shutdown = Shutdown::new();
        shutdown.spawn(std::future::pending());
        shutdown.finish(Duration::from_secs(5)).await;
        assert!(shutdown.hard().is_cancelled());
    }
}
