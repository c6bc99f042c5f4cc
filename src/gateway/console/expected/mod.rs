//! 提出予定: what employers are expected to send again and again, and which offices have not.

pub(super) mod act;
mod form;
pub(super) mod list;
pub(super) mod missing;
pub(super) mod one;

use jiff::civil::Date;

use super::asked::Asked;
use super::frame::Frame;
use super::lang::Lang;
use super::session::Visitor;
use super::words::expected::Expected as Words;
use crate::domain::expectation::{Due, Expectation, Period};
use crate::store::gateway::expectations::Counts;

/// The frame of these pages.
fn frame(asked: &Asked, visitor: &Visitor) -> Frame {
    let (frame, w): (_, &Words) = (Frame::new(asked, visitor), asked.lang.of_pages());
    let done = match asked.query.get("done") {
        "added" => Some(w.done_added),
        "added-part" => Some(w.done_added_part),
        "removed" => Some(w.done_removed),
        _ => frame.done,
    };
    Frame { done, ..frame }
}

/// A tag.
#[derive(Debug)]
struct Tag {
    name: String,
    tone: &'static str,
}

impl Tag {
    /// How far a period is, and whether somebody is late.
    fn of(period: &Period, counts: Counts, today: Date, lang: Lang) -> Self {
        let w: &Words = lang.of_pages();
        if today > period.until {
            return Self { name: w.over.to_owned(), tone: "" };
        }
        let over = if counts.missing() > 0 { "bad" } else { "good" };
        let (name, tone) = match (period.days_left(today), lang) {
            (0, _) => (w.today.to_owned(), "warn"),
            (left @ 1.., Lang::Japanese) => (format!("締切まで{left}日"), "key"),
            (left @ 1.., Lang::English) => (format!("{left} days left"), "key"),
            (left, Lang::Japanese) => (format!("締切後{}日", -left), over),
            (left, Lang::English) => (format!("{} days over", -left), over),
        };
        Self { name, tone }
    }
}

/// When it is due, whatever the year: 毎年7月10日.
fn rule(due: Due, lang: Lang) -> String {
    match (due, lang) {
        (Due::Monthly { day: 31 }, Lang::Japanese) => "毎月末日".to_owned(),
        (Due::Monthly { day }, Lang::Japanese) => format!("毎月{day}日"),
        (Due::Yearly { month, day }, Lang::Japanese) => format!("毎年{month}月{day}日"),
        (Due::Monthly { day: 31 }, Lang::English) => "the last day of every month".to_owned(),
        (Due::Monthly { day }, Lang::English) => format!("day {day} of every month"),
        (Due::Yearly { month, day }, Lang::English) => {
            // It is a day of a leap year, whatever it is.
            Date::new(2000, month, day).map_or_else(|_| String::new(), |day| day.strftime("every %-d %B").to_string())
        }
    }
}

/// Whom it is expected from.
fn whose(expectation: &Expectation, w: &'static Words) -> String {
    match expectation.group() {
        Some(group) => format!("{group}（{}）", w.group),
        None => w.everybody.to_owned(),
    }
}
