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
pub use streams::{Page, Way};

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
        (way, beyond): (Way, i64),
    ) -> Result<Bounds, StoreError> {
        if self == Self::default() {
            let to = if way == Way::Older { 0 } else { i64::MAX };
            return Ok(Bounds { way, beyond, to });
        }
        Ok(match (days::span(executor, numbers, self.from, self.until).await?, way) {
            (Some((first, last)), Way::Older) => Bounds { way, beyond: beyond.min(last.saturating_add(1)), to: first },
            (Some((first, last)), Way::Newer) => Bounds { way, beyond: beyond.max(first.saturating_sub(1)), to: last },
            // There is nothing of these days.
            (None, _) => Bounds { way, beyond: 0, to: 0 },
        })
    }
}
