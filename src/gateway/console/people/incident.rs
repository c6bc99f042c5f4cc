//! A lost PC after the order: whether the relay has confirmed it, what is suspect, what could have been read; and the report.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;

use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::lang::Lang;
use super::super::named::Named;
use super::super::session::Visitor;
use super::super::{App, text};
use super::words::Words;
use super::{Stage, frame, href, words};
use crate::domain::ids::UserId;
use crate::gateway::admin::incident::Incident;
use crate::gateway::view::jst;
use crate::store::gateway::names::{self, Ids};

#[derive(Template)]
#[template(path = "console/people/incident.html")]
struct Page {
    f: Frame,
    p: &'static Words,
    person: Named,
    back: String,
    report: String,
    live: String,
    now: Now,
}

/// What changes while somebody looks.
#[derive(Template)]
#[template(path = "console/people/incident-now.html")]
pub(in super::super) struct Now {
    p: &'static Words,
    is_disabled: bool,
    lost: String,
    stopped: String,
    requested: Option<String>,
    confirmed: Option<String>,
    /// The relay knew nothing of the user: there was nothing to shut.
    is_unknown_there: bool,
    problem: String,
    arrived: Vec<Arrived>,
    sent: i64,
    exposed: Vec<Exposed>,
}

struct Arrived {
    id: String,
    file: Named,
    at: String,
    state: String,
    is_suspect: bool,
}

struct Exposed {
    id: String,
    file: Named,
    at: String,
    is_after: bool,
}

/// GET `/people/users/{id}/incident`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    let p = words(asked.lang);
    let path = format!("{}/incident", href(id.as_str()));
    let mut reader = app.gateway.receiver.database.reader().await?;
    let user = Ids { users: [id.as_str()].into(), ..Ids::default() };
    let person = Named::user(id.as_str(), &names::find(&mut reader, &user).await?);
    drop(reader);
    html(&Page {
        f: frame(&asked, &visitor),
        p,
        person,
        back: href(id.as_str()),
        report: format!("{path}/report"),
        live: format!("{path}/live"),
        now: now(&app, &id, asked.lang).await?,
    })
}

/// The incident as it is now.
pub(in super::super) async fn now(app: &App, id: &UserId, lang: Lang) -> Result<Now, Fault> {
    let incident = app.reading().incident_as_known(id).await?;
    let (p, now, main) = (words(lang), app.gateway.receiver.clock.now(), lang.words());
    let at = |at: Timestamp| text::full(at, lang);
    let maybe = |moment: Option<Timestamp>| moment.map_or_else(|| p.unknown.to_owned(), at);
    let order = incident.disabling.as_ref();
    let arrived = incident.arrived.into_iter().map(|one| Arrived {
        state: one.state.parse().map_or(one.state, |state| main.of_state(state).to_owned()),
        file: Named::file_called(&one.id, one.file_name.as_deref(), main),
        id: one.id,
        at: text::short(one.received_at, now, lang),
        is_suspect: one.suspect,
    });
    let exposed = incident.exposed.into_iter().map(|one| Exposed {
        file: Named::file_called(&one.id, Some(&one.file_name), main),
        id: one.id,
        at: text::short(one.fetched_at, now, lang),
        is_after: one.after_loss,
    });
    let is_disabled = Stage::of(&incident.user) == Stage::Disabled;
    Ok(Now {
        p,
        is_disabled,
        lost: maybe(incident.user.lost_at),
        stopped: maybe(incident.user.disabled_at),
        requested: order.map(|order| at(order.requested_at)),
        confirmed: order.and_then(|order| order.confirmed_at).map(at),
        is_unknown_there: is_disabled && order.is_none(),
        problem: order.and_then(|order| order.problem.clone()).unwrap_or_default(),
        arrived: arrived.collect(),
        sent: incident.sent_to_user,
        exposed: exposed.collect(),
    })
}

/// The report to print.
#[derive(Template)]
#[template(path = "console/people/report.html")]
struct Report {
    f: Frame,
    p: &'static Words,
    back: String,
    incident: Incident,
    made_at: Timestamp,
    union_name: String,
}

#[expect(clippy::unused_self, reason = "a template calls methods")]
impl Report {
    fn time(&self, at: &Timestamp) -> String {
        jst(*at)
    }

    fn maybe(&self, at: Option<&Timestamp>) -> String {
        at.map_or_else(|| "－".to_owned(), |at| self.time(at))
    }
}

/// GET `/people/users/{id}/incident/report`.
pub(in super::super) async fn report(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    html(&Report {
        f: frame(&asked, &visitor),
        p: words(asked.lang),
        back: format!("{}/incident", href(id.as_str())),
        incident: app.reading().incident(&id).await?,
        made_at: app.gateway.receiver.clock.now(),
        union_name: app.gateway.settings.letter.union_name.clone(),
    })
}
