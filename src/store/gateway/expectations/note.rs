//! Files are noted for what they were expected for, from the transaction on that archives them.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::list;
use crate::store::gateway::days::day_of;
use crate::store::sqlite::{StoreError, groups};

/// A file that was archived, of a sender who is known.
#[derive(Debug, Clone, Copy)]
pub(in crate::store::gateway) struct Archived<'a> {
    pub(in crate::store::gateway) number: i64,
    pub(in crate::store::gateway) office: &'a str,
    pub(in crate::store::gateway) name: &'a str,
    /// When it came.
    pub(in crate::store::gateway) at: Timestamp,
}

/// Notes them for every expectation that they meet.
pub(in crate::store::gateway) async fn note(
    connection: &mut SqliteConnection,
    files: &[Archived<'_>],
) -> Result<(), StoreError> {
    for kept in list(&mut *connection).await? {
        let met: Vec<_> = files.iter().filter(|file| kept.expectation.is_met_by(file.name)).copied().collect();
        insert(connection, kept.number, &met).await?;
    }
    Ok(())
}

/// Notes files for one expectation. What is noted already stays so.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    expectation: i64,
    files: &[Archived<'_>],
) -> Result<(), StoreError> {
    for group in groups(files) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO expected_files (expectation, office, day, message) ");
        query.push_values(group, |mut row, file| {
            row.push_bind(expectation).push_bind(file.office).push_bind(day_of(file.at)).push_bind(file.number);
        });
        query.push(" ON CONFLICT DO NOTHING");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
