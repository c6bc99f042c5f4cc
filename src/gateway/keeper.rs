//! Follows the schedule of the pull in a running gateway: when a run is due, what begins it, whether the long poll may wait.
//!
//! The schedule is in the database and changes without a restart, by any process. What has to be decided is decided by
//! [`domain::schedule`](crate::domain::schedule); here it meets clock and database.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::flows::receive::{Cause, Order, Receiver, Report};
use super::patience::BreakerState;
use crate::domain::schedule::{Decision, Outlook, Plan, Schedule, Wait, decide, forward, overdue};
use crate::store::gateway::{acknowledgements, runs, schedule};
use crate::store::sqlite::{Connection, StoreError};

/// What was planned longer ago than this when it is looked at was missed: the gateway did not run, its clock was set, or something
/// stood in the way.
const MISSED: SignedDuration = SignedDuration::from_secs(60);

/// Follows the schedule.
#[derive(Debug)]
pub struct Keeper<R> {
    receiver: Arc<Receiver<R>>,
    /// The plan while none is set.
    default: Plan,
    state: Mutex<Option<State>>,
    may_poll: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    version: i64,
    schedule: Schedule,
    /// Up to where everything that was planned has been dealt with; none before the first run.
    mark: Option<Timestamp>,
    /// When anybody changed it last: nothing that was planned before is late since.
    changed_at: Option<Timestamp>,
    /// Since when a pull was due when nothing stood in the way.
    due: Option<Timestamp>,
    /// What was decided last, and when.
    decided: Option<(Timestamp, Wait)>,
    /// What has been ordered and has not begun.
    order: Option<Order>,
    /// Whether a run is under way.
    running: bool,
    /// A run that began before and did not come to its end.
    unfinished: Option<Unfinished>,
    /// How late the newest planned run began.
    late: Option<SignedDuration>,
}

#[derive(Debug, Clone, Copy)]
struct Unfinished {
    cause: Cause,
    failures: u32,
    next_try: Timestamp,
}

/// What follows from a look.
#[derive(Debug)]
struct Decided {
    order: Option<Order>,
    mark: Option<Moved>,
    next: Option<Timestamp>,
}

/// A mark that has to be written down, and then to be moved.
#[derive(Debug, Clone, Copy)]
struct Moved {
    from: Option<Timestamp>,
    to: Timestamp,
}

/// What a look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether a run was ordered that has to be begun.
    pub ordered: bool,
    /// When the next run is, if that is known.
    pub next: Option<Timestamp>,
}

impl<R> Keeper<R> {
    /// Follows the schedule in the receiver's database; this plan counts while none is set there.
    pub fn new(receiver: &Arc<Receiver<R>>, default: Plan) -> Self {
        Self { receiver: Arc::clone(receiver), default, state: Mutex::default(), may_poll: watch::Sender::new(false) }
    }

    /// Looks at schedule and clock. Orders the run that is due, if one is.
    pub async fn look(&self) -> Result<Look, StoreError> {
        self.read_again().await?;
        let now = self.receiver.clock.now();
        let decided = {
            let mut state = self.lock();
            let state = state.as_mut().expect("it was read just now");
            let may_poll = state.schedule.may_poll(now);
            self.may_poll.send_if_modified(|known| std::mem::replace(known, may_poll) != may_poll);
            self.decide(state, now)
        };
        // Written down before anything is ordered: an order that stands while nobody was told of it would stand for ever.
        if let Some(Moved { to, .. }) = decided.mark {
            let mut transaction = self.receiver.database.write().await?;
            schedule::set_mark(&mut transaction, to, now).await?;
            self.receiver.database.commit(transaction).await?;
        }
        let mut state = self.lock();
        let state = state.as_mut().expect("it was read above");
        if let Some(Moved { from, to }) = decided.mark
            && state.mark == from
        {
            state.mark = Some(to);
        }
        let ordered = decided.order.is_some_and(|order| state.order(order));
        Ok(Look { ordered, next: decided.next })
    }

