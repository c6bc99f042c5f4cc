//! What employers are expected to send again and again, and by which day: 算定基礎届 by the 10th of July, for one.
//!
//! An expectation cuts time into *periods* without gaps between them, one for each due day. What comes in a period counts for its due day. A
//! period begins some days before its due day and ends where the next one begins: what is late counts for what it is late for.

use jiff::ToSpan;
use jiff::civil::Date;

use super::calendar::{OwnHolidays, day_off, next_day};
use super::folding::fold;
use super::person::is_control;

#[cfg(test)]
mod tests;

/// Letters of the longest name.
pub const LONGEST_NAME: usize = 60;
/// Letters of the longest part of a file's name.
pub const LONGEST_PART: usize = 80;
/// Letters of the shortest one: files are not found by less.
const SHORTEST_PART: usize = 2;

/// When something is due. On a day that is no business day it is due on the next that is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Every month.
    Monthly {
        /// On which day; in a month that does not have it, on the last.
        day: i8,
    },
    /// Every year.
    Yearly {
        /// In which month.
        month: i8,
        /// On which day of it.
        day: i8,
    },
}

/// What employers are expected to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    name: String,
    part: String,
    folded: String,
    group: Option<String>,
    due: Due,
    lead: i16,
}

/// The days whose files count for one due day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first of them.
    pub from: Date,
    /// The due day.
    pub due: Date,
    /// The last of them.
    pub until: Date,
}

/// Why something cannot be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpectation {
    /// A name that is none.
    #[error("名称は{LONGEST_NAME}文字以内の一行にしてください (a name is one line of 1 to {LONGEST_NAME} letters)")]
    Name,
    /// Too little to find files by, or too much.
    #[error(
        "ファイル名に含まれる文字は{SHORTEST_PART}～{LONGEST_PART}文字にしてください (the part of a file's name has {SHORTEST_PART} to \
         {LONGEST_PART} letters)"
    )]
    Part,
    /// No day that comes every year, or every month.
    #[error("締切の日がありません (there is no such due day)")]
    Day,
    /// Files that would count for more than one due day.
    #[error(
        "数え始める日は、毎月なら締切の1～28日前、毎年なら1～330日前です (files count from 1 to 28 days before a monthly due day \
         on, from 1 to 330 before a yearly one)"
    )]
    Lead,
}

impl Due {
    /// On this day of every month.
    pub fn monthly(day: i8) -> Result<Self, InvalidExpectation> {
        if (1..=31).contains(&day) { Ok(Self::Monthly { day }) } else { Err(InvalidExpectation::Day) }
    }

    /// On this day of a month, every year. The 29th of February is its last day in most years.
    pub fn yearly(month: i8, day: i8) -> Result<Self, InvalidExpectation> {
        let is_day = Date::new(2000, month, 1).is_ok_and(|first| (1..=first.days_in_month()).contains(&day));
        if is_day { Ok(Self::Yearly { month, day }) } else { Err(InvalidExpectation::Day) }
    }

    /// From how many days before the due day on files count, unless somebody says otherwise. The rest of a month is for what is late.
    pub const fn usual_lead(self) -> i16 {
        match self {
            Self::Monthly { .. } => 14,
            Self::Yearly { .. } => 28,
        }
    }

    const fn longest_lead(self) -> i16 {
        match self {
            Self::Monthly { .. } => 28,
            Self::Yearly { .. } => 330,
        }
    }

    /// The number of the month, or year, that a day is in.
    fn turn_of(self, day: Date) -> i32 {
        match self {
            Self::Monthly { .. } => i32::from(day.year()) * 12 + i32::from(day.month()) - 1,
            Self::Yearly { .. } => i32::from(day.year()),
        }
    }

    /// The due day of a month, or year; none where the calendar ends.
    fn of_turn(self, turn: i32, own: &OwnHolidays) -> Option<Date> {
        let (year, month, day) = match self {
            Self::Monthly { day } => (turn.div_euclid(12), i8::try_from(turn.rem_euclid(12) + 1).ok()?, day),
            Self::Yearly { month, day } => (turn, month, day),
        };
        let first = Date::new(i16::try_from(year).ok()?, month, 1).ok()?;
        let mut due = Date::new(first.year(), month, day.min(first.days_in_month())).ok()?;
        while day_off(due, own).is_some() {
            due = next_day(due)?;
        }
        Some(due)
    }
}

impl Expectation {
    /// Files with `part` in their names, from everybody or the offices of a group, counted from `lead` days before they are due on.
    pub fn new(
        name: &str,
        part: &str,
        group: Option<&str>,
        due: Due,
        lead: Option<i16>,
    ) -> Result<Self, InvalidExpectation> {
        let line = |text: &str, longest| {
            let text = text.trim();
            let fits = (1..=longest).contains(&text.chars().count()) && !text.chars().any(is_control);
            fits.then(|| text.to_owned())
        };
        let name = line(name, LONGEST_NAME).ok_or(InvalidExpectation::Name)?;
        let part = line(part, LONGEST_PART).ok_or(InvalidExpectation::Part)?;
        let folded = fold(&part);
        if folded.chars().count() < SHORTEST_PART {
            return Err(InvalidExpectation::Part);
        }
        let lead = lead.unwrap_or(due.usual_lead());
        if !(1..=due.longest_lead()).contains(&lead) {
            return Err(InvalidExpectation::Lead);
        }
        Ok(Self { name, part, folded, group: group.map(str::to_owned), due, lead })
    }

    /// What staff call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the files have in their names, as it was typed.
    pub fn part(&self) -> &str {
        &self.part
    }

    /// The group of offices that it is expected from; none: from all.
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// When it is due.
    pub const fn due(&self) -> Due {
        self.due
    }

    /// From how many days before the due day on files count for it.
    pub const fn lead(&self) -> i16 {
        self.lead
    }

    /// Whether a file of this name is one of those that are expected: as lists are searched.
    pub fn is_met_by(&self, file_name: &str) -> bool {
        fold(file_name).contains(&self.folded)
    }

    /// The period that a day is in; none where the calendar ends.
    pub fn period(&self, day: Date, own: &OwnHolidays) -> Option<Period> {
        // No lead is so long that the one after the next begins by then.
        let mut turn = self.due.turn_of(day) + 1;
        while self.begin(turn, own)? > day {
            turn -= 1;
        }
        let due = self.due.of_turn(turn, own)?;
        Some(Period { from: self.begin(turn, own)?, due, until: self.begin(turn + 1, own)?.yesterday().ok()? })
    }

    /// The one before it.
    pub fn before(&self, period: &Period, own: &OwnHolidays) -> Option<Period> {
        self.period(period.from.yesterday().ok()?, own)
    }

    /// The one after it.
    pub fn after(&self, period: &Period, own: &OwnHolidays) -> Option<Period> {
        self.period(next_day(period.until)?, own)
    }

    /// The first day of a period: never before the due day of the one before it is over.
    fn begin(&self, turn: i32, own: &OwnHolidays) -> Option<Date> {
        let led = self.due.of_turn(turn, own)?.checked_sub(self.lead.days()).ok()?;
        Some(led.max(next_day(self.due.of_turn(turn - 1, own)?)?))
    }
}

impl Period {
    /// Days from this one to the due day; below zero after it.
    pub fn days_left(&self, today: Date) -> i64 {
        self.due.duration_since(today).as_hours() / 24
    }
}
