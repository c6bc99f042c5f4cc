//! ダッシュボード: one look tells whether all is well, and what there is to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::asked::Asked;
use super::fault::Fault;
use super::frame::{Frame, html};
use super::lang::Lang;
use super::session::Visitor;
use super::text;
use super::words::Words;
use super::{App, Console};
use crate::domain::schedule::jst;
use crate::domain::staff::Duty;
use crate::domain::trend::Point;
use crate::gateway::chart::{self, Heading, Span, lines};
use crate::gateway::view::alerts::AlertView;
use crate::gateway::watch::picture::Picture;
use crate::gateway::watch::series::Series;
use crate::store::gateway::desk::{self, Desk};
use crate::store::gateway::expectations::Overview;
use crate::store::gateway::history::{self, Grain, increases};

#[derive(Template)]
#[template(path = "console/dashboard.html")]
struct Page {
    f: Frame,
    now: Now,
    /// Whoever looks may be the one whom somebody calls who has lost a PC.
    can_report: bool,
}

/// What changes while somebody looks: the live part of the page.
#[derive(Debug, Template)]
#[template(path = "console/now.html")]
pub(super) struct Now {
    w: &'static Words,
    lang: Lang,
    looked_at: String,
    alerts: Vec<Alert>,
    tiles: Vec<Tile>,
    cards: Vec<Card>,
    expected: Vec<Expected>,
    charts: Vec<Chart>,
}

#[derive(Debug)]
struct Alert {
    view: AlertView,
    since: String,
}

/// A number that leads somewhere.
#[derive(Debug)]
struct Tile {
    name: &'static str,
    number: String,
    href: Option<&'static str>,
    /// Somebody has to look.
    calls: bool,
}

/// Facts about one thing.
#[derive(Debug)]
struct Card {
    title: &'static str,
    lines: Vec<Line>,
}

/// A fact with how it is.
#[derive(Debug)]
struct Line {
    name: &'static str,
    text: String,
    is_bad: bool,
}

impl Line {
    const fn new(name: &'static str, text: String, is_bad: bool) -> Self {
        Self { name, text, is_bad }
    }
}

/// What employers are expected to send.
#[derive(Debug)]
struct Expected {
    href: String,
    name: String,
    due: String,
    missing: u64,
    is_late: bool,
}

/// A picture, and the same in numbers.
#[derive(Debug)]
struct Chart {
    title: &'static str,
    svg: String,
    points: Vec<(String, u64)>,
}

/// GET `/`.
pub(super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let can_report = visitor.session.role.may(Duty::Review);
    html(&Page { f: Frame::new(&asked, &visitor), now: app.look(asked.lang).await?, can_report })
}

impl Console {
    /// The gateway as it is now.
    pub(super) async fn look(&self, lang: Lang) -> Result<Now, Fault> {
        let receiver = &self.gateway.receiver;
        let (now, read, w) = (receiver.clock.now(), receiver.database.read(), lang.words());
        let desk = desk::read(read, now).await?;
        // Nobody in particular looks: it is the gateway that is looked at.
        let admin = crate::gateway::admin::Admin::new(&self.gateway, "console");
        let alerts = admin
            .alerts()
            .await?
            .into_iter()
            .map(|view| Alert { since: text::short(view.fired_at.unwrap_or(view.since), now, lang), view });
        let schedule = admin.schedule(1).await?;
        let next = schedule.next.iter().find(|planned| planned.runs).map(|planned| planned.at);
        let next = match (&schedule.obstacle, next) {
            (Some(_), None) => Line::new(w.next_pull, w.paused.to_owned(), true),
            (_, Some(at)) => Line::new(w.next_pull, text::short(at, now, lang), false),
            (None, None) => Line::new(w.next_pull, w.not_planned.to_owned(), true),
        };
        let picture = self.lookout.picture();
        let picture = picture.as_deref();
        let last = picture.and_then(|picture| picture.figures.pulled_at);
        let last = last.map_or_else(|| w.never.to_owned(), |at| text::short(at, now, lang));
        let is_late = picture.is_some_and(|picture| picture.pull_due.is_some_and(|due| due < now));
        let mut transfer = vec![Line::new(w.last_pull, last, is_late), next];
        transfer.extend(picture.into_iter().flat_map(|picture| waits(picture, now, lang)));
        Ok(Now {
            w,
            lang,
            looked_at: text::full(now, lang),
            alerts: alerts.collect(),
            tiles: tiles(&desk, picture, w),
            cards: vec![
                Card { title: w.transfer, lines: transfer },
                Card { title: w.state, lines: picture.map_or_else(Vec::new, |picture| state(picture, now, lang)) },
                Card {
                    title: w.certificates,
                    lines: picture.map_or_else(Vec::new, |picture| ends(picture, now, lang)),
                },
            ],
            expected: picture.map_or_else(Vec::new, |picture| expected(picture, jst(now).date(), lang)),
            charts: self.charts(now, w).await?,
        })
    }

