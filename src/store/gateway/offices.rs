//! Offices of the union.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::OfficeCode;
use crate::store::sqlite::{StoreError, micros, moment};

/// An employer's site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Office {
    /// 事業所記号.
    pub code: OfficeCode,
    /// Its name, for staff.
    pub name: String,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// Adds an office.
pub async fn insert(connection: &mut SqliteConnection, office: &Office) -> Result<(), StoreError> {
    let done = sqlx::query("INSERT INTO offices (code, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(office.code.as_str())
        .bind(&office.name)
        .bind(micros(office.created_at))
        .execute(connection)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Exists("office")) }
}

/// The offices after `after` in the order of their codes.
pub async fn list(
    executor: impl SqliteExecutor<'_>,
    after: Option<&OfficeCode>,
    limit: u32,
) -> Result<Vec<Office>, StoreError> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT code, name, created_at FROM offices WHERE code > $1 ORDER BY code LIMIT $2")
            .bind(after.map_or("", OfficeCode::as_str))
            .bind(limit)
            .fetch_all(executor)
            .await?;
    rows.into_iter()
        .map(|(code, name, created_at)| {
            Ok(Office { code: code.parse().map_err(corrupt("office"))?, name, created_at: moment(created_at)? })
        })
        .collect()
}
