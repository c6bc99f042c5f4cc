//! What users are to be told by mail, and which mails they want. A notice is written in the transaction of what happened; whoever
//! mails takes it away.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::domain::ids::MessageId;
use crate::store::sqlite::{StoreError, micros};
use crate::wire::delivery::NoticeChoice;

/// What a user is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file from the union waits.
    Arrival,
    /// It still waits.
    Reminder,
    /// It was not fetched in time.
    Expiry,
    /// The union took it back.
    Recall,
    /// The union has fetched and verified the user's own file.
    Fetched,
    /// Staff accepted it.
    Accepted,
    /// Staff returned it.
    Returned,
}

impl Kind {
    /// The word in the database.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Arrival => "arrival",
            Self::Reminder => "reminder",
            Self::Expiry => "expiry",
            Self::Recall => "recall",
            Self::Fetched => "fetched",
            Self::Accepted => "accepted",
            Self::Returned => "returned",
        }
    }

    /// Whether somebody with this choice wants it. A return is always told.
    const fn is_wanted(self, choice: NoticeChoice) -> bool {
        match self {
            Self::Arrival | Self::Reminder | Self::Expiry | Self::Recall => choice.received,
            Self::Fetched | Self::Accepted => choice.sent,
            Self::Returned => true,
        }
    }
}

/// Notes that a user is to be told of a message. False when the user is disabled, was never enrolled, or does not want it.
pub async fn note(
    connection: &mut SqliteConnection,
    user: i64,
    kind: Kind,
    message: MessageId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let reachable: Option<(bool, bool)> = sqlx::query_as(
        "SELECT notice_received, notice_sent FROM users WHERE seq = $1 AND enabled AND mail IS NOT NULL",
    )
    .bind(user)
    .fetch_optional(&mut *connection)
    .await?;
    let wanted = reachable.is_some_and(|(received, sent)| kind.is_wanted(NoticeChoice { received, sent }));
    if wanted {
        sqlx::query("INSERT INTO notices (user_seq, kind, message_id, noted_at) VALUES ($1, $2, $3, $4)")
            .bind(user)
            .bind(kind.code())
            .bind(message.to_string())
            .bind(micros(now))
            .execute(connection)
            .await?;
    }
    Ok(wanted)
}

/// Drops everything that a user was to be told.
pub async fn drop_all(connection: &mut SqliteConnection, user: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM notices WHERE user_seq = $1").bind(user).execute(connection).await?;
    Ok(())
}

/// Which mails a user wants.
pub async fn choice(executor: impl SqliteExecutor<'_>, user: i64) -> Result<NoticeChoice, StoreError> {
    let (received, sent) = sqlx::query_as("SELECT notice_received, notice_sent FROM users WHERE seq = $1")
        .bind(user)
        .fetch_one(executor)
        .await?;
    Ok(NoticeChoice { received, sent })
}

/// Notes which mails a user wants from now on.
pub async fn choose(connection: &mut SqliteConnection, user: i64, choice: NoticeChoice) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET notice_received = $2, notice_sent = $3 WHERE seq = $1")
        .bind(user)
        .bind(choice.received)
        .bind(choice.sent)
        .execute(connection)
        .await?;
    Ok(())
}
