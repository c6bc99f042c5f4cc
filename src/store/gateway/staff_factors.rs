//! The second factor of staff: what the app shares with us, and recovery codes.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::digest::Sha256;
use crate::domain::staff::StaffName;
use crate::secret::TotpSecret;
use crate::store::sqlite::{StoreError, micros};

/// What an account's app shares with us; none before it is set up.
pub async fn secret(executor: impl SqliteExecutor<'_>, name: &StaffName) -> Result<Option<TotpSecret>, StoreError> {
    let bytes: Option<Option<Vec<u8>>> = sqlx::query_scalar("SELECT totp FROM staff WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(executor)
        .await?;
    bytes.flatten().map(parse).transpose()
}

/// As it is kept.
pub(super) fn parse(bytes: Vec<u8>) -> Result<TotpSecret, StoreError> {
    Ok(TotpSecret::from_bytes(bytes.try_into().map_err(corrupt("second factor of staff"))?))
}

/// Sets an account's second factor up, with the codes that stand in for it. False when it has one: [`forget`] takes that away first.
pub async fn set(
    connection: &mut SqliteConnection,
    name: &StaffName,
    secret: &TotpSecret,
    step: u64,
    recovery: &[Sha256],
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE staff SET totp = $2, totp_step = $3 WHERE name = $1 AND totp IS NULL")
        .bind(name.as_str())
        .bind(secret.as_bytes().as_slice())
        .bind(i64::try_from(step).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    sqlx::query("DELETE FROM staff_recovery WHERE staff = $1").bind(name.as_str()).execute(&mut *connection).await?;
    for hash in recovery {
        sqlx::query("INSERT INTO staff_recovery (staff, hash) VALUES ($1, $2)")
            .bind(name.as_str())
            .bind(hash.as_bytes().as_slice())
            .execute(&mut *connection)
            .await?;
    }
    Ok(true)
}

/// Takes the second factor away: it is set up anew at the next sign-in.
pub async fn forget(connection: &mut SqliteConnection, name: &StaffName) -> Result<(), StoreError> {
    sqlx::query("UPDATE staff SET totp = NULL WHERE name = $1").bind(name.as_str()).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM staff_recovery WHERE staff = $1").bind(name.as_str()).execute(connection).await?;
    Ok(())
}

/// Uses up a code of this step and all before it. False when it was used up before.
pub async fn use_step(connection: &mut SqliteConnection, name: &StaffName, step: u64) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE staff SET totp_step = $2 WHERE name = $1 AND totp_step < $2")
        .bind(name.as_str())
        .bind(i64::try_from(step).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Uses up a recovery code. False when it is none of this account's, or was used before.
pub async fn use_recovery(
    connection: &mut SqliteConnection,
    name: &StaffName,
    hash: Sha256,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE staff_recovery SET used_at = $3 WHERE staff = $1 AND hash = $2 AND used_at IS NULL")
        .bind(name.as_str())
        .bind(hash.as_bytes().as_slice())
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Recovery codes that are left.
pub async fn recovery_left(executor: impl SqliteExecutor<'_>, name: &StaffName) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM staff_recovery WHERE staff = $1 AND used_at IS NULL")
        .bind(name.as_str())
        .fetch_one(executor)
        .await?)
}
