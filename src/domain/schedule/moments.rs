//! What people write about time: times of day, cron expressions, intervals.

use std::fmt;
use std::str::FromStr;

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{DateTime, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::domain::as_text::as_text;

/// Japan's time: nine hours before UTC, all the year round.
const JST: Offset = Offset::constant(9);

/// How far ahead a cron expression must come to be one that comes.
const YEARS_AHEAD: i16 = 40;

/// A moment by the clocks in Japan.
pub fn jst(at: Timestamp) -> DateTime {
    JST.to_datetime(at)
}

/// The moment at which the clocks in Japan show this; none beyond what can be represented.
pub fn civil(local: DateTime) -> Option<Timestamp> {
    JST.to_timestamp(local).ok()
}

/// A moment as people write it: with its zone, or as the clocks in Japan show it (`2026-12-28T17:30`, `2026-12-28 17:30`), or a
/// date, which is its first moment.
pub fn moment(text: &str) -> Option<Timestamp> {
    let local = || civil(text.parse::<DateTime>().ok()?);
    text.parse::<Timestamp>().ok().or_else(local)
}

/// A time of day, to the minute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(Time);

/// A time of day that is none.
#[derive(Debug, thiserror::Error)]
#[error("時刻ではありません: {0} (not a time of day; expected 00:00 to 23:59, such as 09:00)")]
pub struct InvalidTimeOfDay(String);

impl TimeOfDay {
    /// As the library knows it.
    pub const fn time(self) -> Time {
        self.0
    }
}

impl FromStr for TimeOfDay {
    type Err = InvalidTimeOfDay;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTimeOfDay(text.to_owned());
        let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
            let plain = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<i8>().ok()).flatten()
        };
        let (hour, minute) = text.split_once(':').ok_or_else(invalid)?;
        let (hour, minute) = number(hour, 1..=2).zip(number(minute, 2..=2)).ok_or_else(invalid)?;
        Time::new(hour, minute, 0, 0).map(Self).map_err(|_| invalid())
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

as_text!(TimeOfDay);

/// A cron expression of five fields (minute, hour, day, month, day of the week) that comes at some time.
#[derive(Clone)]
pub struct Cron {
    text: String,
    expression: croner::Cron,
}

/// A cron expression that is none, or never comes.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCron {
    /// It cannot be read.
    #[error("cron 式ではありません: {text} (not a cron expression of five fields: {why})")]
    Unreadable {
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// No such moment is in the calendar.
    #[error("この cron 式の日時は来ません: {0} (this cron expression never comes: there is no such day)")]
    Never(String),
}

impl Cron {
    /// The first moment it means that is not before `from`, by the clocks in Japan.
    pub fn next(&self, from: DateTime) -> Option<DateTime> {
        self.expression.find_next_occurrence(&from, true).ok()
    }
}

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let expression = parser
            .parse(&text)
            .map_err(|error| InvalidCron::Unreadable { text: text.clone(), why: error.to_string() })?;
        let cron = Self { text, expression };
        // Any leap year after any century's first that is none is within that time, from any start.
        let start = DateTime::constant(2000, 1, 1, 0, 0, 0, 0);
        match cron.next(start) {
            Some(first) if first.year() < start.year() + YEARS_AHEAD => Ok(cron),
            _ => Err(InvalidCron::Never(cron.text)),
        }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

as_text!(Cron);

/// Seconds between two runs: one second to 31 days.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interval(u32);

/// An interval that is none.
#[derive(Debug, thiserror::Error)]
#[error("間隔は 1 から 2678400 秒の整数です: {0} (an interval is 1 to 2678400 whole seconds)")]
pub struct InvalidInterval(String);

impl Interval {
    /// The longest one, in seconds.
    pub const LONGEST: u32 = 31 * 24 * 3_600;

    /// So many seconds, or the nearest that is allowed.
    pub fn nearest(seconds: u64) -> Self {
        Self(u32::try_from(seconds).unwrap_or(Self::LONGEST).clamp(1, Self::LONGEST))
    }

    /// How long it is.
    pub fn duration(self) -> SignedDuration {
        SignedDuration::from_secs(self.0.into())
    }
}

impl FromStr for Interval {
    type Err = InvalidInterval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = text.parse().ok().filter(|seconds| (1..=Self::LONGEST).contains(seconds));
        seconds.map(Self).ok_or_else(|| InvalidInterval(text.to_owned()))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

as_text!(Interval);
