//! The bytes of a parcel as they come in.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, RANGE};
use reqwest::{Method, Response, StatusCode};

use super::connection::{Connection, Pace};
use super::error::{ClientError, Fault};

/// A parcel's bytes from an offset to its end: exactly as many as were announced, or an error.
#[derive(Debug)]
pub struct Content {
    /// `None` when nothing is left to fetch.
    response: Option<Response>,
    remaining: u64,
    idle_timeout: Duration,
    pace: Pace,
}

impl Content {
    /// What is left when the offset is the size.
    fn empty() -> Self {
        Self { response: None, remaining: 0, idle_timeout: Duration::ZERO, pace: Pace::default() }
    }

    /// Takes an answer as the bytes from `offset` to `size`, if its head says just that.
    fn new(response: Response, size: u64, offset: u64, idle_timeout: Duration) -> Result<Self, ClientError> {
        check_head(response.status(), response.headers(), size, offset)?;
        Ok(Self { response: Some(response), remaining: size - offset, idle_timeout, pace: Pace::default() })
    }

    /// Asks for the bytes of a parcel of `size` bytes from `offset` on.
    pub(super) async fn fetch(
        connection: &Connection,
        path: &str,
        size: u64,
        offset: u64,
    ) -> Result<Self, ClientError> {
        if offset > size {
            return Err(Fault::Range.into());
        }
        if offset == size {
            return Ok(Self::empty());
        }
        let mut request = connection.request(Method::GET, path);
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let ok = [StatusCode::OK, StatusCode::PARTIAL_CONTENT];
        let response = connection.expect(request, Duration::ZERO, &ok).await?;
        Self::new(response, size, offset, connection.idle_timeout())
    }

    /// How many bytes are still to come.
    pub const fn remaining(&self) -> u64 {
        self.remaining
    }

    /// The next bytes; `None` after the last one. A line that is cut is an error, never an early end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        let Some(response) = &mut self.response else { return Ok(None) };
        let Some(chunk) = self.pace.next_chunk(response, self.idle_timeout).await? else {
            return if self.remaining == 0 { Ok(None) } else { Err(Fault::Length.into()) };
        };
        self.remaining = self.remaining.checked_sub(chunk.len() as u64).ok_or(Fault::Length)?;
        Ok(Some(chunk))
    }
}

fn check_head(status: StatusCode, headers: &HeaderMap, size: u64, offset: u64) -> Result<(), Fault> {
    let expected = if offset == 0 { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
    if status != expected {
        return Err(Fault::Status(status.as_u16()));
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Fault::Encoding);
    }
    if offset > 0 {
        let range = format!("bytes {offset}-{}/{size}", size - 1);
        if text(headers, &CONTENT_RANGE) != Some(&range) {
            return Err(Fault::Range);
        }
    }
    let length = text(headers, &CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    if length == Some(size - offset) { Ok(()) } else { Err(Fault::Length) }
}

fn text<'h>(headers: &'h HeaderMap, name: &reqwest::header::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
