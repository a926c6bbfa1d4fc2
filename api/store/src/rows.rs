//! Rows as the service sees them.

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Timelike as _};
use dingan_core::claim::{Line, SettleRequest, Visit};
use dingan_core::codes::*;
use dingan_core::decision::Amounts;
use dingan_core::finding::Finding;
use dingan_core::money::Money;
use dingan_core::person::CommitNo;
use dingan_core::policy::Place;
use dingan_core::rebuild::Difference;
use serde::{Deserialize, Serialize};

/// A visit with what only the interface needs of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitDoc {
    /// The visit.
    #[serde(flatten)]
    pub visit: Visit,
    /// `ipt_otp_no` or `ipt_no`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub case_no: String,
    /// Registered as a stay (2401).
    #[serde(default)]
    pub stay: bool,
}

/// The parts a bundle is made of: (kind, content), sorted by kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BundleParts(pub Vec<(String, Vec<u8>)>);

/// A line with the commit that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLine {
    /// The line.
    pub line: Line,
    /// The commit that brought it; with number and visit it names this version of the line.
    pub commit_no: CommitNo,
}

/// A settlement or reversal as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSettlement {
    /// `setl_id`.
    pub id: SettlementId,
    /// The commit that made it.
    pub commit_no: CommitNo,
    /// `psn_no`.
    pub person: PersonNo,
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// `chrg_bchno`.
    pub batch: String,
    /// `setl_time`.
    pub time: NaiveDateTime,
    /// Benefit year.
    pub year: i32,
    /// The settlement this one reverses.
    pub reverses: Option<SettlementId>,
    /// The commit that reversed it.
    pub reversed_commit: Option<CommitNo>,
    /// Facts were read up to this commit.
    pub as_of: CommitNo,
    /// Hash of the bundle.
    pub bundle: String,
    /// Message that made it.
    pub msgid: String,
    /// `invono`.
    pub invoice: String,
    /// How it was asked for.
    pub request: SettleRequest,
    /// Who the person was, and when, as the answer said.
    pub shown: Shown,
    /// Header amounts; negative on a reversal.
    pub amounts: Amounts,
    /// The decision as bytes; that of the original on a reversal.
    pub decision: Vec<u8>,
}

/// What the answer of a settlement said of the person and the dates; a later query says the same, whatever
/// was imported since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// `psn_type` that counted.
    pub person_type: PersonType,
    /// `cvlserv_flag` that counted.
    pub civil_servant: bool,
    /// `insuplc_admdvs`.
    pub division: Division,
    /// Where the care was given, seen from the insured's pool.
    #[serde(default)]
    pub place: Place,
    /// First and last day covered.
    pub days: (NaiveDate, NaiveDate),
    /// `setl_type` 1: settled at the agency from paper, not online.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub centre: bool,
}

/// A kept answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// `infno`.
    pub infno: String,
    /// Hash of the input; empty for one cancelled in advance.
    pub input_hash: String,
    /// When.
    pub at: NaiveDateTime,
    /// Visit it concerned.
    pub visit: VisitId,
    /// Settlement it made.
    pub settlement: SettlementId,
    /// The answer; none where 2601 came first.
    pub answer: Option<String>,
}

/// A finding with where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// Run.
    pub run: String,
    /// `setl_id`; empty for a check before settlement.
    pub settlement: SettlementId,
    /// `psn_no`.
    pub person: PersonNo,
    /// `open` or `void`.
    pub status: String,
    /// The finding.
    pub finding: Finding,
}

/// A proposal: how a settlement would differ now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalRow {
    /// The commit that gave rise to it.
    pub commit_no: CommitNo,
    /// Why.
    pub cause: String,
    /// The difference.
    pub difference: Difference,
}

/// Fen from the column.
pub(crate) fn money(fen: i64) -> Money {
    Money::fen(fen)
}

/// Text of a civil time, as it is compared in SQL. A year of more than four digits would be written with a sign, and
/// compare before all others: it counts as the last that is not.
pub(crate) fn time_text(t: NaiveDateTime) -> String {
    let last = || NaiveDate::from_ymd_opt(9999, 12, 31).and_then(|d| d.and_hms_opt(23, 59, 59));
    let t = if t.year() > 9999 { last().unwrap_or(t) } else { t };
    let (y, mo, d, h, m, s) = (t.year(), t.month(), t.day(), t.hour(), t.minute(), t.second());
    format!("{y:04}-{mo:02}-{d:02}T{h:02}:{m:02}:{s:02}")
}

/// A civil time from its text.
pub(crate) fn time_of(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok()
}
