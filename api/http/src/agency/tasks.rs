//! What clerks do, and a second person's word on it: whatever moves more of the funds' money than the set amount waits
//! for somebody else.

use super::*;
use dingan_core::ledger::funds_moved;
use dingan_core::money::Money;
use dingan_store::{Expect, TaskChange, TaskRow};
use sha2::{Digest, Sha256};

/// Name of the setting: what may be moved of the funds' money on one person's word, in yuan.
const LIMIT: &str = "second_person_above";

/// What was within the limit when it was weighed is above it when it is to be written.
const SECOND_PERSON: &str = "SECOND_PERSON";

/// The amount where none is set.
const LIMIT_UNSET: Money = Money::fen(100_000);

/// What a clerk asks for. Each has an id: the same one again is not done again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClerkJob {
    /// Settle a paper claim.
    Claim(PaperClaim),
    /// Reverse a paper claim.
    Reversal(PaperReversal),
    /// Apply a proposal.
    Correction(Correct),
    /// Take back from an institution.
    Deduction(Deduct),
}

/// The reversal of a settled paper claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperReversal {
    /// Names the request.
    pub id: String,
    /// The settlement.
    pub setl_id: String,
    /// Why.
    pub reason: String,
}

/// A proposal to be applied to its settlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correct {
    /// Names the request.
    pub id: String,
    /// The settlement.
    pub setl_id: String,
    /// What the funds pay more (or less, negative) by the proposal, as the clerk saw it: where it comes to something
    /// else by now, nothing is done.
    pub funds_change: Money,
}

/// What is to be taken back from the institution of a settlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deduct {
    /// Names the request.
    pub id: String,
    /// The settlement.
    pub setl_id: String,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: String,
}

/// What became of what a clerk asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum ClerkAnswer {
    /// Done: `setl_id` and the amounts.
    Done(Value),
    /// A second person has to decide: what it moves of the funds' money.
    Waiting(Money),
}

/// On whose word something is done, and what is written with it.
#[derive(Debug, Clone)]
pub(super) struct Word {
    audit: AuditEntry,
    /// The task it ends.
    task: Option<String>,
    /// Who decided.
    by: String,
    /// What it may move of the funds' money; none on a second person's word.
    limit: Option<Money>,
}

impl Word {
    /// Whether it is enough to move so much of the funds' money.
    pub(super) fn carries(&self, moved: Money) -> Outcome<()> {
        match self.limit {
            Some(limit) if moved > limit => Err(Refusal::new(SECOND_PERSON, "超过一人可办理的限额，须由另一人复核")),
            _ => Ok(()),
        }
    }

    /// What must still hold when it is written.
    pub(super) fn expects(&self) -> Option<Expect> {
        self.task.clone().map(Expect::TaskWaits)
    }

    /// What is written beside what was done.
    pub(super) fn written(self, became: &SettlementId) -> (Vec<AuditEntry>, Vec<TaskChange>) {
        let (by, settlement) = (self.by, became.clone());
        let decided = |id| TaskChange::Decided { id, state: "done", by, settlement };
        (vec![self.audit], self.task.map(decided).into_iter().collect())
    }
}

fn fit(texts: &[&str]) -> Outcome<()> {
    let fit = |t: &&&str| (1..=200).contains(&t.len()) && !t.chars().any(char::is_control);
    match texts.iter().all(|t| fit(&t)) && texts.first().is_some_and(|id| id.len() <= 100) {
        true => Ok(()),
        false => {
            Err(Refusal::new("FIELD_REQUIRED", "申请号、结算ID与事由均为必填；申请号不超过100字节，其余不超过200字节"))
        }
    }
}

impl ClerkJob {
    /// The request's id.
    pub fn id(&self) -> &str {
        match self {
            Self::Claim(c) => &c.id,
            Self::Reversal(r) => &r.id,
            Self::Correction(c) => &c.id,
            Self::Deduction(d) => &d.id,
        }
    }

