//! Background tasks: one kind for all of them.
//!
//! A task takes no input, is idempotent and does not retry inside: when it fails, the next activation tries again. It runs by
//! its own time and by a signal ("now"), which go the same way, never beside itself, and shows its current and last run. A
//! run that panics has failed, and the task goes on.

use std::borrow::Cow;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::lifecycle::Shutdown;
use crate::domain::clock::Clock;

/// How a run ended: done, or with the stable code of what went wrong. The cause is in the log already.
pub type RunResult = Result<(), &'static str>;

/// The code of a run that panicked.
const PANICKED: &str = "task.panicked";

/// Why an activation began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Its time had come.
    Timer,
    /// Somebody asked for it.
    Signal,
}

/// When a task runs, beside whenever it is asked to.
pub enum Pace {
    /// At once, and then so often.
    Every(Duration),
    /// Again as soon as the last run has ended and the pause after it is over: for requests that the other end holds until
    /// there is something to answer. A soft stop drops such a run where it awaits.
    Following(Pause),
    /// Only when asked.
    WhenAsked,
}

/// How long to pause after a run that ended so.
pub type Pause = Box<dyn FnMut(RunResult) -> Duration + Send>;

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(period) => f.debug_tuple("Every").field(period).finish(),
            Self::Following(_) => f.write_str("Following"),
            Self::WhenAsked => f.write_str("WhenAsked"),
        }
    }
}

/// What a task shows of itself.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Since when it has been running, if it is.
    pub running_since: Option<Timestamp>,
    /// How many activations have ended since the program started.
    pub runs: u64,
    /// How many of them have failed.
    pub failures: u64,
    /// The last one that ended.
    pub last: Option<LastRun>,
    /// When it runs next, if that is known.
    pub next: Option<Timestamp>,
    /// When it began and is due by a clock that nobody sets, and that stands still while the machine does.
    began: Option<Instant>,
    due: Option<Instant>,
}

/// The end of an activation.
#[derive(Debug, Clone)]
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

/// A task as it is shown: to other programs as JSON (`/tasks`, `status --json`), on pages, as metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its name: one of a constant set.
    pub name: Cow<'static, str>,
    /// Since when it has been running, if it is.
    pub running_since: Option<Timestamp>,
    /// How many activations have ended since the program started.
    pub runs: u64,
    /// How many of them have failed.
    pub failures: u64,
    /// Why the last one that ended began.
    pub last_cause: Option<Cause>,
    /// When it began.
    pub last_began_at: Option<Timestamp>,
    /// When it ended.
    pub last_ended_at: Option<Timestamp>,
    /// `done`, or the code of what went wrong.
    pub last_result: Option<Cow<'static, str>>,
    /// When it runs next, if that is known.
    pub next_at: Option<Timestamp>,
    /// For how many seconds it has been running, if it is; however the clock was set meanwhile.
    pub running_seconds: Option<u64>,
    /// By how many seconds its timer is late; however the clock was set meanwhile.
    pub late_seconds: u64,
}

/// Every task of a program. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    started: Arc<Mutex<Vec<Task>>>,
}

/// The handle of a task: activates it and shows its status. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Task {
    name: &'static str,
    wake: Arc<Notify>,
    status: Arc<Mutex<Status>>,
}

impl Tasks {
    /// None yet. All of them tell the time by this clock and end with this process.
    pub fn new(clock: Arc<dyn Clock>, shutdown: &Shutdown) -> Self {
        Self { clock, shutdown: shutdown.clone(), started: Arc::default() }
    }

    /// When to stop.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Starts a task that does `work` at this pace and whenever it is activated.
    pub fn start<W, F>(&self, name: &'static str, pace: Pace, work: W) -> Task
    where
        W: Fn(Cause) -> F + Send + Sync + 'static,
        F: Future<Output = RunResult> + Send,
    {
        let task = Task { name, wake: Arc::default(), status: Arc::default() };
        self.lock().push(task.clone());
        let (this, clock, shutdown) = (task.clone(), Arc::clone(&self.clock), self.shutdown.clone());
        self.shutdown.spawn(async move { this.live(pace, clock.as_ref(), &shutdown, &work).await });
        task
    }

    /// The task of that name.
    pub fn find(&self, name: &str) -> Option<Task> {
        self.lock().iter().find(|task| task.name == name).cloned()
    }

    /// All of them as they are now, in the order in which they were started.
    pub fn snapshot(&self) -> Vec<Snapshot> {
        self.lock().iter().map(Task::snapshot).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Task>> {
        self.started.lock().expect("nothing panics while it holds the list of tasks")
    }
}

impl Task {
    async fn live<W, F>(&self, mut pace: Pace, clock: &dyn Clock, shutdown: &Shutdown, work: &W)
    where
        W: Fn(Cause) -> F,
        F: Future<Output = RunResult> + Send,
    {
        let soft = shutdown.soft();
        let mut due = (!matches!(pace, Pace::WhenAsked)).then(Instant::now);
        loop {
            let cause = tokio::select! {
                () = soft.cancelled() => return,
                () = self.wake.notified() => Cause::Signal,
                () = until(due) => Cause::Timer,
            };
            if let Pace::Every(period) = pace
                && cause == Cause::Timer
            {
                due = Some(self.after(period, clock));
            }
            let run = self.run(cause, clock, work);
            if let Pace::Following(pause) = &mut pace {
                let result = tokio::select! {
                    () = soft.cancelled() => return,
                    result = run => result,
                };
                due = Some(self.after(pause(result), clock));
            } else {
                // How it ended shows in its status.
                let _ = run.await;
            }
        }
    }

    /// Notes that it runs again after this time.
    fn after(&self, time: Duration, clock: &dyn Clock) -> Instant {
        let time_shown = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let due = Instant::now() + time;
        let mut status = self.lock();
        (status.next, status.due) = (clock.now().checked_add(time_shown).ok(), Some(due));
        due
    }

    async fn run<W, F>(&self, cause: Cause, clock: &dyn Clock, work: &W) -> RunResult
    where
        W: Fn(Cause) -> F,
        F: Future<Output = RunResult> + Send,
    {
        let began_at = clock.now();
        {
            let mut status = self.lock();
            (status.running_since, status.began) = (Some(began_at), Some(Instant::now()));
        }
        let result = AssertUnwindSafe(async { work(cause).await }).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(code = PANICKED, task = self.name, "a run of a task has panicked");
            Err(PANICKED)
        });
        let mut status = self.lock();
        (status.running_since, status.began) = (None, None);
        status.runs += 1;
        status.failures += u64::from(result.is_err());
        status.last = Some(LastRun { cause, began_at, ended_at: clock.now(), error: result.err() });
        result
    }

