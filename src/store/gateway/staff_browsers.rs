//! Browsers that accounts of the staff have signed in with. Of a browser's token only the hash is here.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::domain::digest::Sha256;
use crate::domain::staff::StaffName;
use crate::store::sqlite::{StoreError, micros};

/// Whether this account has signed in with it.
pub async fn is_of(executor: impl SqliteExecutor<'_>, hash: Sha256, name: &StaffName) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM staff_browsers WHERE hash = $1 AND staff = $2)");
    Ok(found.bind(hash.as_bytes().as_slice()).bind(name.as_str()).fetch_one(executor).await?)
}

/// Whether anybody has.
pub async fn is_known(executor: impl SqliteExecutor<'_>, hash: Sha256) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM staff_browsers WHERE hash = $1)");
    Ok(found.bind(hash.as_bytes().as_slice()).fetch_one(executor).await?)
}

/// Remembers that this account has signed in with it.
pub async fn insert(
    connection: &mut SqliteConnection,
    hash: Sha256,
    name: &StaffName,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO staff_browsers (hash, staff, used_at) VALUES ($1, $2, $3)
         ON CONFLICT (hash, staff) DO UPDATE SET used_at = excluded.used_at",
    )
    .bind(hash.as_bytes().as_slice())
    .bind(name.as_str())
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets those of an account.
pub async fn forget(connection: &mut SqliteConnection, name: &StaffName) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM staff_browsers WHERE staff = $1").bind(name.as_str()).execute(connection).await?;
    Ok(())
}

/// Forgets those that nobody has signed in with since.
pub async fn sweep(connection: &mut SqliteConnection, since: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM staff_browsers WHERE used_at < $1").bind(micros(since)).execute(connection).await?;
    Ok(())
}