    async fn charts(&self, now: Timestamp, w: &'static Words) -> Result<Vec<Chart>, Fault> {
        let series = Series::find("archived").expect("the series is in the table").number;
        let read = self.gateway.receiver.database.read();
        let since = |hours| now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(now);
        let day = increases(&history::read(read, series, Grain::Minute, since(24), now).await?);
        let month = increases(&history::read(read, series, Grain::Hour, since(24 * 30), now).await?);
        let hour = |at: Timestamp| text::japan(at).strftime("%-H:00").to_string();
        let date = |at: Timestamp| text::japan(at).strftime("%-m/%-d").to_string();
        let draw = |id, title, span, points: &[Point], minutes| {
            let points = summed(points, minutes);
            let description = format!("{}: {}", w.chart_files, points.iter().map(|(_, value)| value).sum::<f64>());
            let heading = Heading { id, title, description: &description, unit: w.chart_unit };
            lines(&heading, span, now, &[chart::Line { name: w.received, points: &points }], true)
        };
        Ok(vec![
            Chart {
                title: w.chart_day,
                svg: draw("day", w.chart_day, Span::Day, &day, 10),
                points: gather(&day, hour),
            },
            Chart {
                title: w.chart_month,
                svg: draw("month", w.chart_month, Span::Month, &month, 120),
                points: gather(&month, date),
            },
        ])
    }
}

/// Sums of so many minutes each, at their beginning: fewer points than a screen has room for.
fn summed(points: &[Point], minutes: i64) -> Vec<Point> {
    let beginning = |at: Timestamp| {
        let second = at.as_second();
        Timestamp::from_second(second - second.rem_euclid(minutes * 60)).unwrap_or(at)
    };
    let mut sums: Vec<Point> = Vec::new();
    for (at, value) in points {
        let at = beginning(*at);
        match sums.last_mut().filter(|(last, _)| *last == at) {
            Some((_, sum)) => *sum += value,
            None => sums.push((at, *value)),
        }
    }
    sums
}

/// Sums of what has the same label, in order.
fn gather(points: &[(Timestamp, f64)], label: impl Fn(Timestamp) -> String) -> Vec<(String, u64)> {
    let mut sums: Vec<(String, f64)> = Vec::new();
    for (at, value) in points {
        let label = label(*at);
        match sums.last_mut().filter(|(last, _)| *last == label) {
            Some((_, sum)) => *sum += value,
            None => sums.push((label, *value)),
        }
    }
    sums.into_iter().map(|(label, sum)| (label, whole(sum))).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "numbers of files are whole and small")]
fn whole(sum: f64) -> u64 {
    sum.round().max(0.0) as u64
}

fn tiles(desk: &Desk, picture: Option<&Picture>, w: &'static Words) -> Vec<Tile> {
    let figure = |pick: fn(&Picture) -> u64| picture.map(pick).unwrap_or_default();
    let held = figure(|picture| picture.figures.held);
    let waiting = figure(|picture| picture.figures.waiting.values().sum());
    let tile = |name, number: u64, href, calls| Tile { name, number: number.to_string(), href, calls };
    vec![
        Tile {
            name: w.to_review,
            number: desk.to_review.to_string(),
            href: Some("/received?state=archived"),
            calls: desk.to_review > 0,
        },
        tile(w.quarantine, desk.quarantined.unsigned_abs(), Some("/quarantine"), desk.quarantined > 0),
        tile(w.received_today, desk.received.unsigned_abs(), Some("/received"), false),
        tile(w.sent_today, desk.sent.unsigned_abs(), Some("/sent"), false),
        tile(w.held, held, Some("/consents"), held > 0),
        tile(w.consents, desk.asked.unsigned_abs(), Some("/consents"), desk.asked > 0),
        tile(w.waiting, waiting, None, waiting > 0),
    ]
}

