//! What the agency offers to those who ask: the operations behind every transaction, in domain words.
//!
//! The interface modules read a message into one of these calls and render the outcome; the service
//! (`dingan-http`) implements them over the store. A change hands in how its answer is rendered, so
//! that the answer is written in the same commit as the change and a retry gets the same bytes.

use async_trait::async_trait;
use chrono::{NaiveDate, NaiveDateTime};
use dingan_core::bundle::{CatalogueItem, Institution, PriceLimit, SelfPayRatio};
use dingan_core::claim::{AccountUse, Circumstances, Claim, Diagnosis, Line, Operation, SettlementList, Visit};
use dingan_core::codes::*;
use dingan_core::decision::{Amounts, Decision, LineSplit};
use dingan_core::finding::{Finding, Stage, Undecided};
use dingan_core::money::Money;
use dingan_core::person::{Balances, Filing, PastLine, PastVisit, Person};
use dingan_core::policy::{BenefitPolicy, Place};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a call was refused: a stable code, a sentence for the hospital (Chinese), the national field
/// it is about, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Machine-readable, upper snake case; never reused for another meaning.
    pub code: &'static str,
    /// One sentence in Chinese, without personal data, at most 200 characters.
    pub message: String,
    /// The national name of the field it is about.
    pub field: Option<&'static str>,
    /// Which line, counted from zero, where the field stands in a list.
    pub line: Option<usize>,
    /// What to do, in Chinese.
    pub hint: String,
    /// How the transport should answer.
    pub kind: RefusalKind,
}

/// How the transport should answer a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The message is at fault: sending it again gives the same answer.
    Business,
    /// Nothing was done and the same message may be sent again later.
    TryAgain,
}

impl Refusal {
    /// A refusal of the message itself.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            line: None,
            hint: String::new(),
            kind: RefusalKind::Business,
        }
    }
    /// About a field.
    pub fn at(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }
    /// About a line of a list.
    pub fn line(mut self, index: usize) -> Self {
        self.line = Some(index);
        self
    }
    /// With what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
    /// Passing: the same message may be sent again.
    pub fn passing(mut self) -> Self {
        self.kind = RefusalKind::TryAgain;
        self
    }
}

/// Who calls, with what message, and when: the header of a message.
#[derive(Debug, Clone)]
pub struct Caller {
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// `infno`.
    pub infno: String,
    /// `msgid`.
    pub msgid: String,
    /// SHA-256 of the normalised `input`, hexadecimal.
    pub input_hash: String,
    /// `opter`.
    pub operator: String,
    /// `insuplc_admdvs`: where the insured belongs to, as the sender knows it; empty where not said.
    pub insured_at: Division,
    /// When the message was received; every date the service needs comes from here.
    pub now: NaiveDateTime,
}

/// An answer, as it is kept for retries.
#[derive(Debug, Clone)]
pub struct Reply {
    /// `output` as it is sent: what was kept goes out again letter by letter.
    pub output: Box<RawValue>,
    /// Parts of `warn_msg`.
    pub warnings: Vec<String>,
}

impl Reply {
    /// An answer without warnings.
    pub fn of(output: &Value) -> Self {
        Self::with(output, Vec::new())
    }
    /// An answer with warnings.
    pub fn with(output: &Value, warnings: Vec<String>) -> Self {
        // a value always has a text
        let output = to_raw_value(output).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self { output, warnings }
    }
    /// `output`, to look into it.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.output.get()).unwrap_or_default()
    }
}

/// How the outcome of a change is rendered into its answer.
pub type Render<T> = Box<dyn Fn(&T) -> Value + Send + Sync>;

/// Outcome of a call.
pub type Outcome<T> = Result<T, Refusal>;

/// Who is asked for (1101).
#[derive(Debug, Clone, Default)]
pub struct PersonQuery {
    /// `certno`, or what `mdtrt_cert_no` holds.
    pub cert_no: String,
    /// `psn_name`, checked where given.
    pub name: String,
    /// `psn_no`, where it is known instead.
    pub person: Option<PersonNo>,
}

/// A person with balances.
#[derive(Debug, Clone)]
pub struct PersonView {
    /// The person.
    pub person: Person,
    /// Balances.
    pub balances: Balances,
}

