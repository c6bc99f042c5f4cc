//! How much there is of what nobody counts by the way, for those who watch the relay.

use jiff::Timestamp;
use sqlx::SqliteExecutor;

use super::size;
use crate::store::sqlite::{StoreError, micros, moment};

/// What is looked up every few seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Users who are enabled.
    pub users_enabled: u64,
    /// Users who are not.
    pub users_disabled: u64,
    /// Sessions that have not ended.
    pub sessions: u64,
    /// Unions that are enabled.
    pub unions_enabled: u64,
    /// When the enabled union was heard of that was not heard of for longest.
    pub union_silent_since: Option<Timestamp>,
    /// When the oldest mail that waits was made.
    pub mails_since: Option<Timestamp>,
}

/// Looks everything up.
pub async fn read(executor: impl SqliteExecutor<'_>, now: Timestamp) -> Result<Figures, StoreError> {
    let (users, enabled, sessions, unions, silent, mails): (i64, i64, i64, i64, Option<i64>, Option<i64>) =
        sqlx::query_as(
            "SELECT (SELECT count(*) FROM users),
                 (SELECT count(*) FROM users WHERE enabled),
                 (SELECT count(*) FROM sessions WHERE expires_at > $1),
                 (SELECT count(*) FROM unions WHERE enabled),
                 (SELECT min(coalesce(last_seen_at, added_at)) FROM unions WHERE enabled),
                 (SELECT min(created_at) FROM outbox)",
        )
        .bind(micros(now))
        .fetch_one(executor)
        .await?;
    Ok(Figures {
        users_enabled: size(enabled)?,
        users_disabled: size(users - enabled)?,
        sessions: size(sessions)?,
        unions_enabled: size(unions)?,
        union_silent_since: silent.map(moment).transpose()?,
        mails_since: mails.map(moment).transpose()?,
    })
}
