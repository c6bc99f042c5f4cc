//! When a pull is to run.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::moments::{Cron, Interval, TimeOfDay};
use super::{Schedule, Walk};
use crate::domain::calendar::OwnHolidays;

/// What does not come within this time never comes: forty years, so that leap days have fallen on every day of the week.
const AHEAD: SignedDuration = SignedDuration::from_hours(40 * 366 * 24);

/// When a pull is to run. Several kinds may stand beside each other; where they meet, it runs once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Times of day.
    pub times: BTreeSet<TimeOfDay>,
    /// Cron expressions.
    pub cron: Vec<Cron>,
    /// Time from one planned run to the next.
    pub interval: Option<Interval>,
    /// On which days.
    pub days: Days,
    /// Whether arrivals are waited for at the relay, too.
    pub long_poll: bool,
}

/// On which days a plan runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Days {
    /// On all days.
    All,
    /// On days that are no weekend, no national holiday and none of the union's own.
    Business,
}

/// Why a plan would never run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Never {
    /// Nothing in it ever begins a run.
    #[error(
        "受信のきっかけがありません。時刻、cron 式、間隔、ロングポーリングのいずれかが必要です (nothing would ever begin a pull: \
             give times, a cron expression, an interval or the long poll)"
    )]
    Nothing,
    /// Its moments are on days on which it does not run.
    #[error("この予定の日時は営業日に当たりません (none of these moments is ever on a business day)")]
    DaysOff,
}

impl Plan {
    /// A plan that does nothing but pull so often.
    pub fn every(interval: Interval, long_poll: bool) -> Self {
        Self { times: BTreeSet::new(), cron: Vec::new(), interval: Some(interval), days: Days::All, long_poll }
    }

    /// Whether anything but arrivals begins a run.
    pub fn has_moments(&self) -> bool {
        !self.times.is_empty() || !self.cron.is_empty() || self.interval.is_some()
    }

    /// Refuses what would never run, counted from `now`.
    pub fn check(&self, now: Timestamp, own: &OwnHolidays) -> Result<(), Never> {
        if !self.has_moments() {
            return if self.long_poll { Ok(()) } else { Err(Never::Nothing) };
        }
        let schedule = Schedule { holidays: own.clone(), ..Schedule::new(self.clone()) };
        let mut steps = Walk::new(&schedule, now, now).take_while(|step| step.at.duration_since(now) < AHEAD);
        if steps.any(|step| step.obstacle.is_none()) { Ok(()) } else { Err(Never::DaysOff) }
    }
}