/// A visit or stay to be registered (2201, 2401).
#[derive(Debug, Clone)]
pub struct NewVisit {
    /// The visit without an id. For 2201 `med_type` is the general one until 2203 says more.
    pub visit: Visit,
    /// `certno`, checked against the person where given.
    pub cert_no: String,
    /// `ipt_otp_no` or `ipt_no`.
    pub case_no: String,
}

/// What a message says of how care came about; none where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// `IPT_TYPE`, `OTP_ER_REFL_FLAG`.
    pub emergency: Option<bool>,
    /// `TRUM_FLAG`.
    pub injury: Option<bool>,
    /// `REL_TTP_FLAG`.
    pub third_party: Option<bool>,
    /// `matn_type`.
    pub birth: Option<String>,
    /// `birctrl_type`.
    pub birth_control: Option<String>,
}

impl Said {
    /// What was known, with what is said laid over it.
    pub fn over(&self, known: Circumstances) -> Circumstances {
        Circumstances {
            emergency: self.emergency.unwrap_or(known.emergency),
            injury: self.injury.unwrap_or(known.injury),
            third_party: self.third_party.unwrap_or(known.third_party),
            birth: self.birth.clone().unwrap_or(known.birth),
            birth_control: self.birth_control.clone().unwrap_or(known.birth_control),
        }
    }
}

/// Something filed (2501, 2503, 2505, 2507).
#[derive(Debug, Clone)]
pub struct NewFiling {
    /// `psn_no`.
    pub person: PersonNo,
    /// `certno`, checked where given.
    pub cert_no: String,
    /// The filing, still without its number and the day it was made.
    pub filing: Filing,
}

/// Which national item an institution's own item is (3301).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemMapping {
    /// `fixmedins_hilist_id`.
    pub hospital_item: String,
    /// `list_type`.
    pub list_type: String,
    /// `med_list_codg`.
    pub item: ItemCode,
    /// First day.
    pub begin: NaiveDate,
    /// Last day.
    pub end: NaiveDate,
    /// What else was sent of it.
    pub document: serde_json::Value,
}

/// Which mapping is withdrawn (3302).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingKey {
    /// `fixmedins_hilist_id`.
    pub hospital_item: String,
    /// `list_type`.
    pub list_type: String,
    /// `med_list_codg`.
    pub item: ItemCode,
}

/// What changes of a visit (2203, 2402, 2403, 2405).
#[derive(Debug, Clone, Default)]
pub struct VisitChange {
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// `psn_no`.
    pub person: PersonNo,
    /// Which kind of change it is.
    pub kind: ChangeKind,
    /// New `med_type`.
    pub med_type: Option<MedType>,
    /// New begin.
    pub begin: Option<NaiveDateTime>,
    /// Discharge.
    pub end: Option<NaiveDateTime>,
    /// New `dise_codg`.
    pub disease: Option<DiseaseCode>,
    /// Diagnoses to add or replace, by order number.
    pub diagnoses: Vec<Diagnosis>,
    /// Order numbers of diagnoses to take away.
    pub voided: Vec<u16>,
    /// Department.
    pub department: Option<String>,
    /// Bed.
    pub bed: Option<String>,
    /// `dscg_way`.
    pub discharge_way: Option<String>,
    /// `die_date`.
    pub death: Option<NaiveDate>,
    /// `ttp_pay_prop`.
    pub third_party_share: Option<dingan_core::money::Rate>,
    /// How the care came about.
    pub said: Said,
}

/// Kinds of change of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChangeKind {
    /// 2203: information on an outpatient visit.
    #[default]
    Outpatient,
    /// 2403: information on a stay.
    Stay,
    /// 2402: discharge.
    Discharge,
    /// 2405: discharge undone.
    UndoDischarge,
}

/// Fee lines to be added (2204, 2301).
#[derive(Debug, Clone)]
pub struct NewLines {
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// `psn_no`.
    pub person: PersonNo,
    /// Whether they belong to a stay (2301) or a visit (2204).
    pub stay: bool,
    /// The lines in the order sent.
    pub lines: Vec<Line>,
}

/// A line as it was split on upload.
#[derive(Debug, Clone)]
pub struct LineResult {
    /// The line.
    pub line: Line,
    /// Its split; the amount that counts is in it.
    pub split: LineSplit,
    /// The catalogue row.
    pub item: Option<Arc<CatalogueItem>>,
}

