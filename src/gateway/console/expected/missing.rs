//! The offices that have not sent it, as a CSV file.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::id::Id;
use super::Words;
use crate::domain::schedule::jst;
use crate::gateway::listing::Listing;
use crate::store::gateway::expectations::offices;

/// GET `/expected/{id}/missing`.
pub(in super::super) async fn save(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Id(number): Id<i64>,
) -> Result<Response, Fault> {
    let w: &Words = asked.lang.of_pages();
    let on = asked.query.parsed("on").map_err(|_| Fault::input())?;
    let looked = app.reading().expectation(number, on).await?;
    let missing: Vec<_> = looked.offices.iter().filter(|office| office.file.is_none()).collect();
    let numbers: Vec<i64> = missing.iter().filter_map(|office| office.before).collect();
    let mut reader = app.gateway.receiver.database.reader().await?;
    let files = offices::files(&mut reader, &numbers).await?;
    drop(reader);
    let mut listing = Listing::new(&[w.code, w.office, w.before]);
    for office in missing {
        let before = office.before.and_then(|number| files.get(&number));
        let before = before.map_or_else(String::new, |file| jst(file.at).date().to_string());
        listing.row(&[office.code.as_str(), office.name.as_str(), &before]);
    }
    let name = format!("attachment; filename=\"not-sent-{}.csv\"", looked.period.due);
    let mut response = Response::new(Body::from(listing.into_bytes()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).expect("digits and letters"));
    Ok(response)
}
