//! What the relay answers, a file for each resource.

pub mod about;
pub mod acknowledgements;
pub mod certificates;
pub mod handshake;
pub mod parcels;
pub mod sent;
pub mod union;
pub mod uploads;
pub mod users;

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
