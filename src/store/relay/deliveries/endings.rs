//! How deliveries end by themselves: everybody has it, its time is over, its bytes go. Before that, who has to be reminded.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::super::notices::{self, Kind as Notice};
use super::super::uploads::Depositor;
use super::super::{corrupt, size, usage};
use super::events::{self, Kind};
use crate::domain::ids::{InsurerNumber, MessageId};
use crate::store::sqlite::{StoreError, micros, moment};

/// From now on the delivery counts as kept and not as waiting, if it did; and nobody is reminded of it.
pub(super) async fn close(connection: &mut SqliteConnection, delivery: i64, now: Timestamp) -> Result<(), StoreError> {
    let closed: Option<(String, i64)> = sqlx::query_as(
        "UPDATE deliveries SET closed_at = $2, remind_at = NULL WHERE seq = $1 AND closed_at IS NULL
         RETURNING insurer, size",
    )
    .bind(delivery)
    .bind(micros(now))
    .fetch_optional(&mut *connection)
    .await?;
    let Some((insurer, bytes)) = closed else { return Ok(()) };
    let insurer = insurer.parse().map_err(corrupt("insurer number"))?;
    usage::acknowledge(connection, &insurer, &Depositor::Union, size(bytes)?, 1).await
}

/// Ends a delivery that nobody has to fetch any more: its bytes go at `delete_at`, or when they would go anyway.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    delivery: i64,
    now: Timestamp,
    delete_at: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE deliveries SET delete_at = min(delete_at, $2)
         WHERE seq = $1 AND NOT EXISTS (SELECT 1 FROM delivery_recipients WHERE delivery_seq = $1 AND open)",
    )
    .bind(delivery)
    .bind(micros(delete_at))
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() > 0 { close(connection, delivery, now).await } else { Ok(()) }
}

/// Deliveries whose unions wait for news of them.
pub type Unions = Vec<InsurerNumber>;

/// A delivery with its union, as the functions here find it.
type Found = (i64, String, String);

fn unions(found: &[Found]) -> Result<Unions, StoreError> {
    let mut unions = Vec::new();
    for (_, insurer, _) in found {
        unions.push(insurer.parse().map_err(corrupt("insurer number"))?);
    }
    unions.sort_unstable();
    unions.dedup();
    Ok(unions)
}

/// Ends some of the deliveries whose time is over, for those who have not fetched them, who are to be told. Answers whose they were,
/// and how many nobody at all had fetched; no union when there was nothing to end.
pub async fn expire(
    connection: &mut SqliteConnection,
    now: Timestamp,
    limit: i64,
) -> Result<(Unions, u64), StoreError> {
    let found: Vec<Found> = sqlx::query_as(
        "SELECT seq, insurer, message_id FROM deliveries WHERE closed_at IS NULL AND expires_at <= $1
         ORDER BY expires_at LIMIT $2",
    )
    .bind(micros(now))
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    let mut expired = 0;
    for (delivery, _, id) in &found {
        let id = id.parse().map_err(corrupt("message id"))?;
        expired += u64::from(expire_one(connection, *delivery, id, now).await?);
    }
    Ok((unions(&found)?, expired))
}

/// Ends one delivery for those who have not fetched it; whether nobody had.
pub(super) async fn expire_one(
    connection: &mut SqliteConnection,
    delivery: i64,
    id: MessageId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let users: Vec<i64> = sqlx::query_scalar(
        "UPDATE delivery_recipients SET open = FALSE WHERE delivery_seq = $1 AND open AND fetched_at IS NULL
         RETURNING user_seq",
    )
    .bind(delivery)
    .fetch_all(&mut *connection)
    .await?;
    for user in &users {
        notices::note(connection, *user, Notice::Expiry, id, now).await?;
    }
    let done = sqlx::query(
        "UPDATE deliveries SET expired_at = $2
         WHERE seq = $1 AND fetched_at IS NULL AND withdrawn_at IS NULL AND expired_at IS NULL",
    )
    .bind(delivery)
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    let expired = done.rows_affected() > 0;
    if expired {
        events::append(connection, delivery, Kind::Expired, None, now).await?;
    } else {
        // The union explains the number to each of them.
        for user in users {
            events::append(connection, delivery, Kind::Expired, Some(user), now).await?;
        }
    }
    close(connection, delivery, now).await?;
    Ok(expired)
}

