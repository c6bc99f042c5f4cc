//! Sealed bytes on their way out, whole or in parts.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use crate::http::Peer;
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
        let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
        match asked.map_or(Asked::Whole, |asked| parse_range(asked, size)) {
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

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// RFC 9110, section 14: one range of bytes. Anything else may be left alone, and the whole is sent.
fn parse_range(text: &str, size: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(suffix)) if first.is_empty() => size.saturating_sub(suffix)..size,
        _ => return Asked::Whole,
    };
    if range.start >= range.end { Asked::Outside } else { Asked::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        for (text, expected) in [
            ("bytes=0-", Asked::Part(0..100)),
            ("bytes=10-19", Asked::Part(10..20)),
            ("bytes=90-1000", Asked::Part(90..100)),
            ("bytes=-5", Asked::Part(95..100)),
            ("bytes=-1000", Asked::Part(0..100)),
            ("bytes=100-", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=20-10", Asked::Whole),
            ("bytes=0-1,5-6", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=18446744073709551615-18446744073709551615", Asked::Outside),
        ] {
            assert_eq!(parse_range(text, 100), expected, "{text}");
        }
    }
}
