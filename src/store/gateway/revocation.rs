//! The newest revocation list of our own CA, and which certificates of the union itself are on it.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::digest::Fingerprint;
use crate::message::keys::Certificate;
use crate::store::sqlite::{StoreError, micros, moment};

/// A list as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its number: rises with each.
    pub number: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// The list in DER.
    pub der: Vec<u8>,
}

/// The newest one.
pub async fn newest(executor: impl SqliteExecutor<'_>) -> Result<Option<Stored>, StoreError> {
    let row: Option<(i64, i64, Vec<u8>)> =
        sqlx::query_as("SELECT number, made_at, der FROM revocation_list WHERE id = 1")
            .fetch_optional(executor)
            .await?;
    row.map(|(number, made_at, der)| {
        let number = number.try_into().map_err(corrupt("number of a revocation list"))?;
        Ok(Stored { number, made_at: moment(made_at)?, der })
    })
    .transpose()
}

/// Whether the relay has confirmed the newest one, or there is none.
pub async fn is_published(executor: impl SqliteExecutor<'_>) -> Result<bool, StoreError> {
    let open = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM revocation_list WHERE id = 1 AND published IS DISTINCT FROM number)",
    );
    let open: bool = open.fetch_one(executor).await?;
    Ok(!open)
}

/// The relay has confirmed the list of this number.
pub async fn set_published(connection: &mut SqliteConnection, number: u64) -> Result<(), StoreError> {
    sqlx::query("UPDATE revocation_list SET published = $1 WHERE id = 1")
        .bind(i64::try_from(number).map_err(corrupt("number of a revocation list"))?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Replaces it.
pub async fn replace(connection: &mut SqliteConnection, list: &Stored) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO revocation_list (id, number, made_at, der) VALUES (1, $1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET number = excluded.number, made_at = excluded.made_at, der = excluded.der",
    )
    .bind(i64::try_from(list.number).map_err(corrupt("number of a revocation list"))?)
    .bind(micros(list.made_at))
    .bind(&list.der)
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that a certificate of the union itself is revoked. False when it was already.
pub async fn revoke_own(
    connection: &mut SqliteConnection,
    certificate: &Certificate,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO union_revocations (fingerprint, serial, revoked_at) VALUES ($1, $2, $3)
         ON CONFLICT (fingerprint) DO NOTHING",
    )
    .bind(certificate.fingerprint().as_bytes().as_slice())
    .bind(certificate.serial())
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A revoked certificate of the union itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Which.
    pub fingerprint: Fingerprint,
    /// Its serial number in hexadecimal.
    pub serial: String,
    /// Since when.
    pub at: Timestamp,
}

/// Every revoked certificate of the union itself. They stay on the list also when they have ended: what they signed is
/// looked at for years.
pub async fn own(executor: impl SqliteExecutor<'_>) -> Result<Vec<Own>, StoreError> {
    let rows: Vec<(Vec<u8>, String, i64)> =
        sqlx::query_as("SELECT fingerprint, serial, revoked_at FROM union_revocations ORDER BY revoked_at")
            .fetch_all(executor)
            .await?;
    rows.into_iter()
        .map(|(fingerprint, serial, at)| {
            let fingerprint = fingerprint.as_slice().try_into().map_err(corrupt("fingerprint"))?;
            Ok(Own { fingerprint, serial, at: moment(at)? })
        })
        .collect()
}
