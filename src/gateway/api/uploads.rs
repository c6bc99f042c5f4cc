//! `/api/v1/uploads`: files to send, by tus 1.0 with creation, creation-with-upload, checksum, expiration and termination.

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::oneshot;

use super::App;
use super::authorize::Caller;
use crate::domain::file_name::FileName;
use crate::domain::ids::UploadId;
use crate::gateway::flows::upload::{NewUpload, addressees};
use crate::gateway::view::sent::DispatchView;
use crate::http::tus::{self, Chunk, Creation, Progress};
use crate::http::{BodyReader, Json, PathId};
use crate::store::gateway::api_uploads::{Outcome, Upload};
use crate::wire::problem::{Code, Problem};
use crate::wire::tus::decoded;

/// Tells the dispatch that an upload has become.
const DISPATCH: &str = "kx-dispatch";
/// What a caller calls an upload, so that sending it again does not send it twice.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The longest of those, in bytes.
const MAX_KEY: usize = 128;
/// The longest list of recipients, in bytes.
const MAX_TO: usize = 8_192;

/// What `Upload-Metadata` says.
struct Metadata {
    file_name: String,
    content_type: String,
    to: String,
    comment: Option<String>,
}

/// An upload.
#[derive(Debug, Serialize)]
pub(super) struct UploadView {
    id: String,
    /// `uploading`, `taken` or `refused`.
    state: &'static str,
    file_name: String,
    size: u64,
    offset: u64,
    expires_at: Timestamp,
    /// What it has become.
    dispatch: Option<DispatchView>,
    /// Why it was refused, as a code.
    refused: Option<String>,
}

/// OPTIONS: what of tus is spoken here.
pub(super) async fn options(State(app): State<App>) -> Response {
    tus::options(app.sender.limits.max_size)
}

/// POST: creates an upload, also with its first bytes.
pub(super) async fn create(State(app): State<App>, Extension(caller): Extension<Caller>, request: Request) -> Response {
    let headers = request.headers().clone();
    let body = BodyReader::new(request, &app.limits);
    let asked = Creation::from_headers(&headers, app.sender.limits.max_size, metadata)
        .and_then(|creation| new_upload(&caller, &headers, creation));
    let created = match asked {
        Ok((new, chunk)) => detached(&app, create_in(app.clone(), caller, new, chunk, body)).await,
        Err(problem) => tus::refuse(problem, body).await,
    };
    let dispatch = created.as_ref().ok().and_then(|(upload, _)| taken(upload));
    told(tus::created(created.map(|(upload, progress)| (path(upload.id), progress))), dispatch)
}

/// GET `/{id}`: what it is and what it has become, as JSON.
pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<UploadId>,
) -> Result<Json<UploadView>, Problem> {
    let upload = app.uploads.find(caller.token, id).await?;
    let (state, refused) = match &upload.outcome {
        None => ("uploading", None),
        Some(Outcome::Taken(_)) => ("taken", None),
        Some(Outcome::Refused(code)) => ("refused", Some(code.clone())),
    };
    let offset = if refused.is_some() { 0 } else { app.uploads.progress(&upload).await?.offset };
    let dispatch = match &upload.outcome {
        Some(Outcome::Taken(dispatch)) => Some(app.sender.dispatch(*dispatch).await?),
        _ => None,
    };
    Ok(Json(UploadView {
        id: upload.id.to_string(),
        state,
        file_name: upload.file_name.to_string(),
        size: upload.size,
        offset,
        expires_at: upload.expires_at,
        dispatch,
        refused,
    }))
}

/// HEAD `/{id}`: where the upload stands.
pub(super) async fn standing(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<UploadId>,
    headers: HeaderMap,
) -> Response {
    let found = async {
        tus::check_version(&headers)?;
        let upload = app.uploads.find(caller.token, id).await?;
        let progress = app.uploads.progress(&upload).await?;
        Ok((upload, progress))
    };
    let found = found.await;
    let dispatch = found.as_ref().ok().and_then(|(upload, _)| taken(upload));
    told(tus::standing(found.map(|(upload, progress)| (metadata_of(&upload), progress))), dispatch)
}

/// PATCH `/{id}`: goes on with the upload.
pub(super) async fn append(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<UploadId>,
    request: Request,
) -> Response {
    let chunk = Chunk::from_headers(request.headers());
    let body = BodyReader::new(request, &app.limits);
    let appended = match chunk {
        Ok(chunk) => detached(&app, append_in(app.clone(), caller, id, chunk, body)).await,
        Err(problem) => tus::refuse(problem, body).await,
    };
    let dispatch = appended.as_ref().ok().and_then(|(upload, _)| taken(upload));
    told(tus::appended(appended.map(|(_, progress)| progress)), dispatch)
}

/// DELETE `/{id}`: gives the upload up. What was taken is recalled instead.
pub(super) async fn terminate(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<UploadId>,
    headers: HeaderMap,
) -> Response {
    let ended = async {
        tus::check_version(&headers)?;
        app.uploads.terminate(caller.token, id).await
    };
    tus::terminated(ended.await)
}

