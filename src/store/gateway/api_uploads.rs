//! Uploads that come in at the API. Their bytes are files; how far one has come is the length of its file.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::file_name::FileName;
use crate::domain::ids::{MessageId, UploadId};
use crate::store::sqlite::{StoreError, length, micros, moment};

/// An upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// The number of the token that it belongs to.
    pub token: i64,
    /// What the caller calls it, so that sending it again does not send it twice.
    pub key: Option<String>,
    /// The name that the recipients see.
    pub file_name: FileName,
    /// `Content-Type`.
    pub content_type: String,
    /// Whom it is for, as the caller wrote it.
    pub addressees: String,
    /// A line for the reader.
    pub comment: Option<String>,
    /// Bytes.
    pub size: u64,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it is thrown away; when it is forgotten, once it has ended.
    pub expires_at: Timestamp,
    /// What became of it.
    pub outcome: Option<Outcome>,
}

/// What became of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken, as this dispatch.
    Taken(MessageId),
    /// It is refused for good, as a code says.
    Refused(String),
}

/// Adds an upload.
pub async fn insert(connection: &mut SqliteConnection, upload: &Upload) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO api_uploads (id, token, key, file_name, content_type, addressees, comment, size, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(upload.id.to_string())
    .bind(upload.token)
    .bind(upload.key.as_deref())
    .bind(upload.file_name.as_str())
    .bind(upload.content_type.as_str())
    .bind(upload.addressees.as_str())
    .bind(upload.comment.as_deref())
    .bind(length(upload.size))
    .bind(micros(upload.created_at))
    .bind(micros(upload.expires_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// One upload.
pub async fn find(executor: impl SqliteExecutor<'_>, id: UploadId) -> Result<Option<Upload>, StoreError> {
    let row: Option<Row> =
        sqlx::query_as("SELECT * FROM api_uploads WHERE id = $1").bind(id.to_string()).fetch_optional(executor).await?;
    row.map(TryInto::try_into).transpose()
}

/// The upload of this token and key that has not ended.
pub async fn open_with_key(
    executor: impl SqliteExecutor<'_>,
    token: i64,
    key: &str,
) -> Result<Option<Upload>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT * FROM api_uploads WHERE token = $1 AND key = $2 AND dispatch IS NULL AND refused IS NULL
         ORDER BY id DESC LIMIT 1",
    )
    .bind(token)
    .bind(key)
    .fetch_optional(executor)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Every upload that has not ended.
pub async fn open(executor: impl SqliteExecutor<'_>) -> Result<Vec<Upload>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT * FROM api_uploads WHERE dispatch IS NULL AND refused IS NULL ORDER BY id")
            .fetch_all(executor)
            .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// How many uploads of a token have not ended.
pub async fn count_open(executor: impl SqliteExecutor<'_>, token: i64) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "SELECT count(*) FROM api_uploads WHERE token = $1 AND dispatch IS NULL AND refused IS NULL",
    );
    Ok(count.bind(token).fetch_one(executor).await?)
}

/// Gives an upload more time.
pub async fn extend(connection: &mut SqliteConnection, id: UploadId, until: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE api_uploads SET expires_at = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(micros(until))
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes what became of an upload, and until when that is to be remembered.
pub async fn end(
    connection: &mut SqliteConnection,
    id: UploadId,
    outcome: &Outcome,
    until: Timestamp,
) -> Result<(), StoreError> {
    let (dispatch, refused) = match outcome {
        Outcome::Taken(dispatch) => (Some(dispatch.to_string()), None),
        Outcome::Refused(code) => (None, Some(code.as_str())),
    };
    sqlx::query("UPDATE api_uploads SET dispatch = $2, refused = $3, expires_at = $4 WHERE id = $1")
        .bind(id.to_string())
        .bind(dispatch)
        .bind(refused)
        .bind(micros(until))
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends every open upload of a token, with this reason.
pub async fn end_all_of(
    connection: &mut SqliteConnection,
    token: &str,
    refused: &str,
    until: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE api_uploads SET refused = $2, expires_at = $3
         WHERE token = (SELECT number FROM tokens WHERE name = $1) AND dispatch IS NULL AND refused IS NULL",
    )
    .bind(token)
    .bind(refused)
    .bind(micros(until))
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets an upload.
pub async fn delete(connection: &mut SqliteConnection, id: UploadId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM api_uploads WHERE id = $1").bind(id.to_string()).execute(connection).await?;
    Ok(())
}

/// Forgets uploads that have ended and whose time is over.
pub async fn forget(connection: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM api_uploads WHERE expires_at <= $1 AND (dispatch IS NOT NULL OR refused IS NOT NULL)")
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    token: i64,
    key: Option<String>,
    file_name: String,
    content_type: String,
    addressees: String,
    comment: Option<String>,
    size: i64,
    created_at: i64,
    expires_at: i64,
    dispatch: Option<String>,
    refused: Option<String>,
}

impl TryFrom<Row> for Upload {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let taken = row.dispatch.map(|id| id.parse().map(Outcome::Taken).map_err(corrupt("dispatch"))).transpose()?;
        Ok(Self {
            id: row.id.parse().map_err(corrupt("upload"))?,
            token: row.token,
            key: row.key,
            file_name: row.file_name.parse().map_err(corrupt("file name"))?,
            content_type: row.content_type,
            addressees: row.addressees,
            comment: row.comment,
            size: u64::try_from(row.size).map_err(corrupt("size"))?,
            created_at: moment(row.created_at)?,
            expires_at: moment(row.expires_at)?,
            outcome: taken.or(row.refused.map(Outcome::Refused)),
        })
    }
}