    /// Its word in the store.
    fn kind(&self) -> &'static str {
        match self {
            Self::Claim(_) => "claim",
            Self::Reversal(_) => "reversal",
            Self::Correction(_) => "correction",
            Self::Deduction(_) => "deduction",
        }
    }

    fn document(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Claim(c) => serde_json::to_string(c),
            Self::Reversal(r) => serde_json::to_string(r),
            Self::Correction(c) => serde_json::to_string(c),
            Self::Deduction(d) => serde_json::to_string(d),
        }
    }

    fn read(task: &TaskRow) -> Result<Self, StoreError> {
        let damaged = |e: serde_json::Error| StoreError::Damaged { table: "clerk_task", reason: e.to_string() };
        let text = &task.document;
        match task.kind.as_str() {
            "claim" => serde_json::from_str(text).map(Self::Claim).map_err(damaged),
            "reversal" => serde_json::from_str(text).map(Self::Reversal).map_err(damaged),
            "correction" => serde_json::from_str(text).map(Self::Correction).map_err(damaged),
            "deduction" => serde_json::from_str(text).map(Self::Deduction).map_err(damaged),
            other => Err(StoreError::Damaged { table: "clerk_task", reason: format!("unknown kind {other}") }),
        }
    }

    /// What cannot be done, whatever the books hold.
    fn check(&self) -> Outcome<()> {
        match self {
            Self::Claim(c) => c.check(),
            Self::Reversal(r) => fit(&[&r.id, &r.setl_id, &r.reason]),
            Self::Correction(c) => fit(&[&c.id, &c.setl_id]),
            Self::Deduction(d) => fit(&[&d.id, &d.setl_id, &d.reason]),
        }
    }

    /// Under whose key the answer is kept. What concerns a settlement is the agency's own: no institution's.
    fn caller(&self, operator: &str, now: NaiveDateTime) -> Caller {
        if let Self::Claim(c) = self {
            return c.caller(operator, now);
        }
        let text = self.document().unwrap_or_default();
        Caller {
            institution: InstitutionCode::default(),
            infno: self.kind().to_owned(),
            msgid: self.id().to_owned(),
            input_hash: Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect(),
            operator: operator.to_owned(),
            insured_at: Division::default(),
            now,
        }
    }

    /// What the audit log says of it.
    fn entry(&self, agency: &Agency, made_by: &str) -> AuditEntry {
        let (what, detail) = match self {
            Self::Claim(c) => ("settle claim", json!({"made_by": made_by, "invono": c.invono})),
            Self::Reversal(r) => {
                ("reverse claim", json!({"made_by": made_by, "setl_id": r.setl_id, "reason": r.reason}))
            }
            Self::Correction(c) => {
                ("apply proposal", json!({"made_by": made_by, "setl_id": c.setl_id, "funds_change": c.funds_change}))
            }
            Self::Deduction(d) => {
                ("deduct", json!({"made_by": made_by, "setl_id": d.setl_id, "amount": d.amount, "reason": d.reason}))
            }
        };
        agency.entry(what, self.id(), detail)
    }
}

fn decided_already() -> Refusal {
    Refusal::new("TASK_DECIDED", "该申请已办结")
}

impl Agency {
    /// Does what a clerk asks for on the word of whoever this handle acts as; above the set amount it is written down
    /// for a second person instead.
    pub async fn begin(&self, job: ClerkJob, now: NaiveDateTime) -> Outcome<ClerkAnswer> {
        job.check()?;
        let by = job.caller(self.actor(), now);
        if let Some(kept) = self.answered_before(&by).await? {
            return Ok(ClerkAnswer::Done(kept.value()));
        }
        for _ in 0..ATTEMPTS {
            if let Some(answer) = self.try_beginning(&by, &job, now).await? {
                return Ok(answer);
            }
        }
        Err(busy())
    }

    /// None where somebody else wrote a task under the same id meanwhile, or where what is written by now moves more than
    /// one person's word carries: to be begun again.
    async fn try_beginning(&self, by: &Caller, job: &ClerkJob, now: NaiveDateTime) -> Outcome<Option<ClerkAnswer>> {
        let document = job.document().map_err(internal)?;
        let mut snap = self.snap().await?;
        if let Some(t) = snap.task(job.id()).await.map_err(internal)? {
            let same = (t.kind.as_str(), &t.document) == (job.kind(), &document);
            return match t.state.as_str() {
                "waiting" if same => Ok(Some(ClerkAnswer::Waiting(t.amount))),
                "refused" if same => {
                    Err(Refusal::new("TASK_REFUSED", "该申请已由复核人退回").hint("请更正后以新的申请号提交"))
                }
                _ => Err(Refusal::new("MSGID_CONFLICT", "该申请号已用于另一笔申请").hint("请使用新的申请号")),
            };
        }
        let limit = snap.setting(LIMIT).await.map_err(internal)?;
        let limit = limit.and_then(|t| t.parse().ok()).unwrap_or(LIMIT_UNSET);
        drop(snap);
        let (person, funds) = self.weighed(by, job).await?;
        if funds <= limit {
            return match self.carry_out(by, job, None, Some(limit)).await {
                Err(r) if r.code == SECOND_PERSON => Ok(None),
                done => done.map(Some),
            };
        }
        let task = TaskRow {
            id: job.id().to_owned(),
            made_at: now,
            made_by: self.actor().to_owned(),
            person,
            amount: funds,
            kind: job.kind().to_owned(),
            document,
            state: "waiting".to_owned(),
            decided_by: String::new(),
            settlement: SettlementId::default(),
        };
        let detail = json!({"kind": job.kind(), "funds": funds, "limit": limit});
        let entry = self.entry("task waits", job.id(), detail);
        let guard = Guard { expects: vec![Expect::TaskNew(job.id().to_owned())], ..Guard::default() };
        match self.write(guard, task_write(TaskChange::New(task), entry, now)).await {
            Ok(_) => Ok(Some(ClerkAnswer::Waiting(funds))),
            Err(CommitError::Conflict(_)) => Ok(None),
            Err(e) => Err(internal(e)),
        }
    }

