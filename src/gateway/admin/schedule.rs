//! The schedule of the pull: seen and changed. A running gateway follows within a second.

use jiff::Timestamp;
use jiff::civil::Date;

use super::error::MAX_WORDS;
use super::{Admin, AdminError, ScheduleError};
use crate::domain::calendar::national_holiday;
use crate::domain::schedule::{Blackout, Days, Obstacle, Pause, Plan, Schedule, Window, preview};
use crate::gateway::view::RunView;
use crate::gateway::view::schedule::{HolidayView, PauseView, PlanView, PlannedView, ScheduleView};
use crate::store::gateway::runs;
use crate::store::gateway::schedule::{self, Kept};
use crate::store::sqlite::{Connection, StoreError};

/// What of a plan is to change.
#[derive(Debug, Clone, Default)]
pub struct PlanChange {
    /// What begins runs, in place of all that did before; none: as before. Days and long poll in it do not count.
    pub moments: Option<Plan>,
    /// On which days.
    pub days: Option<Days>,
    /// Whether arrivals are waited for.
    pub long_poll: Option<bool>,
}

impl PlanChange {
    /// The plan that it makes of this one.
    fn of(&self, before: Plan) -> Plan {
        let days = self.days.unwrap_or(before.days);
        let long_poll = self.long_poll.unwrap_or(before.long_poll);
        Plan { days, long_poll, ..self.moments.clone().unwrap_or(before) }
    }
}

impl Admin {
    /// The schedule as it is, with the next `runs` runs.
    pub async fn schedule(&self, runs: usize) -> Result<ScheduleView, AdminError> {
        let mut connection = self.gateway.receiver.database.reader().await?;
        let kept = schedule::load(&mut connection).await?;
        let last = runs::list(&mut *connection, 1).await?;
        let (now, mark, is_set) = (self.now(), kept.mark, kept.plan.is_some());
        let schedule = kept.schedule(&self.gateway.settings.pull.plan());
        Ok(ScheduleView {
            plan: PlanView::new(&schedule.plan, is_set),
            pause: schedule.pause.as_ref().map(|pause| PauseView::new(pause, now)),
            blackouts: schedule.blackouts.iter().map(Into::into).collect(),
            holidays: schedule.holidays.iter().map(|(day, name)| own(*day, name)).collect(),
            obstacle: schedule.obstacle(now).as_ref().map(Into::into),
            next: preview(&schedule, mark, now, runs).iter().map(PlannedView::from).collect(),
            last_run: last.first().map(Into::into),
        })
    }

    /// What keeps the pull from running now.
    pub async fn obstacle(&self) -> Result<Option<Obstacle>, AdminError> {
        let kept = schedule::load(&mut *self.gateway.receiver.database.reader().await?).await?;
        Ok(kept.schedule(&self.gateway.settings.pull.plan()).obstacle(self.now()))
    }

