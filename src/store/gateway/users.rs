//! Users and their state.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;

use crate::domain::folding::fold;
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::person::{DeviceLabel, MailAddress, PersonName};
use crate::domain::user::UserState;
use crate::store::sqlite::{StoreError, groups, micros, moment};

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
        "INSERT INTO users (id, office, found_by, state, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(user.id.as_str())
    .bind(user.office.as_str())
    .bind(fold(user.id.as_str()))
    .bind(user.state.code())
    .bind(micros(user.created_at))
    .execute(connection)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Exists("user")) }
}

/// Writes the state and the time of loss.
pub async fn update(connection: &mut SqliteConnection, user: &User) -> Result<(), StoreError> {
    let (reason, at) = match user.state {
        UserState::Registered | UserState::Enabled => (None, None),
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

/// Those of these users that are ours.
pub async fn find_all(connection: &mut SqliteConnection, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for group in groups(ids) {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        query.push(" WHERE id IN (");
        let mut list = query.separated(", ");
        for id in group {
            list.push_bind(id.as_str());
        }
        query.push(")");
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            found.push(row.parse()?);
        }
    }
    Ok(found)
}

/// The enabled users of these offices, by id.
pub async fn enabled_of_offices(
    connection: &mut SqliteConnection,
    offices: &[OfficeCode],
) -> Result<Vec<User>, StoreError> {
    of_offices(connection, " WHERE state = 'enabled' AND office IN (", offices).await
}

/// The users of these offices who are not enabled, by id.
pub async fn shut_out_of_offices(
    connection: &mut SqliteConnection,
    offices: &[OfficeCode],
) -> Result<Vec<User>, StoreError> {
    of_offices(connection, " WHERE state <> 'enabled' AND office IN (", offices).await
}

async fn of_offices(
    connection: &mut SqliteConnection,
    which: &str,
    offices: &[OfficeCode],
) -> Result<Vec<User>, StoreError> {
    let mut found = Vec::new();
    for group in groups(offices) {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        query.push(which);
        let mut list = query.separated(", ");
        for office in group {
            list.push_bind(office.as_str());
        }
        query.push(") ORDER BY id");
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            found.push(row.parse()?);
        }
    }
    Ok(found)
}

const SELECT: &str = "SELECT id, office, state, disabled_reason, disabled_at, lost_at, created_at FROM users";

/// Enabled users after this one, by id.
pub async fn enabled_after(
    executor: impl SqliteExecutor<'_>,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Vec<UserId>, StoreError> {
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT id FROM users WHERE state = 'enabled' AND id > $1 ORDER BY id LIMIT $2")
            .bind(after.map_or("", UserId::as_str))
            .bind(limit)
            .fetch_all(executor)
            .await?;
    rows.into_iter().map(|id| id.parse().map_err(corrupt("user id"))).collect()
}

/// Whom a user is, for staff and for the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// 利用者名.
    pub name: PersonName,
    /// メールアドレス.
    pub mail: MailAddress,
    /// 端末名.
    pub device: Option<DeviceLabel>,
}

/// A user with contact, registered by staff.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Who.
    pub id: UserId,
    /// Of which office.
    pub office: OfficeCode,
    /// Name and mail address.
    pub contact: Contact,
}

impl NewUser {
    fn found_by(&self) -> String {
        let Contact { name, mail, device } = &self.contact;
        let device = device.as_ref().map_or("", DeviceLabel::as_str);
        fold(&[name.as_str(), mail.as_str(), device, self.id.as_str()].join("\n"))
    }
}

/// Adds registered users, many at once.
pub async fn insert_registered(
    connection: &mut SqliteConnection,
    users: &[NewUser],
    now: Timestamp,
) -> Result<(), StoreError> {
    for group in groups(users) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO users (id, office, name, mail, device, found_by, state, created_at) ",
        );
        query.push_values(group, |mut row, user| {
            row.push_bind(user.id.as_str())
                .push_bind(user.office.as_str())
                .push_bind(user.contact.name.as_str())
                .push_bind(user.contact.mail.as_str())
                .push_bind(user.contact.device.as_ref().map(DeviceLabel::as_str))
                .push_bind(user.found_by())
                .push_bind(UserState::Registered.code())
                .push_bind(micros(now));
        });
        query.push(" ON CONFLICT DO NOTHING");
        let done = query.build().execute(&mut *connection).await?;
        if done.rows_affected() != group.len() as u64 {
            return Err(StoreError::Exists("user"));
        }
    }
    Ok(())
}

/// Which of these ids are taken.
pub async fn taken(connection: &mut SqliteConnection, ids: &[UserId]) -> Result<HashSet<String>, StoreError> {
    let mut found = HashSet::new();
    for group in groups(ids) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT id FROM users WHERE id IN (");
        let mut list = query.separated(", ");
        for id in group {
            list.push_bind(id.as_str());
        }
        query.push(")");
        found.extend(query.build_query_scalar::<String>().fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

/// A registration as it is recognised when it comes again: office, name, mail address, name of the PC.
pub type Recognised = (String, String, String, String);

/// Everybody who has one of these mail addresses.
pub async fn with_mails(
    connection: &mut SqliteConnection,
    mails: &[MailAddress],
) -> Result<HashSet<Recognised>, StoreError> {
    let mut found = HashSet::new();
    for group in groups(mails) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT office, ifnull(name, ''), lower(mail), ifnull(device, '') FROM users WHERE mail IN (",
        );
        let mut list = query.separated(", ");
        for mail in group {
            list.push_bind(mail.as_str());
        }
        query.push(")");
        found.extend(query.build_query_as::<Recognised>().fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

/// Name and mail address of a user, where they were told.
pub async fn contact(executor: impl SqliteExecutor<'_>, id: &UserId) -> Result<Option<Contact>, StoreError> {
    let row: Option<(Option<String>, Option<String>, Option<String>)> =
        sqlx::query_as("SELECT name, mail, device FROM users WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(executor)
            .await?;
    let Some((Some(name), Some(mail), device)) = row else { return Ok(None) };
    Ok(Some(Contact {
        name: name.parse().map_err(corrupt("user name"))?,
        mail: mail.parse().map_err(corrupt("mail address"))?,
        device: device.map(|device| device.parse().map_err(corrupt("name of a PC"))).transpose()?,
    }))
}

/// The users whom mails of the relay do not reach, as it said last, and since when.
pub async fn mail_failures(executor: impl SqliteExecutor<'_>) -> Result<HashMap<UserId, Timestamp>, StoreError> {
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT id, mail_failed_at FROM users WHERE mail_failed_at IS NOT NULL")
            .fetch_all(executor)
            .await?;
    rows.into_iter().map(|(id, at)| Ok((id.parse().map_err(corrupt("user id"))?, moment(at)?))).collect()
}

/// Notes when a mail of the relay to a user last failed for good; none when mails arrive.
pub async fn set_mail_failed(
    connection: &mut SqliteConnection,
    id: &UserId,
    at: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET mail_failed_at = $2 WHERE id = $1")
        .bind(id.as_str())
        .bind(at.map(micros))
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that the user was told that the certificates end.
pub async fn set_warned(connection: &mut SqliteConnection, id: &UserId, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE users SET warned_at = $2 WHERE id = $1")
        .bind(id.as_str())
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(())
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
            ("registered", _, _) => UserState::Registered,
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
