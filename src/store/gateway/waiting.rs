//! Parcels that are left at the relay for a temporary cause.

use std::collections::HashMap;

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

/// Notes that a parcel waits, or waits on. It counts as listed in the run of that number.
pub async fn put(connection: &mut SqliteConnection, waiting: &Waiting, run: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO waiting (id, cause, size, first_seen, last_try, next_try, tries, listed_in)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO UPDATE SET cause = excluded.cause, size = excluded.size, last_try = excluded.last_try,
             next_try = excluded.next_try, tries = excluded.tries, listed_in = excluded.listed_in",
    )
    .bind(waiting.id.to_string())
    .bind(&waiting.cause)
    .bind(length(waiting.size))
    .bind(micros(waiting.first_seen))
    .bind(micros(waiting.last_try))
    .bind(micros(waiting.next_try))
    .bind(waiting.tries)
    .bind(run)
    .execute(connection)
    .await?;
    Ok(())
}

/// The first ones, by id.
pub async fn list(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<Waiting>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, cause, size, first_seen, last_try, next_try, tries FROM waiting ORDER BY id LIMIT $1",
    )
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(parse).collect()
}

/// Those of these ids that wait.
pub async fn find(
    connection: &mut SqliteConnection,
    ids: &[MessageId],
) -> Result<HashMap<MessageId, Waiting>, StoreError> {
    let mut found = HashMap::new();
    for group in groups(ids) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT id, cause, size, first_seen, last_try, next_try, tries FROM waiting WHERE id IN (",
        );
        push_ids(&mut query, group);
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            let waiting = parse(row)?;
            found.insert(waiting.id, waiting);
        }
    }
    Ok(found)
}

/// How many there are.
pub async fn count(executor: impl SqliteExecutor<'_>) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM waiting").fetch_one(executor).await?;
    u64::try_from(count).map_err(corrupt("count"))
}

/// Notes that the run of that number has found these in the relay's list.
pub async fn listed(connection: &mut SqliteConnection, ids: &[MessageId], run: i64) -> Result<(), StoreError> {
    for group in groups(ids) {
        let mut query = QueryBuilder::<Sqlite>::new("UPDATE waiting SET listed_in = ");
        query.push_bind(run).push(" WHERE id IN (");
        push_ids(&mut query, group);
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Forgets what the run of that number has not found in the relay's whole list.
pub async fn remove_unlisted(connection: &mut SqliteConnection, run: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM waiting WHERE listed_in < $1").bind(run).execute(connection).await?;
    Ok(())
}

/// Forgets parcels: they have arrived, or the relay has them no more.
pub async fn remove(connection: &mut SqliteConnection, ids: &[MessageId]) -> Result<(), StoreError> {
    for group in groups(ids) {
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM waiting WHERE id IN (");
        push_ids(&mut query, group);
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

fn push_ids(query: &mut QueryBuilder<Sqlite>, ids: &[MessageId]) {
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id.to_string());
    }
    query.push(")");
}

type Row = (String, String, i64, i64, i64, i64, u32);

fn parse((id, cause, size, first_seen, last_try, next_try, tries): Row) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        id: id.parse().map_err(corrupt("message id"))?,
        cause,
        size: u64::try_from(size).map_err(corrupt("size"))?,
        first_seen: moment(first_seen)?,
        last_try: moment(last_try)?,
        next_try: moment(next_try)?,
        tries,
    })
}