/// Deliveries of which somebody has to be reminded by now: their places, and when each was deposited.
pub async fn to_remind(
    connection: &mut SqliteConnection,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(i64, Timestamp)>, StoreError> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT seq, deposited_at FROM deliveries WHERE remind_at IS NOT NULL AND remind_at <= $1
         ORDER BY remind_at LIMIT $2",
    )
    .bind(micros(now))
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|(seq, at)| Ok((seq, moment(at)?))).collect()
}

/// When users are reminded of a delivery next, if ever.
pub async fn remind_next(
    connection: &mut SqliteConnection,
    delivery: i64,
    next: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE deliveries SET remind_at = $2 WHERE seq = $1")
        .bind(delivery)
        .bind(next.map(micros))
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that those are to be reminded who have not fetched a delivery, unless they were since a moment. Answers whose it is, if
/// anybody is reminded.
pub async fn remind(
    connection: &mut SqliteConnection,
    delivery: i64,
    since: Timestamp,
    now: Timestamp,
) -> Result<Option<InsurerNumber>, StoreError> {
    let (insurer, id): (String, String) = sqlx::query_as("SELECT insurer, message_id FROM deliveries WHERE seq = $1")
        .bind(delivery)
        .fetch_one(&mut *connection)
        .await?;
    let id: MessageId = id.parse().map_err(corrupt("message id"))?;
    let users: Vec<i64> = sqlx::query_scalar(
        "UPDATE delivery_recipients SET reminded_at = $2
         WHERE delivery_seq = $1 AND open AND fetched_at IS NULL AND (reminded_at IS NULL OR reminded_at <= $3)
         RETURNING user_seq",
    )
    .bind(delivery)
    .bind(micros(now))
    .bind(micros(since))
    .fetch_all(&mut *connection)
    .await?;
    let mut anybody = false;
    for user in users {
        if notices::note(connection, user, Notice::Reminder, id, now).await? {
            events::append(connection, delivery, Kind::Reminded, Some(user), now).await?;
            anybody = true;
        }
    }
    if !anybody {
        return Ok(None);
    }
    insurer.parse().map(Some).map_err(corrupt("insurer number"))
}

/// A delivery whose bytes are to go.
#[derive(Debug, Clone)]
pub struct ToDelete {
    /// Its place.
    pub seq: i64,
    /// Of which union.
    pub insurer: InsurerNumber,
    /// The id of the message inside.
    pub id: MessageId,
}

/// Deliveries whose bytes are to go by now, the oldest first; at most `limit`, after the first `skip`.
pub async fn to_delete(
    executor: impl SqliteExecutor<'_>,
    now: Timestamp,
    skip: i64,
    limit: i64,
) -> Result<Vec<ToDelete>, StoreError> {
    let found: Vec<Found> = sqlx::query_as(
        "SELECT seq, insurer, message_id FROM deliveries WHERE delete_at IS NOT NULL AND delete_at <= $1
         ORDER BY delete_at, seq LIMIT $2 OFFSET $3",
    )
    .bind(micros(now))
    .bind(limit)
    .bind(skip)
    .fetch_all(executor)
    .await?;
    let read = |(seq, insurer, id): Found| {
        Ok(ToDelete {
            seq,
            insurer: insurer.parse().map_err(corrupt("insurer number"))?,
            id: id.parse().map_err(corrupt("message id"))?,
        })
    };
    found.into_iter().map(read).collect()
}

/// Notes that the bytes are gone; whether that was new. Nobody can have them any more.
pub async fn deleted(connection: &mut SqliteConnection, delivery: i64, now: Timestamp) -> Result<bool, StoreError> {
    let gone: Option<(String, i64)> = sqlx::query_as(
        "UPDATE deliveries SET delete_at = NULL WHERE seq = $1 AND delete_at IS NOT NULL RETURNING insurer, size",
    )
    .bind(delivery)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((insurer, bytes)) = gone else { return Ok(false) };
    let insurer = insurer.parse().map_err(corrupt("insurer number"))?;
    sqlx::query("UPDATE delivery_recipients SET open = FALSE WHERE delivery_seq = $1 AND open")
        .bind(delivery)
        .execute(&mut *connection)
        .await?;
    close(connection, delivery, now).await?;
    usage::purge(connection, &insurer, &Depositor::Union, size(bytes)?).await?;
    events::append(connection, delivery, Kind::Deleted, None, now).await?;
    Ok(true)
}
