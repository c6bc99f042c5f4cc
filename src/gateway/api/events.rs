//! `/api/v1/events`: what happened, oldest first; waited for with `wait`.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::App;
use super::authorize::Caller;
use super::page::{Limit, Page, malformed, place, wait};
use crate::http::{Json, Query};
use crate::store::gateway::events::{self, Event};
use crate::store::gateway::tokens::Scope;
use crate::wire::problem::{Code, Problem};

/// Which events.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    after: Option<String>,
    limit: Option<u32>,
    wait: Option<u32>,
}

/// An event: ids and codes only.
#[derive(Debug, Serialize)]
pub(super) struct EventView {
    id: String,
    kind: &'static str,
    at: Timestamp,
    subject: String,
    office: Option<String>,
    user: Option<String>,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            id: event.number.to_string(),
            kind: event.kind.code(),
            at: event.at,
            subject: event.subject.clone(),
            office: event.office.as_ref().map(ToString::to_string),
            user: event.user.as_ref().map(ToString::to_string),
        }
    }
}

/// GET: the events that the token is for.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<EventView>>, Problem> {
    let (limit, after) = (Limit::new(asked.limit)?, place(asked.after.as_deref())?.unwrap_or(0));
    let wait = wait(asked.wait)?;
    let kinds = kinds(&caller);
    if kinds.is_empty() {
        return Err(Problem::new(Code::TokenScope).with_detail("it lacks received:read and sent:read"));
    }
    // Whoever waits behind what has happened would never hear of what comes: this database is another one, or came back from a backup.
    if after > events::newest(app.receiver.database.read()).await? {
        return Err(malformed("after lies behind the newest event: begin anew without it"));
    }
    let deadline = Instant::now() + Duration::from_secs(wait.into());
    // Listening begins before looking: what comes in between is seen too.
    let mut newest = app.newest.subscribe();
    loop {
        newest.mark_unchanged();
        let rows = events::of_kinds(app.receiver.database.read(), after, &kinds, limit.rows().into()).await?;
        let page = limit.page(rows, |event| event.number.to_string(), |event| EventView::from(event));
        let over = wait == 0 || app.shutdown.is_stopping() || caller.ended.is_cancelled();
        if over || !page.is_empty() || Instant::now() >= deadline {
            return Ok(Json(page));
        }
        tokio::select! {
            _ = timeout_at(deadline, newest.changed()) => (),
            () = app.shutdown.soft().cancelled() => (),
            () = caller.ended.cancelled() => (),
        }
    }
}

fn kinds(caller: &Caller) -> Vec<&'static str> {
    let told = |code: &str| match code.split('.').next() {
        Some("received" | "alert") => caller.scopes.contains(&Scope::ReceivedRead),
        Some("sent") => caller.scopes.contains(&Scope::SentRead),
        _ => false,
    };
    events::Kind::ALL.iter().map(|kind| kind.code()).filter(|code| told(code)).collect()
}
