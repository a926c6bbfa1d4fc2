//! Visits and stays: registration, changes, discharge, cancelling.

use super::*;
use dingan_core::claim::Diagnosis;
use dingan_store::VisitDoc;

/// A visit may begin at most this much after now: hospital clocks differ.
const CLOCK_SKEW_HOURS: i64 = 24;

impl Agency {
    pub(super) async fn register_visit(&self, by: &Caller, new: NewVisit, render: Render<VisitId>) -> Outcome<Reply> {
        let render = Arc::new(render);
        self.until_written(by, || self.try_registering(by, &new, &render)).await
    }

    async fn try_registering(&self, by: &Caller, new: &NewVisit, render: &Arc<Render<VisitId>>) -> Tried {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        let person = self.person_state(&mut snap, &new.visit.person).await?;
        self.check_new_visit(&mut snap, by, new, &person).await?;

        let mut doc =
            VisitDoc { visit: new.visit.clone(), case_no: new.case_no.clone(), stay: new.visit.kind().is_stay() };
        doc.visit.institution = by.institution.clone();
        drop(snap);
        let (render, now, place) = (Arc::clone(render), by.now, region(&runtime, by));
        Ok(self
            .write(
                guard_of(&person, by),
                Box::new(move |no| {
                    doc.visit.id = VisitId::from(format!("{place}1{no:013}"));
                    let id = doc.visit.id.clone();
                    Write {
                        kind: "register",
                        at: now,
                        answer: answer(render(&id), Vec::new()),
                        message_visit: id,
                        visit: Some((doc, false)),
                        ..Write::default()
                    }
                }),
            )
            .await)
    }

    pub(super) async fn check_new_visit(
        &self,
        snap: &mut Snapshot,
        by: &Caller,
        new: &NewVisit,
        person: &PersonState,
    ) -> Outcome<()> {
        let v = &new.visit;
        check_cert(&new.cert_no, person)?;
        if by.infno != super::manual::MANUAL && v.kind().is_stay() != by.infno.starts_with("24") {
            return Err(Refusal::new("WRONG_KIND", "医疗类别与登记交易不符：住院类请用2401，门诊类请用2201")
                .at("med_type")
                .hint("请核对医疗类别代码"));
        }
        if v.begin > by.now + TimeDelta::hours(CLOCK_SKEW_HOURS) {
            return Err(Refusal::new("TIME_IN_FUTURE", "开始时间晚于当前时间")
                .at("begntime")
                .hint("请核对begntime和本机时钟"));
        }
        let day = v.begin.date();
        if person.person.death.is_some_and(|d| d < day) {
            return Err(refused(ResolveError::Deceased(day)));
        }
        if !person.person.relations.iter().any(|r| r.insurance == v.insurance && r.covers(day)) {
            return Err(refused(ResolveError::NotInsured { insurance: v.insurance.clone(), day }));
        }
        if v.kind().is_stay() {
            let file = snap.person_file(person, &VisitId::default(), by.now).await.map_err(internal)?;
            if file.visits.iter().any(|p| p.kind().is_stay() && p.end.is_none() && p.institution == by.institution) {
                return Err(Refusal::new("STAY_OPEN", "该人员在本机构已有未出院的住院登记")
                    .at("psn_no")
                    .hint("请先办理出院（2402）或撤销入院（2404）"));
            }
        }
        Ok(())
    }

    pub(super) async fn change_visit(&self, by: &Caller, change: VisitChange) -> Outcome<Reply> {
        self.until_written(by, || self.try_changing(by, &change)).await
    }

    async fn try_changing(&self, by: &Caller, change: &VisitChange) -> Tried {
        let mut snap = self.snap().await?;
        let stay = change.kind != ChangeKind::Outpatient;
        let doc = self.visit_state(&mut snap, by, &change.visit, &change.person, Some(stay)).await?;
        let person = self.person_state(&mut snap, &change.person).await?;
        let settled = snap.settlements_of_visit(&change.visit).await.map_err(internal)?;
        drop(snap);
        let (doc, warnings) = changed(doc, change, by, &settled)?;
        let now = by.now;
        Ok(self
            .write(
                guard_of(&person, by),
                Box::new(move |_| Write {
                    kind: "change visit",
                    at: now,
                    answer: answer(Value::Null, warnings),
                    message_visit: doc.visit.id.clone(),
                    visit: Some((doc, false)),
                    ..Write::default()
                }),
            )
            .await)
    }

    pub(super) async fn cancel_visit(
        &self,
        by: &Caller,
        visit: VisitId,
        person: PersonNo,
        stay: bool,
    ) -> Outcome<Reply> {
        self.until_written(by, || self.try_cancelling(by, &visit, &person, stay)).await
    }

    async fn try_cancelling(&self, by: &Caller, visit: &VisitId, person: &PersonNo, stay: bool) -> Tried {
        let mut snap = self.snap().await?;
        let doc = self.visit_state(&mut snap, by, visit, person, Some(stay)).await?;
        self.cancel_row(snap, by, doc).await
    }

    /// Cancels a registration without settlements and lines.
    pub(super) async fn cancel_row(&self, mut snap: Snapshot, by: &Caller, doc: VisitDoc) -> Tried {
        let person = self.person_state(&mut snap, &doc.visit.person).await?;
        if !snap.settlements_of_visit(&doc.visit.id).await.map_err(internal)?.is_empty() {
            return Err(Refusal::new("VISIT_SETTLED", "该就诊已有有效结算，不能撤销登记")
                .at("mdtrt_id")
                .hint("请先撤销结算（2208或2305）"));
        }
        if snap.line_count(&doc.visit.id).await.map_err(internal)? > 0 {
            return Err(Refusal::new("LINES_PRESENT", "该就诊还有未撤销的费用明细，不能撤销登记")
                .at("mdtrt_id")
                .hint("请先撤销费用明细（2205或2302）"));
        }
        drop(snap);
        let now = by.now;
        Ok(self
            .write(
                guard_of(&person, by),
                Box::new(move |_| Write {
                    kind: "cancel visit",
                    at: now,
                    answer: answer(Value::Null, Vec::new()),
                    message_visit: doc.visit.id.clone(),
                    visit: Some((doc, true)),
                    ..Write::default()
                }),
            )
            .await)
    }
}

