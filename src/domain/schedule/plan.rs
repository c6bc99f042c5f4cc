//! When a pull is to run.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::decide::first_open;
use super::moments::{Cron, Interval, TimeOfDay};
use super::{Schedule, Walk, Window};
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
    /// A window in which nothing runs stands in the way of each of its moments.
    #[error(
        "この予定では、停止時間帯のため一度も受信が行われません (with these blackouts nothing would ever be pulled: change the plan or the blackouts)"
    )]
    Blackouts,
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

    /// Refuses what would never run, counted from `now`, with these days off and windows. A pause is not counted: it ends.
    pub fn check(&self, now: Timestamp, own: &OwnHolidays, blackouts: &[Window]) -> Result<(), Never> {
        let with = |blackouts: &[Window]| Schedule {
            holidays: own.clone(),
            blackouts: blackouts.to_vec(),
            ..Schedule::new(self.clone())
        };
        if !self.has_moments() {
            let is_ever_open = || first_open(&with(blackouts), Some(now)).is_some();
            return if !self.long_poll {
                Err(Never::Nothing)
            } else if is_ever_open() {
                Ok(())
            } else {
                Err(Never::Blackouts)
            };
        }
        let ever_runs = |schedule: &Schedule| {
            let mut steps = Walk::new(schedule, now, now).take_while(|step| step.at.duration_since(now) < AHEAD);
            steps.any(|step| step.obstacle.is_none())
        };
        if ever_runs(&with(blackouts)) {
            Ok(())
        } else if !blackouts.is_empty() && ever_runs(&with(&[])) {
            Err(Never::Blackouts)
        } else {
            Err(Never::DaysOff)
        }
    }
}
