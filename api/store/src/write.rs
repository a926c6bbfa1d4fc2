//! Writing: what a change is, and what must still hold when it is written.
//!
//! A change is decided outside on a snapshot, and names the books it was decided on. The writer
//! ([`group`]) compares and swaps them, and answers only after the commit is on disk.

mod group;
mod held;
mod tables;

pub(crate) use group::{Job, Writer};

use crate::access::AccessChange;
use crate::audit::AuditEntry;
use crate::clerk::{Invoice, TaskChange};
use crate::corrections::StoredCorrection;
use crate::db::{Store, StoreError};
use crate::lake::InspectionRow;
use crate::lists::{NewReview, StoredList};
use crate::mappings::MappingRow;
use crate::read::family_account;
use crate::read::own_account;
use crate::rows::*;
use crate::sql::unfit_key;
use chrono::NaiveDateTime;
use dingan_core::codes::*;
use dingan_core::finding::Finding;
use dingan_core::ledger::Posting;
use dingan_core::money::Money;
use dingan_core::person::{AccumulatorEntry, CommitNo, PastLine, Person};
use tokio::sync::{mpsc, oneshot};

/// Why a change was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A book moved on since the snapshot; decide again on a new one.
    #[error("the books moved on: {0}")]
    Conflict(String),
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

/// What must still hold when a change is written: no book named here was changed by a commit later than the one
/// the facts were read at.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Up to which commit the facts were read.
    pub as_of: CommitNo,
    /// Persons whose facts were read and change. Whatever is written about a person names them here.
    pub persons: Vec<PersonNo>,
    /// Accounts that were read; those with an amount change.
    pub accounts: Vec<AccountMove>,
    /// The message this change answers.
    pub message: Option<MessageKey>,
    /// A message that has not come and is refused from now on (2601).
    pub cancels: Option<MessageKey>,
    /// What else the change rests on.
    pub expects: Vec<Expect>,
}

/// A fact that a change rests on and no book of the guard carries. The writer looks again while nobody else can
/// write; where it holds no longer, the change is a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// No living settlement names this invoice.
    InvoiceFree(Invoice),
    /// No living settlement on paper names this invoice.
    NotOnPaper(Invoice),
    /// The task waits for a second person.
    TaskWaits(String),
    /// No task has this id.
    TaskNew(String),
    /// This bundle is in force; none in a new store.
    LiveBundle(Option<String>),
}

impl std::fmt::Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InvoiceFree(i) | Self::NotOnPaper(i) => write!(f, "invoice {}", i.number),
            Self::TaskWaits(t) | Self::TaskNew(t) => write!(f, "task {t}"),
            Self::LiveBundle(_) => f.write_str("the bundle in force"),
        }
    }
}

impl Expect {
    fn key(&self) -> &str {
        match self {
            Self::InvoiceFree(i) | Self::NotOnPaper(i) => &i.number,
            Self::TaskWaits(k) | Self::TaskNew(k) => k,
            Self::LiveBundle(b) => b.as_deref().unwrap_or_default(),
        }
    }
}

impl Guard {
    /// Whether a key could not even be asked for: such a change must not take the others of its group with it.
    fn unfit(&self) -> bool {
        let messages = self.message.iter().chain(&self.cancels);
        let mut keys = messages
            .flat_map(|m| [m.msgid.as_str(), m.institution.as_str(), m.infno.as_str()])
            .chain(self.persons.iter().map(PersonNo::as_str))
            .chain(self.accounts.iter().map(|a| a.account.as_str()))
            .chain(self.expects.iter().map(Expect::key));
        keys.any(unfit_key)
    }
}

/// An account that a decision read, and what it adds.
#[derive(Debug, Clone)]
pub struct AccountMove {
    /// Name of the account.
    pub account: String,
    /// Added to the balance; negative for a payment, zero where the account was only read.
    pub amount: Money,
}

impl AccountMove {
    /// A change of the person's own account.
    pub fn own(person: &PersonNo, amount: Money) -> Self {
        Self { account: own_account(person), amount }
    }
    /// A change of a family account.
    pub fn family(id: &str, amount: Money) -> Self {
        Self { account: family_account(id), amount }
    }
}