    /// A second person's yes: it is decided on what is known now, and done.
    pub async fn approve(&self, id: &str, now: NaiveDateTime) -> Outcome<ClerkAnswer> {
        let task = self.waiting_task(id).await?;
        let job = ClerkJob::read(&task).map_err(internal)?;
        let by = job.caller(self.actor(), now);
        self.carry_out(&by, &job, Some(task), None).await
    }

    /// A second person's no.
    pub async fn refuse(&self, id: &str, reason: &str, now: NaiveDateTime) -> Outcome<()> {
        let task = self.waiting_task(id).await?;
        let decided = TaskChange::Decided {
            id: task.id.clone(),
            state: "refused",
            by: self.actor().to_owned(),
            settlement: SettlementId::default(),
        };
        let guard = Guard { expects: vec![Expect::TaskWaits(task.id.clone())], ..Guard::default() };
        let detail = json!({"kind": task.kind, "made_by": task.made_by, "reason": reason});
        let entry = self.entry("task refused", task.id, detail);
        match self.write(guard, task_write(decided, entry, now)).await {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict(_)) => Err(decided_already()),
            Err(e) => Err(internal(e)),
        }
    }

    /// Sets what may be moved of the funds' money on one person's word.
    pub async fn set_limit(&self, limit: Money, now: NaiveDateTime) -> Result<(), AgencyError> {
        let audit = vec![self.entry("set limit", LIMIT, json!({"limit": limit}))];
        let settings = vec![(LIMIT.to_owned(), limit.to_string())];
        let write = move |_| Write { kind: "setting", at: now, settings, audit, ..Write::default() };
        self.store().commit(Guard::default(), Box::new(write)).await?;
        Ok(())
    }

    /// A task that waits for somebody else than who made it.
    async fn waiting_task(&self, id: &str) -> Outcome<TaskRow> {
        let task = self.snap().await?.task(id).await.map_err(internal)?;
        let task = task.ok_or_else(|| Refusal::new("TASK_UNKNOWN", "没有该申请"))?;
        if task.made_by == self.actor() {
            return Err(Refusal::new("SAME_PERSON", "申请须由另一人复核").hint("请由其他经办人员复核"));
        }
        match task.state.as_str() {
            "waiting" => Ok(task),
            _ => Err(decided_already()),
        }
    }

    /// Whom it concerns and what it moves of the funds' money, whichever way.
    async fn weighed(&self, by: &Caller, job: &ClerkJob) -> Outcome<(PersonNo, Money)> {
        let (person, funds) = match job {
            ClerkJob::Claim(c) => {
                (c.psn_no.as_str().into(), funds_moved(&self.decide_paper(by, c).await?.decision.postings))
            }
            ClerkJob::Reversal(r) => {
                let mut snap = self.snap().await?;
                let s = self.paper_settlement(&mut snap, &r.setl_id).await?;
                let funds = self.stands(&mut snap, &s).await?;
                (s.person, funds)
            }
            ClerkJob::Correction(c) => {
                let (correction, basis, _) = self.decide_correction(c).await?;
                (basis.person, funds_moved(&correction.postings))
            }
            ClerkJob::Deduction(d) => (self.decide_deduction(d).await?.1.person, d.amount),
        };
        Ok((person, funds))
    }

    async fn carry_out(
        &self,
        by: &Caller,
        job: &ClerkJob,
        task: Option<TaskRow>,
        limit: Option<Money>,
    ) -> Outcome<ClerkAnswer> {
        let made_by = task.as_ref().map_or(by.operator.as_str(), |t| &t.made_by);
        let audit = job.entry(self, made_by);
        let word = Word { audit, task: task.map(|t| t.id), by: by.operator.clone(), limit };
        let reply = self
            .until_written(by, || {
                let word = word.clone();
                async move {
                    if let Some(id) = &word.task {
                        // another may have decided it since
                        self.waiting_task(id).await?;
                    }
                    match job {
                        ClerkJob::Claim(c) => self.try_paying(by, c, word).await,
                        ClerkJob::Reversal(r) => self.try_reversing_paper(by, r, word).await,
                        ClerkJob::Correction(c) => self.try_correcting(by, c, word).await,
                        ClerkJob::Deduction(d) => self.try_deducting(by, d, word).await,
                    }
                }
            })
            .await?;
        Ok(ClerkAnswer::Done(reply.value()))
    }
}

fn task_write(change: TaskChange, entry: AuditEntry, at: NaiveDateTime) -> dingan_store::WriteFn {
    Box::new(move |_| Write { kind: "manual task", at, tasks: vec![change], audit: vec![entry], ..Write::default() })
}
