//! Windows in which nothing runs.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

use super::moments::TimeOfDay;

/// A window in which nothing runs, by the clocks in Japan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blackout {
    /// Every day from the one time until the other is reached; over midnight when that is the earlier one.
    Daily {
        /// The first moment of it.
        from: TimeOfDay,
        /// The first moment after it.
        to: TimeOfDay,
    },
    /// From the first moment of the one day to the last of the other.
    Dates {
        /// The first day.
        from: Date,
        /// The last day.
        to: Date,
    },
}

/// A window that is none.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBlackout {
    /// It begins when it ends.
    #[error("開始と終了の時刻が同じです (a window from a time to the same time would never end: use pause)")]
    Whole,
    /// It ends before it begins.
    #[error("終了日が開始日より前です (the last day is before the first)")]
    Backwards,
}

impl Blackout {
    /// Every day from one time to another.
    pub fn daily(from: TimeOfDay, to: TimeOfDay) -> Result<Self, InvalidBlackout> {
        if from == to { Err(InvalidBlackout::Whole) } else { Ok(Self::Daily { from, to }) }
    }

    /// From one day to another, both of them with it.
    pub fn dates(from: Date, to: Date) -> Result<Self, InvalidBlackout> {
        if from > to { Err(InvalidBlackout::Backwards) } else { Ok(Self::Dates { from, to }) }
    }

    /// When `at` is in the window: the first moment after it.
    pub(super) fn covers(&self, at: DateTime) -> Option<DateTime> {
        let day_after = |day: Date| day.checked_add(1.day()).ok();
        match *self {
            Self::Dates { from, to } => (from..=to)
                .contains(&at.date())
                .then(|| day_after(to).map_or(DateTime::MAX, |day| day.to_datetime(Time::midnight()))),
            Self::Daily { from, to } => {
                let (from, to, time) = (from.time(), to.time(), at.time());
                let today = || at.date().to_datetime(to);
                let tomorrow = || day_after(at.date()).map_or(DateTime::MAX, |day| day.to_datetime(to));
                if from < to {
                    (from <= time && time < to).then(today)
                } else if time < to {
                    Some(today())
                } else {
                    (time >= from).then(tomorrow)
                }
            }
        }
    }
}
