//! What takes two persons: what was asked for, and the answer of a second one. A page that shows the thing itself shows the same
//! with [`about`].

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;

use super::App;
use super::asked::Asked;
use super::fault::Fault;
use super::fields::Fields;
use super::frame::{Frame, html};
use super::id::Id;
use super::lang::Lang;
use super::named::Named;
use super::session::Visitor;
use super::words::Words;
use super::{late, text};
use crate::domain::sending::Sending;
use crate::domain::two_persons::Matter;
use crate::gateway::admin::sent::console::Followed;
use crate::gateway::admin::{Admin, AdminError};
use crate::store::gateway::consents::{Consent, Outcome};
use crate::store::gateway::names::{self, Ids, Names};

/// Requests that are shown of each kind.
const ROWS: u32 = 100;

#[derive(Template)]
#[template(path = "console/consents.html")]
struct Page {
    f: Frame,
    open: Vec<Open>,
    held: Vec<Held>,
    past: Vec<Past>,
}

/// A file that waits to be sent.
struct Held {
    file: String,
    /// Its page; its buttons lead to what is below that.
    href: String,
    addressees: u64,
    who: String,
    at: String,
    is_own: bool,
    may_answer: bool,
}

/// Something that waits for a second person, as whoever looks sees it.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) matter: &'static str,
    pub(super) subject: Named,
    pub(super) href: String,
    pub(super) reason: String,
    pub(super) who: String,
    pub(super) at: String,
    pub(super) ends: String,
    /// Where its buttons lead.
    pub(super) path: String,
    /// Whoever looks has asked it.
    pub(super) is_own: bool,
    /// Whoever looks may answer it.
    pub(super) may_answer: bool,
}

/// Something that was asked for.
struct Past {
    matter: &'static str,
    subject: Named,
    href: String,
    reason: String,
    asked: String,
    outcome: &'static str,
    answered: String,
}

/// GET `/consents`.
pub(super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    let (now, lang) = (app.gateway.receiver.clock.now(), asked.lang);
    let open = admin.asked(ROWS).await?;
    let past = admin.asked_ever(ROWS).await?;
    let past: Vec<&Consent> = past.iter().filter(|one| open.iter().all(|open| open.number != one.number)).collect();
    let names = names_of(&app, open.iter().chain(past.iter().copied())).await?;
    html(&Page {
        f: Frame::new(&asked, &visitor),
        open: open.iter().map(|one| Open::of(one, &names, &admin, &visitor, now, lang)).collect(),
        held: admin.held(ROWS).await?.iter().map(|one| Held::of(one, &admin, &visitor, now, lang)).collect(),
        past: past.into_iter().map(|one| Past::of(one, &names, now, lang)).collect(),
    })
}

/// What these are about, by name.
async fn names_of<'a>(app: &App, all: impl Iterator<Item = &'a Consent>) -> Result<Names, Fault> {
    let mut ids = Ids::default();
    for one in all {
        match one.matter {
            Matter::EnableUser => ids.users.insert(&one.subject),
            Matter::Release | Matter::Send => ids.files.insert(&one.subject),
        };
    }
    let mut reader = app.gateway.receiver.database.reader().await?;
    Ok(names::find(&mut reader, &ids).await?)
}

/// What waits for a second person about one thing.
pub(super) async fn about(
    app: &App,
    (matter, subject): (Matter, &str),
    asked: &Asked,
    visitor: &Visitor,
) -> Result<Option<Open>, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    let found = admin.asked_about(matter, subject).await?;
    let names = names_of(app, found.iter()).await?;
    let now = app.gateway.receiver.clock.now();
    Ok(found.map(|one| Open::of(&one, &names, &admin, visitor, now, asked.lang)))
}

/// POST `/consents/{id}/agree`: and it is done.
pub(super) async fn agree(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(number): Id<i64>,
) -> Result<Response, Fault> {
    let done = app.admin(visitor.name(), &asked.origin).agree(number, visitor.session.role).await;
    lead(&app, number, done, "agreed").await
}

/// POST `/consents/{id}/refuse`.
pub(super) async fn refuse(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(number): Id<i64>,
) -> Result<Response, Fault> {
    let done = app.admin(visitor.name(), &asked.origin).refuse(number, visitor.session.role).await;
    lead(&app, number, done, "refused").await
}

