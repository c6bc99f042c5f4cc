//! Groups of offices that are sent to together.

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
use super::super::session::Visitor;
use super::super::words::sending::Sending as Words;
use super::reach::{address, words};
use super::{frame, office_label, office_names};
use crate::domain::ids::OfficeCode;
use crate::domain::staff::Duty;

/// Members that are shown.
const SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "console/sending/groups.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    can_change: bool,
    groups: Vec<Group>,
    /// The one that is looked at.
    name: String,
    send: String,
    members: Vec<(String, String)>,
    further: usize,
}

struct Group {
    name: String,
    href: String,
    offices: i64,
    is_here: bool,
}

/// GET `/sent/groups`, and one by `?name=`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (name, admin) = (asked.query.get("name").to_owned(), app.reading());
    let groups = admin.groups().await?.into_iter().map(|(group, offices)| Group {
        href: here(&group, &[]),
        is_here: group == name,
        name: group,
        offices,
    });
    let groups: Vec<Group> = groups.collect();
    let members = if name.is_empty() { Vec::new() } else { admin.group(&name).await? };
    let further = members.len().saturating_sub(SHOWN);
    let codes: Vec<String> = members.iter().take(SHOWN).map(ToString::to_string).collect();
    let names = office_names(&app, codes.iter().map(Some)).await?;
    let members = codes.into_iter().map(|code| (office_label(&code, &names), code));
    html(&Page {
        f: frame(&asked, &visitor),
        w: asked.lang.of_pages(),
        can_change: visitor.session.role.may(Duty::Review),
        groups,
        send: address("/sent/files", &[format!("group:{name}")], &[]),
        members: members.map(|(label, code)| (code, label)).collect(),
        further,
        name,
    })
}

/// POST `/sent/groups`: offices into a group, which is made if it is not there.
pub(in super::super) async fn add(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    let members = if form.get("all") == "1" {
        admin.every_office().await?
    } else {
        let code = |word: &String| word.strip_prefix("office:").and_then(|code| code.parse().ok());
        words(&form).iter().map(|word| code(word).ok_or(Fault::input())).collect::<Result<Vec<OfficeCode>, _>>()?
    };
    if members.is_empty() {
        return Err(Fault::input());
    }
    let name = form.get("name");
    admin.add_to_group(name, &members).await?;
    Ok(Redirect::to(&here(name, &[("done", "group")])).into_response())
}

/// POST `/sent/groups/remove`: offices that are ticked, out of a group.
pub(in super::super) async fn remove(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let members: Result<Vec<OfficeCode>, _> = form.all("id").map(str::parse).collect();
    let members = members.map_err(|_| Fault::input())?;
    if members.is_empty() {
        return Err(Fault::input());
    }
    let name = form.get("name");
    let left = app.admin(visitor.name(), &asked.origin).remove_from_group(name, &members).await?;
    let name = if left.is_empty() { "" } else { name };
    Ok(Redirect::to(&here(name, &[("done", "group")])).into_response())
}

fn here(name: &str, more: &[(&str, &str)]) -> String {
    let pairs: Vec<(&str, &str)> =
        [("name", name)].into_iter().filter(|(_, name)| !name.is_empty()).chain(more.iter().copied()).collect();
    Fields::default().address("/sent/groups", &[], &pairs)
}
