//! Deliveries: what unions send to users. Whom they are for is in [`recipients`], what users see of them in [`inbox`], what became
//! of them in [`events`], how they end in [`endings`] and [`withdrawals`].

pub mod endings;
pub mod events;
pub mod inbox;
pub mod recipients;
pub mod withdrawals;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::notices::{self, Kind as Notice};
use super::{corrupt, parcels::Waiting, parse_all, size};
use crate::domain::digest::Tag;
use crate::domain::ids::{InsurerNumber, MessageId, UserId};
use crate::store::sqlite::{StoreError, length, micros, moment};
use crate::wire::delivery::DeliveryState;
use events::Kind;

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The place in every list.
    pub seq: i64,
    /// The id of the message inside.
    pub id: MessageId,
    /// Length in bytes; 0 for what never came here.
    pub size: u64,
    /// The GCM tag read from its end, if it ends like a sealed message.
    pub tag: Option<Tag>,
    /// When the last byte was durable; for what never came here, when it was taken back.
    pub deposited_at: Timestamp,
    /// When it ends for those who have not fetched it.
    pub expires_at: Timestamp,
    /// The relay's receipt; none for what never came here.
    pub relayed: Option<Vec<u8>>,
    /// When the first of its bytes were given out to anybody.
    pub fetched_at: Option<Timestamp>,
    /// When the union took it back.
    pub withdrawn_at: Option<Timestamp>,
    /// When it was found that nobody had fetched it in time.
    pub expired_at: Option<Timestamp>,
    /// What the union says about its number, if it does.
    pub statement: Option<Vec<u8>>,
    /// What the union says to itself about its number, if it does.
    pub place: Option<Vec<u8>>,
    /// When its bytes are deleted; none when they are, or never came here.
    pub delete_at: Option<Timestamp>,
    /// How many users it is for.
    pub recipients: u64,
}

impl Delivery {
    /// How far it has come.
    pub const fn state(&self) -> DeliveryState {
        match self {
            Self { withdrawn_at: Some(_), .. } => DeliveryState::Withdrawn,
            Self { expired_at: Some(_), .. } => DeliveryState::Expired,
            Self { fetched_at: Some(_), .. } => DeliveryState::Fetched,
            _ => DeliveryState::Waiting,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    message_id: String,
    size: i64,
    tag: Option<Vec<u8>>,
    deposited_at: i64,
    expires_at: i64,
    relayed: Option<Vec<u8>>,
    fetched_at: Option<i64>,
    withdrawn_at: Option<i64>,
    expired_at: Option<i64>,
    statement: Option<Vec<u8>>,
    place: Option<Vec<u8>>,
    delete_at: Option<i64>,
    recipients: i64,
}

impl TryFrom<Row> for Delivery {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.seq,
            id: row.message_id.parse().map_err(corrupt("message id"))?,
            size: size(row.size)?,
            tag: tag(row.tag)?,
            deposited_at: moment(row.deposited_at)?,
            expires_at: moment(row.expires_at)?,
            relayed: row.relayed,
            fetched_at: row.fetched_at.map(moment).transpose()?,
            withdrawn_at: row.withdrawn_at.map(moment).transpose()?,
            expired_at: row.expired_at.map(moment).transpose()?,
            statement: row.statement,
            place: row.place,
            delete_at: row.delete_at.map(moment).transpose()?,
            recipients: size(row.recipients)?,
        })
    }
}

fn tag(stored: Option<Vec<u8>>) -> Result<Option<Tag>, StoreError> {
    stored.map(|tag| Tag::try_from(tag.as_slice())).transpose().map_err(corrupt("tag"))
}

/// A delivery that has just become complete.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Of which union.
    pub insurer: InsurerNumber,
    /// The id of the message inside.
    pub id: MessageId,
    /// Whom it is for.
    pub recipients: Vec<UserId>,
    /// Length in bytes.
    pub size: u64,
    /// The GCM tag read from its end, if it ends like a sealed message.
    pub tag: Option<Tag>,
    /// When the last byte was durable.
    pub deposited_at: Timestamp,
    /// When it ends for those who have not fetched it.
    pub expires_at: Timestamp,
    /// When those who have not fetched it are reminded first.
    pub remind_at: Option<Timestamp>,
    /// When its bytes are deleted at the latest.
    pub delete_at: Timestamp,
    /// The relay's receipt.
    pub relayed: Vec<u8>,
    /// What the union says to itself about its number.
    pub place: Option<Vec<u8>>,
}

