//! `/employer/v1/uploads`: tus 1.0 with creation, creation-with-upload, checksum, expiration and termination.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use jiff::Timestamp;

use super::detached;
use crate::domain::ids::MessageId;
use crate::http::{BodyReader, PathId};
use crate::relay::bytes::Key;
use crate::relay::caller::SessionCaller;
use crate::relay::checksum::Expected;
use crate::relay::deposit::{Progress, SMALL};
use crate::relay::registry::User;
use crate::relay::state::{App, Lock};
use crate::wire::employer;
use crate::wire::problem::{Code, Problem};
use crate::wire::tus;

/// How much of a body that nobody wants is read, so that its sender reads our answer.
const DRAIN: u64 = 1024 * 1024;

/// OPTIONS: what of tus is spoken here.
pub async fn options(State(app): State<App>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    put(headers, tus::TUS_RESUMABLE, HeaderValue::from_static(tus::VERSION));
    put(headers, tus::TUS_VERSION, HeaderValue::from_static(tus::VERSION));
    put(headers, tus::TUS_EXTENSION, HeaderValue::from_static(tus::EXTENSIONS));
    put(headers, tus::TUS_MAX_SIZE, app.config.parcels.max_bytes.into());
    put(headers, tus::TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(tus::CHECKSUM_ALGORITHMS));
    response
}

/// POST: creates an upload, also with its first bytes. The same one again is found again.
pub async fn create(State(app): State<App>, SessionCaller(user): SessionCaller, request: Request) -> Response {
    let headers = request.headers().clone();
    let limits = &app.config.limits;
    let body = BodyReader::new(request, limits);
    let created = match Creation::from_headers(&headers, app.config.parcels.max_bytes) {
        Ok(creation) => detached(&app, create_in(app.clone(), user, creation, body)).await,
        Err(problem) => refuse(problem, body).await,
    };
    let location = |(id, progress)| (StatusCode::CREATED, [(header::LOCATION, employer::upload(id))], told(progress));
    answer(created.map(location))
}

/// HEAD `/{id}`: where the upload stands.
pub async fn show(
    State(app): State<App>,
    SessionCaller(user): SessionCaller,
    PathId(id): PathId<MessageId>,
    headers: HeaderMap,
) -> Response {
    answer(show_in(&app, &user, id, &headers).await.map(|progress| {
        let metadata = (HeaderName::from_static(tus::UPLOAD_METADATA), tus::Metadata::to_union(id).to_header());
        let length = (HeaderName::from_static(tus::UPLOAD_LENGTH), progress.size.to_string());
        let fresh = (header::CACHE_CONTROL, "no-store".to_owned());
        (StatusCode::OK, [metadata, length, fresh], told(progress))
    }))
}

/// PATCH `/{id}`: goes on with the upload.
pub async fn append(
    State(app): State<App>,
    SessionCaller(user): SessionCaller,
    PathId(id): PathId<MessageId>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let body = BodyReader::new(request, &app.config.limits);
    let appended = match Chunk::from_headers(&headers) {
        Ok(chunk) => detached(&app, append_in(app.clone(), user, id, chunk, body)).await,
        Err(problem) => refuse(problem, body).await,
    };
    answer(appended.map(|progress| (StatusCode::NO_CONTENT, told(progress))))
}

/// DELETE `/{id}`: gives the upload up.
pub async fn terminate(
    State(app): State<App>,
    SessionCaller(user): SessionCaller,
    PathId(id): PathId<MessageId>,
    headers: HeaderMap,
) -> Response {
    answer(terminate_in(&app, &user, id, &headers).await.map(|()| StatusCode::NO_CONTENT))
}

/// What a creation says.
struct Creation {
    id: MessageId,
    size: u64,
    checksum: Option<Expected>,
    /// Whether the first bytes come along.
    with_bytes: bool,
    /// Length of the body, when it is told.
    length: Option<u64>,
}

