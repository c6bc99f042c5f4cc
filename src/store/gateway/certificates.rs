//! Registered certificates of users.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use super::users::{self, User};
use crate::domain::digest::Fingerprint;
use crate::domain::ids::UserId;
use crate::message::keys::Certificate;
use crate::store::sqlite::{StoreError, groups, micros, moment};
use crate::wire::enrolment::PcId;

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signing messages, and coming in to the relay.
    Signing,
    /// Being sealed to.
    Encryption,
    /// Coming in to the relay before the PIN has opened the user's keys. Signs nothing.
    Device,
}

impl Purpose {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Encryption => "encryption",
            Self::Device => "device",
        }
    }
}

/// A certificate in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// SHA-256 over the DER encoding.
    pub fingerprint: Fingerprint,
    /// Whose it is.
    pub user: UserId,
    /// What for.
    pub purpose: Purpose,
    /// The certificate.
    pub der: Vec<u8>,
    /// First moment of validity.
    pub not_before: Timestamp,
    /// Last moment of validity.
    pub not_after: Timestamp,
    /// When it was registered here.
    pub registered_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Its serial number in hexadecimal, where our own CA issued it.
    pub serial: Option<String>,
    /// The PC that has the key, where we know it.
    pub pc: Option<PcId>,
}

impl Registered {
    /// A certificate as it is registered now. `ca` is our own CA's.
    pub fn new(certificate: &Certificate, user: &UserId, purpose: Purpose, ca: &Certificate, now: Timestamp) -> Self {
        Self {
            fingerprint: certificate.fingerprint(),
            user: user.clone(),
            purpose,
            der: certificate.der().to_vec(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            registered_at: now,
            revoked_at: None,
            serial: certificate.is_issued_by(ca).then(|| certificate.serial()),
            pc: None,
        }
    }

    /// On this PC.
    #[must_use]
    pub fn on(self, pc: PcId) -> Self {
        Self { pc: Some(pc), ..self }
    }
}

/// Adds a certificate. The same one for the same user again is no error.
pub async fn insert(connection: &mut SqliteConnection, certificate: &Registered) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO certificates
             (fingerprint, user_id, purpose, der, not_before, not_after, registered_at, serial, pc)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (fingerprint) DO NOTHING",
    )
    .bind(certificate.fingerprint.as_bytes().as_slice())
    .bind(certificate.user.as_str())
    .bind(certificate.purpose.code())
    .bind(&certificate.der)
    .bind(micros(certificate.not_before))
    .bind(micros(certificate.not_after))
    .bind(micros(certificate.registered_at))
    .bind(certificate.serial.as_deref())
    .bind(certificate.pc.map(|pc| pc.to_string()))
    .execute(&mut *connection)
    .await?;
    let owner: String = sqlx::query_scalar("SELECT user_id FROM certificates WHERE fingerprint = $1")
        .bind(certificate.fingerprint.as_bytes().as_slice())
        .fetch_one(connection)
        .await?;
    if owner == certificate.user.as_str() { Ok(()) } else { Err(StoreError::Exists("certificate")) }
}

/// Marks every certificate of a user as revoked that is not yet. Answers how many those are.
pub async fn revoke_all(connection: &mut SqliteConnection, user: &UserId, at: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("UPDATE certificates SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL")
        .bind(user.as_str())
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// Marks what a user's PCs have, and what the user brought, as revoked; the credential in the kit stays. Answers how
/// many certificates those are.
pub async fn revoke_pcs(connection: &mut SqliteConnection, user: &UserId, at: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "UPDATE certificates SET revoked_at = $2
         WHERE user_id = $1 AND revoked_at IS NULL AND (purpose <> 'device' OR pc IS NOT NULL)",
    )
    .bind(user.as_str())
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Marks the credential in a user's kit as revoked.
pub async fn revoke_kit(connection: &mut SqliteConnection, user: &UserId, at: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "UPDATE certificates SET revoked_at = $2
         WHERE user_id = $1 AND revoked_at IS NULL AND purpose = 'device' AND pc IS NULL",
    )
    .bind(user.as_str())
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Serial numbers and times of what our own CA issued and revoked, as far as it has not ended at `now`.
pub async fn revoked(
    executor: impl SqliteExecutor<'_>,
    now: Timestamp,
) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT serial, revoked_at FROM certificates
         WHERE revoked_at IS NOT NULL AND serial IS NOT NULL AND not_after > $1",
    )
    .bind(micros(now))
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(|(serial, at)| Ok((serial, moment(at)?))).collect()
}

