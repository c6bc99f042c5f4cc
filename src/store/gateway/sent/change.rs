//! What changes of a message that is sent. Each takes the connection of a transaction.

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::Sealed;
use crate::domain::sending::Sending;
use crate::domain::sequence::Link;
use crate::store::sqlite::{StoreError, length, micros};

/// Moves a message on. False when it is not in `from` (any more).
pub async fn change(
    connection: &mut SqliteConnection,
    number: i64,
    from: Sending,
    to: Sending,
    code: Option<&str>,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE sent SET state = $3, code = coalesce($4, code), ended_at = coalesce(ended_at, $5), problem = NULL
         WHERE number = $1 AND state = $2",
    )
    .bind(number)
    .bind(from.code())
    .bind(to.code())
    .bind(code)
    .bind(to.has_ended().then(|| micros(at)))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Moves every message of a dispatch on that stands in `from`. Answers how many those are.
pub async fn change_all(
    connection: &mut SqliteConnection,
    dispatch: i64,
    from: Sending,
    to: Sending,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let done =
        sqlx::query("UPDATE sent SET state = $3, ended_at = coalesce(ended_at, $4) WHERE dispatch = $1 AND state = $2")
            .bind(dispatch)
            .bind(from.code())
            .bind(to.code())
            .bind(to.has_ended().then(|| micros(at)))
            .execute(connection)
            .await?;
    Ok(done.rows_affected())
}

/// Gives a released message its place in the stream, together with what names its sealed bytes and what the relay keeps for us about
/// that place. False when it is not
/// released (any more). The place is taken once: a second message with it is an error.
pub async fn number(
    connection: &mut SqliteConnection,
    number: i64,
    link: &Link,
    sealed: &Sealed,
    place: &[u8],
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE sent SET state = 'sealed', sequence = $2, previous = $3, signature_hash = $4, digest = $5, tag = $6,
             sealed_size = $7, signed_at = $8, place = $9, kept = 1, tries = 0, next_try = 0, problem = NULL
         WHERE number = $1 AND state = 'released'",
    )
    .bind(number)
    .bind(length(link.sequence))
    .bind(link.previous.as_bytes().as_slice())
    .bind(link.hash.as_bytes().as_slice())
    .bind(sealed.digest.as_bytes().as_slice())
    .bind(sealed.tag.as_bytes().as_slice())
    .bind(length(sealed.size))
    .bind(micros(sealed.signed_at))
    .bind(place)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Writes down the place in the stream of a message that is known from the relay only, in the state that it has. Its sealed
/// bytes are not here.
pub async fn number_known(
    connection: &mut SqliteConnection,
    number: i64,
    link: &Link,
    sealed: Option<&Sealed>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sent SET sequence = $2, previous = $3, signature_hash = $4, digest = $5, tag = $6, sealed_size = $7,
             signed_at = $8 WHERE number = $1",
    )
    .bind(number)
    .bind(length(link.sequence))
    .bind(link.previous.as_bytes().as_slice())
    .bind(link.hash.as_bytes().as_slice())
    .bind(sealed.map(|sealed| sealed.digest.as_bytes().as_slice()))
    .bind(sealed.map(|sealed| sealed.tag.as_bytes().as_slice()))
    .bind(sealed.map(|sealed| length(sealed.size)))
    .bind(sealed.map(|sealed| micros(sealed.signed_at)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes when the relay had all of it, and when it ends there. An end that is known is only ever moved later.
pub async fn set_relay_times(
    connection: &mut SqliteConnection,
    number: i64,
    deposited_at: Timestamp,
    expires_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sent SET deposited_at = coalesce(deposited_at, $2),
             expires_at = coalesce(max(expires_at, $3), $3, expires_at) WHERE number = $1",
    )
    .bind(number)
    .bind(micros(deposited_at))
    .bind(expires_at.map(micros))
    .execute(connection)
    .await?;
    Ok(())
}

/// The relay has been asked for it.
pub async fn asked(connection: &mut SqliteConnection, number: i64, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE sent SET asked_at = $2 WHERE number = $1")
        .bind(number)
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// The relay does not have it any more: it is deposited anew, at once.
pub async fn lost(connection: &mut SqliteConnection, number: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE sent SET tries = 0, next_try = 0, deposited_at = NULL, expires_at = NULL WHERE number = $1")
        .bind(number)
        .execute(connection)
        .await?;
    Ok(())
}

/// The relay may have forgotten what it had and what it was told: it is asked for all that is on its way, and told again.
pub async fn ask_and_tell_again(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sent SET asked_at = 0 WHERE state IN ('deposited', 'relayed', 'fetched', 'verified')
             AND asked_at IS DISTINCT FROM 0",
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE sent SET told_at = NULL, tries = 0, next_try = 0 WHERE statement IS NOT NULL AND told_at IS NOT NULL",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps the first thing that does not fit. Whether it is the first.
pub async fn alarm(connection: &mut SqliteConnection, number: i64, code: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE sent SET alarm = $2 WHERE number = $1 AND alarm IS NULL")
        .bind(number)
        .bind(code)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps what we signed about a number that nobody gets: the relay has to be told, at once.
pub async fn set_statement(connection: &mut SqliteConnection, number: i64, statement: &[u8]) -> Result<(), StoreError> {
    sqlx::query("UPDATE sent SET statement = $2, told_at = NULL, tries = 0, next_try = 0 WHERE number = $1")
        .bind(number)
        .bind(statement)
        .execute(connection)
        .await?;
    Ok(())
}

/// The relay has the statement; or it is void, because somebody had fetched the message.
pub async fn told(connection: &mut SqliteConnection, number: i64, at: Option<Timestamp>) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sent SET told_at = $2, statement = CASE WHEN $2 IS NULL THEN NULL ELSE statement END, problem = NULL
         WHERE number = $1",
    )
    .bind(number)
    .bind(at.map(micros))
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a message off, and says why.
pub async fn put_off(
    connection: &mut SqliteConnection,
    number: i64,
    next_try: Timestamp,
    problem: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE sent SET tries = tries + 1, next_try = $2, problem = $3 WHERE number = $1")
        .bind(number)
        .bind(micros(next_try))
        .bind(problem)
        .execute(connection)
        .await?;
    Ok(())
}

/// A person asks that what was put off is tried now.
pub async fn tried_again(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE sent SET next_try = 0 WHERE state IN ('released', 'sealed') AND next_try > 0")
        .execute(connection)
        .await?;
    Ok(())
}

/// Its sealed bytes are not needed here any more: it is not deposited again.
pub async fn let_go(connection: &mut SqliteConnection, number: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE sent SET kept = 0, place = NULL WHERE number = $1").bind(number).execute(connection).await?;
    Ok(())
}
