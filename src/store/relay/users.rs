//! The users of the unions: no name, only who may come in with which certificate, and where mails go.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::{corrupt, devices, enrolments, logins, mail_failures, notices, outbox, pins, sessions};
use crate::domain::digest::Fingerprint;
use crate::domain::ids::{InsurerNumber, OfficeCode, UserId};
use crate::message::keys::Certificate;
use crate::secret::LoginVerifier;
use crate::store::sqlite::{StoreError, micros, moment};
use crate::wire::enrolment::{EnrolmentStatus, PcId};
use crate::wire::union::OrderNumber;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The place in the list.
    pub seq: i64,
    /// Who, within the union.
    pub id: UserId,
    /// Of which office.
    pub office: OfficeCode,
    /// Whether the user may come in.
    pub enabled: bool,
    /// The newest order about the user that took effect.
    pub order: OrderNumber,
    /// The certificates that are registered, in the order they were given.
    pub certificates: Vec<Fingerprint>,
    /// The device certificates of the user's PCs.
    pub devices: Vec<Fingerprint>,
    /// How far the enrolment has come that is open.
    pub enrolment: Option<EnrolmentStatus>,
    /// Whether no try is left at one of the user's PINs.
    pub pin_locked: bool,
    /// Until when logins are locked.
    pub login_locked_until: Option<Timestamp>,
    /// The last successful login.
    pub last_login_at: Option<Timestamp>,
    /// When a mail to the user last failed for good.
    pub mail_failed_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    seq: i64,
    user_id: String,
    office: String,
    enabled: bool,
    order_number: i64,
    pin_locked: bool,
    locked_until: Option<i64>,
    last_at: Option<i64>,
    mail_failed_at: Option<i64>,
    enrolment: Option<String>,
    link_expires_at: Option<i64>,
    link_failures: Option<i64>,
    mailed_at: Option<i64>,
    downloaded_at: Option<i64>,
    mail_problem: Option<String>,
}

impl Row {
    fn status(&self) -> Result<Option<EnrolmentStatus>, StoreError> {
        let (Some(id), Some(expires_at)) = (&self.enrolment, self.link_expires_at) else { return Ok(None) };
        Ok(Some(EnrolmentStatus {
            id: id.parse().map_err(corrupt("enrolment id"))?,
            mailed_at: self.mailed_at.map(moment).transpose()?,
            mail_problem: self.mail_problem.clone(),
            link_expires_at: moment(expires_at)?,
            link_locked: self.link_failures.is_some_and(|failures| failures >= enrolments::MOST_FAILURES),
            downloaded_at: self.downloaded_at.map(moment).transpose()?,
        }))
    }
}

/// What a user is registered with.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The office.
    pub office: OfficeCode,
    /// For signing and TLS.
    pub certificates: Vec<Certificate>,
    /// The PCs.
    pub devices: Vec<(PcId, Certificate)>,
    /// The login starts again from this.
    pub login: Option<LoginVerifier>,
}

impl Registration {
    /// Whether there is nothing in it to come in with.
    pub fn lets_nobody_in(&self) -> bool {
        self.certificates.is_empty() && self.devices.is_empty()
    }
}

/// The newest order about a user that took effect: number 0 when none has, or nobody knows the user.
pub async fn newest_order(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    user: &UserId,
) -> Result<OrderNumber, StoreError> {
    let found = sqlx::query_scalar("SELECT order_number FROM users WHERE insurer = $1 AND user_id = $2");
    let number: Option<i64> = found.bind(insurer.as_str()).bind(user.as_str()).fetch_optional(executor).await?;
    Ok(OrderNumber(number.unwrap_or(0)))
}

