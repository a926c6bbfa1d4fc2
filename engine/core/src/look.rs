//! What inspection reads of the books: rows as of one commit, and which of them are wanted.
//!
//! The store answers in these terms and `lake` turns them into columns; neither knows the other.

use crate::claim::{Line, SettleRequest, SettlementList, Visit};
use crate::codes::*;
use crate::decision::{Amounts, LineSplit};
use crate::money::Money;
use crate::person::{CommitNo, Person};
use chrono::{NaiveDate, NaiveDateTime};
use std::sync::Arc;

/// A set of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rowset {
    /// Visits, the newest version of each.
    Visits,
    /// Settlements and reversals.
    Settlements,
    /// Settled lines.
    Lines,
    /// Findings.
    Findings,
    /// Review runs.
    Runs,
    /// Postings.
    Ledger,
    /// Corrections and deductions.
    Corrections,
}

/// A column by which the store finds or sifts rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// `psn_no`.
    Person,
    /// `mdtrt_id`.
    Visit,
    /// `setl_id`.
    Settlement,
    /// `fixmedins_code`.
    Institution,
    /// `rule_code`.
    Rule,
    /// `run_id`.
    Run,
    /// `setl_time`.
    SettledAt,
    /// `found_at`.
    FoundAt,
}

/// A condition the store applies. All of them must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The key is one of these; none: no row.
    In(Key, Vec<String>),
    /// A time at or after.
    From(Key, NaiveDateTime),
    /// A time at or before.
    Until(Key, NaiveDateTime),
}

/// Parts of a row that cost a join or a parse, read where a column asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// The person as known now.
    pub person: bool,
    /// The visit.
    pub visit: bool,
    /// How the decision split the line.
    pub split: bool,
    /// The settlement list.
    pub list: bool,
}

/// What is wanted of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which rows.
    pub rows: Rowset,
    /// Which of them.
    pub conditions: Vec<Condition>,
    /// Which parts.
    pub parts: Parts,
    /// At most so many, in whatever order.
    pub limit: Option<usize>,
}

/// A page of rows.
#[derive(Debug, Clone)]
pub enum Page {
    /// Visits.
    Visits(Vec<VisitRow>),
    /// Settlements.
    Settlements(Vec<SettledRow>),
    /// Lines.
    Lines(Vec<LineRow>),
    /// Findings.
    Findings(Vec<FoundRow>),
    /// Runs.
    Runs(Vec<RunRow>),
    /// Postings.
    Ledger(Vec<LedgerRow>),
    /// Corrections and deductions.
    Corrections(Vec<CorrectedRow>),
}

/// A visit (`mdtrt_d`).
#[derive(Debug, Clone)]
pub struct VisitRow {
    /// The commit of this version.
    pub commit_no: CommitNo,
    /// The visit.
    pub visit: Visit,
    /// `ipt_otp_no`.
    pub case_no: String,
    /// Cancelled by 2202 or 2404.
    pub cancelled: bool,
    /// The person, where asked for and known.
    pub person: Option<Person>,
}

/// A settlement or reversal (`setl_d`).
#[derive(Debug, Clone)]
pub struct SettledRow {
    /// `setl_id`.
    pub id: SettlementId,
    /// The commit that made it.
    pub commit_no: CommitNo,
    /// `psn_no`.
    pub person_no: PersonNo,
    /// `mdtrt_id`.
    pub visit_id: VisitId,
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// `setl_time`.
    pub time: NaiveDateTime,
    /// Benefit year.
    pub year: i32,
    /// The settlement this one reverses.
    pub reverses: Option<SettlementId>,
    /// It was reversed.
    pub reversed: bool,
    /// `medins_setl_id`: the message that made it.
    pub msgid: String,
    /// `invono`.
    pub invoice: String,
    /// `setl_type` 1: at the agency from paper, not online.
    pub on_paper: bool,
    /// How it was asked for.
    pub request: SettleRequest,
    /// `psn_type` that counted.
    pub person_type: PersonType,
    /// `cvlserv_flag` that counted.
    pub civil_servant: bool,
    /// `insu_admdvs`.
    pub division: Division,
    /// First and last day covered.
    pub days: (NaiveDate, NaiveDate),
    /// Header amounts.
    pub amounts: Amounts,
    /// The visit, where asked for.
    pub visit: Option<Visit>,
    /// The person, where asked for.
    pub person: Option<Person>,
    /// The settlement list, where asked for and sent: the last that quality control let pass.
    pub list: Option<SettlementList>,
}

