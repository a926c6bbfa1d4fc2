//! What clerks do to a settlement afterwards: reverse a paper claim, apply a proposal, take back from the institution.
//! The settlement itself stays what it was; `dingan replay` rebuilds each from what was known then.

use super::reverse::check_lives;
use super::tasks::{Correct, Deduct, PaperReversal, Word};
use super::visits::region;
use super::*;
use dingan_core::correction::{Books, Correction, Deduction, Drawn, correct, deduct, net};
use dingan_core::decision::Amounts;
use dingan_core::ledger::{Posting, funds_moved};
use dingan_core::money::Money;
use dingan_core::person::{AccumulatorEntry, CommitNo};
use dingan_core::rebuild::{Difference, rebuild_year, shape};
use dingan_store::{AccountMove, CorrectionKind, LedgerLine, NewCorrection, StoredCorrection, StoredSettlement};
use std::collections::BTreeSet;

/// What a correction or deduction rests on.
pub(super) struct Basis {
    pub(super) person: PersonNo,
    state: PersonState,
    original: StoredSettlement,
    runtime: Arc<Runtime>,
    /// The number of its first accumulator row.
    first: i64,
    as_of: CommitNo,
}

/// The settlement at its amounts of now, and what is posted for it.
struct Standing {
    amounts: Amounts,
    books: Books,
    /// Deductions too.
    all: Vec<Posting>,
}

fn posting(l: LedgerLine) -> Posting {
    Posting { account: l.account, amount: l.amount }
}

fn unknown() -> Refusal {
    Refusal::new("SETTLEMENT_UNKNOWN", "没有该结算").at("setl_id").hint("请核对setl_id")
}

impl Agency {
    /// A paper claim that was settled and lives.
    pub(super) async fn paper_settlement(&self, snap: &mut Snapshot, id: &str) -> Outcome<StoredSettlement> {
        let s = snap.settlement(&SettlementId::from(id)).await.map_err(internal)?.ok_or_else(unknown)?;
        check_lives(&s)?;
        if !s.shown.centre {
            return Err(Refusal::new("SETTLED_ONLINE", "该结算由医疗机构联网办理，须由医疗机构撤销")
                .at("setl_id")
                .hint("请通知医疗机构以2208或2305撤销"));
        }
        Ok(s)
    }

    pub(super) async fn try_reversing_paper(&self, by: &Caller, ask: &PaperReversal, word: Word) -> Tried {
        let mut snap = self.snap().await?;
        let original = self.paper_settlement(&mut snap, &ask.setl_id).await?;
        word.carries(self.stands(&mut snap, &original).await?)?;
        let render: Arc<Render<Settled>> = Arc::new(Box::new(|s: &Settled| {
            let (id, of) = (s.id.as_ref().map(ToString::to_string), s.reverses.as_ref().map(ToString::to_string));
            json!({"setl_id": id, "init_setl_id": of, "setl_type": "1", "amounts": s.amounts})
        }));
        self.reverse_row(snap, by, original, Some(render), Some(word)).await
    }

    /// What a settlement, with its corrections and deductions, holds of the funds' money.
    pub(super) async fn stands(&self, snap: &mut Snapshot, s: &StoredSettlement) -> Outcome<Money> {
        Ok(funds_moved(&net(&self.standing(snap, s).await?.all)))
    }

    /// A settlement that lives, and the person it is of.
    async fn basis(&self, snap: &mut Snapshot, id: &str) -> Outcome<Basis> {
        let original = snap.settlement(&SettlementId::from(id)).await.map_err(internal)?.ok_or_else(unknown)?;
        check_lives(&original)?;
        let state = self.person_state(snap, &original.person).await?;
        let runtime = self.runtime_of(snap, None).await?;
        let first = snap.next_entry(&original.id).await.map_err(internal)?;
        Ok(Basis { person: original.person.clone(), state, original, runtime, first, as_of: snap.as_of() })
    }

    /// What is posted for a settlement and drawn on accounts, as the snapshot sees it.
    async fn standing(&self, snap: &mut Snapshot, s: &StoredSettlement) -> Outcome<Standing> {
        let after = snap.corrections(&s.id).await.map_err(internal)?;
        let ids = |kinds: &[CorrectionKind]| -> Vec<String> {
            let of_kind = after.iter().filter(|c| kinds.contains(&c.kind)).map(|c| c.id.to_string());
            [s.id.to_string()].into_iter().chain(of_kind).collect()
        };
        let all = ids(&[CorrectionKind::Applied, CorrectionKind::Deduction]);
        let decided = ids(&[CorrectionKind::Applied]);
        let lines = snap.ledger_of(&all).await.map_err(internal)?;
        let posted =
            lines.iter().filter(|l| decided.iter().any(|d| d == l.settlement.as_str())).cloned().map(posting).collect();
        let moved = snap.accounts_moved(&decided).await.map_err(internal)?;
        // the family's account is drawn on last, and gets back first
        let mut drawn: Vec<Drawn> = moved
            .into_iter()
            .map(|(state, moved)| Drawn { account: format!("account/{}", state.account), amount: -moved })
            .collect();
        drawn.sort_by_key(|d| d.account.starts_with("account/family/"));
        let last = after.iter().rfind(|c| c.kind == CorrectionKind::Applied);
        Ok(Standing {
            amounts: last.map_or(s.amounts, |c| c.amounts),
            books: Books { posted, drawn },
            all: lines.into_iter().map(posting).collect(),
        })
    }

