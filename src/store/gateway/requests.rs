//! Requests for certificates and what was answered.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::digest::Sha256;
use crate::domain::ids::{EnrolmentId, RequestId, UserId};
use crate::store::sqlite::{StoreError, micros, moment};
use crate::wire::enrolment::{KeyRequests, PcId};

/// A request that was answered.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Which.
    pub id: RequestId,
    /// SHA-256 over the sealed request.
    pub digest: Sha256,
    /// Whose, where that is proved.
    pub user: Option<UserId>,
    /// Under which enrolment.
    pub enrolment: Option<EnrolmentId>,
    /// From which PC.
    pub pc: Option<PcId>,
    /// A code: `issued`, `waits-for-approval` or the reason of the refusal.
    pub outcome: String,
    /// When.
    pub answered_at: Timestamp,
    /// The signed answer.
    pub answer: Vec<u8>,
    /// The keys, while it waits for staff.
    pub keys: Option<KeyRequests>,
}

/// Writes a request with its answer, the first or a later one.
pub async fn put(connection: &mut SqliteConnection, request: &Answered) -> Result<(), StoreError> {
    let keys = request.keys.as_ref().map(serde_json::to_string).transpose().map_err(corrupt("keys"))?;
    sqlx::query(
        "INSERT INTO requests (id, digest, user_id, enrolment, pc, outcome, answered_at, answer, keys)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (id) DO UPDATE SET outcome = excluded.outcome, answered_at = excluded.answered_at,
             answer = excluded.answer, keys = excluded.keys",
    )
    .bind(request.id.to_string())
    .bind(request.digest.as_bytes().as_slice())
    .bind(request.user.as_ref().map(UserId::as_str))
    .bind(request.enrolment.map(|id| id.to_string()))
    .bind(request.pc.map(|pc| pc.to_string()))
    .bind(&request.outcome)
    .bind(micros(request.answered_at))
    .bind(&request.answer)
    .bind(keys)
    .execute(connection)
    .await?;
    Ok(())
}

/// One request.
pub async fn find(executor: impl SqliteExecutor<'_>, id: RequestId) -> Result<Option<Answered>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, digest, user_id, enrolment, pc, outcome, answered_at, answer, keys FROM requests WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(executor)
    .await?;
    row.map(Row::parse).transpose()
}

/// The requests of a user that wait for staff, oldest first.
pub async fn waiting(executor: impl SqliteExecutor<'_>, user: &UserId) -> Result<Vec<Answered>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, digest, user_id, enrolment, pc, outcome, answered_at, answer, keys FROM requests
         WHERE user_id = $1 AND keys IS NOT NULL ORDER BY id",
    )
    .bind(user.as_str())
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(Row::parse).collect()
}

/// The users of whom a request waits for staff.
pub async fn users_waiting(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<UserId>, StoreError> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT user_id FROM requests WHERE keys IS NOT NULL AND user_id IS NOT NULL ORDER BY user_id LIMIT $1",
    )
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(|id| id.parse().map_err(corrupt("user id"))).collect()
}

/// Nothing of the user waits any more: the enrolment has ended.
pub async fn forget_waiting(connection: &mut SqliteConnection, user: &UserId) -> Result<(), StoreError> {
    sqlx::query("UPDATE requests SET keys = NULL WHERE user_id = $1 AND keys IS NOT NULL")
        .bind(user.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes what was answered before a moment and waits for nobody. Says how many there were.
pub async fn trim(connection: &mut SqliteConnection, before: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM requests WHERE answered_at < $1 AND keys IS NULL")
        .bind(micros(before))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    digest: Vec<u8>,
    user_id: Option<String>,
    enrolment: Option<String>,
    pc: Option<String>,
    outcome: String,
    answered_at: i64,
    answer: Vec<u8>,
    keys: Option<String>,
}

impl Row {
    fn parse(self) -> Result<Answered, StoreError> {
        Ok(Answered {
            id: self.id.parse().map_err(corrupt("request"))?,
            digest: self.digest.as_slice().try_into().map_err(corrupt("digest"))?,
            user: self.user_id.map(|id| id.parse().map_err(corrupt("user id"))).transpose()?,
            enrolment: self.enrolment.map(|id| id.parse().map_err(corrupt("enrolment"))).transpose()?,
            pc: self.pc.map(|pc| pc.parse().map_err(corrupt("PC"))).transpose()?,
            outcome: self.outcome,
            answered_at: moment(self.answered_at)?,
            answer: self.answer,
            keys: self.keys.map(|keys| serde_json::from_str(&keys).map_err(corrupt("keys"))).transpose()?,
        })
    }
}
