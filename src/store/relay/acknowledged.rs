//! Parcels that their union has: kept for a grace time, in which it can list them again, then purged.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::parcels::{COLUMNS, Parcel, Row};
use super::{corrupt, parse_all, push_ids, size};
use crate::domain::ids::{InsurerNumber, MessageId, UserId};
use crate::store::sqlite::{StoreError, groups, micros};

/// A parcel that its union has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Which.
    pub id: MessageId,
    /// Who deposited it.
    pub user: UserId,
    /// Length in bytes.
    pub size: u64,
}

#[derive(sqlx::FromRow)]
struct TakenRow {
    message_id: String,
    user_id: String,
    size: i64,
}

impl TryFrom<TakenRow> for Taken {
    type Error = StoreError;

    fn try_from(row: TakenRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.message_id.parse().map_err(corrupt("message id"))?,
            user: row.user_id.parse().map_err(corrupt("user id"))?,
            size: size(row.size)?,
        })
    }
}

/// Acknowledges those of these parcels that still wait, gives them their places, and says which.
pub async fn acknowledge(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    ids: &[MessageId],
    now: Timestamp,
) -> Result<Vec<Taken>, StoreError> {
    let mut taken = Vec::with_capacity(ids.len());
    for group in groups(ids) {
        let mut query = QueryBuilder::<Sqlite>::new("UPDATE parcels SET acknowledged_at = ");
        query.push_bind(micros(now)).push(" WHERE acknowledged_at IS NULL AND insurer = ").push_bind(insurer.as_str());
        push_ids(&mut query, group);
        query.push(" RETURNING message_id, user_id, size");
        let rows: Vec<TakenRow> = query.build_query_as().fetch_all(&mut *connection).await?;
        let rows: Vec<Taken> = parse_all(rows)?;
        if !rows.is_empty() {
            let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO acknowledgements (insurer, message_id) ");
            query.push_values(&rows, |mut row, taken| {
                row.push_bind(insurer.as_str()).push_bind(taken.id.to_string());
            });
            query.build().execute(&mut *connection).await?;
        }
        taken.extend(rows);
    }
    Ok(taken)
}

/// What a union has acknowledged and is still here, after a place in the order of the acknowledgements.
pub async fn kept(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    after: i64,
    limit: i64,
) -> Result<Vec<Parcel>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT a.number AS seq, ");
    query.push(COLUMNS).push(
        " FROM acknowledgements a JOIN parcels p ON p.insurer = a.insurer AND p.message_id = a.message_id
          WHERE a.insurer = ",
    );
    query.push_bind(insurer.as_str()).push(" AND a.number > ").push_bind(after);
    query.push(" ORDER BY a.number LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    parse_all(rows)
}

/// The place of the newest acknowledgement of what is still here.
pub async fn newest(executor: impl SqliteExecutor<'_>, insurer: &InsurerNumber) -> Result<Option<i64>, StoreError> {
    let newest = sqlx::query_scalar("SELECT max(number) FROM acknowledgements WHERE insurer = $1");
    Ok(newest.bind(insurer.as_str()).fetch_one(executor).await?)
}

#[derive(sqlx::FromRow)]
struct ToPurge {
    insurer: String,
    #[sqlx(flatten)]
    taken: TakenRow,
}

impl TryFrom<ToPurge> for (InsurerNumber, Taken) {
    type Error = StoreError;

    fn try_from(row: ToPurge) -> Result<Self, StoreError> {
        Ok((row.insurer.parse().map_err(corrupt("insurer number"))?, row.taken.try_into()?))
    }
}

/// Parcels acknowledged before a moment whose bytes are still there, the oldest first; at most `limit`, after the first
/// `skip`.
pub async fn to_purge(
    executor: impl SqliteExecutor<'_>,
    before: Timestamp,
    skip: i64,
    limit: i64,
) -> Result<Vec<(InsurerNumber, Taken)>, StoreError> {
    let rows: Vec<ToPurge> = sqlx::query_as(
        "SELECT insurer, message_id, user_id, size FROM parcels
         WHERE acknowledged_at IS NOT NULL AND purged_at IS NULL AND acknowledged_at <= $1
         ORDER BY acknowledged_at, seq LIMIT $2 OFFSET $3",
    )
    .bind(micros(before))
    .bind(limit)
    .bind(skip)
    .fetch_all(executor)
    .await?;
    parse_all(rows)
}

/// Notes that the bytes are gone; whether that was new.
pub async fn purged(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    id: MessageId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM acknowledgements WHERE insurer = $1 AND message_id = $2")
        .bind(insurer.as_str())
        .bind(id.to_string())
        .execute(&mut *connection)
        .await?;
    let done =
        sqlx::query("UPDATE parcels SET purged_at = $3 WHERE insurer = $1 AND message_id = $2 AND purged_at IS NULL")
            .bind(insurer.as_str())
            .bind(id.to_string())
            .bind(micros(now))
            .execute(connection)
            .await?;
    Ok(done.rows_affected() > 0)
}
