//! Dispatches: one file each, on its way to one or many addressees.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::digest::{Sha256, Tag};
use crate::domain::file_name::FileName;
use crate::domain::ids::MessageId;
use crate::store::sqlite::{StoreError, groups, length, micros, moment};

/// A dispatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// Its place among all; [`insert`] gives it.
    pub number: i64,
    /// Its id: that of our own sealed copy.
    pub id: MessageId,
    /// How it came here, as a code.
    pub origin: String,
    /// What makes it the same one when it comes again.
    pub key: Option<String>,
    /// Who sends.
    pub actor: String,
    /// Whether a second person has to approve it.
    pub held: bool,
    /// Who approved it, and when.
    pub approval: Option<(String, Timestamp)>,
    /// The file's name.
    pub file_name: FileName,
    /// `Content-Type`.
    pub content_type: String,
    /// The comment for the readers.
    pub comment: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// Our own sealed copy; none of what was taken over from the relay.
    pub copy: Option<StagedCopy>,
    /// When the copy was durable.
    pub staged_at: Timestamp,
    /// Whether the file that it came from was put away from the folder where it lay.
    pub put_away: bool,
}

/// What names our own sealed copy, and the file in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagedCopy {
    /// SHA-256 over the file.
    pub content: Sha256,
    /// The GCM tag of the sealed copy.
    pub tag: Tag,
    /// The signed message digest of the sealed copy.
    pub digest: Sha256,
}

/// Adds a dispatch. Gives its number.
pub async fn insert(connection: &mut SqliteConnection, dispatch: &Dispatch) -> Result<i64, StoreError> {
    let copy = dispatch.copy.as_ref();
    let number = sqlx::query_scalar(
        "INSERT INTO dispatches (id, origin, key, actor, held, file_name, content_type, comment, size, content, tag, digest,
             staged_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING number",
    )
    .bind(dispatch.id.to_string())
    .bind(&dispatch.origin)
    .bind(&dispatch.key)
    .bind(&dispatch.actor)
    .bind(dispatch.held)
    .bind(dispatch.file_name.as_str())
    .bind(&dispatch.content_type)
    .bind(&dispatch.comment)
    .bind(length(dispatch.size))
    .bind(copy.map(|copy| copy.content.as_bytes().as_slice()))
    .bind(copy.map(|copy| copy.tag.as_bytes().as_slice()))
    .bind(copy.map(|copy| copy.digest.as_bytes().as_slice()))
    .bind(micros(dispatch.staged_at))
    .fetch_one(connection)
    .await?;
    Ok(number)
}

/// One dispatch by its id.
pub async fn find(executor: impl SqliteExecutor<'_>, id: MessageId) -> Result<Option<Dispatch>, StoreError> {
    let row: Option<Row> =
        sqlx::query_as("SELECT * FROM dispatches WHERE id = $1").bind(id.to_string()).fetch_optional(executor).await?;
    row.map(Row::parse).transpose()
}

/// Those of these ids that are dispatches of ours.
pub async fn known(connection: &mut SqliteConnection, ids: &[MessageId]) -> Result<HashSet<MessageId>, StoreError> {
    let mut known = HashSet::with_capacity(ids.len());
    for group in groups(ids) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT id FROM dispatches WHERE id IN (");
        let mut list = query.separated(", ");
        for id in group {
            list.push_bind(id.to_string());
        }
        query.push(")");
        let rows: Vec<String> = query.build_query_scalar().fetch_all(&mut *connection).await?;
        for id in rows {
            known.insert(id.parse().map_err(corrupt("message id"))?);
        }
    }
    Ok(known)
}

/// One dispatch by its number.
pub async fn get(executor: impl SqliteExecutor<'_>, number: i64) -> Result<Dispatch, StoreError> {
    let row: Option<Row> =
        sqlx::query_as("SELECT * FROM dispatches WHERE number = $1").bind(number).fetch_optional(executor).await?;
    row.ok_or(StoreError::Missing("dispatch"))?.parse()
}

/// The newest dispatches before this number.
pub async fn newest(
    executor: impl SqliteExecutor<'_>,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Dispatch>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM dispatches WHERE number < $1 ORDER BY number DESC LIMIT $2")
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(executor)
        .await?;
    rows.into_iter().map(Row::parse).collect()
}

/// Dispatches that wait for a second person, the oldest first.
pub async fn held(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<Dispatch>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT * FROM dispatches WHERE number IN
             (SELECT dispatch FROM sent INDEXED BY sent_by_state WHERE state = 'waits-for-approval')
         ORDER BY number LIMIT $1",
    )
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(Row::parse).collect()
}

/// The one that came with this key before.
pub async fn with_key(
    executor: impl SqliteExecutor<'_>,
    origin: &str,
    key: &str,
) -> Result<Option<Dispatch>, StoreError> {
    let row: Option<Row> = sqlx::query_as("SELECT * FROM dispatches WHERE origin = $1 AND key = $2")
        .bind(origin)
        .bind(key)
        .fetch_optional(executor)
        .await?;
    row.map(Row::parse).transpose()
}

/// Lets go of the key: whoever comes with it means another dispatch.
pub async fn free_key(connection: &mut SqliteConnection, number: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE dispatches SET key = NULL WHERE number = $1").bind(number).execute(connection).await?;
    Ok(())
}

/// Notes that the file that it came from was put away from the folder where it lay.
pub async fn put_away(connection: &mut SqliteConnection, id: MessageId) -> Result<(), StoreError> {
    sqlx::query("UPDATE dispatches SET put_away = 1 WHERE id = $1").bind(id.to_string()).execute(connection).await?;
    Ok(())
}

/// Notes who approved it.
pub async fn approve(
    connection: &mut SqliteConnection,
    number: i64,
    approver: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE dispatches SET approver = $2, approved_at = $3 WHERE number = $1")
        .bind(number)
        .bind(approver)
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    id: String,
    origin: String,
    key: Option<String>,
    actor: String,
    held: bool,
    approver: Option<String>,
    approved_at: Option<i64>,
    file_name: String,
    content_type: String,
    comment: Option<String>,
    size: i64,
    content: Option<Vec<u8>>,
    tag: Option<Vec<u8>>,
    digest: Option<Vec<u8>>,
    staged_at: i64,
    put_away: bool,
}

impl Row {
    fn parse(self) -> Result<Dispatch, StoreError> {
        let copy = match (self.content, self.tag, self.digest) {
            (Some(content), Some(tag), Some(digest)) => Some(StagedCopy {
                content: content.as_slice().try_into().map_err(corrupt("digest"))?,
                tag: tag.as_slice().try_into().map_err(corrupt("tag"))?,
                digest: digest.as_slice().try_into().map_err(corrupt("digest"))?,
            }),
            _ => None,
        };
        let approved_at = self.approved_at.map(moment).transpose()?;
        Ok(Dispatch {
            number: self.number,
            id: self.id.parse().map_err(corrupt("message id"))?,
            origin: self.origin,
            key: self.key,
            actor: self.actor,
            held: self.held,
            approval: self.approver.zip(approved_at),
            file_name: self.file_name.parse().map_err(corrupt("file name"))?,
            content_type: self.content_type,
            comment: self.comment,
            size: u64::try_from(self.size).map_err(corrupt("size"))?,
            copy,
            staged_at: moment(self.staged_at)?,
            put_away: self.put_away,
        })
    }
}
