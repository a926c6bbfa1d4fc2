//! Writing: one writer, many changes to a disk sync.
//!
//! A change is decided outside on a snapshot, and carries the versions of the books it was decided
//! on. The writer compares and swaps them, writes everything in one savepoint, and answers only
//! after the commit of the whole group is on disk.

mod tables;

use crate::db::{Store, StoreError};
use crate::lists::{self, NewReview, StoredList};
use crate::read::family_account;
use crate::read::own_account;
use crate::rows::*;
use chrono::NaiveDateTime;
use dingan_core::codes::*;
use dingan_core::finding::Finding;
use dingan_core::ledger::Posting;
use dingan_core::money::Money;
use dingan_core::person::{AccumulatorEntry, CommitNo, PastLine, Person};
use sqlx::{Connection, Executor, SqliteConnection};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// Changes written with one sync at most.
const GROUP: usize = 64;

/// Why a change was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A book moved on since the snapshot; decide again on a new one.
    #[error("the books moved on")]
    Conflict,
    /// The message has an answer already (or was cancelled in advance).
    #[error("the message was answered already")]
    Answered,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CommitError {
    fn from(e: sqlx::Error) -> Self {
        Self::Store(e.into())
    }
}

/// A message's key.
#[derive(Debug, Clone)]
pub struct MessageKey {
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// `infno`.
    pub infno: String,
    /// `msgid`.
    pub msgid: String,
    /// Hash of the normalised input.
    pub input_hash: String,
}

/// What must still hold when a change is written.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// The person whose facts change, with the version they were read at (0 for a new one).
    pub person: Option<(PersonNo, i64)>,
    /// The message this change answers.
    pub message: Option<MessageKey>,
    /// Accounts that change.
    pub accounts: Vec<AccountMove>,
}

/// A change of an account.
#[derive(Debug, Clone)]
pub struct AccountMove {
    /// Name of the account.
    pub account: String,
    /// Version it was read at (0 for a new one).
    pub version: i64,
    /// Added to the balance; negative for a payment.
    pub amount: Money,
}

impl AccountMove {
    /// A change of the person's own account.
    pub fn own(person: &PersonNo, version: i64, amount: Money) -> Self {
        Self { account: own_account(person), version, amount }
    }
    /// A change of a family account.
    pub fn family(id: &str, version: i64, amount: Money) -> Self {
        Self { account: family_account(id), version, amount }
    }
}

/// A settlement or reversal to be written.
#[derive(Debug, Clone)]
pub struct NewSettlement {
    /// The row; `commit_no` is put in by the writer.
    pub row: StoredSettlement,
    /// Lines settled: (line, version, amount that counted). Empty on a reversal.
    pub lines: Vec<(StoredLine, Money)>,
    /// What later claims will see of it.
    pub history: Vec<PastLine>,
    /// Accumulator entries.
    pub entries: Vec<AccumulatorEntry>,
    /// Ledger postings.
    pub postings: Vec<Posting>,
}

/// Findings of a run.
#[derive(Debug, Clone)]
pub struct NewFindings {
    /// Run id.
    pub run: String,
    /// What caused the run: an `infno`, `batch` …
    pub cause: String,
    /// Bundle.
    pub bundle: String,
    /// Facts were read up to this commit.
    pub as_of: CommitNo,
    /// `setl_id`, empty for a check.
    pub settlement: SettlementId,
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// `psn_no`.
    pub person: PersonNo,
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// The findings.
    pub findings: Vec<Finding>,
}

/// Lines to be taken away.
#[derive(Debug, Clone)]
pub struct NewVoid {
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// Which.
    pub lines: Vec<LineNo>,
}

/// Feedback to be kept.
#[derive(Debug, Clone)]
pub struct NewFeedback {
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// Finding id.
    pub finding: String,
    /// Before (1) or in process (2).
    pub before: bool,
    /// `dspo_way`.
    pub way: String,
    /// `dspo_way_rea`.
    pub reason: String,
}

/// Everything one commit writes.
#[derive(Debug, Clone, Default)]
pub struct Write {
    /// What it is, for the commit log.
    pub kind: &'static str,
    /// When, as given by the caller.
    pub at: NaiveDateTime,
    /// New versions of persons.
    pub persons: Vec<Person>,
    /// A new version of a visit, and whether it is cancelled.
    pub visit: Option<(VisitDoc, bool)>,
    /// New lines of a visit.
    pub lines: Option<(VisitId, Vec<dingan_core::claim::Line>)>,
    /// Lines taken away.
    pub void: Option<NewVoid>,
    /// A settlement or reversal.
    pub settlement: Option<NewSettlement>,
    /// Findings.
    pub findings: Option<NewFindings>,
    /// A settlement list.
    pub list: Option<StoredList>,
    /// The review of a settlement.
    pub review: Option<NewReview>,
    /// Feedback.
    pub feedback: Vec<NewFeedback>,
    /// Proposals.
    pub proposals: Vec<(PersonNo, String, dingan_core::rebuild::Difference)>,
    /// Bundle to be kept, with its hash.
    pub bundle: Option<(String, BundleParts)>,
    /// Settings to be set.
    pub settings: Vec<(String, String)>,
    /// The answer to the guard's message.
    pub answer: String,
    /// A message refused in advance.
    pub tombstone: Option<MessageKey>,
    /// Visit the message concerned.
    pub message_visit: VisitId,
    /// A settlement made before that the message was answered with.
    pub message_settlement: SettlementId,
}

