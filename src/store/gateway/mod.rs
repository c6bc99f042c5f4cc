//! The gateway's database. Functions that write take the connection of a transaction, so that the flows decide what
//! belongs together.

pub mod acknowledgements;
pub mod alerts;
pub mod api_uploads;
pub mod audit;
pub mod certificates;
pub mod consents;
pub mod counters;
pub mod days;
pub mod desk;
pub mod directory;
pub mod dispatches;
pub mod enrolments;
pub mod events;
pub mod evidence;
pub mod expectations;
pub mod figures;
pub mod gaps;
pub mod groups;
pub mod handoff_late;
pub mod history;
pub mod hook_letters;
pub mod incidents;
pub mod marks;
pub mod messages;
pub mod names;
pub mod offices;
pub mod orders;
pub mod receipts;
pub mod requests;
pub mod reviews;
pub mod revocation;
pub mod rollover;
pub mod runs;
pub mod schedule;
pub mod search;
pub mod sent;
pub mod sent_receipts;
pub mod sent_recipients;
pub mod staff;
pub mod staff_alerts;
pub mod staff_browsers;
pub mod staff_factors;
pub mod staff_notices;
pub mod staff_sessions;
pub mod standings;
pub mod stream_marks;
pub mod tokens;
pub mod troubles;
pub mod users;
pub mod waiting;

use sqlx::migrate::Migrator;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::sqlite::StoreError;
use crate::domain::ids::InsurerNumber;
use crate::wire::union::Entrance;

/// The migrations, embedded.
pub static MIGRATIONS: Migrator = sqlx::migrate!("migrations/gateway");

/// Binds the database to its union at the first start, and finds out at every other one if it belongs to another.
pub async fn claim(connection: &mut SqliteConnection, union: &InsurerNumber) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO gateway (id, insurer) VALUES (1, $1) ON CONFLICT (id) DO NOTHING")
        .bind(union.as_str())
        .execute(&mut *connection)
        .await?;
    let owner: String =
        sqlx::query_scalar("SELECT insurer FROM gateway WHERE id = 1").fetch_one(&mut *connection).await?;
    if owner == union.as_str() { Ok(()) } else { Err(StoreError::Corrupt("the number of another union")) }
}

/// The union whose database this is, if it is one's already.
pub async fn owner(executor: impl SqliteExecutor<'_>) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT insurer FROM gateway WHERE id = 1").fetch_optional(executor).await?)
}

/// Number of changes so far to what verdicts depend on.
pub async fn registry_version(executor: impl SqliteExecutor<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT registry_version FROM gateway WHERE id = 1").fetch_one(executor).await?)
}

/// Notes, in the transaction of the change, that verdicts may come out otherwise from now on.
pub async fn registry_changed(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE gateway SET registry_version = registry_version + 1 WHERE id = 1").execute(connection).await?;
    Ok(())
}

/// The place of our newest acknowledgement at the relay, as far as this database knows: all up to it is here.
pub async fn relay_mark(executor: impl SqliteExecutor<'_>) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar("SELECT relay_mark FROM gateway WHERE id = 1").fetch_one(executor).await?)
}

/// Notes the place up to which everything is here.
pub async fn set_relay_mark(connection: &mut SqliteConnection, mark: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE gateway SET relay_mark = $1 WHERE id = 1").bind(mark).execute(connection).await?;
    Ok(())
}

/// How employers reach the relay, as its last handshake said.
pub async fn entrance(executor: impl SqliteExecutor<'_>) -> Result<Option<Entrance>, StoreError> {
    let text: Option<String> =
        sqlx::query_scalar("SELECT entrance FROM gateway WHERE id = 1").fetch_one(executor).await?;
    text.map(|text| serde_json::from_str(&text).map_err(corrupt("entrance"))).transpose()
}

/// Notes how employers reach the relay.
pub async fn set_entrance(connection: &mut SqliteConnection, entrance: &Entrance) -> Result<(), StoreError> {
    let text = serde_json::to_string(entrance).map_err(corrupt("entrance"))?;
    sqlx::query("UPDATE gateway SET entrance = $1 WHERE id = 1").bind(text).execute(connection).await?;
    Ok(())
}

/// What is wrong with the certificates and keys in the files, in words for staff; the gateway works with others, then.
pub async fn keys_problem(executor: impl SqliteExecutor<'_>) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("SELECT keys_problem FROM gateway WHERE id = 1").fetch_one(executor).await?)
}

/// Notes what is wrong with the certificates and keys in the files, or that nothing is.
pub async fn set_keys_problem(connection: &mut SqliteConnection, problem: Option<&str>) -> Result<(), StoreError> {
    sqlx::query("UPDATE gateway SET keys_problem = $1 WHERE id = 1").bind(problem).execute(connection).await?;
    Ok(())
}

/// Text that only a foreign hand can have put there.
fn corrupt<T>(what: &'static str) -> impl Fn(T) -> StoreError {
    move |_| StoreError::Corrupt(what)
}
