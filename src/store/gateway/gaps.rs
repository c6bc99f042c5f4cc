//! Gaps in streams that are not told yet: the run that found them is not over.

use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::sequence::Range;
use crate::store::sqlite::{StoreError, length};

/// A message beyond numbers that had not come when it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The number of the message.
    pub message: i64,
    /// The sender's address.
    pub sender: String,
    /// What was missing.
    pub missing: Range,
}

/// Notes gaps.
pub async fn insert(connection: &mut SqliteConnection, gaps: &[Gap]) -> Result<(), StoreError> {
    for gap in gaps {
        sqlx::query("INSERT INTO gaps (message, sender, first, last) VALUES ($1, $2, $3, $4)")
            .bind(gap.message)
            .bind(&gap.sender)
            .bind(length(gap.missing.first))
            .bind(length(gap.missing.last))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The oldest gaps that are not told yet.
pub async fn list(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<Gap>, StoreError> {
    let rows: Vec<(i64, String, i64, i64)> =
        sqlx::query_as("SELECT message, sender, first, last FROM gaps ORDER BY message LIMIT $1")
            .bind(limit)
            .fetch_all(executor)
            .await?;
    rows.into_iter()
        .map(|(message, sender, first, last)| {
            let number = |value: i64| u64::try_from(value).map_err(corrupt("sequence"));
            Ok(Gap { message, sender, missing: Range { first: number(first)?, last: number(last)? } })
        })
        .collect()
}

/// Forgets a gap: it was told, or it was none.
pub async fn remove(connection: &mut SqliteConnection, message: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM gaps WHERE message = $1").bind(message).execute(connection).await?;
    Ok(())
}
