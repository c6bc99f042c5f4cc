//! Opening an SQLite database the same way everywhere: write-ahead log, every commit on the disk before it returns, one
//! writer, several readers, migrations forward only.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
pub use sqlx::SqliteConnection as Connection;
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Sqlite, SqlitePool, Transaction};

use crate::stream::platform;

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(20);

/// The connections that read.
pub type Readers = SqlitePool;

/// How long emptying the log waits for whoever reads or writes.
const FOLDING: Duration = Duration::from_millis(50);

/// A transaction that may write.
pub type WriteTransaction = Transaction<'static, Sqlite>;

/// What can go wrong between us and a database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or is no database.
    #[error("the database {path} cannot be opened")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A newer version of this program has changed the database.
    #[error("the database is from a newer version of this program (migration {version} is not known here)")]
    Newer {
        /// The first migration that this program does not know.
        version: i64,
    },
    /// A migration failed or differs from the one that was run.
    #[error("the database cannot be brought up to date")]
    Migration(#[source] MigrateError),
    /// A statement failed.
    #[error("the database refused a statement")]
    Query(#[from] sqlx::Error),
    /// A stored value is not what we ever write.
    #[error("the database holds a value that this program never writes: {0}")]
    Corrupt(&'static str),
    /// Something that must be there is not.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// Something that must be new is there already.
    #[error("this {0} exists already")]
    Exists(&'static str),
}

/// An open database: one connection that writes, a few that read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
    folder: SqlitePool,
}

/// How far a database is from what this program expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// Nothing to do.
    UpToDate,
    /// So many migrations are to be run; all of them when there is no database yet.
    Pending(usize),
}

impl Database {
    /// Opens the file, makes it when it is not there, and runs the migrations that are missing.
    pub async fn open(path: &Path, migrations: &Migrator) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open { path: path.to_owned(), source };
        owners_only(path).map_err(|error| failed(error.into()))?;
        let writer = options(path).pragma("cache_size", "-4096");
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(writer).await.map_err(failed)?;
        migrations.run(&writer).await.map_err(migration_error)?;
        let readers = options(path).pragma("cache_size", "-1024").pragma("query_only", "ON");
        let readers = SqlitePoolOptions::new().max_connections(4).connect_with(readers).await.map_err(failed)?;
        let folder = options(path).pragma("cache_size", "-64").busy_timeout(FOLDING);
        let folder = SqlitePoolOptions::new().max_connections(1).connect_lazy_with(folder);
        Ok(Self { writer, readers, folder })
    }

    /// The pool to read from.
    pub fn read(&self) -> &Readers {
        &self.readers
    }

    /// A connection to read from, for several statements.
    pub async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    /// Starts a transaction that may write; it has the write lock from the start, so that it never fails half-way
    /// because another one was faster.
    pub async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        match self.writer.begin_with("BEGIN IMMEDIATE").await {
            // On a full disk SQLite rolls back by itself, and the driver loses count: only a new connection helps.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.writer.acquire().await?.close().await?;
                Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            begun => Ok(begun?),
        }
    }

    /// Commits a transaction: what it changed is on the disk when this returns.
    pub async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
        Ok(transaction.commit().await?)
    }

    /// Folds the write-ahead log into the file and empties it, so that what was deleted stands in neither any more. Waits
    /// for nobody longer than a moment and holds nobody up for longer; answers whether it is done.
    pub async fn fold(&self) -> bool {
        let folded = sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.folder);
        matches!(folded.await, Ok((0, ..)))
    }

    /// Closes every connection. The write-ahead log is folded into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.folder.close().await;
        self.writer.close().await;
    }
}

/// Says how far the database at `path` is behind, without changing anything.
pub async fn migration_state(path: &Path, migrations: &Migrator) -> Result<MigrationState, StoreError> {
    let known: Vec<i64> = migrations.iter().map(|migration| migration.version).collect();
    if !path.exists() {
        return Ok(MigrationState::Pending(known.len()));
    }
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    let mut connection = options(path).read_only(true).connect().await.map_err(failed)?;
    let applied = match connection.list_applied_migrations("_sqlx_migrations").await {
        Ok(applied) => applied,
        // No such table: nobody has run a migration here yet.
        Err(MigrateError::Execute(_)) => Vec::new(),
        Err(error) => return Err(migration_error(error)),
    };
    if let Some(newer) = applied.iter().find(|done| !known.contains(&done.version)) {
        return Err(StoreError::Newer { version: newer.version });
    }
    let pending = known.len() - applied.len();
    Ok(if pending == 0 { MigrationState::UpToDate } else { MigrationState::Pending(pending) })
}

