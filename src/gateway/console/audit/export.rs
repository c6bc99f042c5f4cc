//! The entries of a search as a CSV file, as long as it is.

use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::{Stream, stream};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::lang::Lang;
use super::super::session::Visitor;
use super::super::text;
use super::super::words::audit::Audit;
use super::kinds::called;
use super::{ids, named, office, search};
use crate::gateway::listing::Listing;
use crate::store::gateway::audit::{self, Place, Recorded, Search};
use crate::store::gateway::names;
use crate::store::sqlite::StoreError;

/// Entries that are read at once.
const AT_ONCE: u32 = 500;

/// POST `/audit/export`: that it was saved is in the audit too.
pub(in super::super) async fn save(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let search = search(&asked.query).ok_or(Fault::input())?;
    let receiver = &app.gateway.receiver;
    // What is written while the file is made, this very export among it, is not in it.
    let mut reader = receiver.database.reader().await?;
    let search = Search { up_to: Some(audit::newest_number(&mut reader).await?), ..search };
    drop(reader);
    app.admin(visitor.name(), &asked.origin).note_export().await?;
    let day = text::japan(receiver.clock.now()).strftime("%Y%m%d").to_string();
    let name = format!("attachment; filename=\"audit-{day}.csv\"");
    let mut response = Response::new(Body::from_stream(lines(app, search, asked.lang)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).expect("digits and letters"));
    Ok(response)
}

fn lines(app: App, search: Search, lang: Lang) -> impl Stream<Item = io::Result<Vec<u8>>> {
    let begin = head(lang).into_bytes();
    stream::try_unfold((app, Some(search), Some(begin)), move |(app, search, begin)| async move {
        if let Some(begin) = begin {
            return Ok(Some((begin, (app, search, None))));
        }
        let Some(mut search) = search else { return Ok(None) };
        let (found, text) = part(&app, &search, lang).await.map_err(io::Error::other)?;
        search.after = found.last().map(Place::of);
        let is_last = found.len() < AT_ONCE as usize;
        Ok(Some((text, (app, (!is_last).then_some(search), None))))
    })
}

async fn part(app: &App, search: &Search, lang: Lang) -> Result<(Vec<Recorded>, Vec<u8>), StoreError> {
    let mut reader = app.gateway.receiver.database.reader().await?;
    let found = audit::search(&mut reader, search, AT_ONCE).await?;
    let names = names::find(&mut reader, &ids(&found)).await?;
    let mut listing = Listing::default();
    for entry in &found {
        let number = entry.number.to_string();
        let at = text::exact(entry.at);
        let office = office(entry, &names).unwrap_or_default();
        let office_name = names.offices.get(office).map_or("", String::as_str);
        let what = called(&entry.action, lang).unwrap_or_default();
        listing.row(&[
            &number,
            &at,
            text::who(&entry.actor),
            &entry.origin,
            what,
            &entry.action,
            &entry.subject,
            office,
            &entry.before,
            &entry.after,
            &named(entry, &names, lang.words()).name,
            office_name,
        ]);
    }
    Ok((found, listing.into_bytes()))
}

fn head(lang: Lang) -> Listing {
    let p = lang.of_pages::<Audit>();
    Listing::new(&[
        p.number,
        p.at,
        p.who,
        p.origin,
        p.what,
        p.code,
        p.object,
        p.office_column,
        p.before,
        p.after,
        p.object_name,
        p.office_name,
    ])
}
