//! Every run of the pull: why, when, how long, what came of it.

use jiff::Timestamp;
use serde::Serialize;
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::store::sqlite::{StoreError, length, micros, moment};

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Parcels that the relay listed.
    pub listed: u64,
    /// Messages that were archived.
    pub archived: u64,
    /// Messages that went to quarantine.
    pub quarantined: u64,
    /// Parcels that were here already and only acknowledged again.
    pub repeated: u64,
    /// Parcels left for a temporary cause.
    pub waiting: u64,
    /// Sealed bytes that were fetched.
    pub bytes: u64,
    /// Messages that the relay had our acknowledgement for and we did not have: kept now, a second time.
    pub again: u64,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub number: i64,
    /// Why it ran, as a code.
    pub cause: String,
    /// When it was planned, if it was the schedule that began it.
    pub planned_at: Option<Timestamp>,
    /// The account that asked for it.
    pub actor: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended; none while it runs, or when the program was killed in it.
    pub ended_at: Option<Timestamp>,
    /// How it ended, as a code.
    pub result: Option<String>,
    /// What it did.
    pub tally: Tally,
}

/// What begins a run.
#[derive(Debug, Clone, Copy)]
pub struct NewRun<'a> {
    /// Why it runs, as a code.
    pub cause: &'static str,
    /// When it was planned, if it is the schedule that begins it.
    pub planned_at: Option<Timestamp>,
    /// The account that asks for it.
    pub actor: Option<&'a str>,
}

/// Notes that a run starts.
pub async fn start(connection: &mut SqliteConnection, new: NewRun<'_>, at: Timestamp) -> Result<i64, StoreError> {
    let number = sqlx::query_scalar(
        "INSERT INTO pull_runs (cause, planned_at, actor, started_at) VALUES ($1, $2, $3, $4) RETURNING number",
    )
    .bind(new.cause)
    .bind(new.planned_at.map(micros))
    .bind(new.actor)
    .bind(micros(at))
    .fetch_one(connection)
    .await?;
    Ok(number)
}

/// Deletes runs that began before a moment, and says how many.
pub async fn trim(connection: &mut SqliteConnection, before: Timestamp) -> Result<u64, StoreError> {
    let done =
        sqlx::query("DELETE FROM pull_runs WHERE started_at < $1").bind(micros(before)).execute(connection).await?;
    Ok(done.rows_affected())
}

/// Notes how a run ended.
pub async fn end(
    connection: &mut SqliteConnection,
    number: i64,
    result: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE pull_runs SET ended_at = $2, result = $3 WHERE number = $1")
        .bind(number)
        .bind(micros(at))
        .bind(result)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes what a run has done so far.
pub async fn put_tally(connection: &mut SqliteConnection, number: i64, tally: &Tally) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE pull_runs SET listed = $2, archived = $3, quarantined = $4, repeated = $5, waiting = $6, bytes = $7,
             again = $8 WHERE number = $1",
    )
    .bind(number)
    .bind(length(tally.listed))
    .bind(length(tally.archived))
    .bind(length(tally.quarantined))
    .bind(length(tally.repeated))
    .bind(length(tally.waiting))
    .bind(length(tally.bytes))
    .bind(length(tally.again))
    .execute(connection)
    .await?;
    Ok(())
}

/// The newest runs.
pub async fn list(executor: impl SqliteExecutor<'_>, limit: u32) -> Result<Vec<Run>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT * FROM pull_runs ORDER BY number DESC LIMIT $1").bind(limit).fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    cause: String,
    planned_at: Option<i64>,
    actor: Option<String>,
    started_at: i64,
    ended_at: Option<i64>,
    result: Option<String>,
    listed: i64,
    archived: i64,
    quarantined: i64,
    repeated: i64,
    waiting: i64,
    bytes: i64,
    again: i64,
}

impl Row {
    fn parse(self) -> Result<Run, StoreError> {
        let count = |value: i64| u64::try_from(value).map_err(super::corrupt("count"));
        Ok(Run {
            number: self.number,
            cause: self.cause,
            planned_at: self.planned_at.map(moment).transpose()?,
            actor: self.actor,
            started_at: moment(self.started_at)?,
            ended_at: self.ended_at.map(moment).transpose()?,
            result: self.result,
            tally: Tally {
                listed: count(self.listed)?,
                archived: count(self.archived)?,
                quarantined: count(self.quarantined)?,
                repeated: count(self.repeated)?,
                waiting: count(self.waiting)?,
                bytes: count(self.bytes)?,
                again: count(self.again)?,
            },
        })
    }
}
