//! Charts as SVG, made by the server: a pure function from figures to a text that stands in a page.
//!
//! Nothing in it says a colour: shapes have classes, and [`STYLE`] gives them the page's colours by day and by night, so that a content security policy
//! without inline style is kept. Whoever does not see it hears `title` and `desc`. Times are those of Japan.

mod axis;
mod draw;

use jiff::Timestamp;
use jiff::civil::Date;

pub use draw::{bars, lines};

/// What gives charts their colours. The page's own variables come first.
pub const STYLE: &str = include_str!("chart.css");

/// What every chart has.
#[derive(Debug, Clone, Copy)]
pub struct Heading<'a> {
    /// What the chart is called within the page: letters, digits and hyphens.
    pub id: &'a str,
    /// What it shows.
    pub title: &'a str,
    /// The same in a sentence, with what matters of it: for whoever does not see the chart.
    pub description: &'a str,
    /// Of what the numbers are, written behind the highest one; may be empty.
    pub unit: &'a str,
}

/// How far back a chart of lines goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// 24 hours, with a label every three.
    Day,
    /// 30 days, with a label every five.
    Month,
}

/// One line.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// What it is called in the legend.
    pub name: &'a str,
    /// Its values in the order of time. Where one is missing for long the line has a gap.
    pub points: &'a [(Timestamp, f64)],
}

/// The bars of one day, from left to right in the order of the names.
#[derive(Debug, Clone)]
pub struct Day<'a> {
    /// Which day.
    pub date: Date,
    /// A value for each name, not negative.
    pub values: &'a [u64],
}
