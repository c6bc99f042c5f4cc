//! Who looked at the inside of which received file: kept beside the audit, so that it can be looked up by office, file and person.

use jiff::Timestamp;
use sqlx::{FromRow, SqliteConnection};

use super::corrupt;
use super::search::{Bounds, Page, Rows, Stream, page};
use crate::domain::ids::{MessageId, OfficeCode, UserId};
use crate::store::sqlite::{StoreError, micros, moment};

/// Somebody looks.
#[derive(Debug, Clone, Copy)]
pub struct NewAccess<'a> {
    /// When.
    pub at: Timestamp,
    /// Who, as in the audit.
    pub actor: &'a str,
    /// How, as in the audit.
    pub action: &'a str,
    /// The number of the message.
    pub message: i64,
    /// The sender's office.
    pub office: Option<&'a OfficeCode>,
    /// The sender.
    pub user: Option<&'a UserId>,
}

/// Which. Everything that is left open lets all through.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only to files of this office.
    pub office: Option<OfficeCode>,
    /// Only to files of this user.
    pub user: Option<UserId>,
    /// Only to this file, by its number.
    pub message: Option<i64>,
    /// Only by this account or program, as the audit names it.
    pub actor: Option<String>,
    /// From this moment on.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Only those before this number.
    pub before: Option<i64>,
}

/// Somebody looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Its place among all.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// How.
    pub action: String,
    /// The message's id.
    pub message: MessageId,
    /// The sender's office.
    pub office: Option<String>,
    /// The sender.
    pub user: Option<String>,
    /// The file's name.
    pub file_name: Option<String>,
}

const ALL: &str = "SELECT number FROM accesses WHERE number < $1 AND number >= $2 ORDER BY number DESC LIMIT $3";
const BY_MESSAGE: &str =
    "SELECT number FROM accesses WHERE message = CAST($4 AS INTEGER) AND number < $1 AND number >= $2
     ORDER BY number DESC LIMIT $3";
const BY_OFFICE: &str = "SELECT number FROM accesses WHERE office = $4 AND number < $1 AND number >= $2
     ORDER BY number DESC LIMIT $3";
const BY_ACTOR: &str = "SELECT number FROM accesses WHERE actor = $4 AND number < $1 AND number >= $2
     ORDER BY number DESC LIMIT $3";
/// Between which numbers a time lies, from an index that has both.
const SPAN: &str = "SELECT min(number), max(number) FROM accesses WHERE at >= $1 AND at < $2";
const ROWS: &str = "SELECT a.number, a.at, a.actor, a.action, m.id, a.office, a.user_id, m.file_name
     FROM accesses a CROSS JOIN messages m ON m.number = a.message
     WHERE a.number IN (SELECT value FROM json_each($1))
         AND ($2 IS NULL OR a.office = $2) AND ($3 IS NULL OR a.user_id = $3) AND ($4 IS NULL OR a.message = $4)
         AND ($5 IS NULL OR a.actor = $5) AND ($6 IS NULL OR a.at >= $6) AND ($7 IS NULL OR a.at < $7)";

/// Adds one, in the transaction of the audit entry.
pub async fn insert(connection: &mut SqliteConnection, access: &NewAccess<'_>) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO accesses (at, actor, action, message, office, user_id) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(micros(access.at))
        .bind(access.actor)
        .bind(access.action)
        .bind(access.message)
        .bind(access.office.map(OfficeCode::as_str))
        .bind(access.user.map(UserId::as_str))
        .execute(connection)
        .await?;
    Ok(())
}

/// A page, newest first.
pub async fn list(
    connection: &mut SqliteConnection,
    filter: &Filter,
    limit: usize,
) -> Result<Page<Access>, StoreError> {
    let before = filter.before.unwrap_or(i64::MAX);
    let mut bounds = Bounds { before, from: 0 };
    if filter.from.is_some() || filter.until.is_some() {
        let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(SPAN)
            .bind(filter.from.map_or(i64::MIN, micros))
            .bind(filter.until.map_or(i64::MAX, micros))
            .fetch_one(&mut *connection)
            .await?;
        bounds = Bounds { before: before.min(last.map_or(0, |last| last + 1)), from: first.unwrap_or(0) };
    }
    page(connection, &streams(filter), bounds, limit, filter).await
}

fn streams(filter: &Filter) -> Vec<Stream> {
    let with = |sql, value: Option<String>| value.map(|value| Stream { sql, value: Some(value) });
    [
        with(BY_MESSAGE, filter.message.map(|number| number.to_string())),
        with(BY_OFFICE, filter.office.as_ref().map(ToString::to_string)),
        with(BY_ACTOR, filter.actor.clone()),
        Some(Stream { sql: ALL, value: None }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Rows for Filter {
    type Row = Access;

    async fn rows(&self, connection: &mut SqliteConnection, numbers: &[i64]) -> Result<Vec<(i64, Access)>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(ROWS)
            .bind(serde_json::to_string(numbers).map_err(corrupt("numbers"))?)
            .bind(self.office.as_ref().map(OfficeCode::as_str))
            .bind(self.user.as_ref().map(UserId::as_str))
            .bind(self.message)
            .bind(self.actor.as_deref())
            .bind(self.from.map(micros))
            .bind(self.until.map(micros))
            .fetch_all(connection)
            .await?;
        let rows = rows.into_iter().map(|row| Ok((row.number, row.parse()?)));
        let mut rows: Vec<(i64, Access)> = rows.collect::<Result<_, StoreError>>()?;
        rows.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
        Ok(rows)
    }
}

#[derive(FromRow)]
struct Row {
    number: i64,
    at: i64,
    actor: String,
    action: String,
    id: String,
    office: Option<String>,
    user_id: Option<String>,
    file_name: Option<String>,
}

impl Row {
    fn parse(self) -> Result<Access, StoreError> {
        Ok(Access {
            number: self.number,
            at: moment(self.at)?,
            actor: self.actor,
            action: self.action,
            message: self.id.parse().map_err(corrupt("message id"))?,
            office: self.office,
            user: self.user_id,
            file_name: self.file_name,
        })
    }
}
