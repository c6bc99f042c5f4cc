//! tus 1.0 at the edge: what the headers of its requests say, and the answers. What an upload is, who may make it and where
//! its bytes go is for the handlers.

mod checksum;

use std::fmt::Display;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::BodyReader;
use crate::wire::problem::{Code, Problem};
use crate::wire::tus;

pub use checksum::Expected;

/// How much of a body that nobody wants is read, so that its sender reads our answer.
const DRAIN: u64 = 1024 * 1024;

/// Where an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Length of the whole.
    pub size: u64,
    /// Bytes that are there for good.
    pub offset: u64,
    /// When it is thrown away; none when it is complete.
    pub expires_at: Option<Timestamp>,
}

impl Progress {
    /// All of it is there.
    pub const fn complete(size: u64) -> Self {
        Self { size, offset: size, expires_at: None }
    }
}

/// What a creation (POST) says.
#[derive(Debug)]
pub struct Creation<M> {
    /// What `Upload-Metadata` says.
    pub metadata: M,
    /// Length of the whole upload, in bytes; 1 or more.
    pub size: u64,
    /// What the body that comes along must have.
    pub checksum: Option<Expected>,
    /// Whether the first bytes come along.
    pub with_bytes: bool,
    /// Length of the body, when it is told.
    length: Option<u64>,
}

impl<M> Creation<M> {
    /// Reads the headers of an upload of at most `max` bytes. `metadata` reads the value of `Upload-Metadata`, which is empty when
    /// there is none; its errors are told to the caller.
    pub fn from_headers<E: Display>(
        headers: &HeaderMap,
        max: u64,
        metadata: impl FnOnce(&str) -> Result<M, E>,
    ) -> Result<Self, Problem> {
        check_version(headers)?;
        let size = number(headers, tus::UPLOAD_LENGTH)?;
        if size == 0 {
            return Err(malformed("Upload-Length must be 1 or more"));
        }
        if size > max {
            return Err(Problem::new(Code::ParcelTooLarge).with_detail(format!("at most {max} bytes")));
        }
        let metadata = metadata(text(headers, tus::UPLOAD_METADATA).unwrap_or_default());
        Ok(Self {
            metadata: metadata.map_err(|error| malformed(&error.to_string()))?,
            size,
            checksum: checksum(headers)?,
            with_bytes: text(headers, header::CONTENT_TYPE.as_str()) == Some(tus::OFFSET_CONTENT_TYPE),
            length: text(headers, header::CONTENT_LENGTH.as_str()).and_then(|text| text.parse().ok()),
        })
    }

    /// Whether all of the upload comes in this request.
    pub fn is_whole(&self) -> bool {
        self.with_bytes && self.length == Some(self.size)
    }

    /// The body of a creation that is whole and small, once its length and its checksum are what was told.
    pub async fn collect(self, body: BodyReader) -> Result<Vec<u8>, Problem> {
        let bytes = body.collect(usize::try_from(self.size).unwrap_or(usize::MAX)).await?;
        if bytes.len() as u64 != self.size {
            return Err(malformed("the body has another length than Upload-Length told"));
        }
        if let Some(mut checksum) = self.checksum {
            checksum.update(&bytes);
            if !checksum.holds() {
                return Err(Problem::new(Code::UploadChecksum));
            }
        }
        Ok(bytes)
    }
}

/// What a PATCH says.
#[derive(Debug)]
pub struct Chunk {
    /// Where its bytes go.
    pub offset: u64,
    /// What its body must have.
    pub checksum: Option<Expected>,
}

impl Chunk {
    /// Reads the headers.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        check_version(headers)?;
        if text(headers, header::CONTENT_TYPE.as_str()) != Some(tus::OFFSET_CONTENT_TYPE) {
            return Err(malformed("Content-Type must be application/offset+octet-stream"));
        }
        Ok(Self { offset: number(headers, tus::UPLOAD_OFFSET)?, checksum: checksum(headers)? })
    }

    /// Refuses bytes for another place than the one at which the upload stands.
    pub fn check_place(&self, progress: Progress) -> Result<(), Problem> {
        if self.offset == progress.offset {
            return Ok(());
        }
        let detail = format!("the upload stands at {}", progress.offset);
        Err(Problem::new(Code::UploadOffset).with_detail(detail))
    }
}

/// Whether a request speaks our version of tus. HEAD, PATCH, POST and DELETE have to say so.
pub fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    let spoken = text(headers, tus::TUS_RESUMABLE) == Some(tus::VERSION);
    if spoken { Ok(()) } else { Err(Problem::new(Code::UploadVersion)) }
}

