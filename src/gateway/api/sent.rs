//! `/api/v1/sent`: what was sent to employers.

use axum::Extension;
use axum::extract::State;

use super::App;
use super::authorize::Caller;
use super::page::{All, Asked, Limit, Page, malformed, place};
use crate::domain::ids::MessageId;
use crate::domain::sending::Sending;
use crate::gateway::view::sent::{SentReceiptView, SentView};
use crate::http::{Json, PathId, Query};
use crate::store::gateway::sent::Filter;
use crate::wire::problem::Problem;

/// GET: newest first.
pub(super) async fn list(State(app): State<App>, Query(asked): Query<Asked>) -> Result<Json<Page<SentView>>, Problem> {
    let limit = Limit::new(asked.limit)?;
    let state = asked.state.as_deref().map(str::parse::<Sending>).transpose();
    let filter = Filter {
        state: state.map_err(|_| malformed("there is no such state"))?,
        office: asked.office,
        before: place(asked.after.as_deref())?,
        ..Filter::default()
    };
    let rows = app.sender.list(&filter, limit.rows()).await?;
    Ok(Json(limit.page(rows, |view| view.number.to_string(), Clone::clone)))
}

/// GET `/{id}`.
pub(super) async fn show(State(app): State<App>, PathId(id): PathId<MessageId>) -> Result<Json<SentView>, Problem> {
    Ok(Json(app.sender.find(id).await?))
}

/// GET `/{id}/receipts`: in the order in which they came.
pub(super) async fn receipts(
    State(app): State<App>,
    PathId(id): PathId<MessageId>,
) -> Result<Json<All<SentReceiptView>>, Problem> {
    Ok(Json(All { items: app.sender.receipts(id).await? }))
}

/// POST `/{id}/recall`: takes it back, unless somebody has fetched it.
pub(super) async fn recall(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<MessageId>,
) -> Result<Json<SentView>, Problem> {
    Ok(Json(app.sender.recall(id, &caller.actor).await?))
}
