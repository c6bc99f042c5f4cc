//! One account: what it may do, and what can be done about it.

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
use super::{Choice, Part, Secret, parts, role_name, roles};
use crate::domain::staff::{Role, StaffName};
use crate::gateway::admin::staff::MadeAccount;
use crate::store::gateway::{staff, staff_sessions};

#[derive(Template)]
#[template(path = "console/staff.html")]
struct Page {
    f: Frame,
    p: &'static Settings,
    parts: Vec<Part>,
    name: String,
    is_on: bool,
    facts: Vec<(&'static str, String)>,
    roles: Vec<Choice>,
    has_factor: bool,
    sessions: Vec<Session>,
}

struct Session {
    origin: String,
    agent: String,
    since: String,
    seen: String,
}

/// GET `/settings/staff/{id}`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(name): Id<StaffName>,
) -> Result<Response, Fault> {
    let (receiver, lang, p) = (&app.gateway.receiver, asked.lang, asked.lang.of_pages::<Settings>());
    let (read, now) = (receiver.database.read(), receiver.clock.now());
    let found = staff::list(read).await?.into_iter().find(|account| account.name == name);
    let account = found.ok_or(Fault::missing())?;
    let sessions = staff_sessions::of_staff(read, &name).await?.into_iter();
    let sessions = sessions.filter(|session| session.is_whole && !app.is_over(session, now)).map(|session| Session {
        since: text::short(session.created_at, now, lang),
        seen: text::short(session.seen_at, now, lang),
        origin: session.origin,
        agent: session.agent,
    });
    let password = text::full(account.password_at, lang);
    let password = if account.must_change { format!("{password}　{}", p.password_first) } else { password };
    let state = match account.disabled_at {
        None => p.state_on.to_owned(),
        Some(at) => format!("{}　{}", p.state_off, text::full(at, lang)),
    };
    let factor = if account.has_factor { p.factor_on } else { p.factor_off };
    html(&Page {
        f: Frame::new(&asked, &visitor),
        p,
        parts: parts(p, "/settings"),
        is_on: account.disabled_at.is_none(),
        facts: vec![
            (p.role, role_name(account.role, lang).to_owned()),
            (p.state, state),
            (p.since, text::full(account.created_at, lang)),
            (p.password_at, password),
            (p.factor, factor.to_owned()),
        ],
        roles: roles(Some(account.role), lang),
        has_factor: account.has_factor,
        sessions: sessions.collect(),
        name: name.to_string(),
    })
}

/// POST `/settings/staff/{id}/role`.
pub(in super::super) async fn role(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
    Id(name): Id<StaffName>,
) -> Result<Response, Fault> {
    let role: Role = form.get("role").parse().map_err(Fault::said)?;
    app.admin(visitor.name(), &asked.origin).set_staff_role(&name, role).await?;
    Ok(back(&name, "account"))
}

/// POST `/settings/staff/{id}/password`: another one, which is shown this once.
pub(in super::super) async fn password(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(name): Id<StaffName>,
) -> Result<Response, Fault> {
    let made = app.admin(visitor.name(), &asked.origin).set_staff_password(name, None).await?;
    told(&asked, &visitor, &made)
}

/// POST `/settings/staff/{id}/enable`: with another password, which is shown this once.
pub(in super::super) async fn enable(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(name): Id<StaffName>,
) -> Result<Response, Fault> {
    let made = app.admin(visitor.name(), &asked.origin).enable_staff(name, None).await?;
    told(&asked, &visitor, &made)
}

/// The one page that shows a password.
fn told(asked: &Asked, visitor: &Visitor, made: &MadeAccount) -> Result<Response, Fault> {
    let p = asked.lang.of_pages::<Settings>();
    html(&Secret {
        f: Frame::new(asked, visitor),
        p,
        title: p.secret_password,
        name: &made.view.name,
        shown: made.password.as_deref().unwrap_or_default(),
        onward: format!("/settings/staff/{}", made.view.name),
    })
}

/// POST `/settings/staff/{id}/factor`.
pub(in super::super) async fn factor(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(name): Id<StaffName>,
) -> Result<Response, Fault> {
    // One's own goes by a code of the present one: a session that somebody finds open replaces none.
    if name == *visitor.name() {
        return Ok(Redirect::to("/account/factor").into_response());
    }
    app.admin(visitor.name(), &asked.origin).reset_staff_factor(&name).await?;
    Ok(back(&name, "account"))
}

/// POST `/settings/staff/{id}/sessions`.
pub(in super::super) async fn sessions(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(name): Id<StaffName>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).end_staff_sessions(&name).await?;
    Ok(back(&name, "session"))
}

/// POST `/settings/staff/{id}/disable`.
pub(in super::super) async fn disable(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(name): Id<StaffName>,
) -> Result<Response, Fault> {
    app.admin(visitor.name(), &asked.origin).disable_staff(&name).await?;
    Ok(back(&name, "account-disabled"))
}

fn back(name: &StaffName, done: &str) -> Response {
    Redirect::to(&format!("/settings/staff/{name}?done={done}")).into_response()
}
