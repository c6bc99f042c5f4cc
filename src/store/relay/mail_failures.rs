//! Mails to users that failed for good: the mail server refused them, or they came back. What goes out is remembered for a while, so that
//! what comes back is known.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::size;
use crate::store::sqlite::{StoreError, micros};

/// A mail went out.
pub async fn went_out(
    connection: &mut SqliteConnection,
    user: i64,
    message_id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO mails_out (message_id, user_seq, sent_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(message_id)
        .bind(user)
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// A mail came back. False when it is none of those that went out to a present address; each comes back once.
pub async fn came_back(
    connection: &mut SqliteConnection,
    message_id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let user: Option<i64> = sqlx::query_scalar("DELETE FROM mails_out WHERE message_id = $1 RETURNING user_seq")
        .bind(message_id)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(user) = user else { return Ok(false) };
    failed(connection, user, now).await?;
    Ok(true)
}

/// Notes that a mail to a user failed for good.
pub async fn failed(connection: &mut SqliteConnection, user: i64, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET mail_failed_at = $2 WHERE seq = $1 AND mail IS NOT NULL")
        .bind(user)
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets what was with the address that a user had.
pub async fn forget(connection: &mut SqliteConnection, user: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM mails_out WHERE user_seq = $1").bind(user).execute(&mut *connection).await?;
    sqlx::query("UPDATE users SET mail_failed_at = NULL WHERE seq = $1").bind(user).execute(connection).await?;
    Ok(())
}

/// What went out before a moment and has not come back has arrived: an address that failed before it is good again.
pub async fn settle(connection: &mut SqliteConnection, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE users SET mail_failed_at = NULL WHERE mail_failed_at IS NOT NULL AND EXISTS (
           SELECT 1 FROM mails_out m WHERE m.user_seq = users.seq AND m.sent_at > users.mail_failed_at AND m.sent_at <= $1)",
    )
    .bind(micros(before))
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM mails_out WHERE sent_at <= $1").bind(micros(before)).execute(connection).await?;
    Ok(())
}

/// How many users mails do not reach.
pub async fn count(executor: impl SqliteExecutor<'_>) -> Result<u64, StoreError> {
    size(sqlx::query_scalar("SELECT count(*) FROM users WHERE mail_failed_at IS NOT NULL").fetch_one(executor).await?)
}