/// Which unsettled lines to take away (2205, 2302).
#[derive(Debug, Clone)]
pub enum LineChoice {
    /// Every one.
    All,
    /// Those of a `chrg_bchno`.
    Batch(String),
    /// Those with these numbers.
    Numbers(Vec<LineNo>),
}

/// A settlement asked for (2206/2207, 2303/2304).
#[derive(Debug, Clone)]
pub struct SettleAsk {
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// `psn_no`.
    pub person: PersonNo,
    /// `certno`, checked where given.
    pub cert_no: String,
    /// `insutype`, checked against the visit.
    pub insurance: Insurance,
    /// `chrg_bchno` of an outpatient bill.
    pub batch: Option<String>,
    /// Whether it is a stay (2303/2304).
    pub stay: bool,
    /// `med_type` where stated, checked against the visit.
    pub med_type: Option<MedType>,
    /// `acct_used_flag`.
    pub account_use: AccountUse,
    /// `mid_setl_flag`.
    pub mid_stay: bool,
    /// `psn_setlway` 02.
    pub by_quota: bool,
    /// `medfee_sumamt` as stated; checked against the lines.
    pub total: Money,
    /// The four parts where stated, checked: own pay, above limit, advance self-pay, in scope.
    pub parts: Option<[Money; 4]>,
    /// `invono`.
    pub invoice: String,
}

/// A purchase at a pharmacy, whole in one message (2101, 2102).
#[derive(Debug, Clone)]
pub struct PharmacyAsk {
    /// The purchase as a visit.
    pub visit: NewVisit,
    /// What is bought.
    pub lines: Vec<Line>,
    /// `acct_used_flag`.
    pub account_use: AccountUse,
    /// `medfee_sumamt` as stated; checked against the lines.
    pub total: Money,
    /// `invono`.
    pub invoice: String,
}

/// Whether one fund would pay for a kind of visit (2001).
#[derive(Debug, Clone)]
pub struct BenefitCheck {
    /// `fund_pay_type`; empty where no policy could be asked.
    pub fund_pay_type: FundCode,
    /// Whether it pays.
    pub pays: bool,
    /// First and last day of the insurance relation.
    pub days: Option<(NaiveDate, Option<NaiveDate>)>,
    /// In Chinese: why not, or what pays.
    pub reason: String,
}

/// Which visits are asked for (5201).
#[derive(Debug, Clone)]
pub struct VisitQuery {
    /// `psn_no`.
    pub person: PersonNo,
    /// Begun at or after.
    pub from: Option<NaiveDateTime>,
    /// Begun at or before.
    pub to: Option<NaiveDateTime>,
    /// Of this kind.
    pub med_type: Option<MedType>,
    /// This one.
    pub visit: Option<VisitId>,
}

/// A visit with its person (5201).
#[derive(Debug, Clone)]
pub struct VisitView {
    /// The person.
    pub person: Arc<Person>,
    /// The visit.
    pub visit: Visit,
    /// `ipt_otp_no` or `ipt_no`.
    pub case_no: String,
}

/// A table of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogueTable {
    /// 1312.
    Items,
    /// 1318.
    Limits,
    /// 1319.
    Ratios,
}

/// A page of the catalogue that is asked for.
#[derive(Debug, Clone)]
pub struct CatalogueQuery {
    /// Which table.
    pub table: CatalogueTable,
    /// This item.
    pub code: Option<ItemCode>,
    /// A part of the item's name; empty for any.
    pub name: String,
    /// Rows that hold on this day.
    pub on: Option<NaiveDate>,
    /// Rows of this area and general ones; empty for all.
    pub area: PoolArea,
    /// `selfpay_prop_psn_type`; empty for any.
    pub person_type: String,
    /// Page, from zero.
    pub page: usize,
    /// Rows of a page.
    pub size: usize,
}

/// A page of the catalogue: rows of one of its tables, and how many there are in all.
#[derive(Debug, Clone, Default)]
pub struct CataloguePage {
    /// Rows in all.
    pub total: usize,
    /// 1312.
    pub items: Vec<Arc<CatalogueItem>>,
    /// 1318.
    pub limits: Vec<PriceLimit>,
    /// 1319.
    pub ratios: Vec<SelfPayRatio>,
}