/// Builds what is written, knowing the commit number (ids are made of it).
pub type WriteFn = Box<dyn FnOnce(CommitNo) -> Write + Send>;

/// A change that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its number.
    pub commit_no: CommitNo,
    /// The answer as kept.
    pub answer: String,
}

pub(crate) struct Job {
    guard: Guard,
    build: WriteFn,
    done: oneshot::Sender<Result<Committed, CommitError>>,
}

impl Store {
    /// Writes a change if its guard still holds. When this returns, it is on disk.
    pub async fn commit(&self, guard: Guard, build: WriteFn) -> Result<Committed, CommitError> {
        let (done, wait) = oneshot::channel();
        self.jobs.send(Job { guard, build, done }).await.map_err(|_| StoreError::Closed)?;
        wait.await.map_err(|_| StoreError::Closed)?
    }
}

pub(crate) struct Writer {
    connection: SqliteConnection,
    queue: mpsc::Receiver<Job>,
    closing: Arc<Notify>,
    /// Dropped when the files are closed.
    alive: watch::Sender<()>,
}

impl Writer {
    pub(crate) fn new(
        connection: SqliteConnection,
        queue: mpsc::Receiver<Job>,
        closing: Arc<Notify>,
        alive: watch::Sender<()>,
    ) -> Self {
        Self { connection, queue, closing, alive }
    }

    pub(crate) async fn run(mut self) {
        let mut jobs = Vec::with_capacity(GROUP);
        loop {
            tokio::select! {
                count = self.queue.recv_many(&mut jobs, GROUP) => {
                    if count == 0 {
                        break;
                    }
                    self.group(std::mem::take(&mut jobs)).await;
                }
                // nothing new is taken in; what is queued still comes out above
                () = self.closing.notified() => self.queue.close(),
            }
        }
        let _ = self.connection.close().await;
        drop(self.alive);
    }

    /// One transaction for all that waited; each in its own savepoint, so that one refused change
    /// leaves the others alone.
    async fn group(&mut self, jobs: Vec<Job>) {
        let mut results: Vec<(oneshot::Sender<_>, Result<Committed, CommitError>)> = Vec::with_capacity(jobs.len());
        // the first failure that makes the whole group void
        let mut lost = self.connection.execute("BEGIN IMMEDIATE").await.err();
        for job in jobs {
            let result = match &lost {
                None => match one(&mut self.connection, job.guard, job.build).await {
                    Ok(result) => result,
                    Err(e) => {
                        // a savepoint that cannot be undone may have left half a change behind
                        lost = Some(e);
                        Err(StoreError::Lost.into())
                    }
                },
                Some(_) => Err(StoreError::Lost.into()),
            };
            results.push((job.done, result));
        }
        if lost.is_none() {
            lost = self.connection.execute("COMMIT").await.err();
        }
        if let Some(e) = &lost {
            tracing::error!(error = %e, "a group of changes was not written; none of it is acknowledged");
            let _ = self.connection.execute("ROLLBACK").await;
        }
        for (done, result) in results {
            let result = match (&lost, result) {
                (Some(_), Ok(_)) => Err(StoreError::Lost.into()),
                (_, r) => r,
            };
            // a caller that went away finds its answer on retry
            let _ = done.send(result);
        }
    }
}

/// One change in its savepoint. The outer error says that the savepoint itself failed.
async fn one(
    c: &mut SqliteConnection,
    guard: Guard,
    build: WriteFn,
) -> Result<Result<Committed, CommitError>, sqlx::Error> {
    c.execute("SAVEPOINT change").await?;
    let result = change(c, guard, build).await;
    if result.is_err() {
        c.execute("ROLLBACK TO change").await?;
    }
    c.execute("RELEASE change").await?;
    Ok(result)
}

