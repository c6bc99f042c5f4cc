//! Enrolments: one row for each order of a union, at most one of a user open.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::{corrupt, devices, outbox};
use crate::domain::digest::Sha256;
use crate::domain::ids::EnrolmentId;
use crate::secret::{LoginVerifier, Salt};
use crate::store::sqlite::{StoreError, micros};
use crate::wire::enrolment::EnrolmentOrder;

/// Wrong download passwords until the link is locked.
pub(super) const MOST_FAILURES: i64 = 5;

/// What the page needs to check a password and to hand the kit out.
#[derive(Debug, Clone)]
pub struct Linked {
    /// Whose.
    pub user: i64,
    /// Which enrolment.
    pub id: EnrolmentId,
    /// By which link.
    pub link: Sha256,
    /// Salt of the download password.
    pub salt: Salt,
    /// Tells whether it is right.
    pub verifier: LoginVerifier,
    /// The kit under it.
    pub kit: Vec<u8>,
}

/// Whether this order was taken before.
pub async fn is_known(executor: impl SqliteExecutor<'_>, user: i64, id: EnrolmentId) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM enrolments WHERE user_seq = $1 AND id = $2)");
    Ok(found.bind(user).bind(id.to_string()).fetch_one(executor).await?)
}

/// Opens an enrolment, and ends the one before.
pub async fn open(
    connection: &mut SqliteConnection,
    user: i64,
    order: &EnrolmentOrder,
    now: Timestamp,
) -> Result<(), StoreError> {
    end(connection, user, now).await?;
    sqlx::query(
        "INSERT INTO enrolments (user_seq, id, made_at, download_salt, download_verifier, kit, link_expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $3)",
    )
    .bind(user)
    .bind(order.id.to_string())
    .bind(micros(now))
    .bind(order.download_salt.as_bytes().as_slice())
    .bind(order.download_verifier.as_bytes().as_slice())
    .bind(&order.kit)
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the enrolment that is open: its kit's certificate, its link and the mail with it.
pub async fn end(connection: &mut SqliteConnection, user: i64, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE enrolments SET ended_at = $2, download_salt = NULL, download_verifier = NULL, kit = NULL,
           link_hash = NULL WHERE user_seq = $1 AND ended_at IS NULL",
    )
    .bind(user)
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    devices::delete_kit(connection, user).await?;
    outbox::drop_link(connection, user).await
}

/// The enrolment that is open.
pub async fn open_id(executor: impl SqliteExecutor<'_>, user: i64) -> Result<Option<EnrolmentId>, StoreError> {
    let id: Option<String> = sqlx::query_scalar("SELECT id FROM enrolments WHERE user_seq = $1 AND ended_at IS NULL")
        .bind(user)
        .fetch_optional(executor)
        .await?;
    id.map(|id| id.parse().map_err(corrupt("enrolment id"))).transpose()
}

/// Gives the open enrolment a new link, in the place of the one before.
pub async fn set_link(
    connection: &mut SqliteConnection,
    user: i64,
    link: Sha256,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE enrolments SET link_hash = $2, link_failures = 0, link_expires_at = $3, mailed_at = NULL
         WHERE user_seq = $1 AND ended_at IS NULL",
    )
    .bind(user)
    .bind(link.as_bytes().as_slice())
    .bind(micros(expires_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends the link and the mail with it, and keeps the rest: a second PC asks with the same kit.
pub async fn end_link(connection: &mut SqliteConnection, user: i64, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE enrolments SET link_hash = NULL, link_expires_at = min(link_expires_at, $2)
         WHERE user_seq = $1 AND ended_at IS NULL",
    )
    .bind(user)
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    outbox::drop_link(connection, user).await
}

/// The mail with this link went out. Nothing changes when another has taken the link's place meanwhile.
pub async fn mailed(
    connection: &mut SqliteConnection,
    user: i64,
    link: Sha256,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE enrolments SET mailed_at = $3, link_expires_at = $4
         WHERE user_seq = $1 AND link_hash = $2 AND ended_at IS NULL",
    )
    .bind(user)
    .bind(link.as_bytes().as_slice())
    .bind(micros(now))
    .bind(micros(expires_at))
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    user_seq: i64,
    id: String,
    download_salt: Vec<u8>,
    download_verifier: Vec<u8>,
    kit: Vec<u8>,
}

/// Counts a password at a link. It may be compared once this is committed. None when there is no such link, or it is expired
/// or locked; the same is written down in either case, so that it takes the same time.
pub async fn count(
    connection: &mut SqliteConnection,
    link: Sha256,
    now: Timestamp,
) -> Result<Option<Linked>, StoreError> {
    sqlx::query("UPDATE relay SET page_tries = page_tries + 1 WHERE id = 1").execute(&mut *connection).await?;
    let row: Option<Row> = sqlx::query_as(
        "UPDATE enrolments SET link_failures = link_failures + 1
         WHERE link_hash = $1 AND ended_at IS NULL AND link_failures < $3 AND link_expires_at > $2
         RETURNING user_seq, id, download_salt, download_verifier, kit",
    )
    .bind(link.as_bytes().as_slice())
    .bind(micros(now))
    .bind(MOST_FAILURES)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let salt: [u8; 16] = row.download_salt.try_into().map_err(corrupt("salt"))?;
    Ok(Some(Linked {
        user: row.user_seq,
        id: row.id.parse().map_err(corrupt("enrolment id"))?,
        link,
        salt: Salt::from(salt),
        verifier: LoginVerifier::from_bytes(row.download_verifier.try_into().map_err(corrupt("verifier"))?),
        kit: row.kit,
    }))
}

/// The password was right.
pub async fn proved(connection: &mut SqliteConnection, user: i64, id: EnrolmentId) -> Result<(), StoreError> {
    sqlx::query("UPDATE enrolments SET link_failures = 0 WHERE user_seq = $1 AND id = $2 AND ended_at IS NULL")
        .bind(user)
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// The kit goes out, if the link leads to it still; whether it does.
pub async fn downloaded(
    connection: &mut SqliteConnection,
    user: i64,
    link: Sha256,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE enrolments SET downloaded_at = coalesce(downloaded_at, $3)
         WHERE user_seq = $1 AND link_hash = $2 AND ended_at IS NULL AND link_expires_at > $3",
    )
    .bind(user)
    .bind(link.as_bytes().as_slice())
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}
