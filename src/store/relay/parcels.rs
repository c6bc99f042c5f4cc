//! Parcels: what is complete. What becomes of those that their union has is in [`super::acknowledged`].

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::{corrupt, ids_of, parse_all, push_ids, size};
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

/// The columns of a [`Row`] but for its place.
pub(super) const COLUMNS: &str =
    "p.message_id, p.user_id, p.size, p.tag, p.deposited_at, p.relayed, p.acknowledged_at, p.purged_at";

/// A parcel as it is stored, with its place in the list that is asked for.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
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
    let mut query = of_union(insurer);
    query.push(" AND p.message_id = ").push_bind(id.to_string());
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
    let mut query = of_union(insurer);
    query.push(" AND p.acknowledged_at IS NULL");
    page(query, executor, after, limit).await
}

/// What a user has sent, after a place in the list.
pub async fn sent(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    user: &UserId,
    after: i64,
    limit: i64,
) -> Result<Vec<Parcel>, StoreError> {
    let mut query = of_union(insurer);
    query.push(" AND p.user_id = ").push_bind(user.as_str());
    page(query, executor, after, limit).await
}

fn of_union(insurer: &InsurerNumber) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT p.seq, ");
    query.push(COLUMNS).push(" FROM parcels p WHERE p.insurer = ").push_bind(insurer.as_str());
    query
}

async fn page(
    mut query: QueryBuilder<Sqlite>,
    executor: impl SqliteExecutor<'_>,
    after: i64,
    limit: i64,
) -> Result<Vec<Parcel>, StoreError> {
    query.push(" AND p.seq > ").push_bind(after).push(" ORDER BY p.seq LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    parse_all(rows)
}

/// Those of these ids that have bytes at the relay: as an upload, or as a parcel or delivery whose bytes are not deleted.
pub async fn with_bytes(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    ids: &[MessageId],
) -> Result<Vec<MessageId>, StoreError> {
    let mut known = Vec::with_capacity(ids.len());
    for group in groups(ids) {
        // Uploads first: one that becomes something else in between is found then.
        for sql in [
            "SELECT message_id FROM uploads WHERE insurer = ",
            "SELECT message_id FROM parcels WHERE purged_at IS NULL AND insurer = ",
            "SELECT message_id FROM deliveries WHERE delete_at IS NOT NULL AND insurer = ",
        ] {
            let mut query = QueryBuilder::<Sqlite>::new(sql);
            query.push_bind(insurer.as_str());
            push_ids(&mut query, group);
            known.extend(ids_of(query, connection).await?);
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
        known.extend(ids_of(query, connection).await?);
    }
    Ok(known)
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
