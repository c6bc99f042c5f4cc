//! Certificates of users as they end, with what takes their place and when they were last used.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::{OfficeCode, UserId};
use crate::store::sqlite::{StoreError, micros, moment};

/// A signing certificate of an enabled user that is not revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Its place in the order of the list.
    pub number: i64,
    /// Whose.
    pub user: UserId,
    /// 利用者名.
    pub name: Option<String>,
    /// Of which office.
    pub office: OfficeCode,
    /// When it ends.
    pub not_after: Timestamp,
    /// When the newest file came that was signed under it.
    pub used_at: Option<Timestamp>,
    /// When the newest certificate of the user ends, where that is another one.
    pub newer: Option<Timestamp>,
    /// When the user was last told that it ends.
    pub warned_at: Option<Timestamp>,
}

/// Those that end after `from` and up to `until`, the first to end first, after this place.
pub async fn ending(
    executor: impl SqliteExecutor<'_>,
    (from, until): (Timestamp, Timestamp),
    after: Option<(Timestamp, i64)>,
    limit: u32,
) -> Result<Vec<Ending>, StoreError> {
    let mut query = statement(SELECT, (from, until), after, limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// How the database goes about [`ending`]: the lines of its plan.
pub async fn plan(executor: impl SqliteExecutor<'_>) -> Result<Vec<String>, StoreError> {
    type Step = (i64, i64, i64, String);
    let span = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    let mut query = statement(&format!("EXPLAIN QUERY PLAN {SELECT}"), span, None, 100);
    let rows: Vec<Step> = query.build_query_as().fetch_all(executor).await?;
    Ok(rows.into_iter().map(|(.., step)| step).collect())
}

// In this order (`CROSS JOIN`), by the index of what ends: no list of all users is sorted for a page.
const SELECT: &str = "SELECT c.rowid AS number, u.id, u.name, u.office, c.not_after, u.warned_at,
     (SELECT m.received_at FROM evidence e JOIN messages m ON m.number = e.message
         WHERE e.certificate = c.fingerprint ORDER BY e.message DESC LIMIT 1) AS used_at,
     (SELECT max(n.not_after) FROM certificates n WHERE n.user_id = u.id AND n.purpose = 'signing'
         AND n.revoked_at IS NULL AND n.not_after > c.not_after) AS newer
     FROM certificates c CROSS JOIN users u ON u.id = c.user_id
     WHERE c.purpose = 'signing' AND c.revoked_at IS NULL AND u.state = 'enabled'";

fn statement(
    select: &str,
    (from, until): (Timestamp, Timestamp),
    after: Option<(Timestamp, i64)>,
    limit: u32,
) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(select);
    let (at, number) = after.map_or((micros(from), i64::MAX), |(at, number)| (micros(at), number));
    query.push(" AND c.not_after <= ").push_bind(micros(until)).push(" AND c.not_after >= ").push_bind(at);
    query.push(" AND (c.not_after, c.rowid) > (").push_bind(at).push(", ").push_bind(number).push(")");
    query.push(" ORDER BY c.not_after, c.rowid LIMIT ").push_bind(limit);
    query
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    id: String,
    name: Option<String>,
    office: String,
    not_after: i64,
    warned_at: Option<i64>,
    used_at: Option<i64>,
    newer: Option<i64>,
}

impl Row {
    fn parse(self) -> Result<Ending, StoreError> {
        Ok(Ending {
            number: self.number,
            user: self.id.parse().map_err(corrupt("user id"))?,
            name: self.name,
            office: self.office.parse().map_err(corrupt("office"))?,
            not_after: moment(self.not_after)?,
            used_at: self.used_at.map(moment).transpose()?,
            newer: self.newer.map(moment).transpose()?,
            warned_at: self.warned_at.map(moment).transpose()?,
        })
    }
}
