//! What staff are to be told by mail, and the mails that have not gone out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::alerts::Alert;
use super::{events, staff_alerts};
use crate::store::sqlite::{StoreError, micros};

/// What staff are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file came, verified.
    Arrival,
    /// A file failed a check.
    Quarantine,
    /// An employer returned a file.
    Returned,
    /// Nobody fetched a file in time.
    Uncollected,
    /// A receipt does not fit.
    Alarm,
    /// The relay's lists are not what they were.
    Relay,
    /// Something is wrong with the gateway itself, or is well again.
    Alert,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Arrival, Self::Quarantine, Self::Returned, Self::Uncollected, Self::Alarm, Self::Relay, Self::Alert];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Arrival => "arrival",
            Self::Quarantine => "quarantine",
            Self::Returned => "returned",
            Self::Uncollected => "uncollected",
            Self::Alarm => "alarm",
            Self::Relay => "relay",
            Self::Alert => "alert",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// What an event is to staff, if it is anything.
    pub const fn of(event: events::Kind) -> Option<Self> {
        match event {
            events::Kind::ReceivedArchived => Some(Self::Arrival),
            events::Kind::ReceivedQuarantined => Some(Self::Quarantine),
            events::Kind::SentReturned => Some(Self::Returned),
            events::Kind::SentExpired => Some(Self::Uncollected),
            events::Kind::SentAlarm => Some(Self::Alarm),
            events::Kind::RelayForgot | events::Kind::RelayDenied => Some(Self::Relay),
            events::Kind::AlertFired | events::Kind::AlertCleared => Some(Self::Alert),
            _ => None,
        }
    }
}

/// What a mail tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    /// How many files of each kind, by their codes.
    pub files: BTreeMap<String, u64>,
    /// What is wrong with the gateway since the last mail.
    #[serde(default)]
    pub fired: Vec<Fired>,
    /// Codes of what is well again.
    #[serde(default)]
    pub cleared: Vec<String>,
}

impl Gathered {
    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.fired.is_empty() && self.cleared.is_empty()
    }
}

/// An alert as a mail tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    /// The rule's code.
    pub code: String,
    /// Codes and numbers.
    pub detail: String,
    /// Since when it is so.
    pub since: Timestamp,
}

/// Notes that an address is to be told of an event.
pub async fn note(connection: &mut SqliteConnection, address: &str, event: i64, kind: Kind) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO staff_notices (address, event, kind) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(address)
        .bind(event)
        .bind(kind.code())
        .execute(connection)
        .await?;
    Ok(())
}

/// Addresses for which a mail is to be made: there is something to tell, the last one was made at `quiet_since` or before (or, by a
/// clock that was set back, later than now), and none is being tried.
pub async fn due(
    executor: impl SqliteExecutor<'_>,
    now: Timestamp,
    quiet_since: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let addresses = sqlx::query_scalar(
        "SELECT n.address FROM (SELECT DISTINCT address FROM staff_notices) n
         LEFT JOIN staff_told t ON t.address = n.address
         WHERE (t.told_at IS NULL OR t.told_at <= $2 OR t.told_at > $1)
           AND NOT EXISTS (SELECT 1 FROM staff_mails m WHERE m.address = n.address AND m.next_at IS NOT NULL)",
    );
    Ok(addresses.bind(micros(now)).bind(micros(quiet_since)).fetch_all(executor).await?)
}

/// Forgets the mails that were refused for good, but for those to these addresses.
pub async fn forget_refused(connection: &mut SqliteConnection, but_for: &[&str]) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM staff_mails WHERE next_at IS NULL AND address NOT IN (");
    let mut list = query.separated(", ");
    for address in but_for {
        list.push_bind(*address);
    }
    query.push(")");
    query.build().execute(connection).await?;
    Ok(())
}

