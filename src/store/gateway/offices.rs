//! Offices of the union.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor};

use super::corrupt;

use crate::domain::folding::fold;
use crate::domain::ids::OfficeCode;
use crate::domain::person::OfficeName;
use crate::store::sqlite::{StoreError, groups, micros, moment};

/// An employer's site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Office {
    /// 事業所記号.
    pub code: OfficeCode,
    /// Its name, for staff and for letters.
    pub name: OfficeName,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// Adds an office.
pub async fn insert(connection: &mut SqliteConnection, office: &Office) -> Result<(), StoreError> {
    let done = sqlx::query(
        "INSERT INTO offices (code, name, found_by, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(office.code.as_str())
    .bind(office.name.as_str())
    .bind(fold(&format!("{}\n{}", office.name.as_str(), office.code)))
    .bind(micros(office.created_at))
    .execute(connection)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Exists("office")) }
}

/// The offices after `after` in the order of their codes.
pub async fn list(
    executor: impl SqliteExecutor<'_>,
    after: Option<&OfficeCode>,
    limit: u32,
) -> Result<Vec<Office>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT code, name, created_at FROM offices WHERE code > $1 ORDER BY code LIMIT $2")
            .bind(after.map_or("", OfficeCode::as_str))
            .bind(limit)
            .fetch_all(executor)
            .await?;
    rows.into_iter().map(parse).collect()
}

/// An office with how many users it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peopled {
    /// The office.
    pub office: Office,
    /// Its users.
    pub users: i64,
    /// Those of them who are enabled.
    pub enabled: i64,
}

/// The offices after `after`, in the order of their codes, that have all these words in name or code, whatever width, kana and capitals they
/// are written in.
pub async fn search(
    executor: impl SqliteExecutor<'_>,
    words: &[String],
    after: Option<&OfficeCode>,
    limit: u32,
) -> Result<Vec<Peopled>, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT code, name, created_at, (SELECT count(*) FROM users u WHERE u.office = code),
             (SELECT count(*) FROM users u WHERE u.office = code AND u.state = 'enabled') FROM offices WHERE code > ",
    );
    query.push_bind(after.map_or(String::new(), ToString::to_string));
    for word in words {
        query.push(" AND instr(found_by, ").push_bind(fold(word)).push(") > 0");
    }
    query.push(" ORDER BY code LIMIT ").push_bind(limit);
    let rows: Vec<(String, String, i64, i64, i64)> = query.build_query_as().fetch_all(executor).await?;
    rows.into_iter()
        .map(|(code, name, created_at, users, enabled)| {
            Ok(Peopled { office: parse((code, name, created_at))?, users, enabled })
        })
        .collect()
}

/// One office.
pub async fn find(executor: impl SqliteExecutor<'_>, code: &OfficeCode) -> Result<Option<Office>, StoreError> {
    let row: Option<Row> = sqlx::query_as("SELECT code, name, created_at FROM offices WHERE code = $1")
        .bind(code.as_str())
        .fetch_optional(executor)
        .await?;
    row.map(parse).transpose()
}

/// Those of these offices that are registered.
pub async fn find_all(connection: &mut SqliteConnection, codes: &[OfficeCode]) -> Result<Vec<Office>, StoreError> {
    let mut found = Vec::new();
    for group in groups(codes) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT code, name, created_at FROM offices WHERE code IN (");
        let mut list = query.separated(", ");
        for code in group {
            list.push_bind(code.as_str());
        }
        query.push(")");
        for row in query.build_query_as::<Row>().fetch_all(&mut *connection).await? {
            found.push(parse(row)?);
        }
    }
    Ok(found)
}

type Row = (String, String, i64);

fn parse((code, name, created_at): Row) -> Result<Office, StoreError> {
    Ok(Office {
        code: code.parse().map_err(corrupt("office"))?,
        name: name.parse().map_err(corrupt("office name"))?,
        created_at: moment(created_at)?,
    })
}