/// A settlement as decided.
#[derive(Debug, Clone)]
pub struct Settled {
    /// `setl_id`; none on a pre-settlement.
    pub id: Option<SettlementId>,
    /// `setl_time`; none on a pre-settlement.
    pub time: Option<NaiveDateTime>,
    /// The person.
    pub person: Arc<Person>,
    /// The visit.
    pub visit: Visit,
    /// `psn_type` that counted.
    pub person_type: PersonType,
    /// `cvlserv_flag` that counted.
    pub civil_servant: bool,
    /// The institution.
    pub institution: Arc<Institution>,
    /// `insuplc_admdvs`.
    pub division: Division,
    /// Where the care was given, seen from the insured's pool.
    pub place: Place,
    /// First and last day covered.
    pub days: (NaiveDate, NaiveDate),
    /// The decision.
    pub decision: Arc<Decision>,
    /// The message's id, echoed as `medins_setl_id`.
    pub msgid: String,
    /// `invono`.
    pub invoice: String,
    /// Whether it is a reversal: the amounts are those of [`Settled::amounts`].
    pub amounts: Amounts,
    /// The settlement it reverses.
    pub reverses: Option<SettlementId>,
    /// Whether it was reversed since.
    pub reversed: bool,
    /// Benefit year.
    pub year: i32,
}

/// A reversal asked for (2208, 2305).
#[derive(Debug, Clone)]
pub struct ReverseAsk {
    /// `setl_id`.
    pub settlement: SettlementId,
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// `psn_no`.
    pub person: PersonNo,
    /// Whether it is a stay's.
    pub stay: bool,
}

/// The effect of a lost call to be undone (2601).
#[derive(Debug, Clone)]
pub struct UndoAsk {
    /// `psn_no`.
    pub person: PersonNo,
    /// `oinfno`.
    pub infno: String,
    /// `omsgid`.
    pub msgid: String,
}

/// What became of a message.
#[derive(Debug, Clone)]
pub struct MessageFate {
    /// `infno` it came under.
    pub infno: String,
    /// When it was answered.
    pub time: NaiveDateTime,
    /// What was answered then; none for a message refused in advance by 2601.
    pub reply: Option<Reply>,
    /// `setl_id` it made.
    pub settlement: Option<SettlementId>,
    /// Whether that settlement was reversed since.
    pub reversed: bool,
}

/// One accumulator's value (5206).
#[derive(Debug, Clone)]
pub struct AccumulatorValue {
    /// `insutype`.
    pub insurance: Insurance,
    /// Benefit year.
    pub year: String,
    /// The period the value is of, as `cum_ym` where it is a month, else the year.
    pub period: String,
    /// Key, with the disease where it is kept per disease.
    pub key: String,
    /// Value.
    pub value: Money,
}

/// A settlement with its lines (5203, 5204, 100001).
#[derive(Debug, Clone)]
pub struct SettlementView {
    /// The settlement.
    pub settled: Settled,
    /// Lines with splits; empty unless asked for.
    pub lines: Vec<LineResult>,
    /// Policies that priced it.
    pub policies: Vec<Arc<BenefitPolicy>>,
}

/// A check of orders before or while they are settled (3101, 3102).
#[derive(Debug, Clone)]
pub struct PrecheckAsk {
    /// The current encounter as a claim; orders are its lines.
    pub claim: Claim,
    /// The person as the request states them.
    pub sex: Sex,
    /// Birth as stated.
    pub birth: NaiveDate,
    /// Other encounters sent along.
    pub visits: Vec<PastVisit>,
    /// Their orders.
    pub lines: Vec<PastLine>,
    /// Operations, by encounter.
    pub operations: BTreeMap<VisitId, Vec<Operation>>,
    /// Stages, by the scene stated.
    pub stages: Vec<Stage>,
    /// Only these rules, where any are named.
    pub rules: Vec<String>,
    /// `trig_scen`.
    pub scene: String,
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The run's id (`task_id`).
    pub run: String,
    /// Findings.
    pub findings: Vec<Finding>,
    /// Rules that could not decide.
    pub undecided: Vec<Undecided>,
    /// Rules that failed.
    pub failed: usize,
}

/// What the institution did after a warning (3103).
#[derive(Debug, Clone)]
pub struct Feedback {
    /// `warn_rslt_id`, the `jr_id` of the finding.
    pub finding: String,
    /// `dspo_way`: 1 went on, 2 changed.
    pub way: String,
    /// `dspo_way_rea`.
    pub reason: String,
}

