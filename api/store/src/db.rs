//! Opening the database, and the two ways in: snapshots for reading, one writer.

use crate::access::Nonces;
use crate::migrate::{leave_older_behind, migrate};
use crate::pool::Pool;
use crate::sql::{Options, args};
use crate::write::{Job, Writer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, watch};

/// What can go wrong below the domain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database refused or is not there.
    // said in full by its own words: no source, or a chain of causes would say it again and again
    #[error("database: {0}")]
    Database(sqlx::Error),
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
    #[error("`{path}`: {reason}")]
    File {
        /// The path.
        path: String,
        /// Why.
        reason: std::io::Error,
    },
    /// No database of this form is known.
    #[error("--database {0}: expected sqlite:FILE or postgres://USER@HOST/NAME")]
    Location(String),
    /// A newer program writes the store in a form that this one would misread.
    #[error(
        "the store is written in a newer form (migration {needs}; this program knows {knows}): use the newer dingan"
    )]
    TooNew {
        /// The migration a program has to know.
        needs: i64,
        /// The last one this program knows.
        knows: i64,
    },
    /// Others read the lines, for longer than was waited.
    #[error(
        "other programs read the table of settled lines (a copy of the database under way?): nothing was changed, try later"
    )]
    LinesInUse,
    /// A database has tools of its own for copies.
    #[error("a PostgreSQL database is copied with pg_dump or pg_basebackup: see docs/operations.md")]
    NotEmbedded,
    /// The change was in a group that could not be written; nothing of it is there.
    #[error("the change could not be written; nothing of it is stored")]
    Lost,
    /// The connection broke while the change was being committed: it may be there or not, and its message's
    /// key says which.
    #[error("whether the change is stored is not known")]
    Unknown,
    /// More is waiting than can be worked on soon.
    #[error("the store has too much to do")]
    Busy,
    /// The writer has stopped.
    #[error("the store is closing")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(e: sqlx::Error) -> Self {
        Self::Database(e)
    }
}

impl StoreError {
    pub(crate) fn damaged(table: &'static str, e: impl std::fmt::Display) -> Self {
        Self::Damaged { table, reason: e.to_string() }
    }
}

/// Where the books are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An embedded store in a folder.
    Folder(PathBuf),
    /// An embedded store in a file.
    File(PathBuf),
    /// A database of PostgreSQL, shared by any number of servers. The URL may hold a password.
    Postgres(String),
}

impl Location {
    /// Reads `sqlite:FILE` or `postgres://…`.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self::File(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        // what came before the first colon is not shown: the rest may hold a password
        Err(StoreError::Location(text.split(':').next().unwrap_or_default().to_owned()))
    }
}

/// As a user may read it: without user and password.
impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(p) => write!(f, "{}", p.display()),
            Self::File(p) => write!(f, "sqlite:{}", p.display()),
            Self::Postgres(url) => {
                let rest = url.split_once("://").map_or("", |(_, r)| r);
                let rest = rest.split(['?', '#']).next().unwrap_or_default();
                write!(f, "postgres://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host))
            }
        }
    }
}

/// Changes waiting for the writer; beyond it callers are told to come back.
const QUEUE: usize = 1024;

/// Connections that read.
const READERS: usize = 16;

/// Connections that read for inspection.
const LOOKERS: usize = 4;

/// The agency's books.
#[derive(Clone)]
pub struct Store {
    pub(crate) pool: Pool,
    /// For those who look, so that they neither take a connection from those who settle nor lend one to them.
    pub(crate) beside: Pool,
    pub(crate) jobs: mpsc::Sender<Job>,
    closing: Arc<Notify>,
    /// Its sender goes with the writer.
    closed: watch::Receiver<()>,
    /// Held as long as the store is open: one process writes an embedded store.
    _lock: Arc<Option<std::fs::File>>,
    pub(crate) nonces: Arc<Nonces>,
}

impl Store {
    /// Opens (and makes, where missing) a store.
    pub async fn open(at: &Location) -> Result<Self, StoreError> {
        let (options, lock) = match at {
            Location::Folder(folder) => embedded(&folder.join("dingan.db"), &folder.join("lock"), folder)?,
            Location::File(file) => {
                let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let mut lock = file.clone().into_os_string();
                lock.push(".lock");
                embedded(file, Path::new(&lock), folder)?
            }
            Location::Postgres(url) => (Options::postgres(url)?, None),
        };
        let mut writer = options.connect().await?;
        migrate(&mut writer).await?;
        // the lock on the schema goes with the connection
        writer.close().await;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let closing = Arc::new(Notify::new());
        let (alive, closed) = watch::channel(());
        Writer::start(options.clone(), queue, Arc::clone(&closing), alive).await?;
        let nonces = Arc::new(Nonces::of(&options));
        let pool = Pool::new(options.clone().read_only(), READERS);
        let beside = Pool::new(options.read_only(), LOOKERS);
        Ok(Self { pool, beside, jobs, closing, closed, _lock: Arc::new(lock), nonces })
    }

    /// Ends an upgrade, when no server older than this program runs any more: from now on the books are written as only
    /// this version and later ones read them. False for an embedded store, which is written so since it was first opened.
    /// `waits` hears how many tries are left, each time that somebody who reads the lines is in the way.
    pub async fn finish_upgrade(at: &Location, waits: impl Fn(usize)) -> Result<bool, StoreError> {
        let Location::Postgres(url) = at else { return Ok(false) };
        let mut c = Options::postgres(url)?.connect().await?;
        migrate(&mut c).await?;
        leave_older_behind(&mut c, waits).await?;
        // the lock on the schema goes with the connection
        c.close().await;
        Ok(true)
    }

    /// Whether the database answers.
    pub async fn ready(&self) -> Result<(), StoreError> {
        if self.jobs.is_closed() {
            return Err(StoreError::Closed);
        }
        self.pool.lease().await?.rows("SELECT 1", args![]).await?;
        Ok(())
    }

    /// Writes what is queued, refuses what comes later, and closes the connections: the writer's last, so
    /// that an embedded store folds the log into the database.
    pub async fn close(mut self) {
        self.pool.close().await;
        self.beside.close().await;
        self.closing.notify_one();
        while self.closed.changed().await.is_ok() {}
    }
}

/// A file of SQLite with the lock that lets one process in.
fn embedded(file: &Path, lock: &Path, folder: &Path) -> Result<(Options, Option<std::fs::File>), StoreError> {
    let failed = |reason| StoreError::File { path: folder.display().to_string(), reason };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let held = std::fs::File::create(lock).map_err(failed)?;
    if held.try_lock().is_err() {
        return Err(StoreError::InUse(folder.display().to_string()));
    }
    Ok((Options::sqlite(file), Some(held)))
}
