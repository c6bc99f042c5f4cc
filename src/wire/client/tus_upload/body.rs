//! The bytes of an upload on their way, and who wants to know how far they are.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt, Take};
use tokio_util::io::ReaderStream;

/// How much is read from the source at a time.
const READ: usize = 128 * 1024;

/// Who wants to know how many bytes are on their way. After a broken line the number goes back to what the relay has.
#[derive(Clone)]
pub struct Progress(pub(super) Arc<dyn Fn(u64) + Send + Sync>);

impl Progress {
    /// Calls `tell` with the number of bytes so far.
    pub fn new(tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Nobody does.
    pub fn none() -> Self {
        Self::new(|_| ())
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress(..)")
    }
}

/// What is known of a body while it travels.
#[derive(Debug)]
pub(super) struct Watch {
    offset: AtomicU64,
    failure: Mutex<Option<io::Error>>,
}

impl Watch {
    /// Nothing has moved from `offset` on.
    pub(super) const fn new(offset: u64) -> Self {
        Self { offset: AtomicU64::new(offset), failure: Mutex::new(None) }
    }

    /// What went wrong with our own file, if anything did.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.failure.lock().expect("no holder of this lock panics").take()
    }

    /// Ends when no byte has moved for that long.
    pub(super) async fn silence(&self, idle_timeout: Duration) {
        let mut before = None;
        loop {
            let now = self.offset.load(Ordering::Relaxed);
            if before == Some(now) {
                return;
            }
            before = Some(now);
            tokio::time::sleep(idle_timeout).await;
        }
    }
}

/// The body of a request, with its length known beforehand.
pub(super) struct Outgoing<R> {
    stream: ReaderStream<Take<R>>,
    remaining: u64,
    watch: Arc<Watch>,
    progress: Progress,
}

impl<R: AsyncRead + Unpin> Outgoing<R> {
    /// So many bytes of a reader.
    pub(super) fn new(reader: R, length: u64, watch: Arc<Watch>, progress: Progress) -> Self {
        Self { stream: ReaderStream::with_capacity(reader.take(length), READ), remaining: length, watch, progress }
    }

    fn fail(&self, error: io::Error) -> io::Error {
        let told = io::Error::from(error.kind());
        *self.watch.failure.lock().expect("no holder of this lock panics") = Some(error);
        told
    }
}

impl<R: AsyncRead + Unpin> Body for Outgoing<R> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(match ready!(Pin::new(&mut self.stream).poll_next(context)) {
            Some(Ok(bytes)) => {
                let length = bytes.len() as u64;
                self.remaining -= length;
                let offset = self.watch.offset.fetch_add(length, Ordering::Relaxed) + length;
                (self.progress.0)(offset);
                Ok(Frame::data(bytes))
            }
            Some(Err(error)) => Err(self.fail(error)),
            None => Err(self.fail(io::ErrorKind::UnexpectedEof.into())),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
