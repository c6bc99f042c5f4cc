//! Signing in, step by step: password, second factor. Whoever comes for the first time chooses a password and sets the second
//! factor up.
//!
//! ```text
//! POST /sign-in ─▶ session, not whole ─┬▶ code ──────────────────────▶ session, whole
//!                                      └▶ password ─▶ factor ────────▶ (first time)
//! ```
//!
//! Each step makes a new session with a new token in the place of the one before.

pub(super) mod again;
pub(super) mod code;
pub(super) mod factor;
pub(super) mod known;
pub(super) mod password;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::asked::{Asked, cookie};
use super::fault::Fault;
use super::fields::{Fields, encode};
use super::frame::{Frame, home, html};
use super::session::{self, Step, Visitor, give, take};
use super::words::{Three, Words};
use super::{App, Console};
use crate::domain::staff::StaffName;
use crate::gateway::admin::staff::subject;
use crate::secret::{Salt, StaffVerifier, Token};
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::{staff, staff_sessions};
use crate::store::sqlite::{Connection, StoreError};

/// Tries that a sign-in takes: password and code.
const STEPS: u32 = 2;

/// A sign-in that is whole.
struct Whole {
    /// Of its session.
    token: Token,
    /// Of the browser, unless it has one.
    browser: Option<Token>,
}

impl Whole {
    fn give(&self, response: Response) -> Response {
        let response = give(response, &self.token);
        match &self.browser {
            Some(browser) => known::give(response, browser),
            None => response,
        }
    }
}

#[derive(Template)]
#[template(path = "console/sign-in.html")]
struct Page<'a> {
    f: Frame,
    trouble: Option<&'a Three>,
    name: &'a str,
    next: &'a str,
}

/// The sign-in, which leads on to this page.
pub(super) fn address(asked: &Asked, page: &str) -> String {
    if ["", "/"].contains(&page) {
        return "/sign-in".to_owned();
    }
    format!("/sign-in?next={}", encode(&asked.query.address(page, &["done"], &[])))
}

/// The page of a step.
pub(super) fn page_of(step: Step, visitor: &Visitor, asked: &Asked) -> String {
    let page = match step {
        Step::Code => "/sign-in/code",
        Step::Password => "/sign-in/password",
        Step::Factor => "/sign-in/factor",
        Step::Done => return home(visitor.session.role).to_owned(),
    };
    onward(page, next(&asked.query))
}

/// Where somebody wanted to go: a page of ours, or nothing.
fn next(fields: &Fields) -> &str {
    let next = fields.get("next");
    let is_ours = next.starts_with('/')
        && next.len() <= 512
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_ours { next } else { "" }
}

fn onward(page: &str, next: &str) -> String {
    if next.is_empty() { page.to_owned() } else { format!("{page}?next={}", encode(next)) }
}

/// A login name, whatever the keyboard was set to: capitals and wide letters are the same.
fn as_typed(name: &str) -> String {
    name.trim().nfkc().flat_map(char::to_lowercase).collect()
}

/// GET `/sign-in`.
pub(super) async fn page(Extension(asked): Extension<Asked>) -> Result<Response, Fault> {
    html(&Page { f: Frame::outside(&asked), trouble: None, name: "", next: next(&asked.query) })
}

/// POST `/sign-in`: name and password.
pub(super) async fn enter(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(form): Extension<Fields>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let refuse = |status, words: fn(&Words) -> &Three| {
        let trouble = Some(words(asked.lang.words()));
        let page = Page { f: Frame::outside(&asked), trouble, name: form.get("name"), next: next(&form) };
        Ok((status, html(&page)?).into_response())
    };
    let typed = as_typed(form.get("name"));
    let name: Option<StaffName> = typed.parse().ok();
    if !app.may_try(name.as_ref().ok_or(typed.as_str()), &asked).await? {
        return refuse(StatusCode::TOO_MANY_REQUESTS, |w| &w.sign_in_wait);
    }
    let Some(name) = app.knows(name, form.exact("password"), &asked).await? else {
        return refuse(StatusCode::UNAUTHORIZED, |w| &w.sign_in_refused);
    };
    let database = &app.gateway.receiver.database;
    let mut transaction = database.write().await?;
    // What was in this browser before is over, whosever it was.
    if let Some(old) = cookie(&headers, session::COOKIE)
        && let Some(old) = staff_sessions::find(&mut *transaction, Token::hash_of(old)).await?
    {
        staff_sessions::end(&mut transaction, &old.staff, old.number).await?;
    }
    let token = app.begin(&mut transaction, (&name, false), None, &asked).await?;
    let begun = staff_sessions::find(&mut *transaction, token.hash()).await?.ok_or(StoreError::Missing("session"))?;
    database.commit(transaction).await?;
    let page = match begun.step() {
        Step::Password => "/sign-in/password",
        Step::Factor => "/sign-in/factor",
        Step::Code | Step::Done => "/sign-in/code",
    };
    Ok(give(Redirect::to(&onward(page, next(&form))).into_response(), &token))
}

