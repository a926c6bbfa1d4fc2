//! What is known of a person at one moment: the input of every decision besides claim and bundle.
//!
//! Rows are dated by the event and carry the commit at which they became known (`known_at`); the
//! loader hands over only what was known at the decision's `as_of`, so nothing here looks at it again.

use crate::claim::{Diagnosis, Line, SettlementList};
use crate::codes::*;
use crate::money::{Money, Rate};
use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A commit number of the store: facts are ordered by it. Zero before the first commit.
pub type CommitNo = i64;

/// An insurance relation (`insuinfo`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// `insutype`.
    pub insurance: Insurance,
    /// `psn_type`.
    pub person_type: PersonType,
    /// `insuplc_admdvs`: the insured's place.
    pub division: Division,
    /// `psn_insu_date`.
    pub begin: NaiveDate,
    /// `paus_insu_date`: the last day covered, where suspended or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<NaiveDate>,
    /// `cvlserv_flag`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub civil_servant: bool,
    /// `clct_years`: full years of contribution, where the policy asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contribution_years: Option<i64>,
    /// `emp_name`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub employer: String,
}

impl Relation {
    /// Whether the relation covers a day.
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.begin <= day && self.end.is_none_or(|e| day <= e)
    }
}

/// A dated identity (`idetinfo`): aid, preferential treatment …
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedIdentity {
    /// `psn_idet_type`.
    pub identity: Identity,
    /// `begntime`.
    pub begin: NaiveDate,
    /// `endtime`, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<NaiveDate>,
}

/// A filing (`biz_appy_type`): referral, residence elsewhere, chronic disease …
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filing {
    /// `biz_appy_type`.
    pub kind: String,
    /// The disease it is for, where it is for one.
    #[serde(default, skip_serializing_if = "DiseaseCode::is_empty")]
    pub disease: DiseaseCode,
    /// First day.
    pub begin: NaiveDate,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<NaiveDate>,
    /// `trt_dcla_detl_sn`, by which it is taken back; empty for a row that was imported.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// `insutype` it is for; empty for any.
    #[serde(default, skip_serializing_if = "Insurance::is_empty")]
    pub insurance: Insurance,
    /// `mdtrtarea_admdvs`: the place it is for; empty for any.
    #[serde(default, skip_serializing_if = "Division::is_empty")]
    pub area: Division,
    /// The institution it names; whether it is bound to it is the policy's (`dates.filing_place`).
    #[serde(default, skip_serializing_if = "InstitutionCode::is_empty")]
    pub institution: InstitutionCode,
    /// The day it was made; none where nobody knows, which counts as in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<NaiveDate>,
    /// The share for which a third party is liable, of an accident (02).
    #[serde(default, skip_serializing_if = "Rate::is_zero")]
    pub third_party_share: Rate,
}

/// Why an insurance relation gives no benefits for a time although it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseKind {
    /// After joining late or paying arrears.
    Waiting,
    /// Contributions are not paid.
    Suspended,
}

/// A time in which an insurance gives no benefits; accounts may still be drawn on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// `insutype`.
    pub insurance: Insurance,
    /// Why.
    pub kind: PauseKind,
    /// First day.
    pub begin: NaiveDate,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<NaiveDate>,
}

/// Full years of contribution, as they stand from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// `insutype`.
    pub insurance: Insurance,
    /// From when.
    pub begin: NaiveDate,
    /// `clct_years`.
    pub years: i64,
}

/// Who the person is (`baseinfo`) and which dated rows hold for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// `psn_no`.
    pub no: PersonNo,
    /// `psn_cert_type`.
    pub cert_type: String,
    /// `certno`.
    pub cert_no: String,
    /// `psn_name`.
    pub name: String,
    /// `gend`.
    pub sex: Sex,
    /// `naty`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ethnicity: String,
    /// `brdy`.
    pub birth: NaiveDate,
    /// Insurance relations, any order.
    pub relations: Vec<Relation>,
    /// Identities, any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<DatedIdentity>,
    /// Filings, any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filings: Vec<Filing>,
    /// The family account (共济) the person may draw on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_account: Option<String>,
    /// Waiting and suspended times, any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// Dated years of contribution; where none holds, those of the relation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contributions: Vec<Contribution>,
    /// `die_date`: care that begins later is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub death: Option<NaiveDate>,
}

