//! A new user, and with the first one the office.

use std::fmt::Display;
use std::str::FromStr;
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
use super::super::session::Visitor;
use super::words::Words;
use super::{frame, href, words};
use crate::domain::ids::OfficeCode;
use crate::domain::person::{DeviceLabel, MailAddress, OfficeName, PersonName};
use crate::gateway::admin::AdminError;
use crate::store::gateway::users::Contact;

#[derive(Template)]
#[template(path = "console/people/new.html")]
struct Page {
    f: Frame,
    p: &'static Words,
    fields: Vec<Field>,
}

/// A field of a form, with what was filled in and what is wrong with it.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) help: &'static str,
    pub(super) value: String,
    pub(super) problem: Option<String>,
    pub(super) is_required: bool,
}

impl Field {
    pub(super) fn of(
        form: &Fields,
        name: &'static str,
        label: &'static str,
        help: &'static str,
        is_required: bool,
    ) -> Self {
        Self { name, label, help, value: form.get(name).to_owned(), problem: None, is_required }
    }

    /// What was filled in, if it can be. What is wrong with it stands beside it otherwise.
    pub(super) fn parse<T: FromStr<Err: Display>>(&mut self) -> Option<T> {
        match self.value.parse() {
            Ok(value) => Some(value),
            Err(problem) => {
                self.problem = Some(T::Err::to_string(&problem));
                None
            }
        }
    }

    pub(super) fn is_refused(&mut self, problem: &str) {
        self.problem = Some(problem.to_owned());
    }
}

/// GET `/people/new`: of this office, if the address says one.
pub(in super::super) async fn page(
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let p = words(asked.lang);
    html(&Page { f: frame(&asked, &visitor), p, fields: fields(&asked.query, p) })
}

fn fields(form: &Fields, p: &'static Words) -> Vec<Field> {
    vec![
        Field::of(form, "office", p.office_code, p.office_code_help, true),
        Field::of(form, "office_name", p.office_name, p.office_name_help, false),
        Field::of(form, "name", p.name, p.name_help, true),
        Field::of(form, "mail", p.mail, p.mail_help, true),
        Field::of(form, "device", p.device, p.device_help, false),
    ]
}

/// POST `/people/new`: then the page of the user, where the letter is made.
pub(in super::super) async fn register(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let p = words(asked.lang);
    let mut fields = fields(&form, p);
    let [office, office_name, name, mail, device] = &mut fields[..] else { return Err(Fault::input()) };
    let code: Option<OfficeCode> = office.parse();
    if code.is_none() {
        office.is_refused(p.office_bad);
    }
    let office_called: Option<Option<OfficeName>> = optional(office_name);
    let (person, address): (Option<PersonName>, Option<MailAddress>) = (name.parse(), mail.parse());
    let labelled: Option<Option<DeviceLabel>> = optional(device);
    if let (Some(code), Some(called), Some(name), Some(mail), Some(device)) =
        (code, office_called, person, address, labelled)
    {
        let contact = Contact { name, mail, device };
        let admin = app.admin(visitor.name(), &asked.origin);
        match admin.register_person(&code, called.as_ref(), None, &contact).await {
            Ok(user) => return Ok(Redirect::to(&format!("{}?done=registered", href(&user.id))).into_response()),
            Err(AdminError::Missing("office")) => office_name.is_refused(p.office_is_new),
            Err(error @ AdminError::OfficeName) => office_name.is_refused(&error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    let page = Page { f: frame(&asked, &visitor), p, fields };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)?).into_response())
}

/// What may be left out: nothing, or what parses.
#[expect(clippy::option_option, reason = "outside: whether it can be; inside: whether it was filled in")]
fn optional<T: FromStr<Err: Display>>(field: &mut Field) -> Option<Option<T>> {
    if field.value.is_empty() { Some(None) } else { field.parse().map(Some) }
}