/// Notes, in the transaction of its effect, that an order took effect.
pub async fn set_order(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    number: OrderNumber,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET order_number = $3 WHERE insurer = $1 AND user_id = $2")
        .bind(insurer.as_str())
        .bind(user.as_str())
        .bind(number.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes a user, enabled, or gives a known one another office, other certificates and other PCs. With a PC the way to it is
/// done: the link to the kit ends. With neither certificate nor PC nobody may come in: the enrolment and its sessions end, and
/// what lies under the PINs stays shut for good.
///
/// # Errors
/// [`StoreError::Exists`] when a certificate belongs to another user.
pub async fn put(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    registration: &Registration,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Registration { office, certificates, devices, login } = registration;
    let seq = put_office(connection, insurer, user, office, now).await?;
    put_certificates(connection, seq, certificates).await?;
    devices::replace(connection, seq, devices).await?;
    if !devices.is_empty() {
        enrolments::end_link(connection, seq, now).await?;
    } else if registration.lets_nobody_in() {
        sessions::end_all(connection, seq).await?;
        pins::delete_all(connection, seq).await?;
        enrolments::end(connection, seq, now).await?;
    }
    if let Some(verifier) = login {
        logins::set(connection, seq, verifier, true).await?;
        sessions::end_all(connection, seq).await?;
    }
    Ok(())
}

/// Makes a user, enabled, or gives a known one another office. Answers the row.
async fn put_office(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    office: &OfficeCode,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let seq = sqlx::query_scalar(
        "INSERT INTO users (insurer, user_id, office, enabled, changed_at) VALUES ($1, $2, $3, TRUE, $4)
         ON CONFLICT (insurer, user_id) DO UPDATE SET office = excluded.office, changed_at = excluded.changed_at
         RETURNING seq",
    )
    .bind(insurer.as_str())
    .bind(user.as_str())
    .bind(office.as_str())
    .bind(micros(now))
    .fetch_one(&mut *connection)
    .await?;
    Ok(seq)
}

async fn put_certificates(
    connection: &mut SqliteConnection,
    seq: i64,
    certificates: &[Certificate],
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM user_certificates WHERE user_seq = $1").bind(seq).execute(&mut *connection).await?;
    for (position, certificate) in (0_i64..).zip(certificates) {
        let owner: i64 = sqlx::query_scalar(
            "INSERT INTO user_certificates (fingerprint, user_seq, position, not_before, not_after, der)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (fingerprint) DO UPDATE SET not_after = excluded.not_after RETURNING user_seq",
        )
        .bind(certificate.fingerprint().as_bytes().as_slice())
        .bind(seq)
        .bind(position)
        .bind(micros(certificate.not_before()))
        .bind(micros(certificate.not_after()))
        .bind(certificate.der())
        .fetch_one(&mut *connection)
        .await?;
        if owner != seq {
            return Err(StoreError::Exists("certificate, at another user"));
        }
    }
    Ok(())
}

/// The row of a user.
pub async fn find(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    user: &UserId,
) -> Result<Option<i64>, StoreError> {
    let found = sqlx::query_scalar("SELECT seq FROM users WHERE insurer = $1 AND user_id = $2");
    Ok(found.bind(insurer.as_str()).bind(user.as_str()).fetch_optional(executor).await?)
}

/// Where mails to a user go, if the user is enabled and has been enrolled.
pub async fn mail(executor: impl SqliteExecutor<'_>, seq: i64) -> Result<Option<String>, StoreError> {
    let mail = sqlx::query_scalar("SELECT mail FROM users WHERE seq = $1 AND enabled");
    Ok(mail.bind(seq).fetch_optional(executor).await?.flatten())
}

/// Makes or enables a user for a new enrolment, with this address for mails: sessions and PINs end. Who was disabled comes in
/// with none of the certificates of before. Answers the row.
pub async fn enrol(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    office: &OfficeCode,
    mail: &str,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let seq = put_office(connection, insurer, user, office, now).await?;
    let enabled: bool =
        sqlx::query_scalar("SELECT enabled FROM users WHERE seq = $1").bind(seq).fetch_one(&mut *connection).await?;
    if !enabled {
        put_certificates(connection, seq, &[]).await?;
        devices::replace(connection, seq, &[]).await?;
    }
    sessions::end_all(connection, seq).await?;
    pins::delete_all(connection, seq).await?;
    sqlx::query("UPDATE users SET enabled = TRUE, disabled_at = NULL, mail = $2, changed_at = $3 WHERE seq = $1")
        .bind(seq)
        .bind(mail)
        .bind(micros(now))
        .execute(&mut *connection)
        .await?;
    mail_failures::forget(connection, seq).await?;
    Ok(seq)
}

/// Notes that a notice of this end of certificates is asked for; false when the same was, less than a day ago.
pub async fn notice(
    connection: &mut SqliteConnection,
    seq: i64,
    not_after: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000;
    let done = sqlx::query(
        "UPDATE users SET noticed_at = $2, notice_not_after = $3
         WHERE seq = $1 AND (noticed_at IS NULL OR notice_not_after <> $3 OR noticed_at <= $4)",
    )
    .bind(seq)
    .bind(micros(now))
    .bind(micros(not_after))
    .bind(micros(now).saturating_sub(DAY))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Disables a user: sessions end, what lies under the PINs stays shut for good, the enrolment ends, no mail goes out any more.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such user.
pub async fn disable(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    decided_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    set_enabled(connection, insurer, user, Some(decided_at), now).await?;
    let seq = find(&mut *connection, insurer, user).await?.ok_or(StoreError::Missing("user"))?;
    sessions::end_all(connection, seq).await?;
    pins::delete_all(connection, seq).await?;
    enrolments::end(connection, seq, now).await?;
    outbox::drop_all(connection, seq).await?;
    notices::drop_all(connection, seq).await?;
    mail_failures::forget(connection, seq).await?;
    sqlx::query("UPDATE users SET mail = NULL WHERE seq = $1").bind(seq).execute(connection).await?;
    Ok(())
}

/// Enables or disables a user, and nothing beside it; `decided_at` is when the union says that it decided to disable.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such user.
pub async fn set_enabled(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    user: &UserId,
    decided_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE users SET enabled = $3, disabled_at = $4, changed_at = $5 WHERE insurer = $1 AND user_id = $2",
    )
    .bind(insurer.as_str())
    .bind(user.as_str())
    .bind(decided_at.is_none())
    .bind(decided_at.map(micros))
    .bind(micros(now))
    .execute(connection)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::Missing("user")) } else { Ok(()) }
}

