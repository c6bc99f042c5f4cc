//! How much there is of everything, for those who watch the gateway.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{FromRow, SqliteConnection};

use super::corrupt;
use crate::store::sqlite::{StoreError, micros, moment};

/// What is looked up every few seconds. None of it takes longer when more messages are archived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Parcels left at the relay, by cause.
    pub waiting: BTreeMap<String, u64>,
    /// Since when the oldest of them waits.
    pub waiting_since: Option<Timestamp>,
    /// Durable here, not acknowledged at the relay.
    pub unacknowledged: u64,
    /// Orders to the relay that are not confirmed.
    pub orders: u64,
    /// When the oldest of them was asked for.
    pub orders_since: Option<Timestamp>,
    /// Messages to employers that the relay does not have yet.
    pub to_send: u64,
    /// Since when the oldest of them is to be sent.
    pub to_send_since: Option<Timestamp>,
    /// Messages to employers that wait for a second person.
    pub held: u64,
    /// Numbers that nobody gets, of which the relay is to be told.
    pub statements: u64,
    /// Those of them that it was told of and has not confirmed.
    pub unconfirmed: u64,
    /// Events that programs are to be told of.
    pub hooks: u64,
    /// Events of which a program was never told.
    pub hooks_given_up: u64,
    /// Mails to staff that have not gone out.
    pub mails: u64,
    /// When the oldest of them was made.
    pub mails_since: Option<Timestamp>,
    /// Mails that the server refused for good.
    pub mails_refused: u64,
    /// Messages in quarantine about which nobody has decided.
    pub quarantined: u64,
    /// Archived messages with a warning about their stream that nobody has looked at.
    pub broken_streams: u64,
    /// What employers and the relay said of sent messages in the last day that does not fit.
    pub receipts_refused: u64,
    /// When the last run of the pull ended that reached the end of the relay's list.
    pub pulled_at: Option<Timestamp>,
    /// When the newest revocation list of our own CA was made.
    pub revocation_list_at: Option<Timestamp>,
}

/// What takes a look at every user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// Users by state.
    pub users: BTreeMap<String, u64>,
    /// The soonest end of an enabled user's newest certificate that has not ended.
    pub first_end: Option<Timestamp>,
    /// Enabled users whose newest certificate has ended: they are locked out.
    pub ended: u64,
}

#[derive(FromRow)]
struct Row {
    waiting_since: Option<i64>,
    unacknowledged: i64,
    orders: i64,
    orders_since: Option<i64>,
    to_send: i64,
    to_send_since: Option<i64>,
    held: i64,
    statements: i64,
    unconfirmed: i64,
    hooks: i64,
    hooks_given_up: i64,
    mails: i64,
    mails_since: Option<i64>,
    mails_refused: i64,
    quarantined: i64,
    broken_streams: i64,
    receipts_refused: i64,
    pulled_at: Option<i64>,
    revocation_list_at: Option<i64>,
}

