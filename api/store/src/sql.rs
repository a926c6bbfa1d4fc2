//! The two databases behind one face. All that differs between SQLite and PostgreSQL is in this module:
//! how a connection is opened and a transaction begun, how a list is compared with, how many rows go in
//! with one statement. Everything else is one SQL text that runs on both.

use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{Arguments, AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Row as _, SqliteConnection};
use std::borrow::Cow;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// How to reach a database.
#[derive(Clone)]
pub(crate) enum Options {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

/// A connection.
pub(crate) enum Conn {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

impl Options {
    /// A file of SQLite.
    pub(crate) fn sqlite(file: &Path) -> Self {
        // test builds can switch the sync off, to show that the test of it can fail
        let sync = || {
            fail::fail_point!("store::no_sync", |_| SqliteSynchronous::Off);
            SqliteSynchronous::Full
        };
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // an answer leaves only after the log is on disk
            .synchronous(sync())
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(false)
            .statement_cache_capacity(300)
            .pragma("cache_size", "-65536")
            .pragma("mmap_size", "268435456")
            .pragma("temp_store", "memory")
            .disable_statement_logging();
        Self::Sqlite(Box::new(options))
    }

    /// A database of PostgreSQL.
    pub(crate) fn postgres(url: &str) -> Result<Self, sqlx::Error> {
        let sync = || {
            fail::fail_point!("store::no_sync", |_| "off");
            "on"
        };
        let options = PgConnectOptions::from_str(url)?
            .application_name("dingan")
            .statement_cache_capacity(300)
            .options([
                // whatever the database's own default is
                ("synchronous_commit", sync()),
                // every statement finds its rows by an index; planning each one anew would cost more than running it
                ("plan_cache_mode", "force_generic_plan"),
                // a plan made while a table was small would scan it for ever after, as it grows, until the next ANALYZE
                ("enable_seqscan", "off"),
                ("jit", "off"),
                // for the few rows of a list, to gather them first takes longer than to go and get each
                ("enable_bitmapscan", "off"),
                // a server that hangs in the middle of a commit must not hold up the others for long
                ("idle_in_transaction_session_timeout", "5s"),
                ("statement_timeout", "60s"),
                ("client_min_messages", "warning"),
            ])
            .disable_statement_logging();
        Ok(Self::Postgres(Box::new(options)))
    }

    /// For reading only.
    pub(crate) fn read_only(self) -> Self {
        match self {
            Self::Sqlite(o) => Self::Sqlite(Box::new(o.read_only(true))),
            Self::Postgres(o) => Self::Postgres(Box::new((*o).options([("default_transaction_read_only", "on")]))),
        }
    }

    /// For what a crash may lose the last moment of.
    pub(crate) fn without_waiting(self) -> Self {
        match self {
            Self::Sqlite(o) => Self::Sqlite(o),
            Self::Postgres(o) => Self::Postgres(Box::new((*o).options([("synchronous_commit", "off")]))),
        }
    }

    pub(crate) async fn connect(&self) -> Result<Conn, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(o) => Conn::Sqlite(Box::new(SqliteConnection::connect_with(o).await?)),
            Self::Postgres(o) => Conn::Postgres(Box::new(PgConnection::connect_with(o).await?)),
        })
    }
}

/// A value for a placeholder.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Int(i64),
    Text(Cow<'a, str>),
    /// For `IN (list $n)`.
    List(&'a [String]),
}

impl From<i64> for Value<'_> {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}
impl<'a> From<&'a str> for Value<'a> {
    fn from(v: &'a str) -> Self {
        Self::Text(Cow::Borrowed(v))
    }
}
impl<'a> From<&'a String> for Value<'a> {
    fn from(v: &'a String) -> Self {
        Self::Text(Cow::Borrowed(v))
    }
}
impl From<String> for Value<'_> {
    fn from(v: String) -> Self {
        Self::Text(Cow::Owned(v))
    }
}
impl<'a> From<&'a [String]> for Value<'a> {
    fn from(v: &'a [String]) -> Self {
        Self::List(v)
    }
}

/// The values for the placeholders of a statement, in order.
macro_rules! args {
    ($($v:expr),* $(,)?) => { &[$($crate::sql::Value::from($v)),*] };
}
pub(crate) use args;

