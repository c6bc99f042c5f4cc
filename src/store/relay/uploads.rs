//! Uploads that are not complete. How far one has come is the length of its bytes, wherever they are.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::{corrupt, parse_all, size};
use crate::domain::ids::{InsurerNumber, MessageId, UserId};
use crate::store::sqlite::{StoreError, length, micros, moment};
use crate::wire::Der;

/// Who deposits something.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Depositor {
    /// A user, for the union.
    User(UserId),
    /// The union, for users.
    Union,
}

impl Depositor {
    /// The user, if it is one.
    pub const fn user(&self) -> Option<&UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Union => None,
        }
    }
}

/// An upload that is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Of which union.
    pub insurer: InsurerNumber,
    /// The id of the message inside.
    pub id: MessageId,
    /// Who uploads.
    pub by: Depositor,
    /// Whom a union's upload is for, in order and each once; empty of a user's.
    pub recipients: Vec<UserId>,
    /// What the union says to itself about it; none of a user's.
    pub place: Option<Der>,
    /// Length of the whole, in bytes.
    pub size: u64,
    /// When it is thrown away.
    pub expires_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    insurer: String,
    message_id: String,
    user_id: Option<String>,
    recipients: Option<String>,
    place: Option<Vec<u8>>,
    size: i64,
    expires_at: i64,
}

impl TryFrom<Row> for Upload {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let parse = |id: &str| id.parse::<UserId>().map_err(corrupt("user id"));
        let recipients = row.recipients.iter().flat_map(|ids| ids.split(' ')).map(parse);
        Ok(Self {
            insurer: row.insurer.parse().map_err(corrupt("insurer number"))?,
            id: row.message_id.parse().map_err(corrupt("message id"))?,
            by: row.user_id.as_deref().map(parse).transpose()?.map_or(Depositor::Union, Depositor::User),
            recipients: recipients.collect::<Result<_, _>>()?,
            place: row.place.map(Der),
            size: size(row.size)?,
            expires_at: moment(row.expires_at)?,
        })
    }
}

/// Adds an upload.
pub async fn insert(connection: &mut SqliteConnection, upload: &Upload, now: Timestamp) -> Result<(), StoreError> {
    let recipients: Vec<&str> = upload.recipients.iter().map(UserId::as_str).collect();
    sqlx::query(
        "INSERT INTO uploads (insurer, message_id, user_id, recipients, size, created_at, expires_at, place)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(upload.insurer.as_str())
    .bind(upload.id.to_string())
    .bind(upload.by.user().map(UserId::as_str))
    .bind(upload.by.user().is_none().then(|| recipients.join(" ")))
    .bind(length(upload.size))
    .bind(micros(now))
    .bind(micros(upload.expires_at))
    .bind(upload.place.as_ref().map(|place| place.0.as_slice()))
    .execute(connection)
    .await?;
    Ok(())
}

/// One upload.
pub async fn find(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    id: MessageId,
) -> Result<Option<Upload>, StoreError> {
    let mut query = select();
    query.push(" WHERE insurer = ").push_bind(insurer.as_str()).push(" AND message_id = ").push_bind(id.to_string());
    let row: Option<Row> = query.build_query_as().fetch_optional(executor).await?;
    row.map(TryInto::try_into).transpose()
}

/// Removes an upload; whether it was there.
pub async fn delete(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    id: MessageId,
) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM uploads WHERE insurer = $1 AND message_id = $2")
        .bind(insurer.as_str())
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Gives an upload more time.
pub async fn extend(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    id: MessageId,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE uploads SET expires_at = $3 WHERE insurer = $1 AND message_id = $2")
        .bind(insurer.as_str())
        .bind(id.to_string())
        .bind(micros(expires_at))
        .execute(connection)
        .await?;
    Ok(())
}

/// The uploads whose time is over, the oldest first; at most `limit`, after the first `skip`.
pub async fn expired(
    executor: impl SqliteExecutor<'_>,
    now: Timestamp,
    skip: i64,
    limit: i64,
) -> Result<Vec<Upload>, StoreError> {
    let mut query = select();
    query.push(" WHERE expires_at <= ").push_bind(micros(now)).push(" ORDER BY expires_at, rowid LIMIT ");
    query.push_bind(limit).push(" OFFSET ").push_bind(skip);
    fetch_all(query, executor).await
}

/// Every upload.
pub async fn all(executor: impl SqliteExecutor<'_>) -> Result<Vec<Upload>, StoreError> {
    fetch_all(select(), executor).await
}

fn select() -> QueryBuilder<Sqlite> {
    QueryBuilder::new("SELECT insurer, message_id, user_id, recipients, place, size, expires_at FROM uploads")
}

async fn fetch_all(
    mut query: QueryBuilder<Sqlite>,
    executor: impl SqliteExecutor<'_>,
) -> Result<Vec<Upload>, StoreError> {
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    parse_all(rows)
}

/// How many there are.
pub async fn count(executor: impl SqliteExecutor<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM uploads").fetch_one(executor).await?)
}
