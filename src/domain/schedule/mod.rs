//! When the gateway pulls: a plan, what keeps it from running, and what follows from both for a moment. Pure: a clock's time goes
//! in, a decision comes out.
//!
//! All that people write is JST, which has no summer time; all that is compared is UTC.

mod blackout;
mod decide;
mod moments;
mod outlook;
mod plan;
mod preview;
#[cfg(test)]
mod tests;
mod walk;

pub use blackout::{Blackout, InvalidBlackout};
pub use decide::{Decision, STEP_BACK, Wait, decide, forward, overdue};
pub use moments::{Cron, Interval, InvalidCron, InvalidInterval, InvalidTimeOfDay, TimeOfDay, civil, jst, moment};
pub use outlook::Outlook;
pub use plan::{Days, Never, Plan};
pub use preview::{Planned, preview};
pub use walk::{Step, Trigger, Walk};

use jiff::Timestamp;

use super::calendar::{DayOff, OwnHolidays, day_off, next_day};

/// A rest that staff ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// From when on.
    pub since: Timestamp,
    /// Until when; none: until somebody ends it.
    pub until: Option<Timestamp>,
    /// Why, in the words of whoever ordered it.
    pub reason: String,
    /// Who ordered it.
    pub by: String,
}

/// A blackout window as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its number, by which it is taken away.
    pub number: i64,
    /// When nothing runs.
    pub blackout: Blackout,
    /// What it is for; may be empty.
    pub name: String,
}

/// Everything that decides when a pull runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// When it is to run.
    pub plan: Plan,
    /// The union's own days off.
    pub holidays: OwnHolidays,
    /// When nothing runs.
    pub blackouts: Vec<Window>,
    /// A rest that staff ordered, also one that is over or has not begun.
    pub pause: Option<Pause>,
}

/// Why nothing runs at a moment, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What it is.
    pub why: Why,
    /// From when on it is gone; none: it does not end by itself.
    pub until: Option<Timestamp>,
}

/// What keeps a pull from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Staff ordered a rest.
    Pause,
    /// A blackout window.
    Blackout {
        /// Its number.
        number: i64,
        /// What it is for.
        name: String,
    },
    /// It is no business day, and the plan is for those.
    DayOff(DayOff),
}

impl Why {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Blackout { .. } => "blackout",
            Self::DayOff(DayOff::Weekend) => "weekend",
            Self::DayOff(DayOff::National(_)) => "holiday",
            Self::DayOff(DayOff::Own(_)) => "own-holiday",
        }
    }

    /// What it is called, if it has a name.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Pause | Self::DayOff(DayOff::Weekend) => None,
            Self::Blackout { name, .. } => Some(name.as_str()).filter(|name| !name.is_empty()),
            Self::DayOff(DayOff::National(name)) => Some(name),
            Self::DayOff(DayOff::Own(name)) => Some(name),
        }
    }
}

impl Schedule {
    /// A plan that nothing keeps from running.
    pub fn new(plan: Plan) -> Self {
        Self { plan, holidays: OwnHolidays::new(), blackouts: Vec::new(), pause: None }
    }

    /// What keeps a pull from running at this moment.
    pub fn obstacle(&self, at: Timestamp) -> Option<Obstacle> {
        self.pause_at(at).or_else(|| self.blackout_at(at)).or_else(|| self.day_off_at(at))
    }

    /// Whether the long poll may wait for arrivals at this moment.
    pub fn may_poll(&self, at: Timestamp) -> bool {
        self.plan.long_poll && self.obstacle(at).is_none()
    }

    fn pause_at(&self, at: Timestamp) -> Option<Obstacle> {
        let pause = self.pause.as_ref().filter(|pause| pause.since <= at)?;
        let is_over = pause.until.is_some_and(|until| until <= at);
        (!is_over).then_some(Obstacle { why: Why::Pause, until: pause.until })
    }

    fn blackout_at(&self, at: Timestamp) -> Option<Obstacle> {
        let local = jst(at);
        self.blackouts.iter().find_map(|window| {
            let until = window.blackout.covers(local)?;
            let why = Why::Blackout { number: window.number, name: window.name.clone() };
            Some(Obstacle { why, until: civil(until) })
        })
    }

    fn day_off_at(&self, at: Timestamp) -> Option<Obstacle> {
        if self.plan.days == Days::All {
            return None;
        }
        let day = jst(at).date();
        let off = day_off(day, &self.holidays)?;
        let until = next_day(day).and_then(|next| civil(next.at(0, 0, 0, 0)));
        Some(Obstacle { why: Why::DayOff(off), until })
    }
}
