//! Signed receipts, the relay's and ours.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use crate::store::sqlite::{StoreError, groups, micros, moment};

/// A receipt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReceipt {
    /// Its own number; the caller takes it from [`next_number`].
    pub number: i64,
    /// The number of the message.
    pub message: i64,
    /// Its stage, as it says itself.
    pub stage: String,
    /// When it came or was made.
    pub at: Timestamp,
    /// The CMS `SignedData`.
    pub der: Vec<u8>,
}

/// The first number that is free.
pub async fn next_number(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM receipts").fetch_one(connection).await?)
}

/// Adds receipts.
pub async fn insert(connection: &mut SqliteConnection, rows: &[StoredReceipt]) -> Result<(), StoreError> {
    for group in groups(rows) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO receipts (number, message, stage, at, der) ");
        query.push_values(group, |mut row, receipt| {
            row.push_bind(receipt.number)
                .push_bind(receipt.message)
                .push_bind(receipt.stage.as_str())
                .push_bind(micros(receipt.at))
                .push_bind(receipt.der.as_slice());
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// The receipts of a message, in order.
pub async fn of_message(executor: impl SqliteExecutor<'_>, message: i64) -> Result<Vec<StoredReceipt>, StoreError> {
    let rows: Vec<(i64, String, i64, Vec<u8>)> =
        sqlx::query_as("SELECT number, stage, at, der FROM receipts WHERE message = $1 ORDER BY number")
            .bind(message)
            .fetch_all(executor)
            .await?;
    rows.into_iter()
        .map(|(number, stage, at, der)| Ok(StoredReceipt { number, message, stage, at: moment(at)?, der }))
        .collect()
}
