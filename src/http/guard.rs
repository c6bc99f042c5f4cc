//! One connection's bytes under watch.
//!
//! Sits between TLS and HTTP and does what hyper leaves open: a header must come in time (hyper's own timer runs while a
//! connection lies idle too, so it is our idle timer), an answer must be taken in time, and a request that hyper
//! refuses by itself, with an empty body, gets a problem document like every other.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::Limits;
use super::taking::Taking;
use crate::runtime::metrics::IntCounter;
use crate::wire::problem::{CONTENT_TYPE, Code, Problem};

/// How long a refused end may go on sending before the line is closed.
const LINGER: Duration = Duration::from_secs(2);

/// Whether a request is being answered on this connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Phase(Arc<AtomicBool>);

impl Phase {
    /// A request begins; it is over when the answer to it has been handed over whole.
    pub(super) fn begin(&self) -> Answering {
        self.0.store(true, Ordering::Release);
        Answering(self.clone())
    }

    fn is_answering(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// As long as this lives, a request is being answered.
#[derive(Debug)]
pub(super) struct Answering(Phase);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}

/// How many bytes went through, and why nothing does any more.
#[derive(Debug, Clone)]
pub(super) struct Traffic {
    pub(super) received: IntCounter,
    pub(super) sent: IntCounter,
    pub(super) late_headers: IntCounter,
    pub(super) not_taken: IntCounter,
    pub(super) taken_slowly: IntCounter,
}

pub(super) struct Guard<S> {
    inner: S,
    phase: Phase,
    traffic: Traffic,
    header: Duration,
    stall: Duration,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
    taking: Taking,
    /// What goes out instead of an empty refusal.
    refusal: Vec<u8>,
    /// Runs after a refusal, while what the other end still sends is read and thrown away.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<S> Guard<S> {
    pub(super) fn new(inner: S, phase: Phase, traffic: Traffic, limits: &Limits) -> Self {
        Self {
            inner,
            phase,
            traffic,
            header: limits.header(),
            stall: limits.stall(),
            reading: None,
            writing: None,
            taking: Taking::new(limits.stall(), limits.minimum_rate),
            refusal: Vec::new(),
            lingering: None,
        }
    }
}

fn timed_out<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(cx, buffer);
        let arrived = buffer.filled().len() - before;
        this.traffic.received.inc_by(arrived as u64);
        if this.phase.is_answering() {
            this.reading = None;
            return polled;
        }
        if arrived > 0 && this.reading.is_none() {
            this.reading = Some(Box::pin(sleep(this.header)));
        }
        let late = this.reading.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready());
        if late {
            this.traffic.late_headers.inc();
            return timed_out();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Counts what went out, and watches over it like [`Self::watch`].
    fn count(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let written = if let Poll::Ready(Ok(written)) = polled { written as u64 } else { 0 };
        self.traffic.sent.inc_by(written);
        self.watch(cx, polled, written)
    }

    /// Nothing going out for too long is an error, and so is too little.
    fn watch<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>, written: u64) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.writing = None;
            if self.taking.took(written, Instant::now()) {
                return polled;
            }
            self.traffic.taken_slowly.inc();
            return timed_out();
        }
        self.taking.waits(Instant::now());
        let stall = self.stall;
        let timer = self.writing.get_or_insert_with(|| Box::pin(sleep(stall)));
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.traffic.not_taken.inc();
        timed_out()
    }

    /// Takes over when these bytes are hyper's own empty refusal.
    fn takes_over(&mut self, bytes: &[u8]) -> bool {
        if self.phase.is_answering() || !self.refusal.is_empty() {
            return false;
        }
        let Some(refusal) = refusal_instead_of(bytes) else { return false };
        self.refusal = refusal;
        self.lingering = Some(Box::pin(sleep(LINGER)));
        true
    }

    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.refusal.is_empty() {
            let polled = Pin::new(&mut self.inner).poll_write(cx, &self.refusal);
            let written = ready!(self.count(cx, polled))?;
            self.refusal.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    /// A line that is closed with bytes unread is reset, and the other end would never see why it was refused.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(timer) = &mut self.lingering else { return Poll::Ready(()) };
        let mut scratch = [0; 4_096];
        loop {
            if timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => (),
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.takes_over(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(this.poll_refusal(cx))?;
        let polled = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.count(cx, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let [only] = slices
            && this.takes_over(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        ready!(this.poll_refusal(cx))?;
        let polled = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.count(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_refusal(cx))?;
        let polled = Pin::new(&mut this.inner).poll_flush(cx);
        this.watch(cx, polled, 0)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_refusal(cx))?;
        let polled = Pin::new(&mut this.inner).poll_shutdown(cx);
        ready!(this.watch(cx, polled, 0))?;
        this.poll_linger(cx).map(Ok)
    }
}

/// The problem document to send in place of an answer of status 4xx without a body.
fn refusal_instead_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let head = std::str::from_utf8(bytes).ok()?.strip_prefix("HTTP/1.1 ")?;
    let status = head.get(..3).filter(|status| status.starts_with('4'))?.parse().ok()?;
    let lower = head.to_ascii_lowercase();
    // The first empty line must be the end: a head and nothing after it.
    if head.find("\r\n\r\n")? + 4 != head.len() || !lower.contains("\r\ncontent-length: 0\r\n") {
        return None;
    }
    let code = if matches!(status, 414 | 431) { Code::RequestTooLarge } else { Code::RequestMalformed };
    let problem = Problem { status, ..Problem::new(code) };
    let text = serde_json::to_string(&problem).expect("a problem document is plain JSON");
    let status_line = head.lines().next()?;
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status_line}\r\ncontent-type: {CONTENT_TYPE}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}"
    );
    Some(answer.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_empty_refusals_are_replaced() {
        let refusal = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let replaced = String::from_utf8(refusal_instead_of(refusal).unwrap()).unwrap();
        assert!(replaced.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{replaced}");
        assert!(replaced.contains(r#""code":"request.too-large""#), "{replaced}");
        for other in [
            &b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"\xff\xfe",
        ] {
            assert_eq!(refusal_instead_of(other), None);
        }
    }
}
