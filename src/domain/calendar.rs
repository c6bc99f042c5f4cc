//! Which days are business days: national holidays as the law has them (国民の祝日に関する法律), weekends, and a union's own days.
//!
//! The rules are those in force since 2007; earlier years are computed by the same rules. What the law of a single year moved or
//! added (2019 to 2021) is in one table. 春分の日 and 秋分の日 are announced each February for the next year; the formula gives what
//! was and will be announced between 1980 and 2099 as far as anybody knows.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

/// What a national holiday is called that follows one which fell on a Sunday.
const SUBSTITUTE: &str = "振替休日";
/// What a day between two national holidays is called.
const BETWEEN: &str = "国民の休日";

/// Why nobody works on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DayOff {
    /// A Saturday or a Sunday that is nothing else.
    Weekend,
    /// A national holiday, by name.
    National(&'static str),
    /// A day of the union's own, by name.
    Own(String),
}

/// A union's own days off, by name.
pub type OwnHolidays = BTreeMap<Date, String>;

/// Why nobody works on this day; none on a business day.
pub fn day_off(day: Date, own: &OwnHolidays) -> Option<DayOff> {
    let national = || national_holiday(day).map(DayOff::National);
    let weekend = || is_weekend(day).then_some(DayOff::Weekend);
    own.get(&day).cloned().map(DayOff::Own).or_else(national).or_else(weekend)
}

/// The name of the national holiday on this day.
pub fn national_holiday(day: Date) -> Option<&'static str> {
    celebrated(day).or_else(|| substitute(day)).or_else(|| between(day))
}

fn is_weekend(day: Date) -> bool {
    matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Article 3, paragraph 2: the first day after a holiday on a Sunday that is no holiday itself.
fn substitute(day: Date) -> Option<&'static str> {
    let mut before = day.yesterday().ok()?;
    while celebrated(before).is_some() {
        if before.weekday() == Weekday::Sunday {
            return Some(SUBSTITUTE);
        }
        before = before.yesterday().ok()?;
    }
    None
}

/// Article 3, paragraph 3: the day between two holidays.
fn between(day: Date) -> Option<&'static str> {
    let (before, after) = (day.yesterday().ok()?, day.tomorrow().ok()?);
    (celebrated(before).is_some() && celebrated(after).is_some()).then_some(BETWEEN)
}

/// The holidays of article 2, and those that laws for a single year made.
fn celebrated(day: Date) -> Option<&'static str> {
    let (year, month, number) = (day.year(), day.month(), day.day());
    if let Some((_, _, name)) = ONCE.iter().find(|(once, _, _)| *once == day) {
        return Some(name);
    }
    if ONCE.iter().any(|(_, moved, _)| *moved == Some(day)) {
        return None;
    }
    let monday = |nth: i8| day.weekday() == Weekday::Monday && (number - 1) / 7 == nth - 1;
    match (month, number) {
        (1, 1) => Some("元日"),
        (1, _) if monday(2) => Some("成人の日"),
        (2, 11) => Some("建国記念の日"),
        (2, 23) if year >= 2020 => Some("天皇誕生日"),
        (3, _) if number == spring(year) => Some("春分の日"),
        (4, 29) => Some("昭和の日"),
        (5, 3) => Some("憲法記念日"),
        (5, 4) => Some("みどりの日"),
        (5, 5) => Some("こどもの日"),
        (7, _) if monday(3) => Some("海の日"),
        (8, 11) if year >= 2016 => Some("山の日"),
        (9, _) if monday(3) => Some("敬老の日"),
        (9, _) if number == autumn(year) => Some("秋分の日"),
        (10, _) if monday(2) => Some(if year >= 2020 { "スポーツの日" } else { "体育の日" }),
        (11, 3) => Some("文化の日"),
        (11, 23) => Some("勤労感謝の日"),
        (12, 23) if year <= 2018 => Some("天皇誕生日"),
        _ => None,
    }
}