/// A settlement list (4101): what a stay was, told after it was settled.
#[derive(Debug, Clone)]
pub struct ListAsk {
    /// `setl_id`.
    pub settlement: SettlementId,
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// `psn_no`.
    pub person: PersonNo,
    /// What is looked at.
    pub sheet: ListSheet,
    /// The input as it was sent, kept whole.
    pub document: serde_json::Value,
}

/// What quality control and rules look at in a settlement list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListSheet {
    /// What becomes facts.
    pub list: SettlementList,
    /// `setl_begn_date`.
    pub begin: Option<NaiveDate>,
    /// `setl_end_date`.
    pub end: Option<NaiveDate>,
    /// `payinfo`.
    pub payments: Vec<(FundCode, Money)>,
    /// Days of nursing of every grade together.
    pub nursing_days: Option<dingan_core::money::Quantity>,
    /// `icuinfo`: in and out.
    pub intensive: Vec<(NaiveDateTime, NaiveDateTime)>,
    /// `age_days`, of a newborn.
    pub age_days: Option<i64>,
    /// `nwb_bir_wt`, in grams.
    pub birth_weight: Option<dingan_core::money::Quantity>,
    /// `days_rinp_pup_31`.
    pub return_purpose: String,
}

/// A fault that quality control found in a settlement list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityProblem {
    /// `exam_data_fld`.
    pub field: String,
    /// What is wrong, in Chinese.
    pub text: String,
    /// Whether the list goes back for it (1 错误); else it is only told (2 提示).
    pub serious: bool,
    /// What stands in the field.
    pub value: String,
}

impl QualityProblem {
    /// `err_lv`.
    pub fn level(&self) -> &'static str {
        if self.serious { "1" } else { "2" }
    }
}

/// Which lists 4104 asks for.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// `setl_ym`, six digits.
    pub month: String,
    /// `setl_id`.
    pub settlement: Option<SettlementId>,
    /// `psn_no`.
    pub person: Option<PersonNo>,
    /// `err_lv`; empty for any.
    pub level: String,
    /// `retn_flag`, where asked for.
    pub returned: Option<bool>,
    /// `page_num`, from 1.
    pub page: i64,
    /// `page_size`.
    pub size: i64,
}

/// What quality control says of a list.
#[derive(Debug, Clone)]
pub struct ListVerdict {
    /// `setl_list_id`.
    pub id: String,
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// Its name.
    pub institution_name: String,
    /// `setl_ym`.
    pub month: String,
    /// `setl_id`.
    pub settlement: SettlementId,
    /// The person.
    pub person: Person,
    /// What was found; nothing where it passed.
    pub problems: Vec<QualityProblem>,
    /// When it was checked: on arrival.
    pub time: NaiveDateTime,
}

impl ListVerdict {
    /// `err_lv`: the worst of its problems; 0 where there is none.
    pub fn level(&self) -> &'static str {
        let worst = self.problems.iter().map(QualityProblem::level).min();
        worst.unwrap_or("0")
    }
    /// Whether it goes back to the institution.
    pub fn returned(&self) -> bool {
        self.problems.iter().any(|p| p.serious)
    }
}

/// A signed-in operator (9001).
#[derive(Debug, Clone)]
pub struct SignIn {
    /// `sign_no`.
    pub no: String,
    /// When.
    pub time: NaiveDateTime,
}

/// The warning beside an answer that was kept, and is given again to the same message.
pub const REPEATED: &str = "重复报文，返回首次处理的结果";

