//! The agency: the operations of the desk over the store.

mod admission;
mod benefits;
mod check;
mod corrections;
mod filings;
mod import;
mod kept;
mod knowledge;
mod lines;
mod lists;
mod live;
mod manual;
mod mappings;
mod messages;
mod purchases;
mod query;
mod replay;
mod reverse;
mod review;
mod rules;
mod settle;
mod tasks;
mod turns;
mod visits;

pub use admission::Admissions;
pub use import::{ImportReport, PersonRows};
pub use knowledge::Confirmation;
pub use manual::{PaperClaim, PaperDiagnosis, PaperLine};
pub use replay::{ReplayReport, ReplayedDifference};
pub use review::{ReviewReport, findings_after};
pub use rules::PublishError;
pub use tasks::{ClerkAnswer, ClerkJob, Correct, Deduct, PaperReversal};

use crate::bundles::{BundleError, Contents, Runtime};
use crate::metrics::Metrics;
use admission::Door;
use async_trait::async_trait;
use chrono::{NaiveDateTime, TimeDelta};
use dingan_connectors::desk::*;
use dingan_core::codes::*;
use dingan_core::decision::Amounts;
use dingan_core::journal::history_from;
use dingan_core::resolve::ResolveError;
use dingan_store::{
    AuditEntry, CommitError, Committed, Guard, MessageKey, PersonState, Snapshot, Store, StoreError, VisitState, Write,
};
use kept::Kept;
use live::Written;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use turns::Turns;

/// How often a change is decided again when the books moved on meanwhile.
const ATTEMPTS: usize = 20;

/// How long to wait before a change is decided again that the store failed to write: a connection that broke is
/// soon there again, and a server that restarts takes seconds.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1000),
    Duration::from_millis(2000),
];

/// Lines a single visit may hold.
const LINES_PER_VISIT: i64 = 200_000;

/// Code of the refusal of a message that names another institution than its key.
pub(crate) const NOT_ITS_INSTITUTION: &str = "INSTITUTION_FORBIDDEN";

/// Compiled bundles kept in memory.
const BUNDLES: usize = 8;

/// Pre-settlements remembered for the comparison with the settlement that follows.
const REMEMBERED: usize = 10_000;

/// The agency over one store. Cheap to clone: every message has a handle of its own.
#[derive(Clone)]
pub struct Agency {
    shared: Arc<Shared>,
    door: Arc<Door>,
    /// Whom the audit log names for what is done through this handle.
    actor: Arc<str>,
    /// The only institution whose messages are taken through this handle; any where empty.
    speaks_for: InstitutionCode,
}

/// What all handles share.
struct Shared {
    store: Store,
    /// Bundles compiled so far, by hash: the live one, and old ones that replay asked for.
    runtimes: Mutex<HashMap<String, Arc<Runtime>>>,
    compiling: tokio::sync::Mutex<()>,
    /// Who decides again on a book that many want.
    turns: Turns,
    /// Amounts last given by 2206/2303, by bill: a settlement that differs says so.
    given: Mutex<HashMap<(VisitId, String), Amounts>>,
    /// What they read, for that settlement to be decided on.
    kept: Kept,
    metrics: Metrics,
}

/// An error below the domain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgencyError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A change could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Counters could not be registered.
    #[error("metrics: {0}")]
    Metrics(String),
    /// No live bundle.
    #[error("the store has no live bundle; import reference data first")]
    NoBundle,
}

