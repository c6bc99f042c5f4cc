use jiff::SignedDuration;

use super::*;

const HEADING: Heading<'static> =
    Heading { id: "pull", title: "受信 <24時間>", description: "最大 \"8件\" & 現在 2件", unit: "件" };

fn until() -> Timestamp {
    "2026-11-22T03:00:00Z".parse().unwrap()
}

fn ago(minutes: i64, value: f64) -> (Timestamp, f64) {
    (until() - SignedDuration::from_mins(minutes), value)
}

/// What stands in the quotes behind every `before`.
fn all<'a>(svg: &'a str, before: &str) -> Vec<&'a str> {
    svg.split(before).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn the_newest_value_is_at_the_right_and_the_highest_step_at_the_top() {
    let points = [ago(10, 8.0), ago(0, 2.0)];
    let svg = lines(&HEADING, Span::Day, until(), &[Line { name: "受信", points: &points }], true);
    let line = all(&svg, "class=\"line line-1\" points=\"");
    assert_eq!(line.len(), 1);
    let places: Vec<(f64, f64)> = line[0]
        .split(' ')
        .map(|point| point.split_once(',').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap())
        .collect();
    assert!((places[1].0 - RIGHT).abs() < 0.1 && places[0].0 < places[1].0);
    assert!((places[0].1 - TOP).abs() < 0.1, "eight of eight is the top: {places:?}");
    assert!((places[1].1 - (BOTTOM - (BOTTOM - TOP) / 4.0)).abs() < 0.1, "two of eight: {places:?}");
}

#[test]
fn what_is_missing_is_a_gap_and_what_is_outside_is_left_out() {
    let points =
        [ago(24 * 60 + 1, 100.0), ago(600, 1.0), ago(590, f64::NAN), ago(300, 3.0), ago(299, 4.0), ago(-5, 100.0)];
    let svg = lines(&HEADING, Span::Day, until(), &[Line { name: "受信", points: &points }], true);
    assert_eq!(all(&svg, "class=\"line line-1\" points=\"").len(), 1);
    assert_eq!(all(&svg, "<circle class=\"dot dot-1\" cx=\"").len(), 1);
    assert!(svg.contains(">4</text>") && !svg.contains(">100</text>"), "the scale is made of what is shown");
    let nothing = lines(&HEADING, Span::Month, until(), &[], true);
    assert!(nothing.ends_with("</svg>") && nothing.contains("11/"), "a chart of nothing has its axis");
}

#[test]
fn everybody_gets_to_know_it_and_nothing_is_styled_in_place() {
    let points = [ago(1, 1.0), ago(0, 2.0)];
    let two = [Line { name: "受信 & 保管", points: &points }, Line { name: "<隔離>", points: &points }];
    let svg = lines(&HEADING, Span::Day, until(), &two, true);
    for part in [
        "role=\"img\" aria-labelledby=\"pull-title pull-desc\"",
        "<title id=\"pull-title\">受信 &lt;24時間&gt;</title>",
        "<desc id=\"pull-desc\">最大 &quot;8件&quot; &amp; 現在 2件</desc>",
        "受信 &amp; 保管</text>",
        "&lt;隔離&gt;</text>",
        ">件</text>",
    ] {
        assert!(svg.contains(part), "{part}: {svg}");
    }
    assert!(!svg.contains("style") && !svg.contains("fill=") && !svg.contains("stroke="));
    let hostile = Heading { id: "a\" onload=\"alert(1)", ..HEADING };
    assert!(!bars(&hostile, &["受信"], &[]).contains("onload="), "an id is letters and digits");
}

#[test]
fn bars_stand_side_by_side_on_the_base() {
    let days: Vec<Day<'_>> = (16..23)
        .map(|day| Day { date: jiff::civil::date(2026, 11, day), values: if day == 20 { &[40, 10] } else { &[0, 0] } })
        .collect();
    let svg = bars(&HEADING, &["受信", "送信"], &days);
    let number = |class: &str, name: &str| -> Vec<f64> {
        let rects = svg.split("<rect ").skip(1).filter(|rect| rect.starts_with(&format!("class=\"{class}\"")));
        rects.map(|rect| all(rect, &format!("{name}=\""))[0].parse().unwrap()).collect()
    };
    let (left, right) = (number("bar-1", "x"), number("bar-2", "x"));
    // The last of each is the legend's.
    assert_eq!((left.len(), right.len()), (8, 8));
    assert!(left.iter().zip(&right).take(7).all(|(first, second)| first < second));
    assert!(left.windows(2).take(6).all(|pair| pair[0] < pair[1]));
    let (y, height) = (number("bar-1", " y"), number("bar-1", "height"));
    assert!((y[4] + height[4] - BOTTOM).abs() < 0.2 && (y[4] - TOP).abs() < 0.2, "forty of forty");
    assert!(height[0].abs() < 0.1, "nothing is no bar");
    assert!(svg.contains("<title>11/20 金 受信 40</title>"));
}
