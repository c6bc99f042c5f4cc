//! The rollover board: certificates that end, what takes their place, when each was last used.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::session::Visitor;
use super::super::text;
use super::words::Words;
use super::{ROWS, frame, href, words};
use crate::store::gateway::rollover::{Ending, ending};

/// Days that can be looked ahead.
const SPANS: [i64; 4] = [30, 90, 180, 1_200];
/// Fewer days than this call for somebody, when nothing new is there.
const SOON: i64 = 30;

#[derive(Template)]
#[template(path = "console/people/rollover.html")]
struct Page {
    f: Frame,
    p: &'static Words,
    spans: Vec<(i64, bool)>,
    rows: Vec<Row>,
    first: Option<String>,
    more: Option<String>,
}

struct Row {
    href: String,
    name: String,
    office: String,
    ends: String,
    days: i64,
    is_urgent: bool,
    newer: Option<String>,
    used: String,
    warned: String,
}

/// GET `/people/rollover`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (query, now) = (&asked.query, app.gateway.receiver.clock.now());
    let days: i64 = query.get("days").parse().ok().filter(|days| SPANS.contains(days)).unwrap_or(SPANS[1]);
    let until = now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(now);
    let after = after(query.get("after"));
    let mut found = ending(app.gateway.receiver.database.read(), (now, until), after, ROWS + 1).await?;
    let has_more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let last =
        found.last().filter(|_| has_more).map(|one| format!("{}~{}", one.not_after.as_microsecond(), one.number));
    html(&Page {
        f: frame(&asked, &visitor),
        p: words(asked.lang),
        spans: SPANS.map(|span| (span, span == days)).to_vec(),
        rows: found.iter().map(|one| row(one, now, &asked)).collect(),
        first: after.map(|_| query.address("/people/rollover", &["after"], &[])),
        more: last.map(|last| query.address("/people/rollover", &["after"], &[("after", &last)])),
    })
}

fn after(text: &str) -> Option<(Timestamp, i64)> {
    let (at, number) = text.split_once('~')?;
    Some((Timestamp::from_microsecond(at.parse().ok()?).ok()?, number.parse().ok()?))
}

fn row(one: &Ending, now: Timestamp, asked: &Asked) -> Row {
    let lang = asked.lang;
    let at = |at: Timestamp| text::japan(at).strftime("%Y-%m-%d").to_string();
    let maybe = |moment: Option<Timestamp>| moment.map_or_else(|| "－".to_owned(), |at| text::short(at, now, lang));
    let days = one.not_after.duration_since(now).as_hours() / 24;
    Row {
        href: href(one.user.as_str()),
        name: one.name.clone().unwrap_or_else(|| one.user.to_string()),
        office: one.office.to_string(),
        ends: at(one.not_after),
        days,
        is_urgent: one.newer.is_none() && days < SOON,
        newer: one.newer.map(at),
        used: maybe(one.used_at),
        warned: maybe(one.warned_at),
    }
}
