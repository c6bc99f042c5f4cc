//! Enrolments: one letter, one kit, one set of passwords each.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::ids::{EnrolmentId, UserId};
use crate::secret::{LoginVerifier, MacKey, Salt};
use crate::store::sqlite::{StoreError, groups, micros, moment};
use crate::wire::enrolment::PcId;

/// What the letter's initial password turned into. Gone when the enrolment has ended.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Authenticates kit and requests.
    pub mac: MacKey,
    /// Tells the relay whether the initial login password is right.
    pub login: LoginVerifier,
}

/// One enrolment.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// Which.
    pub id: EnrolmentId,
    /// Whose.
    pub user: UserId,
    /// When the letter was made.
    pub made_at: Timestamp,
    /// While it is open.
    pub secrets: Option<Secrets>,
    /// Salt of the login password.
    pub login_salt: Salt,
    /// Salt of the download password.
    pub download_salt: Salt,
    /// Requests with other names than the registered ones, so far.
    pub mismatches: u32,
    /// The PC that has the certificates.
    pub pc: Option<PcId>,
}

/// Adds an enrolment. The one before must have been ended.
pub async fn insert(connection: &mut SqliteConnection, enrolment: &Enrolment) -> Result<(), StoreError> {
    let secrets = enrolment.secrets.as_ref();
    sqlx::query(
        "INSERT INTO enrolments (id, user_id, made_at, mac_key, login, login_salt, download_salt)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(enrolment.id.to_string())
    .bind(enrolment.user.as_str())
    .bind(micros(enrolment.made_at))
    .bind(secrets.map(|secrets| secrets.mac.as_bytes().as_slice()))
    .bind(secrets.map(|secrets| secrets.login.as_bytes().as_slice()))
    .bind(enrolment.login_salt.as_bytes().as_slice())
    .bind(enrolment.download_salt.as_bytes().as_slice())
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a user's enrolment, if one is open, and wipes its secrets. Answers whether one was.
pub async fn end(connection: &mut SqliteConnection, user: &UserId, at: Timestamp) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE enrolments SET ended_at = $2, mac_key = NULL, login = NULL WHERE user_id = $1 AND ended_at IS NULL",
    )
    .bind(user.as_str())
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// One more request with other names. Answers how many there were.
pub async fn count_mismatch(connection: &mut SqliteConnection, id: EnrolmentId) -> Result<u32, StoreError> {
    let count =
        sqlx::query_scalar("UPDATE enrolments SET mismatches = mismatches + 1 WHERE id = $1 RETURNING mismatches")
            .bind(id.to_string())
            .fetch_one(connection)
            .await?;
    Ok(count)
}

/// Notes the PC that has the certificates.
pub async fn set_pc(connection: &mut SqliteConnection, id: EnrolmentId, pc: PcId) -> Result<(), StoreError> {
    sqlx::query("UPDATE enrolments SET pc = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(pc.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// One enrolment, open or not.
pub async fn find(executor: impl SqliteExecutor<'_>, id: EnrolmentId) -> Result<Option<Enrolment>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, user_id, made_at, mac_key, login, login_salt, download_salt, mismatches, pc
         FROM enrolments WHERE id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(executor)
    .await?;
    row.map(Row::parse).transpose()
}

/// The enrolment of a user that is open.
pub async fn open(executor: impl SqliteExecutor<'_>, user: &UserId) -> Result<Option<Enrolment>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, user_id, made_at, mac_key, login, login_salt, download_salt, mismatches, pc
         FROM enrolments WHERE user_id = $1 AND ended_at IS NULL",
    )
    .bind(user.as_str())
    .fetch_optional(executor)
    .await?;
    row.map(Row::parse).transpose()
}

/// The open enrolments of these users.
pub async fn open_of(connection: &mut SqliteConnection, users: &[UserId]) -> Result<Vec<Enrolment>, StoreError> {
    let mut found = Vec::new();
    for group in groups(users) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT id, user_id, made_at, mac_key, login, login_salt, download_salt, mismatches, pc
             FROM enrolments WHERE ended_at IS NULL AND user_id IN (",
        );
        let mut list = query.separated(", ");
        for user in group {
            list.push_bind(user.as_str());
        }
        query.push(")");
        let rows: Vec<Row> = query.build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            found.push(row.parse()?);
        }
    }
    Ok(found)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    user_id: String,
    made_at: i64,
    mac_key: Option<Vec<u8>>,
    login: Option<Vec<u8>>,
    login_salt: Vec<u8>,
    download_salt: Vec<u8>,
    mismatches: u32,
    pc: Option<String>,
}

impl Row {
    fn parse(self) -> Result<Enrolment, StoreError> {
        let secrets = match (self.mac_key, self.login) {
            (Some(mac), Some(login)) => {
                Some(Secrets { mac: MacKey::from_bytes(fixed(mac)?), login: LoginVerifier::from_bytes(fixed(login)?) })
            }
            _ => None,
        };
        Ok(Enrolment {
            id: self.id.parse().map_err(corrupt("enrolment"))?,
            user: self.user_id.parse().map_err(corrupt("user id"))?,
            made_at: moment(self.made_at)?,
            secrets,
            login_salt: Salt::from(fixed(self.login_salt)?),
            download_salt: Salt::from(fixed(self.download_salt)?),
            mismatches: self.mismatches,
            pc: self.pc.map(|pc| pc.parse().map_err(corrupt("PC"))).transpose()?,
        })
    }
}

fn fixed<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(corrupt("key or salt"))
}
