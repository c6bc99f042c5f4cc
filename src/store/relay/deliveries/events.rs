//! What became of deliveries, in the order in which it happened. Written in the transaction of what happened; users' receipts stand
//! here and nowhere else.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::super::{corrupt, parse_all};
use crate::domain::digest::Sha256;
use crate::domain::ids::{InsurerNumber, UserId};
use crate::store::sqlite::{StoreError, micros, moment};
use crate::wire::Der;
use crate::wire::delivery::{DeliveryEvent, News};
use crate::wire::page::Cursor;

/// What became of a delivery; receipts come by [`add_receipt`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Relayed,
    Fetched,
    Acknowledged,
    Reminded,
    Dropped,
    Withdrawn,
    Expired,
    Deleted,
}

impl Kind {
    const fn code(self) -> &'static str {
        match self {
            Self::Relayed => "relayed",
            Self::Fetched => "fetched",
            Self::Acknowledged => "acknowledged",
            Self::Reminded => "reminded",
            Self::Dropped => "dropped",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Deleted => "deleted",
        }
    }
}

/// Bytes of receipts that one user may leave about one delivery: honest ones are under a quarter of it.
const MOST_BYTES: i64 = 32 * 1024;

/// Notes what became of a delivery.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    delivery: i64,
    kind: Kind,
    user: Option<i64>,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO delivery_events (insurer, delivery_seq, at, kind, user_seq)
         SELECT insurer, seq, $2, $3, $4 FROM deliveries WHERE seq = $1",
    )
    .bind(delivery)
    .bind(micros(at))
    .bind(kind.code())
    .bind(user)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether there is room for a receipt of this user about a delivery, or it is there already.
pub(super) async fn has_room(
    connection: &mut SqliteConnection,
    delivery: i64,
    user: i64,
    receipt: &[u8],
    hash: Sha256,
) -> Result<bool, StoreError> {
    let (bytes, known): (i64, bool) = sqlx::query_as(
        "SELECT coalesce(sum(length(receipt)), 0), coalesce(max(receipt_hash = $3), FALSE) FROM delivery_events
         WHERE delivery_seq = $1 AND user_seq = $2 AND receipt IS NOT NULL",
    )
    .bind(delivery)
    .bind(user)
    .bind(hash.as_bytes().as_slice())
    .fetch_one(connection)
    .await?;
    Ok(known || bytes.saturating_add(i64::try_from(receipt.len()).unwrap_or(i64::MAX)) <= MOST_BYTES)
}

/// Keeps a user's receipt about a delivery; the same again is kept once.
pub(super) async fn add_receipt(
    connection: &mut SqliteConnection,
    delivery: i64,
    user: i64,
    receipt: &[u8],
    hash: Sha256,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO delivery_events (insurer, delivery_seq, at, kind, user_seq, receipt, receipt_hash)
         SELECT insurer, seq, $2, 'receipt', $3, $4, $5 FROM deliveries WHERE seq = $1
         ON CONFLICT DO NOTHING",
    )
    .bind(delivery)
    .bind(micros(at))
    .bind(user)
    .bind(receipt)
    .bind(hash.as_bytes().as_slice())
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    message_id: String,
    at: i64,
    kind: String,
    user_id: Option<String>,
    receipt: Option<Vec<u8>>,
}

impl TryFrom<Row> for DeliveryEvent {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let user = row.user_id.map(|id| id.parse::<UserId>()).transpose().map_err(corrupt("user id"))?;
        let news = match (row.kind.as_str(), user, row.receipt) {
            ("relayed", None, Some(receipt)) => News::Relayed { receipt: Der(receipt) },
            ("fetched", Some(user), _) => News::Fetched { user },
            ("acknowledged", Some(user), _) => News::Acknowledged { user },
            ("receipt", Some(user), Some(receipt)) => News::Receipt { user, receipt: Der(receipt) },
            ("reminded", Some(user), _) => News::Reminded { user },
            ("dropped", Some(user), _) => News::Dropped { user },
            ("withdrawn", None, _) => News::Withdrawn,
            ("expired", user, _) => News::Expired { user },
            ("deleted", None, _) => News::Deleted,
            _ => return Err(StoreError::Corrupt("event of a delivery")),
        };
        Ok(Self {
            cursor: Cursor(row.number),
            id: row.message_id.parse().map_err(corrupt("message id"))?,
            at: moment(row.at)?,
            news,
        })
    }
}

/// The place of the newest thing that became of a union's deliveries.
pub async fn newest(executor: impl SqliteExecutor<'_>, insurer: &InsurerNumber) -> Result<Option<i64>, StoreError> {
    let query = sqlx::query_scalar("SELECT max(number) FROM delivery_events WHERE insurer = $1");
    Ok(query.bind(insurer.as_str()).fetch_one(executor).await?)
}

/// What became of a union's deliveries, after a place in the list.
pub async fn page(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    after: i64,
    limit: i64,
) -> Result<Vec<DeliveryEvent>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT e.number, d.message_id, e.at, e.kind, u.user_id,
           CASE e.kind WHEN 'relayed' THEN d.relayed ELSE e.receipt END AS receipt
         FROM delivery_events e JOIN deliveries d ON d.seq = e.delivery_seq LEFT JOIN users u ON u.seq = e.user_seq
         WHERE e.insurer = $1 AND e.number > $2 ORDER BY e.number LIMIT $3",
    )
    .bind(insurer.as_str())
    .bind(after)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    parse_all(rows)
}
