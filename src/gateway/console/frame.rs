//! What all pages have in common: head, navigation, person, language.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::asked::Asked;
use super::assets;
use super::fault::Fault;
use super::lang::Lang;
use super::session::{Step, Visitor};
use super::words::Words;
use crate::domain::staff::{Duty, Role};

/// The pages that stand in the navigation, with whom they are for.
const PLACES: &[(&str, Duty, Called)] = &[
    ("/", Duty::See, |w| w.dashboard),
    ("/received", Duty::See, |w| w.received),
    ("/expected", Duty::See, |w| w.expected),
    ("/quarantine", Duty::See, |w| w.quarantine_place),
    ("/sent", Duty::See, |w| w.sent_place),
    ("/people", Duty::See, |w| w.people),
    ("/schedule", Duty::See, |w| w.schedule),
    ("/audit", Duty::Audit, |w| w.audit),
    ("/settings", Duty::Govern, |w| w.settings),
];

/// What a place is called.
type Called = fn(&Words) -> &'static str;

/// The frame of a page.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) w: &'static Words,
    pub(super) lang: Lang,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) icon: &'static str,
    pub(super) person: Option<Person>,
    pub(super) places: Vec<Place>,
    /// What every form of this session has in it.
    pub(super) csrf: String,
    /// The same page in the other language; empty where it cannot be asked for again.
    pub(super) other: String,
    /// What was done just now.
    pub(super) done: Option<&'static str>,
}

/// Who is signed in.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) role: &'static str,
}

/// An entry of the navigation.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) href: &'static str,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
}

impl Frame {
    /// For whoever is signed in.
    pub(super) fn new(asked: &Asked, visitor: &Visitor) -> Self {
        let (outside, role) = (Self::outside(asked), visitor.session.role);
        let is_in = visitor.session.step() == Step::Done;
        let places = PLACES.iter().filter(|(_, duty, _)| is_in && role.may(*duty)).map(|&(href, _, name)| Place {
            href,
            name: name(outside.w),
            is_here: asked.path == href || (href != "/" && asked.path.starts_with(href)),
        });
        let role = match asked.lang {
            Lang::Japanese => role.japanese(),
            Lang::English => role.code(),
        };
        Self {
            person: Some(Person { name: visitor.name().to_string(), role }),
            places: places.collect(),
            csrf: visitor.csrf.clone(),
            done: outside.w.done(asked.query.get("done")),
            ..outside
        }
    }

    /// For a page that only a form leads to.
    pub(super) fn of_form(self) -> Self {
        Self { other: String::new(), ..self }
    }

    /// Where whoever looks begins: the first page that is for them.
    pub(super) fn begin(&self) -> &'static str {
        self.places.first().map_or("/", |place| place.href)
    }

    /// For anybody.
    pub(super) fn outside(asked: &Asked) -> Self {
        Self {
            w: asked.lang.words(),
            lang: asked.lang,
            style: assets::style(),
            script: assets::script(),
            icon: assets::icon(),
            person: None,
            places: Vec::new(),
            csrf: String::new(),
            other: asked.query.address(&asked.path, &["lang", "done"], &[("lang", asked.lang.other().code())]),
            done: None,
        }
    }
}

/// The page that a role begins with.
pub(super) const fn home(role: Role) -> &'static str {
    if role.may(Duty::See) { "/" } else { "/audit" }
}

/// Something that was not done.
#[derive(Template)]
#[template(path = "console/trouble.html")]
pub(super) struct Trouble<'a> {
    pub(super) f: Frame,
    pub(super) what: &'a str,
    pub(super) meaning: &'a str,
    pub(super) remedy: &'a str,
}

/// Has the browser ask once more.
#[derive(Template)]
#[template(path = "console/bounce.html")]
pub(super) struct Bounce {
    pub(super) f: Frame,
    /// To ask for instead; the same page when it is empty.
    pub(super) to: String,
}

/// A page as an answer.
pub(super) fn html(page: &impl Template) -> Result<Response, Fault> {
    let mut response = Response::new(Body::from(page.render()?));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok(response)
}
