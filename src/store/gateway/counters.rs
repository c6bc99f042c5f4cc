//! Counters that are kept, so that nobody counts rows.

use std::collections::BTreeMap;

use sqlx::{SqliteConnection, SqliteExecutor};

use crate::store::sqlite::StoreError;

/// Messages that were archived, ever.
pub const ARCHIVED: &str = "messages.archived";
/// Messages that were quarantined, ever.
pub const QUARANTINED: &str = "messages.quarantined";
/// Sealed bytes that were archived, ever.
pub const ARCHIVED_BYTES: &str = "bytes.archived";

/// Users about whom the relay and we differ so that staff have to decide, at the last comparison.
pub const DIFFERING: &str = "relay.differing";

/// Adds to a counter.
pub async fn add(connection: &mut SqliteConnection, name: &str, amount: i64) -> Result<(), StoreError> {
    if amount != 0 {
        sqlx::query(
            "INSERT INTO counters (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value",
        )
        .bind(name)
        .bind(amount)
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Sets what is no sum but the newest count of something.
pub async fn set(connection: &mut SqliteConnection, name: &str, value: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(connection)
    .await?;
    Ok(())
}

/// Every counter.
pub async fn all(executor: impl SqliteExecutor<'_>) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT name, value FROM counters").fetch_all(executor).await?;
    Ok(rows.into_iter().collect())
}
