//! Parcels: what is complete, waits for its union, and later lies in grace until it is purged.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::{corrupt, size};
use crate::domain::digest::Tag;
use crate::domain::ids::{InsurerNumber, MessageId, UserId};
use crate::store::sqlite::{StoreError, groups, length, micros, moment};

/// A parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The place in every list.
    pub seq: i64,
    /// The id of the message inside.
    pub id: MessageId,
    /// Who deposited it.
    pub user: UserId,
    /// Length in bytes.
    pub size: u64,
    /// The GCM tag read from its end, if it ends like a sealed message.
    pub tag: Option<Tag>,
    /// When the last byte was durable.
    pub deposited_at: Timestamp,
    /// The relay's receipt.
    pub relayed: Vec<u8>,
    /// When the union had it.
    pub acknowledged_at: Option<Timestamp>,
    /// When the bytes were deleted.
    pub purged_at: Option<Timestamp>,
}

const COLUMNS: &str =
    "seq, message_id, user_id, size, tag, deposited_at, relayed, acknowledged_at, purged_at FROM parcels";

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    message_id: String,
    user_id: String,
    size: i64,
    tag: Option<Vec<u8>>,
    deposited_at: i64,
    relayed: Vec<u8>,
    acknowledged_at: Option<i64>,
    purged_at: Option<i64>,
}

impl TryFrom<Row> for Parcel {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let tag = row.tag.map(|tag| Tag::try_from(tag.as_slice())).transpose();
        Ok(Self {
            seq: row.seq,
            id: row.message_id.parse().map_err(corrupt("message id"))?,
            user: row.user_id.parse().map_err(corrupt("user id"))?,
            size: size(row.size)?,
            tag: tag.map_err(corrupt("tag"))?,
            deposited_at: moment(row.deposited_at)?,
            relayed: row.relayed,
            acknowledged_at: row.acknowledged_at.map(moment).transpose()?,
            purged_at: row.purged_at.map(moment).transpose()?,
        })
    }
}

/// A parcel that has just become complete.
#[derive(Debug, Clone)]
pub struct NewParcel {
    /// Of which union.
    pub insurer: InsurerNumber,
    /// The id of the message inside.
    pub id: MessageId,
    /// Who deposited it.
    pub user: UserId,
    /// Length in bytes.
    pub size: u64,
    /// The GCM tag read from its end, if it ends like a sealed message.
    pub tag: Option<Tag>,
    /// When the last byte was durable.
    pub deposited_at: Timestamp,
    /// The relay's receipt.
    pub relayed: Vec<u8>,
}

/// Makes a parcel visible.
pub async fn insert(connection: &mut SqliteConnection, parcel: &NewParcel) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO parcels (insurer, message_id, user_id, size, tag, deposited_at, relayed)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(parcel.insurer.as_str())
    .bind(parcel.id.to_string())
    .bind(parcel.user.as_str())
    .bind(length(parcel.size))
    .bind(parcel.tag.as_ref().map(|tag| tag.as_bytes().as_slice()))
    .bind(micros(parcel.deposited_at))
    .bind(parcel.relayed.as_slice())
    .execute(connection)
    .await?;
    Ok(())
}

/// One parcel of a union.
pub async fn find(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    id: MessageId,
) -> Result<Option<Parcel>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
    query.push(COLUMNS).push(" WHERE insurer = ").push_bind(insurer.as_str());
    query.push(" AND message_id = ").push_bind(id.to_string());
    let row: Option<Row> = query.build_query_as().fetch_optional(executor).await?;
    row.map(TryInto::try_into).transpose()
}

/// What waits for a union after a place in the list.
pub async fn waiting(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    after: i64,
    limit: i64,
) -> Result<Vec<Parcel>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
    query.push(COLUMNS).push(" WHERE acknowledged_at IS NULL AND insurer = ").push_bind(insurer.as_str());
    query.push(" AND seq > ").push_bind(after).push(" ORDER BY seq LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// What a user has sent, after a place in the list.
pub async fn sent(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    user: &UserId,
    after: i64,
    limit: i64,
) -> Result<Vec<Parcel>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
    query.push(COLUMNS).push(" WHERE insurer = ").push_bind(insurer.as_str());
    query.push(" AND user_id = ").push_bind(user.as_str());
    query.push(" AND seq > ").push_bind(after).push(" ORDER BY seq LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

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

/// Acknowledges those of these parcels that still wait, and says which.
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
        let rows: Vec<(String, String, i64)> = query.build_query_as().fetch_all(&mut *connection).await?;
        for (id, user, bytes) in rows {
            taken.push(Taken {
                id: id.parse().map_err(corrupt("message id"))?,
                user: user.parse().map_err(corrupt("user id"))?,
                size: size(bytes)?,
            });
        }
    }
    Ok(taken)
}