/// What waits at the relay and why, and since when the first of it does.
fn waits(picture: &Picture, now: Timestamp, lang: Lang) -> Vec<Line> {
    let (w, figures) = (lang.words(), &picture.figures);
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    for (code, parcels) in &figures.waiting {
        *causes.entry(w.waits_for(code)).or_default() += parcels;
    }
    let cause = |(why, parcels): (&str, u64)| Line::new(w.waiting, format!("{parcels} {}　{why}", w.chart_unit), true);
    let mut lines: Vec<Line> = causes.into_iter().map(cause).collect();
    if let Some(since) = figures.waiting_since.filter(|_| !lines.is_empty()) {
        lines.push(Line::new(w.waiting_since, text::short(since, now, lang), true));
    }
    lines
}

impl Words {
    /// What a file waits for that cannot come now, by the code of the cause.
    fn waits_for(&self, code: &str) -> &'static str {
        match code.split_once('.').map_or(code, |(kind, _)| kind) {
            "disk" => self.waits_disk,
            "revocation" => self.waits_revocation,
            "scanner" => self.waits_scanner,
            "relay" => self.waits_relay,
            _ => self.waits_other,
        }
    }
}

fn state(picture: &Picture, now: Timestamp, lang: Lang) -> Vec<Line> {
    let w = lang.words();
    let relay = match picture.silent_since {
        None => Line::new(w.relay, w.relay_fine.to_owned(), false),
        Some(since) => Line::new(w.relay, format!("{}（{}）", w.relay_silent, text::short(since, now, lang)), true),
    };
    let vpn = match picture.vpn {
        None => Line::new(w.vpn, w.vpn_unguarded.to_owned(), false),
        Some(Ok(())) => Line::new(w.vpn, w.vpn_open.to_owned(), false),
        Some(Err(code)) => Line::new(w.vpn, format!("{} ({code})", w.vpn_shut), true),
    };
    let free = picture.disk.free.map_or_else(|| w.unknown_yet.to_owned(), text::size);
    let lasts = picture.disk.lasts.map(|lasts| format!("（{}{}）", w.disk_lasts, text::long(lasts, lang)));
    let is_short = picture.disk.is_down_to_reserve()
        || picture.disk.lasts.is_some_and(|lasts| lasts < SignedDuration::from_hours(72));
    vec![relay, vpn, Line::new(w.disk, free + &lasts.unwrap_or_default(), is_short)]
}

fn ends(picture: &Picture, now: Timestamp, lang: Lang) -> Vec<Line> {
    let w = lang.words();
    let ends = &picture.ends;
    let known = [
        (w.certificate_own, ends.own),
        (w.certificate_authority, ends.authority),
        (w.certificate_employers, ends.employers),
    ];
    let line = |(name, end): (&'static str, Option<Timestamp>)| {
        let end = end?;
        let left = end.duration_since(now);
        let text = format!("{}（{}{}）", text::short(end, now, lang), w.left, text::long(left, lang));
        Some(Line::new(name, text, left < SignedDuration::from_hours(24 * 60)))
    };
    known.into_iter().filter_map(line).collect()
}

/// What is due, and what is overdue: nothing of before that everybody has sent.
fn expected(picture: &Picture, today: Date, lang: Lang) -> Vec<Expected> {
    let line = |one: &Overview| {
        let (missing, left) = (one.counts.missing(), one.period.days_left(today));
        (left >= 0 || missing > 0).then(|| {
            let due = text::date(one.period.due, today, lang);
            Expected {
                href: format!("/expected/{}", one.kept.number),
                name: one.kept.expectation.name().to_owned(),
                due: match lang {
                    Lang::Japanese => format!("{due}締切"),
                    Lang::English => format!("due {due}"),
                },
                missing,
                is_late: left < 0 && missing > 0,
            }
        })
    };
    picture.expected.iter().filter_map(line).collect()
}
