//! Parcels that are left at the relay for a temporary cause.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::MessageId;
use crate::store::sqlite::{StoreError, groups, length, micros, moment};

/// One parcel that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which parcel.
    pub id: MessageId,
    /// Why, as a code.
    pub cause: String,
    /// Its length in bytes, as the relay says.
    pub size: u64,
    /// Since when it waits.
    pub first_seen: Timestamp,
    /// When it was tried last.
    pub last_try: Timestamp,
    /// When it may be tried again.
    pub next_try: Timestamp,
    /// How often it was tried.
    pub tries: u32,
}

/// Notes that a parcel waits, or waits on.
pub async fn put(connection: &mut SqliteConnection, waiting: &Waiting) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO waiting (id, cause, size, first_seen, last_try, next_try, tries) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (id) DO UPDATE SET cause = excluded.cause, size = excluded.size, last_try = excluded.last_try,
             next_try = excluded.next_try, tries = excluded.tries",
    )
    .bind(waiting.id.to_string())
    .bind(&waiting.cause)
    .bind(length(waiting.size))
    .bind(micros(waiting.first_seen))
    .bind(micros(waiting.last_try))
    .bind(micros(waiting.next_try))
    .bind(waiting.tries)
    .execute(connection)
    .await?;
    Ok(())
}

/// Those that have waited longest.
pub async fn list(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<Waiting>, StoreError> {
    type Row = (String, String, i64, i64, i64, i64, u32);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, cause, size, first_seen, last_try, next_try, tries FROM waiting ORDER BY id LIMIT $1",
    )
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|(id, cause, size, first_seen, last_try, next_try, tries)| {
            Ok(Waiting {
                id: id.parse().map_err(corrupt("message id"))?,
                cause,
                size: u64::try_from(size).map_err(corrupt("size"))?,
                first_seen: moment(first_seen)?,
                last_try: moment(last_try)?,
                next_try: moment(next_try)?,
                tries,
            })
        })
        .collect()
}

/// Forgets parcels: they have arrived, or the relay has them no more.
pub async fn remove(connection: &mut SqliteConnection, ids: &[MessageId]) -> Result<(), StoreError> {
    for group in groups(ids) {
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM waiting WHERE id IN (");
        let mut list = query.separated(", ");
        for id in group {
            list.push_bind(id.to_string());
        }
        query.push(")");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