/// Those of these ids that have bytes at the relay: as an upload, or as a parcel that is not purged.
pub async fn with_bytes(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    ids: &[MessageId],
) -> Result<Vec<MessageId>, StoreError> {
    let mut known = Vec::with_capacity(ids.len());
    for group in groups(ids) {
        // Uploads first: one that becomes a parcel in between is found then.
        for sql in [
            "SELECT message_id FROM uploads WHERE insurer = ",
            "SELECT message_id FROM parcels WHERE purged_at IS NULL AND insurer = ",
        ] {
            let mut query = QueryBuilder::<Sqlite>::new(sql);
            query.push_bind(insurer.as_str());
            push_ids(&mut query, group);
            let rows: Vec<String> = query.build_query_scalar().fetch_all(&mut *connection).await?;
            for id in rows {
                known.push(id.parse().map_err(corrupt("message id"))?);
            }
        }
    }
    Ok(known)
}

/// Those of these ids that are parcels of this union, in whatever state.
pub async fn known(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    ids: &[MessageId],
) -> Result<Vec<MessageId>, StoreError> {
    let mut known = Vec::with_capacity(ids.len());
    for group in groups(ids) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT message_id FROM parcels WHERE insurer = ");
        query.push_bind(insurer.as_str());
        push_ids(&mut query, group);
        let rows: Vec<String> = query.build_query_scalar().fetch_all(&mut *connection).await?;
        for id in rows {
            known.push(id.parse().map_err(corrupt("message id"))?);
        }
    }
    Ok(known)
}

fn push_ids(query: &mut QueryBuilder<Sqlite>, ids: &[MessageId]) {
    query.push(" AND message_id IN (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id.to_string());
    }
    query.push(")");
}

/// Parcels acknowledged before a moment whose bytes are still there, the oldest first; at most `limit`, after the first
/// `skip`.
pub async fn to_purge(
    executor: impl SqliteExecutor<'_>,
    before: Timestamp,
    skip: i64,
    limit: i64,
) -> Result<Vec<(InsurerNumber, Taken)>, StoreError> {
    let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT insurer, message_id, user_id, size FROM parcels
         WHERE acknowledged_at IS NOT NULL AND purged_at IS NULL AND acknowledged_at <= $1
         ORDER BY acknowledged_at, seq LIMIT $2 OFFSET $3",
    )
    .bind(micros(before))
    .bind(limit)
    .bind(skip)
    .fetch_all(executor)
    .await?;
    let parse = |(insurer, id, user, bytes): (String, String, String, i64)| {
        let taken = Taken {
            id: id.parse().map_err(corrupt("message id"))?,
            user: user.parse().map_err(corrupt("user id"))?,
            size: size(bytes)?,
        };
        Ok((insurer.parse().map_err(corrupt("insurer number"))?, taken))
    };
    rows.into_iter().map(parse).collect()
}

/// Notes that the bytes are gone; whether that was new.
pub async fn purged(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    id: MessageId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE parcels SET purged_at = $3 WHERE insurer = $1 AND message_id = $2 AND purged_at IS NULL")
            .bind(insurer.as_str())
            .bind(id.to_string())
            .bind(micros(now))
            .execute(connection)
            .await?;
    Ok(done.rows_affected() > 0)
}

/// How many wait, and since when the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Parcels.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest became visible.
    pub oldest: Option<Timestamp>,
}

/// What waits, over all unions.
pub async fn waiting_in_all(executor: impl SqliteExecutor<'_>) -> Result<Waiting, StoreError> {
    let (items, bytes, oldest): (i64, i64, Option<i64>) = sqlx::query_as(
        "SELECT count(*), coalesce(sum(size), 0), min(deposited_at) FROM parcels WHERE acknowledged_at IS NULL",
    )
    .fetch_one(executor)
    .await?;
    Ok(Waiting { items: size(items)?, bytes: size(bytes)?, oldest: oldest.map(moment).transpose()? })
}
