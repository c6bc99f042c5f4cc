//! How far the stream of each sender is known.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::store::sqlite::{StoreError, groups, micros};

/// The marks of these senders (their addresses), as JSON text. Senders without one are left out.
pub async fn find(
    connection: &mut SqliteConnection,
    senders: &[String],
) -> Result<BTreeMap<String, String>, StoreError> {
    let mut found = BTreeMap::new();
    for group in groups(senders) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT sender, mark FROM stream_marks WHERE sender IN (");
        let mut list = query.separated(", ");
        for sender in group {
            list.push_bind(sender.as_str());
        }
        query.push(")");
        let rows: Vec<(String, String)> = query.build_query_as().fetch_all(&mut *connection).await?;
        found.extend(rows);
    }
    Ok(found)
}

/// Writes marks: sender and JSON text.
pub async fn put(
    connection: &mut SqliteConnection,
    marks: &[(String, String)],
    at: Timestamp,
) -> Result<(), StoreError> {
    for group in groups(marks) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO stream_marks (sender, mark, updated_at) ");
        query.push_values(group, |mut row, (sender, mark)| {
            row.push_bind(sender.as_str()).push_bind(mark.as_str()).push_bind(micros(at));
        });
        query.push(" ON CONFLICT (sender) DO UPDATE SET mark = excluded.mark, updated_at = excluded.updated_at");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
