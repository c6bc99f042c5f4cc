//! Whether to run now.

use jiff::{SignedDuration, Timestamp};

use super::walk::Walk;
use super::{Schedule, Step};

/// A clock that is set back by less than this only repeats moments that were dealt with. Set back by more, the plan begins
/// anew from what it shows.
pub const STEP_BACK: SignedDuration = SignedDuration::from_mins(2);

/// What to do at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Run, in place of everything that was planned since the mark.
    Run {
        /// When it was planned.
        planned: Timestamp,
    },
    /// Nothing yet.
    Wait(Wait),
}

/// Nothing is to be done yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// When the next run is, if that is known.
    pub next: Option<Timestamp>,
    /// Up to where everything that was planned has been dealt with now.
    pub mark: Timestamp,
    /// Until when there is nothing to decide, as long as schedule and clock go on as they are.
    pub until: Option<Timestamp>,
}

/// What to do at `now`, when everything that was planned up to `mark` has been dealt with.
///
/// A moment that was in a pause, in a blackout or on a day off when it came is not made up for. What was missed otherwise (the gateway
/// did not run) is made up for by one run, as soon as nothing stands in the way.
pub fn decide(schedule: &Schedule, mark: Timestamp, now: Timestamp) -> Decision {
    let mark = if mark.duration_since(now) > STEP_BACK { now } else { mark };
    let mut wait = Wait { next: None, mark, until: None };
    for Step { at, obstacle, .. } in Walk::new(schedule, mark, mark) {
        if at > now {
            wait.until = wait.until.or(Some(at));
        }
        match obstacle {
            // The interval has no moment of its own: it waits for the obstacle's end. It counts from the mark, which therefore stays where the
            // last run was.
            Some(_) if at <= now && schedule.plan.interval.is_none() => wait.mark = at,
            Some(_) => {}
            None if at > now => {
                wait.next = Some(at);
                break;
            }
            None => {
                let Some(obstacle) = schedule.obstacle(now) else { return Decision::Run { planned: at } };
                // Missed before; it waits for the end of what stands in the way now.
                wait.next = first_open(schedule, obstacle.until);
                wait.until = obstacle.until;
                break;
            }
        }
    }
    Decision::Wait(wait)
}

/// Where a mark is moved to: never back, unless the clock was set back.
pub fn forward(mark: Option<Timestamp>, to: Timestamp, now: Timestamp) -> Timestamp {
    mark.filter(|mark| mark.duration_since(now) <= STEP_BACK).map_or(to, |mark| mark.max(to))
}

/// The planned moment that has passed at `now` without a run that came to its end, when the last one did at `since`; none while
/// something stands in the way.
pub fn overdue(schedule: &Schedule, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    if schedule.obstacle(now).is_some() {
        return None;
    }
    let steps = Walk::new(schedule, since, since).take_while(|step| step.at < now);
    steps.filter(|step| step.obstacle.is_none()).map(|step| step.at).next()
}

/// The first moment from `from` on at which nothing stands in the way.
pub(super) fn first_open(schedule: &Schedule, from: Option<Timestamp>) -> Option<Timestamp> {
    let mut from = from?;
    // Obstacles that follow each other: a holiday after a weekend, a blackout in the morning after it.
    for _ in 0..1_000 {
        match schedule.obstacle(from) {
            None => return Some(from),
            Some(obstacle) => from = obstacle.until?,
        }
    }
    None
}