/// The kept answer of a change: its output a value when it is written, read as the text it is.
#[derive(Serialize, Deserialize)]
struct KeptAnswer<T> {
    output: T,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Agency {
    /// Opens the agency over a store; a new store gets the bundle the program carries.
    pub async fn open(store: Store, now: NaiveDateTime) -> Result<Self, AgencyError> {
        let shared = Shared {
            store,
            runtimes: Mutex::default(),
            compiling: tokio::sync::Mutex::default(),
            turns: Turns::default(),
            given: Mutex::default(),
            kept: Kept::default(),
            metrics: Metrics::new().map_err(|e| AgencyError::Metrics(e.to_string()))?,
        };
        let agency = Self {
            shared: Arc::new(shared),
            door: Arc::new(Door::new(Admissions::default())),
            actor: Arc::from("program"),
            speaks_for: InstitutionCode::default(),
        };
        if agency.store().snapshot().await?.live_bundle().is_none() {
            // another server may have put one in force meanwhile: then that is the first
            let first = Written { kind: "first bundle", noted: Value::Null, over: Some(None) };
            agency.put_in_force(Contents::initial(), first, now).await?;
        }
        agency.live().await?;
        Ok(agency)
    }

    /// Takes in so much at once.
    pub fn admitting(mut self, limits: Admissions) -> Self {
        self.door = Arc::new(Door::new(limits));
        self
    }

    /// The same agency, with what is done through it put on record under a name: an account, a key, or the user of
    /// a command line.
    pub fn acting_as(&self, who: &str) -> Self {
        Self { actor: Arc::from(who), ..self.clone() }
    }

    /// The same agency, taking messages of one institution only: whose key the sender has.
    pub fn speaking_for(&self, institution: InstitutionCode) -> Self {
        Self { speaks_for: institution, ..self.clone() }
    }

    /// Whom the audit log names.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// An entry of the audit log for a change made through this handle.
    pub fn entry(&self, what: &'static str, subject: impl Into<String>, detail: Value) -> AuditEntry {
        AuditEntry { who: self.actor.to_string(), what, subject: subject.into(), detail: detail.to_string() }
    }

    /// Puts something on record that changes nothing else.
    pub async fn record(&self, entry: AuditEntry, now: NaiveDateTime) -> Result<(), AgencyError> {
        let write = move |_| Write { kind: "audit", at: now, audit: vec![entry], ..Write::default() };
        self.store().commit(Guard::default(), Box::new(write)).await?;
        Ok(())
    }

    /// Counters.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The store below.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Writes a change that answers a message.
    async fn write(&self, guard: Guard, build: dingan_store::WriteFn) -> Result<Committed, CommitError> {
        guard.persons.iter().for_each(|p| self.shared.kept.forget(p));
        self.store().commit(guard, build).await
    }

    /// As [`Self::write`], for what comes often and is much to build.
    async fn write_early(&self, guard: Guard, build: dingan_store::EarlyWriteFn) -> Result<Committed, CommitError> {
        guard.persons.iter().for_each(|p| self.shared.kept.forget(p));
        self.store().commit_early(guard, build).await
    }

    /// Decides and writes until it is written: each try on a snapshot of its own, anew when the books moved
    /// on meanwhile. A message that was answered meanwhile gets that answer.
    async fn until_written<F>(&self, by: &Caller, attempt: impl Fn() -> F + Send + Sync) -> Outcome<Reply>
    where
        F: Future<Output = Tried> + Send,
    {
        let mut turn = None;
        let mut pauses = PAUSES.iter();
        for _ in 0..ATTEMPTS {
            let failed = match attempt().await {
                Ok(Ok(c)) => return reply(&c.answer),
                Ok(Err(e)) => e,
                // the same message may have been written before, and what it did be what is now in the way
                Err(refusal) => return self.answered_before(by).await?.map(repeated).ok_or(refusal),
            };
            match failed {
                CommitError::Conflict(book) => turn = Some(self.shared.turns.wait(turn, book).await),
                // this message, or (2601) the one it cancels in advance: then the next try sees that one
                CommitError::Answered => {
                    if let Some(r) = self.answered_before(by).await? {
                        return Ok(repeated(r));
                    }
                }
                CommitError::Store(e @ (StoreError::Lost | StoreError::Unknown)) => {
                    let Some(pause) = pauses.next() else { return Err(internal(e)) };
                    tokio::time::sleep(*pause).await;
                    if let Some(r) = self.answered_before(by).await? {
                        return Ok(r);
                    }
                }
                e => return Err(internal(e)),
            }
        }
        Err(busy())
    }
}

/// A try to write a change: refused for good, written, or found in need of another try.
type Tried = Outcome<Result<Committed, CommitError>>;

/// A lock whose holder panicked still holds sound data: every value in it is replaced whole.
fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(by: &Caller) -> MessageKey {
    MessageKey { input_hash: by.input_hash.clone(), ..key_of(by, &by.infno, &by.msgid) }
}

/// The key of a message of this institution. The variants of a transaction (2207A of 2207) are one: who
/// undoes 2207 means the call, however it was numbered.
fn key_of(by: &Caller, infno: &str, msgid: &str) -> MessageKey {
    MessageKey {
        institution: by.institution.clone(),
        infno: infno.trim_end_matches(|c: char| c.is_ascii_uppercase()).to_owned(),
        msgid: msgid.to_owned(),
        input_hash: String::new(),
    }
}

fn answer(output: Value, warnings: Vec<String>) -> String {
    serde_json::to_string(&KeptAnswer { output, warnings }).unwrap_or_default()
}

fn reply(answer: &str) -> Outcome<Reply> {
    let kept: KeptAnswer<Box<RawValue>> = serde_json::from_str(answer)
        .map_err(|e| internal(StoreError::Damaged { table: "message", reason: e.to_string() }))?;
    Ok(Reply { output: kept.output, warnings: kept.warnings })
}

/// A kept answer, given again.
fn repeated(mut reply: Reply) -> Reply {
    reply.warnings.insert(0, REPEATED.to_owned());
    reply
}

fn guard_of(person: &PersonState, by: &Caller) -> Guard {
    Guard { as_of: person.as_of, persons: vec![person.person.no.clone()], message: Some(key(by)), ..Guard::default() }
}

/// A failure below the domain, told to the hospital without its inside.
fn internal(e: impl std::fmt::Display) -> Refusal {
    tracing::error!(error = %e, "request failed below the domain");
    Refusal::new("TRY_AGAIN", "系统暂时无法处理，本次请求未产生任何业务变更，请稍后以相同报文重试")
        .hint("使用相同的msgid和input原样重发")
        .passing()
}

fn busy() -> Refusal {
    Refusal::new("BUSY", "该人员的账目正在被其他请求更新，请稍后以相同报文重试")
        .hint("使用相同的msgid和input原样重发")
        .passing()
}

impl From<AgencyError> for Refusal {
    fn from(e: AgencyError) -> Self {
        internal(e)
    }
}

/// Shared checks: each says what it refuses and why.
impl Agency {
    /// A snapshot, with failures as refusals.
    async fn snap(&self) -> Outcome<Snapshot> {
        self.store().snapshot().await.map_err(internal)
    }

