//! What the server needs of inspection, as a trait: the program gives it, and links what it takes.

use async_trait::async_trait;
use chrono::NaiveDateTime;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A question: SQL, or an investigation by its name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The SQL.
    #[serde(default)]
    pub sql: String,
    /// The name of an investigation, instead of SQL.
    #[serde(default)]
    pub named: String,
    /// Its parameters.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// `csv`, `json`, `parquet`, `xlsx` or `table`; JSON where not said.
    #[serde(default)]
    pub format: String,
}

/// Why there is no answer, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A stable code.
    pub code: &'static str,
    /// What went wrong.
    pub message: String,
    /// What kind of problem it is, in Chinese.
    pub chinese: &'static str,
    /// Line and column in the SQL.
    pub place: Option<(usize, usize)>,
    /// What to do.
    pub hint: Option<String>,
}

/// An answer as it is written; dropping it stops the query.
#[async_trait]
pub trait Rows: Send {
    /// For the header.
    fn content_type(&self) -> &'static str;
    /// The commit up to which the books were read.
    fn as_of(&self) -> i64;
    /// The next bytes; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem>;
}

/// Answers questions about the books.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Asks.
    async fn ask(&self, question: Question, who: &str, now: NaiveDateTime) -> Result<Box<dyn Rows>, Problem>;
}
