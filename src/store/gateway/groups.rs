//! Offices that are sent to together, under a name.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::OfficeCode;
use crate::store::sqlite::{StoreError, groups};

/// Adds offices to a group, which is made if it is not there. Those that are in it already stay.
pub async fn add(connection: &mut SqliteConnection, name: &str, offices: &[OfficeCode]) -> Result<(), StoreError> {
    for part in groups(offices) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO office_groups (name, office) ");
        query.push_values(part, |mut row, office| {
            row.push_bind(name).push_bind(office.as_str());
        });
        query.push(" ON CONFLICT DO NOTHING");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Takes offices out of a group. A group without offices is none.
pub async fn remove(connection: &mut SqliteConnection, name: &str, offices: &[OfficeCode]) -> Result<u64, StoreError> {
    let mut removed = 0;
    for part in groups(offices) {
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM office_groups WHERE name = ");
        query.push_bind(name).push(" AND office IN (");
        let mut list = query.separated(", ");
        for office in part {
            list.push_bind(office.as_str());
        }
        query.push(")");
        removed += query.build().execute(&mut *connection).await?.rows_affected();
    }
    Ok(removed)
}

/// Forgets a group.
pub async fn remove_all(connection: &mut SqliteConnection, name: &str) -> Result<u64, StoreError> {
    let done = sqlx::query("DELETE FROM office_groups WHERE name = $1").bind(name).execute(connection).await?;
    Ok(done.rows_affected())
}

/// The offices of a group, by code.
pub async fn offices(executor: impl SqliteExecutor<'_>, name: &str) -> Result<Vec<OfficeCode>, StoreError> {
    let codes: Vec<String> = sqlx::query_scalar("SELECT office FROM office_groups WHERE name = $1 ORDER BY office")
        .bind(name)
        .fetch_all(executor)
        .await?;
    codes.into_iter().map(|code| code.parse().map_err(corrupt("office"))).collect()
}

/// Every group by name, with how many offices it has.
pub async fn list(executor: impl SqliteExecutor<'_>) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = sqlx::query_as("SELECT name, count(*) FROM office_groups GROUP BY name ORDER BY name");
    Ok(rows.fetch_all(executor).await?)
}