    /// The settlement as it would be now (none where it could not be settled at all), and how later ones would differ.
    async fn corrected(
        &self,
        snap: &mut Snapshot,
        state: &PersonState,
        original: &StoredSettlement,
        runtime: &Arc<Runtime>,
    ) -> Outcome<(Option<Correction>, Vec<Difference>)> {
        let books = self.standing(snap, original).await?.books;
        let living = snap.settlements_of_person(&original.person).await.map_err(internal)?;
        let events = self.events_of(snap, &living).await?;
        let file = snap.person_file(state, &VisitId::default(), NaiveDateTime::MAX).await.map_err(internal)?;
        let later: BTreeSet<SettlementId> =
            living.iter().filter(|s| s.commit_no > original.commit_no).map(|s| s.id.clone()).collect();
        let (runtime, id) = (Arc::clone(runtime), original.id.clone());
        let work = move || {
            let mut differences = rebuild_year(&events, &file, &runtime.bundle);
            differences.retain(|d| later.contains(&d.settlement));
            (correct(&events, &file, &runtime.bundle, &id, &books), differences)
        };
        tokio::task::spawn_blocking(work).await.map_err(internal)
    }

    pub(super) async fn decide_correction(&self, ask: &Correct) -> Outcome<(Correction, Basis, Vec<Difference>)> {
        let mut snap = self.snap().await?;
        let basis = self.basis(&mut snap, &ask.setl_id).await?;
        if !snap.proposed(&basis.person, &basis.original.id).await.map_err(internal)? {
            return Err(Refusal::new("NOT_PROPOSED", "该结算没有待核的更正建议").at("setl_id"));
        }
        let (correction, later) = self.corrected(&mut snap, &basis.state, &basis.original, &basis.runtime).await?;
        let mut all = self.standing(&mut snap, &basis.original).await?.all;
        drop(snap);
        let correction = correction.ok_or_else(|| {
            Refusal::new("CANNOT_SETTLE_NOW", "按现状该结算不能再办理，无法更正")
                .at("setl_id")
                .hint("请撤销该结算（联网结算由医疗机构撤销，手工报销由经办撤销）")
        })?;
        if correction.postings.is_empty() && shape(&correction.was) == shape(&correction.now) {
            return Err(Refusal::new("NOTHING_TO_CORRECT", "该结算按现状重算没有差异").at("setl_id"));
        }
        let change = correction.now.funds - correction.was.funds;
        if change != ask.funds_change {
            return Err(Refusal::new("PROPOSAL_MOVED", format!("按现状重算，基金支付变化为{change}元，与申请不一致"))
                .at("funds_change")
                .hint("请重新查看更正建议后再申请"));
        }
        // what the institution has given back already is not asked of the person as well
        all.extend(correction.postings.iter().cloned());
        if net(&all).iter().any(|p| p.account.starts_with("fund/") && p.amount.is_negative()) {
            return Err(Refusal::new("DEDUCTED_ALREADY", "该结算已向医疗机构扣款，更正后基金收回的将多于支付的")
                .at("setl_id")
                .hint("请由医疗机构撤销该结算后重新结算，扣款随之冲回"));
        }
        Ok((correction, basis, later))
    }

    pub(super) async fn try_correcting(&self, by: &Caller, ask: &Correct, word: Word) -> Tried {
        let (correction, basis, later) = self.decide_correction(ask).await?;
        word.carries(funds_moved(&correction.postings))?;
        // accumulators move with it, and what was settled on them is looked at next
        let cause = format!("correction of {}", correction.settlement);
        let proposals = later.into_iter().map(|d| (basis.person.clone(), cause.clone(), d)).collect();
        let bytes = serde_json::to_vec(&correction).map_err(internal)?;
        let shown = json!({
            "init_setl_id": correction.settlement, "was": correction.was, "amounts": correction.now,
        });
        let entries = Some((basis.first, correction.priced.entries.clone()));
        let new = Made {
            kind: CorrectionKind::Applied,
            bundle: correction.bundle,
            amounts: correction.now,
            deductible: correction.now.deductible - correction.was.deductible,
            entries,
            postings: correction.postings,
            proposals,
            bytes,
            shown,
        };
        Ok(self.write_correction(by, basis, new, word).await)
    }

