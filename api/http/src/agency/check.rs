//! Checks before and while settling (3101, 3102), and what hospitals did after them (3103).

use super::*;
use dingan_core::adjudicate::put_amounts;
use dingan_core::finding::RuleSet;
use dingan_core::person::{PersonFile, Relation};
use dingan_store::{NewFeedback, NewFindings};
use std::collections::HashSet;

impl Agency {
    pub(super) async fn check_orders(&self, by: &Caller, ask: PrecheckAsk) -> Outcome<Checked> {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        let file = self.file_for(&mut snap, by, &ask, &runtime).await?;
        let as_of = snap.as_of();
        drop(snap);

        let rt = Arc::clone(&runtime);
        let (claim, stage, named) = (ask.claim.clone(), ask.stage, ask.rules.clone());
        let (findings, undecided, failed) = tokio::task::spawn_blocking(move || -> Outcome<_> {
            let (facts, priced) = Self::priced(claim, file, &rt)?;
            let mut review = rt.rules.review(&facts, stage);
            if !named.is_empty() {
                review.hits.retain(|h| named.contains(&h.rule));
                review.undecided.retain(|u| named.contains(&u.rule));
            }
            Ok((put_amounts(&facts, &priced, review.hits, stage), review.undecided, review.failures.len()))
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

    /// What is known of the patient, with the encounters sent along laid over it.
    async fn file_for(
        &self,
        snap: &mut Snapshot,
        by: &Caller,
        ask: &PrecheckAsk,
        runtime: &Runtime,
    ) -> Outcome<PersonFile> {
        let visit = &ask.claim.visit;
        let mut file = match snap.person(&visit.person).await.map_err(internal)? {
            Some(state) => snap.person_file(&state, &visit.id, history_from(visit.begin)).await.map_err(internal)?,
            None => PersonFile::new(stranger(by, ask, runtime)),
        };
        // orders are judged by what the request states of the patient
        file.person.sex = ask.sex;
        file.person.birth = ask.birth;
        file.settled_lines.clear();
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
        Ok(file)
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
    }
}
