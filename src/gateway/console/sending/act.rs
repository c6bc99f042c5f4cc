//! What staff do with what was sent: approve, take back, remind. Of a dispatch it is done for all of it, of a message for that one.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::id::Id;
use super::super::session::Visitor;
use crate::domain::ids::MessageId;

/// POST `/sent/{id}/approve`: as the second person.
pub(in super::super) async fn approve(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).agree_to_send(id, visitor.session.role).await?;
    Ok(lead(id, "approved"))
}

/// POST `/sent/{id}/recall`.
pub(in super::super) async fn recall(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).recall(id).await?;
    Ok(lead(id, "recalled"))
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
    Redirect::to(&format!("/sent/{id}?done={done}")).into_response()
}