/// Takes away what an address is to be told, and puts a mail about it among those that go out; false when nothing is left to tell,
/// since staff have looked into it or decided it meanwhile. Of alerts, if it wants to hear of them, the mail tells in what the
/// address knows otherwise than it is.
pub async fn gather(
    connection: &mut SqliteConnection,
    address: &str,
    wants_alerts: bool,
    message_id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let counted: Vec<(String, i64)> = sqlx::query_as(
        "SELECT n.kind, count(DISTINCT e.subject) FROM staff_notices n JOIN events e ON e.number = n.event
         WHERE n.address = $1 AND n.kind <> 'alert' AND (n.kind NOT IN ('arrival', 'quarantine') OR NOT EXISTS (
           SELECT 1 FROM events later WHERE later.subject = e.subject AND later.number > e.number
             AND later.kind IN ('received.opened', 'received.accepted', 'received.returned', 'received.released')))
         GROUP BY n.kind",
    )
    .bind(address)
    .fetch_all(&mut *connection)
    .await?;
    let (fired, cleared) =
        if wants_alerts { staff_alerts::tell(&mut *connection, address).await? } else { (Vec::new(), Vec::new()) };
    let told = |alert: Alert| Fired { code: alert.code, detail: alert.detail, since: alert.since };
    let fired = fired.into_iter().map(told).collect();
    sqlx::query("DELETE FROM staff_notices WHERE address = $1").bind(address).execute(&mut *connection).await?;
    let files = counted.into_iter().map(|(kind, files)| (kind, u64::try_from(files).unwrap_or_default())).collect();
    let gathered = Gathered { files, fired, cleared };
    if gathered.is_empty() {
        return Ok(false);
    }
    let gathered = serde_json::to_string(&gathered).map_err(|_| StoreError::Corrupt("gathered notices"))?;
    sqlx::query(
        "INSERT INTO staff_mails (address, message_id, gathered, made_at, next_at) VALUES ($1, $2, $3, $4, $4)",
    )
    .bind(address)
    .bind(message_id)
    .bind(gathered)
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO staff_told (address, told_at) VALUES ($1, $2)
         ON CONFLICT (address) DO UPDATE SET told_at = excluded.told_at",
    )
    .bind(address)
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(true)
}

/// A mail to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place.
    pub number: i64,
    /// Where to.
    pub address: String,
    /// The same at every try.
    pub message_id: String,
    /// What it tells.
    pub gathered: Gathered,
    /// How often it was tried.
    pub tries: u32,
}

/// Mails whose time has come, oldest first.
pub async fn mails(executor: impl SqliteExecutor<'_>, now: Timestamp) -> Result<Vec<Waiting>, StoreError> {
    let rows: Vec<(i64, String, String, String, u32)> = sqlx::query_as(
        "SELECT number, address, message_id, gathered, tries FROM staff_mails WHERE next_at <= $1 ORDER BY number LIMIT 200",
    )
    .bind(micros(now))
    .fetch_all(executor)
    .await?;
    let read = |(number, address, message_id, gathered, tries): (_, _, _, String, _)| {
        let gathered = serde_json::from_str(&gathered).map_err(|_| StoreError::Corrupt("gathered notices"))?;
        Ok(Waiting { number, address, message_id, gathered, tries })
    };
    rows.into_iter().map(read).collect()
}

/// It went out: the address takes mails, whatever was refused before.
pub async fn sent(connection: &mut SqliteConnection, mail: &Waiting) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM staff_mails WHERE number = $1 OR (address = $2 AND next_at IS NULL)")
        .bind(mail.number)
        .bind(&mail.address)
        .execute(connection)
        .await?;
    Ok(())
}

/// It did not go out, and is tried again.
pub async fn failed(
    connection: &mut SqliteConnection,
    mail: &Waiting,
    problem: &str,
    next_at: Timestamp,
) -> Result<(), StoreError> {
    put_off(connection, mail.number, problem, Some(next_at)).await
}

/// It is refused for good. What it tells of alerts the address does not know: the next mail tells it.
pub async fn refused(connection: &mut SqliteConnection, mail: &Waiting, problem: &str) -> Result<(), StoreError> {
    let fired: Vec<&str> = mail.gathered.fired.iter().map(|alert| alert.code.as_str()).collect();
    staff_alerts::knows(&mut *connection, &mail.address, &mail.gathered.cleared, &fired).await?;
    put_off(connection, mail.number, problem, None).await
}

async fn put_off(
    connection: &mut SqliteConnection,
    number: i64,
    problem: &str,
    next_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE staff_mails SET tries = tries + 1, problem = $2, next_at = $3 WHERE number = $1")
        .bind(number)
        .bind(problem)
        .bind(next_at.map(micros))
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets mails that were made before a moment and refused for good.
pub async fn trim(connection: &mut SqliteConnection, before: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM staff_mails WHERE next_at IS NULL AND made_at < $1").bind(micros(before));
    Ok(done.execute(connection).await?.rows_affected())
}
