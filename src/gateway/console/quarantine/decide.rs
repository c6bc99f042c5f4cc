//! What becomes of a quarantined file: one person returns it, two release it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::id::Id;
use super::super::late::{self, Thing};
use super::super::session::Visitor;
use crate::domain::ids::MessageId;
use crate::domain::two_persons::Matter;
use crate::gateway::admin::two_persons::LONGEST_REASON;
use crate::message::receipt::MAX_REASON;

/// POST `/quarantine/{id}/return`: with a reason.
pub(in super::super) async fn hand_back(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let reason = form.text("reason", MAX_REASON).ok_or(Fault::input())?;
    match app.admin(visitor.name(), &asked.origin).return_quarantined(id, &reason).await {
        Ok(_) => Ok(Redirect::to("/quarantine?done=returned").into_response()),
        Err(error) => late::lead(&app, error, Thing::Received(id), |late| page(id, late)).await,
    }
}

/// POST `/quarantine/{id}/release`: asks for it. Another person agrees, where all such requests are.
pub(in super::super) async fn release(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let (admin, role) = (app.admin(visitor.name(), &asked.origin), visitor.session.role);
    let reason = form.text("reason", LONGEST_REASON).ok_or(Fault::input())?.replace('\n', " ");
    match admin.ask(Matter::Release, &id.to_string(), &reason, role).await {
        Ok(_) => Ok(Redirect::to(&page(id, ("done", "asked"))).into_response()),
        Err(error) => late::lead(&app, error, Thing::Received(id), |late| page(id, late)).await,
    }
}

fn page(id: MessageId, said: (&str, &str)) -> String {
    Fields::default().address(&format!("/quarantine/{id}"), &[], &[said])
}
