//! What came from a user since a time, and what was ever given out to one.

use jiff::Timestamp;
use sqlx::SqliteExecutor;

use crate::domain::ids::{OfficeCode, UserId};
use crate::store::sqlite::{StoreError, micros, moment};

/// A message that came after a loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its id.
    pub id: String,
    /// The file's name, as far as one could be read.
    pub file_name: Option<String>,
    /// Where it stands.
    pub state: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Whether it was archived and is marked as suspect.
    pub suspect: bool,
}

/// What came in the user's name since then, oldest first.
pub async fn arrived(
    executor: impl SqliteExecutor<'_>,
    office: &OfficeCode,
    user: &UserId,
    since: Timestamp,
) -> Result<Vec<Arrived>, StoreError> {
    let rows: Vec<(String, Option<String>, String, i64, bool)> = sqlx::query_as(
        "SELECT id, file_name, state, received_at, suspect_since IS NOT NULL FROM messages
         WHERE office = $1 AND user_id = $2 AND received_at >= $3 ORDER BY number",
    )
    .bind(office.as_str())
    .bind(user.as_str())
    .bind(micros(since))
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|(id, file_name, state, received_at, suspect)| {
            Ok(Arrived { id, file_name, state, received_at: moment(received_at)?, suspect })
        })
        .collect()
}

/// A message to the user of which that PC was given bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// Its id.
    pub id: String,
    /// The file's name.
    pub file_name: String,
    /// When the first bytes were given out.
    pub fetched_at: Timestamp,
    /// When the app had verified it.
    pub verified_at: Option<Timestamp>,
}

/// What was given out to the user, ever, oldest first: what a thief may have read on that PC.
pub async fn exposed(executor: impl SqliteExecutor<'_>, user: &UserId) -> Result<Vec<Exposed>, StoreError> {
    let rows: Vec<(String, String, i64, Option<i64>)> = sqlx::query_as(
        "SELECT s.id, d.file_name, r.fetched_at, r.verified_at FROM sent_recipients r
             JOIN sent s ON s.number = r.message JOIN dispatches d ON d.number = s.dispatch
         WHERE r.user_id = $1 AND r.fetched_at IS NOT NULL ORDER BY r.fetched_at, s.number",
    )
    .bind(user.as_str())
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|(id, file_name, fetched_at, verified_at)| {
            let verified_at = verified_at.map(moment).transpose()?;
            Ok(Exposed { id, file_name, fetched_at: moment(fetched_at)?, verified_at })
        })
        .collect()
}

/// How many messages were ever sealed for the user.
pub async fn sent_to(executor: impl SqliteExecutor<'_>, user: &UserId) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar("SELECT count(*) FROM sent_recipients WHERE user_id = $1").bind(user.as_str());
    Ok(count.fetch_one(executor).await?)
}