/// POST `/consents/{id}/withdraw`.
pub(super) async fn withdraw(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(number): Id<i64>,
) -> Result<Response, Fault> {
    let done = app.admin(visitor.name(), &asked.origin).withdraw(number).await;
    lead(&app, number, done, "withdrawn").await
}

/// To what it is about, also when somebody else was faster with an answer.
async fn lead(app: &App, number: i64, answered: Result<Consent, AdminError>, done: &str) -> Result<Response, Fault> {
    let address = |consent: &Consent, said: (&str, &str)| Fields::default().address(&href(consent), &[], &[said]);
    match answered {
        Ok(consent) => Ok(Redirect::to(&address(&consent, ("done", done))).into_response()),
        Err(error) => late::lead_answer(app, error, number, address).await,
    }
}

fn href(consent: &Consent) -> String {
    let subject = &consent.subject;
    match consent.matter {
        Matter::EnableUser => format!("/people/users/{subject}"),
        Matter::Release => format!("/received/{subject}"),
        Matter::Send => format!("/sent/{subject}"),
    }
}

/// What it is about.
fn subject(consent: &Consent, names: &Names, w: &Words) -> Named {
    match consent.matter {
        Matter::EnableUser => Named::user(&consent.subject, names),
        Matter::Release | Matter::Send => Named::file(&consent.subject, names, w),
    }
}

impl Open {
    fn of(consent: &Consent, names: &Names, admin: &Admin, visitor: &Visitor, now: Timestamp, lang: Lang) -> Self {
        let ends = consent.ends_at.map(|at| text::short(at, now, lang));
        let is_own = admin.is_own(consent);
        Self {
            matter: lang.words().matter(consent.matter),
            subject: subject(consent, names, lang.words()),
            href: href(consent),
            reason: consent.reason.clone(),
            who: text::who(&consent.asked_by).to_owned(),
            at: text::short(consent.asked_at, now, lang),
            ends: ends.unwrap_or_default(),
            path: format!("/consents/{}", consent.number),
            is_own,
            may_answer: !is_own && visitor.session.role.may(consent.matter.rule().agrees),
        }
    }
}

impl Held {
    fn of(one: &Followed, admin: &Admin, visitor: &Visitor, now: Timestamp, lang: Lang) -> Self {
        let (dispatch, is_own) = (&one.dispatch, admin.has_sent(&one.dispatch));
        Self {
            file: dispatch.file_name.to_string(),
            href: format!("/sent/{}", dispatch.id),
            addressees: one.count(&[Sending::Held]),
            who: text::who(&dispatch.actor).to_owned(),
            at: text::short(dispatch.staged_at, now, lang),
            is_own,
            may_answer: !is_own && visitor.session.role.may(Matter::Send.rule().agrees),
        }
    }
}

impl Past {
    fn of(consent: &Consent, names: &Names, now: Timestamp, lang: Lang) -> Self {
        let w = lang.words();
        let (outcome, answered) = match &consent.settled {
            // Its time is over, and nobody has asked for the same since.
            None => (w.consent_expired, String::new()),
            Some(settled) => {
                let outcome = match settled.outcome {
                    Outcome::Agreed => w.consent_agreed,
                    Outcome::Refused => w.consent_refused,
                    Outcome::Withdrawn => w.consent_withdrawn,
                    Outcome::Expired => w.consent_expired,
                };
                (outcome, format!("{} {}", text::who(&settled.by), text::short(settled.at, now, lang)))
            }
        };
        Self {
            matter: w.matter(consent.matter),
            subject: subject(consent, names, w),
            href: href(consent),
            reason: consent.reason.clone(),
            asked: format!("{} {}", text::who(&consent.asked_by), text::short(consent.asked_at, now, lang)),
            outcome,
            answered,
        }
    }
}

impl Words {
    /// What staff call it.
    const fn matter(&self, matter: Matter) -> &'static str {
        match matter {
            Matter::EnableUser => self.consent_enable_user,
            Matter::Release => self.consent_release,
            Matter::Send => self.consent_send,
        }
    }
}
