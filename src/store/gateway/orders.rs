//! What the relay must be told, repeated until it confirms.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::{RequestId, UserId};
use crate::store::sqlite::{StoreError, groups, micros, moment};
use crate::wire::union::OrderNumber;

macro_rules! kinds {
    ($($(#[$meta:meta])* $kind:ident = $code:literal,)*) => {
        /// What the relay is asked to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum OrderKind {
            $($(#[$meta])* $kind,)*
        }

        impl OrderKind {
            const ALL: &[Self] = &[$(Self::$kind),*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$kind => $code,)* }
            }
        }
    };
}

kinds! {
    /// Register the user with its present certificates, or replace them. Payload: where the login starts again, if it does.
    Register = "register",
    /// Let the user in no more. Waits for nothing.
    Disable = "disable",
    /// Let the user in again.
    Enable = "enable",
    /// Take a new kit and mail the link to it. Payload: an `EnrolmentOrder`.
    Enrol = "enrol",
    /// Pass on the answer to a request for certificates. Subject: the request; payload: the signed answer.
    Answer = "answer",
    /// Pass on the answer with certificates, and who may come in with them. Subject and payload as above.
    Issue = "issue",
    /// Mail a new link for the enrolment that is open.
    Link = "link",
    /// Mail a notice. Payload: a `Notice`.
    Notice = "notice",
    /// Publish the union's certificates and revocation list.
    Certificates = "certificates",
}

/// An order that is to be put in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// What is to be done.
    pub kind: OrderKind,
    /// To whom, if to anybody.
    pub user: Option<UserId>,
    /// The request that it answers.
    pub subject: Option<RequestId>,
    /// What goes with it, as JSON.
    pub payload: Option<String>,
}

impl NewOrder {
    /// One about a user, with nothing else to it.
    pub fn about(user: &UserId, kind: OrderKind) -> Self {
        Self { kind, user: Some(user.clone()), subject: None, payload: None }
    }

    /// The union's certificates have changed.
    pub fn certificates() -> Self {
        Self { kind: OrderKind::Certificates, user: None, subject: None, payload: None }
    }

    /// With a payload.
    #[must_use]
    pub fn with(self, payload: &impl serde::Serialize) -> Self {
        let text = serde_json::to_string(payload).expect("the wire's types are plain data");
        Self { payload: Some(text), ..self }
    }
}

/// Which orders are meant.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Every one.
    All,
    /// Those about a user.
    Of(&'a UserId),
    /// Those that shut somebody out.
    Disablings,
}

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its place in the line.
    pub number: i64,
    /// What is to be done.
    pub kind: OrderKind,
    /// To whom, if to anybody.
    pub user: Option<UserId>,
    /// The request that it answers.
    pub subject: Option<RequestId>,
    /// When the union decided it.
    pub requested_at: Timestamp,
    /// When the relay confirmed it.
    pub confirmed_at: Option<Timestamp>,
    /// How often it was sent.
    pub tries: u32,
    /// What the relay said to the last try, as a code.
    pub problem: Option<String>,
}

