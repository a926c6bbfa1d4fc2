//! Filings (2501–2507): referral, residence elsewhere, chronic disease, accident. One that comes late changes no
//! settlement; what would differ with it is written down as proposals.

use super::reverse::differences_with;
use super::visits::{check_cert, region};
use super::*;
use dingan_core::person::{Filing, Person};

impl Agency {
    pub(super) async fn file_for_person(&self, by: &Caller, new: NewFiling, render: Render<String>) -> Outcome<Reply> {
        let render = Arc::new(render);
        self.until_written(by, || self.try_filing(by, &new, &render)).await
    }

    async fn try_filing(&self, by: &Caller, new: &NewFiling, render: &Arc<Render<String>>) -> Tried {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        let state = self.person_state(&mut snap, &new.person).await?;
        check_cert(&new.cert_no, &state)?;
        let mut filing = Filing { made: Some(by.now.date()), ..new.filing.clone() };
        check_filing(&state.person, &filing)?;
        let mut person = state.person.clone();
        // the number is made of the commit; until then a word stands for it, which no decision reads
        filing.id = "new".to_owned();
        person.filings.push(filing);
        let changes = self.changes(snap, &state, person.clone(), &runtime).await?;
        let warnings = warnings(changes.len());
        let (render, now, place) = (Arc::clone(render), by.now, region(&runtime, by));
        Ok(self
            .write(
                guard_of(&state, by),
                Box::new(move |no| {
                    let id = format!("{place}3{no:013}");
                    if let Some(f) = person.filings.iter_mut().find(|f| f.id == "new") {
                        f.id = id.clone();
                    }
                    Write {
                        kind: "filing",
                        at: now,
                        answer: answer(render(&id), warnings),
                        proposals: proposals(&person, &format!("filing {id}"), changes),
                        persons: vec![person],
                        ..Write::default()
                    }
                }),
            )
            .await)
    }

    pub(super) async fn take_filing_back(&self, by: &Caller, person: PersonNo, id: String) -> Outcome<Reply> {
        self.until_written(by, || self.try_taking_back(by, &person, &id)).await
    }

    async fn try_taking_back(&self, by: &Caller, person: &PersonNo, id: &str) -> Tried {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        let state = self.person_state(&mut snap, person).await?;
        let mut person = state.person.clone();
        let mine = |f: &Filing| !id.is_empty() && f.id == id && takes_back(&by.infno, &f.kind);
        if !person.filings.iter().any(mine) {
            return Err(Refusal::new("FILING_UNKNOWN", "未找到该待遇申报明细流水号，或不属于该人员、该类备案")
                .at("trt_dcla_detl_sn")
                .hint("请使用备案时返回的trt_dcla_detl_sn"));
        }
        // it ends the day before: what began under it did so rightly. One that has not begun goes altogether
        let yesterday = by.now.date().pred_opt().unwrap_or(by.now.date());
        person.filings.retain(|f| !mine(f) || f.begin <= yesterday);
        for f in person.filings.iter_mut().filter(|f| mine(f)) {
            f.end = Some(f.end.map_or(yesterday, |e| e.min(yesterday)));
        }
        let changes = self.changes(snap, &state, person.clone(), &runtime).await?;
        let (now, warnings, cause) = (by.now, warnings(changes.len()), format!("filing {id} taken back"));
        Ok(self
            .write(
                guard_of(&state, by),
                Box::new(move |_| Write {
                    kind: "filing taken back",
                    at: now,
                    answer: answer(Value::Null, warnings),
                    proposals: proposals(&person, &cause, changes),
                    persons: vec![person],
                    ..Write::default()
                }),
            )
            .await)
    }

    /// How settlements would differ if the person's rows were these, where they would not without.
    async fn changes(
        &self,
        mut snap: Snapshot,
        state: &PersonState,
        person: Person,
        runtime: &Arc<Runtime>,
    ) -> Outcome<Vec<dingan_core::rebuild::Difference>> {
        let living = snap.settlements_of_person(&person.no).await.map_err(internal)?;
        let events = self.events_of(&mut snap, &living).await?;
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let file = snap.person_file(state, &VisitId::default(), NaiveDateTime::MAX).await.map_err(internal)?;
        drop(snap);
        let runtime = Arc::clone(runtime);
        tokio::task::spawn_blocking(move || differences_with(&events, &file, person, &runtime.bundle))
            .await
            .map_err(internal)
    }
}

/// Which kinds a transaction takes back: 2502 referrals, 2504 diseases, 2506 what 2505 filed. None takes back an
/// accident.
fn takes_back(infno: &str, kind: &str) -> bool {
    match infno {
        "2502" => kind == "06",
        "2504" => kind == "01",
        _ => !matches!(kind, "01" | "02" | "06"),
    }
}

fn warnings(changes: usize) -> Vec<String> {
    match changes {
        0 => Vec::new(),
        n => vec![format!("有{n}笔已有结算按此重算会不同，金额不变，已登记待核")],
    }
}

fn proposals(
    person: &Person,
    cause: &str,
    changes: Vec<dingan_core::rebuild::Difference>,
) -> Vec<(PersonNo, String, dingan_core::rebuild::Difference)> {
    changes.into_iter().map(|d| (person.no.clone(), cause.to_owned(), d)).collect()
}

fn check_filing(person: &Person, filing: &Filing) -> Outcome<()> {
    if filing.kind.is_empty() || filing.kind.len() > 6 {
        return Err(Refusal::new("CODE_UNKNOWN", "业务申请类型不在可用范围内").at("biz_appy_type").hint(""));
    }
    let day = filing.begin;
    let insured = |r: &&dingan_core::person::Relation| {
        (filing.insurance.is_empty() || r.insurance == filing.insurance) && r.end.is_none_or(|e| day <= e)
    };
    if !person.relations.iter().any(|r| insured(&r)) {
        return Err(Refusal::new("NOT_INSURED", format!("该人员自{day}起没有该险种的有效参保关系"))
            .at("insutype")
            .hint("请核对险种类型"));
    }
    let same = |f: &&Filing| {
        (&f.kind, &f.insurance, &f.disease, &f.area, &f.institution)
            == (&filing.kind, &filing.insurance, &filing.disease, &filing.area, &filing.institution)
    };
    let overlaps = |f: &Filing| filing.end.is_none_or(|e| f.begin <= e) && f.end.is_none_or(|e| filing.begin <= e);
    if person.filings.iter().filter(same).any(overlaps) {
        return Err(Refusal::new("FILING_EXISTS", "该人员在此期间已有相同的备案")
            .at("begndate")
            .hint("请先撤销原备案（2502、2504或2506），或调整起止日期"));
    }
    Ok(())
}
