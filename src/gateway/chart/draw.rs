//! Geometry: where everything stands.

use std::fmt::Write;

use jiff::Timestamp;

use super::axis::{day, number, steps};
use super::{Day, Heading, Line, Span};
use crate::gateway::watch::series::float;

/// The whole picture, in its own units; on the page it is as wide as there is room.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
/// The edges of the place for lines and bars.
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 12.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = HEIGHT - 26.0;
/// Of a day's place that part is bars.
const FILLED: f64 = 0.64;
/// Classes of lines and bars; more than these are not told apart by anybody.
const CLASSES: usize = 3;

/// A chart of lines that ends at `until`. `is_whole`: only whole things are counted.
pub fn lines(heading: &Heading<'_>, span: Span, until: Timestamp, lines: &[Line<'_>], is_whole: bool) -> String {
    let from = until - span.length();
    let values = lines.iter().flat_map(|line| within(line, from, until)).map(|(_, value)| value);
    let scale = Scale::new(values.fold(0.0, f64::max), is_whole);
    let across = |at: Timestamp| {
        let part = at.duration_since(from).as_secs_f64() / span.length().as_secs_f64();
        LEFT + part.clamp(0.0, 1.0) * (RIGHT - LEFT)
    };
    let mut svg = begin(heading, &scale);
    for (at, text) in span.labels(until) {
        label(&mut svg, across(at), &text);
    }
    for (class, line) in (1..=CLASSES).zip(lines) {
        let mut before: Option<Timestamp> = None;
        let mut pieces: Vec<Vec<(f64, f64)>> = Vec::new();
        for (at, value) in within(line, from, until) {
            if before.is_none_or(|before| at.duration_since(before) > span.gap()) {
                pieces.push(Vec::new());
            }
            if let Some(piece) = pieces.last_mut() {
                piece.push((across(at), scale.down(value)));
            }
            before = Some(at);
        }
        for piece in pieces {
            shape(&mut svg, class, &piece);
        }
    }
    end(svg, &lines.iter().map(|line| line.name).collect::<Vec<_>>(), "line")
}

/// A chart of bars, a group for each day.
pub fn bars(heading: &Heading<'_>, names: &[&str], days: &[Day<'_>]) -> String {
    let highest = days.iter().flat_map(|day| day.values).copied().max().unwrap_or(0);
    let scale = Scale::new(float(highest), true);
    let mut svg = begin(heading, &scale);
    let place = (RIGHT - LEFT) / float(days.len().max(1) as u64);
    let width = place * FILLED / float(names.len().clamp(1, CLASSES) as u64);
    for (index, one) in days.iter().enumerate() {
        let left = LEFT + place * float(index as u64);
        label(&mut svg, left + place / 2.0, &day(one.date));
        for (class, (value, name)) in (1..=CLASSES).zip(one.values.iter().zip(names)) {
            let (x, y) =
                (left + place * (1.0 - FILLED) / 2.0 + width * float(class as u64 - 1), scale.down(float(*value)));
            let said = format!("{} {name} {}", day(one.date), number(float(*value)));
            // A hover tells the number; it is in the description, too.
            put(
                &mut svg,
                format_args!(
                    "<rect class=\"bar-{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\">",
                    width - 1.0,
                    BOTTOM - y
                ),
            );
            put(&mut svg, format_args!("<title>{}</title></rect>", escaped(&said)));
        }
    }
    end(svg, names, "bar")
}

/// From values to heights.
struct Scale {
    steps: Vec<f64>,
    highest: f64,
}

impl Scale {
    fn new(highest: f64, is_whole: bool) -> Self {
        let steps = steps(highest, is_whole);
        let highest = steps.last().copied().unwrap_or(1.0);
        Self { steps, highest }
    }

    fn down(&self, value: f64) -> f64 {
        BOTTOM - (value / self.highest).clamp(0.0, 1.0) * (BOTTOM - TOP)
    }
}

fn within<'a>(line: &'a Line<'_>, from: Timestamp, until: Timestamp) -> impl Iterator<Item = (Timestamp, f64)> + 'a {
    line.points.iter().copied().filter(move |(at, value)| *at >= from && *at <= until && value.is_finite())
}

fn begin(heading: &Heading<'_>, scale: &Scale) -> String {
    let id: String = heading.id.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
    let mut svg = String::with_capacity(4096);
    put(
        &mut svg,
        format_args!(
            "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" xmlns=\"http://www.w3.org/2000/svg\">"
        ),
    );
    put(&mut svg, format_args!("<title id=\"{id}-title\">{}</title>", escaped(heading.title)));
    put(&mut svg, format_args!("<desc id=\"{id}-desc\">{}</desc>", escaped(heading.description)));
    for step in &scale.steps {
        let (y, class) = (scale.down(*step), if *step > 0.0 { "grid" } else { "base" });
        put(
            &mut svg,
            format_args!("<line class=\"{class}\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\"/>"),
        );
        put(
            &mut svg,
            format_args!("<text class=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>", LEFT - 8.0, y + 4.0, number(*step)),
        );
    }
    if !heading.unit.is_empty() {
        put(
            &mut svg,
            format_args!(
                "<text class=\"end\" x=\"{}\" y=\"{}\">{}</text>",
                LEFT - 8.0,
                TOP - 18.0,
                escaped(heading.unit)
            ),
        );
    }
    svg
}

fn label(svg: &mut String, x: f64, text: &str) {
    put(svg, format_args!("<text class=\"middle\" x=\"{x:.1}\" y=\"{}\">{}</text>", BOTTOM + 18.0, escaped(text)));
}

/// A piece of a line; one value by itself is a dot.
fn shape(svg: &mut String, class: usize, points: &[(f64, f64)]) {
    if let [(x, y)] = points {
        put(svg, format_args!("<circle class=\"dot dot-{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1\"/>"));
        return;
    }
    put(svg, format_args!("<polyline class=\"line line-{class}\" points=\""));
    for (place, (x, y)) in points.iter().enumerate() {
        let space = if place > 0 { " " } else { "" };
        put(svg, format_args!("{space}{x:.1},{y:.1}"));
    }
    svg.push_str("\"/>");
}

/// The legend, from the right; what stands alone needs none.
fn end(mut svg: String, names: &[&str], shape: &str) -> String {
    if names.len() > 1 {
        let mut right = RIGHT;
        for (place, name) in names.iter().take(CLASSES).enumerate().rev() {
            let class = place + 1;
            let length: f64 = name.chars().map(|letter| if letter.is_ascii() { 7.0 } else { 12.0 }).sum();
            let (text, mark) = (right - length, right - length - 26.0);
            put(&mut svg, format_args!("<text x=\"{text:.1}\" y=\"18\">{}</text>", escaped(name)));
            if shape == "line" {
                put(
                    &mut svg,
                    format_args!(
                        "<polyline class=\"line line-{class}\" points=\"{mark:.1},14 {:.1},14\"/>",
                        mark + 20.0
                    ),
                );
            } else {
                put(
                    &mut svg,
                    format_args!(
                        "<rect class=\"bar-{class}\" x=\"{:.1}\" y=\"8\" width=\"12\" height=\"12\"/>",
                        mark + 8.0
                    ),
                );
            }
            right = mark - 18.0;
        }
    }
    svg.push_str("</svg>");
    svg
}

fn put(svg: &mut String, text: std::fmt::Arguments<'_>) {
    svg.write_fmt(text).expect("writing into memory does not fail");
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
