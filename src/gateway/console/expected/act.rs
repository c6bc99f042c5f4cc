//! What is expected is changed.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::id::Id;
use super::super::session::Visitor;
use super::form::Draft;
use super::{Words, list};
use crate::gateway::admin::AdminError;

/// POST `/expected`.
pub(in super::super) async fn add(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let (mut draft, w): (_, &'static Words) = (Draft::read(&form), asked.lang.of_pages());
    match draft.expectation() {
        Err(problem) => draft.is_refused(problem, w),
        Ok(expectation) => match app.admin(visitor.name(), &asked.origin).add_expectation(&expectation).await {
            Ok(added) => {
                let done = if added.is_whole { "added" } else { "added-part" };
                return Ok(Redirect::to(&format!("/expected/{}?done={done}", added.number)).into_response());
            }
            Err(AdminError::Exists(_)) => draft.is_known(w),
            Err(error) => return Err(error.into()),
        },
    }
    let page = list::show(&app, &asked, &visitor, draft).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// POST `/expected/{id}/remove`.
pub(in super::super) async fn remove(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(number): Id<i64>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).remove_expectation(number).await?;
    Ok(Redirect::to("/expected?done=removed").into_response())
}