    async fn person_state(&self, snap: &mut Snapshot, no: &PersonNo) -> Outcome<PersonState> {
        known_person(snap.person(no).await.map_err(internal)?)
    }

    /// A visit of this institution and person, of the right kind, not cancelled.
    async fn visit_state(
        &self,
        snap: &mut Snapshot,
        by: &Caller,
        visit: &VisitId,
        person: &PersonNo,
        stay: Option<bool>,
    ) -> Outcome<dingan_store::VisitDoc> {
        own_visit(snap.visit(visit).await.map_err(internal)?, by, person, stay)
    }

    fn check_institution(&self, runtime: &Runtime, by: &Caller) -> Outcome<()> {
        match runtime.bundle.institution(&by.institution, by.now.date()) {
            Some(_) => Ok(()),
            None => Err(Refusal::new("INSTITUTION_UNKNOWN", "该定点医药机构编号未登记或当前不在有效期内")
                .at("fixmedins_code")
                .hint("请核对报文头fixmedins_code，或联系经办机构登记")),
        }
    }
}

fn known_person(state: Option<PersonState>) -> Outcome<PersonState> {
    state.ok_or_else(|| {
        Refusal::new("PERSON_UNKNOWN", "未找到该人员编号对应的参保人")
            .at("psn_no")
            .hint("请先调用1101获取人员基本信息，使用返回的psn_no")
    })
}

/// A visit that is of this institution and person, of the right kind, not cancelled.
fn own_visit(
    state: Option<VisitState>,
    by: &Caller,
    person: &PersonNo,
    stay: Option<bool>,
) -> Outcome<dingan_store::VisitDoc> {
    let unknown = || {
        Refusal::new("VISIT_UNKNOWN", "未找到该就诊ID，或该就诊不属于本机构")
            .at("mdtrt_id")
            .hint("请使用2201或2401返回的mdtrt_id")
    };
    let state = state.ok_or_else(unknown)?;
    // another institution's visit is answered as unknown: whether it exists is not theirs to learn
    if state.doc.visit.institution != by.institution {
        return Err(unknown());
    }
    if state.doc.visit.person != *person {
        return Err(Refusal::new("PERSON_MISMATCH", "人员编号与该就诊登记的人员不一致")
            .at("psn_no")
            .hint("请核对psn_no与mdtrt_id是否属于同一次就诊"));
    }
    if state.cancelled {
        return Err(Refusal::new("VISIT_CANCELLED", "该就诊登记已撤销").at("mdtrt_id").hint("请重新办理登记"));
    }
    match stay {
        Some(true) if !state.doc.stay => Err(Refusal::new("WRONG_KIND", "该就诊是门诊就诊，不能办理住院交易")
            .at("mdtrt_id")
            .hint("门诊请使用2204、2206、2207、2208")),
        Some(false) if state.doc.stay => Err(Refusal::new("WRONG_KIND", "该就诊是住院就诊，不能办理门诊交易")
            .at("mdtrt_id")
            .hint("住院请使用2301、2303、2304、2305")),
        _ => Ok(state.doc),
    }
}

/// What `resolve` refuses, in the words of the interface.
fn refused(e: ResolveError) -> Refusal {
    let code = e.code();
    match e {
        ResolveError::NotInsured { day, .. } => {
            Refusal::new(code, format!("该人员在{day}没有该险种的有效参保关系，不能享受待遇"))
                .at("insutype")
                .hint("请核对险种类型；如系补缴或新参保，请联系经办机构")
        }
        ResolveError::UnknownInstitution(_, day) => {
            Refusal::new(code, format!("该定点医药机构在{day}不在有效期内")).at("fixmedins_code").hint("请联系经办机构")
        }
        ResolveError::UnknownArea(division, _, _) => Refusal::new(code, format!("医保区划{division}未配置所属统筹区"))
            .at("insuplc_admdvs")
            .hint("请联系经办机构维护统筹区对照"),
        ResolveError::NoPolicy(pool, insurance, day) => {
            Refusal::new(code, format!("统筹区{pool}险种{insurance}在{day}没有待遇政策"))
                .at("insutype")
                .hint("请联系经办机构")
        }
        ResolveError::RefundOfNothing(..) => Refusal::new(code, "退费明细所指的原费用流水号不存在")
            .at("init_feedetl_sn")
            .hint("init_feedetl_sn应为同一就诊中已上传的正向明细"),
        ResolveError::RefundTooLarge(..) => Refusal::new(code, "退费数量或金额超过原明细剩余数量或金额")
            .at("cnt")
            .hint("各次退费数量之和不能超过原数量"),
        ResolveError::RefundDiffers(..) => Refusal::new(code, "退费明细的医疗目录编码或单价与原明细不一致")
            .at("pric")
            .hint("退费明细应与原明细同一项目、同一单价"),
        ResolveError::NegativeLine(_) => Refusal::new(code, "数量或金额为负但未填原费用流水号")
            .at("cnt")
            .hint("退费请在2301中填写init_feedetl_sn；门诊请撤销后重新上传"),
        ResolveError::DuplicateLine(_) => {
            Refusal::new(code, "费用明细流水号重复").at("feedetl_sn").hint("同一就诊内流水号不能重复")
        }
        ResolveError::Deceased(day) => Refusal::new(code, format!("该人员在{day}之前已登记死亡，不能享受待遇"))
            .at("psn_no")
            .hint("请核对人员身份；登记有误请联系经办机构"),
        ResolveError::YearNotSettled(year) => {
            Refusal::new(code, format!("该住院跨{year}年末，本地政策要求先办理年末中途结算"))
                .at("mid_setl_flag")
                .hint("请先以mid_setl_flag=1结算年末前的费用")
        }
        other => Refusal::new(code, format!("无法核定待遇：{code}")).hint(other.to_string()),
    }
}

#[async_trait]
impl Desk for Agency {
    async fn admit(&self, by: &Caller) -> Outcome<Box<dyn Send>> {
        if !self.speaks_for.as_str().is_empty() && self.speaks_for != by.institution {
            return Err(Refusal::new(NOT_ITS_INSTITUTION, "报文的定点医药机构编号不是该密钥所属机构")
                .at("fixmedins_code")
                .hint("请使用本机构的密钥，或核对报文头fixmedins_code"));
        }
        Ok(Box::new(self.door.enter(&by.institution).await?))
    }
    async fn answered(&self, by: &Caller) -> Outcome<Option<Reply>> {
        // most settlements come once: whether this one came before is seen when it is written, or in the way
        if matches!(by.infno.get(..4), Some("2207" | "2304")) {
            return Ok(None);
        }
        self.answered_before(by).await
    }
    async fn sign_in(&self, by: &Caller, render: Render<SignIn>) -> Outcome<Reply> {
        self.signed(by, None, render).await
    }
    async fn sign_out(&self, by: &Caller, sign_no: &str, render: Render<SignIn>) -> Outcome<Reply> {
        self.signed(by, Some(sign_no), render).await
    }
    async fn person(&self, by: &Caller, query: PersonQuery) -> Outcome<PersonView> {
        self.find_person(by, query).await
    }
    async fn register(&self, by: &Caller, visit: NewVisit, render: Render<VisitId>) -> Outcome<Reply> {
        self.register_visit(by, visit, render).await
    }
    async fn cancel(&self, by: &Caller, visit: VisitId, person: PersonNo, stay: bool) -> Outcome<Reply> {
        self.cancel_visit(by, visit, person, stay).await
    }
    async fn change(&self, by: &Caller, change: VisitChange) -> Outcome<Reply> {
        self.change_visit(by, change).await
    }
    async fn pre_sell(&self, by: &Caller, ask: PharmacyAsk) -> Outcome<((Settled, Vec<LineResult>), Vec<String>)> {
        self.trial_purchase(by, ask).await
    }
    async fn sell(&self, by: &Caller, ask: PharmacyAsk, render: Render<(Settled, Vec<LineResult>)>) -> Outcome<Reply> {
        self.settle_purchase(by, ask, render).await
    }
    async fn benefits(&self, by: &Caller, visit: NewVisit) -> Outcome<Vec<BenefitCheck>> {
        self.check_benefits(by, visit).await
    }
    async fn visits(&self, by: &Caller, query: VisitQuery) -> Outcome<Vec<VisitView>> {
        self.find_visits(by, query).await
    }
    async fn catalogue(&self, _: &Caller, query: CatalogueQuery) -> Outcome<CataloguePage> {
        self.find_in_catalogue(query).await
    }
    async fn file(&self, by: &Caller, filing: NewFiling, render: Render<String>) -> Outcome<Reply> {
        self.file_for_person(by, filing, render).await
    }
    async fn unfile(&self, by: &Caller, person: PersonNo, id: String) -> Outcome<Reply> {
        self.take_filing_back(by, person, id).await
    }
    async fn map(&self, by: &Caller, mappings: Vec<ItemMapping>) -> Outcome<Reply> {
        self.take_mappings(by, mappings).await
    }
    async fn unmap(&self, by: &Caller, which: MappingKey) -> Outcome<Reply> {
        self.withdraw_mapping(by, which).await
    }
    async fn add_lines(&self, by: &Caller, lines: NewLines, render: Render<Vec<LineResult>>) -> Outcome<Reply> {
        self.upload_lines(by, lines, render).await
    }
    async fn void_lines(
        &self,
        by: &Caller,
        visit: VisitId,
        person: PersonNo,
        stay: bool,
        choice: LineChoice,
    ) -> Outcome<Reply> {
        self.take_lines_away(by, visit, person, stay, choice).await
    }
    async fn pre_settle(&self, by: &Caller, ask: SettleAsk) -> Outcome<(Settled, Vec<String>)> {
        self.trial(by, ask).await
    }
    async fn settle(&self, by: &Caller, ask: SettleAsk, render: Render<Settled>) -> Outcome<Reply> {
        self.settle_bill(by, ask, render).await
    }
    async fn reverse(&self, by: &Caller, ask: ReverseAsk, render: Render<Settled>) -> Outcome<Reply> {
        self.reverse_settlement(by, ask, render).await
    }
    async fn undo(&self, by: &Caller, ask: UndoAsk) -> Outcome<Reply> {
        self.undo_message(by, ask).await
    }
    async fn fate(&self, by: &Caller, msgid: &str) -> Outcome<Vec<MessageFate>> {
        self.message_fate(by, msgid).await
    }
    async fn settlement(
        &self,
        by: &Caller,
        id: SettlementId,
        person: PersonNo,
        lines: bool,
    ) -> Outcome<SettlementView> {
        self.settlement_view(by, id, person, lines).await
    }
    async fn accumulators(&self, by: &Caller, person: PersonNo, month: &str) -> Outcome<Vec<AccumulatorValue>> {
        self.accumulator_values(by, person, month).await
    }
    async fn precheck(&self, by: &Caller, ask: PrecheckAsk) -> Outcome<Checked> {
        self.check_orders(by, ask).await
    }
    async fn settlement_list(&self, by: &Caller, list: ListAsk, render: Render<String>) -> Outcome<Reply> {
        self.take_list(by, list, render).await
    }
    async fn list_verdicts(&self, by: &Caller, query: ListQuery) -> Outcome<Vec<ListVerdict>> {
        self.lists_asked_for(by, query).await
    }
    async fn feedback(&self, by: &Caller, before: bool, feedback: Vec<Feedback>) -> Outcome<Reply> {
        self.take_feedback(by, before, feedback).await
    }
}
