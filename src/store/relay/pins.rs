//! The relay's half of each PC's PIN, and how often it was asked for.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use crate::domain::digest::Sha256;
use crate::secret::PinKey;
use crate::store::sqlite::{StoreError, micros};
use crate::wire::enrolment::PcId;

/// Tries at a PIN without a login between.
pub const MOST_TRIES: u32 = 5;
/// PCs of one user that have a PIN and are not registered.
const MOST_WAITING: i64 = 8;

/// A try that was counted.
#[derive(Debug)]
pub struct Counted {
    /// What to evaluate with.
    pub key: PinKey,
    /// How many tries are left after this one.
    pub left: u32,
}

/// Counts a try, which `proof` names. It may be evaluated once this is committed. None when no try is left, or there is no
/// such PIN.
pub async fn count(
    connection: &mut SqliteConnection,
    user: i64,
    pc: PcId,
    proof: Sha256,
) -> Result<Option<Counted>, StoreError> {
    let counted: Option<(Vec<u8>, u32)> = sqlx::query_as(
        "UPDATE pins SET tries = tries + 1 WHERE user_seq = $1 AND pc = $2 AND tries < $3 RETURNING seed, tries",
    )
    .bind(user)
    .bind(pc.to_string())
    .bind(MOST_TRIES)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((seed, tries)) = counted else { return Ok(None) };
    sqlx::query("INSERT INTO pin_tries (proof, user_seq, pc) VALUES ($1, $2, $3)")
        .bind(proof.0.as_slice())
        .bind(user)
        .bind(pc.to_string())
        .execute(connection)
        .await?;
    let seed = seed.try_into().map_err(super::corrupt("PIN seed"))?;
    Ok(Some(Counted { key: PinKey::from_bytes(seed), left: MOST_TRIES.saturating_sub(tries) }))
}

/// Makes a PIN for a PC that has none. When too many of the user wait, the oldest is dropped: nothing of value lies under it
/// yet, and a copy of the kit cannot keep the real PC out by making PINs.
pub async fn make(
    connection: &mut SqliteConnection,
    user: i64,
    pc: PcId,
    key: &PinKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    let made = sqlx::query(
        "INSERT INTO pins (user_seq, pc, seed, tries, made_at) VALUES ($1, $2, $3, 0, $4)
         ON CONFLICT (user_seq, pc) DO NOTHING",
    )
    .bind(user)
    .bind(pc.to_string())
    .bind(key.as_bytes().as_slice())
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    if made.rows_affected() > 0 {
        // The new one first, whatever the clock says.
        sqlx::query(
            "DELETE FROM pins WHERE user_seq = $1 AND pc IN
               (SELECT pc FROM pins p WHERE p.user_seq = $1 AND NOT EXISTS
                  (SELECT 1 FROM devices d WHERE d.user_seq = p.user_seq AND d.pc = p.pc)
                ORDER BY p.pc = $2 DESC, p.made_at DESC, p.rowid DESC LIMIT -1 OFFSET $3)",
        )
        .bind(user)
        .bind(pc.to_string())
        .bind(MOST_WAITING)
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// The PIN of this try was right: it is not counted any more. One that is not known, or was taken off before, changes
/// nothing.
pub async fn prove(connection: &mut SqliteConnection, user: i64, pc: PcId, proof: Sha256) -> Result<(), StoreError> {
    let taken_off = sqlx::query("DELETE FROM pin_tries WHERE proof = $1 AND user_seq = $2 AND pc = $3")
        .bind(proof.0.as_slice())
        .bind(user)
        .bind(pc.to_string())
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if taken_off > 0 {
        sqlx::query("UPDATE pins SET tries = tries - 1 WHERE user_seq = $1 AND pc = $2 AND tries > 0")
            .bind(user)
            .bind(pc.to_string())
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// The user has logged in: no try on a registered PC is counted any more.
pub async fn logged_in(connection: &mut SqliteConnection, user: i64) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM pin_tries WHERE user_seq = $1
         AND pc IN (SELECT pc FROM devices WHERE user_seq = $1 AND pc IS NOT NULL)",
    )
    .bind(user)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE pins SET tries = 0 WHERE user_seq = $1 AND tries > 0
         AND pc IN (SELECT pc FROM devices WHERE user_seq = $1 AND pc IS NOT NULL)",
    )
    .bind(user)
    .execute(connection)
    .await?;
    Ok(())
}

/// Deletes one PC's: what lies under it stays shut for good.
pub async fn delete(connection: &mut SqliteConnection, user: i64, pc: PcId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM pins WHERE user_seq = $1 AND pc = $2")
        .bind(user)
        .bind(pc.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes all of a user.
pub async fn delete_all(connection: &mut SqliteConnection, user: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM pins WHERE user_seq = $1").bind(user).execute(connection).await?;
    Ok(())
}
