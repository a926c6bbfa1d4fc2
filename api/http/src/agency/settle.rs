//! Settling: load → resolve → adjudicate → commit, and the trial that stores nothing.

use super::kept::{Basis, Whose};
use super::tasks::Word;
use super::visits::{check_cert, region};
use super::*;
use dingan_core::adjudicate::adjudicate;
use dingan_core::bundle::Institution;
use dingan_core::claim::{Claim, SettleRequest};
use dingan_core::decision::Decision;
use dingan_core::facts::Facts;
use dingan_core::finding::Stage;
use dingan_core::journal::history_lines;
use dingan_core::ledger::to_insured;
use dingan_core::money::Money;
use dingan_core::person::CommitNo;
use dingan_core::resolve::resolve;
use dingan_store::{
    AccountMove, Expect, Invoice, NewFindings, NewSettlement, SettledBill, Shown, StoredLine, StoredSettlement,
    VisitDoc,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How old a bill's visit usually is at most, in days.
const USUAL_DAYS: i64 = 60;

/// A bill as it was decided, with all that its commit needs.
pub(super) struct Decided {
    pub(super) runtime: Arc<Runtime>,
    pub(super) person: PersonState,
    pub(super) doc: VisitDoc,
    pub(super) lines: Vec<StoredLine>,
    pub(super) request: SettleRequest,
    pub(super) batch: String,
    pub(super) as_of: CommitNo,
    pub(super) facts: Arc<Facts>,
    pub(super) decision: Arc<Decision>,
    /// Whether it was decided on what its trial had read: then the bundle is among what may have moved on.
    pub(super) kept: bool,
    /// Where it is a paper claim: on whose word it is settled.
    pub(super) word: Option<Word>,
}

/// What a call to settle comes to before it is written.
enum Bill {
    /// Decided now.
    New(Box<Decided>),
    /// Settled before, under whatever message: that settlement as it is shown.
    Existing(Box<PersonState>, Box<Settled>),
}

impl Agency {
    pub(super) async fn trial(&self, by: &Caller, ask: SettleAsk) -> Outcome<(Settled, Vec<String>)> {
        match self.decide(by, &ask, true).await? {
            Bill::New(d) => {
                let bill = (d.doc.visit.id.clone(), d.batch.clone());
                let mut given = lock(&self.shared.given);
                if given.len() >= REMEMBERED {
                    given.clear();
                }
                given.insert(bill, d.decision.priced.amounts);
                drop(given);
                Ok((settled(&d, by, &ask, None), warnings_of(&d.decision)))
            }
            Bill::Existing(..) => Err(Refusal::new("ALREADY_SETTLED", "该账单已结算，没有未结算的费用明细")
                .at(if ask.stay { "mdtrt_id" } else { "chrg_bchno" })
                .hint("请用5203查询结算结果")),
        }
    }

    pub(super) async fn settle_bill(&self, by: &Caller, ask: SettleAsk, render: Render<Settled>) -> Outcome<Reply> {
        let render = Arc::new(render);
        self.until_written(by, || self.try_settling(by, &ask, &render)).await
    }

    async fn try_settling(&self, by: &Caller, ask: &SettleAsk, render: &Arc<Render<Settled>>) -> Tried {
        let d = match self.decide(by, ask, false).await? {
            Bill::New(d) => d,
            Bill::Existing(person, view) => return Ok(self.settled_before(by, &person, *view, render).await),
        };
        let mut warnings = warnings_of(&d.decision);
        let bill = (d.doc.visit.id.clone(), d.batch.clone());
        let given = lock(&self.shared.given).get(&bill).copied();
        if given.is_some_and(|g| g != d.decision.priced.amounts) {
            warnings.push("本次结算与此前的预结算结果不同：其间明细、人员信息、累计或政策已有变化".to_owned());
        }
        let decision = Arc::clone(&d.decision);
        let written = self.write_settlement(by, ask, *d, warnings, Arc::clone(render), false).await;
        if written.is_ok() {
            self.metrics().settled(&decision);
            lock(&self.shared.given).remove(&bill);
        }
        Ok(written)
    }

    /// The bill was settled under another message: the same settlement, said so. The answer is kept under
    /// this message too, so that it stays what it was when that settlement is reversed, and 2601 of this
    /// message finds what it answered.
    async fn settled_before(
        &self,
        by: &Caller,
        person: &PersonState,
        view: Settled,
        render: &Arc<Render<Settled>>,
    ) -> Result<Committed, CommitError> {
        let (at, render) = (by.now, Arc::clone(render));
        self.write(
            // the person's book is compared, so that a reversal in between is not answered over
            guard_of(person, by),
            Box::new(move |_| Write {
                kind: "settled before",
                at,
                answer: answer(render(&view), vec!["该账单此前已结算，返回原结算结果，未重复结算".to_owned()]),
                message_visit: view.visit.id.clone(),
                message_settlement: view.id.clone().unwrap_or_default(),
                ..Write::default()
            }),
        )
        .await
    }

    async fn decide(&self, by: &Caller, ask: &SettleAsk, trial: bool) -> Outcome<Bill> {
        let whose = Whose { institution: by.institution.clone(), visit: ask.visit.clone(), stay: ask.stay };
        if !trial
            && let Some(basis) = self.shared.kept.take(&ask.person, &whose)
            && self.check_institution(&basis.runtime, by).is_ok()
            && check_ask(ask, &basis.doc, &basis.person).is_ok()
            && let Ok(d) = self.decide_on(by, ask, trial, basis).await
        {
            return Ok(Bill::New(Box::new(Decided { kept: true, ..d })));
        }
        // most bills are not older than this; of one that is, the history is read again
        let from = history_from(by.now - TimeDelta::days(USUAL_DAYS));
        let (mut snap, mut bill) =
            self.store().bill(&ask.visit, &ask.person, from, &invoice_of(by, &ask.invoice)).await.map_err(internal)?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.shared.kept.under(&runtime.hash);
        self.check_institution(&runtime, by)?;
        let doc = own_visit(bill.visit.take(), by, &ask.person, Some(ask.stay))?;
        let person = known_person(bill.person.take())?;
        check_ask(ask, &doc, &person)?;
        let lines = std::mem::take(&mut bill.unsettled);
        if let Some(s) = existing(&bill.settled, &lines, ask) {
            let s = snap.settlement(&s.id).await.map_err(internal)?;
            let s = s.ok_or_else(|| internal("a settlement that was there is gone"))?;
            let view = self.view_of(&mut snap, by, s).await?;
            return Ok(Bill::Existing(Box::new(person), Box::new(view)));
        }
        check_invoice(bill.on_paper.take())?;
        let settled = !bill.settled.is_empty();
        let file = bill.file(&mut snap, &person, history_from(doc.visit.begin)).await.map_err(internal)?;
        let basis = Basis { runtime, person, doc, lines, settled, file, as_of: snap.as_of() };
        // deciding takes its time; others may read meanwhile
        drop(snap);
        if trial {
            self.shared.kept.put(whose, basis.clone());
        }
        Ok(Bill::New(Box::new(self.decide_on(by, ask, trial, basis).await?)))
    }

    /// Decides a bill that no settlement holds yet.
    async fn decide_on(&self, by: &Caller, ask: &SettleAsk, trial: bool, basis: Basis) -> Outcome<Decided> {
        let Basis { runtime, person, doc, lines, settled, file, as_of } = basis;
        let batch = ask.batch.clone().unwrap_or_default();
        let lines: Vec<StoredLine> = lines.into_iter().filter(|l| ask.stay || l.line.batch == batch).collect();
        // only the end of a stay whose parts are settled may have nothing to add
        if lines.is_empty() && (!ask.stay || !settled) {
            return Err(Refusal::new("NO_LINES", "该账单没有未结算的费用明细")
                .at(if ask.stay { "mdtrt_id" } else { "chrg_bchno" })
                .hint("请先上传费用明细（2204或2301）"));
        }
        if ask.stay && doc.visit.end.is_none() && !ask.mid_stay && !trial {
            return Err(Refusal::new("NOT_DISCHARGED", "该住院尚未办理出院，不能办理出院结算")
                .at("mdtrt_id")
                .hint("请先办理出院（2402），或以mid_setl_flag=1办理中途结算"));
        }
        let request = SettleRequest {
            time: by.now,
            account_use: ask.account_use,
            mid_stay: ask.mid_stay,
            by_quota: ask.by_quota,
        };
        let claim = Claim {
            visit: doc.visit.clone(),
            lines: lines.iter().map(|l| l.line.clone()).collect(),
            request: request.clone(),
        };
        let (facts, decision) = decide_claim(claim, file, Arc::clone(&runtime)).await?;
        check_totals(ask, &lines, &decision)?;
        check_parts(ask, &decision)?;
        check_sign(ask, &decision)?;
        let (kept, word) = (false, None);
        Ok(Decided { runtime, person, doc, lines, request, batch, as_of, facts, decision, kept, word })
    }

    /// Writes a settlement; with `whole`, its visit and lines too, in the same commit.
    pub(super) async fn write_settlement(
        &self,
        by: &Caller,
        ask: &SettleAsk,
        d: Decided,
        warnings: Vec<String>,
        render: Arc<Render<Settled>>,
        whole: bool,
    ) -> Result<Committed, CommitError> {
        let a = d.decision.priced.amounts;
        let mut guard = guard_of(&d.person, by);
        // both were read, and must not have moved even where nothing is drawn
        let own = a.account - a.family_account;
        guard.accounts.push(AccountMove { account: d.person.own.account.clone(), amount: -own });
        if let Some(f) = &d.person.family {
            guard.accounts.push(AccountMove { account: f.account.clone(), amount: -a.family_account });
        }
        if d.kept {
            guard.expects.push(Expect::LiveBundle(Some(d.runtime.hash.clone())));
        }
        if let Some(word) = &d.word {
            guard.expects.push(Expect::InvoiceFree(invoice_of(by, &ask.invoice)));
            guard.expects.extend(word.expects());
        } else if !ask.invoice.is_empty() {
            guard.expects.push(Expect::NotOnPaper(invoice_of(by, &ask.invoice)));
        }
        let (by, ask) = (by.clone(), ask.clone());
        // what follows waits for the writer, and others wait for it there: it only does what takes the number, and what
        // was decided on is given back here
        let bytes = d.decision.to_bytes();
        let d = Arc::new(d);
        let used = Arc::clone(&d);
        let write = self.write_early(
            guard,
            Box::new(move |no| {
                let id = SettlementId::from(format!("{}2{no:013}", region(&d.runtime, &by)));
                let view = settled(&d, &by, &ask, Some(id.clone()));
                let (mut visit, mut lines) = (None, None);
                if whole {
                    visit = Some((d.doc.clone(), false));
                    lines = Some((d.doc.visit.id.clone(), d.lines.iter().map(|l| l.line.clone()).collect()));
                }
                let (audit, tasks) = d.word.clone().map(|w| w.written(&id)).unwrap_or_default();
                Write {
                    visit,
                    lines,
                    audit,
                    tasks,
                    kind: "settle",
                    at: by.now,
                    answer: answer(render(&view), warnings.clone()),
                    message_visit: d.doc.visit.id.clone(),
                    findings: findings_of(&d, &by, &id),
                    settlement: Some(settlement_row(&d, bytes.clone(), &by, &ask, id, no, whole)),
                    ..Write::default()
                }
            }),
        );
        let written = write.await;
        drop(used);
        written
    }

    /// A stored settlement as it is shown.
    pub(super) async fn view_of(&self, snap: &mut Snapshot, by: &Caller, s: StoredSettlement) -> Outcome<Settled> {
        let runtime = self.runtime_of(snap, Some(&s.bundle)).await?;
        let decision: Decision = serde_json::from_slice(&s.decision)
            .map_err(|e| internal(StoreError::Damaged { table: "settlement", reason: e.to_string() }))?;
        // who the person was and what the visit said then, not what is known now
        let now = snap.go_to(s.as_of);
        let person = self.person_state(snap, &s.person).await?;
        let doc = visit_then(snap, &s).await;
        snap.go_to(now);
        let doc = doc?;
        let institution = runtime
            .bundle
            .institution(&s.institution, doc.visit.begin.date())
            .cloned()
            .ok_or_else(|| internal("a settlement without its institution"))?;
        Ok(Settled {
            id: Some(s.id),
            time: Some(s.time),
            person_type: s.shown.person_type,
            civil_servant: s.shown.civil_servant,
            division: s.shown.division,
            place: s.shown.place,
            person: Arc::new(person.person),
            visit: doc.visit,
            institution,
            days: s.shown.days,
            decision: Arc::new(decision),
            msgid: if s.msgid.is_empty() { by.msgid.clone() } else { s.msgid },
            invoice: s.invoice,
            amounts: s.amounts,
            reverses: s.reverses,
            reversed: s.reversed_commit.is_some(),
            year: s.year,
        })
    }
}

/// The visit as a settlement knew it. A purchase came with its visit, in the commit of the settlement itself.
pub(super) async fn visit_then(snap: &mut Snapshot, s: &StoredSettlement) -> Outcome<VisitDoc> {
    snap.go_to(s.as_of);
    let mut visit = snap.visit(&s.visit).await.map_err(internal)?;
    if visit.is_none() {
        snap.go_to(s.commit_no);
        visit = snap.visit(&s.visit).await.map_err(internal)?;
    }
    Ok(visit.ok_or_else(|| internal("a settlement without its visit"))?.doc)
}

/// Lines, with what is known of the past that rules may look at, up to which a claim is decided where it is: that takes
/// not much longer than to hand it to another thread.
const SMALL: usize = 100;

/// Decides on a thread that may compute where there is much to do: a stay of many thousand lines must not hold up others.
pub(super) async fn decide_claim(
    claim: Claim,
    file: dingan_core::person::PersonFile,
    runtime: Arc<Runtime>,
) -> Outcome<(Arc<Facts>, Arc<Decision>)> {
    let past = file.lines.len() + file.settled_lines.len() + file.visits.len() + file.entries.len();
    let small = claim.lines.len() + past <= SMALL;
    let work = move || -> Result<_, ResolveError> {
        let facts = Arc::new(resolve(claim, file, &runtime.bundle)?);
        let decision = Arc::new(adjudicate(&facts, &runtime.rules, Stage::During));
        Ok((facts, decision))
    };
    let done = if small {
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| internal("deciding a claim panicked"))?
    } else {
        tokio::task::spawn_blocking(work).await.map_err(internal)?
    };
    done.map_err(refused)
}

