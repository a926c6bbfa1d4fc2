//! `dingan inspect` and what the server answers questions with: the lake's inspector over the agency's books.

mod out;
mod source;

use crate::remote::{Remote, refusal};
use crate::serve::{now, open_at, user};
use anyhow::{Context, bail};
use async_trait::async_trait;
use chrono::NaiveDateTime;
use dingan_http::agency::Agency;
use dingan_http::inspect::{Inspect, Problem, Question, Rows};
use dingan_lake::output::{Format, Written};
use dingan_lake::{Asked, InspectError, Inspector, Limits, named};
use dingan_store::Location;
use out::Out;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What the command was given.
pub struct Ask {
    /// The query.
    pub sql: Option<String>,
    /// A file with it.
    pub file: Option<PathBuf>,
    /// An investigation instead.
    pub named: Option<String>,
    /// Its parameters, `NAME=VALUE`.
    pub params: Vec<String>,
    /// How the rows are written.
    pub format: String,
    /// Where to.
    pub out: Option<PathBuf>,
    /// Limit of time.
    pub seconds: u64,
    /// Limit of rows.
    pub rows: u64,
    /// A server to ask.
    pub remote: Option<Remote>,
}

/// Inspection for the server.
pub fn service(agency: &Agency) -> std::io::Result<Arc<dyn Inspect>> {
    Ok(Arc::new(Service { inspector: inspector(agency, Limits::default())? }))
}

/// An inspector over the agency's books.
pub fn inspector(agency: &Agency, limits: Limits) -> std::io::Result<Inspector> {
    Inspector::new(Arc::new(source::Books::new(agency.clone())), limits)
}

struct Service {
    inspector: Inspector,
}

fn problem(e: InspectError) -> Problem {
    Problem { code: e.code, chinese: e.in_chinese(), message: e.message, place: e.place, hint: e.hint }
}

#[async_trait]
impl Inspect for Service {
    async fn ask(&self, question: Question, who: &str, now: NaiveDateTime) -> Result<Box<dyn Rows>, Problem> {
        let name = if question.format.is_empty() { "json" } else { &question.format };
        let Some(format) = Format::named(name) else {
            let hint = Some(format!("one of {}", Format::NAMES.join(", ")));
            let e = InspectError { code: "FORMAT", message: format!("no format `{name}`"), place: None, hint };
            return Err(problem(e));
        };
        let asked = asked(question.sql, question.named, &question.params, who, now).map_err(problem)?;
        let answer = self.inspector.ask(asked).await.map_err(problem)?;
        let as_of = answer.as_of();
        let written = Written::new(answer, format).map_err(problem)?;
        Ok(Box::new(Sent { written, format, as_of }))
    }
}

struct Sent {
    written: Written,
    format: Format,
    as_of: i64,
}

#[async_trait]
impl Rows for Sent {
    fn content_type(&self) -> &'static str {
        self.format.content_type()
    }
    fn as_of(&self) -> i64 {
        self.as_of
    }
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        self.written.next().await.map_err(problem)
    }
}

fn asked(
    sql: String,
    name: String,
    params: &BTreeMap<String, String>,
    who: &str,
    at: NaiveDateTime,
) -> Result<Asked, InspectError> {
    let sql = if name.is_empty() { sql } else { named::sql(&name, params)? };
    Ok(Asked { sql, named: name, who: who.to_owned(), at })
}

/// Lists the investigations.
pub fn list() -> anyhow::Result<bool> {
    for i in named::shipped() {
        say!("{}  {}", i.name, i.title);
        for p in i.parameters {
            say!("    {} = {}  {}", p.name, p.default, p.meaning);
        }
    }
    Ok(true)
}

/// The command.
pub async fn run(ask: Ask, data: &Location) -> anyhow::Result<bool> {
    let sql = match (&ask.sql, &ask.file) {
        (Some(sql), _) => sql.clone(),
        (None, Some(file)) => std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?,
        (None, None) => String::new(),
    };
    let mut params = BTreeMap::new();
    for p in &ask.params {
        let Some((name, value)) = p.split_once('=') else { bail!("--param {p}: expected NAME=VALUE") };
        params.insert(name.to_owned(), value.to_owned());
    }
    let name = ask.named.clone().unwrap_or_default();
    let out = Out::open(ask.out)?;
    if let Some(server) = &ask.remote {
        return remote(server, &Question { sql, named: name, params, format: ask.format }, out);
    }
    let Some(format) = Format::named(&ask.format) else { bail!("no format `{}`", ask.format) };
    let asked = asked(sql, name, &params, &user(), now())?;
    let agency = open_at(data)
        .await
        .context("the books cannot be opened here; a server that has them answers with --server URL")?;
    let limits = Limits { time: Duration::from_secs(ask.seconds), rows: ask.rows, ..Limits::default() };
    let result = local(&agency, limits, asked, format, out).await;
    agency.store().clone().close().await;
    result.map(|()| true)
}

async fn local(agency: &Agency, limits: Limits, asked: Asked, format: Format, mut out: Out) -> anyhow::Result<()> {
    let inspector = inspector(agency, limits)?;
    let said = |e: InspectError| anyhow::anyhow!("{}\n{e}", e.in_chinese());
    let mut written = Written::new(inspector.ask(asked).await.map_err(said)?, format).map_err(said)?;
    while let Some(bytes) = written.next().await.map_err(said)? {
        if !out.take(&bytes)? {
            break;
        }
    }
    out.whole()
}

/// Asks a running server.
fn remote(server: &Remote, question: &Question, mut out: Out) -> anyhow::Result<bool> {
    let body = serde_json::json!({
        "sql": question.sql, "named": question.named, "params": question.params, "format": question.format
    });
    let mut answer = server.ask("/api/v1/inspect", Some(&body))?;
    if !answer.status().is_success() {
        bail!("{}", refusal(&answer.body_mut().read_to_string().unwrap_or_default()));
    }
    let mut rows = answer.body_mut().as_reader();
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = rows.read(&mut bytes).context(
            "the answer broke off: the query met a limit, or the server went away (the server's record of queries says which)",
        )?;
        if read == 0 {
            out.whole()?;
            return Ok(true);
        }
        if !out.take(bytes.get(..read).unwrap_or_default())? {
            return Ok(true);
        }
    }
}
