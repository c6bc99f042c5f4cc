//! Whom deliveries are for.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::super::corrupt;
use super::endings;
use super::events::{self, Kind};
use crate::domain::ids::{InsurerNumber, UserId};
use crate::store::sqlite::{StoreError, groups, micros, moment};
use crate::wire::Der;
use crate::wire::delivery::Recipient;

/// A user that somebody named.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct Named {
    /// The row.
    pub seq: i64,
    /// Whether the user may come in.
    pub enabled: bool,
}

/// Those of these users that the union has.
pub async fn named(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    users: &[UserId],
) -> Result<Vec<Named>, StoreError> {
    let mut found = Vec::with_capacity(users.len());
    for group in groups(users) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT seq, enabled FROM users WHERE insurer = ");
        query.push_bind(insurer.as_str()).push(" AND user_id IN (");
        let mut list = query.separated(", ");
        for user in group {
            list.push_bind(user.as_str());
        }
        query.push(") ORDER BY seq");
        found.extend(query.build_query_as::<Named>().fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

/// Adds a recipient: with the delivery in the inbox, or dropped from it.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    delivery: i64,
    user: i64,
    open: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO delivery_recipients (delivery_seq, user_seq, open, dropped_at) VALUES ($1, $2, $3, $4)")
        .bind(delivery)
        .bind(user)
        .bind(open)
        .bind((!open).then(|| micros(now)))
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    delivery_seq: i64,
    user_id: String,
    fetched_at: Option<i64>,
    acknowledged_at: Option<i64>,
    dropped_at: Option<i64>,
}

/// The recipients of deliveries, with their receipts, in the order of their ids.
pub async fn of(
    connection: &mut SqliteConnection,
    deliveries: &[i64],
) -> Result<HashMap<i64, Vec<Recipient>>, StoreError> {
    let mut receipts = receipts_of(connection, deliveries).await?;
    let mut found: HashMap<i64, Vec<Recipient>> = HashMap::new();
    for group in groups(deliveries) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT r.delivery_seq, u.user_id, r.fetched_at, r.acknowledged_at, r.dropped_at
             FROM delivery_recipients r JOIN users u ON u.seq = r.user_seq WHERE r.delivery_seq IN (",
        );
        push_all(&mut query, group);
        query.push(") ORDER BY u.user_id");
        for row in query.build_query_as::<Row>().fetch_all(&mut *connection).await? {
            let receipts = receipts.remove(&(row.delivery_seq, row.user_id.clone())).unwrap_or_default();
            found.entry(row.delivery_seq).or_default().push(Recipient {
                user: row.user_id.parse().map_err(corrupt("user id"))?,
                fetched_at: row.fetched_at.map(moment).transpose()?,
                acknowledged_at: row.acknowledged_at.map(moment).transpose()?,
                dropped_at: row.dropped_at.map(moment).transpose()?,
                receipts,
            });
        }
    }
    Ok(found)
}

async fn receipts_of(
    connection: &mut SqliteConnection,
    deliveries: &[i64],
) -> Result<HashMap<(i64, String), Vec<Der>>, StoreError> {
    let mut found: HashMap<(i64, String), Vec<Der>> = HashMap::new();
    for group in groups(deliveries) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT e.delivery_seq, u.user_id, e.receipt FROM delivery_events e JOIN users u ON u.seq = e.user_seq
             WHERE e.receipt IS NOT NULL AND e.delivery_seq IN (",
        );
        push_all(&mut query, group);
        query.push(") ORDER BY e.number");
        let rows: Vec<(i64, String, Vec<u8>)> = query.build_query_as().fetch_all(&mut *connection).await?;
        for (delivery, user, receipt) in rows {
            found.entry((delivery, user)).or_default().push(Der(receipt));
        }
    }
    Ok(found)
}

fn push_all(query: &mut QueryBuilder<Sqlite>, numbers: &[i64]) {
    let mut list = query.separated(", ");
    for number in numbers {
        list.push_bind(*number);
    }
}

/// A user was disabled, and can have nothing any more that is not acknowledged. Answers whether there was something; what nobody
/// else has to fetch is deleted at `delete_at`.
pub async fn drop_user(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    now: Timestamp,
    delete_at: Timestamp,
) -> Result<bool, StoreError> {
    let dropped: Vec<(i64, i64)> = sqlx::query_as(
        "UPDATE delivery_recipients SET dropped_at = $3, open = FALSE
         WHERE open AND user_seq = (SELECT seq FROM users WHERE insurer = $1 AND user_id = $2)
         RETURNING delivery_seq, user_seq",
    )
    .bind(insurer.as_str())
    .bind(user.as_str())
    .bind(micros(now))
    .fetch_all(&mut *connection)
    .await?;
    for (delivery, user) in &dropped {
        events::append(connection, *delivery, Kind::Dropped, Some(*user), now).await?;
        endings::settle(connection, *delivery, now, delete_at).await?;
    }
    Ok(!dropped.is_empty())
}
