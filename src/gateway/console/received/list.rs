//! The list.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State as Shared;
use axum::response::Response;
use jiff::Timestamp;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::lang::Lang;
use super::super::session::Visitor;
use super::super::text;
use super::super::words::Words;
use super::{name, office, state, within_list};
use crate::domain::staff::Duty;
use crate::store::gateway::messages::{self, Filter, Message, State};
use crate::store::gateway::offices;
use crate::store::gateway::reviews::{self, Marks};

/// Files on a page.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "console/received.html")]
struct Page {
    f: Frame,
    states: Vec<Choice>,
    office: String,
    rows: Vec<Row>,
    can_review: bool,
    accept: String,
    newest: Option<String>,
    older: Option<String>,
}

struct Choice {
    code: &'static str,
    name: &'static str,
    is_chosen: bool,
}

struct Row {
    id: String,
    href: String,
    name: Option<String>,
    office: String,
    office_name: String,
    user: String,
    size: String,
    at: String,
    at_full: String,
    state: State,
    state_name: &'static str,
    doubts: usize,
    marks: Marks,
}

impl Words {
    /// What staff call a state.
    pub(super) const fn of_state(&self, state: State) -> &'static str {
        match state {
            State::Archived => self.state_new,
            State::Accepted => self.state_accepted,
            State::Returned => self.state_returned,
            State::Quarantined => self.state_quarantined,
        }
    }
}

impl State {
    /// The colour of its tag.
    pub(super) const fn tone(self) -> &'static str {
        match self {
            Self::Archived => "key",
            Self::Accepted => "good",
            Self::Returned => "warn",
            Self::Quarantined => "bad",
        }
    }
}

/// GET `/received`.
pub(in super::super) async fn page(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (query, w) = (&asked.query, asked.lang.words());
    let before: Option<i64> = query.get("before").parse().ok();
    let filter = Filter { state: state(query), office: office(query), before };
    let receiver = &app.gateway.receiver;
    // An office that cannot be has no files.
    let is_possible = filter.office.is_some() || query.get("office").is_empty();
    let mut reader = receiver.database.reader().await?;
    let mut found = if is_possible { messages::list(&mut *reader, &filter, ROWS + 1).await? } else { Vec::new() };
    let more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let marks = reviews::marks(&mut reader, &found, visitor.name()).await?;
    let codes: BTreeSet<_> = found.iter().filter_map(|message| message.content.as_ref()?.office.clone()).collect();
    let codes: Vec<_> = codes.into_iter().collect();
    let names = offices::find_all(&mut reader, &codes).await?;
    drop(reader);
    let names = names.into_iter().map(|office| (office.code.to_string(), office.name.as_str().to_owned())).collect();
    let last = found.last().filter(|_| more).map(|message| message.number.to_string());
    let older = last.map(|last| within_list(query, "/received", &[("before", &last)]));
    let now = receiver.clock.now();
    let rows = found.iter().map(|message| row(message, &marks, &names, &asked, now)).collect();
    let choice = |state: Option<State>| Choice {
        code: state.map_or("", State::code),
        name: state.map_or(w.state_any, |state| w.of_state(state)),
        is_chosen: state == filter.state,
    };
    html(&Page {
        f: Frame::new(&asked, &visitor),
        states: std::iter::once(None).chain(State::ALL.map(Some)).map(choice).collect(),
        office: query.get("office").to_owned(),
        rows,
        can_review: visitor.session.role.may(Duty::Review),
        accept: within_list(query, "/received/accept", &[]),
        newest: before.map(|_| within_list(query, "/received", &[])),
        older,
    })
}

fn row(
    message: &Message,
    marks: &HashMap<i64, Marks>,
    names: &HashMap<String, String>,
    asked: &Asked,
    now: Timestamp,
) -> Row {
    let (lang, content): (Lang, _) = (asked.lang, message.content.as_ref());
    let office = content.and_then(|content| content.office.as_ref()).map(ToString::to_string).unwrap_or_default();
    let id = message.id.to_string();
    let warnings = match &message.verdict {
        crate::domain::verdict::Verdict::Accepted { warnings }
        | crate::domain::verdict::Verdict::Quarantined { warnings, .. } => warnings.len(),
    };
    Row {
        href: within_list(&asked.query, &format!("/received/{id}"), &[]),
        name: name(message),
        office_name: names.get(&office).cloned().unwrap_or_default(),
        office,
        user: content.and_then(|content| content.user.as_ref()).map(ToString::to_string).unwrap_or_default(),
        size: text::size(content.map_or(message.sealed_size, |content| content.size)),
        at: text::short(message.received_at, now, lang),
        at_full: text::full(message.received_at, lang),
        state: message.state,
        state_name: lang.words().of_state(message.state),
        doubts: warnings + usize::from(message.suspect_since.is_some()),
        marks: marks.get(&message.number).copied().unwrap_or_default(),
        id,
    }
}