    async fn read_again(&self) -> Result<(), StoreError> {
        let database = &self.receiver.database;
        let version = schedule::version(database.read()).await?;
        let known = self.lock().as_ref().map(|state| state.version);
        if known == Some(version) {
            return Ok(());
        }
        let mut connection = database.reader().await?;
        let kept = schedule::load(&mut connection).await?;
        let (version, mark, changed_at) = (kept.version, kept.mark, kept.changed_at);
        let schedule = kept.schedule(&self.default);
        if known.is_none() {
            let is_left = self.is_left(&mut connection).await?;
            let next_try = self.receiver.clock.now();
            let unfinished = is_left.then_some(Unfinished { cause: Cause::CatchUp, failures: 0, next_try });
            *self.lock() = Some(State {
                version,
                schedule,
                mark,
                changed_at,
                due: None,
                decided: None,
                order: None,
                running: false,
                unfinished,
                late: None,
            });
        } else if let Some(state) = self.lock().as_mut() {
            // What a run that is under way has dealt with may not be written down yet.
            let taken = state.mark.filter(|_| state.running);
            let mark = taken.map_or(mark, |taken| Some(forward(mark, taken, self.receiver.clock.now())));
            (state.version, state.schedule, state.mark, state.decided) = (version, schedule, mark, None);
            (state.changed_at, state.due) = (changed_at, None);
        }
        tracing::info!(code = "schedule.read", version, "the schedule was read");
        Ok(())
    }

    /// Whether a process before this one has left something to do: a run that was cut off or failed, an acknowledgement that
    /// stands in line, a large parcel that has partly come.
    async fn is_left(&self, connection: &mut Connection) -> Result<bool, StoreError> {
        let newest = runs::list(&mut *connection, 1).await?.pop();
        let is_cut_off = newest.is_some_and(|run| run.result.as_deref() != Some("done"));
        let has_parts = self.receiver.spool.parts().is_ok_and(|parts| !parts.is_empty());
        Ok(is_cut_off || has_parts || acknowledgements::count(&mut *connection).await? > 0)
    }

    /// What follows from schedule and clock.
    fn decide(&self, state: &mut State, now: Timestamp) -> Decided {
        if state.order.as_ref().is_some_and(|order| order.planned_at.is_some()) {
            return Decided { order: None, mark: None, next: Some(now) };
        }
        let (wait, mark) = match state.decision(now) {
            Decision::Run { planned } => {
                let planned = state.changed(now).map_or(planned, |changed_at| planned.max(changed_at));
                let cause = if now.duration_since(planned) > MISSED { Cause::CatchUp } else { Cause::Timer };
                return Decided { order: Some(Order::planned(cause, planned)), mark: None, next: Some(now) };
            }
            Decision::Wait(wait) => {
                let mark = Moved { from: state.mark, to: wait.mark };
                state.decided = Some((now, wait));
                (wait, Some(mark).filter(|mark| mark.from != Some(mark.to)))
            }
        };
        // The one that is under way may come to its end.
        let Some(unfinished) = state.unfinished.filter(|_| !state.running) else {
            return Decided { order: None, mark, next: wait.next };
        };
        if self.receiver.backoff.is_due(unfinished.next_try, now) && state.schedule.obstacle(now).is_none() {
            let order = Order::planned(unfinished.cause, unfinished.next_try);
            return Decided { order: Some(order), mark, next: Some(now) };
        }
        let next = wait.next.map_or(unfinished.next_try, |next| next.min(unfinished.next_try));
        Decided { order: None, mark, next: Some(next.max(now)) }
    }

    /// What the pull has to begin with now; nothing when it may not run now. What was planned is planned still, then.
    pub fn take(&self) -> Option<Order> {
        let now = self.receiver.clock.now();
        let mut state = self.lock();
        let state = state.as_mut()?;
        let order = state.order.take().unwrap_or_else(|| Cause::Signal.into());
        if !order.cause.is_a_persons() && state.schedule.obstacle(now).is_some() {
            return None;
        }
        if let Some(planned) = order.planned_at {
            state.late = Some(late(planned, now));
        }
        if let Some(mark) = order.mark(now) {
            (state.mark, state.decided) = (Some(forward(state.mark, mark, now)), None);
        }
        state.running = true;
        Some(order)
    }