/// The six digits ids begin with: the division of the institution.
pub(super) fn region(runtime: &Runtime, by: &Caller) -> String {
    runtime
        .bundle
        .institution(&by.institution, by.now.date())
        .map(|i| i.division.to_string())
        .filter(|d| d.len() == 6)
        .unwrap_or_else(|| "000000".to_owned())
}

/// A certificate number, where given, must be the person's.
pub(super) fn check_cert(cert_no: &str, person: &PersonState) -> Outcome<()> {
    if cert_no.is_empty() || cert_no.eq_ignore_ascii_case(&person.person.cert_no) {
        return Ok(());
    }
    Err(Refusal::new("CERT_MISMATCH", "证件号码与该人员编号登记的不一致")
        .at("certno")
        .hint("请核对人员身份，谨防冒名就医"))
}

fn changed(
    mut doc: VisitDoc,
    change: &VisitChange,
    by: &Caller,
    settled: &[dingan_store::StoredSettlement],
) -> Outcome<(VisitDoc, Vec<String>)> {
    let v = &mut doc.visit;
    let closed = settled.iter().any(|s| !s.request.mid_stay);
    let mut warnings = Vec::new();
    if change.kind != ChangeKind::Outpatient && closed {
        return Err(Refusal::new("VISIT_SETTLED", "该住院已办理出院结算，不能再变更")
            .at("mdtrt_id")
            .hint("如需变更，请先撤销结算（2305）"));
    }
    match change.kind {
        ChangeKind::Discharge if v.end.is_some() => {
            return Err(Refusal::new("ALREADY_DISCHARGED", "该住院已办理出院")
                .at("mdtrt_id")
                .hint("如需更正，请先撤销出院（2405）"));
        }
        ChangeKind::UndoDischarge if v.end.is_none() => {
            return Err(Refusal::new("NOT_DISCHARGED", "该住院尚未办理出院，无需撤销").at("mdtrt_id").hint(""));
        }
        ChangeKind::UndoDischarge => {
            v.end = None;
            v.discharge_way.clear();
            v.death = None;
            v.diagnoses.retain(|d| !d.at_discharge);
        }
        _ => {}
    }
    if let Some(m) = &change.med_type {
        let Some(kind) = m.kind() else {
            return Err(Refusal::new("MED_TYPE_UNKNOWN", "医疗类别不在代码表中")
                .at("med_type")
                .hint("请按医疗类别代码表填写"));
        };
        if kind.is_stay() != doc.stay {
            return Err(Refusal::new("WRONG_KIND", "医疗类别与就诊登记的门诊或住院性质不一致")
                .at("med_type")
                .hint("请重新登记"));
        }
        if !settled.is_empty() && *m != v.med_type {
            return Err(Refusal::new("VISIT_SETTLED", "该就诊已有有效结算，不能变更医疗类别")
                .at("med_type")
                .hint("请先撤销结算"));
        }
        v.med_type = m.clone();
    }
    if let Some(b) = change.begin {
        if b > by.now + TimeDelta::hours(CLOCK_SKEW_HOURS) {
            return Err(Refusal::new("TIME_IN_FUTURE", "开始时间晚于当前时间").at("begntime").hint("请核对begntime"));
        }
        if b != v.begin && !settled.is_empty() {
            return Err(Refusal::new("VISIT_SETTLED", "该就诊已有有效结算，不能变更开始时间")
                .at("begntime")
                .hint("请先撤销结算"));
        }
        v.begin = b;
    }
    if let Some(e) = change.end {
        if e < v.begin {
            return Err(Refusal::new("END_BEFORE_BEGIN", "结束时间早于开始时间")
                .at("endtime")
                .hint("请核对出院时间与入院时间"));
        }
        if e > by.now + TimeDelta::hours(CLOCK_SKEW_HOURS) {
            return Err(Refusal::new("TIME_IN_FUTURE", "结束时间晚于当前时间").at("endtime").hint("请核对endtime"));
        }
        if change.kind == ChangeKind::Stay && v.end.is_none() {
            warnings.push("endtime未采用：出院请使用2402".to_owned());
        } else {
            v.end = Some(e);
        }
    }
    if let Some(d) = &change.disease {
        v.disease = d.clone();
    }
    if let Some(d) = &change.department {
        v.department = d.clone();
    }
    if let Some(b) = &change.bed {
        v.bed = b.clone();
    }
    if let Some(w) = &change.discharge_way {
        v.discharge_way = w.clone();
    }
    if change.death.is_some() {
        v.death = change.death;
    }
    if let Some(s) = change.third_party_share {
        v.third_party_share = s;
    }
    v.circumstances = change.said.over(std::mem::take(&mut v.circumstances));
    let same = |a: &Diagnosis, b: &Diagnosis| a.order == b.order && a.at_discharge == b.at_discharge;
    for d in &change.diagnoses {
        v.diagnoses.retain(|o| !same(o, d));
        v.diagnoses.push(d.clone());
    }
    v.diagnoses.retain(|d| !change.voided.contains(&d.order));
    v.diagnoses.sort_by_key(|d| (d.at_discharge, d.order));
    Ok((doc, warnings))
}
