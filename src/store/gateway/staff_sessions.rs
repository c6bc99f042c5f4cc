//! Who is signed in at the console. Of a session's token only the hash is here.

use jiff::Timestamp;
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::{corrupt, staff_factors};
use crate::domain::digest::Sha256;
use crate::domain::staff::{Role, StaffName};
use crate::secret::TotpSecret;
use crate::store::sqlite::{StoreError, micros, moment};

/// A session that begins.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Hash of its token.
    pub hash: Sha256,
    /// Whose it is.
    pub staff: &'a StaffName,
    /// Whether the second factor was shown too.
    pub is_whole: bool,
    /// Where from.
    pub origin: &'a str,
    /// With what.
    pub agent: &'a str,
    /// When.
    pub at: Timestamp,
}

/// A session, with what counts of its account now.
#[derive(Debug, Clone)]
pub struct Session {
    /// Names it to its person.
    pub number: i64,
    /// Whose it is.
    pub staff: StaffName,
    /// What the account may do now.
    pub role: Role,
    /// Whether the password has to be changed first.
    pub must_change: bool,
    /// Whether the account has a second factor.
    pub has_factor: bool,
    /// Whether the second factor was shown.
    pub is_whole: bool,
    /// A second factor that is being set up, and since when.
    pub pending: Option<(TotpSecret, Timestamp)>,
    /// When its person last typed the password once more in it.
    pub proven_at: Option<Timestamp>,
    /// Where from.
    pub origin: String,
    /// With what.
    pub agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was used last.
    pub seen_at: Timestamp,
}

#[derive(FromRow)]
struct Row {
    number: i64,
    staff: String,
    role: String,
    must_change: bool,
    has_factor: bool,
    is_whole: bool,
    totp: Option<Vec<u8>>,
    totp_at: Option<i64>,
    proven_at: Option<i64>,
    origin: String,
    agent: String,
    created_at: i64,
    seen_at: i64,
}

const SELECT: &str =
    "SELECT n.number, n.staff, s.role, s.must_change, s.totp IS NOT NULL AS has_factor, n.is_whole, n.totp,
     n.totp_at, n.proven_at, n.origin, n.agent, n.created_at, n.seen_at
     FROM staff_sessions n JOIN staff s ON s.name = n.staff WHERE s.disabled_at IS NULL AND ";

/// Begins one.
pub async fn insert(connection: &mut SqliteConnection, new: &NewSession<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO staff_sessions (hash, staff, is_whole, origin, agent, created_at, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(new.hash.as_bytes().as_slice())
    .bind(new.staff.as_str())
    .bind(new.is_whole)
    .bind(new.origin)
    .bind(new.agent)
    .bind(micros(new.at))
    .execute(connection)
    .await?;
    Ok(())
}

/// The session of a token, unless its account is shut.
pub async fn find(executor: impl SqliteExecutor<'_>, hash: Sha256) -> Result<Option<Session>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push("n.hash = ").push_bind(hash.as_bytes().as_slice());
    let row: Option<Row> = query.build_query_as().fetch_optional(executor).await?;
    row.map(Row::parse).transpose()
}

/// Somebody's sessions, the newest first.
pub async fn of_staff(executor: impl SqliteExecutor<'_>, name: &StaffName) -> Result<Vec<Session>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push("n.staff = ").push_bind(name.as_str()).push(" ORDER BY n.number DESC");
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// Everybody's sessions.
pub async fn all(executor: impl SqliteExecutor<'_>) -> Result<Vec<Session>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push("n.number > 0 ORDER BY n.number DESC");
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// Notes that it was used.
pub async fn seen(connection: &mut SqliteConnection, number: i64, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE staff_sessions SET seen_at = $2 WHERE number = $1")
        .bind(number)
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps the second factor that is being set up from now on. False when the session has ended.
pub async fn set_pending(
    connection: &mut SqliteConnection,
    number: i64,
    secret: &TotpSecret,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE staff_sessions SET totp = $2, totp_at = $3 WHERE number = $1")
        .bind(number)
        .bind(secret.as_bytes().as_slice())
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Drops the second factor that was being set up.
pub async fn drop_pending(connection: &mut SqliteConnection, number: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE staff_sessions SET totp = NULL, totp_at = NULL WHERE number = $1")
        .bind(number)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that its person has typed the password once more. False when the session has ended.
pub async fn set_proven(connection: &mut SqliteConnection, number: i64, at: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE staff_sessions SET proven_at = $2 WHERE number = $1")
        .bind(number)
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends one of somebody's. False when there was none.
pub async fn end(connection: &mut SqliteConnection, name: &StaffName, number: i64) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM staff_sessions WHERE staff = $1 AND number = $2")
        .bind(name.as_str())
        .bind(number)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all of somebody's but one.
pub async fn end_others(
    connection: &mut SqliteConnection,
    name: &StaffName,
    but: Option<i64>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM staff_sessions WHERE staff = $1 AND number IS NOT $2")
        .bind(name.as_str())
        .bind(but)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes those that began before the one moment or were used last before the other.
pub async fn sweep(connection: &mut SqliteConnection, began: Timestamp, used: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM staff_sessions WHERE created_at < $1 OR seen_at < $2")
        .bind(micros(began))
        .bind(micros(used))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

impl Row {
    fn parse(self) -> Result<Session, StoreError> {
        Ok(Session {
            number: self.number,
            staff: self.staff.parse().map_err(corrupt("name of staff"))?,
            role: self.role.parse().map_err(corrupt("role of staff"))?,
            must_change: self.must_change,
            has_factor: self.has_factor,
            is_whole: self.is_whole,
            pending: self.totp.map(staff_factors::parse).transpose()?.zip(self.totp_at.map(moment).transpose()?),
            proven_at: self.proven_at.map(moment).transpose()?,
            origin: self.origin,
            agent: self.agent,
            created_at: moment(self.created_at)?,
            seen_at: moment(self.seen_at)?,
        })
    }
}
