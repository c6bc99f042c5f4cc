//! What happened, in order, for those who tell people and programs of it: notices to staff, hooks, the console.
//!
//! An event is written in the transaction of what happened. Each reader has a name and a mark: the number of the last event that it
//! has dealt with for good. A crash between dealing with an event and moving the mark shows it again.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::{OfficeCode, UserId};
use crate::store::sqlite::{StoreError, groups, micros, moment};

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $code:literal;)*) => {
        /// What happened. The codes are a contract with the programs that hear of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind {
            $($(#[$meta])* $variant,)*
        }

        impl Kind {
            /// Every one there is.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The kind with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.code() == code)
            }
        }
    };
}

kinds! {
    /// A message was verified and archived.
    ReceivedArchived = "received.archived";
    /// A message failed a check.
    ReceivedQuarantined = "received.quarantined";
    /// Two persons let a message out of quarantine.
    ReceivedReleased = "received.released";
    /// Staff accepted a message.
    ReceivedAccepted = "received.accepted";
    /// Staff returned a message.
    ReceivedReturned = "received.returned";
    /// Staff or a program looked into a message for the first time.
    ReceivedOpened = "received.opened";
    /// A message waits for the approval of a second person before it is sent.
    SentWaitsForApproval = "sent.waits-for-approval";
    /// The relay has a message of ours, and its receipt fits.
    SentRelayed = "sent.relayed";
    /// A recipient was given the first bytes.
    SentFetched = "sent.fetched";
    /// A recipient's app has verified it.
    SentVerified = "sent.verified";
    /// A recipient took it.
    SentAccepted = "sent.accepted";
    /// A recipient returned it.
    SentReturned = "sent.returned";
    /// It was taken back before anybody had fetched it.
    SentRecalled = "sent.recalled";
    /// Nobody fetched it in time.
    SentExpired = "sent.expired";
    /// It cannot be sent: no enabled user, no valid certificate, refused by the relay.
    SentStopped = "sent.stopped";
    /// Nothing could be sealed for a user of the office, while it could for others.
    SentLeftOut = "sent.left-out";
    /// A receipt for a message of ours, or what the relay tells of it, does not fit: somebody lies, or something is broken.
    SentAlarm = "sent.alarm";
    /// The relay has forgotten what it had and told, as after a restore from a backup: everything is gone through again.
    RelayForgot = "relay.forgot";
    /// The relay says of its own lists what they themselves deny: it lies, or something is broken.
    RelayDenied = "relay.denied";
    /// Something is wrong with the gateway itself, or will be. The subject is the rule's code.
    AlertFired = "alert.fired";
    /// It is over. The subject is the rule's code.
    AlertCleared = "alert.cleared";
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place among all: rising in the order in which things happened.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: Kind,
    /// To what: an id, or the code of a rule.
    pub subject: String,
    /// The office it concerns.
    pub office: Option<OfficeCode>,
    /// The user it concerns.
    pub user: Option<UserId>,
}

/// Something that has just happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: Kind,
    /// To what: an id.
    pub subject: String,
    /// The office it concerns.
    pub office: Option<OfficeCode>,
    /// The user it concerns.
    pub user: Option<UserId>,
}

/// Adds events, in order.
pub async fn insert(connection: &mut SqliteConnection, events: &[NewEvent]) -> Result<(), StoreError> {
    for group in groups(events) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO events (at, kind, subject, office, user_id) ");
        query.push_values(group, |mut row, event| {
            row.push_bind(micros(event.at))
                .push_bind(event.kind.code())
                .push_bind(event.subject.as_str())
                .push_bind(event.office.as_ref().map(OfficeCode::as_str))
                .push_bind(event.user.as_ref().map(UserId::as_str));
        });
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// The events after a place, in order.
pub async fn after(executor: impl SqliteExecutor<'_>, mark: i64, limit: i64) -> Result<Vec<Event>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT number, at, kind, subject, office, user_id FROM events WHERE number > $1 ORDER BY number LIMIT $2",
    )
    .bind(mark)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The events of these kinds after a place, in order.
pub async fn of_kinds(
    executor: impl SqliteExecutor<'_>,
    mark: i64,
    kinds: &[&str],
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT number, at, kind, subject, office, user_id FROM events ");
    query.push("WHERE number > ").push_bind(mark).push(" AND kind IN (");
    let mut list = query.separated(", ");
    for kind in kinds {
        list.push_bind((*kind).to_owned());
    }
    query.push(") ORDER BY number LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The number of the newest event; 0 before the first.
pub async fn newest(executor: impl SqliteExecutor<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM events").fetch_one(executor).await?)
}

/// The last event that a reader has dealt with; none before its first.
pub async fn mark(executor: impl SqliteExecutor<'_>, reader: &str) -> Result<Option<i64>, StoreError> {
    let mark = sqlx::query_scalar("SELECT mark FROM event_readers WHERE name = $1").bind(reader);
    Ok(mark.fetch_optional(executor).await?)
}

/// The last event that a reader has dealt with, as [`mark`], and the [`newest`]: what readers look at all the time, in one question.
pub async fn standing(executor: impl SqliteExecutor<'_>, reader: &str) -> Result<(Option<i64>, i64), StoreError> {
    let standing = sqlx::query_as(
        "SELECT (SELECT mark FROM event_readers WHERE name = $1), (SELECT coalesce(max(number), 0) FROM events)",
    );
    Ok(standing.bind(reader).fetch_one(executor).await?)
}

/// A reader has dealt with everything up to here.
pub async fn set_mark(connection: &mut SqliteConnection, reader: &str, mark: i64) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO event_readers (name, mark) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET mark = excluded.mark",
    )
    .bind(reader)
    .bind(mark)
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) number: i64,
    pub(super) at: i64,
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) office: Option<String>,
    pub(super) user_id: Option<String>,
}

impl TryFrom<Row> for Event {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            at: moment(row.at)?,
            kind: Kind::from_code(&row.kind).ok_or(StoreError::Corrupt("kind of an event"))?,
            subject: row.subject,
            office: row.office.map(|code| code.parse().map_err(corrupt("office"))).transpose()?,
            user: row.user_id.map(|id| id.parse().map_err(corrupt("user id"))).transpose()?,
        })
    }
}
