//! What unions take back, and what they say about numbers that are missing in their streams.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::super::notices::{self, Kind as Notice};
use super::super::uploads::{self, Depositor};
use super::super::{corrupt, parcels, usage};
use super::events::{self, Kind};
use super::{Delivery, endings, recipients};
use crate::domain::ids::{InsurerNumber, MessageId, UserId};
use crate::store::sqlite::{StoreError, micros};
use crate::wire::Der;
use crate::wire::delivery::Withdrawn;
use crate::wire::page::Cursor;

/// What became of a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Taken now: nobody had fetched it, and nobody will.
    Taken,
    /// Taken before, at this moment.
    Before(Timestamp),
    /// Its time was over: the statement is there for those who have not fetched it.
    Stated {
        /// Whether somebody had.
        collected: bool,
    },
    /// Somebody has fetched it.
    Collected,
    /// The id is that of a user's parcel.
    Conflict,
}

/// Takes a delivery back, or one that is on its way, or one that has not come yet. What one withdrawal has said stays.
pub async fn withdraw(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    id: MessageId,
    named: &[UserId],
    statement: &[u8],
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    match super::find(&mut *connection, insurer, id).await? {
        None => before_it_came(connection, insurer, id, named, statement, now).await,
        Some(Delivery { withdrawn_at: Some(at), .. }) => Ok(Outcome::Before(at)),
        Some(delivery) if delivery.expired_at.is_some() || delivery.expires_at <= now => {
            endings::expire_one(connection, delivery.seq, id, now).await?;
            state(connection, delivery.seq, statement).await?;
            Ok(Outcome::Stated { collected: delivery.fetched_at.is_some() })
        }
        Some(delivery) if delivery.fetched_at.is_some() => Ok(Outcome::Collected),
        Some(delivery) => {
            take_back(connection, &delivery, statement, now).await?;
            Ok(Outcome::Taken)
        }
    }
}

async fn before_it_came(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    id: MessageId,
    named: &[UserId],
    statement: &[u8],
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let upload = uploads::find(&mut *connection, insurer, id).await?;
    let of_a_user = upload.as_ref().is_some_and(|upload| upload.by != Depositor::Union);
    if of_a_user || parcels::find(&mut *connection, insurer, id).await?.is_some() {
        return Ok(Outcome::Conflict);
    }
    if let Some(upload) = upload {
        uploads::delete(connection, insurer, id).await?;
        usage::give_up(connection, insurer, &upload.by, upload.size).await?;
    }
    let delivery: i64 = sqlx::query_scalar(
        "INSERT INTO deliveries (insurer, message_id, size, deposited_at, expires_at, withdrawn_at, closed_at)
         VALUES ($1, $2, 0, $3, $3, $3, $3) RETURNING seq",
    )
    .bind(insurer.as_str())
    .bind(id.to_string())
    .bind(micros(now))
    .fetch_one(&mut *connection)
    .await?;
    for user in recipients::named(connection, insurer, named).await? {
        sqlx::query("INSERT INTO delivery_recipients (delivery_seq, user_seq, open) VALUES ($1, $2, FALSE)")
            .bind(delivery)
            .bind(user.seq)
            .execute(&mut *connection)
            .await?;
    }
    state(connection, delivery, statement).await?;
    events::append(connection, delivery, Kind::Withdrawn, None, now).await?;
    Ok(Outcome::Taken)
}

async fn take_back(
    connection: &mut SqliteConnection,
    delivery: &Delivery,
    statement: &[u8],
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE deliveries SET withdrawn_at = $2, delete_at = min(delete_at, $2) WHERE seq = $1")
        .bind(delivery.seq)
        .bind(micros(now))
        .execute(&mut *connection)
        .await?;
    let users: Vec<i64> = sqlx::query_scalar(
        "UPDATE delivery_recipients SET open = FALSE WHERE delivery_seq = $1 AND open RETURNING user_seq",
    )
    .bind(delivery.seq)
    .fetch_all(&mut *connection)
    .await?;
    for user in users {
        notices::note(connection, user, Notice::Recall, delivery.id, now).await?;
    }
    endings::close(connection, delivery.seq, now).await?;
    state(connection, delivery.seq, statement).await?;
    events::append(connection, delivery.seq, Kind::Withdrawn, None, now).await
}

/// Keeps the statement for those recipients who have not fetched the delivery; one that is there already stays.
async fn state(connection: &mut SqliteConnection, delivery: i64, statement: &[u8]) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE deliveries SET statement = $2 WHERE seq = $1 AND statement IS NULL")
        .bind(delivery)
        .bind(statement)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() > 0 {
        sqlx::query(
            "INSERT INTO withdrawals (delivery_seq, user_seq)
             SELECT delivery_seq, user_seq FROM delivery_recipients
             WHERE delivery_seq = $1 AND fetched_at IS NULL ORDER BY user_seq",
        )
        .bind(delivery)
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// What the union has said to a user about missing numbers, after a place in the list.
pub async fn page(
    executor: impl SqliteExecutor<'_>,
    user: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Withdrawn>, StoreError> {
    let rows: Vec<(i64, String, Vec<u8>)> = sqlx::query_as(
        "SELECT w.number, d.message_id, d.statement FROM withdrawals w JOIN deliveries d ON d.seq = w.delivery_seq
         WHERE w.user_seq = $1 AND w.number > $2 ORDER BY w.number LIMIT $3",
    )
    .bind(user)
    .bind(after)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    let read = |(number, id, statement): (i64, String, Vec<u8>)| {
        let id = id.parse().map_err(corrupt("message id"))?;
        Ok(Withdrawn { id, cursor: Cursor(number), statement: Der(statement) })
    };
    rows.into_iter().map(read).collect()
}
