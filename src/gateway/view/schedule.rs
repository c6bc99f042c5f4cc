//! What is shown of the schedule of the pull.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::RunView;
use crate::domain::schedule::{Blackout, Days, Obstacle, Pause, Plan, Planned, Window};

/// The schedule, what stands in its way, and what comes next.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct ScheduleView {
    pub plan: PlanView,
    /// Also one that is over.
    pub pause: Option<PauseView>,
    pub blackouts: Vec<BlackoutView>,
    /// The union's own days off.
    pub holidays: Vec<HolidayView>,
    /// What keeps the pull from running now.
    pub obstacle: Option<ObstacleView>,
    /// The next runs, and between them what does not run and why.
    pub next: Vec<PlannedView>,
    pub last_run: Option<RunView>,
}

/// When the pull is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct PlanView {
    /// `set` by staff, or `default`: what the settings say.
    pub source: &'static str,
    /// Times of day in Japan.
    pub times: Vec<String>,
    pub cron: Vec<String>,
    pub interval_seconds: Option<i64>,
    pub days: Days,
    pub long_poll: bool,
}

impl PlanView {
    /// The plan that counts.
    pub fn new(plan: &Plan, is_set: bool) -> Self {
        Self {
            source: if is_set { "set" } else { "default" },
            times: plan.times.iter().map(ToString::to_string).collect(),
            cron: plan.cron.iter().map(ToString::to_string).collect(),
            interval_seconds: plan.interval.map(|interval| interval.duration().as_secs()),
            days: plan.days,
            long_poll: plan.long_poll,
        }
    }
}

/// A rest that staff ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct PauseView {
    pub since: Timestamp,
    pub until: Option<Timestamp>,
    pub reason: String,
    pub by: String,
    /// Whether it lasts now.
    pub active: bool,
}

impl PauseView {
    /// As it is at a moment.
    pub fn new(pause: &Pause, now: Timestamp) -> Self {
        let active = pause.since <= now && pause.until.is_none_or(|until| now < until);
        let Pause { since, until, reason, by } = pause.clone();
        Self { since, until, reason, by, active }
    }
}

/// A window in which nothing runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct BlackoutView {
    pub number: i64,
    /// `daily` (`from` and `to` are times of day) or `dates` (they are days, both within).
    pub kind: &'static str,
    pub from: String,
    pub to: String,
    pub name: String,
}

impl From<&Window> for BlackoutView {
    fn from(window: &Window) -> Self {
        let (kind, from, to) = match &window.blackout {
            Blackout::Daily { from, to } => ("daily", from.to_string(), to.to_string()),
            Blackout::Dates { from, to } => ("dates", from.to_string(), to.to_string()),
        };
        Self { number: window.number, kind, from, to, name: window.name.clone() }
    }
}

/// A day off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct HolidayView {
    pub day: Date,
    pub name: String,
    /// `national` or `own`.
    pub kind: &'static str,
}

/// What keeps the pull from running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct ObstacleView {
    /// `pause`, `blackout`, `weekend`, `holiday` or `own-holiday`.
    pub why: &'static str,
    pub name: Option<String>,
    pub until: Option<Timestamp>,
}

impl From<&Obstacle> for ObstacleView {
    fn from(obstacle: &Obstacle) -> Self {
        let name = obstacle.why.name().map(ToOwned::to_owned);
        Self { why: obstacle.why.code(), name, until: obstacle.until }
    }
}

/// A moment that is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct PlannedView {
    pub at: Timestamp,
    /// `time`, `cron`, `interval`, or `catch-up` for what makes up for something missed.
    pub trigger: &'static str,
    /// Whether the pull runs then.
    pub runs: bool,
    /// Why not.
    pub obstacle: Option<ObstacleView>,
}

impl From<&Planned> for PlannedView {
    fn from(planned: &Planned) -> Self {
        Self {
            at: planned.at,
            trigger: planned.trigger.map_or("catch-up", |trigger| trigger.code()),
            runs: planned.obstacle.is_none(),
            obstacle: planned.obstacle.as_ref().map(Into::into),
        }
    }
}
