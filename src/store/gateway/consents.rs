//! What one person of the staff has asked for and a second one agrees to or refuses.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::two_persons::Matter;
use crate::store::sqlite::{StoreError, micros, moment};

/// Something that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Its number.
    pub number: i64,
    /// What is to be done.
    pub matter: Matter,
    /// To whom or what.
    pub subject: String,
    /// Why, in the words of the one who asks.
    pub reason: String,
    /// Who asks, as the audit has it.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// From when on nobody can agree.
    pub ends_at: Option<Timestamp>,
    /// How it ended.
    pub settled: Option<Settled>,
}

/// How something that was asked for has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// By whom, as the audit has it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A second person agreed, and it was done.
    Agreed,
    /// A second person refused.
    Refused,
    /// Whoever had asked took it back.
    Withdrawn,
    /// Nobody answered in time.
    Expired,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Agreed, Self::Refused, Self::Withdrawn, Self::Expired];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

/// Something to be asked for.
#[derive(Debug, Clone, Copy)]
pub struct NewConsent<'a> {
    /// What is to be done.
    pub matter: Matter,
    /// To whom or what.
    pub subject: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Who asks.
    pub asked_by: &'a str,
    /// When.
    pub asked_at: Timestamp,
    /// From when on nobody can agree.
    pub ends_at: Option<Timestamp>,
}

/// Notes that somebody asks. The same is asked for once at a time.
pub async fn insert(connection: &mut SqliteConnection, new: NewConsent<'_>) -> Result<i64, StoreError> {
    let number: Option<i64> = sqlx::query_scalar(
        "INSERT INTO consents (matter, subject, reason, asked_by, asked_at, ends_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT DO NOTHING RETURNING number",
    )
    .bind(new.matter.code())
    .bind(new.subject)
    .bind(new.reason)
    .bind(new.asked_by)
    .bind(micros(new.asked_at))
    .bind(new.ends_at.map(micros))
    .fetch_optional(connection)
    .await?;
    number.ok_or(StoreError::Exists("consent"))
}

/// Ends one that nobody has ended. False when somebody has.
pub async fn settle(
    connection: &mut SqliteConnection,
    number: i64,
    outcome: Outcome,
    by: &str,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE consents SET outcome = $2, settled_by = $3, settled_at = $4 WHERE number = $1 AND outcome IS NULL",
    )
    .bind(number)
    .bind(outcome.code())
    .bind(by)
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends those about this whose time is over, so that it can be asked for again.
pub async fn expire(
    connection: &mut SqliteConnection,
    matter: Matter,
    subject: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE consents SET outcome = 'expired', settled_by = '', settled_at = $3
         WHERE outcome IS NULL AND matter = $1 AND subject = $2 AND ends_at <= $3",
    )
    .bind(matter.code())
    .bind(subject)
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// One of that number.
pub async fn find(executor: impl SqliteExecutor<'_>, number: i64) -> Result<Option<Consent>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" WHERE number = ").push_bind(number);
    let row: Option<Row> = query.build_query_as().fetch_optional(executor).await?;
    row.map(Row::parse).transpose()
}

/// What is asked for about this and can be agreed to now.
pub async fn open_about(
    executor: impl SqliteExecutor<'_>,
    matter: Matter,
    subject: &str,
    now: Timestamp,
) -> Result<Option<Consent>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" WHERE outcome IS NULL AND matter = ").push_bind(matter.code());
    query.push(" AND subject = ").push_bind(subject.to_owned());
    query.push(" AND (ends_at IS NULL OR ends_at > ").push_bind(micros(now)).push(")");
    let row: Option<Row> = query.build_query_as().fetch_optional(executor).await?;
    row.map(Row::parse).transpose()
}

/// What can be agreed to now, the oldest first.
pub async fn open(executor: impl SqliteExecutor<'_>, now: Timestamp, limit: u32) -> Result<Vec<Consent>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" WHERE outcome IS NULL AND (ends_at IS NULL OR ends_at > ").push_bind(micros(now));
    query.push(") ORDER BY number LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// What was asked for, the newest first.
pub async fn newest(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<Consent>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" ORDER BY number DESC LIMIT ").push_bind(limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

const SELECT: &str = "SELECT number, matter, subject, reason, asked_by, asked_at, ends_at, settled_by, settled_at, \
                      outcome FROM consents";

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    matter: String,
    subject: String,
    reason: String,
    asked_by: String,
    asked_at: i64,
    ends_at: Option<i64>,
    settled_by: Option<String>,
    settled_at: Option<i64>,
    outcome: Option<String>,
}

impl Row {
    fn parse(self) -> Result<Consent, StoreError> {
        let settled = match (self.settled_by, self.settled_at, self.outcome) {
            (Some(by), Some(at), Some(code)) => {
                let outcome = Outcome::ALL.into_iter().find(|known| known.code() == code);
                let outcome = outcome.ok_or(StoreError::Corrupt("outcome of a consent"))?;
                Some(Settled { by, at: moment(at)?, outcome })
            }
            _ => None,
        };
        Ok(Consent {
            number: self.number,
            matter: self.matter.parse().map_err(corrupt("matter of a consent"))?,
            subject: self.subject,
            reason: self.reason,
            asked_by: self.asked_by,
            asked_at: moment(self.asked_at)?,
            ends_at: self.ends_at.map(moment).transpose()?,
            settled,
        })
    }
}
