//! Tokens with which programs use the API.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::session::Visitor;
use super::super::text;
use super::super::words::settings::Settings;
use super::{Part, Secret, parts};
use crate::gateway::view::integration::TokenView;
use crate::store::gateway::tokens::Scope;

#[derive(Template)]
#[template(path = "console/tokens.html")]
struct Page {
    f: Frame,
    p: &'static Settings,
    parts: Vec<Part>,
    rows: Vec<Row>,
    scopes: Vec<(&'static str, &'static str)>,
}

struct Row {
    name: String,
    scopes: Vec<&'static str>,
    expires: String,
    last_used: String,
    state: &'static str,
    tone: &'static str,
    counts: bool,
}

impl Settings {
    const fn scope(&self, scope: Scope) -> &'static str {
        match scope {
            Scope::ReceivedRead => self.scope_received_read,
            Scope::ReceivedContent => self.scope_received_content,
            Scope::SentRead => self.scope_sent_read,
            Scope::SentWrite => self.scope_sent_write,
            Scope::UsersRead => self.scope_users_read,
        }
    }
}

/// GET `/settings/tokens`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (lang, p) = (asked.lang, asked.lang.of_pages::<Settings>());
    let now = app.gateway.receiver.clock.now();
    let row = |token: TokenView| {
        let is_over = token.expires_at.is_some_and(|end| end <= now);
        let (state, tone) = match (token.revoked_at, is_over) {
            (Some(_), _) => (p.token_revoked, "bad"),
            (None, true) => (p.token_expired, "warn"),
            (None, false) => (p.token_valid, "good"),
        };
        let scopes = token.scopes.iter().filter_map(|code| code.parse::<Scope>().ok());
        Row {
            scopes: scopes.map(|scope| p.scope(scope)).collect(),
            expires: token.expires_at.map_or_else(|| p.never.to_owned(), |end| text::full(end, lang)),
            last_used: token.last_used_at.map_or_else(|| p.unused.to_owned(), |at| text::short(at, now, lang)),
            state,
            tone,
            counts: token.revoked_at.is_none(),
            name: token.name,
        }
    };
    html(&Page {
        f: Frame::new(&asked, &visitor),
        p,
        parts: parts(p, "/settings/tokens"),
        rows: app.admin(visitor.name(), &asked.origin).tokens().await?.into_iter().rev().map(row).collect(),
        scopes: Scope::ALL.into_iter().map(|scope| (scope.code(), p.scope(scope))).collect(),
    })
}

/// POST `/settings/tokens`: a new one, which is shown this once.
pub(in super::super) async fn add(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let scopes = form.all("scope").map(|code| code.parse::<Scope>().map_err(Fault::said));
    let scopes = scopes.collect::<Result<BTreeSet<_>, _>>()?;
    if scopes.is_empty() {
        return Err(Fault::input());
    }
    let end = Some(form.get("expires")).filter(|day| !day.is_empty()).map(text::end_of_day);
    let end = end.transpose().map_err(|_| Fault::input())?;
    let made = app.admin(visitor.name(), &asked.origin).add_token(form.get("name"), scopes, end).await?;
    let p = asked.lang.of_pages::<Settings>();
    html(&Secret {
        f: Frame::new(&asked, &visitor),
        p,
        title: p.secret_token,
        name: &made.view.name,
        shown: &made.token,
        onward: "/settings/tokens".to_owned(),
    })
}

/// POST `/settings/tokens/{id}/revoke`.
pub(in super::super) async fn revoke(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(name): Id<String>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).revoke_token(&name).await?;
    Ok(Redirect::to("/settings/tokens?done=token").into_response())
}