/// POST `/sign-out`. Also for whoever has no session, or half of one.
pub(super) async fn leave(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    if let Some(token) = cookie(&headers, session::COOKIE) {
        let database = &app.gateway.receiver.database;
        let mut transaction = database.write().await?;
        if let Some(session) = staff_sessions::find(&mut *transaction, Token::hash_of(token)).await? {
            staff_sessions::end(&mut transaction, &session.staff, session.number).await?;
            app.note(&mut transaction, &session.staff, "staff.signed-out", &asked).await?;
        }
        database.commit(transaction).await?;
    }
    Ok(take(Redirect::to("/sign-in").into_response()))
}

impl Console {
    /// Counts a try, before anything is looked at. Where too much was tried from a network, nothing counts against an account: else one
    /// machine would keep everybody out.
    pub(super) async fn may_try(&self, name: Result<&StaffName, &str>, asked: &Asked) -> Result<bool, StoreError> {
        let now = self.gateway.receiver.clock.now();
        if !self.networks.count(&asked.network, now) {
            return Ok(false);
        }
        let who = match name {
            Ok(name) => self.counted_as(name, asked).await?,
            // No name of an account, and not to be known from one.
            Err(typed) => typed.chars().take(64).collect(),
        };
        Ok(self.accounts.count(&who, now))
    }

    /// The account of this name and password. Takes as long when there is none.
    pub(super) async fn knows(
        &self,
        name: Option<StaffName>,
        password: Zeroizing<String>,
        asked: &Asked,
    ) -> Result<Option<StaffName>, Fault> {
        let database = &self.gateway.receiver.database;
        let kept = match &name {
            Some(name) => staff::verifier(database.read(), name).await?,
            None => None,
        };
        let is_known = kept.is_some();
        let verifier = kept.unwrap_or(StaffVerifier { salt: Salt::from([0; 16]), hash: [0; 32] });
        let fits = self.stretch(move || verifier.matches(&password)).await && is_known;
        match name {
            Some(name) if fits => Ok(Some(name)),
            Some(name) if is_known => {
                self.refused(&name, asked, "password").await?;
                Ok(None)
            }
            _ => {
                tracing::warn!(code = "console.sign-in-refused", "a sign-in at the console was refused");
                Ok(None)
            }
        }
    }

    /// Works on a password, with as many others as there is memory for.
    async fn stretch<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _place = self.stretching.acquire().await.expect("nobody closes the semaphore");
        tokio::task::spawn_blocking(work).await.expect("stretching a password does not panic")
    }

    /// Writes down that a sign-in was refused.
    pub(super) async fn refused(&self, name: &StaffName, asked: &Asked, what: &str) -> Result<(), StoreError> {
        tracing::warn!(code = "console.sign-in-refused", what, "a sign-in at the console was refused");
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        self.note_as(&mut transaction, name, ("staff.sign-in-refused", what), asked).await?;
        database.commit(transaction).await
    }

    /// Writes into the audit what somebody did with their own account.
    pub(super) async fn note(
        &self,
        connection: &mut Connection,
        name: &StaffName,
        action: &'static str,
        asked: &Asked,
    ) -> Result<(), StoreError> {
        self.note_as(connection, name, (action, ""), asked).await
    }

    pub(super) async fn note_as(
        &self,
        connection: &mut Connection,
        name: &StaffName,
        (action, after): (&'static str, &str),
        asked: &Asked,
    ) -> Result<(), StoreError> {
        let entry = Entry {
            at: self.gateway.receiver.clock.now(),
            actor: subject(name),
            action,
            subject: subject(name),
            before: String::new(),
            after: after.to_owned(),
        };
        audit::insert_from(connection, &[entry], &asked.origin).await
    }

    /// The second factor was shown: a session that is whole, and the tries are forgotten.
    async fn complete(
        &self,
        connection: &mut Connection,
        visitor: &Visitor,
        asked: &Asked,
    ) -> Result<Whole, StoreError> {
        let name = visitor.name();
        let token = self.begin(connection, (name, true), Some(visitor.session.number), asked).await?;
        self.note(connection, name, "staff.signed-in", asked).await?;
        self.forgive(name, asked, STEPS).await?;
        Ok(Whole { token, browser: self.know(connection, name, asked).await? })
    }

    /// Both factors were shown, in so many tries: none of the account's was a guess.
    pub(super) async fn forgive(&self, name: &StaffName, asked: &Asked, tries: u32) -> Result<(), StoreError> {
        self.accounts.forgive(&self.counted_as(name, asked).await?);
        // Not all: who has an account would guess at those of others for ever.
        self.networks.give_back(&asked.network, tries);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_to_pages_of_ours_only() {
        for (asked, leads) in [
            ("/received?state=archived", "/received?state=archived"),
            ("//evil.example", ""),
            ("https://evil.example/", ""),
            ("/\\evil.example", ""),
            ("/a\r\nset-cookie: x", ""),
            ("received", ""),
            ("", ""),
        ] {
            assert_eq!(next(&Fields::parse(format!("next={}", encode(asked)).as_bytes())), leads, "{asked}");
        }
    }
}
