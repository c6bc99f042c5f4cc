//! The relay's database. Functions that write take the connection of a transaction, so that the callers decide what
//! belongs together.

pub mod parcels;
pub mod receipts;
pub mod registry;
pub mod unions;
pub mod uploads;
pub mod usage;
pub mod users;

use sqlx::migrate::Migrator;

use super::sqlite::StoreError;

/// The migrations, embedded.
pub static MIGRATIONS: Migrator = sqlx::migrate!("migrations/relay");

/// Text or bytes that only a foreign hand can have put there.
fn corrupt<T>(what: &'static str) -> impl Fn(T) -> StoreError {
    move |_| StoreError::Corrupt(what)
}

/// A stored length.
fn size(stored: i64) -> Result<u64, StoreError> {
    u64::try_from(stored).map_err(corrupt("size"))
}
