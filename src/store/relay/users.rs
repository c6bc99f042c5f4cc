//! The users of the unions: no name, no address, only who may come in with which certificate.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::digest::Fingerprint;
use crate::domain::ids::{InsurerNumber, OfficeCode, UserId};
use crate::message::keys::Certificate;
use crate::store::sqlite::{StoreError, micros};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The place in the list.
    pub seq: i64,
    /// Who, within the union.
    pub id: UserId,
    /// Of which office.
    pub office: OfficeCode,
    /// Whether the user may come in.
    pub enabled: bool,
    /// The certificates that are registered, in the order they were given.
    pub certificates: Vec<Fingerprint>,
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    user_id: String,
    office: String,
    enabled: bool,
}

/// Makes a user, enabled, or gives a known one another office and other certificates.
///
/// # Errors
/// [`StoreError::Exists`] when a certificate belongs to another user.
pub async fn put(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    office: &OfficeCode,
    certificates: &[Certificate],
    now: Timestamp,
) -> Result<(), StoreError> {
    let seq: i64 = sqlx::query_scalar(
        "INSERT INTO users (insurer, user_id, office, enabled, changed_at) VALUES ($1, $2, $3, TRUE, $4)
         ON CONFLICT (insurer, user_id) DO UPDATE SET office = excluded.office, changed_at = excluded.changed_at
         RETURNING seq",
    )
    .bind(insurer.as_str())
    .bind(user.as_str())
    .bind(office.as_str())
    .bind(micros(now))
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM user_certificates WHERE user_seq = $1").bind(seq).execute(&mut *connection).await?;
    for (position, certificate) in (0_i64..).zip(certificates) {
        let owner: i64 = sqlx::query_scalar(
            "INSERT INTO user_certificates (fingerprint, user_seq, position, not_before, not_after)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (fingerprint) DO UPDATE SET not_after = excluded.not_after RETURNING user_seq",
        )
        .bind(certificate.fingerprint().as_bytes().as_slice())
        .bind(seq)
        .bind(position)
        .bind(micros(certificate.not_before()))
        .bind(micros(certificate.not_after()))
        .fetch_one(&mut *connection)
        .await?;
        if owner != seq {
            return Err(StoreError::Exists("certificate, at another user"));
        }
    }
    Ok(())
}

/// Enables or disables a user; `decided_at` is when the union says that it decided to disable.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such user.
pub async fn set_enabled(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    decided_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE users SET enabled = $3, disabled_at = $4, changed_at = $5 WHERE insurer = $1 AND user_id = $2",
    )
    .bind(insurer.as_str())
    .bind(user.as_str())
    .bind(decided_at.is_none())
    .bind(decided_at.map(micros))
    .bind(micros(now))
    .execute(connection)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::Missing("user")) } else { Ok(()) }
}

/// The users of a union after a place in the list.
pub async fn page(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    after: i64,
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT seq, user_id, office, enabled FROM users WHERE insurer = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(insurer.as_str())
    .bind(after)
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    let mut users = Vec::with_capacity(rows.len());
    for row in rows {
        users.push(User {
            seq: row.seq,
            id: row.user_id.parse().map_err(corrupt("user id"))?,
            office: row.office.parse().map_err(corrupt("office code"))?,
            enabled: row.enabled,
            certificates: fingerprints(&mut *connection, row.seq).await?,
        });
    }
    Ok(users)
}

async fn fingerprints(executor: impl SqliteExecutor<'_>, seq: i64) -> Result<Vec<Fingerprint>, StoreError> {
    let sql = "SELECT fingerprint FROM user_certificates WHERE user_seq = $1 ORDER BY position";
    let stored: Vec<Vec<u8>> = sqlx::query_scalar(sql).bind(seq).fetch_all(executor).await?;
    stored.iter().map(|bytes| Fingerprint::try_from(bytes.as_slice()).map_err(corrupt("fingerprint"))).collect()
}

/// How many users there are, of all unions.
pub async fn count(executor: impl SqliteExecutor<'_>) -> Result<u64, StoreError> {
    super::size(sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(executor).await?)
}
