//! What is asked before care is given: benefits (2001), visits (5201), the catalogue (1312, 1318, 1319).

use super::*;
use dingan_core::claim::{AccountUse, Claim, SettleRequest};
use dingan_core::facts::Facts;
use dingan_core::person::PauseKind;
use dingan_core::pricing::holds;
use dingan_core::resolve::resolve;

impl Agency {
    /// Which funds would pay for a visit of this kind: the policy's layers, asked with no lines at all.
    pub(super) async fn check_benefits(&self, by: &Caller, new: NewVisit) -> Outcome<Vec<BenefitCheck>> {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        let person = self.person_state(&mut snap, &new.visit.person).await?;
        let file = snap.person_file(&person, &VisitId::default(), by.now).await.map_err(internal)?;
        drop(snap);
        let mut visit = new.visit;
        visit.institution = by.institution.clone();
        // one day answers for the visit: a stay that is planned over the turn of the year is asked about again
        visit.end = Some(visit.begin);
        let request =
            SettleRequest { time: visit.begin, account_use: AccountUse::None, mid_stay: false, by_quota: false };
        let claim = Claim { visit, lines: Vec::new(), request };
        match resolve(claim, file, &runtime.bundle) {
            Ok(facts) => Ok(checks(&facts, &person)),
            Err(e) => {
                let refused = refused(e);
                Ok(vec![BenefitCheck {
                    fund_pay_type: FundCode::default(),
                    pays: false,
                    days: None,
                    reason: refused.message,
                }])
            }
        }
    }

    pub(super) async fn find_visits(&self, by: &Caller, query: VisitQuery) -> Outcome<Vec<VisitView>> {
        let mut snap = self.snap().await?;
        let person = Arc::new(self.person_state(&mut snap, &query.person).await?.person);
        let docs = snap.visits(&query.person).await.map_err(internal)?;
        let wanted = |v: &dingan_core::claim::Visit| {
            v.institution == by.institution
                && query.visit.as_ref().is_none_or(|id| v.id == *id)
                && query.med_type.as_ref().is_none_or(|m| v.med_type == *m)
                && query.from.is_none_or(|t| t <= v.begin)
                && query.to.is_none_or(|t| v.begin <= t)
        };
        Ok(docs
            .into_iter()
            .filter(|d| wanted(&d.visit))
            .map(|d| VisitView { person: Arc::clone(&person), visit: d.visit, case_no: d.case_no })
            .collect())
    }

    pub(super) async fn find_in_catalogue(&self, query: CatalogueQuery) -> Outcome<CataloguePage> {
        let runtime = self.live().await?;
        let on = |p: dingan_core::bundle::Period| query.on.is_none_or(|d| p.holds(d));
        let area = |a: &PoolArea| query.area.is_empty() || a.is_empty() || *a == query.area;
        let mut page = CataloguePage::default();
        let mut rows: Vec<_> = runtime.bundle.catalogue.rows().collect();
        rows.sort_by(|a, b| a.0.cmp(b.0));
        for (code, items, limits, ratios) in rows {
            let named = || query.name.is_empty() || items.iter().any(|i| i.name.contains(&query.name));
            if query.code.as_ref().is_some_and(|c| c != code) || !named() {
                continue;
            }
            match query.table {
                CatalogueTable::Items => {
                    page.items.extend(items.iter().filter(|r| on(r.period) && area(&r.area)).cloned());
                }
                CatalogueTable::Limits => {
                    page.limits.extend(limits.iter().filter(|r| on(r.period) && area(&r.area)).cloned());
                }
                CatalogueTable::Ratios => {
                    let of = |p: &str| query.person_type.is_empty() || p == query.person_type;
                    let wanted = ratios.iter().filter(|r| on(r.period) && area(&r.area) && of(&r.person_type));
                    page.ratios.extend(wanted.cloned());
                }
            }
        }
        let from = query.page.saturating_mul(query.size);
        page.total = page.items.len() + page.limits.len() + page.ratios.len();
        page.items = page.items.into_iter().skip(from).take(query.size).collect();
        page.limits = page.limits.into_iter().skip(from).take(query.size).collect();
        page.ratios = page.ratios.into_iter().skip(from).take(query.size).collect();
        Ok(page)
    }
}

fn checks(facts: &Facts, person: &PersonState) -> Vec<BenefitCheck> {
    let Some(portion) = facts.portions.first() else { return Vec::new() };
    let day = facts.visit.begin.date();
    let relation = person
        .person
        .relations
        .iter()
        .filter(|r| r.insurance == facts.visit.insurance && r.division == portion.person.division && r.covers(day))
        .max_by_key(|r| r.begin);
    let paused = match portion.person.pause {
        None => "",
        Some(PauseKind::Waiting) => "处于待遇等待期",
        Some(PauseKind::Suspended) => "参保暂停期间不享受待遇",
    };
    let mut out: Vec<BenefitCheck> = Vec::new();
    for layer in &portion.policy.layers {
        let in_kind = holds(&layer.when, facts, portion);
        let pays = in_kind && (paused.is_empty() || layer.during_pause);
        let reason = match (pays, in_kind) {
            (true, _) => layer.title.clone(),
            (false, true) => format!("{}：{paused}", layer.title),
            (false, false) => format!("{}：不适用于该医疗类别或人员", layer.title),
        };
        match out.iter_mut().find(|c| c.fund_pay_type == layer.fund_pay_type) {
            // a fund that pays by one of its layers pays
            Some(known) if known.pays => {}
            Some(known) => (known.pays, known.reason) = (pays, reason),
            None => out.push(BenefitCheck {
                fund_pay_type: layer.fund_pay_type.clone(),
                pays,
                days: relation.map(|r| (r.begin, r.end)),
                reason,
            }),
        }
    }
    out
}