async fn create_in(
    app: App,
    caller: Caller,
    new: NewUpload,
    chunk: Option<Chunk>,
    body: BodyReader,
) -> Result<(Upload, Progress), Problem> {
    let begun = async {
        let upload = app.uploads.begin(new).await?;
        let progress = app.uploads.progress(&upload).await?;
        Ok((upload, progress))
    };
    match (begun.await, chunk) {
        // What comes along is the beginning: nothing that an upload further on could use.
        (Ok((upload, progress)), Some(chunk)) if progress.offset == 0 => {
            app.uploads.append(upload, &caller.actor, chunk, body).await.map_err(|problem| ended(&caller, problem))
        }
        (Ok((upload, progress)), _) if upload.size > 0 && progress.offset == upload.size => {
            tus::ignore(body).await;
            app.uploads.take_whole(upload, &caller.actor).await
        }
        (Ok(begun), _) => {
            tus::ignore(body).await;
            Ok(begun)
        }
        (Err(problem), _) => tus::refuse(problem, body).await,
    }
}

async fn append_in(
    app: App,
    caller: Caller,
    id: UploadId,
    chunk: Chunk,
    body: BodyReader,
) -> Result<(Upload, Progress), Problem> {
    match app.uploads.find(caller.token, id).await {
        Ok(upload) => {
            app.uploads.append(upload, &caller.actor, chunk, body).await.map_err(|problem| ended(&caller, problem))
        }
        Err(problem) => tus::refuse(problem, body).await,
    }
}

/// A body that broke off because the token ended says so.
fn ended(caller: &Caller, problem: Problem) -> Problem {
    if caller.ended.is_cancelled() { Code::TokenRefused.into() } else { problem }
}

/// Runs to its end even when the caller's line breaks meanwhile, so that what was begun is not left half done.
async fn detached<T: Send + 'static>(
    app: &App,
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let (done, result) = oneshot::channel();
    app.shutdown.spawn(async move {
        // Nobody waits any more when the line is broken.
        let _ = done.send(work.await);
    });
    result.await.unwrap_or_else(|_| Err(Code::Unavailable.into()))
}

fn metadata(header: &str) -> Result<Metadata, &'static str> {
    let optional = |key| match decoded(header, key) {
        None => Ok(None),
        Some(text) => text.map(Some).ok_or("the values of Upload-Metadata must be UTF-8 in base64"),
    };
    Ok(Metadata {
        file_name: optional("filename")?.ok_or("Upload-Metadata must hold a filename")?,
        content_type: optional("filetype")?.unwrap_or_else(|| "application/octet-stream".to_owned()),
        to: optional("to")?.ok_or("Upload-Metadata must hold to: user ids or office:CODE, a space between two")?,
        comment: optional("comment")?.filter(|text| !text.is_empty()),
    })
}

fn new_upload(
    caller: &Caller,
    headers: &HeaderMap,
    creation: Creation<Metadata>,
) -> Result<(NewUpload, Option<Chunk>), Problem> {
    let said = creation.metadata;
    let file_name = FileName::normalize(&said.file_name)
        .map_err(|error| Problem::new(Code::FileNameRefused).with_detail(error.to_string()))?;
    if said.to.len() > MAX_TO || addressees(&said.to).is_none() {
        let detail = "to must be user ids or office:CODE, a space between two";
        return Err(Problem::new(Code::RecipientRefused).with_detail(detail));
    }
    let key = headers.get(IDEMPOTENCY_KEY).map(|value| key(value).ok_or(MALFORMED_KEY)).transpose();
    let key = key.map_err(|detail| Problem::new(Code::RequestMalformed).with_detail(detail))?;
    let chunk = creation.with_bytes.then_some(Chunk { offset: 0, checksum: creation.checksum });
    let new = NewUpload {
        token: caller.token,
        key,
        file_name,
        content_type: said.content_type,
        addressees: said.to,
        comment: said.comment,
        size: creation.size,
    };
    Ok((new, chunk))
}

const MALFORMED_KEY: &str = "Idempotency-Key must be 1 to 128 visible ASCII characters";

fn key(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?.trim();
    // As the draft of the header has it: a string in quotes.
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let fits = (1..=MAX_KEY).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| bare.to_owned())
}

fn metadata_of(upload: &Upload) -> String {
    let pair = |key: &str, value: &str| format!("{key} {}", STANDARD.encode(value));
    let mut header = format!("{},{}", pair("filename", upload.file_name.as_str()), pair("to", &upload.addressees));
    if let Some(comment) = &upload.comment {
        header = format!("{header},{}", pair("comment", comment));
    }
    header
}

fn path(id: UploadId) -> String {
    format!("/api/v1/uploads/{id}")
}

fn taken(upload: &Upload) -> Option<String> {
    match &upload.outcome {
        Some(Outcome::Taken(dispatch)) => Some(dispatch.to_string()),
        _ => None,
    }
}

fn told(mut response: Response, dispatch: Option<String>) -> Response {
    if let Some(value) = dispatch.and_then(|id| HeaderValue::from_str(&id).ok()) {
        response.headers_mut().insert(HeaderName::from_static(DISPATCH), value);
    }
    response
}
