//! What staff note about a received file beside the review itself: who has looked at it, a flag, comments. For staff only; nothing of it
//! leaves the gateway.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::staff::StaffName;
use crate::store::sqlite::{StoreError, groups, micros, moment};

/// Characters of the longest comment.
pub const LONGEST: usize = 2_000;

/// What is shown of a file in a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether whoever asks has looked at it.
    pub read_by_me: bool,
    /// Whether anybody has.
    pub read: bool,
    /// Whether it is flagged.
    pub flagged: bool,
    /// How many comments it has.
    pub comments: i64,
}

/// Somebody who has looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Who.
    pub staff: StaffName,
    /// When for the first time.
    pub at: Timestamp,
}

/// A comment of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Who.
    pub staff: StaffName,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// Marks of these messages, by their numbers.
pub async fn marks(
    connection: &mut SqliteConnection,
    messages: &[i64],
    me: &StaffName,
) -> Result<HashMap<i64, Marks>, StoreError> {
    let mut found = HashMap::new();
    for group in groups(messages) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT m.number, EXISTS (SELECT 1 FROM message_readers r WHERE r.message = m.number AND r.staff = ",
        );
        query.push_bind(me.as_str()).push(
            "), EXISTS (SELECT 1 FROM message_readers r WHERE r.message = m.number),
               m.flagged_at IS NOT NULL,
               (SELECT count(*) FROM message_comments c WHERE c.message = m.number)
             FROM messages m WHERE m.number IN (",
        );
        let mut list = query.separated(", ");
        for number in group {
            list.push_bind(*number);
        }
        query.push(")");
        let rows: Vec<(i64, bool, bool, bool, i64)> = query.build_query_as().fetch_all(&mut *connection).await?;
        for (number, read_by_me, read, flagged, comments) in rows {
            found.insert(number, Marks { read_by_me, read, flagged, comments });
        }
    }
    Ok(found)
}

/// Notes that somebody has looked at a file. Whether it was their first time.
pub async fn set_read(
    connection: &mut SqliteConnection,
    message: i64,
    staff: &StaffName,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let done =
        sqlx::query("INSERT INTO message_readers (message, staff, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(message)
            .bind(staff.as_str())
            .bind(micros(at))
            .execute(connection)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Who has looked at it, the first one first.
pub async fn readers(executor: impl SqliteExecutor<'_>, message: i64) -> Result<Vec<Reader>, StoreError> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT staff, at FROM message_readers WHERE message = $1 ORDER BY at, staff")
            .bind(message)
            .fetch_all(executor)
            .await?;
    let reader = |(staff, at): (String, i64)| {
        Ok(Reader { staff: staff.parse().map_err(corrupt("name of staff"))?, at: moment(at)? })
    };
    rows.into_iter().map(reader).collect()
}

/// Sets or takes away the flag. Whether that changed something.
pub async fn set_flag(
    connection: &mut SqliteConnection,
    message: i64,
    since: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let done =
        sqlx::query("UPDATE messages SET flagged_at = $2 WHERE number = $1 AND (flagged_at IS NULL) <> ($2 IS NULL)")
            .bind(message)
            .bind(since.map(micros))
            .execute(connection)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds a comment.
pub async fn comment(
    connection: &mut SqliteConnection,
    message: i64,
    staff: &StaffName,
    text: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO message_comments (message, staff, at, text) VALUES ($1, $2, $3, $4)")
        .bind(message)
        .bind(staff.as_str())
        .bind(micros(at))
        .bind(text)
        .execute(connection)
        .await?;
    Ok(())
}

/// Comments, the oldest first.
pub async fn comments(executor: impl SqliteExecutor<'_>, message: i64) -> Result<Vec<Comment>, StoreError> {
    let rows: Vec<(String, i64, String)> =
        sqlx::query_as("SELECT staff, at, text FROM message_comments WHERE message = $1 ORDER BY number")
            .bind(message)
            .fetch_all(executor)
            .await?;
    let comment = |(staff, at, text): (String, i64, String)| {
        Ok(Comment { staff: staff.parse().map_err(corrupt("name of staff"))?, at: moment(at)?, text })
    };
    rows.into_iter().map(comment).collect()
}

/// Why a message was returned, if it was.
pub async fn return_reason(executor: impl SqliteExecutor<'_>, message: i64) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT return_reason FROM messages WHERE number = $1")
        .bind(message)
        .fetch_one(executor)
        .await?)
}