impl Creation {
    fn from_headers(headers: &HeaderMap, max: u64) -> Result<Self, Problem> {
        check_version(headers)?;
        let size = number(headers, tus::UPLOAD_LENGTH)?;
        if size == 0 {
            return Err(malformed("Upload-Length must be 1 or more"));
        }
        if size > max {
            return Err(Problem::new(Code::ParcelTooLarge).with_detail(format!("at most {max} bytes")));
        }
        let metadata = text(headers, tus::UPLOAD_METADATA).unwrap_or_default();
        let metadata = tus::Metadata::from_header(metadata).map_err(|error| malformed(&error.to_string()))?;
        let with_bytes = text(headers, header::CONTENT_TYPE.as_str()) == Some(tus::OFFSET_CONTENT_TYPE);
        let length = text(headers, header::CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok());
        Ok(Self { id: metadata.message_id, size, checksum: checksum(headers)?, with_bytes, length })
    }

    /// Whether all of a small upload comes in this request.
    fn is_small_and_whole(&self) -> bool {
        self.with_bytes && self.size <= SMALL && self.length == Some(self.size)
    }
}

async fn create_in(
    app: App,
    user: User,
    creation: Creation,
    body: BodyReader,
) -> Result<(MessageId, Progress), Problem> {
    let id = creation.id;
    let lock = match lock(&app, &user, id) {
        Ok(lock) => lock,
        Err(problem) => return refuse(problem, body).await,
    };
    let known = match app.progress(&user, &lock).await {
        Ok(Some(progress)) if progress.size != creation.size => Err(Problem::new(Code::ParcelConflict)),
        other => other,
    };
    let begun = match known {
        Ok(Some(progress)) => Ok(progress),
        Ok(None) if creation.is_small_and_whole() => {
            let whole = take_whole(&app, &user, &lock, creation, body).await?;
            return Ok((id, whole));
        }
        Ok(None) => app.begin(&user, &lock, creation.size).await,
        Err(problem) => Err(problem),
    };
    let progress = match begun {
        // What comes along is the beginning: nothing that an upload further on could use.
        Ok(progress) if creation.with_bytes && progress.offset == 0 => {
            app.append(&user, &lock, progress, body, creation.checksum).await?
        }
        Ok(progress) => {
            body.drain(DRAIN).await;
            progress
        }
        Err(problem) => return refuse(problem, body).await,
    };
    Ok((id, progress))
}

async fn take_whole(
    app: &App,
    user: &User,
    lock: &Lock,
    creation: Creation,
    body: BodyReader,
) -> Result<Progress, Problem> {
    let bytes = body.collect(usize::try_from(SMALL).unwrap_or(usize::MAX)).await?;
    if bytes.len() as u64 != creation.size {
        return Err(malformed("the body has another length than Upload-Length told"));
    }
    if let Some(mut checksum) = creation.checksum {
        checksum.update(&bytes);
        if !checksum.holds() {
            return Err(Problem::new(Code::UploadChecksum));
        }
    }
    app.take_whole(user, lock, Bytes::from(bytes)).await
}

async fn show_in(app: &App, user: &User, id: MessageId, headers: &HeaderMap) -> Result<Progress, Problem> {
    check_version(headers)?;
    let lock = lock(app, user, id)?;
    found(app.progress(user, &lock).await)
}

/// What a PATCH says.
struct Chunk {
    offset: u64,
    checksum: Option<Expected>,
}

impl Chunk {
    fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        check_version(headers)?;
        if text(headers, header::CONTENT_TYPE.as_str()) != Some(tus::OFFSET_CONTENT_TYPE) {
            return Err(malformed("Content-Type must be application/offset+octet-stream"));
        }
        Ok(Self { offset: number(headers, tus::UPLOAD_OFFSET)?, checksum: checksum(headers)? })
    }
}

