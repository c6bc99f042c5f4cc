//! The unions: who they are, with which certificates they come in, which authorities count for their users.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::InsurerNumber;
use crate::message::keys::Certificate;
use crate::pki::RevocationList;
use crate::store::sqlite::{StoreError, length, micros, moment};

/// A union as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Union {
    /// Its number.
    pub insurer: InsurerNumber,
    /// Its name, for the operator.
    pub name: String,
    /// Whether it and its users may come in.
    pub enabled: bool,
    /// When its gateway was here last.
    pub last_seen: Option<Timestamp>,
}

/// A union to be added, or to be brought to this state.
#[derive(Debug, Clone)]
pub struct NewUnion {
    /// Its number.
    pub insurer: InsurerNumber,
    /// Its name, for the operator.
    pub name: String,
    /// The certificates with which its gateway comes in.
    pub clients: Vec<Certificate>,
    /// The authorities that count for its users.
    pub authorities: Vec<Certificate>,
}

#[derive(sqlx::FromRow)]
struct Row {
    insurer: String,
    name: String,
    enabled: bool,
    last_seen_at: Option<i64>,
}

impl TryFrom<Row> for Union {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            insurer: row.insurer.parse().map_err(corrupt("insurer number"))?,
            name: row.name,
            enabled: row.enabled,
            last_seen: row.last_seen_at.map(moment).transpose()?,
        })
    }
}

/// Adds a union, or gives a known one this name and these certificates; enabled in either case.
///
/// # Errors
/// [`StoreError::Exists`] when one of the client certificates belongs to another union.
pub async fn put(connection: &mut SqliteConnection, union: &NewUnion, now: Timestamp) -> Result<(), StoreError> {
    let insurer = union.insurer.as_str();
    sqlx::query(
        "INSERT INTO unions (insurer, name, enabled, added_at) VALUES ($1, $2, TRUE, $3)
         ON CONFLICT (insurer) DO UPDATE SET name = excluded.name, enabled = TRUE",
    )
    .bind(insurer)
    .bind(&union.name)
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM union_authorities WHERE insurer = $1").bind(insurer).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM union_clients WHERE insurer = $1").bind(insurer).execute(&mut *connection).await?;
    for authority in &union.authorities {
        sqlx::query(
            "INSERT INTO union_authorities (insurer, fingerprint, der) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(insurer)
        .bind(authority.fingerprint().as_bytes().as_slice())
        .bind(authority.der())
        .execute(&mut *connection)
        .await?;
    }
    for client in &union.clients {
        let owner: String = sqlx::query_scalar(
            "INSERT INTO union_clients (fingerprint, insurer, der) VALUES ($1, $2, $3)
             ON CONFLICT (fingerprint) DO UPDATE SET der = excluded.der RETURNING insurer",
        )
        .bind(client.fingerprint().as_bytes().as_slice())
        .bind(insurer)
        .bind(client.der())
        .fetch_one(&mut *connection)
        .await?;
        if owner != insurer {
            return Err(StoreError::Exists("client certificate, at another union"));
        }
    }
    Ok(())
}

/// Whether a known union comes in with exactly these certificates, and exactly these authorities count for its users.
pub async fn has_these_certificates(connection: &mut SqliteConnection, union: &NewUnion) -> Result<bool, StoreError> {
    let insurer = union.insurer.as_str();
    let clients = sqlx::query_scalar("SELECT fingerprint FROM union_clients WHERE insurer = $1");
    let clients: HashSet<Vec<u8>> = clients.bind(insurer).fetch_all(&mut *connection).await?.into_iter().collect();
    let authorities = sqlx::query_scalar("SELECT fingerprint FROM union_authorities WHERE insurer = $1");
    let authorities: HashSet<Vec<u8>> = authorities.bind(insurer).fetch_all(connection).await?.into_iter().collect();
    let of = |all: &[Certificate]| -> HashSet<Vec<u8>> {
        all.iter().map(|certificate| certificate.fingerprint().as_bytes().to_vec()).collect()
    };
    Ok(of(&union.clients) == clients && of(&union.authorities) == authorities)
}

/// Enables or disables a union.
pub async fn set_enabled(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    enabled: bool,
) -> Result<(), StoreError> {
    let done = sqlx::query("UPDATE unions SET enabled = $2 WHERE insurer = $1")
        .bind(insurer.as_str())
        .bind(enabled)
        .execute(connection)
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::Missing("union")) } else { Ok(()) }
}

/// Every union by number, or one.
pub async fn list(executor: impl SqliteExecutor<'_>, only: Option<&InsurerNumber>) -> Result<Vec<Union>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT insurer, name, enabled, last_seen_at FROM unions WHERE $1 IS NULL OR insurer = $1 ORDER BY insurer",
    )
    .bind(only.map(InsurerNumber::as_str))
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Notes that the union's gateway is here, and says when it was before.
pub async fn seen(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let before: Option<i64> = sqlx::query_scalar("SELECT last_seen_at FROM unions WHERE insurer = $1")
        .bind(insurer.as_str())
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query("UPDATE unions SET last_seen_at = $2 WHERE insurer = $1")
        .bind(insurer.as_str())
        .bind(micros(now))
        .execute(connection)
        .await?;
    before.map(moment).transpose()
}

/// What a certificate of the union is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Sealing to the union.
    Encryption,
    /// The union's signatures.
    Signing,
}

impl Purpose {
    const fn code(self) -> &'static str {
        match self {
            Self::Encryption => "encryption",
            Self::Signing => "signing",
        }
    }
}

/// The certificates (DER) that the union shows to its employers, the newest first.
pub async fn certificates(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
    purpose: Purpose,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let sql = "SELECT der FROM union_certificates WHERE insurer = $1 AND purpose = $2 ORDER BY position";
    Ok(sqlx::query_scalar(sql).bind(insurer.as_str()).bind(purpose.code()).fetch_all(executor).await?)
}

/// Replaces the certificates of one purpose.
pub async fn put_certificates(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    purpose: Purpose,
    certificates: &[Certificate],
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM union_certificates WHERE insurer = $1 AND purpose = $2")
        .bind(insurer.as_str())
        .bind(purpose.code())
        .execute(&mut *connection)
        .await?;
    for (position, certificate) in (0_i64..).zip(certificates) {
        sqlx::query("INSERT INTO union_certificates (insurer, purpose, position, der) VALUES ($1, $2, $3, $4)")
            .bind(insurer.as_str())
            .bind(purpose.code())
            .bind(position)
            .bind(certificate.der())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The newest revocation list (DER) that the union has told.
pub async fn revoked(
    executor: impl SqliteExecutor<'_>,
    insurer: &InsurerNumber,
) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT der FROM union_revocations WHERE insurer = $1";
    Ok(sqlx::query_scalar(sql).bind(insurer.as_str()).fetch_optional(executor).await?)
}

/// Keeps a revocation list, unless a newer one is here.
pub async fn put_revoked(
    connection: &mut SqliteConnection,
    insurer: &InsurerNumber,
    list: &RevocationList,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO union_revocations (insurer, number, der) VALUES ($1, $2, $3)
         ON CONFLICT (insurer) DO UPDATE SET number = excluded.number, der = excluded.der
         WHERE excluded.number > number",
    )
    .bind(insurer.as_str())
    .bind(length(list.number()))
    .bind(list.der())
    .execute(connection)
    .await?;
    Ok(())
}