/// A settlement of the same bill that lives: the batch of a visit, or a stay whose lines are all settled.
fn existing<'s>(settled: &'s [SettledBill], lines: &[StoredLine], ask: &SettleAsk) -> Option<&'s SettledBill> {
    let batch = ask.batch.as_deref().unwrap_or_default();
    if lines.iter().any(|l| ask.stay || l.line.batch == batch) {
        return None;
    }
    if ask.stay {
        // a final settlement after mid-stay ones may have no lines of its own
        settled.iter().rev().find(|s| s.request.mid_stay == ask.mid_stay)
    } else {
        settled.iter().rev().find(|s| s.batch == batch)
    }
}

/// The caller's invoice of a number.
pub(super) fn invoice_of(by: &Caller, number: &str) -> Invoice {
    Invoice { institution: by.institution.clone(), number: number.to_owned() }
}

/// An invoice that was paid on paper is not settled again online.
pub(super) fn check_invoice(on_paper: Option<SettlementId>) -> Outcome<()> {
    on_paper.map_or(Ok(()), |id| {
        Err(Refusal::new("INVOICE_SETTLED", format!("该发票已手工报销，结算ID为{id}"))
            .at("invono")
            .hint("已手工报销的发票不能再联网结算；请核对发票号，如手工报销有误，请联系经办机构先行撤销"))
    })
}

