//! What users and unions have under way, waiting and lying here: counters, changed in the transaction of what they count.

use sqlx::{SqliteConnection, SqliteExecutor};

use super::size;
use super::uploads::Depositor;
use crate::domain::ids::{InsurerNumber, UserId};
use crate::store::sqlite::{StoreError, length};

/// Bytes and number of parcels and deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes, counted with their whole length as soon as an upload begins.
    pub bytes: u64,
    /// Uploads, and what waits.
    pub items: u64,
    /// Bytes of what waits no more and is not deleted yet.
    pub kept_bytes: u64,
}

#[derive(sqlx::FromRow)]
struct Row {
    bytes: i64,
    items: i64,
    kept_bytes: i64,
}

/// What a user has, or with `None` the whole union.
pub async fn of(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    user: Option<&UserId>,
) -> Result<Usage, StoreError> {
    let sql = "SELECT bytes, items, kept_bytes FROM usage WHERE insurer = $1 AND user_id = $2";
    let row: Option<Row> = sqlx::query_as(sql)
        .bind(insurer.as_str())
        .bind(user.map_or("", UserId::as_str))
        .fetch_optional(executor)
        .await?;
    row.map_or(Ok(Usage::default()), |row| {
        Ok(Usage { bytes: size(row.bytes)?, items: size(row.items)?, kept_bytes: size(row.kept_bytes)? })
    })
}

/// The most there may be of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Bytes under way and waiting.
    pub bytes: u64,
    /// Uploads, and what waits.
    pub items: u64,
    /// All bytes that lie here: under way, waiting, and kept after that.
    pub stored_bytes: u64,
}

/// The most there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of one user.
    pub user: Limit,
    /// Of a union and all its users together.
    pub union: Limit,
}

/// Whose limit is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// The user's.
    User,
    /// The union's.
    Union,
}

/// Counts an upload of so many bytes that begins, if it is within the limits: its user's and its union's.
pub async fn reserve(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    by: &Depositor,
    bytes: u64,
    limits: Limits,
) -> Result<Result<(), Exceeded>, StoreError> {
    let fits = |usage: Usage, most: Limit| {
        let waiting = usage.bytes.saturating_add(bytes);
        let stored = waiting.saturating_add(usage.kept_bytes);
        waiting <= most.bytes && stored <= most.stored_bytes && usage.items < most.items
    };
    if let Some(user) = by.user()
        && !fits(of(&mut *connection, insurer, Some(user)).await?, limits.user)
    {
        return Ok(Err(Exceeded::User));
    }
    if !fits(of(&mut *connection, insurer, None).await?, limits.union) {
        return Ok(Err(Exceeded::Union));
    }
    let begun = Change { bytes: length(bytes), items: 1, kept_bytes: 0 };
    change(connection, insurer, by, begun).await?;
    Ok(Ok(()))
}

/// Counts an upload that was given up.
pub async fn give_up(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    by: &Depositor,
    bytes: u64,
) -> Result<(), StoreError> {
    change(connection, insurer, by, Change { bytes: -length(bytes), items: -1, kept_bytes: 0 }).await
}

/// Counts what does not wait any more, but lies here until it is deleted.
pub async fn acknowledge(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    by: &Depositor,
    bytes: u64,
    items: u64,
) -> Result<(), StoreError> {
    let taken = Change { bytes: -length(bytes), items: -length(items), kept_bytes: length(bytes) };
    change(connection, insurer, by, taken).await
}

/// Counts what waited no more and whose bytes were deleted.
pub async fn purge(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    by: &Depositor,
    bytes: u64,
) -> Result<(), StoreError> {
    change(connection, insurer, by, Change { bytes: 0, items: 0, kept_bytes: -length(bytes) }).await
}

/// By how much the counters change.
#[derive(Debug, Clone, Copy)]
struct Change {
    bytes: i64,
    items: i64,
    kept_bytes: i64,
}

async fn change(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    by: &Depositor,
    change: Change,
) -> Result<(), StoreError> {
    for account in by.user().map(UserId::as_str).into_iter().chain([""]) {
        sqlx::query(
            "INSERT INTO usage (insurer, user_id, bytes, items, kept_bytes) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (insurer, user_id) DO UPDATE SET bytes = usage.bytes + excluded.bytes,
                                                          items = usage.items + excluded.items,
                                                          kept_bytes = usage.kept_bytes + excluded.kept_bytes",
        )
        .bind(insurer.as_str())
        .bind(account)
        .bind(change.bytes)
        .bind(change.items)
        .bind(change.kept_bytes)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
