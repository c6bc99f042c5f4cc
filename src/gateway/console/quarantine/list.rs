//! All that is in quarantine and not decided.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State as Shared;
use axum::response::Response;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::lang::Lang;
use super::super::session::Visitor;
use super::super::text;
use super::super::words::quarantine::Quarantine as Words;
use crate::domain::verdict::Reason;
use crate::store::gateway::messages::State;
use crate::store::gateway::search::received::{self, Filter};

/// Rows of a page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "console/quarantine.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    rows: Vec<Row>,
    newest: Option<&'static str>,
    older: Option<String>,
}

struct Row {
    href: String,
    name: Option<String>,
    sender: Option<String>,
    reasons: Vec<String>,
    at: String,
    at_full: String,
}

/// GET `/quarantine`.
pub(in super::super) async fn page(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let lang = asked.lang;
    let before: Option<i64> = asked.query.get("before").parse().ok();
    let filter = Filter { state: Some(State::Quarantined), before, ..Filter::default() };
    let receiver = &app.gateway.receiver;
    let mut reader = receiver.database.reader().await?;
    let found = received::list(&mut reader, &filter, ROWS).await?;
    drop(reader);
    let now = receiver.clock.now();
    let rows = found.rows.into_iter().map(|listed| Row {
        href: format!("/quarantine/{}", listed.id),
        name: listed.file_name,
        sender: listed.sender,
        reasons: listed.reasons.iter().map(|code| of_code(code, lang)).collect(),
        at: text::short(listed.received_at, now, lang),
        at_full: text::full(listed.received_at, lang),
    });
    html(&Page {
        f: Frame::new(&asked, &visitor),
        w: lang.of_pages(),
        rows: rows.collect(),
        newest: before.map(|_| "/quarantine"),
        older: found.next.map(|next| Fields::default().address("/quarantine", &[], &[("before", &next.to_string())])),
    })
}

/// A reason in words, by its code.
fn of_code(code: &str, lang: Lang) -> String {
    code.parse::<Reason>().map_or_else(|_| code.to_owned(), |reason| of_reason(reason, lang).to_owned())
}

/// A reason in words.
pub(super) const fn of_reason(reason: Reason, lang: Lang) -> &'static str {
    match lang {
        Lang::Japanese => reason.japanese(),
        Lang::English => reason.english(),
    }
}
