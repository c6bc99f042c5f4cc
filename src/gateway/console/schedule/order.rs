//! What staff order: a pull now, a pause, days off, windows.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::id::Id;
use super::super::session::Visitor;
use crate::domain::schedule::{Blackout, InvalidBlackout, moment};
use crate::gateway::admin::AdminError;
use crate::gateway::admin::ScheduleError;
use crate::gateway::flows::receive::{Cause, Order};

/// POST `/schedule/run`: by the way of the timer, in the name of whoever asks.
pub(in super::super) async fn run(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let pull = app.pull.as_ref().ok_or(Fault::missing())?;
    let admin = app.admin(visitor.name(), &asked.origin);
    let looked = app.keeper.look().await?;
    let is_to_tell = app.keeper.order(Order::by(Cause::Command, admin.by()));
    if is_to_tell || looked.ordered {
        pull.activate();
    }
    Ok(done("run"))
}

/// POST `/schedule/pause`.
pub(in super::super) async fn pause(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let until = match (form.get("day"), form.get("time")) {
        ("", "") => None,
        (day, "") => Some(moment(day).ok_or(Fault::input())?),
        (day, time) => Some(moment(&format!("{day}T{time}")).ok_or(Fault::input())?),
    };
    app.admin(visitor.name(), &asked.origin).pause(form.get("reason"), until).await?;
    Ok(done("paused"))
}

/// POST `/schedule/resume`.
pub(in super::super) async fn resume(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    match app.admin(visitor.name(), &asked.origin).resume().await {
        // Somebody else was quicker.
        Ok(()) | Err(AdminError::Missing("pause")) => Ok(done("resumed")),
        Err(error) => Err(error.into()),
    }
}

/// POST `/schedule/holidays`.
pub(in super::super) async fn add_holiday(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let day: Date = form.get("day").parse().map_err(|_| Fault::input())?;
    app.admin(visitor.name(), &asked.origin).put_holiday(day, form.get("name")).await?;
    Ok(done("holiday"))
}

/// POST `/schedule/holidays/{id}/remove`.
pub(in super::super) async fn remove_holiday(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(day): Id<Date>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).remove_holiday(day).await?;
    Ok(done("holiday"))
}

/// POST `/schedule/blackouts`.
pub(in super::super) async fn add_blackout(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let blackout = window(&form).ok_or(Fault::input())?;
    let blackout = blackout.map_err(ScheduleError::from).map_err(AdminError::from)?;
    let name = Some(form.get("name")).filter(|name| !name.is_empty());
    app.admin(visitor.name(), &asked.origin).add_blackout(&blackout, name).await?;
    Ok(done("blackout"))
}

/// Hours of every day, or days.
fn window(form: &Fields) -> Option<Result<Blackout, InvalidBlackout>> {
    let (from, to) = (form.get("from"), form.get("to"));
    match form.get("kind") {
        "daily" => Some(Blackout::daily(from.parse().ok()?, to.parse().ok()?)),
        _ => Some(Blackout::dates(from.parse().ok()?, to.parse().ok()?)),
    }
}

/// POST `/schedule/blackouts/{id}/remove`.
pub(in super::super) async fn remove_blackout(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(number): Id<i64>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).remove_blackout(number).await?;
    Ok(done("blackout"))
}

fn done(code: &str) -> Response {
    Redirect::to(&format!("/schedule?done={code}")).into_response()
}
