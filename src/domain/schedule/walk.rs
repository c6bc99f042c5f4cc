//! From one planned moment to the next.

use jiff::{SignedDuration, Timestamp};

use super::{Obstacle, Schedule, civil, jst};

/// Moments that are looked at, at most: more than all days off of thirty years. What has not come until then never comes.
const FARTHEST: usize = 20_000;

/// What makes a moment a planned one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A time of day.
    Time,
    /// A cron expression.
    Cron,
    /// The interval since the last planned run.
    Interval,
}

impl Trigger {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Cron => "cron",
            Self::Interval => "interval",
        }
    }
}

/// A planned moment, and what keeps the pull from running then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What makes it one.
    pub trigger: Trigger,
    /// Why it does not run then.
    pub obstacle: Option<Obstacle>,
}

/// The planned moments in their order. Of those for which one obstacle stands in the way, only the first is shown: the
/// walk goes on at the obstacle's end. It ends where an obstacle does not.
#[derive(Debug)]
pub struct Walk<'a> {
    schedule: &'a Schedule,
    /// No moment before this one.
    from: Option<Timestamp>,
    /// What the interval counts from.
    anchor: Timestamp,
    left: usize,
}

impl<'a> Walk<'a> {
    /// The planned moments after `after`, when the last planned run was at `anchor`.
    pub fn new(schedule: &'a Schedule, after: Timestamp, anchor: Timestamp) -> Self {
        let from = after.checked_add(SignedDuration::from_nanos(1)).ok();
        Self { schedule, from, anchor, left: FARTHEST }
    }

    /// The first planned moment that is not before `from`.
    fn planned(&self, from: Timestamp) -> Option<(Timestamp, Trigger)> {
        let plan = &self.schedule.plan;
        let local = whole_second(from).map(jst);
        let time = local.and_then(|local| {
            let mut days = std::iter::successors(Some(local.date()), |day| day.tomorrow().ok()).take(2);
            days.find_map(|day| plan.times.iter().map(|time| day.to_datetime(time.time())).find(|at| *at >= local))
        });
        let cron = local.and_then(|local| plan.cron.iter().filter_map(|cron| cron.next(local)).min());
        let interval = plan.interval.and_then(|interval| self.anchor.checked_add(interval.duration()).ok());
        let moments = [
            (time.and_then(civil), Trigger::Time),
            (cron.and_then(civil), Trigger::Cron),
            (interval.map(|at| at.max(from)), Trigger::Interval),
        ];
        moments.into_iter().filter_map(|(at, trigger)| Some((at?, trigger))).min_by_key(|(at, _)| *at)
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.left = self.left.checked_sub(1)?;
        let (at, trigger) = self.planned(self.from?)?;
        let obstacle = self.schedule.obstacle(at);
        self.from = if let Some(obstacle) = &obstacle {
            obstacle.until
        } else {
            self.anchor = at;
            at.checked_add(SignedDuration::from_nanos(1)).ok()
        };
        Some(Step { at, trigger, obstacle })
    }
}

/// The first whole second that is not before `at`.
fn whole_second(at: Timestamp) -> Option<Timestamp> {
    let second = Timestamp::from_second(at.as_second()).ok()?;
    // Before 1970 the seconds are cut towards it.
    if second >= at { Some(second) } else { second.checked_add(SignedDuration::from_secs(1)).ok() }
}
