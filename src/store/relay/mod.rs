//! The relay's database. Functions that write take the connection of a transaction, so that the callers decide what
//! belongs together.

pub mod acknowledged;
pub mod deliveries;
pub mod devices;
pub mod enrolments;
pub mod figures;
pub mod logins;
pub mod mail_failures;
pub mod notices;
pub mod outbox;
pub mod parcels;
pub mod pins;
pub mod receipts;
pub mod registry;
pub mod requests;
pub mod sessions;
pub mod unions;
pub mod uploads;
pub mod usage;
pub mod users;

use sqlx::migrate::Migrator;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::sqlite::StoreError;
use crate::domain::ids::MessageId;

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

/// Rows as what they stand for.
fn parse_all<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Narrows a query to these messages.
fn push_ids(query: &mut QueryBuilder<Sqlite>, ids: &[MessageId]) {
    query.push(" AND message_id IN (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id.to_string());
    }
    query.push(")");
}

/// The message ids that a query selects.
async fn ids_of(
    mut query: QueryBuilder<Sqlite>,
    connection: &mut SqliteConnection,
) -> Result<Vec<MessageId>, StoreError> {
    let rows: Vec<String> = query.build_query_scalar().fetch_all(connection).await?;
    rows.into_iter().map(|id| id.parse().map_err(corrupt("message id"))).collect()
}
