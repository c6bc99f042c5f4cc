//! Receipts for what we sent: the relay's and the recipients', also those that do not fit.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::UserId;
use crate::store::sqlite::{StoreError, micros, moment};

/// A receipt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentReceipt {
    /// The number of the message.
    pub message: i64,
    /// Whose it is; none of the relay's.
    pub user: Option<UserId>,
    /// Its stage, as it says itself; nothing if it could not be read.
    pub stage: String,
    /// When it came to the relay.
    pub at: Timestamp,
    /// The CMS `SignedData`.
    pub der: Vec<u8>,
    /// What is wrong with it, as a code.
    pub refused: Option<String>,
}

/// Adds a receipt.
pub async fn insert(connection: &mut SqliteConnection, receipt: &SentReceipt) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sent_receipts (message, user_id, stage, at, der, refused) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(receipt.message)
    .bind(receipt.user.as_ref().map(UserId::as_str))
    .bind(&receipt.stage)
    .bind(micros(receipt.at))
    .bind(&receipt.der)
    .bind(&receipt.refused)
    .execute(connection)
    .await?;
    Ok(())
}

/// What was said about a message before the relay lost it counts no more: it is deposited again, and chains begin anew.
pub async fn void(connection: &mut SqliteConnection, message: i64, code: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE sent_receipts SET refused = $2 WHERE message = $1 AND refused IS NULL")
        .bind(message)
        .bind(code)
        .execute(connection)
        .await?;
    Ok(())
}

/// The receipts of a message, in the order in which they came.
pub async fn of_message(executor: impl SqliteExecutor<'_>, message: i64) -> Result<Vec<SentReceipt>, StoreError> {
    type Row = (Option<String>, String, i64, Vec<u8>, Option<String>);
    let rows: Vec<Row> =
        sqlx::query_as("SELECT user_id, stage, at, der, refused FROM sent_receipts WHERE message = $1 ORDER BY number")
            .bind(message)
            .fetch_all(executor)
            .await?;
    rows.into_iter()
        .map(|(user, stage, at, der, refused)| {
            let user = user.map(|id| id.parse().map_err(corrupt("user id"))).transpose()?;
            Ok(SentReceipt { message, user, stage, at: moment(at)?, der, refused })
        })
        .collect()
}
