//! What users and unions have under way or waiting: kept counters, changed in the transaction of what they count.

use sqlx::{SqliteConnection, SqliteExecutor};

use super::size;
use crate::domain::ids::{InsurerNumber, UserId};
use crate::store::sqlite::{StoreError, length};

/// Bytes and number of parcels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes, counted with their whole length as soon as an upload begins.
    pub bytes: u64,
    /// Uploads and waiting parcels.
    pub items: u64,
}

#[derive(sqlx::FromRow)]
struct Row {
    bytes: i64,
    items: i64,
}

/// What a user has, or with `None` the whole union.
pub async fn of(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    user: Option<&UserId>,
) -> Result<Usage, StoreError> {
    let row: Option<Row> = sqlx::query_as("SELECT bytes, items FROM usage WHERE insurer = $1 AND user_id = $2")
        .bind(insurer.as_str())
        .bind(user.map_or("", UserId::as_str))
        .fetch_optional(executor)
        .await?;
    row.map_or(Ok(Usage::default()), |row| Ok(Usage { bytes: size(row.bytes)?, items: size(row.items)? }))
}

/// The most there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of one user.
    pub user: Usage,
    /// Of all users of a union together.
    pub union: Usage,
}

/// Whose limit is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// The user's.
    User,
    /// The union's.
    Union,
}

/// Counts a parcel of so many bytes that begins, if it is within the limits.
pub async fn reserve(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    bytes: u64,
    limits: Limits,
) -> Result<Result<(), Exceeded>, StoreError> {
    let fits = |usage: Usage, most: Usage| usage.bytes.saturating_add(bytes) <= most.bytes && usage.items < most.items;
    if !fits(of(&mut *connection, insurer, Some(user)).await?, limits.user) {
        return Ok(Err(Exceeded::User));
    }
    if !fits(of(&mut *connection, insurer, None).await?, limits.union) {
        return Ok(Err(Exceeded::Union));
    }
    change(connection, insurer, user, length(bytes), 1).await?;
    Ok(Ok(()))
}

/// Counts what ends.
pub async fn subtract(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    usage: Usage,
) -> Result<(), StoreError> {
    change(connection, insurer, user, -length(usage.bytes), -length(usage.items)).await
}

async fn change(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    bytes: i64,
    items: i64,
) -> Result<(), StoreError> {
    for user in [user.as_str(), ""] {
        sqlx::query(
            "INSERT INTO usage (insurer, user_id, bytes, items) VALUES ($1, $2, $3, $4)
             ON CONFLICT (insurer, user_id) DO UPDATE SET bytes = usage.bytes + excluded.bytes,
                                                          items = usage.items + excluded.items",
        )
        .bind(insurer.as_str())
        .bind(user)
        .bind(bytes)
        .bind(items)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
