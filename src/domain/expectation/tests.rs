use jiff::civil::date;

use super::*;

fn expected(due: Due, lead: i16) -> Expectation {
    Expectation::new("届", "算定", None, due, Some(lead)).unwrap()
}

fn monthly(day: i8, lead: i16) -> Expectation {
    expected(Due::monthly(day).unwrap(), lead)
}

fn yearly(month: i8, day: i8, lead: i16) -> Expectation {
    expected(Due::yearly(month, day).unwrap(), lead)
}

fn none() -> OwnHolidays {
    OwnHolidays::new()
}

#[test]
fn a_due_day_is_the_next_business_day() {
    let july = yearly(7, 10, 28);
    // The 10th of July 2027 is a Saturday.
    let period = july.period(date(2027, 7, 1), &none()).unwrap();
    let expected = Period { from: date(2027, 6, 14), due: date(2027, 7, 12), until: date(2028, 6, 11) };
    assert_eq!(period, expected);
    let before = july.before(&period, &none()).unwrap();
    assert_eq!((before.from, before.due, before.until), (date(2026, 6, 12), date(2026, 7, 10), date(2027, 6, 13)));
    assert_eq!(july.after(&before, &none()), Some(period));
    // 海の日 and a day of the union's own behind it.
    let own = OwnHolidays::from([(date(2026, 7, 21), "創立記念日".to_owned())]);
    let period = yearly(7, 18, 28).period(date(2026, 7, 18), &own).unwrap();
    assert_eq!(period.due, date(2026, 7, 22));
    // Without the own one, and counted.
    let period = yearly(7, 18, 28).period(date(2026, 7, 18), &none()).unwrap();
    assert_eq!(period.due, date(2026, 7, 21));
    assert_eq!([18, 21, 24].map(|day| period.days_left(date(2026, 7, day))), [3, 0, -3]);
}

#[test]
fn short_months_end_it_earlier_and_what_is_late_counts_for_what_it_is_late_for() {
    let month = monthly(10, 14);
    let period = month.period(date(2027, 7, 20), &none()).unwrap();
    assert_eq!(period, Period { from: date(2027, 6, 28), due: date(2027, 7, 12), until: date(2027, 7, 26) });
    let last = monthly(31, 14);
    let due = |year, month| last.period(date(year, month, 20), &none()).unwrap().due;
    // The 28th of February 2027 is a Sunday; 2028 is a leap year.
    assert_eq!([due(2027, 2), due(2028, 2), due(2026, 4)], [date(2027, 3, 1), date(2028, 2, 29), date(2026, 4, 30)]);
    let leap = yearly(2, 29, 28);
    let due = |year| leap.period(date(year, 2, 20), &none()).unwrap().due;
    assert_eq!([due(2026), due(2028)], [date(2026, 3, 2), date(2028, 2, 29)]);
}

#[test]
fn a_due_day_counts_for_itself_however_early_the_next_period_would_begin() {
    // The 31st of January 2027 is a Sunday, the 28th of February as well: there are 28 days between the two due days.
    let last = monthly(31, 28);
    let january = last.period(date(2027, 2, 1), &none()).unwrap();
    assert_eq!((january.due, january.until), (date(2027, 2, 1), date(2027, 2, 1)));
    assert_eq!(last.period(date(2027, 2, 2), &none()).unwrap().due, date(2027, 3, 1));
}

#[test]
fn a_year_ends_in_the_middle_of_a_period() {
    let own: OwnHolidays = (29..=31)
        .map(|day| date(2026, 12, day))
        .chain((1..=3).map(|day| date(2027, 1, day)))
        .map(|day| (day, "年末年始".to_owned()))
        .collect();
    let last = monthly(31, 14);
    let period = last.period(date(2027, 1, 4), &own).unwrap();
    assert_eq!(period, Period { from: date(2026, 12, 21), due: date(2027, 1, 4), until: date(2027, 1, 17) });
    assert_eq!(last.after(&period, &own).unwrap().due, date(2027, 2, 1));
    let january = yearly(1, 5, 28);
    let period = january.period(date(2026, 12, 10), &none()).unwrap();
    assert_eq!((period.from, period.due), (date(2026, 12, 8), date(2027, 1, 5)));
    assert_eq!(january.period(date(2026, 12, 7), &none()).unwrap().due, date(2026, 1, 5));
}

