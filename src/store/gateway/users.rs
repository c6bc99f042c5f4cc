//! Users and their state.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::user::UserState;
use crate::store::sqlite::{StoreError, micros, moment};

/// One person on one PC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Of which office.
    pub office: OfficeCode,
    /// Whether the user may send.
    pub state: UserState,
    /// When the PC was lost: what arrived after it is suspect.
    pub lost_at: Option<Timestamp>,
    /// When the user was registered.
    pub created_at: Timestamp,
}

/// Adds a user.
pub async fn insert(connection: &mut SqliteConnection, user: &User) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO users (id, office, state, created_at) VALUES ($1, $2, 'enabled', $3) ON CONFLICT DO NOTHING",
    )
    .bind(user.id.as_str())
    .bind(user.office.as_str())
    .bind(micros(user.created_at))
    .execute(connection)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Exists("user")) }
}

/// Writes the state and the time of loss.
pub async fn update(connection: &mut SqliteConnection, user: &User) -> Result<(), StoreError> {
    let (reason, at) = match user.state {
        UserState::Enabled => (None, None),
        UserState::Disabled { reason, at } => (Some(reason.code()), Some(micros(at))),
    };
    let done =
        sqlx::query("UPDATE users SET state = $2, disabled_reason = $3, disabled_at = $4, lost_at = $5 WHERE id = $1")
            .bind(user.id.as_str())
            .bind(user.state.code())
            .bind(reason)
            .bind(at)
            .bind(user.lost_at.map(micros))
            .execute(connection)
            .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Missing("user")) }
}

/// One user.
pub async fn find(executor: impl SqliteExecutor<'_>, id: &UserId) -> Result<Option<User>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, office, state, disabled_reason, disabled_at, lost_at, created_at FROM users WHERE id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(executor)
    .await?;
    row.map(Row::parse).transpose()
}

/// The users after `after` in the order of their ids.
pub async fn list(
    executor: impl SqliteExecutor<'_>,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Vec<User>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, office, state, disabled_reason, disabled_at, lost_at, created_at FROM users
         WHERE id > $1 ORDER BY id LIMIT $2",
    )
    .bind(after.map_or("", UserId::as_str))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(Row::parse).collect()
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: String,
    office: String,
    state: String,
    disabled_reason: Option<String>,
    disabled_at: Option<i64>,
    lost_at: Option<i64>,
    created_at: i64,
}

impl Row {
    pub(super) fn parse(self) -> Result<User, StoreError> {
        let state = match (self.state.as_str(), self.disabled_reason, self.disabled_at) {
            ("enabled", _, _) => UserState::Enabled,
            ("disabled", Some(reason), Some(at)) => UserState::Disabled {
                reason: reason.parse().map_err(corrupt("reason for disabling"))?,
                at: moment(at)?,
            },
            _ => return Err(StoreError::Corrupt("user state")),
        };
        Ok(User {
            id: self.id.parse().map_err(corrupt("user id"))?,
            office: self.office.parse().map_err(corrupt("office"))?,
            state,
            lost_at: self.lost_at.map(moment).transpose()?,
            created_at: moment(self.created_at)?,
        })
    }
}
