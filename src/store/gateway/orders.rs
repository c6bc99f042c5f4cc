//! What the relay must be told about our users, repeated until it confirms.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::UserId;
use crate::store::sqlite::{StoreError, micros, moment};

/// What the relay is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// Register the user with its present certificates, or replace them.
    Register,
    /// Let the user in no more.
    Disable,
    /// Let the user in again.
    Enable,
}

impl OrderKind {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Disable => "disable",
            Self::Enable => "enable",
        }
    }
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its place in the line.
    pub number: i64,
    /// What is to be done.
    pub kind: OrderKind,
    /// To whom.
    pub user: UserId,
    /// When the union decided it.
    pub requested_at: Timestamp,
    /// When the relay confirmed it.
    pub confirmed_at: Option<Timestamp>,
    /// How often it was sent.
    pub tries: u32,
    /// What the relay said to the last try, as a code.
    pub problem: Option<String>,
}

/// Puts an order in the line.
pub async fn insert(
    connection: &mut SqliteConnection,
    kind: OrderKind,
    user: &UserId,
    at: Timestamp,
) -> Result<i64, StoreError> {
    let number = sqlx::query_scalar(
        "INSERT INTO orders (kind, user_id, requested_at, next_try) VALUES ($1, $2, $3, $3) RETURNING number",
    )
    .bind(kind.code())
    .bind(user.as_str())
    .bind(micros(at))
    .fetch_one(connection)
    .await?;
    Ok(number)
}

/// The unconfirmed orders that are due, in the order in which they were given. What was put off beyond `horizon` is due
/// too: the clock has been set back since.
pub async fn due(
    executor: impl SqliteExecutor<'_>,
    now: Timestamp,
    horizon: Timestamp,
    limit: u32,
) -> Result<Vec<Order>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT number, kind, user_id, requested_at, confirmed_at, tries, problem FROM orders
         WHERE confirmed_at IS NULL AND (next_try <= $1 OR next_try > $2) ORDER BY number LIMIT $3",
    )
    .bind(micros(now))
    .bind(micros(horizon))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(Row::parse).collect()
}

/// The unconfirmed orders, due or not.
pub async fn open(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<Order>, StoreError> {
    due(executor, Timestamp::MAX, Timestamp::MAX, limit).await
}

/// The newest order for a user.
pub async fn newest(executor: impl SqliteExecutor<'_>, user: &UserId) -> Result<Option<Order>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT number, kind, user_id, requested_at, confirmed_at, tries, problem FROM orders
         WHERE user_id = $1 ORDER BY number DESC LIMIT 1",
    )
    .bind(user.as_str())
    .fetch_optional(executor)
    .await?;
    row.map(Row::parse).transpose()
}

/// The relay has done it.
pub async fn confirm(connection: &mut SqliteConnection, number: i64, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE orders SET confirmed_at = $2, tries = tries + 1, problem = NULL WHERE number = $1")
        .bind(number)
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// It did not work this time.
pub async fn put_off(
    connection: &mut SqliteConnection,
    number: i64,
    next_try: Timestamp,
    problem: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE orders SET tries = tries + 1, next_try = $2, problem = $3 WHERE number = $1")
        .bind(number)
        .bind(micros(next_try))
        .bind(problem)
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    kind: String,
    user_id: String,
    requested_at: i64,
    confirmed_at: Option<i64>,
    tries: u32,
    problem: Option<String>,
}

impl Row {
    fn parse(self) -> Result<Order, StoreError> {
        let kinds = [OrderKind::Register, OrderKind::Disable, OrderKind::Enable];
        let kind = kinds.into_iter().find(|kind| kind.code() == self.kind);
        Ok(Order {
            number: self.number,
            kind: kind.ok_or(StoreError::Corrupt("kind of order"))?,
            user: self.user_id.parse().map_err(corrupt("user id"))?,
            requested_at: moment(self.requested_at)?,
            confirmed_at: self.confirmed_at.map(moment).transpose()?,
            tries: self.tries,
            problem: self.problem,
        })
    }
}