async fn append_in(app: App, user: User, id: MessageId, chunk: Chunk, body: BodyReader) -> Result<Progress, Problem> {
    let begun = async {
        let lock = lock(&app, &user, id)?;
        let progress = found(app.progress(&user, &lock).await)?;
        if progress.offset == chunk.offset {
            return Ok((lock, progress));
        }
        let detail = format!("the upload stands at {}", progress.offset);
        Err(Problem::new(Code::UploadOffset).with_detail(detail))
    };
    match begun.await {
        // Complete: nothing can follow, and an empty request changes nothing.
        Ok((_, progress)) if progress.expires_at.is_none() => {
            body.drain(DRAIN).await;
            Ok(progress)
        }
        Ok((lock, progress)) => app.append(&user, &lock, progress, body, chunk.checksum).await,
        Err(problem) => refuse(problem, body).await,
    }
}

async fn terminate_in(app: &App, user: &User, id: MessageId, headers: &HeaderMap) -> Result<(), Problem> {
    check_version(headers)?;
    let lock = lock(app, user, id)?;
    app.terminate(user, &lock).await
}

/// Somebody else's upload is not there for this user, whatever the reason.
fn found(progress: Result<Option<Progress>, Problem>) -> Result<Progress, Problem> {
    match progress {
        Ok(Some(progress)) => Ok(progress),
        Ok(None) => Err(Problem::new(Code::UploadUnknown)),
        Err(problem) if problem.code == Code::ParcelConflict => Err(Problem::new(Code::UploadUnknown)),
        Err(problem) => Err(problem),
    }
}

fn lock(app: &App, user: &User, id: MessageId) -> Result<Lock, Problem> {
    app.locks.take(&Key { union: user.union.clone(), id }).ok_or_else(|| Problem::new(Code::UploadBusy))
}

async fn refuse<T>(problem: Problem, body: BodyReader) -> Result<T, Problem> {
    body.drain(DRAIN).await;
    Err(problem)
}

fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    let spoken = text(headers, tus::TUS_RESUMABLE) == Some(tus::VERSION);
    if spoken { Ok(()) } else { Err(Problem::new(Code::UploadVersion)) }
}

fn checksum(headers: &HeaderMap) -> Result<Option<Expected>, Problem> {
    text(headers, tus::UPLOAD_CHECKSUM).map(Expected::from_header).transpose()
}

fn number(headers: &HeaderMap, name: &str) -> Result<u64, Problem> {
    let digits = text(headers, name).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok()).filter(|number| i64::try_from(*number).is_ok());
    number.ok_or_else(|| malformed(&format!("{name} must be a whole number")))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn malformed(detail: &str) -> Problem {
    Problem::new(Code::RequestMalformed).with_detail(detail)
}

/// The headers that tell where an upload stands.
fn told(progress: Progress) -> HeaderMap {
    let mut headers = HeaderMap::new();
    put(&mut headers, tus::UPLOAD_OFFSET, progress.offset.into());
    if let Some(expires_at) = progress.expires_at {
        put(&mut headers, tus::UPLOAD_EXPIRES, http_date(expires_at));
    }
    headers
}

/// RFC 9110, section 5.6.7.
fn http_date(at: Timestamp) -> HeaderValue {
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at);
    text.ok().and_then(|text| text.try_into().ok()).unwrap_or(HeaderValue::from_static("0"))
}

fn answer(result: Result<impl IntoResponse, Problem>) -> Response {
    let wrong_version = result.as_ref().err().is_some_and(|problem| problem.code == Code::UploadVersion);
    let mut response = result.into_response();
    put(response.headers_mut(), tus::TUS_RESUMABLE, HeaderValue::from_static(tus::VERSION));
    if wrong_version {
        put(response.headers_mut(), tus::TUS_VERSION, HeaderValue::from_static(tus::VERSION));
    }
    response
}

fn put(headers: &mut HeaderMap, name: &'static str, value: HeaderValue) {
    headers.insert(HeaderName::from_static(name), value);
}
