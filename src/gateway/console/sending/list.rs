//! The list: by dispatch with how far each has come, or by addressee with every filter.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::lang::Lang;
use super::super::session::Visitor;
use super::super::text;
use super::super::words::sending::Sending as Words;
use super::{COLLECTED, ROWS, Tag, frame, name, office_names, tone, within};
use crate::domain::sending::Sending;
use crate::domain::staff::Duty;
use crate::gateway::admin::sent::console::Followed;
use crate::store::gateway::search::sent::{self, Filter, Listed};
use crate::store::gateway::search::{Days, Page as Found};

/// What an address says of the list.
const LIST: [&str; 7] = ["by", "name", "office", "user", "state", "from", "until"];
/// What narrows it down.
const FILTERS: [&str; 6] = ["name", "office", "user", "state", "from", "until"];

#[derive(Template)]
#[expect(clippy::struct_excessive_bools, reason = "each is one part of the page that is there or not")]
#[template(path = "console/sending/list.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    query: Fields,
    is_by_addressee: bool,
    is_filtered: bool,
    is_impossible: bool,
    is_cut: bool,
    can_send: bool,
    states: Vec<Choice>,
    dispatches: Vec<Dispatched>,
    rows: Vec<Row>,
    newest: Option<String>,
    older: Option<String>,
}

struct Choice {
    code: &'static str,
    name: &'static str,
    is_chosen: bool,
}

/// A dispatch in short.
struct Dispatched {
    href: String,
    file: String,
    total: u64,
    collected: u64,
    /// What is to be looked at.
    tags: Vec<(&'static str, &'static str, u64)>,
    by: String,
    at: String,
    at_full: String,
}

/// A message in short.
struct Row {
    href: String,
    file: String,
    tag: Tag,
    office: String,
    office_name: String,
    user: String,
    size: String,
    has_alarm: bool,
    by: String,
    at: String,
    at_full: String,
}

/// GET `/sent`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (query, lang, w): (_, _, &'static Words) = (&asked.query, asked.lang, asked.lang.of_pages());
    let is_filtered = FILTERS.iter().any(|name| !query.get(name).is_empty());
    let is_by_addressee = is_filtered || query.get("by") == "addressee";
    let filter = filter(query);
    let now = app.gateway.receiver.clock.now();
    let (mut dispatches, mut found) = (Vec::new(), Found { rows: Vec::new(), next: None, is_cut: false });
    match &filter {
        Some(filter) if is_by_addressee => {
            let mut reader = app.gateway.receiver.database.reader().await?;
            found = sent::list(&mut reader, filter, ROWS).await?;
        }
        Some(filter) => {
            let admin = app.admin(visitor.name(), &asked.origin);
            let limit = u32::try_from(ROWS).expect("a page has few rows");
            let mut all = admin.dispatches(filter.before, limit + 1).await?;
            if all.len() > ROWS {
                all.truncate(ROWS);
                found.next = all.last().map(|last| last.dispatch.number);
            }
            dispatches = all.iter().map(|one| dispatched(one, now, lang)).collect();
        }
        None => {}
    }
    let names = office_names(&app, found.rows.iter().map(|row| row.office.as_ref())).await?;
    let before = filter.as_ref().and_then(|filter| filter.before);
    let rows = found.rows.iter().map(|listed| {
        let mut row = row(listed, now, lang);
        row.office_name = names.get(&row.office).cloned().unwrap_or_default();
        row
    });
    let chosen = query.get("state");
    html(&Page {
        f: frame(&asked, &visitor),
        w,
        is_by_addressee,
        is_filtered,
        is_impossible: filter.is_none(),
        is_cut: found.is_cut,
        can_send: visitor.session.role.may(Duty::Review),
        states: Sending::ALL
            .map(|state| Choice { code: state.code(), name: name(state, w), is_chosen: state.code() == chosen })
            .into(),
        dispatches,
        rows: rows.collect(),
        newest: before.map(|_| within(query, &LIST, "/sent", &[])),
        older: found.next.map(|next| within(query, &LIST, "/sent", &[("before", &next.to_string())])),
        query: query.clone(),
    })
}

impl Page {
    fn asks(&self, name: &str) -> &str {
        self.query.get(name)
    }
}

/// Which messages an address asks for. None if it asks for something that cannot be.
fn filter(query: &Fields) -> Option<Filter> {
    Some(Filter {
        state: query.parsed("state").ok()?,
        office: query.parsed("office").ok()?,
        user: query.parsed("user").ok()?,
        dispatch: None,
        days: Days { from: query.parsed("from").ok()?, until: query.parsed("until").ok()? },
        has_alarm: false,
        name: query.part_of_name().ok()?,
        before: query.parsed("before").ok()?,
    })
}

fn dispatched(one: &Followed, now: Timestamp, lang: Lang) -> Dispatched {
    let w = lang.of_pages();
    let odd =
        [Sending::Held, Sending::Returned, Sending::Expired, Sending::Stopped, Sending::Failed, Sending::Recalled];
    let tag = |state: &Sending| (name(*state, w), tone(*state), one.count(&[*state]));
    let dispatch = &one.dispatch;
    Dispatched {
        href: format!("/sent/{}", dispatch.id),
        file: dispatch.file_name.to_string(),
        total: one.total(),
        collected: one.count(COLLECTED),
        tags: odd.iter().map(tag).filter(|(.., count)| *count > 0).collect(),
        by: text::who(&dispatch.actor).to_owned(),
        at: text::short(dispatch.staged_at, now, lang),
        at_full: text::full(dispatch.staged_at, lang),
    }
}

fn row(listed: &Listed, now: Timestamp, lang: Lang) -> Row {
    Row {
        href: format!("/sent/{}", listed.id),
        file: listed.file_name.clone(),
        tag: Tag::of(listed.state, lang),
        office: listed.office.clone().unwrap_or_default(),
        office_name: String::new(),
        user: listed.user.clone().unwrap_or_default(),
        size: text::size(listed.size),
        has_alarm: listed.alarm.is_some(),
        by: text::who(&listed.actor).to_owned(),
        at: text::short(listed.created_at, now, lang),
        at_full: text::full(listed.created_at, lang),
    }
}
