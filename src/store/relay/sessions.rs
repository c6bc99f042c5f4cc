//! Sessions: at most one of each user. Their tokens are known by their hashes only.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::digest::{Fingerprint, Sha256};
use crate::store::sqlite::{StoreError, micros, moment};

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 over its token.
    pub token: Sha256,
    /// Whose.
    pub user: i64,
    /// The certificate it is bound to.
    pub certificate: Fingerprint,
    /// The address it is bound to.
    pub network: String,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// The last request in it, or up to a minute before.
    pub last_seen_at: Timestamp,
}

/// A session with what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The session.
    pub session: Session,
    /// The user's password is still the initial one.
    pub must_change: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    user_seq: i64,
    fingerprint: Vec<u8>,
    network: String,
    expires_at: i64,
    last_seen_at: i64,
    must_change: bool,
}

/// Begins a session, and ends the one before.
pub async fn begin(connection: &mut SqliteConnection, session: &Session) -> Result<(), StoreError> {
    end_all(connection, session.user).await?;
    sqlx::query(
        "INSERT INTO sessions (token_hash, user_seq, fingerprint, network, began_at, expires_at, last_seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $5)",
    )
    .bind(session.token.as_bytes().as_slice())
    .bind(session.user)
    .bind(session.certificate.as_bytes().as_slice())
    .bind(&session.network)
    .bind(micros(session.last_seen_at))
    .bind(micros(session.expires_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// The session of a token.
pub async fn find(executor: impl SqliteExecutor<'_>, token: Sha256) -> Result<Option<Found>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT s.user_seq, s.fingerprint, s.network, s.expires_at, s.last_seen_at, l.must_change
         FROM sessions s JOIN logins l ON l.user_seq = s.user_seq WHERE s.token_hash = $1",
    )
    .bind(token.as_bytes().as_slice())
    .fetch_optional(executor)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let session = Session {
        token,
        user: row.user_seq,
        certificate: Fingerprint::try_from(row.fingerprint.as_slice()).map_err(corrupt("fingerprint"))?,
        network: row.network,
        expires_at: moment(row.expires_at)?,
        last_seen_at: moment(row.last_seen_at)?,
    };
    Ok(Some(Found { session, must_change: row.must_change }))
}

/// Notes a request.
pub async fn seen(connection: &mut SqliteConnection, token: Sha256, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE sessions SET last_seen_at = max(last_seen_at, $2) WHERE token_hash = $1")
        .bind(token.as_bytes().as_slice())
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends one.
pub async fn end(connection: &mut SqliteConnection, token: Sha256) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE token_hash = $1")
        .bind(token.as_bytes().as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends those of a user.
pub async fn end_all(connection: &mut SqliteConnection, user: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE user_seq = $1").bind(user).execute(connection).await?;
    Ok(())
}

/// Deletes those whose time is over; says how many there were.
pub async fn expire(connection: &mut SqliteConnection, now: Timestamp, idle: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM sessions WHERE expires_at <= $1 OR last_seen_at <= $2")
        .bind(micros(now))
        .bind(micros(idle))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
