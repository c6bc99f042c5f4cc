//! What staff do with a file: 受付, 差戻し, flag, comment.

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
use super::take::ticked;
use super::{next_new, within_list};
use crate::domain::ids::MessageId;
use crate::gateway::admin::AdminError;
use crate::gateway::admin::received::Review;
use crate::message::receipt::MAX_REASON;
use crate::store::gateway::{messages, reviews};

/// POST `/received/{id}/accept`: then the next one.
pub(in super::super) async fn accept(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    decide(&app, &asked, &visitor, id, &Review::Accept, "accepted").await
}

/// POST `/received/{id}/return`: with a reason, for the sender; then the next one.
pub(in super::super) async fn hand_back(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let reason = form.text("reason", MAX_REASON).ok_or(Fault::input())?;
    decide(&app, &asked, &visitor, id, &Review::Return { reason }, "returned").await
}

/// Then the next one; or the same again, when somebody else was faster.
async fn decide(
    app: &App,
    asked: &Asked,
    visitor: &Visitor,
    id: MessageId,
    review: &Review,
    done: &str,
) -> Result<Response, Fault> {
    match app.admin(visitor.name(), &asked.origin).review(id, review).await {
        Ok(_) => next(app, asked, visitor, id, done).await,
        Err(error) => {
            let address = |late: (&str, &str)| within_list(&asked.query, &format!("/received/{id}"), &[late]);
            late::lead(app, error, Thing::Received(id), address).await
        }
    }
}

/// The next file to review in the list that this one was opened from, or that list.
async fn next(app: &App, asked: &Asked, visitor: &Visitor, id: MessageId, done: &str) -> Result<Response, Fault> {
    let mut reader = app.gateway.receiver.database.reader().await?;
    let number = messages::find(&mut reader, id).await?.map_or(0, |message| message.number);
    let next = next_new(&mut reader, &asked.query, visitor.name(), number).await?;
    let page = next.map_or_else(|| "/received".to_owned(), |next| format!("/received/{next}"));
    Ok(Redirect::to(&within_list(&asked.query, &page, &[("done", done)])).into_response())
}

/// POST `/received/accept`: all that are ticked. Those that somebody else was faster with are left as they are, and listed.
pub(in super::super) async fn accept_all(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let ids = ticked(&form)?;
    let admin = app.admin(visitor.name(), &asked.origin);
    let (mut is_any, mut late) = (false, Vec::new());
    for id in ids {
        match admin.review(id, &Review::Accept).await {
            Ok(_) => is_any = true,
            Err(AdminError::State { .. }) => late.push(id.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    let page = if late.is_empty() {
        within_list(&asked.query, "/received", &[("done", "accepted-all")])
    } else {
        let done = is_any.then_some(("done", "accepted-some"));
        let said: Vec<(&str, &str)> = late.iter().map(|id| ("id", id.as_str())).chain(done).collect();
        within_list(&asked.query, "/received/decided", &said)
    };
    Ok(Redirect::to(&page).into_response())
}

/// POST `/received/{id}/flag`.
pub(in super::super) async fn flag(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).flag(id, form.get("on") == "1").await?;
    Ok(Redirect::to(&within_list(&asked.query, &format!("/received/{id}"), &[])).into_response())
}

/// POST `/received/{id}/comment`.
pub(in super::super) async fn comment(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let text = form.text("text", reviews::LONGEST).ok_or(Fault::input())?;
    app.admin(visitor.name(), &asked.origin).comment(id, visitor.name(), &text).await?;
    Ok(Redirect::to(&within_list(&asked.query, &format!("/received/{id}"), &[("done", "commented")])).into_response())
}
