//! What is wrong with the gateway itself, as far as it was told: one row for each rule that finds something.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::store::sqlite::{StoreError, micros, moment};

/// Where an alert stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// The rule's code.
    pub code: String,
    /// Codes and numbers that say which or how much.
    pub detail: String,
    /// Since when it is so.
    pub since: Timestamp,
    /// When it was told; none while it may pass by itself.
    pub fired_at: Option<Timestamp>,
    /// Since when it is not so any more, while that may be for a moment only.
    pub calm_at: Option<Timestamp>,
}

/// Every one, those that were told included, the oldest first.
pub async fn all(executor: impl SqliteExecutor<'_>) -> Result<Vec<Alert>, StoreError> {
    type Row = (String, String, i64, Option<i64>, Option<i64>);
    let rows: Vec<Row> =
        sqlx::query_as("SELECT code, detail, since, fired_at, calm_at FROM alerts ORDER BY since, code")
            .fetch_all(executor)
            .await?;
    rows.into_iter()
        .map(|(code, detail, since, fired_at, calm_at)| {
            let (since, fired_at) = (moment(since)?, fired_at.map(moment).transpose()?);
            Ok(Alert { code, detail, since, fired_at, calm_at: calm_at.map(moment).transpose()? })
        })
        .collect()
}

/// Those that were told and are not over.
pub async fn firing(executor: impl SqliteExecutor<'_>) -> Result<Vec<Alert>, StoreError> {
    Ok(all(executor).await?.into_iter().filter(|alert| alert.fired_at.is_some()).collect())
}

/// Writes where one stands.
pub async fn put(connection: &mut SqliteConnection, alert: &Alert) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO alerts (code, detail, since, fired_at, calm_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (code) DO UPDATE SET detail = excluded.detail, since = excluded.since, fired_at = excluded.fired_at,
             calm_at = excluded.calm_at",
    )
    .bind(&alert.code)
    .bind(&alert.detail)
    .bind(micros(alert.since))
    .bind(alert.fired_at.map(micros))
    .bind(alert.calm_at.map(micros))
    .execute(connection)
    .await?;
    Ok(())
}

/// It is over.
pub async fn remove(connection: &mut SqliteConnection, code: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM alerts WHERE code = $1").bind(code).execute(connection).await?;
    Ok(())
}
