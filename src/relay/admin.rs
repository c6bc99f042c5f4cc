//! What the operator does to a relay's database from the command line, also while a server runs on it.

use jiff::Timestamp;
use serde::Serialize;

use super::config::Config;
use crate::domain::address::Address;
use crate::domain::ids::InsurerNumber;
use crate::mail::Report;
use crate::pki::owner;
use crate::store::relay::unions::{self, NewUnion};
use crate::store::relay::{MIGRATIONS, deliveries, mail_failures, parcels, registry, uploads, users};
use crate::store::sqlite::{Database, MigrationState, StoreError, migration_state};

/// How the relay stands.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Unions that are registered.
    pub unions: usize,
    /// Unions that may come in.
    pub unions_enabled: usize,
    /// Users that are registered, of all unions.
    pub users: u64,
    /// Parcels that wait.
    pub parcels_waiting: u64,
    /// Their bytes.
    pub bytes_waiting: u64,
    /// When the oldest of them became complete.
    pub oldest_waiting: Option<Timestamp>,
    /// Deliveries that wait for users.
    pub deliveries_waiting: u64,
    /// Their bytes.
    pub delivery_bytes_waiting: u64,
    /// When the oldest of them became complete.
    pub oldest_delivery: Option<Timestamp>,
    /// Uploads that are not complete.
    pub uploads_open: i64,
    /// Users whom mails do not reach.
    pub mail_failures: u64,
}

/// A union as `union list` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct UnionLine {
    /// Its number.
    pub insurer: InsurerNumber,
    /// Its name.
    pub name: String,
    /// Whether it and its users may come in.
    pub enabled: bool,
    /// When its gateway was here last.
    pub last_seen: Option<Timestamp>,
}

/// Opens the database, bringing it up to date.
pub async fn open(config: &Config) -> Result<Database, StoreError> {
    Database::open(&config.database(), &MIGRATIONS).await
}

/// How far the database is behind.
pub async fn migrations(config: &Config) -> Result<MigrationState, StoreError> {
    migration_state(&config.database(), &MIGRATIONS).await
}

/// How the relay stands.
pub async fn status(database: &Database) -> Result<Status, StoreError> {
    let unions = unions::list(database.read(), None).await?;
    let waiting = parcels::waiting_in_all(database.read()).await?;
    let delivered = deliveries::waiting_in_all(database.read()).await?;
    Ok(Status {
        unions: unions.len(),
        unions_enabled: unions.iter().filter(|union| union.enabled).count(),
        users: users::count(database.read()).await?,
        parcels_waiting: waiting.items,
        bytes_waiting: waiting.bytes,
        oldest_waiting: waiting.oldest,
        deliveries_waiting: delivered.items,
        delivery_bytes_waiting: delivered.bytes,
        oldest_delivery: delivered.oldest,
        uploads_open: uploads::count(database.read()).await?,
        mail_failures: mail_failures::count(database.read()).await?,
    })
}

/// Adds a union, or gives a known one this name and these certificates. A running server follows within a second.
pub async fn add_union(database: &Database, union: &NewUnion, now: Timestamp) -> Result<(), StoreError> {
    let mut transaction = database.write().await?;
    unions::put(&mut transaction, union, now).await?;
    registry::changed(&mut transaction).await?;
    database.commit(transaction).await
}

/// What registering a union may do to one that is registered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Permits {
    /// Put other certificates in the place of those that are known.
    pub replace: bool,
    /// Let a union in again that was shut out.
    pub enable: bool,
}

/// Why a union is not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Input: a certificate that names somebody else.
    #[error(
        "電子証明書が別の組合のものです。番号 {0} が正しいか、運営者と組合で確認してください (a certificate is another union's: find out whether \
         the number {0} is right)"
    )]
    Foreign(InsurerNumber),
    /// Input: the number belongs to a union with other certificates.
    #[error(
        "番号 {0} には別の電子証明書が登録されています。組合の鍵が替わったことを電話で確認してから --replace を付けてください (the union {0} is \
         registered with other certificates; once the union has confirmed by telephone that its keys have changed, add --replace)"
    )]
    Known(InsurerNumber),
    /// Input: it was shut out.
    #[error(
        "組合 {0} は停止されています。再開するには --enable を付けてください (the union {0} was shut out; to let it in again, add --enable)"
    )]
    Disabled(InsurerNumber),
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Registers a union on an operator's word. A running server follows within a second.
pub async fn register_union(
    database: &Database,
    union: &NewUnion,
    permits: Permits,
    now: Timestamp,
) -> Result<(), RegisterError> {
    let insurer = &union.insurer;
    let is_foreign = |address: Address| address != Address::Union(insurer.clone());
    if union.clients.iter().filter_map(owner).any(is_foreign) {
        return Err(RegisterError::Foreign(insurer.clone()));
    }
    let mut transaction = database.write().await?;
    if let Some(known) = unions::list(&mut *transaction, Some(insurer)).await?.pop() {
        if !known.enabled && !permits.enable {
            return Err(RegisterError::Disabled(insurer.clone()));
        }
        if !permits.replace && !unions::has_these_certificates(&mut transaction, union).await? {
            return Err(RegisterError::Known(insurer.clone()));
        }
    }
    unions::put(&mut transaction, union, now).await?;
    registry::changed(&mut transaction).await?;
    Ok(database.commit(transaction).await?)
}

/// Disables a union: it and its users are sent away. A running server follows within a second.
pub async fn disable_union(database: &Database, insurer: &InsurerNumber) -> Result<(), StoreError> {
    let mut transaction = database.write().await?;
    unions::set_enabled(&mut transaction, insurer, false).await?;
    registry::changed(&mut transaction).await?;
    database.commit(transaction).await
}

/// What a mail meant that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameBack {
    /// It is no report about a mail.
    NoReport,
    /// The mail that it is about is only late.
    Late,
    /// It is about no mail that went out lately, or about one that is known to have come back.
    Unknown,
    /// Mails do not reach that user: noted. With the status that the mail server gives.
    Noted(Option<String>),
}

/// Takes in a mail that came to the address that ours come from.
pub async fn came_back(database: &Database, mail: &[u8], now: Timestamp) -> Result<CameBack, StoreError> {
    let Some(report) = Report::read(mail) else { return Ok(CameBack::NoReport) };
    if !report.failed {
        return Ok(CameBack::Late);
    }
    let mut transaction = database.write().await?;
    let known = mail_failures::came_back(&mut transaction, &report.message_id, now).await?;
    database.commit(transaction).await?;
    Ok(if known { CameBack::Noted(report.status) } else { CameBack::Unknown })
}

/// Every union.
pub async fn list_unions(database: &Database) -> Result<Vec<UnionLine>, StoreError> {
    let lines = unions::list(database.read(), None).await?.into_iter().map(|union| UnionLine {
        insurer: union.insurer,
        name: union.name,
        enabled: union.enabled,
        last_seen: union.last_seen,
    });
    Ok(lines.collect())
}
