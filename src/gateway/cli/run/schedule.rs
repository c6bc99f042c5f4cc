//! What `kx-gateway schedule` does.

use super::super::args::Json;
use super::super::args::schedule::{Blackout, Days, Holiday, Schedule, Set, Switch};
use super::super::print;
use super::{CommandError, show};
use crate::domain::schedule::{self, Plan};
use crate::gateway::admin::schedule::PlanChange;
use crate::gateway::admin::{Admin, AdminError, ScheduleError};
use crate::gateway::view::schedule::HolidayView;

/// Runs that are shown after a change.
const AFTER_A_CHANGE: usize = 5;

pub(super) async fn schedule(admin: &Admin, command: Schedule) -> Result<(), CommandError> {
    match command {
        Schedule::Show { next, json } => shown(admin, next.into(), json).await,
        Schedule::Pause { reason, until, json } => {
            admin.pause(&reason, until).await?;
            shown(admin, AFTER_A_CHANGE, json).await
        }
        Schedule::Resume(json) => {
            admin.resume().await?;
            shown(admin, AFTER_A_CHANGE, json).await
        }
        Schedule::Set(set) => {
            let json = set.json;
            if set.default {
                admin.reset_plan().await?;
            } else {
                admin.set_plan(change(set)).await?;
            }
            shown(admin, AFTER_A_CHANGE, json).await
        }
        Schedule::Holiday(command) => holiday(admin, command).await,
        Schedule::Blackout(command) => blackout(admin, command).await,
        Schedule::Runs { limit, json } => {
            show(json.json, &admin.runs(limit).await?, |runs| runs.iter().try_for_each(print::schedule::run))
        }
    }
}

async fn shown(admin: &Admin, runs: usize, Json { json }: Json) -> Result<(), CommandError> {
    show(json, &admin.schedule(runs).await?, print::schedule::schedule)
}

fn change(set: Set) -> PlanChange {
    let has_moments = !set.times.is_empty() || !set.cron.is_empty() || set.interval.is_some();
    let moments = has_moments.then(|| Plan {
        times: set.times.into_iter().collect(),
        cron: set.cron,
        interval: set.interval,
        days: schedule::Days::All,
        long_poll: false,
    });
    let days = set.days.map(|days| match days {
        Days::All => schedule::Days::All,
        Days::Business => schedule::Days::Business,
    });
    PlanChange { moments, days, long_poll: set.long_poll.map(|switch| switch == Switch::On) }
}

async fn holiday(admin: &Admin, command: Holiday) -> Result<(), CommandError> {
    match command {
        Holiday::Add { day, name, json } => {
            admin.put_holiday(day, &name).await?;
            shown(admin, AFTER_A_CHANGE, json).await
        }
        Holiday::Remove { day, json } => {
            admin.remove_holiday(day).await?;
            shown(admin, AFTER_A_CHANGE, json).await
        }
        Holiday::List { year, json } => {
            let lines = |days: &Vec<HolidayView>| days.iter().try_for_each(print::schedule::holiday);
            show(json.json, &admin.holidays(year).await?, lines)
        }
    }
}

async fn blackout(admin: &Admin, command: Blackout) -> Result<(), CommandError> {
    match command {
        Blackout::Add { daily, from, to, name, json } => {
            let window = match (daily, from.zip(to)) {
                (Some((from, to)), _) => schedule::Blackout::daily(from, to),
                (None, Some((from, to))) => schedule::Blackout::dates(from, to),
                (None, None) => unreachable!("one of them is required"),
            };
            let window = window.map_err(ScheduleError::from).map_err(AdminError::from)?;
            admin.add_blackout(&window, name.as_deref()).await?;
            shown(admin, AFTER_A_CHANGE, json).await
        }
        Blackout::Remove { number, json } => {
            admin.remove_blackout(number).await?;
            shown(admin, AFTER_A_CHANGE, json).await
        }
    }
}