/// A row of a result; columns are counted from 0. A column of another type than asked for is a mistake in
/// the statement, not in the data, and panics.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! column {
    ($name:ident, $t:ty) => {
        pub(crate) fn $name(&self, i: usize) -> $t {
            match self {
                Self::Sqlite(r) => r.get(i),
                Self::Postgres(r) => r.get(i),
            }
        }
    };
}

impl Row {
    column!(int, i64);
    column!(opt_int, Option<i64>);
    column!(text, String);
    column!(opt_text, Option<String>);

    /// A number column that another hand may have written to.
    pub(crate) fn try_int(&self, i: usize) -> Result<i64, sqlx::Error> {
        match self {
            Self::Sqlite(r) => r.try_get(i),
            Self::Postgres(r) => r.try_get(i),
        }
    }

    /// A text column that another hand may have written to.
    pub(crate) fn try_text(&self, i: usize) -> Result<String, sqlx::Error> {
        match self {
            Self::Sqlite(r) => r.try_get(i),
            Self::Postgres(r) => r.try_get(i),
        }
    }

    /// A text column without copying it.
    pub(crate) fn str(&self, i: usize) -> &str {
        match self {
            Self::Sqlite(r) => r.get(i),
            Self::Postgres(r) => r.get(i),
        }
    }
}

