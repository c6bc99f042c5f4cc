//! What users are to be told by mail, and which mails they want. A notice is written in the transaction of what happened, and
//! taken away in the one that puts a mail about it into the outbox.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::{push_ids, size};
use crate::domain::ids::{InsurerNumber, MessageId};
use crate::store::sqlite::{StoreError, groups, micros, moment};
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

/// Notes that those who sent these parcels are to be told of them; as [`note`] for each.
pub async fn note_senders(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    kind: Kind,
    parcels: &[MessageId],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut noted = 0;
    for group in groups(parcels) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO notices (user_seq, kind, message_id, noted_at) SELECT u.seq, ");
        query.push_bind(kind.code()).push(", p.message_id, ").push_bind(micros(now));
        query
            .push(" FROM parcels p JOIN users u ON u.insurer = p.insurer AND u.user_id = p.user_id WHERE p.insurer = ");
        query.push_bind(insurer.as_str()).push(" AND u.enabled AND u.mail IS NOT NULL");
        let always = kind.is_wanted(NoticeChoice { received: false, sent: false });
        query.push(" AND (u.notice_sent OR ").push_bind(always).push(")");
        push_ids(&mut query, group);
        noted += query.build().execute(&mut *connection).await?.rows_affected();
    }
    Ok(noted > 0)
}

/// What one mail tells: how many files of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// Files from the union that wait.
    pub arrival: u64,
    /// Those that still wait.
    pub reminder: u64,
    /// Since when the oldest of both waits.
    pub since: Option<Timestamp>,
    /// Until when the first of both can be fetched.
    pub until: Option<Timestamp>,
    /// Files that were not fetched in time.
    pub expiry: u64,
    /// Files that the union took back.
    pub recall: u64,
    /// The user's own files that the union has fetched and verified.
    pub fetched: u64,
    /// Those that staff accepted.
    pub accepted: u64,
    /// Those that staff returned.
    pub returned: u64,
}

impl Gathered {
    /// How many files from the union it is about.
    pub const fn received(&self) -> u64 {
        self.arrival + self.reminder + self.expiry + self.recall
    }

    /// How many files of the user's own it is about.
    pub const fn sent(&self) -> u64 {
        self.fetched + self.accepted + self.returned
    }
}

/// Users for whom a mail is to be put into the outbox: there is something to tell, the last mail of this kind was put there at
/// `quiet_since` or before (or, by a clock that was set back, later than now), and none that is being tried since
/// `tried_since` lies there.
pub async fn due(
    executor: impl SqliteExecutor<'_>,
    now: Timestamp,
    quiet_since: Timestamp,
    tried_since: Timestamp,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let users = sqlx::query_scalar(
        "SELECT u.seq FROM (SELECT DISTINCT user_seq FROM notices) n JOIN users u ON u.seq = n.user_seq
         WHERE (u.told_at IS NULL OR u.told_at <= $2 OR u.told_at > $1) AND NOT EXISTS (
           SELECT 1 FROM outbox o WHERE o.user_seq = u.seq AND o.gathered IS NOT NULL AND o.created_at > $3)
         LIMIT $4",
    );
    let users = users.bind(micros(now)).bind(micros(quiet_since)).bind(micros(tried_since)).bind(limit);
    Ok(users.fetch_all(executor).await?)
}

/// Takes away everything that a user is to be told; answers it with the user's address, unless nothing is left to tell: a file that
/// a recipient has fetched meanwhile, that ended, or that was taken back before anything was said about it.
pub async fn gather(
    connection: &mut SqliteConnection,
    user: i64,
    now: Timestamp,
) -> Result<Option<(String, Gathered)>, StoreError> {
    let mail: Option<String> =
        sqlx::query_scalar("SELECT mail FROM users WHERE seq = $1 AND enabled AND mail IS NOT NULL")
            .bind(user)
            .fetch_optional(&mut *connection)
            .await?;
    let gathered = count(connection, user, now).await?;
    drop_all(connection, user).await?;
    let Some(mail) = mail.filter(|_| gathered != Gathered::default()) else { return Ok(None) };
    sqlx::query("UPDATE users SET told_at = $2 WHERE seq = $1")
        .bind(user)
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(Some((mail, gathered)))
}

async fn count(connection: &mut SqliteConnection, user: i64, now: Timestamp) -> Result<Gathered, StoreError> {
    let rows: Vec<(String, i64, Option<i64>, Option<i64>)> = sqlx::query_as(
        "SELECT n.kind, count(DISTINCT n.message_id), min(d.deposited_at), min(d.expires_at)
         FROM notices n JOIN users u ON u.seq = n.user_seq
         LEFT JOIN deliveries d ON d.insurer = u.insurer AND d.message_id = n.message_id
         WHERE n.user_seq = $1 AND CASE n.kind
           WHEN 'arrival' THEN d.fetched_at IS NULL AND d.closed_at IS NULL AND d.expires_at > $2
           WHEN 'reminder' THEN d.fetched_at IS NULL AND d.closed_at IS NULL AND d.expires_at > $2
           WHEN 'recall' THEN NOT EXISTS (
             SELECT 1 FROM notices a WHERE a.user_seq = n.user_seq AND a.message_id = n.message_id AND a.kind = 'arrival')
           ELSE TRUE END
         GROUP BY n.kind",
    )
    .bind(user)
    .bind(micros(now))
    .fetch_all(connection)
    .await?;
    let mut gathered = Gathered::default();
    for (kind, files, since, until) in rows {
        let (files, since, until) = (size(files)?, since.map(moment).transpose()?, until.map(moment).transpose()?);
        if kind == Kind::Arrival.code() || kind == Kind::Reminder.code() {
            gathered.since = gathered.since.into_iter().chain(since).min();
            gathered.until = gathered.until.into_iter().chain(until).min();
        }
        *gathered.of(&kind)? = files;
    }
    Ok(gathered)
}

impl Gathered {
    fn of(&mut self, kind: &str) -> Result<&mut u64, StoreError> {
        Ok(match kind {
            "arrival" => &mut self.arrival,
            "reminder" => &mut self.reminder,
            "expiry" => &mut self.expiry,
            "recall" => &mut self.recall,
            "fetched" => &mut self.fetched,
            "accepted" => &mut self.accepted,
            "returned" => &mut self.returned,
            _ => return Err(StoreError::Corrupt("kind of a notice")),
        })
    }
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
