//! Mails that have not gone out. What is sent is deleted, and with it the token of the link.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::notices::Gathered;
use super::{corrupt, parse_all};
use crate::domain::ids::EnrolmentId;
use crate::store::sqlite::{StoreError, micros, moment};

/// What a mail says. The words are made when it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Where to get the kit.
    Link {
        /// Of which enrolment.
        enrolment: EnrolmentId,
        /// The end of the link's address.
        token: String,
    },
    /// The certificates end.
    Expiry {
        /// When.
        not_after: Timestamp,
    },
    /// What became of files.
    Files(Gathered),
}

/// A mail to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The row.
    pub seq: i64,
    /// To which user.
    pub user: i64,
    /// The same at every try.
    pub message_id: String,
    /// Where to.
    pub recipient: String,
    /// What it says.
    pub content: Content,
    /// How often it was tried.
    pub tries: u32,
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    user_seq: i64,
    message_id: String,
    recipient: String,
    enrolment: Option<String>,
    token: Option<String>,
    not_after: Option<i64>,
    gathered: Option<String>,
    tries: u32,
}

impl TryFrom<Row> for Waiting {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let content = match (row.enrolment, row.token, row.not_after, row.gathered) {
            (Some(enrolment), Some(token), None, None) => {
                Content::Link { enrolment: enrolment.parse().map_err(corrupt("enrolment id"))?, token }
            }
            (None, None, Some(not_after), None) => Content::Expiry { not_after: moment(not_after)? },
            (None, None, None, Some(gathered)) => {
                Content::Files(serde_json::from_str(&gathered).map_err(|_| StoreError::Corrupt("gathered notices"))?)
            }
            _ => return Err(StoreError::Corrupt("mail")),
        };
        let (user, message_id, recipient) = (row.user_seq, row.message_id, row.recipient);
        Ok(Self { seq: row.seq, user, message_id, recipient, content, tries: row.tries })
    }
}

/// Puts a mail into the outbox. A link takes the place of one that has not gone out.
pub async fn put(
    connection: &mut SqliteConnection,
    user: i64,
    message_id: &str,
    recipient: &str,
    content: &Content,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (enrolment, token, not_after, gathered) = match content {
        Content::Link { enrolment, token } => {
            drop_link(connection, user).await?;
            (Some(enrolment.to_string()), Some(token), None, None)
        }
        Content::Expiry { not_after } => (None, None, Some(micros(*not_after)), None),
        Content::Files(gathered) => {
            let gathered = serde_json::to_string(gathered).map_err(|_| StoreError::Corrupt("gathered notices"))?;
            (None, None, None, Some(gathered))
        }
    };
    sqlx::query(
        "INSERT INTO outbox (user_seq, message_id, recipient, enrolment, token, not_after, gathered, created_at, next_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    )
    .bind(user)
    .bind(message_id)
    .bind(recipient)
    .bind(enrolment)
    .bind(token)
    .bind(not_after)
    .bind(gathered)
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Mails whose time has come and that were put in after a moment, oldest first.
pub async fn due(
    executor: impl SqliteExecutor<'_>,
    now: Timestamp,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Waiting>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT seq, user_seq, message_id, recipient, enrolment, token, not_after, gathered, tries FROM outbox
         WHERE next_at <= $1 AND created_at > $2 ORDER BY next_at, seq LIMIT $3",
    )
    .bind(micros(now))
    .bind(micros(since))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    parse_all(rows)
}

/// Whether a mail is still to be sent: it may have been dropped since it was listed.
pub async fn is_waiting(executor: impl SqliteExecutor<'_>, seq: i64) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM outbox WHERE seq = $1 AND next_at IS NOT NULL)");
    Ok(found.bind(seq).fetch_one(executor).await?)
}

/// It went out.
pub async fn sent(connection: &mut SqliteConnection, seq: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM outbox WHERE seq = $1").bind(seq).execute(connection).await?;
    Ok(())
}

/// It did not go out, and is tried again.
pub async fn failed(
    connection: &mut SqliteConnection,
    seq: i64,
    problem: &str,
    next_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE outbox SET tries = tries + 1, problem = $2, next_at = $3 WHERE seq = $1")
        .bind(seq)
        .bind(problem)
        .bind(micros(next_at))
        .execute(connection)
        .await?;
    Ok(())
}

/// The mail server refused it for good. A link stays, so that its problem shows; anything else goes.
pub async fn refused(connection: &mut SqliteConnection, seq: i64, problem: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM outbox WHERE seq = $1 AND token IS NULL").bind(seq).execute(&mut *connection).await?;
    sqlx::query("UPDATE outbox SET tries = tries + 1, problem = $2, next_at = NULL WHERE seq = $1")
        .bind(seq)
        .bind(problem)
        .execute(connection)
        .await?;
    Ok(())
}

/// Drops the link to a user that has not gone out.
pub async fn drop_link(connection: &mut SqliteConnection, user: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM outbox WHERE user_seq = $1 AND token IS NOT NULL").bind(user).execute(connection).await?;
    Ok(())
}

/// Drops all mails to a user.
pub async fn drop_all(connection: &mut SqliteConnection, user: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM outbox WHERE user_seq = $1").bind(user).execute(connection).await?;
    Ok(())
}

/// How many wait, and how many of them have failed before.
pub async fn count(executor: impl SqliteExecutor<'_>) -> Result<(i64, i64), StoreError> {
    Ok(sqlx::query_as("SELECT count(*), count(problem) FROM outbox").fetch_one(executor).await?)
}