/// The users of a union after a place in the list.
pub async fn page(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    after: i64,
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT u.seq, u.user_id, u.office, u.enabled, u.order_number, u.mail_failed_at, l.locked_until, l.last_at,
           EXISTS (SELECT 1 FROM pins p WHERE p.user_seq = u.seq AND p.tries >= $4) AS pin_locked,
           e.id AS enrolment, e.link_expires_at, e.link_failures, e.mailed_at, e.downloaded_at,
           (SELECT o.problem FROM outbox o WHERE o.user_seq = u.seq AND o.token IS NOT NULL) AS mail_problem
         FROM users u LEFT JOIN logins l ON l.user_seq = u.seq
         LEFT JOIN enrolments e ON e.user_seq = u.seq AND e.ended_at IS NULL
         WHERE u.insurer = $1 AND u.seq > $2 ORDER BY u.seq LIMIT $3",
    )
    .bind(insurer.as_str())
    .bind(after)
    .bind(limit)
    .bind(pins::MOST_TRIES)
    .fetch_all(&mut *connection)
    .await?;
    let mut users = Vec::with_capacity(rows.len());
    for row in rows {
        users.push(User {
            seq: row.seq,
            enrolment: row.status()?,
            pin_locked: row.pin_locked,
            login_locked_until: row.locked_until.map(moment).transpose()?,
            last_login_at: row.last_at.map(moment).transpose()?,
            mail_failed_at: row.mail_failed_at.map(moment).transpose()?,
            id: row.user_id.parse().map_err(corrupt("user id"))?,
            office: row.office.parse().map_err(corrupt("office code"))?,
            enabled: row.enabled,
            order: OrderNumber(row.order_number),
            certificates: fingerprints(&mut *connection, CERTIFICATES, row.seq).await?,
            devices: fingerprints(&mut *connection, DEVICES, row.seq).await?,
        });
    }
    Ok(users)
}

/// The certificates that a user is registered with.
pub async fn certificates(executor: impl SqliteExecutor<'_>, seq: i64) -> Result<Vec<Certificate>, StoreError> {
    let sql = "SELECT der FROM user_certificates WHERE user_seq = $1 ORDER BY position";
    let stored: Vec<Vec<u8>> = sqlx::query_scalar(sql).bind(seq).fetch_all(executor).await?;
    stored.iter().map(|der| Certificate::from_der(der).map_err(corrupt("certificate"))).collect()
}

const CERTIFICATES: &str = "SELECT fingerprint FROM user_certificates WHERE user_seq = $1 ORDER BY position";
const DEVICES: &str = "SELECT fingerprint FROM devices WHERE user_seq = $1 AND pc IS NOT NULL ORDER BY fingerprint";

async fn fingerprints(
    executor: impl SqliteExecutor<'_>,
    sql: &'static str,
    seq: i64,
) -> Result<Vec<Fingerprint>, StoreError> {
    let stored: Vec<Vec<u8>> = sqlx::query_scalar(sql).bind(seq).fetch_all(executor).await?;
    stored.iter().map(|bytes| Fingerprint::try_from(bytes.as_slice()).map_err(corrupt("fingerprint"))).collect()
}

/// How many users there are, of all unions.
pub async fn count(executor: impl SqliteExecutor<'_>) -> Result<u64, StoreError> {
    super::size(sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(executor).await?)
}
