//! Reversing a settlement (2208, 2305, 2601): counter-entries, freed accumulators, proposals.

use super::tasks::Word;
use super::visits::region;
use super::*;
use dingan_core::bundle::Bundle;
use dingan_core::claim::Claim;
use dingan_core::decision::Decision;
use dingan_core::ledger::{Posting, reversed};
use dingan_core::person::{CommitNo, Person, PersonFile};
use dingan_core::rebuild::{Difference, YearEvent, rebuild_year};
use dingan_store::{AccountMove, CorrectionKind, NewSettlement, StoredSettlement};
use std::collections::BTreeSet;

/// How settlements would differ if the person's rows were these: what would not differ as it does without them.
pub(super) fn differences_with(
    events: &[YearEvent],
    file: &PersonFile,
    person: Person,
    bundle: &Bundle,
) -> Vec<Difference> {
    let without = rebuild_year(events, file, bundle);
    let mut with = rebuild_year(events, &PersonFile { person, ..file.clone() }, bundle);
    with.retain(|d| !without.contains(d));
    with
}

/// A settlement that may be reversed or corrected: no reversal, and not reversed itself.
pub(super) fn check_lives(s: &StoredSettlement) -> Outcome<()> {
    if s.reverses.is_some() {
        return Err(Refusal::new("IS_REVERSAL", "该结算ID是一笔撤销记录，不能再撤销或更正")
            .at("setl_id")
            .hint("请使用原结算的setl_id"));
    }
    if s.reversed_commit.is_some() {
        return Err(Refusal::new("ALREADY_REVERSED", "该结算此前已撤销").at("setl_id").hint("请用5203查询"));
    }
    Ok(())
}

impl Agency {
    pub(super) async fn reverse_settlement(
        &self,
        by: &Caller,
        ask: ReverseAsk,
        render: Render<Settled>,
    ) -> Outcome<Reply> {
        let render = Arc::new(render);
        self.until_written(by, || self.try_reversing(by, &ask, &render)).await
    }

    async fn try_reversing(&self, by: &Caller, ask: &ReverseAsk, render: &Arc<Render<Settled>>) -> Tried {
        let mut snap = self.snap().await?;
        self.visit_state(&mut snap, by, &ask.visit, &ask.person, Some(ask.stay)).await?;
        let unknown = || {
            Refusal::new("SETTLEMENT_UNKNOWN", "未找到该结算ID，或该结算不属于该就诊")
                .at("setl_id")
                .hint("请使用2207或2304返回的setl_id（不是medins_setl_id）")
        };
        let original = snap.settlement(&ask.settlement).await.map_err(internal)?.ok_or_else(unknown)?;
        if original.visit != ask.visit || original.institution != by.institution {
            return Err(unknown());
        }
        if original.shown.centre {
            return Err(Refusal::new("SETTLED_ON_PAPER", "该结算由经办机构手工办理，医疗机构不能撤销")
                .at("setl_id")
                .hint("请联系经办机构"));
        }
        check_lives(&original)?;
        self.reverse_row(snap, by, original, Some(Arc::clone(render)), None).await
    }

    /// Writes the counter-entry of a settlement that lives. Later settlements keep their amounts;
    /// what they would be now is written down as proposals.
    pub(super) async fn reverse_row(
        &self,
        mut snap: Snapshot,
        by: &Caller,
        original: StoredSettlement,
        render: Option<Arc<Render<Settled>>>,
        word: Option<Word>,
    ) -> Tried {
        let person = self.person_state(&mut snap, &original.person).await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        let mut living = snap.settlements_of_person(&original.person).await.map_err(internal)?;
        living.retain(|s| s.id != original.id);
        let later: Vec<&StoredSettlement> = living.iter().filter(|s| s.commit_no > original.commit_no).collect();
        self.check_order(&mut snap, &original, &later).await?;

        // what was drawn goes back where it came from: the person may have another family account by now
        let mut guard = guard_of(&person, by);
        let mut own = person.own.balance;
        guard.expects.extend(word.iter().filter_map(Word::expects));
        // what was corrected or taken back since goes with it
        let mut ids = vec![original.id.to_string()];
        ids.extend(snap.corrections(&original.id).await.map_err(internal)?.iter().map(|c| c.id.to_string()));
        let posted = snap.ledger_of(&ids).await.map_err(internal)?;
        for (state, moved) in snap.accounts_moved(&ids).await.map_err(internal)? {
            if state.account == person.own.account {
                own -= moved;
            }
            guard.accounts.push(AccountMove { account: state.account, amount: -moved });
        }

        let mut view = self.view_of(&mut snap, by, original.clone()).await?;
        let later: BTreeSet<SettlementId> = later.into_iter().map(|s| s.id.clone()).collect();
        let mut proposals = Vec::new();
        if later.is_empty() {
            drop(snap);
        } else {
            proposals = self.rebuild(snap, &person, &living, Arc::clone(&runtime)).await?;
        }
        proposals.retain(|d| later.contains(&d.settlement));
        let cause = format!("reversal of {}", original.id);
        let proposals: Vec<_> = proposals.into_iter().map(|d| (person.person.no.clone(), cause.clone(), d)).collect();
        let mut warnings = Vec::new();
        if !proposals.is_empty() {
            warnings.push(format!("撤销后有{}笔其后的结算按现状重算会不同，金额不变，已登记待核", proposals.len()));
        }

        // each under its own id, so that a settlement and its reversal are a pair
        let lines_of = |id: &String| -> Vec<Posting> {
            let own = posted.iter().filter(|l| l.settlement.as_str() == id);
            own.map(|l| Posting { account: l.account.clone(), amount: l.amount }).collect()
        };
        let postings = ids.first().map(lines_of).unwrap_or_default();
        let counter_entries = ids
            .iter()
            .skip(1)
            .map(|id| (id, lines_of(id)))
            .map(|(id, p)| (SettlementId::from(id.as_str()), i64::try_from(p.len()).unwrap_or(i64::MAX), reversed(&p)))
            .collect();
        let amounts = original.amounts.negated(own);
        view.amounts = amounts;
        view.time = Some(by.now);
        view.msgid = by.msgid.clone();
        view.reverses = Some(original.id.clone());
        let place = region(&runtime, &Caller { institution: original.institution.clone(), ..by.clone() });
        let by = by.clone();
        let written = self
            .write(
                guard,
                Box::new(move |no: CommitNo| {
                    let id = SettlementId::from(format!("{place}2{no:013}"));
                    view.id = Some(id.clone());
                    let output = render.map_or(Value::Null, |r| r(&view));
                    let (audit, tasks) = word.map(|w| w.written(&id)).unwrap_or_default();
                    let row = StoredSettlement {
                        id,
                        commit_no: no,
                        time: by.now,
                        reverses: Some(original.id.clone()),
                        msgid: by.msgid.clone(),
                        amounts,
                        decision: Vec::new(),
                        ..original
                    };
                    Write {
                        kind: "reverse",
                        at: by.now,
                        answer: answer(output, warnings),
                        message_visit: row.visit.clone(),
                        proposals,
                        audit,
                        tasks,
                        counter_entries,
                        settlement: Some(NewSettlement {
                            row,
                            lines: Vec::new(),
                            history: Vec::new(),
                            entries: Vec::new(),
                            postings: reversed(&postings),
                        }),
                        ..Write::default()
                    }
                }),
            )
            .await;
        if written.is_ok() {
            self.metrics().reversals.inc();
        }
        Ok(written)
    }

