//! Registered certificates of users.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use super::users::{self, User};
use crate::domain::digest::Fingerprint;
use crate::domain::ids::UserId;
use crate::store::sqlite::{StoreError, groups, micros, moment};

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signing messages, and coming in to the relay.
    Signing,
    /// Being sealed to.
    Encryption,
}

impl Purpose {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Encryption => "encryption",
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
}

/// Adds a certificate. The same one for the same user again is no error.
pub async fn insert(connection: &mut SqliteConnection, certificate: &Registered) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO certificates (fingerprint, user_id, purpose, der, not_before, not_after, registered_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (fingerprint) DO NOTHING",
    )
    .bind(certificate.fingerprint.as_bytes().as_slice())
    .bind(certificate.user.as_str())
    .bind(certificate.purpose.code())
    .bind(&certificate.der)
    .bind(micros(certificate.not_before))
    .bind(micros(certificate.not_after))
    .bind(micros(certificate.registered_at))
    .execute(&mut *connection)
    .await?;
    let owner: String = sqlx::query_scalar("SELECT user_id FROM certificates WHERE fingerprint = $1")
        .bind(certificate.fingerprint.as_bytes().as_slice())
        .fetch_one(connection)
        .await?;
    if owner == certificate.user.as_str() { Ok(()) } else { Err(StoreError::Exists("certificate")) }
}

/// Marks every certificate of a user as revoked that is not yet.
pub async fn revoke_all(connection: &mut SqliteConnection, user: &UserId, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE certificates SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL")
        .bind(user.as_str())
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes back the revocation that came with disabling the user at that time.
pub async fn restore(connection: &mut SqliteConnection, user: &UserId, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE certificates SET revoked_at = NULL WHERE user_id = $1 AND revoked_at = $2")
        .bind(user.as_str())
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
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
            "SELECT c.fingerprint, c.purpose, c.revoked_at, u.id, u.office, u.state, u.disabled_reason, u.disabled_at,
                 u.lost_at, u.created_at
             FROM certificates c JOIN users u ON u.id = c.user_id WHERE c.fingerprint IN (",
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

const SELECT: &str = "SELECT fingerprint, user_id, purpose, der, not_before, not_after, registered_at, revoked_at \
                      FROM certificates";

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
}

impl Row {
    fn parse(self) -> Result<Registered, StoreError> {
        Ok(Registered {
            fingerprint: self.fingerprint.as_slice().try_into().map_err(corrupt("fingerprint"))?,
            user: self.user_id.parse().map_err(corrupt("user id"))?,
            purpose: if self.purpose == "signing" { Purpose::Signing } else { Purpose::Encryption },
            der: self.der,
            not_before: moment(self.not_before)?,
            not_after: moment(self.not_after)?,
            registered_at: moment(self.registered_at)?,
            revoked_at: self.revoked_at.map(moment).transpose()?,
        })
    }
}