/// The call against the visit and person it names.
fn check_ask(ask: &SettleAsk, doc: &VisitDoc, person: &PersonState) -> Outcome<()> {
    check_cert(&ask.cert_no, person)?;
    if ask.insurance != doc.visit.insurance {
        return Err(Refusal::new("INSURANCE_MISMATCH", "险种类型与就诊登记时不一致")
            .at("insutype")
            .hint("请使用登记时的insutype，或重新登记"));
    }
    if let Some(m) = &ask.med_type
        && m.kind() != Some(doc.visit.kind())
    {
        return Err(Refusal::new("WRONG_KIND", "医疗类别与就诊信息不一致")
            .at("med_type")
            .hint("请先用2203或2403更新就诊信息"));
    }
    Ok(())
}

/// The bill as stated against its lines: their stated amounts, or the amounts that count (which differ
/// by what a last partial refund absorbs, and which 2301 and 2303 answered).
fn check_totals(ask: &SettleAsk, lines: &[StoredLine], decision: &Decision) -> Outcome<()> {
    let stated: Money = lines.iter().map(|l| l.line.amount).sum();
    let counted = decision.priced.amounts.total;
    if ask.total == stated || ask.total == counted {
        return Ok(());
    }
    Err(Refusal::new(
        "TOTAL_MISMATCH",
        format!(
            "医疗费总额{}与未结算明细合计{counted}不一致，相差{}，明细共{}条",
            ask.total,
            ask.total - counted,
            lines.len()
        ),
    )
    .at("medfee_sumamt")
    .hint("请核对是否有明细漏传、多传或残留；可用2205/2302撤销后重传"))
}

