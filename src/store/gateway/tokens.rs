//! Tokens with which programs come in at the API. Of the secret only its hash is here.

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::corrupt;
use crate::domain::digest::Sha256;
use crate::store::sqlite::{StoreError, micros, moment};

/// How much older the noted last use must be before it is noted anew, in microseconds: a minute.
const NOTED_FOR: i64 = 60_000_000;

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Lists of received files, their states and receipts.
    ReceivedRead,
    /// The received files themselves.
    ReceivedContent,
    /// What was sent, its states and receipts.
    SentRead,
    /// Sending and taking back.
    SentWrite,
    /// Offices and users, without names and mail addresses of persons.
    UsersRead,
}

/// Text that is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected received:read, received:content, sent:read, sent:write or users:read")]
pub struct UnknownScope;

impl Scope {
    /// Every one there is.
    pub const ALL: [Self; 5] =
        [Self::ReceivedRead, Self::ReceivedContent, Self::SentRead, Self::SentWrite, Self::UsersRead];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ReceivedRead => "received:read",
            Self::ReceivedContent => "received:content",
            Self::SentRead => "sent:read",
            Self::SentWrite => "sent:write",
            Self::UsersRead => "users:read",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.code() == text).ok_or(UnknownScope)
    }
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its place among all.
    pub number: i64,
    /// What staff call it: never used twice, since the audit names it.
    pub name: String,
    /// The part of its text that is no secret.
    pub key: String,
    /// SHA-256 of the part that is.
    pub hash: Sha256,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When staff ended it.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl Token {
    /// What the audit calls whoever has it.
    pub fn actor(&self) -> String {
        actor(&self.name)
    }

    /// Whether it counts.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// What the audit calls whoever has the token of this name.
pub fn actor(name: &str) -> String {
    format!("token:{name}")
}

/// A token that is made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What staff call it.
    pub name: String,
    /// The part of its text that is no secret.
    pub key: String,
    /// SHA-256 of the part that is.
    pub hash: Sha256,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// Adds a token.
pub async fn insert(connection: &mut SqliteConnection, token: &NewToken, at: Timestamp) -> Result<(), StoreError> {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.code()).collect();
    let done = sqlx::query(
        "INSERT INTO tokens (name, key, hash, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(token.name.as_str())
    .bind(token.key.as_str())
    .bind(token.hash.as_bytes().as_slice())
    .bind(scopes.join(" "))
    .bind(micros(at))
    .bind(token.expires_at.map(micros))
    .execute(connection)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Exists("token")) }
}

/// The token whose text has this public part.
pub async fn find(executor: impl SqliteExecutor<'_>, key: &str) -> Result<Option<Token>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT number, name, key, hash, scopes, created_at, expires_at, revoked_at, last_used_at FROM tokens
         WHERE key = $1",
    )
    .bind(key)
    .fetch_optional(executor)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Every token, in the order in which they were made.
pub async fn list(executor: impl SqliteExecutor<'_>) -> Result<Vec<Token>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT number, name, key, hash, scopes, created_at, expires_at, revoked_at, last_used_at FROM tokens
         ORDER BY number",
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Ends a token. False when it has ended already.
pub async fn revoke(connection: &mut SqliteConnection, name: &str, at: Timestamp) -> Result<bool, StoreError> {
    let known: Option<i64> = sqlx::query_scalar("SELECT number FROM tokens WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut *connection)
        .await?;
    known.ok_or(StoreError::Missing("token"))?;
    let done = sqlx::query("UPDATE tokens SET revoked_at = $2 WHERE name = $1 AND revoked_at IS NULL")
        .bind(name)
        .bind(micros(at))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a token was used, to the minute.
pub async fn used(connection: &mut SqliteConnection, number: i64, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("UPDATE tokens SET last_used_at = $2 WHERE number = $1 AND ifnull(last_used_at, 0) < $3")
        .bind(number)
        .bind(micros(at))
        .bind(micros(at) - NOTED_FOR)
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    number: i64,
    name: String,
    key: String,
    hash: Vec<u8>,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl TryFrom<Row> for Token {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let scopes = row.scopes.split_whitespace().map(|code| code.parse().map_err(corrupt("scope")));
        Ok(Self {
            number: row.number,
            name: row.name,
            key: row.key,
            hash: row.hash.as_slice().try_into().map_err(corrupt("hash of a token"))?,
            scopes: scopes.collect::<Result<_, _>>()?,
            created_at: moment(row.created_at)?,
            expires_at: row.expires_at.map(moment).transpose()?,
            revoked_at: row.revoked_at.map(moment).transpose()?,
            last_used_at: row.last_used_at.map(moment).transpose()?,
        })
    }
}