fn sqlite_args(values: &[Value<'_>]) -> Result<SqliteArguments, sqlx::Error> {
    let mut out = SqliteArguments::default();
    for v in values {
        match v {
            Value::Int(i) => Arguments::add(&mut out, *i),
            Value::Text(t) => Arguments::add(&mut out, t.clone().into_owned()),
            Value::List(l) => Arguments::add(&mut out, serde_json::to_string(l).unwrap_or_default()),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(out)
}

fn postgres_args(values: &[Value<'_>]) -> Result<PgArguments, sqlx::Error> {
    let mut out = PgArguments::default();
    for v in values {
        match v {
            Value::Int(i) => Arguments::add(&mut out, *i),
            Value::Text(t) => Arguments::add(&mut out, t.as_ref()),
            Value::List(l) => Arguments::add(&mut out, *l),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(out)
}

/// A question with `N` lists that a session is asked again and again.
pub(crate) struct Prepared<const N: usize> {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// Texts as PostgreSQL reads an array of them in a statement, whatever they hold (no NUL).
fn array_literal(texts: &[String]) -> String {
    let mut array = String::from("{");
    for (i, t) in texts.iter().enumerate() {
        array.push_str(if i == 0 { "\"" } else { ",\"" });
        for c in t.chars() {
            if matches!(c, '"' | '\\') {
                array.push('\\');
            }
            array.push(c);
        }
        array.push('"');
    }
    array.push('}');
    // quoted so that nothing in it is special: it ends where a tag comes that is not in it
    let mut tag = String::from("$q");
    while array.contains(&tag) {
        tag.push('q');
    }
    format!("{tag}${array}{tag}$")
}

const LIST: &str = "IN (list $";

/// `IN (list $n)` as the database has it.
fn with_lists(sql: &'static str, like: impl Fn(&str) -> String) -> sqlx::SqlStr {
    use sqlx::SqlSafeStr as _;
    if !sql.contains(LIST) {
        return sql.into_sql_str();
    }
    let mut out = String::with_capacity(sql.len() + 64);
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once(LIST) {
        let (number, after) = after.split_once(')').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&like(number));
        rest = after;
    }
    out.push_str(rest);
    AssertSqlSafe(out).into_sql_str()
}

fn sqlite_sql(sql: &'static str) -> sqlx::SqlStr {
    with_lists(sql, |n| format!("IN (SELECT value FROM json_each(${n}))"))
}

fn postgres_sql(sql: &'static str) -> sqlx::SqlStr {
    with_lists(sql, |n| format!("= ANY(${n})"))
}

impl Conn {
    pub(crate) async fn rows(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(c) => {
                let q = sqlx::query_with(sqlite_sql(sql), sqlite_args(args)?);
                q.fetch_all(&mut **c).await?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(c) => {
                let q = sqlx::query_with(postgres_sql(sql), postgres_args(args)?);
                q.fetch_all(&mut **c).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// As [`Self::rows`], of a statement put together for the purpose, which is not kept prepared.
    pub(crate) async fn rows_of(&mut self, sql: String, args: &[Value<'_>]) -> Result<Vec<Row>, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(c) => {
                let q = sqlx::query_with(AssertSqlSafe(sql), sqlite_args(args)?).persistent(false);
                q.fetch_all(&mut **c).await?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(c) => {
                let q = sqlx::query_with(AssertSqlSafe(sql), postgres_args(args)?).persistent(false);
                q.fetch_all(&mut **c).await?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Runs a statement; gives how many rows it changed.
    pub(crate) async fn run(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(c) => {
                sqlx::query_with(sqlite_sql(sql), sqlite_args(args)?).execute(&mut **c).await?.rows_affected()
            }
            Self::Postgres(c) => {
                sqlx::query_with(postgres_sql(sql), postgres_args(args)?).execute(&mut **c).await?.rows_affected()
            }
        })
    }

    /// Runs statements without placeholders, one after the other.
    pub(crate) async fn script(&mut self, sql: String) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(c) => c.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop),
            Self::Postgres(c) => c.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop),
        }
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        match self {
            // a reader's transaction that begins to write later could find itself too old
            Self::Sqlite(c) => c.execute("BEGIN IMMEDIATE").await.map(drop),
            Self::Postgres(c) => c.execute("BEGIN").await.map(drop),
        }
    }

    /// Has PostgreSQL press long texts with the quicker of its two ways, where it was built with it.
    pub(crate) async fn press_quickly(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => self
                .rows(
                    "SELECT set_config(name, 'lz4', false) FROM pg_settings \
                     WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)",
                    args![],
                )
                .await
                .map(drop),
        }
    }

    /// Keeps the counter and a question ready in the session, for [`Self::begin_counted`]: to plan them anew would take
    /// as long as to run them.
    pub(crate) async fn prepare_counted<const N: usize>(&mut self, question: &Prepared<N>) -> Result<(), sqlx::Error> {
        match self {
            // SQLite's statements are kept by their text
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(c) => {
                let sql = format!(
                    "PREPARE counted (bigint) AS \
                     UPDATE commit_counter SET no = no + $1 WHERE one = 1 RETURNING no; \
                     PREPARE {} ({}) AS {}",
                    question.name,
                    ["text[]"; N].join(", "),
                    postgres_sql(question.sql).as_str()
                );
                c.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.map(drop)
            }
        }
    }

    /// Begins a transaction that writes, takes so many numbers from the counter, whose row it holds from then on, and
    /// asks a question of what holds then; gives the last number and the answer.
    pub(crate) async fn begin_counted<const N: usize>(
        &mut self,
        count: i64,
        question: &Prepared<N>,
        lists: &[Vec<String>; N],
    ) -> Result<(i64, Vec<Row>), sqlx::Error> {
        // one way to the database and back instead of three; every statement sees what was committed before it
        let rows: Vec<Row> = match self {
            Self::Sqlite(c) => {
                let mut values: Vec<Value<'_>> = lists.iter().map(|l| Value::List(l)).collect();
                values.push(count.into());
                let sql = format!(
                    "BEGIN IMMEDIATE; UPDATE commit_counter SET no = no + ${} WHERE one = 1 RETURNING no; {}",
                    values.len(),
                    sqlite_sql(question.sql).as_str()
                );
                let q = sqlx::query_with(AssertSqlSafe(sql), sqlite_args(&values)?);
                q.fetch_all(&mut **c).await?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(c) => {
                let lists: Vec<String> = lists.iter().map(|l| array_literal(l)).collect();
                let sql = format!("BEGIN; EXECUTE counted ({count}); EXECUTE {} ({})", question.name, lists.join(", "));
                c.fetch_all(sqlx::raw_sql(AssertSqlSafe(sql))).await?.into_iter().map(Row::Postgres).collect()
            }
        };
        let mut rows = rows.into_iter();
        let last = rows.next().ok_or(sqlx::Error::RowNotFound)?.try_int(0)?;
        Ok((last, rows.collect()))
    }

    pub(crate) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(c) => c.execute("COMMIT").await.map(drop),
            Self::Postgres(c) => c.execute("COMMIT").await.map(drop),
        }
    }

    pub(crate) async fn rollback(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(c) => c.execute("ROLLBACK").await.map(drop),
            Self::Postgres(c) => c.execute("ROLLBACK").await.map(drop),
        }
    }

    /// Whether no other server can be at work on this store.
    pub(crate) fn alone(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Lets one program at a time change the schema; the lock goes with the connection.
    pub(crate) async fn lock_schema(&mut self) -> Result<(), sqlx::Error> {
        match self {
            // one process has the file
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(c) => c.execute("SELECT pg_advisory_lock(4820614)").await.map(drop),
        }
    }

    /// In this transaction, gives up early where others hold what is asked for.
    pub(crate) async fn wait_little_for_locks(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(c) => c.execute("SET LOCAL lock_timeout = '1s'").await.map(drop),
        }
    }

    /// A migration's text as this database reads it (migrations/README.md).
    pub(crate) fn schema(&self, text: &str) -> String {
        let ours = match self {
            Self::Sqlite(_) => "-- sqlite:",
            Self::Postgres(_) => "-- postgres:",
        };
        let text: String = text.lines().map(|l| l.strip_prefix(ours).unwrap_or(l)).fold(String::new(), |mut out, l| {
            out.push_str(l);
            out.push('\n');
            out
        });
        match self {
            Self::Sqlite(_) => text,
            Self::Postgres(_) => text.replace(" TEXT", " TEXT COLLATE \"C\""),
        }
    }

    /// Puts rows into their tables; gives for each table how many were put in or changed. On PostgreSQL it is one
    /// statement for all: who waits for the counter waits for few round trips of those before.
    pub(crate) async fn insert(&mut self, tables: &[Rows]) -> Result<Vec<u64>, sqlx::Error> {
        match self {
            Self::Sqlite(c) => {
                let mut changed = Vec::with_capacity(tables.len());
                for rows in tables {
                    changed.push(rows.put_into_sqlite(c).await?);
                }
                Ok(changed)
            }
            Self::Postgres(c) => put_into_postgres(tables, c).await,
        }
    }

    pub(crate) async fn close(self) {
        let _ = match self {
            Self::Sqlite(c) => c.close().await,
            Self::Postgres(c) => c.close().await,
        };
    }
}

/// Whether the connection (not the statement) is what failed.
pub(crate) fn connection_lost(e: &sqlx::Error) -> bool {
    match e {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Tls(_) => true,
        // 08: connection exceptions; 57P: the server shuts down or was told to end the session; 25P03: it waited
        // too long for us
        sqlx::Error::Database(d) => {
            d.code().is_some_and(|c| c.starts_with("08") || c.starts_with("57P") || c == "25P03")
        }
        _ => false,
    }
}

/// Whether others held what a statement needed for longer than it was to wait.
pub(crate) fn lock_not_there(e: &sqlx::Error) -> bool {
    matches!(e, sqlx::Error::Database(d) if d.code().is_some_and(|c| c == "55P03"))
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Int,
    /// A text that may be in an index.
    Text,
    /// A text of any length.
    Long,
}

/// A table as rows are put into it.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Of)],
    /// What follows the rows: `ON CONFLICT …`, or nothing.
    pub(crate) then: &'static str,
}

/// A value of a row to be put in.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Int(i64),
    Text(String),
    Null,
}

impl From<i64> for Cell {
    fn from(v: i64) -> Self {
        Self::Int(v)
    }
}
impl From<String> for Cell {
    fn from(v: String) -> Self {
        Self::Text(v)
    }
}
impl From<&str> for Cell {
    fn from(v: &str) -> Self {
        Self::Text(v.to_owned())
    }
}
impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(v: Option<T>) -> Self {
        v.map_or(Self::Null, Into::into)
    }
}