/// A settlement or reversal to be written.
#[derive(Debug, Clone)]
pub struct NewSettlement {
    /// The row; `commit_no` is put in by the writer.
    pub row: StoredSettlement,
    /// Lines settled: number, the commit that brought it, the amount that counted. Empty on a reversal.
    pub lines: Vec<(LineNo, CommitNo, Money)>,
    /// What later claims will see of it.
    pub history: Vec<PastLine>,
    /// Accumulator entries.
    pub entries: Vec<AccumulatorEntry>,
    /// Ledger postings.
    pub postings: Vec<Posting>,
}

/// A correction or deduction to be written.
#[derive(Debug, Clone)]
pub struct NewCorrection {
    /// The row; `commit_no` is put in by the writer.
    pub row: StoredCorrection,
    /// What accumulators have from the settlement from now on, and the number of its first row; none where they
    /// stay as they are.
    pub entries: Option<(i64, Vec<AccumulatorEntry>)>,
    /// What the visit was charged more of the deductible.
    pub deductible: Money,
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
    /// A correction or deduction.
    pub correction: Option<NewCorrection>,
    /// Counter-entries of corrections and deductions that go with a reversal: under which id, from which number on.
    pub counter_entries: Vec<(SettlementId, i64, Vec<Posting>)>,
    /// Findings.
    pub findings: Option<NewFindings>,
    /// A settlement list.
    pub list: Option<StoredList>,
    /// The review of a settlement.
    pub review: Option<NewReview>,
    /// Feedback.
    pub feedback: Vec<NewFeedback>,
    /// Mappings of an institution's items.
    pub mappings: Vec<MappingRow>,
    /// Proposals.
    pub proposals: Vec<(PersonNo, String, dingan_core::rebuild::Difference)>,
    /// Bundle to be kept, with its hash.
    pub bundle: Option<(String, BundleParts)>,
    /// A query of an inspector to be put on record.
    pub inspection: Option<InspectionRow>,
    /// Changes of accounts, keys and sessions.
    pub access: Vec<AccessChange>,
    /// What waits for a second person, and what one decided.
    pub tasks: Vec<TaskChange>,
    /// What is put on record of it.
    pub audit: Vec<AuditEntry>,
    /// Settings to be set.
    pub settings: Vec<(String, String)>,
    /// The answer to the guard's message.
    pub answer: String,
    /// Visit the message concerned.
    pub message_visit: VisitId,
    /// A settlement made before that the message was answered with.
    pub message_settlement: SettlementId,
}

/// Builds what is written, knowing the commit number (ids are made of it).
pub type WriteFn = Box<dyn FnOnce(CommitNo) -> Write + Send>;

/// A [`WriteFn`] that may be asked again, with another number: the writer does so while it waits for the database, with
/// the number the change will most likely have.
pub type EarlyWriteFn = Box<dyn Fn(CommitNo) -> Write + Send>;

pub(crate) enum Build {
    Once(WriteFn),
    Early(EarlyWriteFn),
}

/// A change that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its number.
    pub commit_no: CommitNo,
    /// The answer as kept.
    pub answer: String,
}

impl Write {
    /// What account movements of it are written under.
    fn moves(&self) -> &str {
        let settled = self.settlement.as_ref().map(|s| s.row.id.as_str());
        settled.or(self.correction.as_ref().map(|c| c.row.id.as_str())).unwrap_or_default()
    }
}

impl Store {
    /// Writes a change if its guard still holds. When this returns, it is on disk.
    pub async fn commit(&self, guard: Guard, build: WriteFn) -> Result<Committed, CommitError> {
        self.put(guard, Build::Once(build)).await
    }

    /// As [`Self::commit`], for what comes often and is much to build.
    pub async fn commit_early(&self, guard: Guard, build: EarlyWriteFn) -> Result<Committed, CommitError> {
        self.put(guard, Build::Early(build)).await
    }

    async fn put(&self, guard: Guard, build: Build) -> Result<Committed, CommitError> {
        if guard.unfit() {
            return Err(StoreError::damaged("-", "a key with a NUL character, or too long").into());
        }
        let (done, wait) = oneshot::channel();
        self.jobs.try_send(Job { guard, build, done }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        wait.await.map_err(|_| StoreError::Closed)?
    }
}