/// The registered ones among these.
pub async fn find(connection: &mut SqliteConnection, names: &[Fingerprint]) -> Result<Vec<Registered>, StoreError> {
    let mut found = Vec::with_capacity(names.len());
    for group in groups(names) {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        query.push(" WHERE fingerprint IN (");
        let mut list = query.separated(", ");
        for name in group {
            list.push_bind(name.as_bytes().as_slice());
        }
        query.push(")");
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            found.push(row.parse()?);
        }
    }
    Ok(found)
}

/// A registered certificate with its user, as the verdict needs them.
#[derive(Debug, Clone)]
pub struct Signer {
    /// The certificate.
    pub fingerprint: Fingerprint,
    /// Whether it was registered for signing.
    pub may_sign: bool,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// Whose it is.
    pub user: User,
}

/// The users behind these certificates, as far as they are registered.
pub async fn signers(connection: &mut SqliteConnection, names: &[Fingerprint]) -> Result<Vec<Signer>, StoreError> {
    let mut found = Vec::with_capacity(names.len());
    for group in groups(names) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT c.fingerprint, c.purpose, c.registered_at, c.revoked_at, u.id, u.office, u.state, u.disabled_reason, u.disabled_at,
                 u.lost_at, u.created_at
             FROM certificates c INDEXED BY certificates_signers JOIN users u ON u.id = c.user_id WHERE c.fingerprint IN (",
        );
        let mut list = query.separated(", ");
        for name in group {
            list.push_bind(name.as_bytes().as_slice());
        }
        query.push(")");
        let rows: Vec<SignerRow> = query.build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            found.push(Signer {
                fingerprint: row.fingerprint.as_slice().try_into().map_err(corrupt("fingerprint"))?,
                may_sign: row.purpose == Purpose::Signing.code(),
                registered_at: moment(row.registered_at)?,
                revoked_at: row.revoked_at.map(moment).transpose()?,
                user: row.user.parse()?,
            });
        }
    }
    Ok(found)
}

#[derive(sqlx::FromRow)]
struct SignerRow {
    fingerprint: Vec<u8>,
    purpose: String,
    registered_at: i64,
    revoked_at: Option<i64>,
    #[sqlx(flatten)]
    user: users::Row,
}

/// Every certificate of a user.
pub async fn of_user(executor: impl SqliteExecutor<'_>, user: &UserId) -> Result<Vec<Registered>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push(" WHERE user_id = ").push_bind(user.as_str()).push(" ORDER BY purpose, not_after DESC");
    let rows: Vec<Row> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter().map(Row::parse).collect()
}

/// Every certificate of these users that is registered for one of these purposes.
pub async fn of_users(
    connection: &mut SqliteConnection,
    users: &[UserId],
    purposes: &[Purpose],
) -> Result<HashMap<UserId, Vec<Registered>>, StoreError> {
    let mut found: HashMap<UserId, Vec<Registered>> = HashMap::new();
    for group in groups(users) {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        query.push(" WHERE user_id IN (");
        let mut list = query.separated(", ");
        for user in group {
            list.push_bind(user.as_str());
        }
        query.push(") AND purpose IN (");
        let mut list = query.separated(", ");
        for purpose in purposes {
            list.push_bind(purpose.code());
        }
        query.push(") ORDER BY user_id, purpose, not_after DESC");
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            let registered = row.parse()?;
            found.entry(registered.user.clone()).or_default().push(registered);
        }
    }
    Ok(found)
}

const SELECT: &str = "SELECT fingerprint, user_id, purpose, der, not_before, not_after, registered_at, revoked_at, \
                      serial, pc FROM certificates";

#[derive(sqlx::FromRow)]
struct Row {
    fingerprint: Vec<u8>,
    user_id: String,
    purpose: String,
    der: Vec<u8>,
    not_before: i64,
    not_after: i64,
    registered_at: i64,
    revoked_at: Option<i64>,
    serial: Option<String>,
    pc: Option<String>,
}

impl Row {
    fn parse(self) -> Result<Registered, StoreError> {
        Ok(Registered {
            fingerprint: self.fingerprint.as_slice().try_into().map_err(corrupt("fingerprint"))?,
            user: self.user_id.parse().map_err(corrupt("user id"))?,
            purpose: match self.purpose.as_str() {
                "signing" => Purpose::Signing,
                "encryption" => Purpose::Encryption,
                _ => Purpose::Device,
            },
            der: self.der,
            not_before: moment(self.not_before)?,
            not_after: moment(self.not_after)?,
            registered_at: moment(self.registered_at)?,
            revoked_at: self.revoked_at.map(moment).transpose()?,
            serial: self.serial,
            pc: self.pc.map(|pc| pc.parse().map_err(corrupt("PC"))).transpose()?,
        })
    }
}