/// A settled line (`fee_list_d`).
#[derive(Debug, Clone)]
pub struct LineRow {
    /// `setl_id`.
    pub settlement: SettlementId,
    /// The commit that settled it.
    pub commit_no: CommitNo,
    /// `psn_no`.
    pub person_no: PersonNo,
    /// `mdtrt_id`.
    pub visit_id: VisitId,
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// Its settlement was reversed.
    pub reversed: bool,
    /// The line as sent.
    pub line: Line,
    /// The amount that counted.
    pub amount: Money,
    /// How it was split, where asked for.
    pub split: Option<LineSplit>,
    /// The visit, where asked for; one for all lines of a page that belong to it.
    pub visit: Option<Arc<Visit>>,
}

/// A finding.
#[derive(Debug, Clone)]
pub struct FoundRow {
    /// `finding_id`.
    pub id: String,
    /// `run_id`.
    pub run: String,
    /// The commit of the run.
    pub commit_no: CommitNo,
    /// `setl_id`; empty for a check before settlement.
    pub settlement: String,
    /// `mdtrt_id`.
    pub visit: String,
    /// `psn_no`.
    pub person: String,
    /// `fixmedins_code`.
    pub institution: String,
    /// `rule_code`.
    pub rule: String,
    /// `rule_version`.
    pub version: i64,
    /// `severity`.
    pub severity: String,
    /// `stage`.
    pub stage: String,
    /// `charge_amt`.
    pub charge: Money,
    /// `fund_amt`.
    pub fund: Money,
    /// `psn_amt`.
    pub psn: Money,
    /// `status`.
    pub status: String,
    /// The finding as a document: title, lines, evidence, words.
    pub document: String,
    /// `found_at`.
    pub at: NaiveDateTime,
}

/// A review run.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// `run_id`.
    pub id: String,
    /// Its commit.
    pub commit_no: CommitNo,
    /// What caused it.
    pub cause: String,
    /// Hash of the bundle.
    pub bundle: String,
    /// Facts were read up to this commit.
    pub as_of: CommitNo,
    /// When.
    pub at: NaiveDateTime,
}

/// A posting.
#[derive(Debug, Clone)]
pub struct LedgerRow {
    /// `setl_id`.
    pub settlement: String,
    /// Order within the settlement.
    pub seq: i64,
    /// The commit.
    pub commit_no: CommitNo,
    /// The account.
    pub account: String,
    /// Debit (positive) or credit.
    pub amount: Money,
}

/// What became of a settlement afterwards: a proposal a clerk applied, or a deduction from the institution.
#[derive(Debug, Clone)]
pub struct CorrectedRow {
    /// `corr_id`: what it posted lies in the ledger under it.
    pub id: String,
    /// Its commit.
    pub commit_no: CommitNo,
    /// `init_setl_id`: the settlement it belongs to.
    pub settlement: String,
    /// `psn_no`.
    pub person: String,
    /// `mdtrt_id`.
    pub visit: String,
    /// `fixmedins_code`.
    pub institution: String,
    /// `correction` or `deduction`.
    pub kind: String,
    /// When.
    pub at: NaiveDateTime,
    /// The settlement was reversed since, and this with it.
    pub reversed: bool,
    /// What the funds paid more for it (negative: got back).
    pub funds: Money,
    /// The settlement's amounts from then on.
    pub amounts: Amounts,
}