impl Person {
    /// Full years of age on a day; zero before birth.
    pub fn age_on(&self, day: NaiveDate) -> i64 {
        i64::from(day.years_since(self.birth).unwrap_or(0))
    }
    /// Why the insurance gives no benefits on a day; none where it does.
    pub fn paused_on(&self, insurance: &Insurance, day: NaiveDate) -> Option<PauseKind> {
        let holds = |p: &&Pause| p.insurance == *insurance && p.begin <= day && p.end.is_none_or(|e| day <= e);
        self.pauses.iter().find(holds).map(|p| p.kind)
    }
    /// Full years of contribution on a day, as dated rows have them.
    pub fn contributed_on(&self, insurance: &Insurance, day: NaiveDate) -> Option<i64> {
        let rows = self.contributions.iter().filter(|c| c.insurance == *insurance && c.begin <= day);
        rows.max_by_key(|c| c.begin).map(|c| c.years)
    }
}

/// One live entry of an accumulator: what a settlement added to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccumulatorEntry {
    /// The accumulator's key as the policy declares it.
    pub key: String,
    /// The period it counts in: a year `2026`, quarter `2026Q1`, month `2026-03`, or a stay's `mdtrt_id`.
    pub period: String,
    /// The disease, for accumulators kept per disease; else empty.
    #[serde(default, skip_serializing_if = "DiseaseCode::is_empty")]
    pub disease: DiseaseCode,
    /// The insurance relation it belongs to.
    pub insurance: Insurance,
    /// The visit that caused it.
    pub visit: VisitId,
    /// Amount; counts are kept as whole yuan (one stay is 1.00).
    pub amount: Money,
}

/// Another visit of the person, compact: what history rules see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastVisit {
    /// `mdtrt_id`.
    pub id: VisitId,
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// `med_type`.
    pub med_type: MedType,
    /// Admission or visit.
    pub begin: NaiveDateTime,
    /// Discharge; none while open.
    pub end: Option<NaiveDateTime>,
    /// Diagnoses.
    #[serde(default)]
    pub diagnoses: Vec<Diagnosis>,
    /// `dscg_way`.
    #[serde(default)]
    pub discharge_way: String,
    /// The deductible charged in live settlements of the visit (referral inside a consortium).
    #[serde(default)]
    pub deductible: Money,
    /// Whether it has a live settlement.
    pub settled: bool,
}

impl PastVisit {
    /// The kind of care.
    pub fn kind(&self) -> VisitKind {
        self.med_type.kind().unwrap_or(VisitKind::Outpatient)
    }
    /// The principal diagnosis, as [`crate::claim::Visit::main_diagnosis`].
    pub fn main_diagnosis(&self) -> Option<&Diagnosis> {
        let mains = || self.diagnoses.iter().filter(|d| d.main);
        mains().find(|d| d.at_discharge).or_else(|| mains().next()).or_else(|| self.diagnoses.first())
    }
}

/// A settled line of another visit, compact and netted of refunds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastLine {
    /// The visit.
    pub visit: VisitId,
    /// The settlement.
    pub settlement: SettlementId,
    /// `feedetl_sn`.
    pub no: LineNo,
    /// The item.
    pub item: ItemCode,
    /// When.
    pub time: NaiveDateTime,
    /// Net quantity.
    pub quantity: crate::money::Quantity,
    /// Net amount.
    pub amount: Money,
    /// Days of supply, where given.
    pub supply_days: Option<crate::money::Quantity>,
}

/// A line of this same visit that an earlier part (mid-stay) settled, with the amount it was settled at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledLine {
    /// The part that settled it.
    #[serde(default, skip_serializing_if = "SettlementId::is_empty")]
    pub settlement: SettlementId,
    /// As sent.
    pub line: Line,
    /// The amount it was settled at (differs from `line.amount` on a last partial refund).
    pub amount: Money,
}

/// What is in the accounts before this settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Balances {
    /// The person's own account.
    pub own: Money,
    /// The family account, zero where there is none.
    pub family: Money,
}

/// Everything known of a person at `as_of` that a decision may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonFile {
    /// The commit number up to which facts were read.
    pub as_of: CommitNo,
    /// The person.
    pub person: Person,
    /// Account balances.
    pub balances: Balances,
    /// Live accumulator entries, any order.
    #[serde(default)]
    pub entries: Vec<AccumulatorEntry>,
    /// Other visits, by begin.
    #[serde(default)]
    pub visits: Vec<PastVisit>,
    /// Settled lines of other visits within the history window, by time.
    #[serde(default)]
    pub lines: Vec<PastLine>,
    /// Lines of this visit settled by earlier parts of the stay, part by part in the order of their commits.
    #[serde(default)]
    pub settled_lines: Vec<SettledLine>,
    /// Settlement lists that have arrived, of this visit and of others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<VisitId, Arc<SettlementList>>,
}

impl PersonFile {
    /// A file of a person without any event.
    pub fn new(person: Person) -> Self {
        Self {
            as_of: 0,
            person,
            balances: Balances::default(),
            entries: Vec::new(),
            visits: Vec::new(),
            lines: Vec::new(),
            settled_lines: Vec::new(),
            lists: BTreeMap::new(),
        }
    }
}
