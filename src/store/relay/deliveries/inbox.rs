//! What users see: what waits for them, that they fetch it, that they have it.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::super::receipts::NewReceipt;
use super::super::{corrupt, parse_all, size};
use super::events::{self, Kind};
use super::{endings, tag};
use crate::domain::ids::{InsurerNumber, MessageId};
use crate::store::sqlite::{StoreError, micros, moment};
use crate::wire::Der;
use crate::wire::delivery::InboxParcel;
use crate::wire::page::Cursor;
use crate::wire::union::AcknowledgementOutcome as Outcome;

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    message_id: String,
    size: i64,
    tag: Option<Vec<u8>>,
    deposited_at: i64,
    expires_at: i64,
    fetched_at: Option<i64>,
    relayed: Vec<u8>,
}

impl TryFrom<Row> for InboxParcel {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.message_id.parse().map_err(corrupt("message id"))?,
            cursor: Cursor(row.seq),
            size: size(row.size)?,
            tag: tag(row.tag)?,
            deposited_at: moment(row.deposited_at)?,
            expires_at: moment(row.expires_at)?,
            fetched_at: row.fetched_at.map(moment).transpose()?,
            relayed: Der(row.relayed),
        })
    }
}

/// What a user can have and has not acknowledged, after a place in the list.
pub async fn page(
    executor: impl SqliteExecutor<'_>,
    user: i64,
    now: Timestamp,
    after: i64,
    limit: i64,
) -> Result<Vec<InboxParcel>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT d.seq, d.message_id, d.size, d.tag, d.deposited_at, d.expires_at, r.fetched_at, d.relayed
         FROM delivery_recipients r JOIN deliveries d ON d.seq = r.delivery_seq
         WHERE r.user_seq = $1 AND r.open AND r.delivery_seq > $3 AND (r.fetched_at IS NOT NULL OR d.expires_at > $2)
         ORDER BY r.delivery_seq LIMIT $4",
    )
    .bind(user)
    .bind(micros(now))
    .bind(after)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    parse_all(rows)
}

/// How a delivery stands for one of its recipients.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    delivery: i64,
    /// Length in bytes.
    pub size: u64,
    /// Whether the first bytes were given out before, and the user was not disabled since.
    pub fetched: bool,
    /// Whether the user can have it: not acknowledged, not dropped, not ended.
    pub open: bool,
    acknowledged: bool,
}

impl Standing {
    /// Whether the user may be given bytes: what is acknowledged also, as long as it is kept, for a download that is doubted.
    pub const fn may_be_read(&self) -> bool {
        self.open || self.acknowledged
    }

    /// Whether the user can say to have it.
    const fn may_be_had(&self) -> bool {
        self.open || self.fetched
    }
}

#[derive(sqlx::FromRow)]
struct StandingRow {
    delivery_seq: i64,
    size: i64,
    fetched: bool,
    open: bool,
    acknowledged: bool,
}

/// How a delivery stands for this user; nothing when it is not for the user.
pub async fn find(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    user: i64,
    id: MessageId,
    now: Timestamp,
) -> Result<Option<Standing>, StoreError> {
    let row: Option<StandingRow> = sqlx::query_as(
        "SELECT r.delivery_seq, d.size, r.fetched_at IS NOT NULL AND r.dropped_at IS NULL AS fetched,
           r.open AND (r.fetched_at IS NOT NULL OR d.expires_at > $4) AS open,
           r.acknowledged_at IS NOT NULL AS acknowledged
         FROM deliveries d JOIN delivery_recipients r ON r.delivery_seq = d.seq AND r.user_seq = $3
         WHERE d.insurer = $1 AND d.message_id = $2",
    )
    .bind(insurer.as_str())
    .bind(id.to_string())
    .bind(user)
    .bind(micros(now))
    .fetch_optional(executor)
    .await?;
    row.map(|row| {
        Ok(Standing {
            delivery: row.delivery_seq,
            size: size(row.size)?,
            fetched: row.fetched,
            open: row.open,
            acknowledged: row.acknowledged,
        })
    })
    .transpose()
}

/// Notes that the user is given the first bytes. False when the user can have none of it any more.
pub async fn fetch(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: i64,
    id: MessageId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(standing) = find(&mut *connection, insurer, user, id, now).await? else { return Ok(false) };
    if standing.open && !standing.fetched {
        note_fetched(connection, standing.delivery, user, now).await?;
    }
    Ok(standing.may_be_read())
}

async fn note_fetched(
    connection: &mut SqliteConnection,
    delivery: i64,
    user: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE delivery_recipients SET fetched_at = $3 WHERE delivery_seq = $1 AND user_seq = $2")
        .bind(delivery)
        .bind(user)
        .bind(micros(now))
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE deliveries SET fetched_at = $2 WHERE seq = $1 AND fetched_at IS NULL")
        .bind(delivery)
        .bind(micros(now))
        .execute(&mut *connection)
        .await?;
    events::append(connection, delivery, Kind::Fetched, Some(user), now).await
}

/// A user has a delivery for good. What nobody else has to fetch is deleted at `delete_at`.
pub async fn acknowledge(
    connection: &mut SqliteConnection,
    (insurer, user, id): (&InsurerNumber, i64, MessageId),
    receipt: Option<&NewReceipt>,
    now: Timestamp,
    delete_at: Timestamp,
) -> Result<Outcome, StoreError> {
    let Some(standing) = find(&mut *connection, insurer, user, id, now).await?.filter(Standing::may_be_had) else {
        return Ok(Outcome::Unknown);
    };
    let delivery = standing.delivery;
    if let Some(NewReceipt { der, hash, .. }) = receipt
        && !events::has_room(connection, delivery, user, der, *hash).await?
    {
        return Ok(Outcome::ReceiptRefused);
    }
    if !standing.acknowledged {
        if !standing.fetched {
            note_fetched(connection, delivery, user, now).await?;
        }
        sqlx::query(
            "UPDATE delivery_recipients SET acknowledged_at = $3, open = FALSE WHERE delivery_seq = $1 AND user_seq = $2",
        )
        .bind(delivery)
        .bind(user)
        .bind(micros(now))
        .execute(&mut *connection)
        .await?;
        events::append(connection, delivery, Kind::Acknowledged, Some(user), now).await?;
        endings::settle(connection, delivery, now, delete_at).await?;
    }
    if let Some(NewReceipt { der, hash, .. }) = receipt {
        events::add_receipt(connection, delivery, user, der, *hash, now).await?;
    }
    Ok(if standing.acknowledged { Outcome::AlreadyAcknowledged } else { Outcome::Acknowledged })
}
