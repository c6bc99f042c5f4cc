//! Accounts of the union's staff.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::{corrupt, staff_browsers};
use crate::domain::staff::{Role, StaffName};
use crate::secret::{Salt, StaffVerifier};
use crate::store::sqlite::{StoreError, micros, moment};

/// An account as it is kept. The password's verifier stays in the database: [`verifier`] reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What is typed to sign in.
    pub name: StaffName,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its password was set last.
    pub password_at: Timestamp,
    /// Whether somebody else knows the password, so that it has to be changed at the next sign-in.
    pub must_change: bool,
    /// Whether its second factor is set up.
    pub has_factor: bool,
    /// When it was shut.
    pub disabled_at: Option<Timestamp>,
}

impl Account {
    /// Whether whoever has it can be at work in the console: it is open, its password is known to nobody else, and its second factor is set up.
    pub const fn is_in_use(&self) -> bool {
        self.disabled_at.is_none() && !self.must_change && self.has_factor
    }
}

/// Adds an account.
pub async fn insert(
    connection: &mut SqliteConnection,
    (name, role): (&StaffName, Role),
    password: &StaffVerifier,
    must_change: bool,
    at: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO staff (name, role, salt, hash, must_change, password_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (name) DO NOTHING",
    )
    .bind(name.as_str())
    .bind(role.code())
    .bind(password.salt.as_bytes().as_slice())
    .bind(password.hash.as_slice())
    .bind(must_change)
    .bind(micros(at))
    .execute(connection)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Exists("staff")) }
}

/// Every account, by name.
pub async fn list(executor: impl SqliteExecutor<'_>) -> Result<Vec<Account>, StoreError> {
    type Row = (String, String, i64, i64, bool, bool, Option<i64>);
    let rows: Vec<Row> =
        sqlx::query_as("SELECT name, role, created_at, password_at, must_change, totp IS NOT NULL, disabled_at FROM staff ORDER BY name")
            .fetch_all(executor)
            .await?;
    rows.into_iter()
        .map(|(name, role, created_at, password_at, must_change, has_factor, disabled_at)| {
            Ok(Account {
                name: name.parse().map_err(corrupt("name of staff"))?,
                role: role.parse().map_err(corrupt("role of staff"))?,
                created_at: moment(created_at)?,
                password_at: moment(password_at)?,
                must_change,
                has_factor,
                disabled_at: disabled_at.map(moment).transpose()?,
            })
        })
        .collect()
}

/// What the password of an account that is not shut turns into.
pub async fn verifier(
    executor: impl SqliteExecutor<'_>,
    name: &StaffName,
) -> Result<Option<StaffVerifier>, StoreError> {
    let row: Option<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT salt, hash FROM staff WHERE name = $1 AND disabled_at IS NULL")
            .bind(name.as_str())
            .fetch_optional(executor)
            .await?;
    let Some((salt, hash)) = row else { return Ok(None) };
    let salt: [u8; 16] = salt.try_into().map_err(|_| StoreError::Corrupt("salt of staff"))?;
    let hash = hash.try_into().map_err(|_| StoreError::Corrupt("hash of staff"))?;
    Ok(Some(StaffVerifier { salt: Salt::from(salt), hash }))
}

/// Gives an account another password. No browser is known to it any more.
pub async fn set_password(
    connection: &mut SqliteConnection,
    name: &StaffName,
    password: &StaffVerifier,
    must_change: bool,
    at: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE staff SET salt = $2, hash = $3, must_change = $4, password_at = $5 WHERE name = $1")
        .bind(name.as_str())
        .bind(password.salt.as_bytes().as_slice())
        .bind(password.hash.as_slice())
        .bind(must_change)
        .bind(micros(at))
        .execute(&mut *connection)
        .await?;
    staff_browsers::forget(connection, name).await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Missing("staff")) }
}

/// Gives an account another role.
pub async fn set_role(connection: &mut SqliteConnection, name: &StaffName, role: Role) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE staff SET role = $2 WHERE name = $1").bind(name.as_str()).bind(role.code());
    let done = done.execute(connection).await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Missing("staff")) }
}

/// Opens an account that was shut. False when it was not.
pub async fn enable(connection: &mut SqliteConnection, name: &StaffName) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE staff SET disabled_at = NULL WHERE name = $1 AND disabled_at IS NOT NULL");
    Ok(done.bind(name.as_str()).execute(connection).await?.rows_affected() == 1)
}

/// Shuts an account. False when it was shut before.
pub async fn disable(connection: &mut SqliteConnection, name: &StaffName, at: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE staff SET disabled_at = $2 WHERE name = $1 AND disabled_at IS NULL")
        .bind(name.as_str())
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}
