//! What the relay answers, a file for each resource.

pub mod about;
pub mod acknowledgements;
pub mod certificates;
mod content;
pub mod deliveries;
pub mod enrolment;
pub mod handshake;
pub mod inbox;
pub mod login;
pub mod notices;
pub mod order;
pub mod parcels;
pub mod pin;
pub mod requests;
pub mod sent;
pub mod union;
pub mod uploads;
pub mod users;
pub mod withdrawals;

use std::pin::pin;
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use super::state::App;
use crate::http::Peer;
use crate::runtime::metrics::IntGauge;
use crate::wire::page::{DEFAULT_LIMIT, MAX_LIMIT, MAX_WAIT_SECONDS, Page, PageQuery};
use crate::wire::problem::{Code, Problem};

/// A page that may be asked for.
#[derive(Debug, Clone, Copy)]
struct Window {
    after: i64,
    limit: usize,
    wait: u64,
}

impl Window {
    fn new(query: PageQuery) -> Result<Self, Problem> {
        let malformed = |detail: String| Err(Problem::new(Code::RequestMalformed).with_detail(detail));
        let (limit, wait) = (query.limit.unwrap_or(DEFAULT_LIMIT), query.wait.unwrap_or(0));
        if !(1..=MAX_LIMIT).contains(&limit) {
            return malformed(format!("limit must be 1 to {MAX_LIMIT}"));
        }
        if wait > MAX_WAIT_SECONDS {
            return malformed(format!("wait must be at most {MAX_WAIT_SECONDS}"));
        }
        Ok(Self { after: query.after.map_or(0, |cursor| cursor.0), limit: limit as usize, wait: wait.into() })
    }

    /// A page of fewer rows than a caller may ask for elsewhere.
    fn at_most(self, rows: usize) -> Self {
        Self { limit: self.limit.min(rows), ..self }
    }

    /// One row more than is shown tells whether more follow.
    fn rows(self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    fn page<T>(self, mut items: Vec<T>, cursor: impl Fn(&T) -> crate::wire::page::Cursor) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        Page { next: items.last().map(cursor), more, items }
    }
}

/// Runs to its end even when the caller's line breaks meanwhile, so that what was begun is
/// not left half done.
async fn detached<T: Send + 'static>(
    app: &App,
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let (done, result) = oneshot::channel();
    app.shutdown.spawn(async move {
        // Nobody waits any more when the line is broken.
        let _ = done.send(work.await);
    });
    result.await.unwrap_or_else(|_| Err(Problem::new(Code::Unavailable)))
}

/// Looks until there is something to tell, or until `seconds` are over; whenever the bell rings.
async fn wait_for<T, F>(
    app: &App,
    peer: &Peer,
    bell: &Notify,
    seconds: u64,
    look: impl Fn() -> F,
    is_enough: impl Fn(&T) -> bool,
) -> Result<T, Problem>
where
    F: Future<Output = Result<T, Problem>>,
{
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        // Listening begins before looking: what comes in between rings too.
        let mut rung = pin!(bell.notified());
        rung.as_mut().enable();
        let seen = look().await?;
        let over = app.shutdown.is_stopping() || peer.ended.is_cancelled() || Instant::now() >= deadline;
        if is_enough(&seen) || over {
            return Ok(seen);
        }
        let polling = Polling::begin(&app.metrics.long_polls);
        let happened = tokio::select! {
            rung = timeout_at(deadline, rung) => rung.is_ok(),
            () = app.shutdown.soft().cancelled() => false,
            () = peer.ended.cancelled() => false,
        };
        drop(polling);
        // Nothing has come since the last look.
        if !happened {
            return Ok(seen);
        }
    }
}

/// Counts a long poll as long as it waits, also when its caller's line breaks.
struct Polling(IntGauge);

impl Polling {
    fn begin(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.0.dec();
    }
}
