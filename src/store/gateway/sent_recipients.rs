//! Whom a message is sealed for, and how far it has come with each.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::digest::Fingerprint;
use crate::domain::ids::UserId;
use crate::store::sqlite::{StoreError, groups, micros, moment};

/// A user whom a message is sealed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub user: UserId,
    /// The certificate it is sealed for, as far as we know.
    pub certificate: Option<Fingerprint>,
    /// When the relay gave out the first bytes.
    pub fetched_at: Option<Timestamp>,
    /// When the app said that it has it for good.
    pub acknowledged_at: Option<Timestamp>,
    /// Since when the user cannot have it any more.
    pub dropped_at: Option<Timestamp>,
    /// Why it could not be sealed for the user, while it could for others.
    pub code: Option<String>,
    /// When its time was over for the user, while others had fetched it.
    pub expired_at: Option<Timestamp>,
    /// When the user's receipt said `verified`.
    pub verified_at: Option<Timestamp>,
    /// When the user's receipt said `accepted`.
    pub accepted_at: Option<Timestamp>,
    /// When the user's receipt said `returned`.
    pub returned_at: Option<Timestamp>,
    /// Why it was returned, if the words could be opened.
    pub reason: Option<String>,
}

/// What happens between a message and one of its recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The first bytes were given out.
    Fetched,
    /// The app has it for good.
    Acknowledged,
    /// The user cannot have it any more.
    Dropped,
    /// Its time was over for the user.
    Expired,
    /// A receipt says `verified`.
    Verified,
    /// A receipt says `accepted`.
    Accepted,
    /// A receipt says `returned`.
    Returned,
}

