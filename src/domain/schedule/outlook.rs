//! What is to be expected of a schedule: whether it is at rest, and whether it begins anything in the time to come.

use jiff::{SignedDuration, Timestamp};

use super::decide::first_open;
use super::{Schedule, Walk};

/// What is to be expected of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// Since when staff have it rest, if they do.
    pub paused_since: Option<Timestamp>,
    /// Whether it begins a pull, or the long poll may wait for arrivals, within the time that was asked for. The rest is not counted:
    /// it was ordered, and is told by itself.
    pub begins: bool,
}

impl Schedule {
    /// What is to be expected within a time from `now` on; `mark` as for [`decide`](super::decide()).
    pub fn outlook(&self, mark: Option<Timestamp>, now: Timestamp, within: SignedDuration) -> Outlook {
        let without_rest = Self { pause: None, ..self.clone() };
        let end = now.saturating_add(within).unwrap_or(Timestamp::MAX);
        let polls = || self.plan.long_poll && first_open(&without_rest, Some(now)).is_some_and(|open| open <= end);
        let runs = || {
            let mut steps = Walk::new(&without_rest, now, mark.unwrap_or(now)).take_while(|step| step.at <= end);
            steps.any(|step| step.obstacle.is_none())
        };
        Outlook {
            paused_since: self.pause_at(now).and_then(|_| Some(self.pause.as_ref()?.since)),
            begins: polls() || runs(),
        }
    }
}