/// A connection that only looks, and changes nothing.
pub async fn look(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open { path: path.to_owned(), source };
    options(path).read_only(true).connect().await.map_err(failed)
}

/// What is damaged in a database, as SQLite says it; nothing if it is whole.
pub async fn quick_check(path: &Path) -> Result<Vec<String>, StoreError> {
    let mut connection = look(path).await?;
    let said: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(20)").fetch_all(&mut connection).await?;
    Ok(said.into_iter().filter(|line| line != "ok").collect())
}

/// Makes the file when it is not there; nobody but its owner reads it. SQLite gives the files beside it the same mode.
fn owners_only(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    for file in [path.to_owned(), beside("-wal"), beside("-shm")] {
        match platform::close_to_others(&file) {
            // Another account's file; or another process has just closed the database.
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound) => {}
            done => done?,
        }
    }
    Ok(())
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is deleted is overwritten: keys, seeds and tokens do not stay in free pages.
        .pragma("secure_delete", "ON")
        .busy_timeout(BUSY)
        .disable_statement_logging()
}

fn migration_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(version) => StoreError::Newer { version },
        other => StoreError::Migration(other),
    }
}

/// A moment as it is stored: microseconds since 1970.
pub fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// A stored moment.
pub fn moment(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| StoreError::Corrupt("time"))
}

/// A length as it is stored.
pub fn length(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Cuts rows into groups of 64, 32, 16 … 1, for statements that insert many rows: so there are seven texts of each
/// statement and not one for each number of rows, and all of them stay prepared.
pub fn groups<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let take = (1 << rest.len().ilog2()).min(64);
        let (group, after) = rest.split_at(take);
        rest = after;
        Some(group)
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn groups_keep_every_row_in_order() {
        let rows: Vec<u32> = (0..203).collect();
        let sizes: Vec<usize> = groups(&rows).map(<[u32]>::len).collect();
        assert_eq!(sizes, [64, 64, 64, 8, 2, 1]);
        assert_eq!(groups(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!(groups::<u32>(&[]).count(), 0);
    }

    #[tokio::test]
    async fn only_the_owner_reads_it_and_what_is_deleted_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let mode = |file: &str| fs::metadata(dir.path().join(file)).unwrap().permissions().mode() & 0o777;
        let migrations = &crate::store::gateway::MIGRATIONS;
        Database::open(&path, migrations).await.unwrap().close().await;
        assert_eq!(mode("a.db"), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let database = Database::open(&path, migrations).await.unwrap();
        let (secret, mut transaction) = ("a secret of 24 letters..".repeat(20), database.write().await.unwrap());
        sqlx::raw_sql("CREATE TABLE kept (secret TEXT)").execute(&mut *transaction).await.unwrap();
        for number in 0..100 {
            let text = format!("{number} {secret}");
            sqlx::query("INSERT INTO kept VALUES ($1)").bind(text).execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
        assert_eq!(["a.db", "a.db-wal", "a.db-shm"].map(mode), [0o600; 3]);
        let mut transaction = database.write().await.unwrap();
        sqlx::raw_sql("DELETE FROM kept").execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
        database.close().await;
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(24).any(|bytes| bytes == b"a secret of 24 letters.."), "it stays in a free page");
    }

    #[tokio::test]
    async fn a_newer_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let migrations = &crate::store::gateway::MIGRATIONS;
        assert!(matches!(migration_state(&path, migrations).await, Ok(MigrationState::Pending(1..))));
        let database = Database::open(&path, migrations).await.unwrap();
        assert_eq!(migration_state(&path, migrations).await.unwrap(), MigrationState::UpToDate);
        let mut transaction = database.write().await.unwrap();
        sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', TRUE, X'00', 0)")
            .execute(&mut *transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        database.close().await;
        assert!(matches!(migration_state(&path, migrations).await, Err(StoreError::Newer { version: 9999 })));
        assert!(matches!(Database::open(&path, migrations).await, Err(StoreError::Newer { version: 9999 })));
    }

    #[test]
    fn a_link_in_place_of_the_database_changes_nothing_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let (other, path) = (dir.path().join("other"), dir.path().join("a.db"));
        fs::write(&other, "x").unwrap();
        fs::set_permissions(&other, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(owners_only(&path).is_err());
        assert_eq!(fs::metadata(&other).unwrap().permissions().mode() & 0o777, 0o644);
    }
}
