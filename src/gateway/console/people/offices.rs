//! Offices: the list, one with its users, a new one.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::session::Visitor;
use super::super::text;
use super::list::{Row, found};
use super::register::Field;
use super::words::Words;
use super::{ROWS, frame, looked_for, words};
use crate::domain::ids::OfficeCode;
use crate::domain::person::OfficeName;
use crate::domain::staff::Duty;
use crate::gateway::admin::AdminError;
use crate::store::gateway::directory::Search;
use crate::store::gateway::offices;

#[derive(Template)]
#[template(path = "console/people/offices.html")]
struct List {
    f: Frame,
    p: &'static Words,
    word: String,
    rows: Vec<Office>,
    can_manage: bool,
    first: Option<String>,
    more: Option<String>,
}

struct Office {
    code: String,
    name: String,
    users: i64,
    enabled: i64,
}

#[derive(Template)]
#[template(path = "console/people/office.html")]
struct One {
    f: Frame,
    p: &'static Words,
    code: String,
    name: String,
    since: String,
    rows: Vec<Row>,
    more: Option<String>,
    can_manage: bool,
}

#[derive(Template)]
#[template(path = "console/people/new-office.html")]
struct New {
    f: Frame,
    p: &'static Words,
    fields: Vec<Field>,
}

/// GET `/people/offices`.
pub(in super::super) async fn list(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let query = &asked.query;
    let after: Option<OfficeCode> = query.get("after").parse().ok();
    let read = app.gateway.receiver.database.read();
    let mut page = offices::search(read, &looked_for(query.get("q")), after.as_ref(), ROWS + 1).await?;
    let has_more = page.len() > ROWS as usize;
    page.truncate(ROWS as usize);
    let last = page.last().filter(|_| has_more).map(|one| one.office.code.to_string());
    let row = |one: offices::Peopled| Office {
        code: one.office.code.to_string(),
        name: one.office.name.as_str().to_owned(),
        users: one.users,
        enabled: one.enabled,
    };
    html(&List {
        f: frame(&asked, &visitor),
        p: words(asked.lang),
        word: query.get("q").to_owned(),
        rows: page.into_iter().map(row).collect(),
        can_manage: visitor.session.role.may(Duty::Manage),
        first: after.map(|_| query.address("/people/offices", &["after", "done"], &[])),
        more: last.map(|last| query.address("/people/offices", &["after", "done"], &[("after", &last)])),
    })
}

/// GET `/people/offices/{id}`.
pub(in super::super) async fn one(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(code): Id<OfficeCode>,
) -> Result<Response, Fault> {
    let p = words(asked.lang);
    let office = offices::find(app.gateway.receiver.database.read(), &code).await?.ok_or(Fault::missing())?;
    let search = Search { office: Some(code.clone()), ..Search::default() };
    let mut rows = found(&app, &search, ROWS + 1, p).await?;
    let has_more = rows.len() > ROWS as usize;
    rows.truncate(ROWS as usize);
    html(&One {
        f: frame(&asked, &visitor),
        p,
        code: code.to_string(),
        name: office.name.as_str().to_owned(),
        since: text::full(office.created_at, asked.lang),
        rows,
        more: has_more.then(|| Fields::default().address("/people", &[], &[("office", code.as_str())])),
        can_manage: visitor.session.role.may(Duty::Manage),
    })
}

/// GET `/people/new-office`.
pub(in super::super) async fn new(
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let p = words(asked.lang);
    html(&New { f: frame(&asked, &visitor), p, fields: fields(&Fields::default(), p) })
}

fn fields(form: &Fields, p: &'static Words) -> Vec<Field> {
    vec![
        Field::of(form, "office", p.office_code, p.office_code_help, true),
        Field::of(form, "office_name", p.office_name, "", true),
    ]
}

/// POST `/people/new-office`.
pub(in super::super) async fn add(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let p = words(asked.lang);
    let mut fields = fields(&form, p);
    let code: Option<OfficeCode> = fields[0].parse();
    if code.is_none() {
        fields[0].is_refused(p.office_bad);
    }
    let name: Option<OfficeName> = fields[1].parse();
    if let (Some(code), Some(name)) = (code, name) {
        match app.admin(visitor.name(), &asked.origin).add_office(&code, &name).await {
            Ok(_) => return Ok(Redirect::to(&format!("/people/offices/{code}?done=office")).into_response()),
            Err(AdminError::Exists(_)) => fields[0].is_refused(p.office_exists),
            Err(error) => return Err(error.into()),
        }
    }
    let page = New { f: frame(&asked, &visitor), p, fields };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)?).into_response())
}
