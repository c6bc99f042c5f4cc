//! The plan is changed: filled in, looked at with what it would come to, saved.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::session::Visitor;
use super::words::Words;
use super::{NEXT, Planned, frame, planned, words};
use crate::domain::schedule::{Cron, Days, Interval, Plan, TimeOfDay};
use crate::gateway::admin::schedule::PlanChange;
use crate::gateway::admin::{Admin, AdminError};
use crate::gateway::view::schedule::PlanView;

/// Times of day, and cron expressions, that a plan has here at most.
const MOST: usize = 100;

#[derive(Template)]
#[template(path = "console/schedule/change.html")]
struct Page {
    f: Frame,
    s: &'static Words,
    draft: Draft,
    problems: Problems,
    /// What it would come to; none before it was looked at.
    preview: Option<Vec<Planned>>,
}

/// What is filled in.
#[derive(Debug, Default)]
struct Draft {
    times: String,
    cron: String,
    interval: String,
    is_in_seconds: bool,
    is_business: bool,
    is_polling: bool,
}

/// What is wrong with it.
#[derive(Debug, Default)]
struct Problems {
    times: Option<String>,
    cron: Option<String>,
    interval: Option<String>,
    whole: Option<String>,
}

/// GET `/schedule/change`: the plan as it is, or as the address says, with what it would come to.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let admin = Admin::new(&app.gateway, "console");
    if asked.query.get("look").is_empty() {
        let draft = Draft::of(&admin.schedule(1).await?.plan);
        let (f, s) = (frame(&asked, &visitor), words(asked.lang));
        return html(&Page { f, s, draft, problems: Problems::default(), preview: None });
    }
    looked_at(&app, &admin, &asked, &visitor, &asked.query).await
}

/// What was filled in, with what is wrong, or what it would come to.
async fn looked_at(
    app: &App,
    admin: &Admin,
    asked: &Asked,
    visitor: &Visitor,
    form: &Fields,
) -> Result<Response, Fault> {
    let draft = Draft::read(form);
    let mut problems = Problems::default();
    let now = app.gateway.receiver.clock.now();
    let preview = match draft.change(&mut problems) {
        None => None,
        Some(change) => match admin.try_plan(&change, NEXT).await {
            Ok(next) => Some(next.iter().map(|one| planned(one, now, asked.lang)).collect()),
            Err(AdminError::Schedule(error)) => {
                problems.whole = Some(error.to_string());
                None
            }
            Err(error) => return Err(error.into()),
        },
    };
    let status = if preview.is_some() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = html(&Page { f: frame(asked, visitor), s: words(asked.lang), draft, problems, preview })?;
    Ok((status, page).into_response())
}

/// POST `/schedule/change`.
pub(in super::super) async fn save(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    if let Some(change) = Draft::read(&form).change(&mut Problems::default()) {
        match admin.set_plan(change).await {
            Ok(()) => return Ok(Redirect::to("/schedule?done=saved").into_response()),
            Err(AdminError::Schedule(_)) => (),
            Err(error) => return Err(error.into()),
        }
    }
    looked_at(&app, &admin, &asked, &visitor, &form).await
}

/// POST `/schedule/default`: what the settings say.
pub(in super::super) async fn default(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).reset_plan().await?;
    Ok(Redirect::to("/schedule?done=saved").into_response())
}

impl Draft {
    fn of(plan: &PlanView) -> Self {
        let seconds = plan.interval_seconds;
        let is_in_seconds = seconds.is_some_and(|seconds| seconds % 60 != 0);
        let interval = seconds.map(|seconds| if is_in_seconds { seconds } else { seconds / 60 });
        Self {
            times: plan.times.join(", "),
            cron: plan.cron.join("\n"),
            interval: interval.map(|number| number.to_string()).unwrap_or_default(),
            is_in_seconds,
            is_business: plan.days == Days::Business,
            is_polling: plan.long_poll,
        }
    }

    fn read(form: &Fields) -> Self {
        Self {
            times: form.get("times").to_owned(),
            cron: form.get("cron").replace("\r\n", "\n"),
            interval: form.get("interval").to_owned(),
            is_in_seconds: form.get("unit") == "seconds",
            is_business: form.get("days") == "business",
            is_polling: form.get("poll") == "1",
        }
    }

    /// What is to change, unless something is wrong with it.
    fn change(&self, problems: &mut Problems) -> Option<PlanChange> {
        let times = self.times.split([',', '、', ' ', '　']).map(str::trim).filter(|text| !text.is_empty());
        let times: Result<BTreeSet<TimeOfDay>, _> = times.take(MOST).map(str::parse).collect();
        let cron = self.cron.lines().map(str::trim).filter(|line| !line.is_empty());
        let cron: Result<Vec<Cron>, _> = cron.take(MOST).map(str::parse).collect();
        let times = times.map_err(|error| problems.times = Some(error.to_string()));
        let cron = cron.map_err(|error| problems.cron = Some(error.to_string()));
        let interval = self.interval().map_err(|problem| problems.interval = Some(problem));
        let (Ok(times), Ok(cron), Ok(interval)) = (times, cron, interval) else { return None };
        let days = if self.is_business { Days::Business } else { Days::All };
        let moments = Plan { times, cron, interval, days, long_poll: self.is_polling };
        Some(PlanChange { moments: Some(moments), days: Some(days), long_poll: Some(self.is_polling) })
    }

    fn interval(&self) -> Result<Option<Interval>, String> {
        if self.interval.is_empty() {
            return Ok(None);
        }
        let number: Option<u64> = self.interval.parse().ok();
        let seconds = number.and_then(|number| number.checked_mul(if self.is_in_seconds { 1 } else { 60 }));
        let text = seconds.map_or_else(|| self.interval.clone(), |seconds| seconds.to_string());
        text.parse().map(Some).map_err(|error: crate::domain::schedule::InvalidInterval| error.to_string())
    }
}