async fn change(c: &mut SqliteConnection, guard: Guard, build: WriteFn) -> Result<Committed, CommitError> {
    if let Some(m) = &guard.message {
        let n: i64 =
            sqlx::query_scalar("SELECT count(*) FROM message WHERE fixmedins_code = $1 AND infno = $2 AND msgid = $3")
                .bind(m.institution.as_str())
                .bind(&m.infno)
                .bind(&m.msgid)
                .fetch_one(&mut *c)
                .await?;
        if n > 0 {
            return Err(CommitError::Answered);
        }
    }
    if let Some((person, version)) = &guard.person {
        let swapped = if *version == 0 {
            sqlx::query("INSERT INTO person_book (psn_no, version) VALUES ($1, 1) ON CONFLICT DO NOTHING")
                .bind(person.as_str())
        } else {
            sqlx::query("UPDATE person_book SET version = version + 1 WHERE psn_no = $1 AND version = $2")
                .bind(person.as_str())
                .bind(version)
        };
        if swapped.execute(&mut *c).await?.rows_affected() != 1 {
            return Err(CommitError::Conflict);
        }
    }
    // the commit number is drawn before the rest, since ids are made of it
    let no: CommitNo = sqlx::query_scalar("INSERT INTO commit_log (at, kind) VALUES ('', '') RETURNING commit_no")
        .fetch_one(&mut *c)
        .await?;
    // rendering is the caller's code: a panic in it must not end the only writer
    let built = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| build(no)));
    let w =
        built.map_err(|_| StoreError::Damaged { table: "-", reason: "the change could not be built".to_owned() })?;
    sqlx::query("UPDATE commit_log SET at = $1, kind = $2 WHERE commit_no = $3")
        .bind(time_text(w.at))
        .bind(w.kind)
        .bind(no)
        .execute(&mut *c)
        .await?;

    let setl_id = w.settlement.as_ref().map(|s| s.row.id.clone()).unwrap_or_default();
    tables::accounts(c, no, &guard.accounts, &setl_id).await?;
    for p in &w.persons {
        tables::person(c, no, p).await?;
        // the guard already swapped its own person's book; an import moves the others on
        if guard.person.as_ref().is_none_or(|(guarded, _)| *guarded != p.no) {
            sqlx::query(
                "INSERT INTO person_book (psn_no, version) VALUES ($1, 1) \
                 ON CONFLICT (psn_no) DO UPDATE SET version = person_book.version + 1",
            )
            .bind(p.no.as_str())
            .execute(&mut *c)
            .await?;
        }
    }
    if let Some((doc, cancelled)) = &w.visit {
        tables::visit(c, no, doc, *cancelled).await?;
    }
    if let Some((visit, lines)) = &w.lines {
        tables::new_lines(c, no, visit, lines).await?;
    }
    if let Some(v) = &w.void {
        tables::void_lines(c, no, v).await?;
    }
    if let Some(s) = &w.settlement {
        tables::settlement(c, no, s).await?;
    }
    if let Some(f) = &w.findings {
        tables::findings(c, no, f, w.at).await?;
    }
    if let Some(l) = &w.list {
        lists::write_list(c, no, l).await?;
    }
    if let Some(r) = &w.review {
        lists::write_verdicts(c, no, r).await?;
        tables::findings(c, no, &r.found, w.at).await?;
    }
    for f in &w.feedback {
        sqlx::query(
            "INSERT INTO feedback (fixmedins_code, finding_id, commit_no, before, way, reason) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (fixmedins_code, finding_id, commit_no) \
             DO UPDATE SET way = $5, reason = $6",
        )
        .bind(f.institution.as_str())
        .bind(&f.finding)
        .bind(no)
        .bind(i64::from(f.before))
        .bind(&f.way)
        .bind(&f.reason)
        .execute(&mut *c)
        .await?;
    }
    for (person, cause, difference) in &w.proposals {
        sqlx::query("INSERT INTO proposal (commit_no, setl_id, psn_no, cause, data) VALUES ($1, $2, $3, $4, $5)")
            .bind(no)
            .bind(difference.settlement.as_str())
            .bind(person.as_str())
            .bind(cause)
            .bind(tables::text("proposal", difference)?)
            .execute(&mut *c)
            .await?;
    }
    if let Some((hash, parts)) = &w.bundle {
        tables::bundle(c, hash, parts, w.at).await?;
    }
    for (name, value) in &w.settings {
        sqlx::query("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2")
            .bind(name)
            .bind(value)
            .execute(&mut *c)
            .await?;
    }
    if let Some(m) = &guard.message {
        let of = if setl_id.is_empty() { &w.message_settlement } else { &setl_id };
        tables::message(c, no, m, &w, of.as_str(), Some(&w.answer)).await?;
    }
    if let Some(m) = &w.tombstone {
        tables::message(c, no, m, &w, "", None).await?;
    }
    Ok(Committed { commit_no: no, answer: w.answer })
}
