//! A password that somebody else has seen is changed before anything else.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::session::{Visitor, give};
use super::super::words::{Three, Words};
use super::super::{App, Console};
use super::{next, onward};
use crate::secret::{StaffVerifier, Token};
use crate::store::gateway::{staff, staff_sessions};
use crate::store::sqlite::StoreError;

#[derive(Template)]
#[template(path = "console/password.html")]
struct Page<'a> {
    f: Frame,
    trouble: Option<&'a Three>,
    next: &'a str,
}

/// Why a password was not changed.
pub(in super::super) enum Unchanged {
    /// The answer, in the words of the page.
    Said(StatusCode, fn(&Words) -> &Three),
    /// We failed.
    Failed(Fault),
}

impl<E: Into<Fault>> From<E> for Unchanged {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
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
    match app.change_password(&visitor, &form, &asked).await {
        // The next step is the second factor, or nothing: the gate knows.
        Ok(token) => Ok(give(Redirect::to(&onward("/sign-in/factor", next(&form))).into_response(), &token)),
        Err(Unchanged::Failed(fault)) => Err(fault),
        Err(Unchanged::Said(status, words)) => {
            let trouble = Some(words(asked.lang.words()));
            let page = Page { f: Frame::new(&asked, &visitor), trouble, next: next(&form) };
            Ok((status, html(&page)?).into_response())
        }
    }
}

impl Console {
    /// Changes somebody's own password. All their sessions end, but for a new one in the place of this one.
    pub(in super::super) async fn change_password(
        &self,
        visitor: &Visitor,
        form: &Fields,
        asked: &Asked,
    ) -> Result<Token, Unchanged> {
        let (now, new, again) = (form.exact("now"), form.exact("new"), form.exact("again"));
        let name = visitor.name();
        if *new != *again {
            return Err(Unchanged::Said(StatusCode::UNPROCESSABLE_ENTITY, |w| &w.password_differs));
        }
        if !self.may_try(Ok(name), asked).await? {
            return Err(Unchanged::Said(StatusCode::TOO_MANY_REQUESTS, |w| &w.sign_in_wait));
        }
        let receiver = &self.gateway.receiver;
        let kept = staff::verifier(receiver.database.read(), name).await?.ok_or(StoreError::Missing("staff"))?;
        let random = Arc::clone(&receiver.random);
        let is_same = *now == *new;
        let (fits, made) = self.stretch(move || (kept.matches(&now), StaffVerifier::new(&new, random.as_ref()))).await;
        if !fits {
            self.refused(name, asked, "password").await?;
            return Err(Unchanged::Said(StatusCode::UNAUTHORIZED, |w| &w.password_wrong));
        }
        let made = match made {
            Ok(made) if !is_same => made,
            _ => return Err(Unchanged::Said(StatusCode::UNPROCESSABLE_ENTITY, |w| &w.password_weak)),
        };
        let mut transaction = receiver.database.write().await?;
        staff::set_password(&mut transaction, name, &made, false, receiver.clock.now()).await?;
        staff_sessions::end_others(&mut transaction, name, None).await?;
        let token = self.begin(&mut transaction, (name, visitor.session.is_whole), None, asked).await?;
        self.note(&mut transaction, name, "staff.password", asked).await?;
        receiver.database.commit(transaction).await?;
        self.accounts.forgive(name.as_str());
        Ok(token)
    }
}
