//! Everything that decides who may come in, in one reading.

use jiff::Timestamp;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::{corrupt, unions};
use crate::domain::digest::Fingerprint;
use crate::domain::ids::{InsurerNumber, OfficeCode, UserId};
use crate::message::keys::Certificate;
use crate::store::sqlite::{StoreError, moment};
use crate::wire::enrolment::PcId;

/// A union with its certificates.
#[derive(Debug, Clone)]
pub struct UnionEntry {
    /// Its number.
    pub insurer: InsurerNumber,
    /// Whether it and its users may come in.
    pub enabled: bool,
    /// The certificates with which its gateway comes in.
    pub clients: Vec<Certificate>,
    /// The authorities that count for its users.
    pub authorities: Vec<Certificate>,
    /// What it signs receipts with.
    pub signing: Vec<Certificate>,
}

/// What a certificate proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The user, who has opened the keys with the PIN.
    User,
    /// The kit of the enrolment that is open.
    Kit,
    /// A PC of the user.
    Pc(PcId),
}

/// A certificate of a user, or of a PC of the user.
#[derive(Debug, Clone)]
pub struct UserEntry {
    /// The certificate.
    pub fingerprint: Fingerprint,
    /// Of which union.
    pub insurer: InsurerNumber,
    /// Of which user.
    pub user: UserId,
    /// The user's row.
    pub seq: i64,
    /// What it proves.
    pub holder: Holder,
    /// Of which office.
    pub office: OfficeCode,
    /// Whether the user may come in.
    pub enabled: bool,
    /// The certificate's first moment.
    pub not_before: Timestamp,
    /// The certificate's last moment.
    pub not_after: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    fingerprint: Vec<u8>,
    insurer: String,
    user_id: String,
    seq: i64,
    device: bool,
    pc: Option<String>,
    office: String,
    enabled: bool,
    not_before: i64,
    not_after: i64,
}

impl TryFrom<Row> for UserEntry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            fingerprint: Fingerprint::try_from(row.fingerprint.as_slice()).map_err(corrupt("fingerprint"))?,
            insurer: row.insurer.parse().map_err(corrupt("insurer number"))?,
            user: row.user_id.parse().map_err(corrupt("user id"))?,
            seq: row.seq,
            holder: match (row.device, row.pc) {
                (false, _) => Holder::User,
                (true, None) => Holder::Kit,
                (true, Some(pc)) => Holder::Pc(pc.parse().map_err(corrupt("PC"))?),
            },
            office: row.office.parse().map_err(corrupt("office code"))?,
            enabled: row.enabled,
            not_before: moment(row.not_before)?,
            not_after: moment(row.not_after)?,
        })
    }
}

/// Number of changes so far from outside a running server.
pub async fn version(executor: impl SqliteExecutor<'_>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT registry_version FROM relay WHERE id = 1").fetch_one(executor).await?)
}

/// Notes, in the transaction of the change, that a running server must read again.
pub async fn changed(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query("UPDATE relay SET registry_version = registry_version + 1 WHERE id = 1").execute(connection).await?;
    Ok(())
}

/// Every union with its certificates, or one.
pub async fn unions(
    connection: &mut SqliteConnection,
    only: Option<&InsurerNumber>,
) -> Result<Vec<UnionEntry>, StoreError> {
    let mut entries = Vec::new();
    for union in unions::list(&mut *connection, only).await? {
        let insurer = union.insurer;
        let clients = "SELECT der FROM union_clients WHERE insurer = $1 ORDER BY fingerprint";
        let authorities = "SELECT der FROM union_authorities WHERE insurer = $1 ORDER BY fingerprint";
        entries.push(UnionEntry {
            enabled: union.enabled,
            clients: read(&sqlx::query_scalar(clients).bind(insurer.as_str()).fetch_all(&mut *connection).await?)?,
            authorities: read(
                &sqlx::query_scalar(authorities).bind(insurer.as_str()).fetch_all(&mut *connection).await?,
            )?,
            signing: read(&unions::certificates(&mut *connection, &insurer, unions::Purpose::Signing).await?)?,
            insurer,
        });
    }
    Ok(entries)
}

/// Every certificate of every user and PC, or those of one user.
pub async fn users(
    connection: &mut SqliteConnection,
    only: Option<(&InsurerNumber, &UserId)>,
) -> Result<Vec<UserEntry>, StoreError> {
    let rows: Vec<Row> = match only {
        None => sqlx::query_as(EVERYBODY).fetch_all(connection).await?,
        Some((insurer, user)) => {
            sqlx::query_as(ONE).bind(insurer.as_str()).bind(user.as_str()).fetch_all(connection).await?
        }
    };
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The certificates of users and of their PCs, for the users that a condition picks; each half by its own indexes.
macro_rules! certificates {
    ($condition:literal) => {
        concat!(
            "SELECT c.fingerprint, u.insurer, u.user_id, u.seq, FALSE AS device, NULL AS pc, u.office, u.enabled,
                 c.not_before, c.not_after
             FROM users u JOIN user_certificates c ON c.user_seq = u.seq ",
            $condition,
            " UNION ALL
             SELECT c.fingerprint, u.insurer, u.user_id, u.seq, TRUE, c.pc, u.office, u.enabled, c.not_before, c.not_after
             FROM users u JOIN devices c ON c.user_seq = u.seq ",
            $condition
        )
    };
}

const EVERYBODY: &str = certificates!("");
const ONE: &str = certificates!("WHERE u.insurer = $1 AND u.user_id = $2");

fn read(stored: &[Vec<u8>]) -> Result<Vec<Certificate>, StoreError> {
    stored.iter().map(|der| Certificate::from_der(der).map_err(corrupt("certificate"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::relay::MIGRATIONS;
    use crate::store::sqlite::Database;

    #[tokio::test]
    async fn one_user_is_read_without_going_through_all() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("a.db"), &MIGRATIONS).await.unwrap();
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {ONE}")))
                .bind("06123456")
                .bind("hanako-1")
                .fetch_all(database.read())
                .await
                .unwrap();
        assert!(!plan.iter().any(|(.., step)| step.contains("SCAN")), "{plan:#?}");
    }
}
