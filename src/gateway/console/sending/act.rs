//! What staff do with what was sent: approve, take back, remind. Of a dispatch it is done for all of it, of a message for that one.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::id::Id;
use super::super::late::{self, Thing};
use super::super::session::Visitor;
use crate::domain::ids::MessageId;

/// POST `/sent/{id}/approve`: as the second person.
pub(in super::super) async fn approve(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    match app.admin(visitor.name(), &asked.origin).agree_to_send(id, visitor.session.role).await {
        Ok(_) => Ok(lead(id, "approved")),
        Err(error) => late::lead(&app, error, Thing::Sent(id), |late| page(id, late)).await,
    }
}

/// POST `/sent/{id}/recall`; with `only=held` by a second person who does not agree: then only what waits for one.
pub(in super::super) async fn recall(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    let recalled = match form.get("only") {
        "held" => admin.refuse_to_send(id).await.map(drop),
        _ => admin.recall(id).await.map(drop),
    };
    if let Err(error) = recalled {
        return late::lead(&app, error, Thing::Sent(id), |late| page(id, late)).await;
    }
    // What is being taken back already is asked for at the relay once more; that is not this person's doing.
    match Thing::Sent(id).decided(&app).await? {
        Some(entry) if entry.actor != admin.actor() => Ok(late::lead_on(|late| page(id, late))),
        _ => Ok(lead(id, "recalled")),
    }
}

/// POST `/sent/{id}/remind`: everybody who has not fetched it.
pub(in super::super) async fn remind(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    match admin.dispatch(id).await? {
        Some(_) => drop(admin.remind_all(id).await?),
        None => drop(admin.remind(id).await?),
    }
    Ok(lead(id, "reminded"))
}

fn lead(id: MessageId, done: &str) -> Response {
    Redirect::to(&page(id, ("done", done))).into_response()
}

fn page(id: MessageId, said: (&str, &str)) -> String {
    Fields::default().address(&format!("/sent/{id}"), &[], &[said])
}
