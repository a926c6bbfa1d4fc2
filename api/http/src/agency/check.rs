//! Checks before and while settling (3101, 3102), and what hospitals did after them (3103).

use super::*;
use dingan_core::adjudicate::put_amounts;
use dingan_core::claim::SettlementList;
use dingan_core::finding::{Finding, RuleSet, Undecided};
use dingan_core::person::{PersonFile, Relation};
use dingan_core::stake::count_once;
use dingan_store::{NewFeedback, NewFindings};
use std::collections::HashSet;

impl Agency {
    pub(super) async fn check_orders(&self, by: &Caller, mut ask: PrecheckAsk) -> Outcome<Checked> {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        let file = self.file_for(&mut snap, by, &mut ask, &runtime).await?;
        let as_of = snap.as_of();
        drop(snap);

        let rt = Arc::clone(&runtime);
        let (claim, stages, named) = (ask.claim.clone(), ask.stages.clone(), ask.rules.clone());
        let (findings, undecided, failed) = tokio::task::spawn_blocking(move || -> Outcome<_> {
            let (facts, priced) = Self::priced(claim, file, &rt)?;
            // a rule may be named by our code or by its national number
            let rules = rt.rules.rules().filter(|m| named.contains(&m.code) || named.contains(&m.gz));
            let codes: HashSet<String> = rules.map(|m| m.code.clone()).collect();
            let (mut findings, mut undecided, mut failed): (Vec<Finding>, Vec<Undecided>, usize) = Default::default();
            for stage in stages {
                let mut review = rt.rules.review(&facts, stage);
                if !named.is_empty() {
                    review.hits.retain(|h| codes.contains(&h.rule));
                    review.undecided.retain(|u| codes.contains(&u.rule));
                }
                let found = put_amounts(&facts, &priced, review.hits, stage);
                findings.extend(
                    found.into_iter().filter(|f| !findings.iter().any(|known| known.id == f.id)).collect::<Vec<_>>(),
                );
                undecided.extend(review.undecided);
                failed += review.failures.len();
            }
            count_once(&mut findings, |a, b| rt.rules.subsumes(a, b));
            Ok((findings, undecided, failed))
        })
        .await
        .map_err(internal)??;

        let mut run = String::new();
        if !findings.is_empty() {
            run = self.keep_check(by, &ask, &runtime, as_of, findings.clone()).await?;
        }
        Ok(Checked { run, findings, undecided, failed })
    }

    /// Findings of a check are kept, so that feedback on them and their count can be had later.
    async fn keep_check(
        &self,
        by: &Caller,
        ask: &PrecheckAsk,
        runtime: &Runtime,
        as_of: i64,
        findings: Vec<dingan_core::finding::Finding>,
    ) -> Outcome<String> {
        let (at, cause, institution) = (by.now, by.infno.clone(), by.institution.clone());
        let (bundle, visit) = (runtime.hash.clone(), ask.claim.visit.clone());
        let committed = self
            .write(
                Guard::default(),
                Box::new(move |no| {
                    let run = format!("C{no:013}");
                    Write {
                        kind: "check",
                        at,
                        answer: run.clone(),
                        findings: Some(NewFindings {
                            run,
                            cause,
                            bundle,
                            as_of,
                            settlement: SettlementId::default(),
                            visit: visit.id,
                            person: visit.person,
                            institution,
                            findings,
                        }),
                        ..Write::default()
                    }
                }),
            )
            .await
            .map_err(internal)?;
        Ok(committed.answer)
    }

    /// What is known of the patient, with the encounters sent along laid under it: where the books know an
    /// encounter, what they say of it stands, and the request adds what they do not have.
    async fn file_for(
        &self,
        snap: &mut Snapshot,
        by: &Caller,
        ask: &mut PrecheckAsk,
        runtime: &Runtime,
    ) -> Outcome<PersonFile> {
        let in_books = self.lay_under_books(snap, by, ask).await?;
        let visit = &ask.claim.visit;
        let mut file = match snap.person(&visit.person).await.map_err(internal)? {
            Some(state) => snap.person_file(&state, &visit.id, history_from(visit.begin)).await.map_err(internal)?,
            None => PersonFile::new(stranger(by, ask, runtime)),
        };
        // orders are judged by what the request states of the patient
        file.person.sex = ask.sex;
        file.person.birth = ask.birth;
        if !in_books {
            file.settled_lines.clear();
        }
        let settled: HashSet<LineNo> = file.settled_lines.iter().map(|l| l.line.no.clone()).collect();
        let day = visit.begin.date();
        if !file.person.relations.iter().any(|r| r.insurance == visit.insurance && r.covers(day)) {
            // a check looks at treatment; whether the person is insured is asked on settling
            let relation = stranger(by, ask, runtime).relations;
            file.person.relations.extend(relation);
        }
        let known: HashSet<VisitId> = file.visits.iter().map(|v| v.id.clone()).collect();
        for v in ask.visits.iter().filter(|v| !known.contains(&v.id)) {
            file.visits.push(v.clone());
        }
        file.visits.sort_by(|a, b| (a.begin, &a.id).cmp(&(b.begin, &b.id)));
        file.lines.extend(ask.lines.iter().filter(|l| !known.contains(&l.visit)).cloned());
        file.lines.sort_by(|a, b| (a.time, &a.no).cmp(&(b.time, &b.no)));
        // operations sent along stand where no settlement list has come
        for (id, operations) in &ask.operations {
            let of_request =
                || Arc::new(SettlementList { operations: operations.clone(), ..SettlementList::default() });
            file.lists.entry(id.clone()).or_insert_with(of_request);
        }
        ask.claim.lines.retain(|l| !settled.contains(&l.no));
        Ok(file)
    }