/// A part of a stay that gives back more than it charges would leave the funds' share of the earlier
/// part where it is: that part has to be reversed instead.
fn check_sign(ask: &SettleAsk, decision: &Decision) -> Outcome<()> {
    if !decision.gives_back() {
        return Ok(());
    }
    Err(Refusal::new("NEGATIVE_BILL", "本次费用退多于收，基金已支付部分无法在本次结算中退回")
        .at(if ask.stay { "mdtrt_id" } else { "chrg_bchno" })
        .hint("请先撤销此前的中途结算（2305），再连同退费一并结算"))
}

fn check_parts(ask: &SettleAsk, decision: &Decision) -> Outcome<()> {
    let Some(stated) = ask.parts else { return Ok(()) };
    let a = &decision.priced.amounts;
    let ours = [a.ownpay, a.overlimit, a.preselfpay, a.in_scope];
    // zeros for all four are how clients say "not given"
    if stated.iter().all(Money::is_zero) || stated == ours {
        return Ok(());
    }
    const FIELDS: [&str; 4] = ["fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"];
    let at = stated.iter().zip(&ours).position(|(s, o)| s != o).unwrap_or(0);
    let (field, s, o) = (FIELDS[at], stated[at], ours[at]);
    Err(Refusal::new("PARTS_MISMATCH", format!("{field}为{s}，按明细核定应为{o}"))
        .at(field)
        .hint("请使用预结算（2206/2303）返回的四项金额"))
}