/// Adds the recipients of a message.
pub async fn insert(
    connection: &mut SqliteConnection,
    message: i64,
    recipients: &[(UserId, Option<Fingerprint>)],
) -> Result<(), StoreError> {
    for group in groups(recipients) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO sent_recipients (message, user_id, certificate) ");
        query.push_values(group, |mut row, (user, certificate)| {
            row.push_bind(message)
                .push_bind(user.as_str())
                .push_bind(certificate.as_ref().map(|name| name.as_bytes().as_slice()));
        });
        query.push(" ON CONFLICT DO NOTHING");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Adds users whom a message is not sealed for, and why.
pub async fn leave_out(
    connection: &mut SqliteConnection,
    message: i64,
    users: &[(UserId, &'static str)],
    at: Timestamp,
) -> Result<(), StoreError> {
    for group in groups(users) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO sent_recipients (message, user_id, code, dropped_at) ");
        query.push_values(group, |mut row, (user, code)| {
            row.push_bind(message).push_bind(user.as_str()).push_bind(*code).push_bind(micros(at));
        });
        query.push(" ON CONFLICT DO NOTHING");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// A user whom a message was sealed for does not get it after all, and why.
pub async fn drop_for(
    connection: &mut SqliteConnection,
    message: i64,
    user: &UserId,
    code: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sent_recipients SET code = $3, dropped_at = $4 WHERE message = $1 AND user_id = $2 AND dropped_at IS NULL",
    )
    .bind(message)
    .bind(user.as_str())
    .bind(code)
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(())
}

/// The recipients of a message, by id.
pub async fn of_message(executor: impl SqliteExecutor<'_>, message: i64) -> Result<Vec<Recipient>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as("SELECT * FROM sent_recipients WHERE message = $1 ORDER BY user_id")
        .bind(message)
        .fetch_all(executor)
        .await?;
    rows.into_iter().map(Row::parse).collect()
}

/// The recipients of these messages.
pub async fn of_messages(
    connection: &mut SqliteConnection,
    messages: &[i64],
) -> Result<HashMap<i64, Vec<Recipient>>, StoreError> {
    let mut found: HashMap<i64, Vec<Recipient>> = HashMap::new();
    for group in groups(messages) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM sent_recipients WHERE message IN (");
        let mut list = query.separated(", ");
        for message in group {
            list.push_bind(*message);
        }
        query.push(") ORDER BY message, user_id");
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            found.entry(row.message).or_default().push(row.parse()?);
        }
    }
    Ok(found)
}

/// Notes the first time that something happened. Whether it is the first.
pub async fn mark(
    connection: &mut SqliteConnection,
    message: i64,
    user: &UserId,
    mark: Mark,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let column = match mark {
        Mark::Fetched => "fetched_at",
        Mark::Acknowledged => "acknowledged_at",
        Mark::Dropped => "dropped_at",
        Mark::Expired => "expired_at",
        Mark::Verified => "verified_at",
        Mark::Accepted => "accepted_at",
        Mark::Returned => "returned_at",
    };
    let mut query = QueryBuilder::<Sqlite>::new("UPDATE sent_recipients SET ");
    query.push(column).push(" = ").push_bind(micros(at)).push(" WHERE message = ").push_bind(message);
    query.push(" AND user_id = ").push_bind(user.as_str()).push(format_args!(" AND {column} IS NULL"));
    Ok(query.build().execute(connection).await?.rows_affected() == 1)
}

/// Keeps why a user returned a message.
pub async fn set_reason(
    connection: &mut SqliteConnection,
    message: i64,
    user: &UserId,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sent_recipients SET reason = $3 WHERE message = $1 AND user_id = $2")
        .bind(message)
        .bind(user.as_str())
        .bind(reason)
        .execute(connection)
        .await?;
    Ok(())
}

/// Users whose app has acknowledged a message without any receipt, and of whom nobody was told yet. Of a receipt that does not fit staff
/// are told when it comes.
pub async fn silent(executor: impl SqliteExecutor<'_>) -> Result<Vec<(i64, UserId)>, StoreError> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT r.message, r.user_id FROM sent_recipients r INDEXED BY sent_recipients_silent
         WHERE r.acknowledged_at IS NOT NULL AND r.verified_at IS NULL AND r.silent_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM sent_receipts x
                 WHERE x.message = r.message AND x.user_id = r.user_id AND x.refused IS NOT NULL)
         ORDER BY r.message, r.user_id LIMIT 1000",
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(|(message, user)| Ok((message, user.parse().map_err(corrupt("user id"))?))).collect()
}

/// Notes that staff were told of a receipt that is missing.
pub async fn set_silent(
    connection: &mut SqliteConnection,
    message: i64,
    user: &UserId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sent_recipients SET silent_at = $3 WHERE message = $1 AND user_id = $2")
        .bind(message)
        .bind(user.as_str())
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    message: i64,
    user_id: String,
    certificate: Option<Vec<u8>>,
    fetched_at: Option<i64>,
    acknowledged_at: Option<i64>,
    dropped_at: Option<i64>,
    code: Option<String>,
    expired_at: Option<i64>,
    verified_at: Option<i64>,
    accepted_at: Option<i64>,
    returned_at: Option<i64>,
    reason: Option<String>,
}

impl Row {
    fn parse(self) -> Result<Recipient, StoreError> {
        let certificate = self.certificate.map(|name| name.as_slice().try_into().map_err(corrupt("fingerprint")));
        Ok(Recipient {
            user: self.user_id.parse().map_err(corrupt("user id"))?,
            certificate: certificate.transpose()?,
            fetched_at: self.fetched_at.map(moment).transpose()?,
            acknowledged_at: self.acknowledged_at.map(moment).transpose()?,
            dropped_at: self.dropped_at.map(moment).transpose()?,
            code: self.code,
            expired_at: self.expired_at.map(moment).transpose()?,
            verified_at: self.verified_at.map(moment).transpose()?,
            accepted_at: self.accepted_at.map(moment).transpose()?,
            returned_at: self.returned_at.map(moment).transpose()?,
            reason: self.reason,
        })
    }
}