    /// How the run ended that was begun last. One that did not come to its end is begun again after a pause.
    pub fn ended(&self, report: &Result<Report, StoreError>) {
        let now = self.receiver.clock.now();
        let is_over = matches!(report, Ok(report) if report.is_done() || report.result == "stopped");
        let mut state = self.lock();
        let Some(state) = state.as_mut() else { return };
        state.running = false;
        state.unfinished = (!is_over).then(|| {
            let failures = state.unfinished.map_or(0, |unfinished| unfinished.failures) + 1;
            let pause = self.receiver.backoff.pause(failures, self.receiver.random.as_ref());
            let next_try = now.checked_add(pause).unwrap_or(now);
            let next_try = match self.receiver.breaker.state() {
                BreakerState::Open { until, .. } => next_try.max(until),
                _ => next_try,
            };
            Unfinished { cause: Cause::Retry, failures, next_try }
        });
    }

    /// Orders a run that the schedule did not plan. Answers whether the pull has to be told; it has been told already of
    /// another order that it has not begun with yet.
    pub fn order(&self, order: Order) -> bool {
        self.lock().as_mut().is_some_and(|state| state.order(order))
    }

    /// Whether the pull may run now without a person who asks for it.
    pub fn is_open(&self) -> bool {
        let now = self.receiver.clock.now();
        self.lock().as_ref().is_some_and(|state| state.schedule.obstacle(now).is_none())
    }

    /// Whether nothing is ordered that has not begun.
    pub fn is_idle(&self) -> bool {
        self.lock().as_ref().is_none_or(|state| state.order.is_none())
    }

    /// By how much the planned run is late that waits to begin, or the newest one began late; none before the first.
    pub fn lateness(&self) -> Option<SignedDuration> {
        let now = self.receiver.clock.now();
        let state = self.lock();
        let state = state.as_ref()?;
        let waiting = state.order.as_ref().and_then(|order| order.planned_at);
        waiting.map(|planned| late(planned, now)).or(state.late)
    }

    /// Since when a pull is due that comes to its end, when the last one did at `since`. What was due when something came in the way
    /// is due still.
    pub fn due(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let mut state = self.lock();
        let state = state.as_mut()?;
        if state.schedule.obstacle(now).is_some() {
            return state.due.filter(|due| *due > since);
        }
        let since = state.changed(now).map_or(since, |changed_at| since.max(changed_at));
        state.due = overdue(&state.schedule, since, now);
        state.due
    }

    /// What is to be expected of the schedule within a time from `now` on; none before it was read.
    pub fn outlook(&self, now: Timestamp, within: SignedDuration) -> Option<Outlook> {
        self.lock().as_ref().map(|state| state.schedule.outlook(state.mark, now, within))
    }

    /// Whether the long poll may wait for arrivals now.
    pub fn may_poll(&self) -> bool {
        *self.may_poll.borrow()
    }

    /// Until the long poll may not wait any more.
    pub async fn closed(&self) {
        let mut may_poll = self.may_poll.subscribe();
        // The sender is ours: it is there as long as we are.
        let _ = may_poll.wait_for(|may| !may).await;
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().expect("nothing panics while it holds the schedule")
    }
}

impl State {
    /// When it was changed, unless the clock has been set back since.
    fn changed(&self, now: Timestamp) -> Option<Timestamp> {
        self.changed_at.filter(|changed_at| *changed_at <= now)
    }

    /// What to do now; not thought about again before there can be something new.
    fn decision(&self, now: Timestamp) -> Decision {
        let Some(mark) = self.mark else {
            // Never yet.
            return match self.schedule.obstacle(now) {
                None => Decision::Run { planned: now },
                Some(obstacle) => Decision::Wait(Wait { next: obstacle.until, mark: now, until: None }),
            };
        };
        match self.decided {
            Some((at, wait)) if at <= now && wait.until.is_none_or(|until| now < until) => Decision::Wait(wait),
            _ => decide(&self.schedule, mark, now),
        }
    }

    /// Leaves an order. Answers whether the pull has to be told of it; it has been of the one before that it has not begun with yet.
    fn order(&mut self, order: Order) -> bool {
        let Some(before) = &mut self.order else {
            self.order = Some(order);
            return true;
        };
        // A person's order is more than any other; what was planned is done with it.
        let planned_at = order.planned_at.or(before.planned_at);
        *before = if before.cause.is_a_persons() && !order.cause.is_a_persons() {
            Order { planned_at, ..before.clone() }
        } else if order.cause.is_a_persons() || order.planned_at.is_some() {
            Order { planned_at, ..order }
        } else {
            return false;
        };
        false
    }
}

/// From a planned time to now.
fn late(planned: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(planned).max(SignedDuration::ZERO)
}
