//! The list of users.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::session::Visitor;
use super::words::Words;
use super::{Person, ROWS, frame, looked_for, words};
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::staff::Duty;
use crate::store::gateway::directory::{Search, Stage};
use crate::store::gateway::offices;

#[derive(Template)]
#[template(path = "console/people/list.html")]
struct Page {
    f: Frame,
    p: &'static Words,
    word: String,
    office: String,
    stages: Vec<Choice>,
    rows: Vec<Row>,
    can_manage: bool,
    /// Whoever looks may be the one whom somebody calls who has lost a PC.
    can_report: bool,
    first: Option<String>,
    more: Option<String>,
    /// What is looked for cannot be, or nobody is registered at all.
    is_filtered: bool,
}

struct Choice {
    code: &'static str,
    name: &'static str,
    is_chosen: bool,
}

/// A user with the name of the office.
pub(super) struct Row {
    pub(super) person: Person,
    pub(super) office_name: String,
}

/// GET `/people`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (query, p) = (&asked.query, words(asked.lang));
    let stage = Stage::ALL.into_iter().find(|stage| stage.code() == query.get("state"));
    let office: Option<OfficeCode> = query.get("office").parse().ok();
    // An office that cannot be has no users.
    let is_possible = office.is_some() || query.get("office").is_empty();
    let search = Search { words: looked_for(query.get("q")), office, stage, after: after(query.get("after")) };
    let mut rows = if is_possible { found(&app, &search, ROWS + 1, p).await? } else { Vec::new() };
    let has_more = rows.len() > ROWS as usize;
    rows.truncate(ROWS as usize);
    let last = rows.last().filter(|_| has_more).map(|row| format!("{}/{}", row.person.office, row.person.id));
    let choice = |stage: Option<Stage>| Choice {
        code: stage.map_or("", Stage::code),
        name: stage.map_or(p.stage_any, |stage| stage_name(stage, p)),
        is_chosen: stage == search.stage,
    };
    html(&Page {
        f: frame(&asked, &visitor),
        p,
        word: query.get("q").to_owned(),
        office: query.get("office").to_owned(),
        stages: std::iter::once(None).chain(Stage::ALL.map(Some)).map(choice).collect(),
        rows,
        can_manage: visitor.session.role.may(Duty::Manage),
        can_report: visitor.session.role.may(Duty::Review),
        first: search.after.is_some().then(|| query.address("/people", &["after", "done"], &[])),
        more: last.map(|last| query.address("/people", &["after", "done"], &[("after", &last)])),
        is_filtered: ["q", "office", "state"].into_iter().any(|name| !query.get(name).is_empty()),
    })
}

/// The page after this user.
fn after(text: &str) -> Option<(OfficeCode, UserId)> {
    let (office, user) = text.split_once('/')?;
    Some((office.parse().ok()?, user.parse().ok()?))
}

/// Users with the names of their offices.
pub(super) async fn found(app: &App, search: &Search, limit: u32, p: &'static Words) -> Result<Vec<Row>, Fault> {
    let users = app.reading().find_users(search, limit).await?;
    let codes: BTreeSet<OfficeCode> = users.iter().filter_map(|user| user.office.parse().ok()).collect();
    let codes: Vec<OfficeCode> = codes.into_iter().collect();
    let mut reader = app.gateway.receiver.database.reader().await?;
    let known = offices::find_all(&mut reader, &codes).await?;
    drop(reader);
    let names: HashMap<String, String> =
        known.into_iter().map(|office| (office.code.to_string(), office.name.as_str().to_owned())).collect();
    let row = |user| {
        let person = Person::of(user, p);
        Row { office_name: names.get(&person.office).cloned().unwrap_or_default(), person }
    };
    Ok(users.iter().map(row).collect())
}

const fn stage_name(stage: Stage, p: &'static Words) -> &'static str {
    match stage {
        Stage::Registered => p.stage_registered,
        Stage::Letter => p.stage_letter,
        Stage::Enrolled => p.stage_enrolled,
        Stage::Waiting => p.stage_waiting,
        Stage::Disabled => p.stage_disabled,
    }
}
