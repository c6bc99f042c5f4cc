//! Sealed bytes on their way out, whole or in parts.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use crate::http::{Asked, Peer};
use crate::relay::bytes::{BytesError, Content, Key};
use crate::relay::state::App;
use crate::wire::problem::{Code, Problem};

/// What was asked for of so many bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Which bytes.
    pub(super) range: Range<u64>,
    size: u64,
    /// Whether a part was asked for.
    ranged: bool,
}

impl Part {
    /// What the `Range` of a request asks for.
    pub(super) fn asked(headers: &HeaderMap, size: u64) -> Result<Self, Outside> {
        match Asked::from_headers(headers, size) {
            Asked::Whole => Ok(Self { range: 0..size, size, ranged: false }),
            Asked::Part(range) => Ok(Self { range, size, ranged: true }),
            Asked::Outside => Err(Outside(size)),
        }
    }

    /// Opens the bytes; nothing when they are deleted.
    pub(super) async fn read(&self, app: &App, key: &Key) -> Result<Option<Content>, Problem> {
        match app.bytes.read(key, self.range.clone()).await {
            Ok(content) => Ok(Some(content)),
            Err(BytesError::Missing) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The answer with these bytes. It breaks off when the peer is sent away.
    pub(super) fn answer(&self, content: Content, peer: &Peer) -> Response {
        let mut response = Response::new(match content {
            Content::Whole(bytes) => Body::from(bytes),
            Content::Stream(stream) => Body::from_stream(stream.take_until(peer.ended.clone().cancelled_owned())),
        });
        let Self { range, size, ranged } = self;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::CONTENT_LENGTH, (range.end - range.start).into());
        if *ranged {
            let told = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            headers.insert(header::CONTENT_RANGE, told.try_into().expect("digits and signs make a header"));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        response
    }
}

/// A range was asked for that is outside of so many bytes.
#[derive(Debug)]
pub(super) struct Outside(u64);

impl IntoResponse for Outside {
    fn into_response(self) -> Response {
        let told = format!("bytes */{}", self.0);
        ([(header::CONTENT_RANGE, told)], Problem::new(Code::RangeNotSatisfiable)).into_response()
    }
}
