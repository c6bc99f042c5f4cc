//! One's own account: password, second factor, and where one is signed in.

pub(super) mod factor;

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::App;
use super::asked::Asked;
use super::fault::Fault;
use super::fields::Fields;
use super::frame::{Frame, html};
use super::id::Id;
use super::session::{Visitor, give};
use super::sign_in::password::Unchanged;
use super::text;
use super::words::Three;
use crate::store::gateway::{staff_factors, staff_sessions};

#[derive(Template)]
#[template(path = "console/account.html")]
struct Page<'a> {
    f: Frame,
    trouble: Option<&'a Three>,
    recovery: i64,
    sessions: Vec<Session>,
}

struct Session {
    number: i64,
    is_this: bool,
    origin: String,
    agent: String,
    since: String,
    seen: String,
}

/// GET.
pub(super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    shown(&app, &asked, &visitor, None).await
}

async fn shown(app: &App, asked: &Asked, visitor: &Visitor, trouble: Option<&Three>) -> Result<Response, Fault> {
    let (receiver, lang) = (&app.gateway.receiver, asked.lang);
    let (read, now) = (receiver.database.read(), receiver.clock.now());
    let sessions = staff_sessions::of_staff(read, visitor.name()).await?.into_iter();
    let sessions = sessions.filter(|session| !app.is_over(session, now)).map(|session| Session {
        number: session.number,
        is_this: session.number == visitor.session.number,
        since: text::full(session.created_at, lang),
        seen: text::short(session.seen_at, now, lang),
        origin: session.origin,
        agent: session.agent,
    });
    let sessions = sessions.collect();
    let recovery = staff_factors::recovery_left(read, visitor.name()).await?;
    html(&Page { f: Frame::new(asked, visitor), trouble, recovery, sessions })
}

/// POST `/account/password`.
pub(super) async fn password(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    match app.change_password(&visitor, &form, &asked).await {
        Ok(token) => Ok(give(Redirect::to("/account?done=password").into_response(), &token)),
        Err(Unchanged::Failed(fault)) => Err(fault),
        Err(Unchanged::Said(status, words)) => {
            let page = shown(&app, &asked, &visitor, Some(words(asked.lang.words()))).await?;
            Ok((status, page).into_response())
        }
    }
}

/// POST `/account/sessions/{id}/end`: one of one's own.
pub(super) async fn end(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(number): Id<i64>,
) -> Result<Response, Fault> {
    let database = &app.gateway.receiver.database;
    let mut transaction = database.write().await?;
    if !staff_sessions::end(&mut transaction, visitor.name(), number).await? {
        return Err(Fault::missing());
    }
    app.note(&mut transaction, visitor.name(), "staff.session-ended", &asked).await?;
    database.commit(transaction).await?;
    Ok(Redirect::to("/account?done=session").into_response())
}

/// POST `/account/sessions/end-others`.
pub(super) async fn end_others(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let database = &app.gateway.receiver.database;
    let mut transaction = database.write().await?;
    staff_sessions::end_others(&mut transaction, visitor.name(), Some(visitor.session.number)).await?;
    app.note(&mut transaction, visitor.name(), "staff.session-ended", &asked).await?;
    database.commit(transaction).await?;
    Ok(Redirect::to("/account?done=session").into_response())
}
