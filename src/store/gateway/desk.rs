//! How much staff have before them: figures of the console's first page.

use jiff::Timestamp;
use sqlx::SqliteExecutor;

use super::days::day_of;
use crate::store::sqlite::{StoreError, micros};

/// What there is to do, and what was done today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Desk {
    /// Archived and not reviewed.
    pub to_review: i64,
    /// Are in quarantine.
    pub quarantined: i64,
    /// Came since the day began, in Japan.
    pub received: i64,
    /// Were sent since then.
    pub sent: i64,
    /// Wait for a second person to agree.
    pub asked: i64,
}

/// Looks them up where they are kept; only requests that are open are counted.
pub async fn read(executor: impl SqliteExecutor<'_>, now: Timestamp) -> Result<Desk, StoreError> {
    let (to_review, quarantined, received, sent, asked) = sqlx::query_as(
        "SELECT COALESCE((SELECT value FROM counters WHERE name = 'received.archived'), 0),
             COALESCE((SELECT value FROM counters WHERE name = 'received.quarantined'), 0),
             COALESCE((SELECT archived + quarantined FROM received_days WHERE day = $1), 0),
             COALESCE((SELECT files FROM sent_days WHERE day = $1), 0),
             (SELECT count(*) FROM consents WHERE outcome IS NULL AND (ends_at IS NULL OR ends_at > $2))",
    )
    .bind(day_of(now))
    .bind(micros(now))
    .fetch_one(executor)
    .await?;
    Ok(Desk { to_review, quarantined, received, sent, asked })
}
