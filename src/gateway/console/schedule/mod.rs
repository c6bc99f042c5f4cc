//! スケジュール: when the gateway pulls, what keeps it from it, what came of it.

pub(super) mod change;
pub(super) mod order;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::asked::Asked;
use super::fault::Fault;
use super::frame::{Frame, html};
use super::lang::Lang;
use super::session::Visitor;
use super::{App, text};
use crate::domain::schedule::Days;
use crate::domain::staff::Duty;
use crate::gateway::admin::Admin;
use crate::gateway::view::RunView;
use crate::gateway::view::schedule::{BlackoutView, HolidayView, ObstacleView, PlanView, PlannedView};
use words::{ENGLISH, JAPANESE, Words};

/// Runs to come that are shown.
const NEXT: usize = 20;
/// Runs of before that are shown, and when more are asked for.
const RUNS: (u32, u32) = (20, 500);

/// The words of these pages.
const fn words(lang: Lang) -> &'static Words {
    match lang {
        Lang::Japanese => &JAPANESE,
        Lang::English => &ENGLISH,
    }
}

fn frame(asked: &Asked, visitor: &Visitor) -> Frame {
    let frame = Frame::new(asked, visitor);
    let done = words(asked.lang).done(asked.query.get("done")).or(frame.done);
    Frame { done, ..frame }
}

#[derive(Template)]
#[template(path = "console/schedule/page.html")]
struct Page {
    f: Frame,
    s: &'static Words,
    now: Now,
    plan: Vec<(&'static str, String)>,
    is_set: bool,
    next: Vec<Planned>,
    pause: Option<Paused>,
    own: Vec<HolidayView>,
    national: Vec<HolidayView>,
    blackouts: Vec<BlackoutView>,
    runs: Vec<Run>,
    has_more: bool,
    can_manage: bool,
}

/// What changes while somebody looks.
#[derive(Template)]
#[template(path = "console/schedule/now.html")]
pub(super) struct Now {
    s: &'static Words,
    /// What keeps the pull from running.
    obstacle: Option<String>,
    next: Option<String>,
    last: Option<Run>,
}

struct Paused {
    since: String,
    until: String,
    reason: String,
    by: String,
}

/// A moment that is planned.
struct Planned {
    at: String,
    trigger: &'static str,
    obstacle: Option<String>,
}

/// A run.
struct Run {
    number: i64,
    cause: &'static str,
    who: String,
    started: String,
    took: String,
    late: String,
    result: String,
    tone: &'static str,
    is_over: bool,
    archived: u64,
    quarantined: u64,
    waiting: u64,
}

/// GET `/schedule`.
pub(super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (lang, s) = (asked.lang, words(asked.lang));
    let admin = Admin::new(&app.gateway, "console");
    let at = app.gateway.receiver.clock.now();
    let view = admin.schedule(NEXT).await?;
    let limit = if asked.query.get("runs") == "all" { RUNS.1 } else { RUNS.0 };
    let mut runs = admin.runs(limit + 1).await?;
    let has_more = runs.len() > limit as usize;
    runs.truncate(limit as usize);
    let pause = view.pause.filter(|pause| pause.active).map(|pause| Paused {
        since: text::full(pause.since, lang),
        until: pause.until.map_or_else(String::new, |until| text::full(until, lang)),
        reason: pause.reason,
        by: who(&pause.by),
    });
    let holidays = admin.holidays(None).await?;
    html(&Page {
        f: frame(&asked, &visitor),
        s,
        now: now(&app, lang).await?,
        plan: plan(&view.plan, s),
        is_set: view.plan.source == "set",
        next: view.next.iter().map(|one| planned(one, at, lang)).collect(),
        pause,
        own: view.holidays,
        national: holidays.into_iter().filter(|day| day.kind == "national").collect(),
        blackouts: view.blackouts,
        runs: runs.iter().map(|one| run(one, at, lang)).collect(),
        has_more,
        can_manage: visitor.session.role.may(Duty::Manage),
    })
}

/// The pull as it is now.
pub(super) async fn now(app: &App, lang: Lang) -> Result<Now, Fault> {
    let at = app.gateway.receiver.clock.now();
    let view = Admin::new(&app.gateway, "console").schedule(1).await?;
    let next = view.next.iter().find(|planned| planned.runs).map(|planned| text::full(planned.at, lang));
    Ok(Now {
        s: words(lang),
        obstacle: view.obstacle.as_ref().map(|obstacle| why(obstacle, at, lang)),
        next,
        last: view.last_run.as_ref().map(|one| run(one, at, lang)),
    })
}

fn plan(plan: &PlanView, s: &'static Words) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if !plan.times.is_empty() {
        lines.push((s.times, plan.times.join("、")));
    }
    if let Some(seconds) = plan.interval_seconds {
        let (number, unit) = split(seconds, s);
        lines.push((s.interval, format!("{number}{unit}")));
    }
    if !plan.cron.is_empty() {
        lines.push((s.cron, plan.cron.join("、")));
    }
    let days = if plan.days == Days::Business { s.days_business } else { s.days_all };
    lines.push((s.days, days.to_owned()));
    lines.push((s.trigger, (if plan.long_poll { s.poll_on } else { s.poll_off }).to_owned()));
    lines
}