/// The operations of the agency.
#[async_trait]
pub trait Desk: Send + Sync {
    /// Lets a message in to be worked on; what is given back is held until it is answered. Refuses at once where
    /// too many of the institution wait already.
    async fn admit(&self, _by: &Caller) -> Outcome<Box<dyn Send>> {
        Ok(Box::new(()))
    }
    /// The kept answer of a message that was already committed; refuses one whose input differs or
    /// that 2601 has cancelled in advance. A desk may leave that to the operation, which then says [`REPEATED`] itself.
    async fn answered(&self, by: &Caller) -> Outcome<Option<Reply>>;
    /// 9001.
    async fn sign_in(&self, by: &Caller, render: Render<SignIn>) -> Outcome<Reply>;
    /// 9002.
    async fn sign_out(&self, by: &Caller, sign_no: &str, render: Render<SignIn>) -> Outcome<Reply>;
    /// 1101.
    async fn person(&self, by: &Caller, query: PersonQuery) -> Outcome<PersonView>;
    /// 2201, 2401.
    async fn register(&self, by: &Caller, visit: NewVisit, render: Render<VisitId>) -> Outcome<Reply>;
    /// 2202, 2404.
    async fn cancel(&self, by: &Caller, visit: VisitId, person: PersonNo, stay: bool) -> Outcome<Reply>;
    /// 2203, 2402, 2403, 2405.
    async fn change(&self, by: &Caller, change: VisitChange) -> Outcome<Reply>;
    /// 2101: nothing is stored.
    async fn pre_sell(&self, by: &Caller, ask: PharmacyAsk) -> Outcome<((Settled, Vec<LineResult>), Vec<String>)>;
    /// 2102.
    async fn sell(&self, by: &Caller, ask: PharmacyAsk, render: Render<(Settled, Vec<LineResult>)>) -> Outcome<Reply>;
    /// 2001.
    async fn benefits(&self, by: &Caller, visit: NewVisit) -> Outcome<Vec<BenefitCheck>>;
    /// 5201.
    async fn visits(&self, by: &Caller, query: VisitQuery) -> Outcome<Vec<VisitView>>;
    /// 1312, 1318, 1319.
    async fn catalogue(&self, by: &Caller, query: CatalogueQuery) -> Outcome<CataloguePage>;
    /// 2501, 2503, 2505, 2507. Answers with `trt_dcla_detl_sn`.
    async fn file(&self, by: &Caller, filing: NewFiling, render: Render<String>) -> Outcome<Reply>;
    /// 2502, 2504, 2506.
    async fn unfile(&self, by: &Caller, person: PersonNo, id: String) -> Outcome<Reply>;
    /// 2204, 2301.
    async fn add_lines(&self, by: &Caller, lines: NewLines, render: Render<Vec<LineResult>>) -> Outcome<Reply>;
    /// 2205, 2302.
    async fn void_lines(
        &self,
        by: &Caller,
        visit: VisitId,
        person: PersonNo,
        stay: bool,
        choice: LineChoice,
    ) -> Outcome<Reply>;
    /// 2206, 2303: nothing is stored.
    async fn pre_settle(&self, by: &Caller, ask: SettleAsk) -> Outcome<(Settled, Vec<String>)>;
    /// 2207, 2304.
    async fn settle(&self, by: &Caller, ask: SettleAsk, render: Render<Settled>) -> Outcome<Reply>;
    /// 2208, 2305.
    async fn reverse(&self, by: &Caller, ask: ReverseAsk, render: Render<Settled>) -> Outcome<Reply>;
    /// 2601.
    async fn undo(&self, by: &Caller, ask: UndoAsk) -> Outcome<Reply>;
    /// What became of a message of this institution.
    async fn fate(&self, by: &Caller, msgid: &str) -> Outcome<Vec<MessageFate>>;
    /// 5203, 5204, 100001.
    async fn settlement(&self, by: &Caller, id: SettlementId, person: PersonNo, lines: bool)
    -> Outcome<SettlementView>;
    /// 5206.
    async fn accumulators(&self, by: &Caller, person: PersonNo, month: &str) -> Outcome<Vec<AccumulatorValue>>;
    /// 3101, 3102.
    async fn precheck(&self, by: &Caller, ask: PrecheckAsk) -> Outcome<Checked>;
    /// 3103.
    async fn feedback(&self, by: &Caller, before: bool, feedback: Vec<Feedback>) -> Outcome<Reply>;
    /// 3301.
    async fn map(&self, by: &Caller, mappings: Vec<ItemMapping>) -> Outcome<Reply>;
    /// 3302.
    async fn unmap(&self, by: &Caller, which: MappingKey) -> Outcome<Reply>;
    /// 4101.
    async fn settlement_list(&self, by: &Caller, list: ListAsk, render: Render<String>) -> Outcome<Reply>;
    /// 4104.
    async fn list_verdicts(&self, by: &Caller, query: ListQuery) -> Outcome<Vec<ListVerdict>>;
}