    /// The newest runs.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunView>, AdminError> {
        Ok(runs::list(self.read(), limit).await?.iter().map(Into::into).collect())
    }

    /// Changes the plan. It counts from now on: what the one before has missed is not made up for.
    pub async fn set_plan(&self, change: PlanChange) -> Result<(), AdminError> {
        let (now, default) = (self.now(), self.gateway.settings.pull.plan());
        self.change("schedule.set", async |connection, kept| {
            let plan = change.of(kept.plan.clone().unwrap_or_else(|| default.clone()));
            plan.check(now, &kept.holidays, &kept.blackouts).map_err(ScheduleError::from)?;
            schedule::set_plan(connection, Some(&plan), now).await?;
            Ok((said(kept.plan.as_ref()), said(Some(&plan))))
        })
        .await
    }

    /// What a change of the plan would come to: the next `runs` runs. Changes nothing, and is refused like the change itself.
    pub async fn try_plan(&self, change: &PlanChange, runs: usize) -> Result<Vec<PlannedView>, AdminError> {
        let kept = schedule::load(&mut *self.gateway.receiver.database.reader().await?).await?;
        let now = self.now();
        let schedule = kept.schedule(&self.gateway.settings.pull.plan());
        let schedule = Schedule { plan: change.of(schedule.plan.clone()), ..schedule };
        schedule.plan.check(now, &schedule.holidays, &schedule.blackouts).map_err(ScheduleError::from)?;
        Ok(preview(&schedule, Some(now), now, runs).iter().map(PlannedView::from).collect())
    }

    /// Back to what the settings say.
    pub async fn reset_plan(&self) -> Result<(), AdminError> {
        let now = self.now();
        self.change("schedule.set", async |connection, kept| {
            schedule::set_plan(connection, None, now).await?;
            Ok((said(kept.plan.as_ref()), said(None)))
        })
        .await
    }

    /// Nothing is pulled until `until`, or until somebody ends it. One that lasts already is replaced.
    pub async fn pause(&self, reason: &str, until: Option<Timestamp>) -> Result<(), AdminError> {
        let now = self.now();
        let reason = words(reason)?;
        if until.is_some_and(|until| until <= now) {
            return Err(ScheduleError::Over.into());
        }
        let pause = Pause { since: now, until, reason, by: self.actor.clone() };
        self.change("schedule.paused", async |connection, kept| {
            schedule::set_pause(connection, Some(&pause), now).await?;
            Ok((rest(kept.pause.as_ref()), rest(Some(&pause))))
        })
        .await
    }

    /// Ends a pause.
    pub async fn resume(&self) -> Result<(), AdminError> {
        let now = self.now();
        self.change("schedule.resumed", async |connection, kept| {
            if kept.pause.is_none() {
                return Err(StoreError::Missing("pause").into());
            }
            schedule::set_pause(connection, None, now).await?;
            Ok((rest(kept.pause.as_ref()), String::new()))
        })
        .await
    }

    /// Adds a day off of the union's own, or gives it another name.
    pub async fn put_holiday(&self, day: Date, name: &str) -> Result<(), AdminError> {
        let (name, now, default) = (words(name)?, self.now(), self.gateway.settings.pull.plan());
        self.change("schedule.holiday-added", async |connection, kept| {
            let mut holidays = kept.holidays.clone();
            holidays.insert(day, name.clone());
            let plan = kept.plan.as_ref().unwrap_or(&default);
            plan.check(now, &holidays, &kept.blackouts).map_err(ScheduleError::from)?;
            schedule::put_holiday(connection, day, &name, now).await?;
            let before = kept.holidays.get(&day).map_or(String::new(), |name| format!("{day} {name}"));
            Ok((before, format!("{day} {name}")))
        })
        .await
    }

    /// Takes a day off of the union's own away.
    pub async fn remove_holiday(&self, day: Date) -> Result<(), AdminError> {
        self.change("schedule.holiday-removed", async |connection, _| {
            if !schedule::remove_holiday(connection, day, self.now()).await? {
                return Err(StoreError::Missing("holiday").into());
            }
            Ok((day.to_string(), String::new()))
        })
        .await
    }

    /// The days off of a year that are no mere weekends: national holidays and the union's own. This year's when none is said.
    pub async fn holidays(&self, year: Option<i16>) -> Result<Vec<HolidayView>, AdminError> {
        let kept = schedule::load(&mut *self.gateway.receiver.database.reader().await?).await?;
        let year = year.unwrap_or_else(|| crate::domain::schedule::jst(self.now()).year());
        let first = Date::new(year, 1, 1).map_err(|_| StoreError::Missing("year"))?;
        let days = std::iter::successors(Some(first), |day| day.tomorrow().ok()).take_while(|day| day.year() == year);
        let listed = days.flat_map(|day| {
            let national = national_holiday(day);
            let national = national.map(|name| HolidayView { day, name: name.to_owned(), kind: "national" });
            national.into_iter().chain(kept.holidays.get(&day).map(|name| own(day, name)))
        });
        Ok(listed.collect())
    }

    /// Adds a window in which nothing runs, and says its number.
    pub async fn add_blackout(&self, blackout: &Blackout, name: Option<&str>) -> Result<i64, AdminError> {
        let name = name.map(words).transpose()?.unwrap_or_default();
        let (now, default) = (self.now(), self.gateway.settings.pull.plan());
        let mut number = 0;
        self.change("schedule.blackout-added", async |connection, kept| {
            let mut blackouts = kept.blackouts.clone();
            blackouts.push(Window { number, blackout: blackout.clone(), name: name.clone() });
            let plan = kept.plan.as_ref().unwrap_or(&default);
            plan.check(now, &kept.holidays, &blackouts).map_err(ScheduleError::from)?;
            number = schedule::add_blackout(connection, blackout, &name, now).await?;
            Ok((String::new(), format!("{number} {}", window(blackout))))
        })
        .await?;
        Ok(number)
    }

    /// Takes a window away.
    pub async fn remove_blackout(&self, number: i64) -> Result<(), AdminError> {
        self.change("schedule.blackout-removed", async |connection, _| {
            let removed = schedule::remove_blackout(connection, number, self.now()).await?;
            let removed = removed.ok_or(StoreError::Missing("blackout"))?;
            Ok((format!("{number} {}", window(&removed)), String::new()))
        })
        .await
    }

    /// One transaction with its audit entry, which says what was before and what is after.
    async fn change(
        &self,
        action: &'static str,
        change: impl AsyncFnOnce(&mut Connection, &Kept) -> Result<(String, String), AdminError>,
    ) -> Result<(), AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let kept = schedule::load(&mut transaction).await?;
        let (before, after) = change(&mut transaction, &kept).await?;
        self.log(&mut transaction, action, "schedule", &before, &after).await?;
        Ok(database.commit(transaction).await?)
    }
}

fn own(day: Date, name: &str) -> HolidayView {
    HolidayView { day, name: name.to_owned(), kind: "own" }
}

/// What people write beside a change: one line.
fn words(text: &str) -> Result<String, ScheduleError> {
    let text = text.trim();
    let fits = (1..=MAX_WORDS).contains(&text.chars().count()) && !text.contains(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(ScheduleError::Words) }
}

/// A plan as the audit has it.
fn said(plan: Option<&Plan>) -> String {
    plan.map_or("default".to_owned(), |plan| {
        serde_json::to_string(plan).expect("a plan is made of texts, numbers and lists")
    })
}

/// A pause as the audit has it. Its reason is in the words of a person: the schedule keeps it.
fn rest(pause: Option<&Pause>) -> String {
    pause.map_or(String::new(), |pause| {
        let until = pause.until.map_or("resumed".to_owned(), |until| until.to_string());
        format!("{} until {until}", pause.since)
    })
}

/// A window as the audit has it.
fn window(blackout: &Blackout) -> String {
    match blackout {
        Blackout::Daily { from, to } => format!("daily {from} to {to}"),
        Blackout::Dates { from, to } => format!("{from} to {to}"),
    }
}
