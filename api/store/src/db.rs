//! Opening the database, migrations, and the two ways in: snapshots for reading, one writer.

use crate::write::{Job, Writer};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Executor, SqliteConnection, SqlitePool};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};

/// What can go wrong below the domain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refused or is not there.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A stored row could not be read: another program wrote it, or the file is damaged.
    #[error("stored row of `{table}` cannot be read: {reason}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// Why.
        reason: String,
    },
    /// Another process holds the embedded store.
    #[error("the store at `{0}` is in use by another process; stop it or use another --data")]
    InUse(String),
    /// The file could not be made or locked.
    #[error("`{path}`: {source}")]
    File {
        /// The path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The change was in a group that could not be written; nothing of it is there.
    #[error("the change could not be written; nothing of it is stored")]
    Lost,
    /// The writer has stopped.
    #[error("the store is closing")]
    Closed,
}

impl StoreError {
    pub(crate) fn damaged(table: &'static str, e: impl std::fmt::Display) -> Self {
        Self::Damaged { table, reason: e.to_string() }
    }
}

const MIGRATIONS: &[(i64, &str)] =
    &[(1, include_str!("../migrations/0001_first.sql")), (2, include_str!("../migrations/0002_review.sql"))];

/// Changes waiting for the writer; beyond it callers wait in line.
const QUEUE: usize = 1024;

/// The agency's books.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: SqlitePool,
    pub(crate) jobs: mpsc::Sender<Job>,
    closing: Arc<Notify>,
    /// Its sender goes with the writer.
    closed: watch::Receiver<()>,
    /// Held as long as the store is open: one process writes an embedded store.
    _lock: Arc<Option<std::fs::File>>,
}

impl Store {
    /// Opens (and makes, where missing) the embedded store in a folder.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let file = |source| StoreError::File { path: folder.display().to_string(), source };
        std::fs::create_dir_all(folder).map_err(file)?;
        let lock = std::fs::File::create(folder.join("lock")).map_err(file)?;
        if lock.try_lock().is_err() {
            return Err(StoreError::InUse(folder.display().to_string()));
        }
        let url = format!("sqlite://{}", folder.join("dingan.db").display());
        Self::connect(&url, Some(lock)).await
    }

    async fn connect(url: &str, lock: Option<std::fs::File>) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // an answer leaves only after the log is on disk
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(false)
            .statement_cache_capacity(200)
            .pragma("cache_size", "-65536")
            .pragma("mmap_size", "268435456")
            .pragma("temp_store", "memory");
        let mut writer = SqliteConnection::connect_with(&options).await?;
        migrate(&mut writer).await?;
        let pool = SqlitePoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options.read_only(true))
            .await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let closing = Arc::new(Notify::new());
        let (alive, closed) = watch::channel(());
        tokio::spawn(Writer::new(writer, queue, Arc::clone(&closing), alive).run());
        Ok(Self { pool, jobs, closing, closed, _lock: Arc::new(lock) })
    }

    /// Whether the database answers.
    pub async fn ready(&self) -> Result<(), StoreError> {
        if self.jobs.is_closed() {
            return Err(StoreError::Closed);
        }
        self.pool.execute("SELECT 1").await?;
        Ok(())
    }

    /// Writes what is queued, refuses what comes later, and closes the files: the writer last, so that
    /// it folds the log into the database.
    pub async fn close(mut self) {
        self.pool.close().await;
        self.closing.notify_one();
        while self.closed.changed().await.is_ok() {}
    }
}

async fn migrate(c: &mut SqliteConnection) -> Result<(), StoreError> {
    c.execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)").await?;
    let have: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM schema_version").fetch_one(&mut *c).await?;
    for (version, sql) in MIGRATIONS.iter().filter(|(v, _)| have.is_none_or(|h| *v > h)) {
        let mut tx = c.begin().await?;
        tx.execute(*sql).await?;
        sqlx::query("INSERT INTO schema_version (version) VALUES ($1)").bind(version).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}
