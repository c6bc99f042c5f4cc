//! What comes next, for those who look at a schedule.

use jiff::Timestamp;

use super::walk::{Trigger, Walk};
use super::{Decision, Obstacle, Schedule, decide};

/// Lines for each run that is shown, at most: the rest of what does not run is left out.
const LINES: usize = 20;

/// A moment that is planned, and whether the pull runs then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// When.
    pub at: Timestamp,
    /// What makes it a planned one; none: it makes up for what was missed.
    pub trigger: Option<Trigger>,
    /// Why it does not run then. Moments for which the same obstacle stands in the way are shown once.
    pub obstacle: Option<Obstacle>,
}

/// The next `runs` runs from `now` on, and between them what does not run and why. `mark` as for [`decide()`]; none before the first
/// run ever.
pub fn preview(schedule: &Schedule, mark: Option<Timestamp>, now: Timestamp, runs: usize) -> Vec<Planned> {
    let (first, anchor) = match mark.map(|mark| decide(schedule, mark, now)) {
        Some(Decision::Wait(wait)) => (wait.next, wait.mark),
        // Never yet, or due.
        _ => match schedule.obstacle(now) {
            None => (Some(now), now),
            Some(obstacle) => (obstacle.until, now),
        },
    };
    let walk = || Walk::new(schedule, now, anchor).map(|step| (step.at, Some(step.trigger), step.obstacle));
    // What makes up for something has no moment of its own.
    let is_planned =
        |at: &Timestamp| walk().find(|(_, _, obstacle)| obstacle.is_none()).is_some_and(|(next, ..)| next == *at);
    let extra = first.filter(|at| !is_planned(at)).map(|at| (at, None, None));
    let mut left = runs;
    let all = extra.into_iter().chain(walk()).take(runs.saturating_mul(LINES));
    let shown = all.take_while(move |(_, _, obstacle)| {
        let shown = left > 0;
        left = left.saturating_sub(usize::from(obstacle.is_none()));
        shown
    });
    let mut planned: Vec<_> = shown.map(|(at, trigger, obstacle)| Planned { at, trigger, obstacle }).collect();
    planned.sort_by_key(|planned| planned.at);
    planned
}
