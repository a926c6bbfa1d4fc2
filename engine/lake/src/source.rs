//! Where rows come from, as a trait: the store implements it through the program.

use async_trait::async_trait;
use chrono::NaiveDateTime;
use dingan_core::bundle::{Bundle, ReferenceRows};
use dingan_core::look::{Key, Page, Rowset, Wanted};
use dingan_core::person::CommitNo;
use std::sync::Arc;
use std::time::Duration;

/// What went wrong below.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// A page as it was fetched; decoding it costs time that belongs to the query, not to whoever fetches.
pub type Undecoded = Box<dyn FnOnce() -> Result<Page, SourceError> + Send>;

/// The books.
#[async_trait]
pub trait Source: Send + Sync {
    /// The books as they are now; every scan of a query reads the same state.
    async fn now(&self) -> Result<Arc<dyn Rows>, SourceError>;

    /// Keeps what was asked, by whom, and what became of it; answers the commit that holds it.
    async fn log(&self, entry: Logged) -> Result<CommitNo, SourceError>;
}

/// The books at one moment.
#[async_trait]
pub trait Rows: Send + Sync {
    /// The last commit seen.
    fn as_of(&self) -> CommitNo;

    /// Whether a condition on the key can be left to the source.
    fn sifts(&self, rows: Rowset, key: Key) -> bool;

    /// Starts reading.
    fn scan(&self, wanted: Wanted) -> Box<dyn Scan>;

    /// The reference data in force.
    async fn reference(&self) -> Result<Arc<Reference>, SourceError>;
}

/// Rows being read, a page at a time.
#[async_trait]
pub trait Scan: Send {
    /// The next page; none at the end.
    async fn next(&mut self) -> Result<Option<Undecoded>, SourceError>;
}

/// Reference data as rows, and indexed to name what rows only code.
#[derive(Debug, Default)]
pub struct Reference {
    /// The rows.
    pub rows: ReferenceRows,
    /// The same, to look up.
    pub bundle: Bundle,
}

impl Reference {
    /// Indexes rows.
    pub fn new(rows: ReferenceRows) -> Self {
        Self { bundle: Bundle::new(String::new(), rows.clone(), []), rows }
    }
}

/// One query in the audit log.
#[derive(Debug, Clone)]
pub struct Logged {
    /// When it began.
    pub at: NaiveDateTime,
    /// Who asked.
    pub who: String,
    /// The text.
    pub sql: String,
    /// Name of the investigation, where it was one.
    pub named: String,
    /// The state of the books it saw; 0 where it was refused before.
    pub as_of: CommitNo,
    /// Rows handed over.
    pub rows: u64,
    /// How long it took.
    pub took: Duration,
    /// `ok`, or the code of the error.
    pub result: String,
}
