//! How far the orders about users have come at the relay.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::UserId;
use crate::store::sqlite::{StoreError, groups, micros};
use crate::wire::union::OrderNumber;

/// How far the orders about a user have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The newest that the relay has confirmed, of those that say who may come in.
    pub settled: OrderNumber,
    /// The newest.
    pub newest: OrderNumber,
    /// Whether one is open.
    pub is_open: bool,
}

/// How far the orders about these users have come; of whom there are none, nothing.
pub async fn of(connection: &mut SqliteConnection, users: &[UserId]) -> Result<HashMap<UserId, Standing>, StoreError> {
    let mut found = HashMap::with_capacity(users.len());
    for group in groups(users) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT user_id, ifnull(max(number) FILTER (WHERE confirmed_at IS NOT NULL
                     AND kind IN ('register', 'disable', 'enable', 'enrol', 'issue')), 0),
                 ifnull(max(number), 0), count(*) FILTER (WHERE confirmed_at IS NULL) > 0
             FROM orders WHERE user_id IN (",
        );
        let mut list = query.separated(", ");
        for user in group {
            list.push_bind(user.as_str());
        }
        query.push(") GROUP BY user_id");
        let rows: Vec<(String, i64, i64, bool)> = query.build_query_as().fetch_all(&mut *connection).await?;
        for (user, settled, newest, is_open) in rows {
            let standing = Standing { settled: OrderNumber(settled), newest: OrderNumber(newest), is_open };
            found.insert(user.parse().map_err(corrupt("user id"))?, standing);
        }
    }
    Ok(found)
}

/// Whether it was asked since a moment that the user be shut out.
pub async fn disabled_since(
    executor: impl SqliteExecutor<'_>,
    user: &UserId,
    since: Timestamp,
) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM orders WHERE user_id = $1 AND kind = 'disable' AND requested_at >= $2)",
    );
    Ok(found.bind(user.as_str()).bind(micros(since)).fetch_one(executor).await?)
}
