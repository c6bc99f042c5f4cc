//! The second step: a code of the app, or a recovery code.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, home, html};
use super::super::session::Visitor;
use super::super::words::{Three, Words};
use super::super::{App, Console};
use super::next;
use crate::domain::staff::StaffName;
use crate::secret::RecoveryCode;
use crate::store::gateway::staff_factors;
use crate::store::sqlite::{Connection, StoreError};

#[derive(Template)]
#[template(path = "console/code.html")]
struct Page<'a> {
    f: Frame,
    trouble: Option<&'a Three>,
    next: &'a str,
}

/// GET.
pub(in super::super) async fn page(
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    html(&Page { f: Frame::new(&asked, &visitor), trouble: None, next: next(&asked.query) })
}

/// POST.
pub(in super::super) async fn enter(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let refuse = |status, words: fn(&Words) -> &Three| {
        let trouble = Some(words(asked.lang.words()));
        let page = Page { f: Frame::new(&asked, &visitor), trouble, next: next(&form) };
        Ok((status, html(&page)?).into_response())
    };
    let name = visitor.name();
    if !app.may_try(Ok(name), &asked).await? {
        return refuse(StatusCode::TOO_MANY_REQUESTS, |w| &w.sign_in_wait);
    }
    let database = &app.gateway.receiver.database;
    let mut transaction = database.write().await?;
    if !app.takes(&mut transaction, name, form.get("code"), &asked).await? {
        drop(transaction);
        app.refused(name, &asked, "factor").await?;
        return refuse(StatusCode::UNAUTHORIZED, |w| &w.code_refused);
    }
    let whole = app.complete(&mut transaction, &visitor, &asked).await?;
    database.commit(transaction).await?;
    let wanted = Some(next(&form)).filter(|next| !next.is_empty()).unwrap_or(home(visitor.session.role));
    Ok(whole.give(Redirect::to(wanted).into_response()))
}

impl Console {
    /// Whether this is a code that was not used before; it is used up.
    pub(in super::super) async fn takes(
        &self,
        connection: &mut Connection,
        name: &StaffName,
        code: &str,
        asked: &Asked,
    ) -> Result<bool, StoreError> {
        let now = self.gateway.receiver.clock.now();
        let Some(secret) = staff_factors::secret(&mut *connection, name).await? else { return Ok(false) };
        if let Some(step) = secret.step(code, now.as_second().unsigned_abs()) {
            return staff_factors::use_step(connection, name, step).await;
        }
        let Some(hash) = RecoveryCode::hash_of(code) else { return Ok(false) };
        if !staff_factors::use_recovery(connection, name, hash, now).await? {
            return Ok(false);
        }
        self.note(connection, name, "staff.recovery-used", asked).await?;
        Ok(true)
    }
}
