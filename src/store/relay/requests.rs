//! Requests for certificates on their way to the union, and its answers on their way back. Sealed and signed: nothing in them is
//! for the relay to read.

use jiff::{SignedDuration, Timestamp};
use sqlx::{SqliteConnection, SqliteExecutor};

use super::{corrupt, parse_all};
use crate::domain::ids::{InsurerNumber, RequestId, UserId};
use crate::store::sqlite::{StoreError, micros, moment};
use crate::wire::union::OrderNumber;

/// Requests of one user that may wait for an answer.
const MOST_WAITING: i64 = 16;
/// Requests of one user within [`DAY`]. A set-up takes one or two.
const MOST_A_DAY: i64 = 50;
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Answers of one user that are kept.
const MOST_ANSWERS: i64 = 50;

/// How a request stands for who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// When the relay took it.
    pub received_at: Timestamp,
    /// The union's newest answer.
    pub answer: Option<Vec<u8>>,
}

/// What became of a request that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It is new.
    New(Standing),
    /// It is here already.
    Known(Standing),
    /// The id is another request's.
    Conflict,
    /// Too many of the user wait, or came within a day.
    TooMany,
}

/// A request that waits for the union's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The place in the list.
    pub seq: i64,
    /// Which.
    pub id: RequestId,
    /// Whose credential it came with.
    pub user: UserId,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
    /// When the relay took it.
    pub received_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct PendingRow {
    seq: i64,
    id: String,
    user_id: String,
    sealed: Vec<u8>,
    received_at: i64,
}

impl TryFrom<PendingRow> for Pending {
    type Error = StoreError;

    fn try_from(row: PendingRow) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.seq,
            id: row.id.parse().map_err(corrupt("request id"))?,
            user: row.user_id.parse().map_err(corrupt("user id"))?,
            sealed: row.sealed,
            received_at: moment(row.received_at)?,
        })
    }
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    user_seq: i64,
    sealed: Vec<u8>,
    received_at: i64,
    answer: Option<Vec<u8>>,
}

/// Takes a request.
pub async fn post(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: i64,
    id: RequestId,
    sealed: &[u8],
    now: Timestamp,
) -> Result<Posted, StoreError> {
    let known: Option<KnownRow> = sqlx::query_as(
        "SELECT user_seq, sealed, received_at, answer FROM certificate_requests WHERE insurer = $1 AND id = $2",
    )
    .bind(insurer.as_str())
    .bind(id.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(known) = known {
        let same = known.user_seq == user && known.sealed == sealed;
        let standing = Standing { received_at: moment(known.received_at)?, answer: known.answer };
        return Ok(if same { Posted::Known(standing) } else { Posted::Conflict });
    }
    if is_full(connection, user, now).await? {
        return Ok(Posted::TooMany);
    }
    sqlx::query(
        "INSERT INTO certificate_requests (insurer, id, user_seq, sealed, received_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(insurer.as_str())
    .bind(id.to_string())
    .bind(user)
    .bind(sealed)
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    forget_answers(connection, user).await?;
    Ok(Posted::New(Standing { received_at: now, answer: None }))
}

/// Whether the user may post nothing more at present. What came with the kit of an enrolment before does not count for the
/// day: whoever had a copy of it cannot use up the day of the new one.
async fn is_full(connection: &mut SqliteConnection, user: i64, now: Timestamp) -> Result<bool, StoreError> {
    let (waiting, today): (i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE answer IS NULL),
           count(*) FILTER (WHERE received_at > $2 AND received_at >= coalesce(
             (SELECT made_at FROM enrolments e WHERE e.user_seq = $1 AND e.ended_at IS NULL), received_at))
         FROM certificate_requests WHERE user_seq = $1",
    )
    .bind(user)
    .bind(micros(now.checked_sub(DAY).unwrap_or(Timestamp::MIN)))
    .fetch_one(connection)
    .await?;
    Ok(waiting >= MOST_WAITING || today >= MOST_A_DAY)
}

/// Keeps a user's newest answers only.
async fn forget_answers(connection: &mut SqliteConnection, user: i64) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM certificate_requests WHERE user_seq = $1 AND answer IS NOT NULL AND seq NOT IN
           (SELECT seq FROM certificate_requests WHERE user_seq = $1 AND answer IS NOT NULL ORDER BY seq DESC LIMIT $2)",
    )
    .bind(user)
    .bind(MOST_ANSWERS)
    .execute(connection)
    .await?;
    Ok(())
}

