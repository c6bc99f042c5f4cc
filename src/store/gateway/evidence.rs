//! What was known when a verdict was made.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::digest::Fingerprint;
use crate::store::sqlite::{StoreError, groups, micros, moment};

/// The frozen facts behind one verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The number of the message.
    pub message: i64,
    /// When the verdict was made.
    pub judged_at: Timestamp,
    /// The registered certificate that the signature verified under.
    pub certificate: Option<Fingerprint>,
    /// The facts, as one JSON object.
    pub facts: String,
}

/// Adds evidence.
pub async fn insert(connection: &mut SqliteConnection, rows: &[Evidence]) -> Result<(), StoreError> {
    for group in groups(rows) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO evidence (message, judged_at, certificate, facts) ");
        query.push_values(group, |mut row, evidence| {
            row.push_bind(evidence.message)
                .push_bind(micros(evidence.judged_at))
                .push_bind(evidence.certificate.as_ref().map(|name| name.as_bytes().as_slice()))
                .push_bind(evidence.facts.as_str());
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Writes the facts anew: what is known of the stream at the end of the run.
pub async fn set_facts(connection: &mut SqliteConnection, message: i64, facts: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE evidence SET facts = $2 WHERE message = $1")
        .bind(message)
        .bind(facts)
        .execute(connection)
        .await?;
    Ok(())
}

/// Names the certificate that the signature verified under, where none was registered at the verdict.
pub async fn set_certificate(
    connection: &mut SqliteConnection,
    message: i64,
    certificate: Fingerprint,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE evidence SET certificate = $2 WHERE message = $1")
        .bind(message)
        .bind(certificate.as_bytes().as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

/// The evidence of one message.
pub async fn find(executor: impl SqliteExecutor<'_>, message: i64) -> Result<Option<Evidence>, StoreError> {
    let row: Option<(i64, Option<Vec<u8>>, String)> =
        sqlx::query_as("SELECT judged_at, certificate, facts FROM evidence WHERE message = $1")
            .bind(message)
            .fetch_optional(executor)
            .await?;
    let Some((judged_at, certificate, facts)) = row else { return Ok(None) };
    let certificate =
        certificate.map(|bytes| bytes.as_slice().try_into().map_err(corrupt("fingerprint"))).transpose()?;
    Ok(Some(Evidence { message, judged_at: moment(judged_at)?, certificate, facts }))
}