/// Makes a delivery visible to those of its recipients who are enabled, and notes that they are to be told; the others are
/// dropped from it at once. Answers into whose inboxes it came.
pub async fn insert(connection: &mut SqliteConnection, new: &NewDelivery) -> Result<Vec<i64>, StoreError> {
    let seq = sqlx::query_scalar(
        "INSERT INTO deliveries
           (insurer, message_id, size, tag, deposited_at, expires_at, remind_at, delete_at, relayed, place)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING seq",
    )
    .bind(new.insurer.as_str())
    .bind(new.id.to_string())
    .bind(length(new.size))
    .bind(new.tag.as_ref().map(|tag| tag.as_bytes().as_slice()))
    .bind(micros(new.deposited_at))
    .bind(micros(new.expires_at))
    .bind(new.remind_at.map(micros))
    .bind(micros(new.delete_at))
    .bind(&new.relayed)
    .bind(new.place.as_deref())
    .fetch_one(&mut *connection)
    .await?;
    let now = new.deposited_at;
    events::append(connection, seq, Kind::Relayed, None, now).await?;
    let mut inboxes = Vec::with_capacity(new.recipients.len());
    for user in recipients::named(connection, &new.insurer, &new.recipients).await? {
        recipients::insert(connection, seq, user.seq, user.enabled, now).await?;
        if user.enabled {
            notices::note(connection, user.seq, Notice::Arrival, new.id, now).await?;
            inboxes.push(user.seq);
        } else {
            events::append(connection, seq, Kind::Dropped, Some(user.seq), now).await?;
        }
    }
    if inboxes.is_empty() {
        endings::close(connection, seq, now).await?;
    }
    Ok(inboxes)
}

/// One delivery of a union.
pub async fn find(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    id: MessageId,
) -> Result<Option<Delivery>, StoreError> {
    let mut query = of_union(insurer);
    query.push(" AND message_id = ").push_bind(id.to_string());
    let row: Option<Row> = query.build_query_as().fetch_optional(executor).await?;
    row.map(TryInto::try_into).transpose()
}

/// What a union has sent, after a place in the list.
pub async fn page(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    after: i64,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let mut query = of_union(insurer);
    query.push(" AND seq > ").push_bind(after).push(" ORDER BY seq LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    parse_all(rows)
}

/// The place of what a union has sent last.
pub async fn newest(executor: impl SqliteExecutor<'_>, insurer: &InsurerNumber) -> Result<Option<i64>, StoreError> {
    let query = sqlx::query_scalar("SELECT max(seq) FROM deliveries WHERE insurer = $1");
    Ok(query.bind(insurer.as_str()).fetch_one(executor).await?)
}

fn of_union(insurer: &InsurerNumber) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(
        "SELECT seq, message_id, size, tag, deposited_at, expires_at, relayed, fetched_at, withdrawn_at, expired_at,
           statement, place, delete_at, (SELECT count(*) FROM delivery_recipients WHERE delivery_seq = seq) AS recipients
         FROM deliveries WHERE insurer = ",
    );
    query.push_bind(insurer.as_str());
    query
}

/// What waits for users, over all unions.
pub async fn waiting_in_all(executor: impl SqliteExecutor<'_>) -> Result<Waiting, StoreError> {
    let (items, bytes, oldest): (i64, i64, Option<i64>) = sqlx::query_as(
        "SELECT count(*), coalesce(sum(size), 0), min(deposited_at) FROM deliveries WHERE closed_at IS NULL",
    )
    .fetch_one(executor)
    .await?;
    Ok(Waiting { items: size(items)?, bytes: size(bytes)?, oldest: oldest.map(moment).transpose()? })
}
