//! Pages of lists.

use serde::{Deserialize, Serialize};

use crate::domain::ids::OfficeCode;
use crate::wire::page::{DEFAULT_LIMIT, MAX_LIMIT, MAX_WAIT_SECONDS};
use crate::wire::problem::{Code, Problem};

/// Which messages a list shows.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asked {
    pub(super) state: Option<String>,
    pub(super) office: Option<OfficeCode>,
    pub(super) after: Option<String>,
    pub(super) limit: Option<u32>,
}

/// A list that is no page.
#[derive(Debug, Serialize)]
pub(super) struct All<T> {
    pub(super) items: Vec<T>,
}

/// One page.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    items: Vec<T>,
    /// Handed back as `after` it gives the next page; absent when the page is empty.
    next: Option<String>,
    /// Whether something followed when the page was made.
    more: bool,
}

/// How many items are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit(usize);

impl Limit {
    /// What the query says, within what goes.
    pub(super) fn new(asked: Option<u32>) -> Result<Self, Problem> {
        let limit = asked.unwrap_or(DEFAULT_LIMIT);
        if (1..=MAX_LIMIT).contains(&limit) {
            Ok(Self(limit as usize))
        } else {
            Err(malformed(format!("limit must be 1 to {MAX_LIMIT}")))
        }
    }

    /// One row more than is shown tells whether more follow.
    pub(super) fn rows(self) -> u32 {
        u32::try_from(self.0 + 1).unwrap_or(u32::MAX)
    }

    /// What is shown of the rows.
    pub(super) fn page<R, T>(
        self,
        mut rows: Vec<R>,
        cursor: impl Fn(&R) -> String,
        show: impl FnMut(&R) -> T,
    ) -> Page<T> {
        let more = rows.len() > self.0;
        rows.truncate(self.0);
        Page { next: rows.last().map(cursor), more, items: rows.iter().map(show).collect() }
    }
}

impl<T> Page<T> {
    /// Whether there is nothing on it.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// A place in a list by number.
pub(super) fn place(after: Option<&str>) -> Result<Option<i64>, Problem> {
    let read = |text: &str| text.parse().ok().filter(|place: &i64| *place >= 0);
    after.map(|text| read(text).ok_or_else(|| malformed("after must be what next of a page said"))).transpose()
}

/// Seconds that may be waited.
pub(super) fn wait(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(0) {
        wait @ ..=MAX_WAIT_SECONDS => Ok(wait),
        _ => Err(malformed(format!("wait must be at most {MAX_WAIT_SECONDS}"))),
    }
}

/// A query that says what cannot be.
pub(super) fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(Code::RequestMalformed).with_detail(detail)
}