/// What a decision wants said beside the amounts.
fn warnings_of(d: &Decision) -> Vec<String> {
    let mut out = Vec::new();
    if d.manual_review() {
        out.push("部分审核规则未能执行，本结算将转人工复核".to_owned());
    }
    out
}

fn shown(facts: &Facts, by: &Caller) -> Shown {
    let person = facts.person();
    let first = facts.portions.first().map_or(by.now.date(), |p| p.days.0);
    Shown {
        person_type: person.map(|p| p.person_type.clone()).unwrap_or_default(),
        civil_servant: person.is_some_and(|p| p.civil_servant),
        division: person.map(|p| p.division.clone()).unwrap_or_default(),
        place: facts.portions.first().map(|p| p.place).unwrap_or_default(),
        days: (first, facts.portions.last().map_or(first, |p| p.days.1)),
        centre: false,
    }
}

pub(super) fn settled(d: &Decided, by: &Caller, ask: &SettleAsk, id: Option<SettlementId>) -> Settled {
    let shown = shown(&d.facts, by);
    Settled {
        time: id.as_ref().map(|_| by.now),
        id,
        person_type: shown.person_type,
        civil_servant: shown.civil_servant,
        division: shown.division,
        place: shown.place,
        person: Arc::new(d.person.person.clone()),
        visit: d.doc.visit.clone(),
        institution: Arc::<Institution>::clone(&d.facts.institution),
        days: shown.days,
        amounts: d.decision.priced.amounts,
        decision: Arc::clone(&d.decision),
        msgid: by.msgid.clone(),
        invoice: ask.invoice.clone(),
        reverses: None,
        reversed: false,
        year: d.facts.portions.last().map_or(0, |p| p.year),
    }
}

