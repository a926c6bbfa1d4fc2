//! Writing: one writer, many changes to a disk sync.
//!
//! A change is decided outside on a snapshot, and carries the versions of the books it was decided
//! on. The writer compares and swaps them, writes everything in one savepoint, and answers only
//! after the commit of the whole group is on disk.

use crate::db::{Store, StoreError};
use crate::read::family_account;
use crate::read::own_account;
use crate::rows::*;
use chrono::NaiveDateTime;
use dingan_core::codes::*;
use dingan_core::finding::Finding;
use dingan_core::ledger::Posting;
use dingan_core::money::{Money, Quantity};
use dingan_core::person::{AccumulatorEntry, CommitNo, PastLine, Person};
use sqlx::{Connection, Executor, QueryBuilder, Sqlite, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

/// Changes written with one sync at most.
const GROUP: usize = 64;

/// Rows of one multi-row insert: SQLite takes 32,766 parameters a statement.
const CHUNK: usize = 1000;

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
}

impl Writer {
    pub(crate) fn new(connection: SqliteConnection, queue: mpsc::Receiver<Job>) -> Self {
        Self { connection, queue }
    }

    pub(crate) async fn run(mut self) {
        let mut jobs = Vec::with_capacity(GROUP);
        while self.queue.recv_many(&mut jobs, GROUP).await > 0 {
            self.group(std::mem::take(&mut jobs)).await;
        }
        let _ = self.connection.close().await;
    }

    /// One transaction for all that waited; each in its own savepoint, so that one refused change
    /// leaves the others alone.
    async fn group(&mut self, jobs: Vec<Job>) {
        let mut results: Vec<(oneshot::Sender<_>, Result<Committed, CommitError>)> = Vec::with_capacity(jobs.len());
        let began = self.connection.execute("BEGIN IMMEDIATE").await;
        for job in jobs {
            let result = match &began {
                Ok(_) => one(&mut self.connection, job.guard, job.build).await,
                Err(e) => Err(StoreError::Damaged { table: "-", reason: format!("cannot begin: {e}") }.into()),
            };
            results.push((job.done, result));
        }
        let ended = self.connection.execute("COMMIT").await;
        if let Err(e) = &ended {
            tracing::error!(error = %e, "commit failed; nothing of the group is acknowledged");
            let _ = self.connection.execute("ROLLBACK").await;
        }
        for (done, result) in results {
            let result = match (&ended, result) {
                (Err(e), Ok(_)) => {
                    Err(StoreError::Damaged { table: "-", reason: format!("cannot commit: {e}") }.into())
                }
                (_, r) => r,
            };
            // a caller that went away finds its answer on retry
            let _ = done.send(result);
        }
    }
}

async fn one(c: &mut SqliteConnection, guard: Guard, build: WriteFn) -> Result<Committed, CommitError> {
    c.execute("SAVEPOINT change").await?;
    let result = change(c, guard, build).await;
    match &result {
        Ok(_) => c.execute("RELEASE change").await?,
        Err(_) => {
            c.execute("ROLLBACK TO change").await?;
            c.execute("RELEASE change").await?
        }
    };
    result
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
    let w = build(no);
    sqlx::query("UPDATE commit_log SET at = $1, kind = $2 WHERE commit_no = $3")
        .bind(time_text(w.at))
        .bind(w.kind)
        .bind(no)
        .execute(&mut *c)
        .await?;

    let setl_id = w.settlement.as_ref().map(|s| s.row.id.clone()).unwrap_or_default();
    accounts(c, no, &guard.accounts, &setl_id).await?;
    for p in &w.persons {
        person(c, no, p).await?;
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
        visit(c, no, doc, *cancelled).await?;
    }
    if let Some((visit, lines)) = &w.lines {
        new_lines(c, no, visit, lines).await?;
    }
    if let Some(v) = &w.void {
        void_lines(c, no, v).await?;
    }
    if let Some(s) = &w.settlement {
        settlement(c, no, s).await?;
    }
    if let Some(f) = &w.findings {
        findings(c, no, f, w.at).await?;
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
            .bind(text("proposal", difference)?)
            .execute(&mut *c)
            .await?;
    }
    if let Some((hash, parts)) = &w.bundle {
        bundle(c, hash, parts, w.at).await?;
    }
    for (name, value) in &w.settings {
        sqlx::query("INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2")
            .bind(name)
            .bind(value)
            .execute(&mut *c)
            .await?;
    }
    if let Some(m) = &guard.message {
        message(c, no, m, &w, setl_id.as_str(), Some(&w.answer)).await?;
    }
    if let Some(m) = &w.tombstone {
        message(c, no, m, &w, "", None).await?;
    }
    Ok(Committed { commit_no: no, answer: w.answer })
}

