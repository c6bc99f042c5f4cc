//! The list.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State as Shared;
use axum::response::Response;
use jiff::Timestamp;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::session::Visitor;
use super::super::text;
use super::super::words::Words;
use super::super::words::received::Received as Said;
use super::{BEFORE, SINCE, filter, is_on, within_but};
use crate::domain::staff::Duty;
use crate::store::gateway::messages::State;
use crate::store::gateway::names::{self, Ids, Names};
use crate::store::gateway::reviews::{self, Marks};
use crate::store::gateway::search::Page as Found;
use crate::store::gateway::search::received::{self, Listed, Standing};

/// Files on a page.
pub(super) const ROWS: usize = 50;

#[derive(Template)]
#[expect(clippy::struct_excessive_bools, reason = "each is one part of the page that is there or not")]
#[template(path = "console/received.html")]
struct Page {
    f: Frame,
    w: &'static Said,
    tabs: Vec<Tab>,
    query: Fields,
    has_more_filters: bool,
    is_filtered: bool,
    is_impossible: bool,
    is_new_only: bool,
    rows: Vec<Row>,
    can_review: bool,
    accept: String,
    bundle: String,
    clear: String,
    newest: Option<String>,
    older: Option<String>,
    is_cut: bool,
}

/// A state to look at, with how many there are when that is worth knowing.
struct Tab {
    name: &'static str,
    href: String,
    count: Option<u64>,
    is_here: bool,
}

struct Row {
    id: String,
    href: String,
    name: Option<String>,
    office: String,
    office_name: String,
    sender: String,
    user: String,
    size: String,
    at: String,
    at_full: String,
    state: State,
    state_name: &'static str,
    doubts: usize,
    has_comment: bool,
    marks: Marks,
}

impl Words {
    /// What staff call a state.
    pub(in super::super) const fn of_state(&self, state: State) -> &'static str {
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
    pub(in super::super) const fn tone(self) -> &'static str {
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
    let query = &asked.query;
    let receiver = &app.gateway.receiver;
    let here = |path: &str| within_but(query, path, &[SINCE], &[]);
    let page = |before: &[(&str, &str)]| within_but(query, "/received", &[SINCE, BEFORE], before);
    let filter = filter(query, visitor.name());
    let mut reader = receiver.database.reader().await?;
    let found = match &filter {
        Some(filter) => received::list(&mut reader, filter, ROWS).await?,
        None => Found { rows: Vec::new(), next: None, is_cut: false },
    };
    let numbers: Vec<i64> = found.rows.iter().map(|row| row.number).collect();
    let marks = reviews::marks(&mut reader, &numbers, visitor.name()).await?;
    let ids = Ids {
        users: found.rows.iter().filter_map(|row| row.user.as_deref()).collect(),
        offices: found.rows.iter().filter_map(|row| row.office.as_deref()).collect(),
        ..Ids::default()
    };
    let names = names::find(&mut reader, &ids).await?;
    let standing = received::standing(&mut *reader).await?;
    drop(reader);
    let now = receiver.clock.now();
    let before = filter.as_ref().and_then(|filter| filter.before);
    let state = filter.as_ref().and_then(|filter| filter.state);
    html(&Page {
        f: Frame::new(&asked, &visitor),
        w: asked.lang.of_pages(),
        tabs: tabs(&asked, state, standing),
        has_more_filters: ["user", "from", "until", "unread", "flagged"]
            .into_iter()
            .any(|name| !query.get(name).is_empty()),
        is_filtered: ["name", "office", "user", "from", "until", "unread", "flagged"]
            .into_iter()
            .any(|name| !query.get(name).is_empty()),
        is_impossible: filter.is_none(),
        is_new_only: state == Some(State::Archived),
        rows: found.rows.iter().map(|listed| row(listed, &marks, &names, &asked, now)).collect(),
        can_review: visitor.session.role.may(Duty::Review),
        accept: here("/received/accept"),
        bundle: here("/received/bundle"),
        clear: Fields::default().address("/received", &[], &[("state", query.get("state"))]),
        newest: before.map(|_| page(&[])),
        older: found.next.map(|next| page(&[(BEFORE, &next.to_string())])),
        is_cut: found.is_cut,
        query: query.clone(),
    })
}

impl Page {
    fn asks(&self, name: &str) -> &str {
        self.query.get(name)
    }

    fn is_on(&self, name: &str) -> bool {
        is_on(&self.query, name)
    }
}

fn tabs(asked: &Asked, here: Option<State>, standing: Standing) -> Vec<Tab> {
    let w = asked.lang.words();
    let tab = |state: Option<State>, count| Tab {
        name: state.map_or(w.state_any, |state| w.of_state(state)),
        href: within_but(
            &asked.query,
            "/received",
            &["state", SINCE, BEFORE],
            &state.map_or_else(Vec::new, |state| vec![("state", state.code())]),
        ),
        count,
        is_here: state == here,
    };
    vec![
        tab(None, None),
        tab(Some(State::Archived), Some(standing.archived)),
        tab(Some(State::Accepted), None),
        tab(Some(State::Returned), None),
        Tab {
            name: w.state_quarantined,
            href: "/quarantine".to_owned(),
            count: Some(standing.quarantined),
            is_here: here == Some(State::Quarantined),
        },
    ]
}

fn row(listed: &Listed, marks: &HashMap<i64, Marks>, names: &Names, asked: &Asked, now: Timestamp) -> Row {
    let (lang, id) = (asked.lang, listed.id.to_string());
    let looked_at = now.as_second().to_string();
    let since = if is_on(&asked.query, "unread") { looked_at.as_str() } else { "" };
    let (office, user) = (listed.office.clone().unwrap_or_default(), listed.user.clone().unwrap_or_default());
    Row {
        href: within_but(&asked.query, &format!("/received/{id}"), &[SINCE], &[(SINCE, since)]),
        name: listed.file_name.clone(),
        office_name: names.offices.get(&office).cloned().unwrap_or_default(),
        office,
        sender: names.users.get(&user).and_then(|user| user.name.clone()).unwrap_or_default(),
        user,
        size: listed.size.map(text::size).unwrap_or_default(),
        at: text::short(listed.received_at, now, lang),
        at_full: text::full(listed.received_at, lang),
        state: listed.state,
        state_name: lang.words().of_state(listed.state),
        doubts: listed.warnings.len() + usize::from(listed.suspect_since.is_some()),
        has_comment: listed.has_comment,
        marks: marks.get(&listed.number).copied().unwrap_or_default(),
        id,
    }
}