    /// Puts what the books know of the current encounter in place of what the request says: the visit, and its
    /// lines that are not settled; orders they do not have stay. True where they know it.
    async fn lay_under_books(&self, snap: &mut Snapshot, by: &Caller, ask: &mut PrecheckAsk) -> Outcome<bool> {
        let visit = &ask.claim.visit;
        let stored = snap.visit(&visit.id).await.map_err(internal)?;
        let same = |d: &dingan_store::VisitDoc| d.visit.institution == by.institution && d.visit.person == visit.person;
        let Some(stored) = stored.filter(|s| !s.cancelled && same(&s.doc)) else { return Ok(false) };
        let of_request = std::mem::take(&mut ask.claim.visit.diagnoses);
        ask.claim.visit = stored.doc.visit;
        if ask.claim.visit.diagnoses.is_empty() {
            ask.claim.visit.diagnoses = of_request;
        }
        let mut lines: Vec<_> =
            snap.unsettled_lines(&ask.claim.visit.id).await.map_err(internal)?.into_iter().map(|l| l.line).collect();
        if !ask.claim.visit.kind().is_stay() {
            // a visit is settled bill by bill: those the request is about
            let named: HashSet<&LineNo> = ask.claim.lines.iter().map(|l| &l.no).collect();
            let bills: HashSet<String> =
                lines.iter().filter(|l| named.contains(&l.no)).map(|l| l.batch.clone()).collect();
            lines.retain(|l| bills.contains(&l.batch));
        }
        let have: HashSet<LineNo> = lines.iter().map(|l| l.no.clone()).collect();
        lines.extend(ask.claim.lines.drain(..).filter(|l| !have.contains(&l.no)));
        ask.claim.lines = lines;
        Ok(true)
    }

    pub(super) async fn take_feedback(&self, by: &Caller, before: bool, feedback: Vec<Feedback>) -> Outcome<Reply> {
        let mut snap = self.snap().await?;
        for (i, f) in feedback.iter().enumerate() {
            if !snap.finding_known(&by.institution, &f.finding).await.map_err(internal)? {
                return Err(Refusal::new("FINDING_UNKNOWN", "未找到该违规标识，或不属于本机构")
                    .at("warn_rslt_id")
                    .line(i)
                    .hint("请填写3101或3102返回的jr_id"));
            }
            if f.way == "1" && f.reason.trim().is_empty() {
                return Err(Refusal::new("REASON_MISSING", "继续执行时必须填写处理原因")
                    .at("dspo_way_rea")
                    .line(i)
                    .hint("dspo_way为1时dspo_way_rea必填"));
            }
        }
        drop(snap);
        let at = by.now;
        let rows: Vec<NewFeedback> = feedback
            .into_iter()
            .map(|f| NewFeedback {
                institution: by.institution.clone(),
                finding: f.finding,
                before,
                way: f.way,
                reason: f.reason,
            })
            .collect();
        let written = self
            .write(
                Guard { message: Some(key(by)), ..Guard::default() },
                Box::new(move |_| Write {
                    kind: "feedback",
                    at,
                    answer: answer(Value::Null, Vec::new()),
                    feedback: rows,
                    ..Write::default()
                }),
            )
            .await;
        match written {
            Ok(c) => reply(&c.answer),
            Err(CommitError::Answered) => self.answered_meanwhile(by).await,
            Err(e) => Err(internal(e)),
        }
    }
}

/// A patient who is not in the books: a person as the request describes them, insured where the
/// institution lies, so that orders can be judged all the same.
fn stranger(by: &Caller, ask: &PrecheckAsk, runtime: &Runtime) -> dingan_core::person::Person {
    let visit = &ask.claim.visit;
    let division =
        runtime.bundle.institution(&by.institution, by.now.date()).map(|i| i.division.clone()).unwrap_or_default();
    dingan_core::person::Person {
        no: visit.person.clone(),
        cert_type: String::new(),
        cert_no: String::new(),
        name: String::new(),
        sex: ask.sex,
        ethnicity: String::new(),
        birth: ask.birth,
        relations: vec![Relation {
            insurance: visit.insurance.clone(),
            person_type: PersonType::default(),
            division,
            begin: ask.birth.min(visit.begin.date()),
            end: None,
            civil_servant: false,
            contribution_years: None,
            employer: String::new(),
        }],
        identities: Vec::new(),
        filings: Vec::new(),
        family_account: None,
        pauses: Vec::new(),
        contributions: Vec::new(),
        death: None,
    }
}
