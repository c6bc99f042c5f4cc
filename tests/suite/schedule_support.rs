//! A gateway that follows its schedule, on a clock that is moved by hand.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::schedule::{Interval, Plan, civil, jst};
use kenpo_express::gateway::admin::Admin;
use kenpo_express::gateway::admin::schedule::PlanChange;
use kenpo_express::gateway::keeper::Keeper;
use kenpo_express::gateway::tasks;
use kenpo_express::gateway::view::RunView;
use kenpo_express::runtime::clock::SystemClock;
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::runtime::task::{Task, Tasks};

use crate::gateway_relay::FakeRelay;
use crate::gateway_support::GatewayWorld;

/// What `kx-gateway serve` does about the pull, beside a command line on the same database.
pub(crate) struct Serving {
    pub(crate) world: GatewayWorld,
    pub(crate) admin: Admin,
    pub(crate) tasks: Tasks,
    pub(crate) keeper: Arc<Keeper<FakeRelay>>,
    pub(crate) pull: Task,
    follow: Task,
}

impl Serving {
    /// By the defaults: every five minutes, and the long poll.
    pub(crate) async fn start(world: GatewayWorld) -> Self {
        let admin = world.admin("hanako").await;
        let receiver = &world.receiver;
        let tasks = Tasks::new(Arc::clone(&receiver.clock), &Shutdown::new());
        let keeper = Arc::new(Keeper::new(receiver, Plan::every(Interval::nearest(300), true)));
        let pull = tasks::pull::start(receiver, &keeper, &tasks);
        let follow = tasks::schedule::start(&keeper, &pull, &tasks);
        tasks::arrivals::start(receiver, &keeper, &pull, &tasks);
        let serving = Self { world, admin, tasks, keeper, pull, follow };
        serving.look().await;
        serving
    }

    /// Stops as SIGTERM does.
    pub(crate) async fn stop(self) -> GatewayWorld {
        self.tasks.shutdown().finish(Duration::from_secs(20)).await;
        self.world
    }

    /// Looks at the clock, and waits for what comes of it.
    pub(crate) async fn look(&self) {
        let runs = self.follow.status().runs;
        let settled = async {
            while self.follow.status().runs == runs {
                self.follow.activate();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            while !self.keeper.is_idle() || self.pull.status().running_since.is_some() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), settled).await.expect("the schedule is followed");
        self.world.receiver.beside.idle().await;
    }

    /// Moves the clock and looks.
    pub(crate) async fn after(&self, time: SignedDuration) {
        self.world.clock.advance(time);
        self.look().await;
    }

    /// Moves the clock to a moment and looks.
    pub(crate) async fn at(&self, moment: Timestamp) {
        self.after(moment.duration_since(self.world.clock.now())).await;
    }

    /// Times of day in Japan, and no long poll.
    pub(crate) async fn set_times(&self, times: &[&str]) {
        let times = times.iter().map(|time| time.parse().unwrap()).collect();
        let moments = Plan { times, interval: None, ..Plan::every(Interval::nearest(1), false) };
        let change = PlanChange { moments: Some(moments), days: None, long_poll: Some(false) };
        self.admin.set_plan(change).await.unwrap();
    }

    /// The runs, oldest first.
    pub(crate) async fn runs(&self) -> Vec<RunView> {
        let mut runs = self.admin.runs(10_000).await.unwrap();
        runs.reverse();
        runs
    }

    /// Why they ran.
    pub(crate) async fn causes(&self) -> Vec<String> {
        self.runs().await.into_iter().map(|run| run.cause).collect()
    }
}

/// This time of day in Japan, so many days from the real today: the day on which it was asked first, so that midnight changes nothing.
pub(crate) fn day(days: i64, time: &str) -> Timestamp {
    static TODAY: LazyLock<Date> = LazyLock::new(|| jst(SystemClock.now()).date());
    let day = TODAY.checked_add(SignedDuration::from_hours(24 * days)).unwrap();
    civil(format!("{day}T{time}").parse().unwrap()).unwrap()
}