/// Puts orders in the line, in their order.
pub async fn insert(connection: &mut SqliteConnection, orders: &[NewOrder], at: Timestamp) -> Result<(), StoreError> {
    for group in groups(orders) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO orders (kind, user_id, subject, payload, requested_at, next_try) ",
        );
        query.push_values(group, |mut row, order| {
            row.push_bind(order.kind.code())
                .push_bind(order.user.as_ref().map(UserId::as_str))
                .push_bind(order.subject.map(|id| id.to_string()))
                .push_bind(order.payload.as_deref())
                .push_bind(micros(at))
                .push_bind(micros(at));
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// What a disabling makes void: every open order about the user.
pub async fn drop_open(connection: &mut SqliteConnection, user: &UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM orders WHERE user_id = $1 AND confirmed_at IS NULL")
        .bind(user.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// What a new enrolment makes void: kits and links of the one before that were not sent.
pub async fn drop_kits(connection: &mut SqliteConnection, user: &UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM orders WHERE user_id = $1 AND confirmed_at IS NULL AND kind IN ('enrol', 'link')")
        .bind(user.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// The unconfirmed orders that are due: disablings first, then in the order in which they were given, of each user the
/// first only, and the newest only that publishes certificates: the others are done with it. What was put off beyond
/// `horizon` is due too: the clock has been set back since.
pub async fn due(
    executor: impl SqliteExecutor<'_>,
    which: Which<'_>,
    now: Timestamp,
    horizon: Timestamp,
    limit: u32,
) -> Result<Vec<Order>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" WHERE confirmed_at IS NULL AND (next_try <= ").push_bind(micros(now));
    query.push(" OR next_try > ").push_bind(micros(horizon)).push(")");
    match which {
        Which::All => {}
        Which::Of(user) => {
            query.push(" AND user_id = ").push_bind(user.as_str());
        }
        Which::Disablings => {
            query.push(" AND kind = 'disable'");
        }
    }
    query.push(
        " AND (kind = 'disable' OR user_id IS NULL OR NOT EXISTS (SELECT 1 FROM orders e
              WHERE e.user_id = orders.user_id AND e.confirmed_at IS NULL AND e.number < orders.number))
          AND (kind <> 'certificates' OR NOT EXISTS (SELECT 1 FROM orders n
              WHERE n.kind = 'certificates' AND n.confirmed_at IS NULL AND n.number > orders.number))
          ORDER BY kind = 'disable' DESC, number LIMIT ",
    );
    query.push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// The unconfirmed orders, due or not, oldest first.
pub async fn open(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<Order>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" WHERE confirmed_at IS NULL ORDER BY number LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// Whether an answer to this request stands in the line.
pub async fn answers(executor: impl SqliteExecutor<'_>, request: RequestId) -> Result<bool, StoreError> {
    let open = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM orders WHERE subject = $1 AND confirmed_at IS NULL)")
        .bind(request.to_string())
        .fetch_one(executor)
        .await?;
    Ok(open)
}

/// One order.
pub async fn find(executor: impl SqliteExecutor<'_>, number: i64) -> Result<Option<Order>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" WHERE number = ").push_bind(number);
    let row: Option<Row> = query.build_query_as().fetch_optional(executor).await?;
    row.map(Row::parse).transpose()
}

/// These orders, by their numbers.
pub async fn find_all(connection: &mut SqliteConnection, numbers: &[i64]) -> Result<HashMap<i64, Order>, StoreError> {
    let mut found = HashMap::with_capacity(numbers.len());
    for group in groups(numbers) {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        query.push(" WHERE number IN (");
        let mut list = query.separated(", ");
        for number in group {
            list.push_bind(*number);
        }
        query.push(")");
        for row in query.build_query_as::<Row>().fetch_all(&mut *connection).await? {
            let order = row.parse()?;
            found.insert(order.number, order);
        }
    }
    Ok(found)
}

/// The newest orders for a user, the newest first.
pub async fn of_user(executor: impl SqliteExecutor<'_>, user: &UserId, limit: u32) -> Result<Vec<Order>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" WHERE user_id = ").push_bind(user.as_str()).push(" ORDER BY number DESC LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// What goes with an order, as JSON. None once the relay has confirmed it.
pub async fn payload(executor: impl SqliteExecutor<'_>, number: i64) -> Result<Option<String>, StoreError> {
    let row: Option<Option<String>> = sqlx::query_scalar("SELECT payload FROM orders WHERE number = $1")
        .bind(number)
        .fetch_optional(executor)
        .await?;
    Ok(row.flatten())
}

/// The relay has done it.
pub async fn confirm(connection: &mut SqliteConnection, number: i64, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE orders SET confirmed_at = $2, tries = tries + 1, problem = NULL, payload = NULL WHERE number = $1",
    )
    .bind(number)
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(())
}

/// The relay has the union's certificates as they stand: every order that says so is done, up to this one.
pub async fn confirm_certificates(
    connection: &mut SqliteConnection,
    number: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE orders SET confirmed_at = $2, tries = tries + 1, problem = NULL
         WHERE kind = 'certificates' AND confirmed_at IS NULL AND number <= $1",
    )
    .bind(number)
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives an open order, and all the others about the same user that are open, new numbers behind `taken` and behind every
/// other of ours, in their order. Answers the new one; none when the order is not open any more.
pub async fn renumber(
    connection: &mut SqliteConnection,
    order: &Order,
    taken: OrderNumber,
) -> Result<Option<i64>, StoreError> {
    let (user, is_open) = (order.user.as_ref().map(UserId::as_str), find(&mut *connection, order.number).await?);
    if is_open.is_none_or(|order| order.confirmed_at.is_some()) {
        return Ok(None);
    }
    let last: i64 =
        sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'orders'").fetch_one(&mut *connection).await?;
    let first: i64 = sqlx::query_scalar(
        "SELECT min(number) FROM orders WHERE confirmed_at IS NULL AND (number = $1 OR user_id = $2)",
    )
    .bind(order.number)
    .bind(user)
    .fetch_one(&mut *connection)
    .await?;
    let shift = last.max(taken.0).saturating_sub(first).saturating_add(1);
    sqlx::query("UPDATE orders SET number = number + $3 WHERE confirmed_at IS NULL AND (number = $1 OR user_id = $2)")
        .bind(order.number)
        .bind(user)
        .bind(shift)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE sqlite_sequence SET seq = (SELECT max(number) FROM orders) WHERE name = 'orders'")
        .execute(connection)
        .await?;
    Ok(Some(order.number.saturating_add(shift)))
}

/// Deletes what was confirmed before a moment; of each user the newest of each kind stays. Says how many there were.
pub async fn trim(connection: &mut SqliteConnection, before: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM orders WHERE confirmed_at < $1 AND (user_id IS NULL OR EXISTS (SELECT 1 FROM orders n
             WHERE n.user_id = orders.user_id AND n.kind = orders.kind AND n.number > orders.number
                 AND n.confirmed_at IS NOT NULL))",
    )
    .bind(micros(before))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
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

/// What was put off because of these problems is due now.
pub async fn hasten(connection: &mut SqliteConnection, problems: &[&str], now: Timestamp) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("UPDATE orders SET next_try = ");
    query.push_bind(micros(now)).push(" WHERE confirmed_at IS NULL AND next_try > ").push_bind(micros(now));
    query.push(" AND problem IN (");
    let mut codes = query.separated(", ");
    for problem in problems {
        codes.push_bind(*problem);
    }
    query.push(")");
    query.build().execute(connection).await?;
    Ok(())
}

const SELECT: &str = "SELECT number, kind, user_id, subject, requested_at, confirmed_at, tries, problem FROM orders";

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    kind: String,
    user_id: Option<String>,
    subject: Option<String>,
    requested_at: i64,
    confirmed_at: Option<i64>,
    tries: u32,
    problem: Option<String>,
}

impl Row {
    fn parse(self) -> Result<Order, StoreError> {
        let kind = OrderKind::ALL.iter().copied().find(|kind| kind.code() == self.kind);
        Ok(Order {
            number: self.number,
            kind: kind.ok_or(StoreError::Corrupt("kind of order"))?,
            user: self.user_id.map(|id| id.parse().map_err(corrupt("user id"))).transpose()?,
            subject: self.subject.map(|id| id.parse().map_err(corrupt("request"))).transpose()?,
            requested_at: moment(self.requested_at)?,
            confirmed_at: self.confirmed_at.map(moment).transpose()?,
            tries: self.tries,
            problem: self.problem,
        })
    }
}
