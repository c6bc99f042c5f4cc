//! `/api/v1/received/{id}/content`: a received file, decrypted. All of it is verified before the first byte is released.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::App;
use super::authorize::Caller;
use crate::domain::ids::MessageId;
use crate::gateway::flows::By;
use crate::gateway::flows::reveal::Revealable;
use crate::gateway::plain::Plain;
use crate::http::{Asked, PathId};
use crate::wire::problem::Problem;

/// HEAD: how long it is, and what names it.
pub(super) async fn head(State(app): State<App>, PathId(id): PathId<MessageId>) -> Result<Response, Problem> {
    let found = Revealable::find(&app.receiver, id).await?;
    let mut response = StatusCode::OK.into_response();
    describe(&mut response, &found);
    response.headers_mut().insert(header::CONTENT_LENGTH, found.size().into());
    Ok(response)
}

/// GET: the file, or with `Range` one part of it.
pub(super) async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<MessageId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let receiver = &app.receiver;
    let found = Revealable::find(receiver, id).await?;
    let (tag, size) = (etag(&found), found.size());
    let names = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if names(header::IF_NONE_MATCH).is_some_and(|known| known.split(',').any(|one| is_same(one, &tag))) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let is_current = names(header::IF_RANGE).is_none_or(|known| known.trim() == tag);
    let asked = if is_current { Asked::from_headers(&headers, size) } else { Asked::Whole };
    let (range, told) = match asked.within(size) {
        Ok(part) => part,
        Err(outside) => return Ok(*outside),
    };
    let plain = Plain::reveal(receiver, &app.decrypting, found.clone()).await?;
    let mut transaction = receiver.database.write().await?;
    let by = By { actor: &caller.actor, origin: "" };
    found.note(&mut transaction, by, "message.fetched", receiver.clock.now()).await?;
    receiver.database.commit(transaction).await?;
    let mut response = Response::new(plain.body(range.clone()));
    describe(&mut response, &found);
    response.headers_mut().insert(header::CONTENT_LENGTH, (range.end - range.start).into());
    if let Some(told) = told {
        let told = told.try_into().expect("digits and signs make a header");
        response.headers_mut().insert(header::CONTENT_RANGE, told);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The signed digest: the same file never has another.
fn etag(found: &Revealable) -> String {
    let digest = found.message.content.as_ref().map(|content| hex::encode(&content.digest));
    format!("\"{}\"", digest.unwrap_or_default())
}

fn is_same(known: &str, tag: &str) -> bool {
    let known = known.trim();
    known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
}

/// Headers of every answer with the file. What kind of file it is, its sender says; nobody is to believe it and show it.
fn describe(response: &mut Response, found: &Revealable) {
    let headers = response.headers_mut();
    let tag = etag(found).try_into().expect("hexadecimal digits make a header");
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::ETAG, tag);
}