/// Days that the law of one year made holidays, and in place of which.
const ONCE: &[(Date, Option<Date>, &str)] = &[
    (date(2019, 5, 1), None, "天皇の即位の日"),
    (date(2019, 10, 22), None, "即位礼正殿の儀の行われる日"),
    (date(2020, 7, 23), Some(date(2020, 7, 20)), "海の日"),
    (date(2020, 7, 24), Some(date(2020, 10, 12)), "スポーツの日"),
    (date(2020, 8, 10), Some(date(2020, 8, 11)), "山の日"),
    (date(2021, 7, 22), Some(date(2021, 7, 19)), "海の日"),
    (date(2021, 7, 23), Some(date(2021, 10, 11)), "スポーツの日"),
    (date(2021, 8, 8), Some(date(2021, 8, 11)), "山の日"),
];

/// The day in March on which the sun passes the vernal equinox in Japan.
fn spring(year: i16) -> i8 {
    equinox(year, 20_843_100)
}

/// The day in September on which the sun passes the autumnal equinox in Japan.
fn autumn(year: i16) -> i8 {
    equinox(year, 23_248_800)
}

/// The usual formula: the moment in 1980 in millionths of a day of the month, 0.242194 of a day later each year, a day earlier after
/// each leap day.
fn equinox(year: i16, in_1980: i64) -> i8 {
    let years = i64::from(year) - 1980;
    let day = (in_1980 + 242_194 * years).div_euclid(1_000_000) - years.div_euclid(4);
    i8::try_from(day).unwrap_or_default()
}

/// The first moment's day after `day`.
pub fn next_day(day: Date) -> Option<Date> {
    day.checked_add(1.day()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = include_str!("../../tests/vectors/national-holidays.csv");

    /// The list of the Cabinet Office: it calls whatever article 3 makes 休日.
    fn published() -> BTreeMap<Date, &'static str> {
        let lines = PUBLISHED.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split_once(',').unwrap()).map(|(day, name)| (day.parse().unwrap(), name)).collect()
    }

    #[test]
    fn every_day_is_what_the_published_list_says() {
        let published = published();
        let (mut day, mut seen) = (date(2015, 1, 1), 0);
        while day < date(2028, 1, 1) {
            let name = national_holiday(day);
            seen += usize::from(name.is_some());
            let expected = match published.get(&day).copied() {
                Some("休日") => match day {
                    _ if [date(2015, 9, 22), date(2019, 4, 30), date(2019, 5, 2), date(2026, 9, 22)].contains(&day) => {
                        Some(BETWEEN)
                    }
                    _ => Some(SUBSTITUTE),
                },
                Some("休日（祝日扱い）") if day.month() == 5 => Some("天皇の即位の日"),
                Some("休日（祝日扱い）") => Some("即位礼正殿の儀の行われる日"),
                other => other,
            };
            assert_eq!(name, expected, "{day}");
            day = day.tomorrow().unwrap();
        }
        assert_eq!((seen, published.len()), (236, 236));
    }

    #[test]
    fn equinoxes_of_this_century_are_those_that_are_expected() {
        assert_eq!(
            [2024, 2025, 2026, 2027, 2028, 2059, 2060, 2091, 2092, 2099].map(spring),
            [20, 20, 20, 21, 20, 20, 20, 20, 19, 20]
        );
        assert_eq!([2024, 2025, 2026, 2028, 2044, 2045, 2077, 2099].map(autumn), [22, 23, 23, 22, 22, 22, 22, 23]);
    }

    #[test]
    fn a_business_day_is_none_of_the_days_off() {
        let own =
            OwnHolidays::from([(date(2026, 12, 29), "年末休業".to_owned()), (date(2026, 5, 3), "創立".to_owned())]);
        assert_eq!(day_off(date(2026, 11, 20), &own), None);
        assert_eq!(day_off(date(2026, 11, 21), &own), Some(DayOff::Weekend));
        assert_eq!(day_off(date(2026, 11, 23), &own), Some(DayOff::National("勤労感謝の日")));
        assert_eq!(day_off(date(2026, 12, 29), &own), Some(DayOff::Own("年末休業".to_owned())));
        assert_eq!(
            day_off(date(2026, 5, 3), &own),
            Some(DayOff::Own("創立".to_owned())),
            "the union's word comes first"
        );
    }
}