    pub(super) async fn decide_deduction(&self, ask: &Deduct) -> Outcome<(Deduction, Basis, Amounts)> {
        let mut snap = self.snap().await?;
        let basis = self.basis(&mut snap, &ask.setl_id).await?;
        if basis.original.shown.centre {
            return Err(Refusal::new("SETTLED_ON_PAPER", "手工报销的基金付给个人，不能向医疗机构扣款").at("setl_id"));
        }
        let standing = self.standing(&mut snap, &basis.original).await?;
        let deduction = deduct(&basis.original.id, &standing.all, ask.amount).ok_or_else(|| {
            let left = funds_moved(&net(&standing.all));
            Refusal::new("DEDUCTION_REFUSED", format!("扣款须大于零；该结算基金已支付而未扣回的为{left}元"))
                .at("amount")
        })?;
        Ok((deduction, basis, standing.amounts))
    }

    pub(super) async fn try_deducting(&self, by: &Caller, ask: &Deduct, word: Word) -> Tried {
        let (deduction, basis, amounts) = self.decide_deduction(ask).await?;
        word.carries(deduction.amount)?;
        let new = Made {
            kind: CorrectionKind::Deduction,
            bundle: String::new(),
            amounts,
            deductible: Money::ZERO,
            entries: None,
            proposals: Vec::new(),
            bytes: serde_json::to_vec(&deduction).map_err(internal)?,
            shown: json!({"init_setl_id": deduction.settlement, "deducted": deduction.amount}),
            postings: deduction.postings,
        };
        Ok(self.write_correction(by, basis, new, word).await)
    }

    async fn write_correction(
        &self,
        by: &Caller,
        basis: Basis,
        new: Made,
        word: Word,
    ) -> Result<Committed, CommitError> {
        let mut guard = guard_of(&basis.state, by);
        guard.expects.extend(word.expects());
        guard.accounts = new
            .postings
            .iter()
            .filter_map(|p| {
                let account = p.account.strip_prefix("account/")?.to_owned();
                Some(AccountMove { account, amount: -p.amount })
            })
            .collect();
        let institution = basis.original.institution.clone();
        let place = region(&basis.runtime, &Caller { institution, ..by.clone() });
        let at = by.now;
        self.write(
            guard,
            Box::new(move |no| {
                let id = SettlementId::from(format!("{place}4{no:013}"));
                let (audit, tasks) = word.written(&id);
                let mut output = new.shown;
                if let Some(o) = output.as_object_mut() {
                    o.insert("setl_id".to_owned(), json!(id));
                }
                let row = StoredCorrection {
                    id,
                    commit_no: no,
                    settlement: basis.original.id,
                    person: basis.person,
                    visit: basis.original.visit.clone(),
                    kind: new.kind,
                    time: at,
                    as_of: basis.as_of,
                    bundle: new.bundle,
                    amounts: new.amounts,
                    decision: new.bytes,
                };
                Write {
                    kind: new.kind.word(),
                    at,
                    answer: answer(output, Vec::new()),
                    message_visit: basis.original.visit,
                    correction: Some(NewCorrection {
                        row,
                        entries: new.entries,
                        deductible: new.deductible,
                        postings: new.postings,
                    }),
                    proposals: new.proposals,
                    audit,
                    tasks,
                    ..Write::default()
                }
            }),
        )
        .await
    }

    /// The bytes of a stored correction or deduction, made again from what was known then.
    pub(super) async fn corrected_then(&self, c: &StoredCorrection) -> Result<Vec<u8>, String> {
        let said = |r: Refusal| format!("{}: {}", r.code, r.message);
        let mut then = self.store().snapshot_at(c.as_of).await.map_err(|e| e.to_string())?;
        let original = then.settlement(&c.settlement).await.map_err(|e| e.to_string())?;
        let original = original.ok_or("a correction without its settlement")?;
        if c.kind == CorrectionKind::Deduction {
            let stored: Deduction = serde_json::from_slice(&c.decision).map_err(|e| e.to_string())?;
            let all = self.standing(&mut then, &original).await.map_err(said)?.all;
            let mut made = deduct(&original.id, &all, stored.amount).ok_or("it could not be deducted")?;
            made.engine = stored.engine;
            return serde_json::to_vec(&made).map_err(|e| e.to_string());
        }
        let stored: Correction = serde_json::from_slice(&c.decision).map_err(|e| e.to_string())?;
        let runtime = self.runtime_of(&mut then, Some(&c.bundle)).await.map_err(|e| e.to_string())?;
        let state = self.person_state(&mut then, &c.person).await.map_err(said)?;
        let (made, _) = self.corrected(&mut then, &state, &original, &runtime).await.map_err(said)?;
        let mut made = made.ok_or("it could not be settled")?;
        made.engine = stored.engine;
        serde_json::to_vec(&made).map_err(|e| e.to_string())
    }
}

/// A correction or deduction as it is to be written.
struct Made {
    kind: CorrectionKind,
    bundle: String,
    amounts: Amounts,
    deductible: Money,
    entries: Option<(i64, Vec<AccumulatorEntry>)>,
    postings: Vec<Posting>,
    proposals: Vec<(PersonNo, String, Difference)>,
    bytes: Vec<u8>,
    shown: Value,
}