/// Looks everything up, as it is at one moment. `day_ago` is where the last day begins.
pub async fn read(connection: &mut SqliteConnection, day_ago: Timestamp) -> Result<Figures, StoreError> {
    let waiting: Vec<(String, i64)> =
        sqlx::query_as("SELECT cause, count(*) FROM waiting GROUP BY cause").fetch_all(&mut *connection).await?;
    let row: Row = sqlx::query_as(
        "SELECT (SELECT min(first_seen) FROM waiting) AS waiting_since,
             (SELECT count(*) FROM acknowledgements) AS unacknowledged,
             (SELECT count(*) FROM orders WHERE confirmed_at IS NULL) AS orders,
             (SELECT min(requested_at) FROM orders WHERE confirmed_at IS NULL) AS orders_since,
             (SELECT count(*) FROM sent WHERE state IN ('released', 'sealed')) AS to_send,
             (SELECT min(created_at) FROM sent WHERE state IN ('released', 'sealed')) AS to_send_since,
             (SELECT count(*) FROM sent WHERE state = 'waits-for-approval') AS held,
             (SELECT count(*) FROM sent WHERE statement IS NOT NULL AND told_at IS NULL) AS statements,
             (SELECT count(*) FROM sent WHERE statement IS NOT NULL AND told_at IS NULL AND tries > 0) AS unconfirmed,
             (SELECT count(*) FROM hook_letters WHERE next_try IS NOT NULL) AS hooks,
             (SELECT count(*) FROM hook_letters WHERE next_try IS NULL) AS hooks_given_up,
             (SELECT count(*) FROM staff_mails WHERE next_at IS NOT NULL) AS mails,
             (SELECT min(made_at) FROM staff_mails WHERE next_at IS NOT NULL) AS mails_since,
             (SELECT count(*) FROM staff_mails WHERE next_at IS NULL) AS mails_refused,
             (SELECT count(*) FROM messages WHERE state = 'quarantined') AS quarantined,
             (SELECT count(*) FROM messages INDEXED BY messages_out_of_line
                 WHERE state = 'archived' AND instr(warnings, 'sequence.') > 0) AS broken_streams,
             (SELECT count(*) FROM events WHERE kind = 'sent.alarm' AND at >= $1) AS receipts_refused,
             (SELECT ended_at FROM pull_runs INDEXED BY pull_runs_done
                 WHERE result = 'done' ORDER BY number DESC LIMIT 1) AS pulled_at,
             (SELECT made_at FROM revocation_list WHERE id = 1) AS revocation_list_at",
    )
    .bind(micros(day_ago))
    .fetch_one(&mut *connection)
    .await?;
    let at = |micros: Option<i64>| micros.map(moment).transpose();
    Ok(Figures {
        waiting: by_name(waiting)?,
        waiting_since: at(row.waiting_since)?,
        unacknowledged: count(row.unacknowledged)?,
        orders: count(row.orders)?,
        orders_since: at(row.orders_since)?,
        to_send: count(row.to_send)?,
        to_send_since: at(row.to_send_since)?,
        held: count(row.held)?,
        statements: count(row.statements)?,
        unconfirmed: count(row.unconfirmed)?,
        hooks: count(row.hooks)?,
        hooks_given_up: count(row.hooks_given_up)?,
        mails: count(row.mails)?,
        mails_since: at(row.mails_since)?,
        mails_refused: count(row.mails_refused)?,
        quarantined: count(row.quarantined)?,
        broken_streams: count(row.broken_streams)?,
        receipts_refused: count(row.receipts_refused)?,
        pulled_at: at(row.pulled_at)?,
        revocation_list_at: at(row.revocation_list_at)?,
    })
}

/// Looks at every user.
pub async fn people(connection: &mut SqliteConnection, now: Timestamp) -> Result<People, StoreError> {
    let users: Vec<(String, i64)> =
        sqlx::query_as("SELECT state, count(*) FROM users GROUP BY state").fetch_all(&mut *connection).await?;
    let (first_end, ended): (Option<i64>, i64) = sqlx::query_as(
        "SELECT min(ends) FILTER (WHERE ends > $1), count(*) FILTER (WHERE ends <= $1) FROM (
             SELECT max(c.not_after) AS ends FROM certificates c JOIN users u ON u.id = c.user_id
             WHERE c.purpose = 'signing' AND c.revoked_at IS NULL AND u.state = 'enabled'
             GROUP BY c.user_id)",
    )
    .bind(micros(now))
    .fetch_one(&mut *connection)
    .await?;
    Ok(People { users: by_name(users)?, first_end: first_end.map(moment).transpose()?, ended: count(ended)? })
}

fn by_name(rows: Vec<(String, i64)>) -> Result<BTreeMap<String, u64>, StoreError> {
    rows.into_iter().map(|(name, rows)| Ok((name, count(rows)?))).collect()
}

fn count(rows: i64) -> Result<u64, StoreError> {
    u64::try_from(rows).map_err(corrupt("count"))
}
