//! Request bodies that come in time, or not at all.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{Limits, Peer};
use crate::wire::problem::{Code, Problem};

/// How much of a body that is too large is read all the same, so that its sender reads our answer.
const DRAIN: u64 = 1024 * 1024;

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Nothing came for too long, or too little.
    #[error("the body came too slowly")]
    Slow,
    /// More than this route takes.
    #[error("the body is too large")]
    TooLarge,
    /// The line broke, or the framing is wrong.
    #[error("the body broke off")]
    Broken,
    /// The caller was sent away meanwhile.
    #[error("the caller may not go on")]
    Ended,
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        Self::new(match error {
            BodyError::Slow => Code::RequestTimeout,
            BodyError::TooLarge => Code::RequestTooLarge,
            BodyError::Broken => Code::RequestMalformed,
            BodyError::Ended => Code::UserDisabled,
        })
    }
}

/// Reads a request's body under the limits of its listener.
#[derive(Debug)]
pub struct BodyReader {
    body: Body,
    ended: CancellationToken,
    stall: Duration,
    minimum_rate: u64,
    began_at: Instant,
    received: u64,
}

impl BodyReader {
    /// The body of a request that came in through an edge.
    pub fn new(request: Request, limits: &Limits) -> Self {
        let ended = request.extensions().get::<Peer>().map(|peer| peer.ended.clone()).unwrap_or_default();
        Self {
            body: request.into_body(),
            ended,
            stall: limits.stall(),
            minimum_rate: limits.minimum_rate,
            began_at: Instant::now(),
            received: 0,
        }
    }

    /// The next bytes, or `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let frame = tokio::select! {
                biased;
                () = self.ended.cancelled() => return Err(BodyError::Ended),
                frame = timeout(self.stall, self.body.frame()) => frame.map_err(|_| BodyError::Slow)?,
            };
            let Some(frame) = frame else { return Ok(None) };
            // Trailers mean nothing here.
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
            self.received = self.received.saturating_add(data.len() as u64);
            self.check_rate()?;
            return Ok(Some(data));
        }
    }

    /// The whole body, when it must fit into `limit` bytes.
    pub async fn collect(mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > limit {
                self.drain(DRAIN).await;
                return Err(BodyError::TooLarge);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    /// Reads what is left, up to `limit` bytes and as long as it flows, so that the other end gets to read our answer
    /// instead of a broken line.
    pub async fn drain(mut self, limit: u64) {
        let end = self.received.saturating_add(limit);
        while self.received < end && matches!(self.chunk().await, Ok(Some(_))) {}
    }

    fn check_rate(&self) -> Result<(), BodyError> {
        let elapsed = self.began_at.elapsed();
        let expected = elapsed.as_secs().saturating_mul(self.minimum_rate);
        if elapsed > self.stall && self.received < expected { Err(BodyError::Slow) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(body: Body) -> BodyReader {
        BodyReader::new(Request::new(body), &Limits { stall_seconds: 5, minimum_rate: 100, ..Limits::default() })
    }

    fn dripping(bytes: usize, every: Duration) -> Body {
        Body::from_stream(futures_util::stream::unfold((), move |()| async move {
            tokio::time::sleep(every).await;
            Some((Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes])), ()))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_dripping_end_alike() {
        assert_eq!(reader(dripping(9_999, Duration::from_secs(6))).chunk().await, Err(BodyError::Slow));
        assert_eq!(reader(dripping(99, Duration::from_secs(1))).collect(100_000).await, Err(BodyError::Slow));
        assert_eq!(reader(dripping(150, Duration::from_secs(1))).collect(1_500).await, Err(BodyError::TooLarge));
        assert_eq!(reader(Body::from("abc")).collect(3).await.unwrap(), b"abc");
    }
}
