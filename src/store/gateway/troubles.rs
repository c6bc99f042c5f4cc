//! What the running gateway cannot do at present, for those who look at its state from another process.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::store::sqlite::{StoreError, micros, moment};

/// Something that does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What does not: the name of a task.
    pub task: String,
    /// Why, as a code.
    pub code: String,
    /// Since when.
    pub since: Timestamp,
}

/// Notes that a task does not work, and since when; or that it does.
pub async fn note(
    connection: &mut SqliteConnection,
    task: &str,
    code: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    match code {
        None => sqlx::query("DELETE FROM troubles WHERE task = $1").bind(task).execute(connection).await?,
        Some(code) => {
            sqlx::query(
                "INSERT INTO troubles (task, code, since) VALUES ($1, $2, $3)
                 ON CONFLICT (task) DO UPDATE SET code = excluded.code, since = iif(code = excluded.code, since, $3)",
            )
            .bind(task)
            .bind(code)
            .bind(micros(at))
            .execute(connection)
            .await?
        }
    };
    Ok(())
}

/// All of it.
pub async fn list(executor: impl SqliteExecutor<'_>) -> Result<Vec<Trouble>, StoreError> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT task, code, since FROM troubles ORDER BY task").fetch_all(executor).await?;
    rows.into_iter().map(|(task, code, since)| Ok(Trouble { task, code, since: moment(since)? })).collect()
}
