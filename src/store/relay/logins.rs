//! What logins are checked against, and how often they failed.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::corrupt;
use crate::secret::LoginVerifier;
use crate::store::sqlite::{StoreError, micros};

/// Wrong passwords until logins are locked.
const MOST_FAILURES: i64 = 5;

/// A try that was counted.
#[derive(Debug)]
pub struct Counted {
    /// What to compare with.
    pub verifier: LoginVerifier,
    /// The password is still the initial one.
    pub must_change: bool,
}

/// What became of a try.
#[derive(Debug)]
pub enum Count {
    /// It may be compared once this is committed.
    Counted(Counted),
    /// Too many before it.
    Locked,
    /// The user has no password.
    NoPassword,
}

/// Counts a try. The fifth in a row locks all after it until `lock_until`.
pub async fn count(
    connection: &mut SqliteConnection,
    user: i64,
    now: Timestamp,
    lock_until: Timestamp,
) -> Result<Count, StoreError> {
    let counted: Option<(Vec<u8>, bool)> = sqlx::query_as(
        "UPDATE logins SET
           failures = CASE WHEN locked_until IS NULL THEN failures + 1 ELSE 1 END,
           locked_until = CASE WHEN locked_until IS NULL AND failures + 1 >= $4 THEN $3 END
         WHERE user_seq = $1 AND (locked_until IS NULL OR locked_until <= $2) RETURNING verifier, must_change",
    )
    .bind(user)
    .bind(micros(now))
    .bind(micros(lock_until))
    .bind(MOST_FAILURES)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some((verifier, must_change)) = counted {
        let verifier = LoginVerifier::from_bytes(verifier.try_into().map_err(corrupt("login verifier"))?);
        return Ok(Count::Counted(Counted { verifier, must_change }));
    }
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM logins WHERE user_seq = $1)")
        .bind(user)
        .fetch_one(connection)
        .await?;
    Ok(if known { Count::Locked } else { Count::NoPassword })
}

/// The password was right.
pub async fn proved(connection: &mut SqliteConnection, user: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE logins SET failures = 0, locked_until = NULL WHERE user_seq = $1")
        .bind(user)
        .execute(connection)
        .await?;
    Ok(())
}

/// A session has begun.
pub async fn logged_in(connection: &mut SqliteConnection, user: i64, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE logins SET last_at = $2 WHERE user_seq = $1")
        .bind(user)
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets another password, with no failures; the last login stays known.
pub async fn set(
    connection: &mut SqliteConnection,
    user: i64,
    verifier: &LoginVerifier,
    must_change: bool,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO logins (user_seq, verifier, must_change) VALUES ($1, $2, $3)
         ON CONFLICT (user_seq) DO UPDATE SET verifier = excluded.verifier, must_change = excluded.must_change,
           failures = 0, locked_until = NULL",
    )
    .bind(user)
    .bind(verifier.as_bytes().as_slice())
    .bind(must_change)
    .execute(connection)
    .await?;
    Ok(())
}
