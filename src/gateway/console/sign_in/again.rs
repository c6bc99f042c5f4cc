//! The own password once more, before accounts and tokens are changed: whoever finds a session left open changes none.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;

use super::super::Console;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::session::Visitor;
use super::super::words::settings::Settings;
use super::super::words::{Three, Words};
use crate::store::gateway::staff_sessions;

/// For so long after it nothing more is asked in the same session.
const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// What it is typed into.
const FIELD: &str = "own-password";

/// What is about to be done.
#[derive(Debug)]
pub(in super::super) struct Matter<'a> {
    /// What its button says.
    pub(in super::super) called: fn(&Settings) -> &'static str,
    /// To whom or what.
    pub(in super::super) subject: &'a str,
    /// The page that it was asked for on.
    pub(in super::super) page: &'a str,
}

#[derive(Template)]
#[template(path = "console/again.html")]
struct Page<'a> {
    f: Frame,
    trouble: Option<&'a Three>,
    what: &'static str,
    subject: &'a str,
    /// Where the form goes, with what was filled in.
    action: String,
    filled: Vec<(&'a str, &'a str)>,
    back: &'a str,
}

impl Console {
    /// Nothing when the password was typed just now, or lately; else the page that asks for it and keeps what was filled in.
    pub(in super::super) async fn asks_again(
        &self,
        matter: &Matter<'_>,
        asked: &Asked,
        visitor: &Visitor,
        form: &Fields,
    ) -> Result<Option<Response>, Fault> {
        let (receiver, name) = (&self.gateway.receiver, visitor.name());
        let now = receiver.clock.now();
        if visitor.session.proven_at.is_some_and(|at| at <= now && now.duration_since(at) < FRESH) {
            return Ok(None);
        }
        let ask = |status: StatusCode, trouble: Option<fn(&Words) -> &Three>| {
            let page = Page {
                f: Frame::new(asked, visitor).of_form(),
                trouble: trouble.map(|words| words(asked.lang.words())),
                what: (matter.called)(asked.lang.of_pages()),
                subject: matter.subject,
                action: asked.query.address(&asked.path, &[], &[]),
                filled: form.without(&["csrf", FIELD]),
                back: matter.page,
            };
            Ok(Some((status, html(&page)?).into_response()))
        };
        let password = form.exact(FIELD);
        if password.is_empty() {
            return ask(StatusCode::OK, None);
        }
        if !self.may_try(Ok(name), asked).await? {
            return ask(StatusCode::TOO_MANY_REQUESTS, Some(|w| &w.again_wait));
        }
        if self.knows(Some(name.clone()), password, asked).await?.is_none() {
            return ask(StatusCode::UNAUTHORIZED, Some(|w| &w.again_wrong));
        }
        // Its own try alone: whoever has the password and not the code would begin to guess anew.
        self.accounts.give_back(&self.counted_as(name, asked).await?, 1);
        self.networks.give_back(&asked.network, 1);
        let mut transaction = receiver.database.write().await?;
        if !staff_sessions::set_proven(&mut transaction, visitor.session.number, receiver.clock.now()).await? {
            return Err(Fault::session());
        }
        receiver.database.commit(transaction).await?;
        Ok(None)
    }
}
