//! The schedule of the pull in words.

use std::io;

use super::{jst, line, printable};
use crate::domain::schedule::Days;
use crate::gateway::view::RunView;
use crate::gateway::view::schedule::{BlackoutView, HolidayView, ObstacleView, PlanView, PlannedView, ScheduleView};

/// The whole of it.
pub(in crate::gateway::cli) fn schedule(view: &ScheduleView) -> io::Result<()> {
    plan(&view.plan)?;
    if let Some(pause) = view.pause.as_ref().filter(|pause| pause.active) {
        let until =
            pause.until.map_or("再開の指示まで until resume".to_owned(), |at| format!("{} まで until", jst(at)));
        line(format!(
            "停止中 paused: {} から since, {until}  {}  ({})",
            jst(pause.since),
            printable(&pause.reason),
            pause.by
        ))?;
    }
    view.blackouts.iter().try_for_each(blackout)?;
    for day in &view.holidays {
        line(format!("組合の休日 own holiday: {}  {}", day.day, printable(&day.name)))?;
    }
    match &view.obstacle {
        Some(obstacle) => line(format!("現在は受信しません not now: {}", words(obstacle)))?,
        None => line("現在は受信できます may run now")?,
    }
    line("今後の受信 next runs:")?;
    if view.next.is_empty() {
        line("    ありません none")?;
    }
    view.next.iter().try_for_each(planned)?;
    view.last_run.as_ref().map_or(Ok(()), |last| {
        line("最後の受信 last run:")?;
        run(last)
    })
}

fn plan(plan: &PlanView) -> io::Result<()> {
    let source =
        if plan.source == "set" { "設定済み set" } else { "設定ファイルの値 from the configuration" };
    let mut parts = Vec::new();
    if !plan.times.is_empty() {
        parts.push(format!("時刻 times {}", plan.times.join(" ")));
    }
    parts.extend(plan.cron.iter().map(|cron| format!("cron {cron}")));
    parts.extend(plan.interval_seconds.map(|seconds| format!("間隔 every {seconds} 秒 s")));
    parts.push(if plan.long_poll {
        "ロングポーリング long poll".to_owned()
    } else {
        "ロングポーリングなし no long poll".to_owned()
    });
    parts.push(match plan.days {
        Days::All => "毎日 all days".to_owned(),
        Days::Business => "営業日のみ business days only".to_owned(),
    });
    line(format!("予定 plan ({source}): {}", parts.join(", ")))
}

fn blackout(window: &BlackoutView) -> io::Result<()> {
    let daily = if window.kind == "daily" { "毎日 daily " } else { "" };
    let (from, to, name) = (&window.from, &window.to, printable(&window.name));
    line(format!("受信しない時間 blackout {}: {daily}{from} - {to}  {name}", window.number))
}

fn planned(planned: &PlannedView) -> io::Result<()> {
    match &planned.obstacle {
        None => line(format!("    {}  {}", jst(planned.at), planned.trigger)),
        Some(obstacle) => {
            line(format!("    {}  {}  実行しません no: {}", jst(planned.at), planned.trigger, words(obstacle)))
        }
    }
}

pub(super) fn words(obstacle: &ObstacleView) -> String {
    let why = match obstacle.why {
        "pause" => "停止中 pause",
        "blackout" => "受信しない時間 blackout",
        "weekend" => "土日 weekend",
        "holiday" => "祝日 holiday",
        _ => "組合の休日 own holiday",
    };
    let name = obstacle.name.as_deref().map_or(String::new(), |name| format!(" {}", printable(name)));
    let until = obstacle.until.map_or(String::new(), |until| format!(" ({} まで until)", jst(until)));
    format!("{why}{name}{until}")
}

/// A run in one line.
pub(in crate::gateway::cli) fn run(run: &RunView) -> io::Result<()> {
    let result = run.result.as_deref().unwrap_or("-");
    let late = run.lateness_seconds.map_or(String::new(), |seconds| format!("  遅れ late {seconds:.0} s"));
    let took = run.seconds.map_or(String::new(), |seconds| format!("  所要 took {seconds:.1} s"));
    let by = run.actor.as_deref().map_or(String::new(), |actor| format!("  {actor}"));
    let tally = run.tally;
    line(format!(
        "    {:>6}  {}  {}{by}  {result}{late}{took}  保管 archived {}  隔離 quarantined {}  待機 waiting {}  {} bytes",
        run.run,
        jst(run.started_at),
        run.cause,
        tally.archived,
        tally.quarantined,
        tally.waiting,
        tally.bytes
    ))
}

/// A day off in one line.
pub(in crate::gateway::cli) fn holiday(day: &HolidayView) -> io::Result<()> {
    let kind = if day.kind == "own" { "組合 own" } else { "国民の祝日・休日 national" };
    line(format!("{}  {kind}  {}", day.day, printable(&day.name)))
}
