//! Files leave the gateway: one, or many as a ZIP. Who takes what is noted.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{HeaderValue, header};
use axum::response::Response;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::{Fields, encode};
use super::super::id::Id;
use super::super::session::Visitor;
use super::super::text::japan;
use super::list::ROWS;
use super::name;
use crate::domain::ids::MessageId;

/// GET `/received/{id}/file`: all of it is verified before the first byte is sent.
pub(in super::super) async fn file(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let admin = app.admin(visitor.name(), &asked.origin);
    let (plain, message) = admin.download(id, &app.decrypting).await?;
    let size = message.content.as_ref().map_or(0, |content| content.size);
    let name = name(&message).unwrap_or_else(|| id.to_string());
    let mut response = attachment(plain.body(0..size), &name, "application/octet-stream");
    response.headers_mut().insert(header::CONTENT_LENGTH, size.into());
    Ok(response)
}

/// POST `/received/bundle`: all that are ticked, as one ZIP.
pub(in super::super) async fn bundle(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let ids = ticked(&form)?;
    let bundle = app.admin(visitor.name(), &asked.origin).bundle(&ids).await?;
    let now = japan(app.gateway.receiver.clock.now());
    let name = format!("受信ファイル_{}.zip", now.strftime("%Y%m%d_%H%M%S"));
    Ok(attachment(Body::from_stream(bundle.stream()), &name, "application/zip"))
}

/// What is ticked in a list: at least one file, at most a page of them.
pub(super) fn ticked(form: &Fields) -> Result<Vec<MessageId>, Fault> {
    let ids = form.all("id").map(|id| id.parse().map_err(|_| Fault::input())).collect::<Result<Vec<MessageId>, _>>()?;
    if ids.is_empty() || ids.len() > ROWS {
        return Err(Fault::unticked());
    }
    Ok(ids)
}

/// A file to be kept and never shown. What kind it is its sender says; nobody is to believe it. The name is hostile: it stands in the header only as
/// bytes in hexadecimal (RFC 8187), which every browser of today reads.
fn attachment(body: Body, name: &str, kind: &'static str) -> Response {
    let mut response = Response::new(body);
    let said = format!("attachment; filename=\"download\"; filename*=UTF-8''{}", encode(name));
    let said = HeaderValue::from_str(&said).expect("letters, digits and signs of ASCII make a header");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, said);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
