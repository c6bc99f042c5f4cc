//! Certificates that prove a PC and no person: the kit's, while its enrolment is open, and each PC's own.

use std::collections::BTreeSet;

use sqlx::{SqliteConnection, SqliteExecutor};

use super::{corrupt, pins};
use crate::message::keys::Certificate;
use crate::store::sqlite::{StoreError, micros};
use crate::wire::enrolment::PcId;

/// Replaces the PCs of a user. What lies under the PINs of those that are not among them any more stays shut for good; PCs that
/// were never registered keep theirs, since they may still be.
///
/// # Errors
/// [`StoreError::Exists`] when a certificate belongs to another user or another PC.
pub async fn replace(
    connection: &mut SqliteConnection,
    user: i64,
    devices: &[(PcId, Certificate)],
) -> Result<(), StoreError> {
    let before: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT pc FROM devices WHERE user_seq = $1 AND pc IS NOT NULL")
            .bind(user)
            .fetch_all(&mut *connection)
            .await?;
    sqlx::query("DELETE FROM devices WHERE user_seq = $1 AND pc IS NOT NULL")
        .bind(user)
        .execute(&mut *connection)
        .await?;
    for (pc, certificate) in devices {
        put(connection, user, Some(*pc), certificate).await?;
    }
    let now: BTreeSet<PcId> = devices.iter().map(|(pc, _)| *pc).collect();
    for pc in before {
        let pc = pc.parse().map_err(corrupt("PC"))?;
        if !now.contains(&pc) {
            pins::delete(connection, user, pc).await?;
        }
    }
    Ok(())
}

/// Registers the kit's certificate in the place of the one before.
pub async fn put_kit(
    connection: &mut SqliteConnection,
    user: i64,
    certificate: &Certificate,
) -> Result<(), StoreError> {
    delete_kit(connection, user).await?;
    put(connection, user, None, certificate).await
}

/// The kit's certificate counts no more.
pub async fn delete_kit(connection: &mut SqliteConnection, user: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM devices WHERE user_seq = $1 AND pc IS NULL").bind(user).execute(connection).await?;
    Ok(())
}

/// Whether a PC is registered.
pub async fn is_registered(executor: impl SqliteExecutor<'_>, user: i64, pc: PcId) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM devices WHERE user_seq = $1 AND pc = $2)");
    Ok(found.bind(user).bind(pc.to_string()).fetch_one(executor).await?)
}

async fn put(
    connection: &mut SqliteConnection,
    user: i64,
    pc: Option<PcId>,
    certificate: &Certificate,
) -> Result<(), StoreError> {
    let pc = pc.map(|pc| pc.to_string());
    let (owner, of): (i64, Option<String>) = sqlx::query_as(
        "INSERT INTO devices (fingerprint, user_seq, pc, not_before, not_after) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (fingerprint) DO UPDATE SET not_after = excluded.not_after RETURNING user_seq, pc",
    )
    .bind(certificate.fingerprint().as_bytes().as_slice())
    .bind(user)
    .bind(&pc)
    .bind(micros(certificate.not_before()))
    .bind(micros(certificate.not_after()))
    .fetch_one(connection)
    .await?;
    if owner == user && of == pc { Ok(()) } else { Err(StoreError::Exists("certificate, at another user or PC")) }
}
