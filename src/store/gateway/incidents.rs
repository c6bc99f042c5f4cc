//! What came from a user since a time, and what was ever sent to one.

use jiff::Timestamp;
use sqlx::SqliteExecutor;

use crate::domain::ids::{OfficeCode, UserId};
use crate::store::sqlite::{StoreError, micros, moment};

/// A message that came after a loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its id.
    pub id: String,
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
    let rows: Vec<(String, String, i64, bool)> = sqlx::query_as(
        "SELECT id, state, received_at, suspect_since IS NOT NULL FROM messages
         WHERE direction = 'received' AND office = $1 AND user_id = $2 AND received_at >= $3 ORDER BY number",
    )
    .bind(office.as_str())
    .bind(user.as_str())
    .bind(micros(since))
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|(id, state, received_at, suspect)| Ok(Arrived { id, state, received_at: moment(received_at)?, suspect }))
        .collect()
}

/// How many messages were ever sent to the user: what a thief could have read on that PC.
pub async fn sent_to(executor: impl SqliteExecutor<'_>, office: &OfficeCode, user: &UserId) -> Result<i64, StoreError> {
    let count =
        sqlx::query_scalar("SELECT count(*) FROM messages WHERE direction = 'sent' AND office = $1 AND user_id = $2")
            .bind(office.as_str())
            .bind(user.as_str())
            .fetch_one(executor)
            .await?;
    Ok(count)
}
