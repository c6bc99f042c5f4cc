//! Which offices have sent what is expected of them.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::Kept;
use crate::domain::expectation::Period;
use crate::domain::ids::{MessageId, OfficeCode};
use crate::domain::person::OfficeName;
use crate::domain::schedule::civil;
use crate::store::gateway::corrupt;
use crate::store::gateway::days::number_of;
use crate::store::sqlite::{StoreError, micros, moment};

/// An office that something is expected from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// 事業所記号.
    pub code: OfficeCode,
    /// 事業所名.
    pub name: OfficeName,
    /// The number of the first file that it has sent in the period.
    pub file: Option<i64>,
    /// The same of the period before.
    pub before: Option<i64>,
}

/// A file that an office has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: MessageId,
    /// What it is called.
    pub name: String,
    /// When it came.
    pub at: Timestamp,
}

/// For each office and period one seek among the files that were expected; that staff returned one is known by an index alone. Who can
/// send had a user by the due day who is enabled, or shut out for another cause than having left.
const STANDING: &str = "SELECT o.code, o.name,
         (SELECT message FROM expected_files
             WHERE expectation = $1 AND office = o.code AND day >= $2 AND day <= $3
                 AND NOT EXISTS (SELECT 1 FROM messages INDEXED BY messages_by_state
                     WHERE state = 'returned' AND number = message)
             ORDER BY day, message LIMIT 1),
         (SELECT message FROM expected_files
             WHERE expectation = $1 AND office = o.code AND day >= $4 AND day <= $5
                 AND NOT EXISTS (SELECT 1 FROM messages INDEXED BY messages_by_state
                     WHERE state = 'returned' AND number = message)
             ORDER BY day, message LIMIT 1),
         EXISTS (SELECT 1 FROM users u WHERE u.office = o.code AND u.created_at < $6
             AND (u.state = 'enabled' OR (u.state = 'disabled' AND u.disabled_reason <> 'left')))
     FROM offices o
     WHERE $7 IS NULL OR EXISTS (SELECT 1 FROM office_groups g WHERE g.name = $7 AND g.office = o.code)
     ORDER BY o.code";

/// The offices that it is expected from in this period, by code: those that can send, and those that have.
pub async fn standing(
    connection: &mut SqliteConnection,
    kept: &Kept,
    period: &Period,
    before: Option<&Period>,
) -> Result<Vec<Standing>, StoreError> {
    type Row = (String, String, Option<i64>, Option<i64>, bool);
    let due_over = period.due.tomorrow().ok().and_then(|day| civil(day.at(0, 0, 0, 0)));
    // In no days there is nothing.
    let (from, until) = before.map_or((0, -1), |before| (number_of(before.from), number_of(before.until)));
    let rows: Vec<Row> = sqlx::query_as(STANDING)
        .bind(kept.number)
        .bind(number_of(period.from))
        .bind(number_of(period.until))
        .bind(from)
        .bind(until)
        .bind(due_over.map_or(i64::MAX, micros))
        .bind(kept.expectation.group())
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .filter(|(_, _, file, _, can_send)| *can_send || file.is_some())
        .map(|(code, name, file, before, _)| {
            Ok(Standing {
                code: code.parse().map_err(corrupt("office"))?,
                name: name.parse().map_err(corrupt("office name"))?,
                file,
                before,
            })
        })
        .collect()
}

/// The files of these numbers.
pub async fn files(connection: &mut SqliteConnection, numbers: &[i64]) -> Result<HashMap<i64, File>, StoreError> {
    let rows: Vec<(i64, String, String, i64)> = sqlx::query_as(
        "SELECT number, id, file_name, received_at FROM messages
         WHERE number IN (SELECT value FROM json_each($1)) AND file_name IS NOT NULL",
    )
    .bind(serde_json::to_string(numbers).map_err(corrupt("numbers"))?)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(number, id, name, at)| {
            Ok((number, File { id: id.parse().map_err(corrupt("message id"))?, name, at: moment(at)? }))
        })
        .collect()
}
