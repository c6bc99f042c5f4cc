//! Another second factor for one's own account. Password and a code of the present one are asked for first, then a code of the new one; until
//! that the present one counts, and whoever breaks off has changed nothing.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::SignedDuration;

use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::session::{Visitor, give};
use super::super::sign_in::factor::{Codes, picture};
use super::super::words::{Three, Words};
use super::super::{App, Console};
use crate::secret::TotpSecret;
use crate::store::gateway::{staff_factors, staff_sessions};

/// For so long after password and code the new one can be set up.
const OPEN: SignedDuration = SignedDuration::from_mins(10);

#[derive(Template)]
#[template(path = "console/own-factor.html")]
struct Page<'a> {
    f: Frame,
    trouble: Option<&'a Three>,
}

/// GET `/account/factor`: password and code, or the picture when they were shown.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    match app.proposed(&visitor) {
        Some(secret) => picture(&asked, &visitor, &secret, None, ""),
        None => html(&Page { f: Frame::new(&asked, &visitor), trouble: None }),
    }
}

/// POST `/account/factor`: password and a code of the present one.
pub(in super::super) async fn begin(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let name = visitor.name();
    if !app.may_try(Ok(name), &asked).await? {
        return refuse(&asked, &visitor, StatusCode::TOO_MANY_REQUESTS, |w| &w.again_wait);
    }
    if app.knows(Some(name.clone()), form.exact("now"), &asked).await?.is_none() {
        return refuse(&asked, &visitor, StatusCode::UNAUTHORIZED, |w| &w.own_factor_refused);
    }
    let database = &app.gateway.receiver.database;
    let mut transaction = database.write().await?;
    if !app.takes(&mut transaction, name, form.get("code"), &asked).await? {
        drop(transaction);
        app.refused(name, &asked, "factor").await?;
        return refuse(&asked, &visitor, StatusCode::UNAUTHORIZED, |w| &w.own_factor_refused);
    }
    app.propose(&mut transaction, &visitor).await?;
    database.commit(transaction).await?;
    app.forgive(name, &asked, 1).await?;
    Ok(Redirect::to("/account/factor").into_response())
}

/// POST `/account/factor/new`: a code of the new one, which counts from now on, and alone.
pub(in super::super) async fn finish(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let (receiver, name) = (&app.gateway.receiver, visitor.name());
    let Some(secret) = app.proposed(&visitor) else {
        return refuse(&asked, &visitor, StatusCode::CONFLICT, |w| &w.own_factor_late);
    };
    let again = |status: StatusCode, words: fn(&Words) -> &Three| {
        let page = picture(&asked, &visitor, &secret, Some(words(asked.lang.words())), "")?;
        Ok((status, page).into_response())
    };
    if !app.may_try(Ok(name), &asked).await? {
        return again(StatusCode::TOO_MANY_REQUESTS, |w| &w.again_wait);
    }
    let Some(step) = secret.step(form.get("code"), receiver.clock.now().as_second().unsigned_abs()) else {
        return again(StatusCode::UNAUTHORIZED, |w| &w.code_refused);
    };
    let mut transaction = receiver.database.write().await?;
    staff_factors::forget(&mut transaction, name).await?;
    let codes = app.set_factor(&mut transaction, &visitor, (&secret, step)).await?.ok_or(Fault::session())?;
    app.note_as(&mut transaction, name, ("staff.factor-set", "another"), &asked).await?;
    let token = app.begin(&mut transaction, (name, true), Some(visitor.session.number), &asked).await?;
    receiver.database.commit(transaction).await?;
    app.forgive(name, &asked, 1).await?;
    let shown =
        html(&Codes { f: Frame::new(&asked, &visitor).of_form(), all: &codes, onward: "/account?done=factor" })?;
    Ok(give(shown, &token))
}

/// POST `/account/factor/cancel`: the new one is no more.
pub(in super::super) async fn cancel(
    State(app): State<App>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let database = &app.gateway.receiver.database;
    let mut transaction = database.write().await?;
    staff_sessions::drop_pending(&mut transaction, visitor.session.number).await?;
    database.commit(transaction).await?;
    Ok(Redirect::to("/account").into_response())
}

fn refuse(
    asked: &Asked,
    visitor: &Visitor,
    status: StatusCode,
    words: fn(&Words) -> &Three,
) -> Result<Response, Fault> {
    let page = Page { f: Frame::new(asked, visitor), trouble: Some(words(asked.lang.words())) };
    Ok((status, html(&page)?).into_response())
}

impl Console {
    /// The new one that this session may set up.
    fn proposed(&self, visitor: &Visitor) -> Option<TotpSecret> {
        let now = self.gateway.receiver.clock.now();
        let (secret, at) = visitor.session.pending.as_ref()?;
        (*at <= now && now.duration_since(*at) < OPEN).then(|| secret.clone())
    }
}
