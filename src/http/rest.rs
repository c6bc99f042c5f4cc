//! What a handler has left of a request's body. A connection that is closed while the other end still writes is reset, and the answer with
//! it: so whoever is refused early would see a broken line instead of the reason. Before the answer goes out, what flows in is read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// Bytes that are read at most.
const MOST: usize = 1 << 20;
/// Whoever sends nothing for so long waits for the answer.
const PAUSE: Duration = Duration::from_millis(500);
/// For so long is read at most: whoever sends little by little is answered all the same.
const LONGEST: Duration = Duration::from_secs(2);

/// Where a body comes to that a handler has let go of.
#[derive(Debug, Clone, Default)]
pub(super) struct Rest(Arc<Mutex<Option<Incoming>>>);

impl Rest {
    /// The body for the handler.
    pub(super) fn lend(&self, body: Incoming) -> Body {
        Body::new(Lent { body: Some(body), rest: self.clone() })
    }

    /// Reads what is left and comes without a pause.
    pub(super) async fn read(self) {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(mut body), mut read) = (left, 0) else { return };
        let reading = async {
            while read < MOST {
                let Ok(Some(Ok(frame))) = timeout(PAUSE, body.frame()).await else { return };
                read += frame.data_ref().map_or(0, Bytes::len);
            }
        };
        // What is left then is left.
        let _ = timeout(LONGEST, reading).await;
    }
}

struct Lent {
    body: Option<Incoming>,
    rest: Rest,
}

impl hyper::body::Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, hyper::body::Body::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let left = self.body.take().filter(|body| !hyper::body::Body::is_end_stream(body));
        *self.rest.0.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}
