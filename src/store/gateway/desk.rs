//! How much staff have before them: figures of the console's first page.

use jiff::Timestamp;
use sqlx::SqliteExecutor;

use crate::store::sqlite::{StoreError, micros};

/// Beyond this nobody counts, and nobody waits for the counting.
pub const MOST: i64 = 10_000;

/// What there is to do, and what was done today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Desk {
    /// Archived and not reviewed; at most [`MOST`].
    pub to_review: i64,
    /// Came since the day began.
    pub received: i64,
    /// Were sent since the day began.
    pub sent: i64,
    /// Wait for a second person to agree.
    pub asked: i64,
}

/// Looks them up. Takes no longer when more is archived.
pub async fn read(executor: impl SqliteExecutor<'_>, midnight: Timestamp, now: Timestamp) -> Result<Desk, StoreError> {
    let (to_review, received, sent, asked) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM messages WHERE state = 'archived' LIMIT $2)),
             (SELECT count(*) FROM messages WHERE received_at >= $1),
             (SELECT count(*) FROM sent WHERE created_at >= $1),
             (SELECT count(*) FROM consents WHERE outcome IS NULL AND (ends_at IS NULL OR ends_at > $3))",
    )
    .bind(micros(midnight))
    .bind(MOST)
    .bind(micros(now))
    .fetch_one(executor)
    .await?;
    Ok(Desk { to_review, received, sent, asked })
}