    /// Parts of a stay are reversed newest first; whole settlements where the policy says so.
    async fn check_order(
        &self,
        snap: &mut Snapshot,
        original: &StoredSettlement,
        later: &[&StoredSettlement],
    ) -> Outcome<()> {
        if later.iter().any(|s| s.visit == original.visit && s.batch == original.batch && original.batch.is_empty()) {
            return Err(Refusal::new("NEWER_PART", "该住院其后还有有效的结算，须从最新一笔开始撤销")
                .at("setl_id")
                .hint("请先撤销最近一次中途或出院结算"));
        }
        let runtime = self.runtime_of(snap, Some(&original.bundle)).await?;
        let decision: Decision = serde_json::from_slice(&original.decision)
            .map_err(|e| internal(StoreError::Damaged { table: "settlement", reason: e.to_string() }))?;
        let strict = decision
            .priced
            .policies
            .iter()
            .filter_map(|p| runtime.bundle.policy_named(&p.id, &p.version))
            .any(|p| p.reverse_newest_first);
        if strict && !later.is_empty() {
            return Err(Refusal::new("NEWER_SETTLEMENT", "该人员其后还有有效的结算，本地政策要求从最新一笔开始撤销")
                .at("setl_id")
                .hint("请先撤销其后的结算"));
        }
        Ok(())
    }

    /// Re-prices all settlements of a person that live (without one that is about to be reversed) from what
    /// they were decided on, and says which would differ. Takes the snapshot, to give it back before it computes.
    pub(super) async fn rebuild(
        &self,
        mut snap: Snapshot,
        person: &PersonState,
        living: &[StoredSettlement],
        runtime: Arc<Runtime>,
    ) -> Outcome<Vec<Difference>> {
        let events = self.events_of(&mut snap, living).await?;
        let file = snap.person_file(person, &VisitId::default(), NaiveDateTime::MAX).await.map_err(internal)?;
        drop(snap);
        let work = move || rebuild_year(&events, &file, &runtime.bundle);
        tokio::task::spawn_blocking(work).await.map_err(internal)
    }

    /// Settlements of one person as they were decided, at the amounts they were corrected to since.
    pub(super) async fn events_of(&self, snap: &mut Snapshot, of: &[StoredSettlement]) -> Outcome<Vec<YearEvent>> {
        let Some(first) = of.first() else { return Ok(Vec::new()) };
        let corrected = snap.corrections_of_person(&first.person).await.map_err(internal)?;
        let mut events = Vec::with_capacity(of.len());
        for s in of {
            let claim = self.claim_of(snap, s).await?;
            let last = corrected.iter().rfind(|c| c.settlement == s.id && c.kind == CorrectionKind::Applied);
            let decided = last.map_or(s.amounts, |c| c.amounts);
            events.push(YearEvent { settlement: s.id.clone(), claim, decided });
        }
        Ok(events)
    }

    /// The claim a settlement settled, as it was then.
    pub(super) async fn claim_of(&self, snap: &mut Snapshot, s: &StoredSettlement) -> Outcome<Claim> {
        let now = snap.go_to(s.as_of);
        let doc = super::settle::visit_then(snap, s).await;
        let lines = snap.lines_of_settlement(&s.id).await.map_err(internal)?;
        snap.go_to(now);
        let doc = doc?;
        Ok(Claim { visit: doc.visit, lines: lines.into_iter().map(|l| l.line).collect(), request: s.request.clone() })
    }
}
