//! What is durable here and not yet acknowledged at the relay.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::MessageId;
use crate::store::sqlite::{StoreError, groups, micros};

/// An acknowledgement to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its place in the line.
    pub number: i64,
    /// Which parcel.
    pub id: MessageId,
    /// Our signed receipt; none for what went to quarantine.
    pub receipt: Option<Vec<u8>>,
}

/// Puts acknowledgements in the line. Each is an id and the number of the receipt that goes with it. Gives their places,
/// in the same order; one that stands in the line already keeps its place.
pub async fn insert(
    connection: &mut SqliteConnection,
    rows: &[(MessageId, Option<i64>)],
    at: Timestamp,
) -> Result<Vec<i64>, StoreError> {
    let mut numbers = Vec::with_capacity(rows.len());
    for group in groups(rows) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO acknowledgements (message_id, receipt, created_at) ");
        query.push_values(group, |mut row, (id, receipt)| {
            row.push_bind(id.to_string()).push_bind(*receipt).push_bind(micros(at));
        });
        query.push(
            " ON CONFLICT (message_id, ifnull(receipt, 0)) DO UPDATE SET created_at = acknowledgements.created_at
              RETURNING message_id, receipt, number",
        );
        let stored: Vec<(String, Option<i64>, i64)> = query.build_query_as().fetch_all(&mut *connection).await?;
        let places: HashMap<_, _> = stored.into_iter().map(|(id, receipt, number)| ((id, receipt), number)).collect();
        for (id, receipt) in group {
            let place = places.get(&(id.to_string(), *receipt));
            numbers.push(*place.ok_or(StoreError::Missing("acknowledgement"))?);
        }
    }
    Ok(numbers)
}

/// The first in the line after `after`.
pub async fn list(executor: impl SqliteExecutor<'_>, after: i64, limit: u32) -> Result<Vec<Pending>, StoreError> {
    let rows: Vec<(i64, String, Option<Vec<u8>>)> = sqlx::query_as(
        "SELECT a.number, a.message_id, r.der FROM acknowledgements a LEFT JOIN receipts r ON r.number = a.receipt
         WHERE a.number > $1 ORDER BY a.number LIMIT $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|(number, id, receipt)| Ok(Pending { number, id: id.parse().map_err(corrupt("message id"))?, receipt }))
        .collect()
}

/// How many stand in the line.
pub async fn count(executor: impl SqliteExecutor<'_>) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM acknowledgements").fetch_one(executor).await?;
    u64::try_from(count).map_err(corrupt("count"))
}

/// Takes what the relay has confirmed out of the line, by its places: for the same message more may stand there.
pub async fn remove(connection: &mut SqliteConnection, numbers: &[i64]) -> Result<(), StoreError> {
    for group in groups(numbers) {
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM acknowledgements WHERE number IN (");
        let mut list = query.separated(", ");
        for number in group {
            list.push_bind(*number);
        }
        query.push(")");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
