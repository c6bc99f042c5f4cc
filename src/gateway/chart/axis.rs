//! What stands at the edges: round numbers, and times as people say them.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::Span;
use crate::domain::schedule::{civil, jst};

/// Round numbers from zero to above the highest value: four or five lines, and never a part of one where only whole things are counted.
pub(super) fn steps(highest: f64, is_whole: bool) -> Vec<f64> {
    let highest = if highest.is_finite() && highest > 0.0 { highest } else { 1.0 };
    let rough = highest / 4.0;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * magnitude);
    // A division and a power may miss a round number by a hair.
    let step = round.into_iter().find(|step| *step * (1.0 + 1e-9) >= rough).unwrap_or(rough);
    let step = if is_whole { step.max(1.0).round() } else { step };
    let mut steps = vec![0.0];
    while steps.last().is_some_and(|last| *last < highest) {
        let next = f64::from(u8::try_from(steps.len()).unwrap_or(u8::MAX)) * step;
        steps.push(next);
    }
    steps
}

/// A number as people write it, with a comma before every three digits.
pub(super) fn number(value: f64) -> String {
    let text = if value.fract().abs() < 1e-9 { format!("{value:.0}") } else { trimmed(&format!("{value:.3}")) };
    let (whole, part) = text.split_once('.').map_or((text.as_str(), ""), |(whole, part)| (whole, part));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if part.is_empty() { grouped } else { format!("{grouped}.{part}") }
}

fn trimmed(text: &str) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Span {
    /// How long it is.
    pub(super) const fn length(self) -> SignedDuration {
        match self {
            Self::Day => SignedDuration::from_hours(24),
            Self::Month => SignedDuration::from_hours(30 * 24),
        }
    }

    /// Between two values that are farther apart the line has a gap.
    pub(super) const fn gap(self) -> SignedDuration {
        match self {
            Self::Day => SignedDuration::from_mins(15),
            Self::Month => SignedDuration::from_hours(3),
        }
    }

    /// Moments at which the clocks in Japan show something round, and what is written there.
    pub(super) fn labels(self, until: Timestamp) -> Vec<(Timestamp, String)> {
        let from = until - self.length();
        let first = jst(from).date();
        let every = if self == Self::Day { 3 } else { 24 * 5 };
        let begin = civil(first.at(0, 0, 0, 0)).unwrap_or(from);
        let moments = (0_i64..).map(|place| begin + SignedDuration::from_hours(place * every));
        let within = moments.take_while(|at| *at <= until).filter(|at| *at >= from);
        within.map(|at| (at, self.label(at))).collect()
    }

    fn label(self, at: Timestamp) -> String {
        let local = jst(at);
        match (self, local.hour()) {
            (Self::Day, hour) if hour > 0 => format!("{hour}時"),
            _ => format!("{}/{}", local.month(), local.day()),
        }
    }
}

/// A day as it stands below its bars.
pub(super) fn day(date: Date) -> String {
    let name = match date.weekday() {
        jiff::civil::Weekday::Monday => "月",
        jiff::civil::Weekday::Tuesday => "火",
        jiff::civil::Weekday::Wednesday => "水",
        jiff::civil::Weekday::Thursday => "木",
        jiff::civil::Weekday::Friday => "金",
        jiff::civil::Weekday::Saturday => "土",
        jiff::civil::Weekday::Sunday => "日",
    };
    format!("{}/{} {name}", date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_grid_are_round_and_reach_above_the_highest() {
        assert_eq!(steps(0.0, true), [0.0, 1.0]);
        assert_eq!(steps(3.0, true), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(steps(0.7, false), [0.0, 0.2, 0.4, 0.2 * 3.0, 0.8]);
        assert_eq!(steps(1_234.0, true), [0.0, 500.0, 1_000.0, 1_500.0]);
        assert_eq!(steps(20.0, true), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(steps(f64::NAN, true), [0.0, 1.0]);
        for highest in 1..5_000 {
            let steps = steps(f64::from(highest), true);
            assert!(steps.len() <= 6 && *steps.last().unwrap() >= f64::from(highest), "{highest}: {steps:?}");
        }
    }

    #[test]
    fn numbers_are_written_as_people_do() {
        let all = [
            (0.0, "0"),
            (999.0, "999"),
            (1_000.0, "1,000"),
            (1_234_567.0, "1,234,567"),
            (0.25, "0.25"),
            (1_000.5, "1,000.5"),
        ];
        for (value, text) in all {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn labels_are_round_hours_and_days_in_japan() {
        let until: Timestamp = "2026-11-22T01:30:00Z".parse().unwrap();
        let texts = |span: Span| span.labels(until).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(texts(Span::Day), ["12時", "15時", "18時", "21時", "11/22", "3時", "6時", "9時"]);
        assert_eq!(texts(Span::Month), ["10/28", "11/2", "11/7", "11/12", "11/17", "11/22"]);
        assert_eq!(day("2026-11-23".parse().unwrap()), "11/23 月");
    }
}
