//! What programs outside are still to be told: one letter for each event and each way to tell. A letter goes when it was told; one
//! that nobody took in all its tries stays, for staff to see.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use super::events::Event;
use crate::store::sqlite::{StoreError, groups, micros, moment};

/// How a program is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A command is run.
    Command,
    /// An address is posted to.
    Url,
}

impl Way {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Url => "url",
        }
    }
}

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its place among all.
    pub number: i64,
    /// How it is told.
    pub way: Way,
    /// What it tells.
    pub event: Event,
    /// Tries so far.
    pub tries: u32,
    /// When it is tried next; none when it was given up.
    pub next_try: Option<Timestamp>,
    /// Why the last try was in vain.
    pub problem: Option<String>,
}

/// Adds a letter of this way for each event.
pub async fn insert(
    connection: &mut SqliteConnection,
    events: &[&Event],
    way: Way,
    at: Timestamp,
) -> Result<(), StoreError> {
    for group in groups(events) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO hook_letters (event, way, next_try) ");
        query.push_values(group, |mut row, event| {
            row.push_bind(event.number).push_bind(way.code()).push_bind(micros(at));
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Letters of other ways than these whose time has come, in the order of their events; also those whose time lies beyond the
/// horizon, because the clock was set back.
pub async fn due(
    executor: impl SqliteExecutor<'_>,
    now: Timestamp,
    horizon: Timestamp,
    deaf: &[Way],
    limit: u32,
) -> Result<Vec<Letter>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT l.number, l.way, l.tries, l.next_try, l.problem, l.event, e.at, e.kind, e.subject, e.office, e.user_id
         FROM hook_letters l JOIN events e ON e.number = l.event
         WHERE (l.next_try <= $1 OR l.next_try > $2) AND NOT ($3 AND l.way = 'command') AND NOT ($4 AND l.way = 'url')
         ORDER BY l.number LIMIT $5",
    )
    .bind(micros(now))
    .bind(micros(horizon))
    .bind(deaf.contains(&Way::Command))
    .bind(deaf.contains(&Way::Url))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Letters that were not told yet, oldest first.
pub async fn list(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<Letter>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT l.number, l.way, l.tries, l.next_try, l.problem, l.event, e.at, e.kind, e.subject, e.office, e.user_id
         FROM hook_letters l JOIN events e ON e.number = l.event ORDER BY l.number LIMIT $1",
    )
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// How many letters are on their way, and how many were given up.
pub async fn counts(executor: impl SqliteExecutor<'_>) -> Result<(u64, u64), StoreError> {
    let (waiting, dead): (i64, i64) =
        sqlx::query_as("SELECT count(next_try), count(*) - count(next_try) FROM hook_letters")
            .fetch_one(executor)
            .await?;
    let count = |count| u64::try_from(count).map_err(corrupt("count"));
    Ok((count(waiting)?, count(dead)?))
}

/// It was told.
pub async fn delete(connection: &mut SqliteConnection, number: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM hook_letters WHERE number = $1").bind(number).execute(connection).await?;
    Ok(())
}

/// A try was in vain. Without another one it is given up.
pub async fn put_off(
    connection: &mut SqliteConnection,
    number: i64,
    problem: &str,
    next_try: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE hook_letters SET tries = tries + 1, problem = $2, next_try = $3 WHERE number = $1")
        .bind(number)
        .bind(problem)
        .bind(next_try.map(micros))
        .execute(connection)
        .await?;
    Ok(())
}

/// Begins anew with all that were given up. Answers how many.
pub async fn retry(connection: &mut SqliteConnection, at: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("UPDATE hook_letters SET tries = 0, next_try = $1 WHERE next_try IS NULL")
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Drops all that were given up. Answers how many.
pub async fn drop_dead(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    Ok(sqlx::query("DELETE FROM hook_letters WHERE next_try IS NULL").execute(connection).await?.rows_affected())
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    way: String,
    tries: u32,
    next_try: Option<i64>,
    problem: Option<String>,
    event: i64,
    at: i64,
    kind: String,
    subject: String,
    office: Option<String>,
    user_id: Option<String>,
}

impl TryFrom<Row> for Letter {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let way = match row.way.as_str() {
            "command" => Way::Command,
            "url" => Way::Url,
            _ => return Err(StoreError::Corrupt("way of a letter")),
        };
        let event = super::events::Row {
            number: row.event,
            at: row.at,
            kind: row.kind,
            subject: row.subject,
            office: row.office,
            user_id: row.user_id,
        };
        Ok(Self {
            number: row.number,
            way,
            event: event.try_into()?,
            tries: row.tries,
            next_try: row.next_try.map(moment).transpose()?,
            problem: row.problem,
        })
    }
}
