//! Times, sizes and people as people read them. Times are those of Japan.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::lang::Lang;

/// The clock of the union.
pub(super) fn japan(at: Timestamp) -> Zoned {
    at.to_zoned(TimeZone::get("Asia/Tokyo").unwrap_or(TimeZone::UTC))
}

/// When a day begins that a browser's field for dates names: 2026-11-22.
pub(super) fn day(typed: &str) -> Result<Timestamp, jiff::Error> {
    let zone = TimeZone::get("Asia/Tokyo")?;
    Ok(typed.parse::<Date>()?.to_zoned(zone)?.timestamp())
}

/// When it ends: Japan has no summer time.
pub(super) fn end_of_day(typed: &str) -> Result<Timestamp, jiff::Error> {
    day(typed)?.checked_add(SignedDuration::from_hours(24))
}

/// A whole date with time: 2026年11月22日（日）23:05.
pub(super) fn full(at: Timestamp, lang: Lang) -> String {
    let local = japan(at);
    match lang {
        Lang::Japanese => {
            let day = weekday(local.weekday());
            format!("{}（{day}）{}", local.strftime("%Y年%-m月%-d日"), local.strftime("%H:%M"))
        }
        Lang::English => local.strftime("%a %-d %b %Y, %H:%M").to_string(),
    }
}

/// A day, with its year when that is another one: 7月12日（月）.
pub(super) fn date(day: Date, today: Date, lang: Lang) -> String {
    let is_this_year = day.year() == today.year();
    match lang {
        Lang::Japanese => {
            let shape = if is_this_year { "%-m月%-d日" } else { "%Y年%-m月%-d日" };
            format!("{}（{}）", day.strftime(shape), weekday(day.weekday()))
        }
        Lang::English => day.strftime(if is_this_year { "%a %-d %b" } else { "%a %-d %b %Y" }).to_string(),
    }
}

/// To the second, for lists that are sorted and compared: 2026-11-22 23:05:12.
pub(super) fn exact(at: Timestamp) -> String {
    japan(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// As short as it can be said now: 23:05, 11月21日 23:05, 2025年11月22日.
pub(super) fn short(at: Timestamp, now: Timestamp, lang: Lang) -> String {
    let (local, today) = (japan(at), japan(now));
    let shape = match (local.date() == today.date(), local.year() == today.year(), lang) {
        (true, ..) => "%H:%M",
        (false, true, Lang::Japanese) => "%-m月%-d日 %H:%M",
        (false, false, Lang::Japanese) => "%Y年%-m月%-d日",
        (false, true, Lang::English) => "%-d %b %H:%M",
        (false, false, Lang::English) => "%-d %b %Y",
    };
    local.strftime(shape).to_string()
}

/// A day with its time, and with its year unless it is this one: 11月22日 23:05, 2025年11月22日 23:05.
pub(super) fn dated(at: Timestamp, now: Timestamp, lang: Lang) -> String {
    let (local, today) = (japan(at), japan(now));
    let shape = match (local.year() == today.year(), lang) {
        (true, Lang::Japanese) => "%-m月%-d日 %H:%M",
        (false, Lang::Japanese) => "%Y年%-m月%-d日 %H:%M",
        (true, Lang::English) => "%-d %b %H:%M",
        (false, Lang::English) => "%-d %b %Y %H:%M",
    };
    local.strftime(shape).to_string()
}

/// Who did something, by the login name. The audit calls staff `staff:NAME`; programs, the system and whoever is at the command line are called
/// otherwise.
pub(super) fn who(actor: &str) -> &str {
    actor.strip_prefix("staff:").unwrap_or(actor)
}

/// How long: 3日, 5時間, 12分.
pub(super) fn long(time: SignedDuration, lang: Lang) -> String {
    let minutes = time.as_mins().max(0);
    let (number, japanese, english) = match minutes {
        0..=119 => (minutes, "分", "min"),
        120..=2_879 => (minutes / 60, "時間", "h"),
        _ => (minutes / 1_440, "日", "days"),
    };
    match lang {
        Lang::Japanese => format!("{number}{japanese}"),
        Lang::English => format!("{number} {english}"),
    }
}

const fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "月",
        Weekday::Tuesday => "火",
        Weekday::Wednesday => "水",
        Weekday::Thursday => "木",
        Weekday::Friday => "金",
        Weekday::Saturday => "土",
        Weekday::Sunday => "日",
    }
}

/// Bytes: 812 B, 1.2 MB.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1_024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1_024, unit + 1);
    }
    match tenths {
        0..=999 => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
        _ => format!("{} {}", tenths / 10, UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_those_of_an_office() {
        let now: Timestamp = "2026-11-22T14:05:00Z".parse().unwrap();
        assert_eq!(full(now, Lang::Japanese), "2026年11月22日（日）23:05");
        assert_eq!(full(now, Lang::English), "Sun 22 Nov 2026, 23:05");
        let before = |hours| now - SignedDuration::from_hours(hours);
        assert_eq!(short(before(2), now, Lang::Japanese), "21:05");
        assert_eq!(short(before(24), now, Lang::Japanese), "11月21日 23:05");
        assert_eq!(short(before(24 * 400), now, Lang::Japanese), "2025年10月18日");
        assert_eq!(dated(before(2), now, Lang::Japanese), "11月22日 21:05");
        assert_eq!(dated(before(24 * 400), now, Lang::Japanese), "2025年10月18日 23:05");
        assert_eq!(dated(before(24), now, Lang::English), "21 Nov 23:05");
        assert_eq!((who("staff:suzuki"), who("token:core")), ("suzuki", "token:core"));
        let (day, next): (Date, Date) = ("2026-07-10".parse().unwrap(), "2027-07-12".parse().unwrap());
        assert_eq!(
            [day, next].map(|date| super::date(date, day, Lang::Japanese)),
            ["7月10日（金）", "2027年7月12日（月）"]
        );
        assert_eq!([day, next].map(|date| super::date(date, day, Lang::English)), ["Fri 10 Jul", "Mon 12 Jul 2027"]);
        assert_eq!(long(SignedDuration::from_hours(50), Lang::Japanese), "2日");
        assert_eq!(long(SignedDuration::from_mins(90), Lang::Japanese), "90分");
        for (bytes, text) in [(0, "0 B"), (1_024, "1.0 KB"), (150_000, "146 KB"), (5_368_709_120, "5.0 GB")] {
            assert_eq!(size(bytes), text);
        }
    }
}
