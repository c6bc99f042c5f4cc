//! What offices are expected to send again and again; who has sent it, and who has not.

pub(in crate::store::gateway) mod note;
pub mod offices;
pub mod past;

use jiff::civil::Date;
use sqlx::{FromRow, SqliteConnection, SqliteExecutor};

use super::{corrupt, schedule};
use crate::domain::expectation::{Due, Expectation, Period};
use crate::store::sqlite::StoreError;
use offices::Standing;

/// An expectation as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number, for good.
    pub number: i64,
    /// What is expected.
    pub expectation: Expectation,
}

/// How many offices have sent what was expected of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Offices that it is expected from.
    pub meant: u64,
    /// Those of them that have sent it.
    pub sent: u64,
}

/// An expectation, and how far its present period has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The expectation.
    pub kept: Kept,
    /// The period that today is in.
    pub period: Period,
    /// Who has sent it.
    pub counts: Counts,
}

impl Counts {
    /// Of all these offices.
    pub fn of(offices: &[Standing]) -> Self {
        let sent = offices.iter().filter(|office| office.file.is_some()).count();
        Self { meant: offices.len() as u64, sent: sent as u64 }
    }

    /// Offices that have not sent it.
    pub const fn missing(self) -> u64 {
        self.meant - self.sent
    }
}

/// Adds one, and says its number.
pub async fn insert(connection: &mut SqliteConnection, expectation: &Expectation) -> Result<i64, StoreError> {
    let (month, day) = match expectation.due() {
        Due::Monthly { day } => (None, day),
        Due::Yearly { month, day } => (Some(month), day),
    };
    let number = sqlx::query_scalar(
        "INSERT INTO expectations (name, part, office_group, month, day, lead) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (name) DO NOTHING RETURNING number",
    )
    .bind(expectation.name())
    .bind(expectation.part())
    .bind(expectation.group())
    .bind(month)
    .bind(day)
    .bind(expectation.lead())
    .fetch_optional(connection)
    .await?;
    number.ok_or(StoreError::Exists("expectation"))
}

/// Takes one away, with all that was noted for it.
pub async fn remove(connection: &mut SqliteConnection, number: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM expected_files WHERE expectation = $1").bind(number).execute(&mut *connection).await?;
    let done = sqlx::query("DELETE FROM expectations WHERE number = $1").bind(number).execute(connection).await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Missing("expectation")) }
}

/// All of them, in the order in which they were added.
pub async fn list(executor: impl SqliteExecutor<'_>) -> Result<Vec<Kept>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT number, name, part, office_group, month, day, lead FROM expectations ORDER BY number")
            .fetch_all(executor)
            .await?;
    rows.into_iter().map(Row::parse).collect()
}

/// One of them.
pub async fn find(executor: impl SqliteExecutor<'_>, number: i64) -> Result<Option<Kept>, StoreError> {
    let row: Option<Row> =
        sqlx::query_as("SELECT number, name, part, office_group, month, day, lead FROM expectations WHERE number = $1")
            .bind(number)
            .fetch_optional(executor)
            .await?;
    row.map(Row::parse).transpose()
}

/// How far all of them have come today, what is due first before the others.
pub async fn overview(connection: &mut SqliteConnection, today: Date) -> Result<Vec<Overview>, StoreError> {
    let own = schedule::holidays(&mut *connection).await?;
    let mut all = Vec::new();
    for kept in list(&mut *connection).await? {
        let Some(period) = kept.expectation.period(today, &own) else { continue };
        let counts = Counts::of(&offices::standing(&mut *connection, &kept, &period, None).await?);
        all.push(Overview { kept, period, counts });
    }
    all.sort_by_key(|one| one.period.due);
    Ok(all)
}

#[derive(FromRow)]
struct Row {
    number: i64,
    name: String,
    part: String,
    office_group: Option<String>,
    month: Option<i8>,
    day: i8,
    lead: i16,
}

impl Row {
    fn parse(self) -> Result<Kept, StoreError> {
        let due = match self.month {
            None => Due::monthly(self.day),
            Some(month) => Due::yearly(month, self.day),
        };
        let due = due.map_err(corrupt("due day"))?;
        let expectation = Expectation::new(&self.name, &self.part, self.office_group.as_deref(), due, Some(self.lead));
        Ok(Kept { number: self.number, expectation: expectation.map_err(corrupt("expectation"))? })
    }
}
