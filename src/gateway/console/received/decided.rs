//! Which of the files that somebody has ticked others had decided before, who, and when.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State as Shared;
use axum::response::Response;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::late::{OF_FILES, said};
use super::super::named::Named;
use super::super::session::Visitor;
use super::super::words::late::Late as Words;
use super::take::ticked;
use super::within_list;
use crate::store::gateway::audit;
use crate::store::gateway::names::{self, Ids};

#[derive(Template)]
#[template(path = "console/decided.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    rows: Vec<Row>,
    list: String,
}

struct Row {
    href: String,
    file: Named,
    said: String,
}

/// GET `/received/decided`: the address says which.
pub(in super::super) async fn page(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (lang, receiver) = (asked.lang, &app.gateway.receiver);
    let ids: Vec<String> = ticked(&asked.query)?.iter().map(ToString::to_string).collect();
    let mut reader = receiver.database.reader().await?;
    let files = Ids { files: ids.iter().map(String::as_str).collect(), ..Ids::default() };
    let names = names::find(&mut reader, &files).await?;
    let decided = audit::newest_of(&mut *reader, &ids, OF_FILES).await?;
    drop(reader);
    let (w, now): (&'static Words, _) = (lang.of_pages(), receiver.clock.now());
    let rows = ids.iter().map(|id| Row {
        href: within_list(&asked.query, &format!("/received/{id}"), &[]),
        file: Named::file(id, &names, lang.words()),
        said: decided.get(id).and_then(|entry| said(entry, now, lang)).unwrap_or_else(|| w.otherwise.to_owned()),
    });
    html(&Page {
        f: Frame::new(&asked, &visitor),
        w,
        rows: rows.collect(),
        list: within_list(&asked.query, "/received", &[]),
    })
}