/// Refuses a request, after reading so much of its body that its sender reads the answer.
pub async fn refuse<T>(problem: Problem, body: BodyReader) -> Result<T, Problem> {
    body.drain(DRAIN).await;
    Err(problem)
}

/// Leaves a body alone that changes nothing.
pub async fn ignore(body: BodyReader) {
    body.drain(DRAIN).await;
}

/// Answer to OPTIONS: what of tus is spoken here, for uploads of at most `max` bytes.
pub fn options(max: u64) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    put(headers, tus::TUS_RESUMABLE, HeaderValue::from_static(tus::VERSION));
    put(headers, tus::TUS_VERSION, HeaderValue::from_static(tus::VERSION));
    put(headers, tus::TUS_EXTENSION, HeaderValue::from_static(tus::EXTENSIONS));
    put(headers, tus::TUS_MAX_SIZE, max.into());
    put(headers, tus::TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(tus::CHECKSUM_ALGORITHMS));
    response
}

/// Answer to a creation: the upload's path, and where it stands.
pub fn created(result: Result<(String, Progress), Problem>) -> Response {
    answer(result.map(|(path, progress)| (StatusCode::CREATED, [(header::LOCATION, path)], told(progress))))
}

/// Answer to HEAD: where the upload stands, and the metadata of its creation.
pub fn standing(result: Result<(String, Progress), Problem>) -> Response {
    answer(result.map(|(metadata, progress)| {
        let metadata = (HeaderName::from_static(tus::UPLOAD_METADATA), metadata);
        let length = (HeaderName::from_static(tus::UPLOAD_LENGTH), progress.size.to_string());
        let fresh = (header::CACHE_CONTROL, "no-store".to_owned());
        (StatusCode::OK, [metadata, length, fresh], told(progress))
    }))
}

/// Answer to PATCH.
pub fn appended(result: Result<Progress, Problem>) -> Response {
    answer(result.map(|progress| (StatusCode::NO_CONTENT, told(progress))))
}

/// Answer to DELETE.
pub fn terminated(result: Result<(), Problem>) -> Response {
    answer(result.map(|()| StatusCode::NO_CONTENT))
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
pub fn http_date(at: Timestamp) -> HeaderValue {
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at);
    text.ok().and_then(|text| text.try_into().ok()).unwrap_or(HeaderValue::from_static("0"))
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

fn put(headers: &mut HeaderMap, name: &'static str, value: HeaderValue) {
    headers.insert(HeaderName::from_static(name), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.insert(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn name(header: &str) -> Result<String, &'static str> {
        tus::decoded(header, "filename").flatten().ok_or("a filename is missing")
    }

    #[test]
    fn a_creation_reads_the_metadata_that_its_server_wants() {
        let base = [("tus-resumable", "1.0.0"), ("upload-length", "5"), ("upload-metadata", "filename YS5jc3Y=,x")];
        let read = |more: &[(&'static str, &'static str)]| {
            Creation::from_headers(&headers(&[&base[..], more].concat()), 10, name)
        };
        let empty = read(&[("content-length", "5")]).unwrap();
        assert_eq!((empty.metadata.as_str(), empty.size, empty.is_whole()), ("a.csv", 5, false));
        let with_bytes = [("content-type", tus::OFFSET_CONTENT_TYPE), ("content-length", "5")];
        assert!(read(&with_bytes).unwrap().is_whole());
        let code = |more: &[(&'static str, &'static str)]| read(more).unwrap_err().code;
        assert_eq!(code(&[("tus-resumable", "0.2.2")]), Code::UploadVersion);
        assert_eq!(code(&[("upload-length", "11")]), Code::ParcelTooLarge);
        for wrong in ["0", "-1", "", "1e3", "9223372036854775808"] {
            assert_eq!(code(&[("upload-length", wrong)]), Code::RequestMalformed, "{wrong}");
        }
        let unnamed = read(&[("upload-metadata", "message_id YQ==")]).unwrap_err();
        assert!(unnamed.detail.is_some_and(|detail| detail.contains("filename")));
    }

    #[test]
    fn another_version_is_told_which_one_is_spoken() {
        let refused = appended(check_version(&HeaderMap::new()).map(|()| Progress::complete(1)));
        assert_eq!(refused.status(), StatusCode::PRECONDITION_FAILED);
        assert_eq!(refused.headers()[tus::TUS_VERSION], tus::VERSION);
    }
}