fn findings_of(d: &Decided, by: &Caller, id: &SettlementId) -> Option<NewFindings> {
    (!d.decision.findings.is_empty()).then(|| NewFindings {
        run: format!("S{id}"),
        cause: by.infno.clone(),
        bundle: d.runtime.hash.clone(),
        as_of: d.as_of,
        settlement: id.clone(),
        visit: d.doc.visit.id.clone(),
        person: d.person.person.no.clone(),
        institution: by.institution.clone(),
        findings: d.decision.findings.clone(),
    })
}

/// The settlement as it is stored; with `whole`, its lines come in the same commit.
fn settlement_row(
    d: &Decided,
    decision: Vec<u8>,
    by: &Caller,
    ask: &SettleAsk,
    id: SettlementId,
    no: CommitNo,
    whole: bool,
) -> NewSettlement {
    let centre = d.word.is_some();
    let online = &d.decision.postings;
    let postings = if centre { to_insured(online, &d.person.person.no) } else { online.clone() };
    let history = history_lines(&d.facts, &id);
    // the amount that counted stands in the split of the same number
    let counted: std::collections::HashMap<&LineNo, Money> =
        d.decision.priced.lines.iter().map(|s| (&s.no, s.amount)).collect();
    let lines = d
        .lines
        .iter()
        .map(|l| {
            let amount = counted.get(&l.line.no).copied().unwrap_or(l.line.amount);
            (l.line.no.clone(), if whole { no } else { l.commit_no }, amount)
        })
        .collect();
    NewSettlement {
        row: StoredSettlement {
            id,
            commit_no: no,
            person: d.person.person.no.clone(),
            visit: d.doc.visit.id.clone(),
            institution: by.institution.clone(),
            batch: d.batch.clone(),
            time: by.now,
            year: d.facts.portions.last().map_or(0, |p| p.year),
            reverses: None,
            reversed_commit: None,
            as_of: d.as_of,
            bundle: d.runtime.hash.clone(),
            msgid: by.msgid.clone(),
            invoice: ask.invoice.clone(),
            request: d.request.clone(),
            shown: Shown { centre, ..shown(&d.facts, by) },
            amounts: d.decision.priced.amounts,
            decision,
        },
        lines,
        history,
        entries: d.decision.priced.entries.clone(),
        postings,
    }
}