    /// Its name, for logs and pages.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Asks for a run. Asked for during a run, one more follows; asked for many times, still one.
    pub fn activate(&self) {
        self.wake.notify_one();
    }

    /// Notes when it is to run next: for those that others ask by a plan.
    pub fn expect_at(&self, next: Option<Timestamp>) {
        self.lock().next = next;
    }

    /// What it is doing and how the last run ended.
    pub fn status(&self) -> Status {
        self.lock().clone()
    }

    /// The same, as it is shown.
    pub fn snapshot(&self) -> Snapshot {
        let Status { running_since, runs, failures, last, next, began, due } = self.status();
        let late = due.filter(|_| began.is_none()).map_or(Duration::ZERO, |due| due.elapsed());
        Snapshot {
            name: self.name.into(),
            running_since,
            runs,
            failures,
            last_cause: last.as_ref().map(|last| last.cause),
            last_began_at: last.as_ref().map(|last| last.began_at),
            last_ended_at: last.as_ref().map(|last| last.ended_at),
            last_result: last.map(|last| last.error.unwrap_or("done").into()),
            next_at: next,
            running_seconds: began.map(|began| began.elapsed().as_secs()),
            late_seconds: late.as_secs(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().expect("nothing panics while it holds a task's status")
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::domain::clock::ManualClock;

    /// A task at this pace whose runs end as `result` says, and what is heard of its runs.
    fn example(
        pace: Pace,
        result: impl Fn() -> RunResult + Send + Sync + 'static,
    ) -> (Tasks, Task, UnboundedReceiver<Cause>) {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let tasks = Tasks::new(clock, &Shutdown::new());
        let (ran, ended) = unbounded_channel();
        let task = tasks.start("example", pace, move |cause| {
            ran.send(cause).unwrap();
            let result = result();
            async move { result }
        });
        (tasks, task, ended)
    }

    #[tokio::test(start_paused = true)]
    async fn timer_and_signal_go_the_same_way() {
        let (tasks, task, mut ended) = example(Pace::Every(Duration::from_secs(60)), || Err("example.failed"));
        assert_eq!(ended.recv().await, Some(Cause::Timer));
        task.activate();
        assert_eq!(ended.recv().await, Some(Cause::Signal));
        assert_eq!(ended.recv().await, Some(Cause::Timer));
        tasks.shutdown().finish(Duration::from_secs(1)).await;
        let shown = serde_json::to_value(tasks.snapshot()).unwrap();
        let epoch = "1970-01-01T00:00:00Z";
        let expected = serde_json::json!([{
            "name": "example", "running_since": null, "runs": 3, "failures": 3, "last_cause": "timer",
            "last_began_at": epoch, "last_ended_at": epoch, "last_result": "example.failed",
            "next_at": "1970-01-01T00:01:00Z", "running_seconds": null, "late_seconds": 0,
        }]);
        assert_eq!(shown, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_pauses_as_its_end_says_and_is_dropped_by_a_stop() {
        let started = Instant::now();
        let pause: Pause = Box::new(|result| Duration::from_secs(if result.is_ok() { 0 } else { 30 }));
        let (tasks, _, mut ended) = example(Pace::Following(pause), || Err("example.failed"));
        for seconds in [0, 30, 60] {
            assert_eq!(ended.recv().await, Some(Cause::Timer));
            assert_eq!(started.elapsed().as_secs(), seconds);
        }
        let held = tasks.start("held", Pace::Following(Box::new(|_| Duration::ZERO)), |_| std::future::pending());
        tokio::task::yield_now().await;
        assert_eq!(held.status().running_since, Some(Timestamp::UNIX_EPOCH));
        tasks.shutdown().finish(Duration::from_secs(60)).await;
        assert_eq!(started.elapsed().as_secs(), 60, "nobody waits for it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_panics_has_failed_and_the_next_one_comes() {
        let (tasks, task, mut ended) = example(Pace::WhenAsked, || panic!("as the test wants it"));
        for runs in 1..=2 {
            task.activate();
            assert_eq!(ended.recv().await, Some(Cause::Signal));
            tokio::task::yield_now().await;
            assert_eq!((task.status().runs, task.status().failures), (runs, runs));
        }
        assert_eq!(tasks.find("example").unwrap().status().last.unwrap().error, Some(PANICKED));
    }
}