/// How a request of this user stands.
pub async fn find(executor: impl SqliteExecutor<'_>, user: i64, id: RequestId) -> Result<Option<Standing>, StoreError> {
    let row: Option<(i64, Option<Vec<u8>>)> =
        sqlx::query_as("SELECT received_at, answer FROM certificate_requests WHERE user_seq = $1 AND id = $2")
            .bind(user)
            .bind(id.to_string())
            .fetch_optional(executor)
            .await?;
    row.map(|(at, answer)| Ok(Standing { received_at: moment(at)?, answer })).transpose()
}

/// The requests that wait for this union, oldest first.
pub async fn pending(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    after: i64,
    limit: i64,
) -> Result<Vec<Pending>, StoreError> {
    let rows: Vec<PendingRow> = sqlx::query_as(
        "SELECT r.seq, r.id, u.user_id, r.sealed, r.received_at
         FROM certificate_requests r JOIN users u ON u.seq = r.user_seq
         WHERE r.insurer = $1 AND r.answer IS NULL AND r.seq > $2 ORDER BY r.seq LIMIT $3",
    )
    .bind(insurer.as_str())
    .bind(after)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    parse_all(rows)
}

/// Whose request it is, if there is such a request.
pub async fn owner(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    id: RequestId,
) -> Result<Option<UserId>, StoreError> {
    let user: Option<String> = sqlx::query_scalar(
        "SELECT u.user_id FROM certificate_requests r JOIN users u ON u.seq = r.user_seq
         WHERE r.insurer = $1 AND r.id = $2",
    )
    .bind(insurer.as_str())
    .bind(id.to_string())
    .fetch_optional(executor)
    .await?;
    user.map(|user| user.parse().map_err(corrupt("user id"))).transpose()
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// It stands now, in the place of the one before.
    Now,
    /// This very answer was given before.
    Before(Timestamp),
    /// A later one stands, which came with this order.
    Overtaken(OrderNumber),
}

/// Gives a request this answer; nothing when there is no such request.
pub async fn answer(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    id: RequestId,
    number: OrderNumber,
    answer: &[u8],
    now: Timestamp,
) -> Result<Option<Given>, StoreError> {
    let row: Option<(Option<Vec<u8>>, Option<i64>, i64)> = sqlx::query_as(
        "SELECT answer, answered_at, order_number FROM certificate_requests WHERE insurer = $1 AND id = $2",
    )
    .bind(insurer.as_str())
    .bind(id.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let Some((given, at, newest)) = row else { return Ok(None) };
    if given.is_some_and(|given| given == answer) {
        return Ok(Some(Given::Before(at.map_or(Ok(now), moment)?)));
    }
    if number.0 < newest {
        return Ok(Some(Given::Overtaken(OrderNumber(newest))));
    }
    sqlx::query(
        "UPDATE certificate_requests SET answer = $3, answered_at = $4, order_number = $5
         WHERE insurer = $1 AND id = $2",
    )
    .bind(insurer.as_str())
    .bind(id.to_string())
    .bind(answer)
    .bind(micros(now))
    .bind(number.0)
    .execute(connection)
    .await?;
    Ok(Some(Given::Now))
}

/// Deletes what was taken before a moment; says how many there were.
pub async fn forget(connection: &mut SqliteConnection, before: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM certificate_requests WHERE received_at <= $1")
        .bind(micros(before))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}