fn text(table: &'static str, v: &impl serde::Serialize) -> Result<String, CommitError> {
    serde_json::to_string(v).map_err(|e| StoreError::damaged(table, e).into())
}

async fn accounts(
    c: &mut SqliteConnection,
    no: CommitNo,
    moves: &[AccountMove],
    setl_id: &SettlementId,
) -> Result<(), CommitError> {
    // a fixed order of keys, so that two servers never wait for each other in a circle
    let mut moves: Vec<&AccountMove> = moves.iter().collect();
    moves.sort_by(|a, b| a.account.cmp(&b.account));
    for (seq, m) in moves.iter().enumerate() {
        let swapped = if m.version == 0 {
            sqlx::query(
                "INSERT INTO account_book (account, balance, version) VALUES ($1, $2, 1) ON CONFLICT DO NOTHING",
            )
            .bind(&m.account)
            .bind(m.amount.units())
        } else {
            sqlx::query(
                "UPDATE account_book SET balance = balance + $2, version = version + 1 \
                 WHERE account = $1 AND version = $3 AND balance + $2 >= 0",
            )
            .bind(&m.account)
            .bind(m.amount.units())
            .bind(m.version)
        };
        if swapped.execute(&mut *c).await?.rows_affected() != 1 {
            return Err(CommitError::Conflict);
        }
        sqlx::query("INSERT INTO account_entry (account, commit_no, seq, amount, setl_id) VALUES ($1, $2, $3, $4, $5)")
            .bind(&m.account)
            .bind(no)
            .bind(seq as i64)
            .bind(m.amount.units())
            .bind(setl_id.as_str())
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}

async fn person(c: &mut SqliteConnection, no: CommitNo, p: &Person) -> Result<(), CommitError> {
    sqlx::query("INSERT INTO person (psn_no, commit_no, data) VALUES ($1, $2, $3)")
        .bind(p.no.as_str())
        .bind(no)
        .bind(text("person", p)?)
        .execute(&mut *c)
        .await?;
    sqlx::query("INSERT INTO person_cert (certno, psn_no) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(&p.cert_no)
        .bind(p.no.as_str())
        .execute(&mut *c)
        .await?;
    Ok(())
}

async fn visit(c: &mut SqliteConnection, no: CommitNo, d: &VisitDoc, cancelled: bool) -> Result<(), CommitError> {
    sqlx::query(
        "INSERT INTO visit (mdtrt_id, commit_no, psn_no, fixmedins_code, cancelled, data) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(d.visit.id.as_str())
    .bind(no)
    .bind(d.visit.person.as_str())
    .bind(d.visit.institution.as_str())
    .bind(i64::from(cancelled))
    .bind(text("visit", d)?)
    .execute(&mut *c)
    .await?;
    Ok(())
}

async fn new_lines(
    c: &mut SqliteConnection,
    no: CommitNo,
    visit: &VisitId,
    lines: &[dingan_core::claim::Line],
) -> Result<(), CommitError> {
    for chunk in lines.chunks(CHUNK) {
        let rows: Vec<(&dingan_core::claim::Line, String)> =
            chunk.iter().map(|l| Ok((l, text("fee_line", l)?))).collect::<Result<_, CommitError>>()?;
        QueryBuilder::<Sqlite>::new(
            "INSERT INTO fee_line (mdtrt_id, feedetl_sn, commit_no, chrg_bchno, init_feedetl_sn, data) ",
        )
        .push_values(rows, |mut b, (l, data)| {
            b.push_bind(visit.as_str())
                .push_bind(l.no.as_str())
                .push_bind(no)
                .push_bind(&l.batch)
                .push_bind(l.refund_of.as_ref().map(LineNo::as_str))
                .push_bind(data);
        })
        .build()
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

async fn void_lines(c: &mut SqliteConnection, no: CommitNo, v: &NewVoid) -> Result<(), CommitError> {
    for chunk in v.lines.chunks(CHUNK) {
        let mut q = QueryBuilder::<Sqlite>::new("UPDATE fee_line SET void_commit = ");
        q.push_bind(no).push(" WHERE mdtrt_id = ").push_bind(v.visit.as_str());
        q.push(" AND void_commit IS NULL AND feedetl_sn IN (");
        let mut list = q.separated(", ");
        for l in chunk {
            list.push_bind(l.as_str());
        }
        q.push(")");
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

async fn settlement(c: &mut SqliteConnection, no: CommitNo, s: &NewSettlement) -> Result<(), CommitError> {
    let r = &s.row;
    if let Some(original) = &r.reverses {
        let n =
            sqlx::query("UPDATE settlement SET reversed_commit = $1 WHERE setl_id = $2 AND reversed_commit IS NULL")
                .bind(no)
                .bind(original.as_str())
                .execute(&mut *c)
                .await?;
        if n.rows_affected() != 1 {
            return Err(CommitError::Conflict);
        }
        sqlx::query("UPDATE accumulator_entry SET freed_commit = $1 WHERE setl_id = $2 AND freed_commit IS NULL")
            .bind(no)
            .bind(original.as_str())
            .execute(&mut *c)
            .await?;
        sqlx::query("UPDATE finding SET status = 'void' WHERE setl_id = $1 AND status = 'open'")
            .bind(original.as_str())
            .execute(&mut *c)
            .await?;
    }
    sqlx::query(
        "INSERT INTO settlement (setl_id, commit_no, psn_no, mdtrt_id, fixmedins_code, chrg_bchno, setl_time, year, \
         reverses, as_of, bundle, msgid, invono, request, amounts, decision) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(r.id.as_str())
    .bind(no)
    .bind(r.person.as_str())
    .bind(r.visit.as_str())
    .bind(r.institution.as_str())
    .bind(&r.batch)
    .bind(time_text(r.time))
    .bind(i64::from(r.year))
    .bind(r.reverses.as_ref().map(SettlementId::as_str))
    .bind(r.as_of)
    .bind(&r.bundle)
    .bind(&r.msgid)
    .bind(&r.invoice)
    .bind(text("settlement", &r.request)?)
    .bind(text("settlement", &r.amounts)?)
    .bind(&r.decision)
    .execute(&mut *c)
    .await?;

    let id = r.id.as_str();
    for chunk in s.lines.chunks(CHUNK) {
        QueryBuilder::<Sqlite>::new(
            "INSERT INTO settlement_line (setl_id, feedetl_sn, mdtrt_id, line_commit, amount) ",
        )
        .push_values(chunk, |mut b, (l, amount)| {
            b.push_bind(id)
                .push_bind(l.line.no.as_str())
                .push_bind(r.visit.as_str())
                .push_bind(l.commit_no)
                .push_bind(amount.units());
        })
        .build()
        .execute(&mut *c)
        .await?;
    }
    for chunk in s.history.chunks(CHUNK) {
        QueryBuilder::<Sqlite>::new(
            "INSERT INTO history_line (psn_no, fee_time, setl_id, feedetl_sn, mdtrt_id, item, quantity, amount, supply_days) ",
        )
        .push_values(chunk, |mut b, l| {
            b.push_bind(r.person.as_str())
                .push_bind(time_text(l.time))
                .push_bind(id)
                .push_bind(l.no.as_str())
                .push_bind(r.visit.as_str())
                .push_bind(l.item.as_str())
                .push_bind(l.quantity.units())
                .push_bind(l.amount.units())
                .push_bind(l.supply_days.map(Quantity::units));
        })
        .build()
        .execute(&mut *c)
        .await?;
    }
    for chunk in s.entries.chunks(CHUNK) {
        QueryBuilder::<Sqlite>::new(
            "INSERT INTO accumulator_entry (setl_id, seq, psn_no, commit_no, acc_key, period, disease, insutype, mdtrt_id, amount) ",
        )
        .push_values(chunk.iter().enumerate(), |mut b, (seq, e)| {
            b.push_bind(id)
                .push_bind(seq as i64)
                .push_bind(r.person.as_str())
                .push_bind(no)
                .push_bind(&e.key)
                .push_bind(&e.period)
                .push_bind(e.disease.as_str())
                .push_bind(e.insurance.as_str())
                .push_bind(e.visit.as_str())
                .push_bind(e.amount.units());
        })
        .build()
        .execute(&mut *c)
        .await?;
    }
    if !s.postings.is_empty() {
        QueryBuilder::<Sqlite>::new("INSERT INTO ledger_entry (setl_id, seq, commit_no, account, amount) ")
            .push_values(s.postings.iter().enumerate(), |mut b, (seq, p)| {
                b.push_bind(id).push_bind(seq as i64).push_bind(no).push_bind(&p.account).push_bind(p.amount.units());
            })
            .build()
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}

async fn findings(
    c: &mut SqliteConnection,
    no: CommitNo,
    f: &NewFindings,
    at: NaiveDateTime,
) -> Result<(), CommitError> {
    sqlx::query("INSERT INTO review_run (run_id, commit_no, cause, bundle, as_of, at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&f.run)
        .bind(no)
        .bind(&f.cause)
        .bind(&f.bundle)
        .bind(f.as_of)
        .bind(time_text(at))
        .execute(&mut *c)
        .await?;
    for x in &f.findings {
        let word = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
        let severity = serde_json::to_value(x.severity).map_err(|e| StoreError::damaged("finding", e))?;
        let stage = serde_json::to_value(x.stage).map_err(|e| StoreError::damaged("finding", e))?;
        sqlx::query(
            "INSERT INTO finding (run_id, finding_id, setl_id, mdtrt_id, psn_no, fixmedins_code, rule_code, rule_version, \
             severity, stage, charge_amt, fund_amt, psn_amt, data, found_at, status) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'open')",
        )
        .bind(&f.run)
        .bind(&x.id)
        .bind(f.settlement.as_str())
        .bind(f.visit.as_str())
        .bind(f.person.as_str())
        .bind(f.institution.as_str())
        .bind(&x.rule)
        .bind(i64::from(x.version))
        .bind(word(&severity))
        .bind(word(&stage))
        .bind(x.charge.units())
        .bind(x.fund.units())
        .bind(x.person.units())
        .bind(text("finding", x)?)
        .bind(time_text(at))
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

async fn bundle(
    c: &mut SqliteConnection,
    hash: &str,
    parts: &BundleParts,
    at: NaiveDateTime,
) -> Result<(), CommitError> {
    let mut hashes = Vec::with_capacity(parts.0.len());
    for (kind, content) in &parts.0 {
        let h = part_hash(kind, content);
        sqlx::query("INSERT INTO bundle_part (hash, kind, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(&h)
            .bind(kind)
            .bind(content)
            .execute(&mut *c)
            .await?;
        hashes.push(h);
    }
    sqlx::query("INSERT INTO bundle (hash, parts, made_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(hash)
        .bind(text("bundle", &hashes)?)
        .bind(time_text(at))
        .execute(&mut *c)
        .await?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn part_hash(kind: &str, content: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let mut h = Sha256::new();
    h.update(kind.as_bytes());
    h.update([0]);
    h.update(content);
    hex(&h.finalize())
}

impl BundleParts {
    /// The bundle's hash: over the hashes of its parts in order of kind.
    pub fn hash(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut h = Sha256::new();
        for (kind, content) in &self.0 {
            h.update(part_hash(kind, content).as_bytes());
        }
        hex(&h.finalize())
    }
}

async fn message(
    c: &mut SqliteConnection,
    no: CommitNo,
    m: &MessageKey,
    w: &Write,
    setl_id: &str,
    answer: Option<&str>,
) -> Result<(), CommitError> {
    let n = sqlx::query(
        "INSERT INTO message (fixmedins_code, infno, msgid, input_hash, commit_no, at, mdtrt_id, setl_id, answer) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(m.institution.as_str())
    .bind(&m.infno)
    .bind(&m.msgid)
    .bind(&m.input_hash)
    .bind(no)
    .bind(time_text(w.at))
    .bind(w.message_visit.as_str())
    .bind(setl_id)
    .bind(answer)
    .execute(&mut *c)
    .await?;
    if n.rows_affected() == 0 {
        return Err(CommitError::Answered);
    }
    Ok(())
}