/// Seconds as people say them.
fn split(seconds: i64, s: &'static Words) -> (i64, &'static str) {
    if seconds % 60 == 0 { (seconds / 60, s.minutes) } else { (seconds, s.seconds) }
}

fn planned(one: &PlannedView, now: Timestamp, lang: Lang) -> Planned {
    Planned {
        at: text::full(one.at, lang),
        trigger: words(lang).trigger(one.trigger),
        obstacle: one.obstacle.as_ref().map(|obstacle| why(obstacle, now, lang)),
    }
}

/// What stands in the way, in words.
fn why(obstacle: &ObstacleView, now: Timestamp, lang: Lang) -> String {
    let s = words(lang);
    let name = obstacle.name.as_deref().filter(|name| !name.is_empty()).map(|name| format!("：{name}"));
    let until = obstacle.until.map(|until| match lang {
        Lang::Japanese => format!("（{}{}）", text::short(until, now, lang), s.until),
        Lang::English => format!(" ({} {})", s.until, text::short(until, now, lang)),
    });
    format!("{}{}{}", s.why(obstacle.why), name.unwrap_or_default(), until.unwrap_or_default())
}

fn run(one: &RunView, now: Timestamp, lang: Lang) -> Run {
    let s = words(lang);
    let (result, tone) = match one.result.as_deref() {
        None => (s.result_running.to_owned(), "key"),
        Some("done") => (s.result_done.to_owned(), "good"),
        Some("stopped") => (s.result_stopped.to_owned(), "warn"),
        Some(code) => (format!("{}（{code}）", s.result_failed), "bad"),
    };
    let seconds = |seconds: f64| format!("{seconds:.1}{}", s.seconds);
    let late = one.planned_at.map(|planned| one.started_at.duration_since(planned));
    Run {
        number: one.run,
        cause: s.cause(&one.cause),
        who: one.actor.as_deref().map(who).unwrap_or_default(),
        started: text::short(one.started_at, now, lang),
        took: one.seconds.map(seconds).unwrap_or_default(),
        late: late
            .filter(|late| *late >= SignedDuration::from_mins(1))
            .map_or_else(String::new, |late| text::long(late, lang)),
        result,
        tone,
        is_over: one.result.is_some(),
        archived: one.tally.archived,
        quarantined: one.tally.quarantined,
        waiting: one.tally.waiting,
    }
}

fn who(actor: &str) -> String {
    actor.strip_prefix("staff:").unwrap_or(actor).to_owned()
}
