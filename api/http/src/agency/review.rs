//! Reviews of what is settled: a run over settlements, on the facts as they are known now.
//!
//! The decision of a settlement is never touched. A finding is known by its identity: a run confirms it, changes
//! it or withdraws it, and never makes a second one. Shares of the funds come from the amounts that were decided.

use super::*;
use dingan_core::adjudicate::put_amounts;
use dingan_core::decision::{Decision, Priced};
use dingan_core::facts::Facts;
use dingan_core::finding::{Finding, RuleSet, Stage};
use dingan_core::person::CommitNo;
use dingan_core::resolve::resolve;
use dingan_core::stake::count_once;
use dingan_store::{FindingRow, NewFindings, NewReview, StoredSettlement, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// Settlements read at a time.
const PAGE: i64 = 200;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewReport {
    /// The run.
    pub run: String,
    /// Settlements looked at.
    pub settlements: usize,
    /// Findings by what the run said of them.
    pub verdicts: BTreeMap<&'static str, usize>,
    /// Rules that could not decide, by what they wait for.
    pub undecided: BTreeMap<String, usize>,
    /// Runs of rules that failed.
    pub failures: usize,
    /// Settlements whose facts could not be made, with the reason.
    pub unread: Vec<(SettlementId, String)>,
}

/// The review of one settlement before it is written.
struct Reviewed {
    findings: Vec<Finding>,
    /// Rules that came to a result, so that what they no longer find is withdrawn.
    decided: BTreeSet<String>,
    undecided: Vec<String>,
    failures: usize,
}

impl Agency {
    /// Reviews everything settled and not reversed. `progress` hears how many are done.
    ///
    /// # Errors
    /// Where the store or a bundle cannot be read. What was written before stands.
    pub async fn review(
        &self,
        now: NaiveDateTime,
        mut progress: impl FnMut(usize) + Send,
    ) -> Result<ReviewReport, AgencyError> {
        self.record(self.entry("review", "", Value::Null), now).await?;
        let mut report = ReviewReport::default();
        let mut after: CommitNo = 0;
        loop {
            let page = self.store().snapshot().await?.settlements_after(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(report) };
            after = last.commit_no;
            let ids: Vec<SettlementId> = page.into_iter().map(|s| s.id).collect();
            self.review_page(&ids, "review", now, &mut report).await?;
            progress(report.settlements);
        }
    }

    /// Reviews some settlements in a run of their own.
    pub(super) async fn review_settlements(
        &self,
        ids: &[SettlementId],
        cause: &str,
        now: NaiveDateTime,
    ) -> Result<ReviewReport, AgencyError> {
        let mut report = ReviewReport::default();
        self.review_page(ids, cause, now, &mut report).await?;
        Ok(report)
    }

    async fn review_page(
        &self,
        ids: &[SettlementId],
        cause: &str,
        now: NaiveDateTime,
        report: &mut ReviewReport,
    ) -> Result<(), AgencyError> {
        for id in ids {
            let mut tries = 0;
            while !self.review_one(id, cause, now, report).await? {
                tries += 1;
                if tries == ATTEMPTS {
                    report.unread.push((id.clone(), "the books moved on again and again".to_owned()));
                    break;
                }
            }
        }
        Ok(())
    }

    /// Reviews one settlement and writes what the run says. False where the books moved on meanwhile, and nothing
    /// was done.
    async fn review_one(
        &self,
        id: &SettlementId,
        cause: &str,
        now: NaiveDateTime,
        report: &mut ReviewReport,
    ) -> Result<bool, AgencyError> {
        let mut snap = self.store().snapshot().await?;
        let as_of = snap.as_of();
        let runtime = self.runtime_of(&mut snap, None).await?;
        let live = |s: &StoredSettlement| s.reverses.is_none() && s.reversed_commit.is_none();
        let Some(s) = snap.settlement(id).await?.filter(live) else { return Ok(true) };
        let (person, reviewed) = match self.reviewed(&mut snap, &s, &runtime).await {
            Ok(r) => r,
            Err(refusal) => {
                report.settlements += 1;
                report.unread.push((s.id, refusal.code.to_owned()));
                return Ok(true);
            }
        };
        // a finding on a whole stay is the same from each of its settlements, and stands under one of them
        let of_visit = snap.open_findings_of_visit(&s.visit).await?;
        let elsewhere = of_visit.into_iter().filter(|(under, _)| *under != s.id).map(|(_, f)| f).collect();
        let standing = snap.findings(&s.id).await?;
        drop(snap);
        let (findings, verdicts) = compare(standing, reviewed.findings, &reviewed.decided, &elsewhere);
        let counts: Vec<&'static str> = verdicts.iter().map(|(_, v)| v.word()).collect();
        if !verdicts.is_empty() {
            let known_run = report.run.clone();
            let (cause, bundle, institution) = (cause.to_owned(), runtime.hash.clone(), s.institution);
            let write = move |no| {
                let run = if known_run.is_empty() { format!("R{no:013}") } else { known_run };
                let (settlement, visit, person) = (s.id, s.visit, s.person);
                let found = NewFindings {
                    run: run.clone(),
                    cause,
                    bundle,
                    as_of,
                    settlement,
                    visit,
                    person,
                    institution,
                    findings,
                };
                let review = Some(NewReview { found, verdicts });
                Write { kind: "review", at: now, answer: run, review, ..Write::default() }
            };
            match self.write(unanswered(&person), Box::new(write)).await {
                Ok(c) => report.run = c.answer,
                Err(CommitError::Conflict(_)) => return Ok(false),
                Err(e) => return Err(e.into()),
            }
        }
        report.settlements += 1;
        report.failures += reviewed.failures;
        for missing in reviewed.undecided {
            *report.undecided.entry(missing).or_default() += 1;
        }
        for v in counts {
            *report.verdicts.entry(v).or_default() += 1;
        }
        Ok(true)
    }

    async fn reviewed(
        &self,
        snap: &mut Snapshot,
        s: &StoredSettlement,
        runtime: &Arc<Runtime>,
    ) -> Outcome<(PersonState, Reviewed)> {
        let claim = self.claim_of(snap, s).await?;
        let person = self.person_state(snap, &s.person).await?;
        let mut file = snap.person_file(&person, &s.visit, history_from(claim.visit.begin)).await.map_err(internal)?;
        // what this settlement and later ones of the visit settled is no history of it
        let of_visit = snap.settlements_of_visit(&s.visit).await.map_err(internal)?;
        let mut earlier: BTreeSet<LineNo> = BTreeSet::new();
        for o in of_visit.iter().filter(|o| o.commit_no < s.commit_no) {
            let lines = snap.lines_of_settlement(&o.id).await.map_err(internal)?;
            earlier.extend(lines.into_iter().map(|l| l.line.no));
        }
        file.settled_lines.retain(|l| earlier.contains(&l.line.no));
        let decision: Decision = serde_json::from_slice(&s.decision).map_err(internal)?;
        let runtime = Arc::clone(runtime);
        let judged = tokio::task::spawn_blocking(move || -> Outcome<Reviewed> {
            let facts = Arc::new(resolve(claim, file, &runtime.bundle).map_err(refused)?);
            Ok(judge(&facts, &decision.priced, &runtime))
        });
        Ok((person, judged.await.map_err(internal)??))
    }
}

/// That the person's facts are still those that were read; the change answers no message.
fn unanswered(person: &PersonState) -> Guard {
    Guard { as_of: person.as_of, persons: vec![person.person.no.clone()], ..Guard::default() }
}

/// What the rules of settling and of afterwards find on facts as they are known now, with the amounts that were decided.
pub fn findings_after(facts: &Arc<Facts>, decided: &Priced, runtime: &Runtime) -> Vec<Finding> {
    judge(facts, decided, runtime).findings
}

/// Runs the rules of settling and of afterwards.
fn judge(facts: &Arc<Facts>, priced: &Priced, runtime: &Runtime) -> Reviewed {
    let mut out = Reviewed { findings: Vec::new(), decided: BTreeSet::new(), undecided: Vec::new(), failures: 0 };
    let mut open: BTreeSet<String> = BTreeSet::new();
    for stage in [Stage::During, Stage::After] {
        let review = runtime.rules.review(facts, stage);
        for f in put_amounts(facts, priced, review.hits, stage) {
            if !out.findings.iter().any(|known| known.id == f.id) {
                out.findings.push(f);
            }
        }
        out.failures += review.failures.len();
        open.extend(review.failures.into_iter().map(|f| f.rule));
        for u in review.undecided {
            out.undecided.push(u.missing);
            open.insert(u.rule);
        }
    }
    let running = runtime.rules.running().filter(|m| m.stages.iter().any(|s| *s != Stage::Before));
    out.decided = running.map(|m| m.code.clone()).filter(|code| !open.contains(code)).collect();
    count_once(&mut out.findings, |a, b| runtime.rules.subsumes(a, b));
    out
}

/// What a run says of each finding, and the findings to be written: those that are new or changed.
fn compare(
    standing: Vec<FindingRow>,
    found: Vec<Finding>,
    decided: &BTreeSet<String>,
    elsewhere: &BTreeSet<String>,
) -> (Vec<Finding>, Vec<(String, Verdict)>) {
    let mut open: BTreeMap<String, Finding> =
        standing.into_iter().filter(|r| r.status == "open").map(|r| (r.finding.id.clone(), r.finding)).collect();
    let (mut write, mut verdicts) = (Vec::new(), Vec::new());
    for f in found {
        let verdict = match open.remove(&f.id) {
            None if elsewhere.contains(&f.id) => continue,
            None => Verdict::New,
            // the stage is that of the run that found it first
            Some(known) if Finding { stage: known.stage, ..f.clone() } == known => Verdict::Confirmed,
            Some(_) => Verdict::Changed,
        };
        verdicts.push((f.id.clone(), verdict));
        if verdict != Verdict::Confirmed {
            write.push(f);
        }
    }
    verdicts.extend(open.into_values().filter(|f| decided.contains(&f.rule)).map(|f| (f.id, Verdict::Withdrawn)));
    (write, verdicts)
}
