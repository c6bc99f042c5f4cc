//! What becomes of a quarantined file: one person returns it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::id::Id;
use super::super::session::Visitor;
use crate::domain::ids::MessageId;
use crate::message::receipt::MAX_REASON;

/// POST `/quarantine/{id}/return`: with a reason.
pub(in super::super) async fn hand_back(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let reason = form.get("reason").replace("\r\n", "\n");
    if reason.is_empty() || reason.chars().count() > MAX_REASON {
        return Err(Fault::input());
    }
    app.admin(visitor.name(), &asked.origin).return_quarantined(id, &reason).await?;
    Ok(Redirect::to("/quarantine?done=returned").into_response())
}
