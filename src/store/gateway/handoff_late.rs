//! Arrivals that could not be handed in when it was their turn: they are tried again, while others go on.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::events::{self, Event};
use crate::store::sqlite::{StoreError, micros};

/// An arrival that is late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    /// What arrived.
    pub event: Event,
    /// How often it was tried in vain.
    pub tries: u32,
}

/// Notes that a try was in vain, why, and when the next one is.
pub async fn put_off(
    connection: &mut SqliteConnection,
    event: i64,
    code: &str,
    next_try: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO handoff_late (event, code, tries, next_try) VALUES ($1, $2, 1, $3)
         ON CONFLICT (event) DO UPDATE SET code = excluded.code, tries = tries + 1, next_try = excluded.next_try",
    )
    .bind(event)
    .bind(code)
    .bind(micros(next_try))
    .execute(connection)
    .await?;
    Ok(())
}

/// Those whose time has come, the oldest first; also those whose time lies beyond the horizon, because the clock was set back.
pub async fn due(
    executor: impl SqliteExecutor<'_>,
    now: Timestamp,
    horizon: Timestamp,
    limit: u32,
) -> Result<Vec<Late>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT e.number, e.at, e.kind, e.subject, e.office, e.user_id, l.tries
         FROM handoff_late l JOIN events e ON e.number = l.event
         WHERE l.next_try <= $1 OR l.next_try > $2 ORDER BY l.event LIMIT $3",
    )
    .bind(micros(now))
    .bind(micros(horizon))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(|row| Ok(Late { event: row.event.try_into()?, tries: row.tries })).collect()
}

/// Whether any is late.
pub async fn any(executor: impl SqliteExecutor<'_>) -> Result<bool, StoreError> {
    let found: i64 = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM handoff_late)").fetch_one(executor).await?;
    Ok(found != 0)
}

/// It was handed in, or never will be.
pub async fn done(connection: &mut SqliteConnection, event: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM handoff_late WHERE event = $1").bind(event).execute(connection).await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    event: events::Row,
    tries: u32,
}
