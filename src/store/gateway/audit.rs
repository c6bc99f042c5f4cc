//! Who did what and when.

mod search;

pub use search::{NoPlace, Place, Search, newest_number, plan, search};

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::OfficeCode;
use crate::store::sqlite::{StoreError, groups, micros, moment};

/// One entry. Ids and codes only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who: `gateway`, or the account on the command line.
    pub actor: String,
    /// What, as a code: `message.archived`, `user.disabled` …
    pub action: &'static str,
    /// To what: an id.
    pub subject: String,
    /// The state before, as codes.
    pub before: String,
    /// The state after, as codes.
    pub after: String,
}

/// With the office that a file or a user belongs to at the time, so that an office's entries are found along an index: the one that is
/// known, or else looked up. The ids of files have 36 letters.
const INSERT: &str = "INSERT INTO audit (at, actor, action, subject, before, after, origin, office)
     SELECT column1, column2, column3, column4, column5, column6, column7,
         coalesce(
             column8,
             CASE length(column4) WHEN 36 THEN coalesce(
                 (SELECT office FROM messages WHERE verdict = 'accepted' AND id = column4),
                 (SELECT office FROM messages WHERE verdict = 'quarantined' AND id = column4 AND office IS NOT NULL LIMIT 1),
                 (SELECT office FROM sent WHERE id = column4)) END,
             (SELECT office FROM users WHERE id = column4))
     FROM (";

/// Adds entries of what was done on this machine.
pub async fn insert(connection: &mut SqliteConnection, entries: &[Entry]) -> Result<(), StoreError> {
    insert_from(connection, entries, "").await
}

/// Adds entries of what somebody did from an address.
pub async fn insert_from(connection: &mut SqliteConnection, entries: &[Entry], origin: &str) -> Result<(), StoreError> {
    write(connection, entries.iter().map(|entry| (entry, None)), origin).await
}

/// Adds entries whose office is known, of what was done on this machine.
pub async fn insert_of(
    connection: &mut SqliteConnection,
    entries: &[(Entry, Option<OfficeCode>)],
) -> Result<(), StoreError> {
    write(connection, entries.iter().map(|(entry, office)| (entry, office.as_ref())), "").await
}

async fn write(
    connection: &mut SqliteConnection,
    entries: impl Iterator<Item = (&Entry, Option<&OfficeCode>)>,
    origin: &str,
) -> Result<(), StoreError> {
    for group in groups(&entries.collect::<Vec<_>>()) {
        let mut query = QueryBuilder::<Sqlite>::new(INSERT);
        query.push_values(group, |mut row, (entry, office)| {
            row.push_bind(micros(entry.at))
                .push_bind(entry.actor.as_str())
                .push_bind(entry.action)
                .push_bind(entry.subject.as_str())
                .push_bind(entry.before.as_str())
                .push_bind(entry.after.as_str())
                .push_bind(origin)
                .push_bind(office.map(OfficeCode::as_str));
        });
        query.push(")");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// An entry as it is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The state before.
    pub before: String,
    /// The state after.
    pub after: String,
    /// Where from, when it was done at the console.
    pub origin: String,
}

/// The newest entry of an action about a subject.
pub async fn newest(
    executor: impl SqliteExecutor<'_>,
    action: &str,
    subject: &str,
) -> Result<Option<Recorded>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT number, at, actor, action, subject, before, after, origin FROM audit
         WHERE subject = $1 AND action = $2 ORDER BY number DESC LIMIT 1",
    )
    .bind(subject)
    .bind(action)
    .fetch_optional(executor)
    .await?;
    row.map(recorded).transpose()
}

/// The newest of these actions about each of these subjects that somebody has taken: the gateway's own are left out.
pub async fn newest_of(
    executor: impl SqliteExecutor<'_>,
    subjects: &[String],
    actions: &[&str],
) -> Result<HashMap<String, Recorded>, StoreError> {
    // The other columns are those of the row that has the highest number.
    let found = sqlx::query_as(
        "SELECT max(number), at, actor, action, subject, before, after, origin FROM audit
         WHERE subject IN (SELECT value FROM json_each($1)) AND +action IN (SELECT value FROM json_each($2))
             AND +actor <> 'gateway' GROUP BY subject",
    );
    let subjects = serde_json::to_string(subjects).map_err(corrupt("subjects"))?;
    let actions = serde_json::to_string(actions).map_err(corrupt("actions"))?;
    let rows: Vec<Row> = found.bind(subjects).bind(actions).fetch_all(executor).await?;
    rows.into_iter().map(|row| recorded(row).map(|entry| (entry.subject.clone(), entry))).collect()
}

/// Whether somebody has done one of these things to a subject since.
pub async fn has_done(
    executor: impl SqliteExecutor<'_>,
    (actor, subject): (&str, &str),
    actions: &[&str],
    since: Timestamp,
) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM audit WHERE actor = $1 AND at >= $2 AND subject = $3
             AND action IN (SELECT value FROM json_each($4)))",
    );
    let actions = serde_json::to_string(actions).map_err(corrupt("actions"))?;
    Ok(found.bind(actor).bind(micros(since)).bind(subject).bind(actions).fetch_one(executor).await?)
}

/// The newest entries about a subject, newest first.
pub async fn of_subject(
    executor: impl SqliteExecutor<'_>,
    subject: &str,
    limit: u32,
) -> Result<Vec<Recorded>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT number, at, actor, action, subject, before, after, origin FROM audit
         WHERE subject = $1 ORDER BY number DESC LIMIT $2",
    )
    .bind(subject)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(recorded).collect()
}

type Row = (i64, i64, String, String, String, String, String, String);

fn recorded((number, at, actor, action, subject, before, after, origin): Row) -> Result<Recorded, StoreError> {
    Ok(Recorded { number, at: moment(at)?, actor, action, subject, before, after, origin })
}

/// The newest entries before `before`, newest first.
pub async fn list(
    executor: impl SqliteExecutor<'_>,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Recorded>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT number, at, actor, action, subject, before, after, origin FROM audit
         WHERE number < $1 ORDER BY number DESC LIMIT $2",
    )
    .bind(before.unwrap_or(i64::MAX))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(recorded).collect()
}
