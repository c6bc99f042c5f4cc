//! Lists that staff filter and search, among a million files, by the page.

pub mod received;
pub mod sent;
mod streams;
pub(in crate::store::gateway) mod words;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use sqlx::SqliteExecutor;

use super::days::{self, Numbers};
use crate::domain::schedule::civil;
use crate::store::sqlite::StoreError;
use streams::Bounds;
pub use streams::Page;

/// Days as they begin and end in Japan; either may be left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Days {
    /// The first day.
    pub from: Option<Date>,
    /// The last day; it belongs to them.
    pub until: Option<Date>,
}

impl Days {
    /// The first moment of them, and the first that is after them.
    fn moments(self) -> (Option<Timestamp>, Option<Timestamp>) {
        let begin = |day: Date| civil(day.at(0, 0, 0, 0));
        let end = |day: Date| begin(day)?.checked_add(SignedDuration::from_hours(24)).ok();
        (self.from.and_then(begin), self.until.and_then(end))
    }

    /// Between which numbers the rows of these days are.
    async fn bounds(
        self,
        executor: impl SqliteExecutor<'_>,
        numbers: Numbers,
        before: Option<i64>,
    ) -> Result<Bounds, StoreError> {
        let before = before.unwrap_or(i64::MAX);
        if self == Self::default() {
            return Ok(Bounds { before, from: 0 });
        }
        Ok(match days::span(executor, numbers, self.from, self.until).await? {
            Some((first, last)) => Bounds { before: before.min(last.saturating_add(1)), from: first },
            // There is nothing of these days.
            None => Bounds { before: 0, from: 0 },
        })
    }
}
