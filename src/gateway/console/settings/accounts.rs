//! Every account, and a new one.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::session::Visitor;
use super::super::text;
use super::super::words::settings::Settings;
use super::{Choice, Part, Secret, parts, role_name, roles};
use crate::domain::staff::{Role, StaffName};
use crate::store::gateway::{staff, staff_sessions};

#[derive(Template)]
#[template(path = "console/accounts.html")]
struct Page {
    f: Frame,
    p: &'static Settings,
    parts: Vec<Part>,
    rows: Vec<Row>,
    roles: Vec<Choice>,
}

struct Row {
    name: String,
    role: &'static str,
    is_on: bool,
    must_change: bool,
    has_factor: bool,
    password_at: String,
    sessions: usize,
}

/// GET `/settings`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (receiver, lang, p) = (&app.gateway.receiver, asked.lang, asked.lang.of_pages::<Settings>());
    let (read, now) = (receiver.database.read(), receiver.clock.now());
    let mut sessions: BTreeMap<StaffName, usize> = BTreeMap::new();
    for session in staff_sessions::all(read).await? {
        if session.is_whole && !app.is_over(&session, now) {
            *sessions.entry(session.staff).or_default() += 1;
        }
    }
    let row = |account: &staff::Account| Row {
        name: account.name.to_string(),
        role: role_name(account.role, lang),
        is_on: account.disabled_at.is_none(),
        must_change: account.must_change,
        has_factor: account.has_factor,
        password_at: text::short(account.password_at, now, lang),
        sessions: sessions.get(&account.name).copied().unwrap_or_default(),
    };
    html(&Page {
        f: Frame::new(&asked, &visitor),
        p,
        parts: parts(p, "/settings"),
        rows: staff::list(read).await?.iter().map(row).collect(),
        roles: roles(Some(Role::Clerk), lang),
    })
}

/// POST `/settings/staff`: a new account, whose password is shown this once.
pub(in super::super) async fn add(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let name: StaffName = form.get("name").parse().map_err(Fault::said)?;
    let role: Role = form.get("role").parse().map_err(Fault::said)?;
    let made = app.admin(visitor.name(), &asked.origin).add_staff(name, role, None).await?;
    let p = asked.lang.of_pages::<Settings>();
    html(&Secret {
        f: Frame::new(&asked, &visitor),
        p,
        title: p.secret_password,
        name: &made.view.name,
        shown: made.password.as_deref().unwrap_or_default(),
        onward: "/settings".to_owned(),
    })
}