#[test]
fn every_day_is_in_one_period() {
    // A whole month off, and more: two due days fall on one.
    let own: OwnHolidays = std::iter::successors(Some(date(2027, 4, 20)), |day| day.tomorrow().ok())
        .take(60)
        .map(|day| (day, "休業".to_owned()))
        .collect();
    for one in
        [monthly(1, 1), monthly(10, 14), monthly(31, 28), yearly(7, 10, 28), yearly(1, 1, 330), yearly(12, 31, 1)]
    {
        for own in [&none(), &own] {
            let mut day = date(2025, 1, 1);
            let mut period = one.period(day, own).unwrap();
            while day < date(2029, 1, 1) {
                if day > period.until {
                    let next = one.period(day, own).unwrap();
                    assert_eq!((next.from, one.after(&period, own)), (day, Some(next)), "{one:?}");
                    assert_eq!(one.before(&next, own), Some(period), "{one:?}");
                    period = next;
                }
                assert_eq!(one.period(day, own), Some(period), "{one:?} {day}");
                // The second of two due days that fall on one was over before it began.
                let is_due_in_time = period.from <= period.due || !own.is_empty();
                assert!(is_due_in_time && period.due <= period.until, "{one:?} {period:?}");
                day = day.tomorrow().unwrap();
            }
        }
    }
    for end in [Date::MIN, Date::MAX] {
        assert_eq!(monthly(10, 14).period(end, &none()), None);
    }
}

#[test]
fn files_are_known_by_a_part_of_their_names() {
    let one = Expectation::new(" 算定 ", "サンテイ", Some("大手"), Due::monthly(5).unwrap(), None).unwrap();
    assert_eq!((one.name(), one.part(), one.group(), one.lead()), ("算定", "サンテイ", Some("大手"), 14));
    assert!(one.is_met_by("ｻﾝﾃｲ基礎届.csv") && one.is_met_by("令和8年さんてい.CSV"));
    assert!(!one.is_met_by("算定基礎届.csv"));
    assert_eq!(Expectation::new("届", "算定", None, Due::yearly(7, 10).unwrap(), None).unwrap().lead(), 28);
}

#[test]
fn what_cannot_be_expected_is_refused() {
    let due = Due::monthly(10).unwrap();
    let refused = |name: &str, part: &str, lead| Expectation::new(name, part, None, due, lead).unwrap_err();
    for name in ["", "　", "a\nb", "a\u{202E}b", &"長".repeat(61)] {
        assert_eq!(refused(name, "算定", None), InvalidExpectation::Name, "{name:?}");
    }
    for part in ["", "算", " 算 ", "葛\u{E0100}", "a\0b", &"長".repeat(81)] {
        assert_eq!(refused("届", part, None), InvalidExpectation::Part, "{part:?}");
    }
    assert!(Expectation::new("届", "㈱", None, due, None).is_ok(), "it is three letters: (株)");
    for lead in [-1, 0, 29] {
        assert_eq!(refused("届", "算定", Some(lead)), InvalidExpectation::Lead);
    }
    for (month, day) in [(0, 1), (13, 1), (2, 30), (4, 31), (7, 0), (7, -1)] {
        assert_eq!(Due::yearly(month, day), Err(InvalidExpectation::Day), "{month}/{day}");
    }
    for day in [-1, 0, 32] {
        assert_eq!(Due::monthly(day), Err(InvalidExpectation::Day));
    }
}