/// Whether a text could not be in an index of either database.
pub(crate) fn unfit_key(t: &str) -> bool {
    t.len() > 500 || t.contains('\0')
}

/// Rows for a table.
pub(crate) struct Rows {
    pub(crate) table: &'static Table,
    cells: Vec<Cell>,
}

/// How many of so many rows go into one statement of SQLite. There are few sizes, so that few texts have to be prepared,
/// and few statements, since each goes to the database's thread and back.
fn sqlite_rows(count: usize) -> usize {
    const SIZES: [usize; 6] = [64, 48, 32, 24, 16, 12];
    SIZES.into_iter().find(|s| *s <= count).unwrap_or(count.min(8))
}

impl Rows {
    pub(crate) fn new(table: &'static Table) -> Self {
        Self { table, cells: Vec::new() }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Cell; N]) {
        debug_assert_eq!(N, self.table.columns.len(), "{}", self.table.name);
        self.cells.extend(row);
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.cells.extend(other.cells);
    }

    /// Whether a text could not be stored on either database: such a change is refused before it fails the group
    /// it is in. PostgreSQL takes no NUL in a text, and no key longer than a third of a page.
    pub(crate) fn unfit(&self) -> bool {
        let width = self.table.columns.len();
        self.cells.iter().enumerate().any(|(i, c)| match c {
            Cell::Text(t) => match self.table.columns[i % width].1 {
                Of::Text => unfit_key(t),
                _ => t.contains('\0'),
            },
            _ => false,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len() / self.table.columns.len()
    }

    fn head(&self) -> String {
        let names: Vec<&str> = self.table.columns.iter().map(|(n, _)| *n).collect();
        format!("INSERT INTO {} ({}) ", self.table.name, names.join(", "))
    }

    async fn put_into_sqlite(&self, c: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
        let width = self.table.columns.len();
        let mut left = &self.cells[..];
        let mut changed = 0;
        while !left.is_empty() {
            let take = sqlite_rows(left.len() / width);
            let (now, later) = left.split_at(take * width);
            left = later;
            let row = format!("({})", vec!["?"; width].join(", "));
            let sql = format!("{}VALUES {} {}", self.head(), vec![row.as_str(); take].join(", "), self.table.then);
            let mut args = SqliteArguments::default();
            for cell in now {
                match cell {
                    Cell::Int(i) => Arguments::add(&mut args, *i),
                    Cell::Text(t) => Arguments::add(&mut args, t.clone()),
                    Cell::Null => Arguments::add(&mut args, None::<i64>),
                }
                .map_err(sqlx::Error::Encode)?;
            }
            changed += sqlx::query_with(AssertSqlSafe(sql), args).execute(&mut *c).await?.rows_affected();
        }
        Ok(changed)
    }

    /// The statement that puts the rows in, and their columns as its next values.
    fn postgres_insert(&self, args: &mut PgArguments) -> Result<String, sqlx::Error> {
        let width = self.table.columns.len();
        let mut lists = Vec::with_capacity(width);
        for (i, (_, of)) in self.table.columns.iter().enumerate() {
            let column = self.cells.iter().skip(i).step_by(width);
            match of {
                Of::Int => {
                    let v: Vec<Option<i64>> =
                        column.map(|c| if let Cell::Int(i) = c { Some(*i) } else { None }).collect();
                    Arguments::add(args, v)
                }
                Of::Text | Of::Long => {
                    let v: Vec<Option<&str>> =
                        column.map(|c| if let Cell::Text(t) = c { Some(t.as_str()) } else { None }).collect();
                    Arguments::add(args, v)
                }
            }
            .map_err(sqlx::Error::Encode)?;
            let array = if *of == Of::Int { "bigint[]" } else { "text[]" };
            lists.push(format!("UNNEST(${}::{array})", args.len()));
        }
        // each on its own, which go on row by row: in FROM every column would be put away as a whole before
        Ok(format!("{}SELECT {} {}", self.head(), lists.join(", "), self.table.then))
    }
}

async fn put_into_postgres(tables: &[Rows], c: &mut PgConnection) -> Result<Vec<u64>, sqlx::Error> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = PgArguments::default();
    let (mut inserts, mut counts) = (Vec::new(), Vec::new());
    for (i, rows) in tables.iter().enumerate() {
        let insert = rows.postgres_insert(&mut args)?;
        // rows that cannot be in conflict all go in, or the statement fails
        if rows.table.then.is_empty() {
            inserts.push(format!("t{i} AS ({insert})"));
            counts.push("CAST(-1 AS BIGINT)".to_owned());
        } else {
            inserts.push(format!("t{i} AS ({insert} RETURNING 1)"));
            counts.push(format!("(SELECT count(*) FROM t{i})"));
        }
    }
    let sql = format!("WITH {} SELECT {}", inserts.join(", "), counts.join(", "));
    let row = sqlx::query_with(AssertSqlSafe(sql), args).fetch_one(c).await?;
    let count = |(i, rows): (usize, &Rows)| Ok(u64::try_from(row.try_get::<i64, _>(i)?).unwrap_or(rows.len() as u64));
    tables.iter().enumerate().map(count).collect()
}
