//! The newest revocation list of our own CA.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
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
