//! Queries: persons, settlements, accumulators.

use super::*;
use dingan_core::pricing::price;
use dingan_core::resolve::resolve;
use std::collections::{BTreeMap, HashMap};

impl Agency {
    pub(super) async fn find_person(&self, by: &Caller, query: PersonQuery) -> Outcome<PersonView> {
        let runtime = self.live().await?;
        self.check_institution(&runtime, by)?;
        let mut snap = self.snap().await?;
        let unknown = || {
            Refusal::new("PERSON_UNKNOWN", "未找到该证件对应的参保人")
                .at("certno")
                .hint("请核对证件类型和证件号码；新参保人员请联系经办机构")
        };
        let state = match query.person {
            Some(no) => snap.person(&no).await.map_err(internal)?.ok_or_else(unknown)?,
            None => {
                let mut found = holders(&mut snap, &query.cert_no).await?;
                // one number may stand for two people while a wrong one waits to be corrected
                if found.len() > 1 && !query.name.is_empty() {
                    found.retain(|s| s.person.name == query.name);
                }
                if found.len() > 1 {
                    return Err(Refusal::new("CERT_AMBIGUOUS", "该证件号码登记在多名参保人名下")
                        .at("certno")
                        .hint("请填写姓名，或改用psn_no查询；并联系经办机构更正登记"));
                }
                found.pop().ok_or_else(unknown)?
            }
        };
        if !query.name.is_empty() && query.name != state.person.name {
            return Err(Refusal::new("NAME_MISMATCH", "姓名与证件号码登记的不一致")
                .at("psn_name")
                .hint("请核对人员身份"));
        }
        Ok(PersonView {
            balances: dingan_core::person::Balances {
                own: state.own.balance,
                family: state.family.as_ref().map(|f| f.balance).unwrap_or_default(),
            },
            person: state.person,
        })
    }

    pub(super) async fn settlement_view(
        &self,
        by: &Caller,
        id: SettlementId,
        person: PersonNo,
        lines: bool,
    ) -> Outcome<SettlementView> {
        let mut snap = self.snap().await?;
        let unknown = || {
            Refusal::new("SETTLEMENT_UNKNOWN", "未找到该结算ID，或该结算不属于本机构")
                .at("setl_id")
                .hint("请使用2207或2304返回的setl_id")
        };
        let mut s = snap.settlement(&id).await.map_err(internal)?.ok_or_else(unknown)?;
        if s.institution != by.institution || s.person != person {
            return Err(unknown());
        }
        // a reversal has the lines and the trace of what it reverses
        let original = match &s.reverses {
            Some(o) => snap.settlement(o).await.map_err(internal)?.ok_or_else(unknown)?,
            None => s.clone(),
        };
        if s.reverses.is_some() {
            s.decision = original.decision.clone();
        }
        let lines = if lines { self.lines_of(&mut snap, &original).await? } else { Vec::new() };
        let runtime = self.runtime_of(&mut snap, Some(&s.bundle)).await?;
        let settled = self.view_of(&mut snap, by, s).await?;
        let policies = settled
            .decision
            .priced
            .policies
            .iter()
            .filter_map(|p| runtime.bundle.policy_named(&p.id, &p.version).cloned())
            .collect();
        Ok(SettlementView { settled, lines, policies })
    }

    /// The lines of a settlement with the splits of its decision.
    async fn lines_of(&self, snap: &mut Snapshot, s: &dingan_store::StoredSettlement) -> Outcome<Vec<LineResult>> {
        let decision: dingan_core::decision::Decision = serde_json::from_slice(&s.decision)
            .map_err(|e| internal(StoreError::Damaged { table: "settlement", reason: e.to_string() }))?;
        let runtime = self.runtime_of(snap, Some(&s.bundle)).await?;
        let stored = snap.lines_of_settlement(&s.id).await.map_err(internal)?;
        let visit = snap.visit(&s.visit).await.map_err(internal)?;
        let area = visit.map(|v| care_area(&runtime, &v.doc.visit)).unwrap_or_default();
        let mut by_no: HashMap<LineNo, dingan_core::claim::Line> =
            stored.into_iter().map(|l| (l.line.no.clone(), l.line)).collect();
        Ok(decision
            .priced
            .lines
            .into_iter()
            .filter_map(|split| {
                let line = by_no.remove(&split.no)?;
                let item = runtime.bundle.catalogue.item(&line.item, &area, line.time.date()).cloned();
                Some(LineResult { line, split, item })
            })
            .collect())
    }

    pub(super) async fn accumulator_values(
        &self,
        by: &Caller,
        person: PersonNo,
        month: &str,
    ) -> Outcome<Vec<AccumulatorValue>> {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        self.person_state(&mut snap, &person).await?;
        let entries = snap.entries(&person).await.map_err(internal)?;
        let year = month.get(..4).unwrap_or("");
        let mut sums: BTreeMap<(Insurance, String, String, String), dingan_core::money::Money> = BTreeMap::new();
        for e in entries {
            // accumulators of one stay are no accumulators of the person
            let Some(y) = e.period.get(..4).filter(|_| e.period.len() <= 7) else { continue };
            if !year.is_empty() && y != year {
                continue;
            }
            let key = if e.disease.is_empty() { e.key.clone() } else { format!("{}:{}", e.key, e.disease) };
            *sums.entry((e.insurance, y.to_owned(), e.period, key)).or_default() += e.amount;
        }
        Ok(sums
            .into_iter()
            .map(|((insurance, year, period, key), value)| AccumulatorValue { insurance, year, period, key, value })
            .collect())
    }

    /// What every settlement of a person would be now, where it differs.
    pub async fn proposals_now(&self, person: &PersonNo) -> Outcome<Vec<dingan_core::rebuild::Difference>> {
        let mut snap = self.snap().await?;
        let state = self.person_state(&mut snap, person).await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        let settlements = snap.settlements_of_person(person).await.map_err(internal)?;
        self.rebuild(snap, &state, &settlements, runtime).await
    }

    /// The waterfall of a stored settlement, recomputed from its facts: for `policy explain`.
    pub async fn explain(
        &self,
        id: &SettlementId,
    ) -> Outcome<(dingan_core::decision::Decision, Vec<Arc<dingan_core::policy::BenefitPolicy>>)> {
        let mut snap = self.snap().await?;
        let s = snap
            .settlement(id)
            .await
            .map_err(internal)?
            .ok_or_else(|| Refusal::new("SETTLEMENT_UNKNOWN", "未找到该结算ID").at("setl_id"))?;
        let original = match &s.reverses {
            Some(o) => snap.settlement(o).await.map_err(internal)?.unwrap_or(s),
            None => s,
        };
        let runtime = self.runtime_of(&mut snap, Some(&original.bundle)).await?;
        let decision: dingan_core::decision::Decision = serde_json::from_slice(&original.decision)
            .map_err(|e| internal(StoreError::Damaged { table: "settlement", reason: e.to_string() }))?;
        let policies = decision
            .priced
            .policies
            .iter()
            .filter_map(|p| runtime.bundle.policy_named(&p.id, &p.version).cloned())
            .collect();
        Ok((decision, policies))
    }

    /// Prices a claim of a person as of now without a visit in the store: used by checks.
    pub(super) fn priced(
        claim: dingan_core::claim::Claim,
        file: dingan_core::person::PersonFile,
        runtime: &Runtime,
    ) -> Outcome<(Arc<dingan_core::facts::Facts>, dingan_core::decision::Priced)> {
        let facts = Arc::new(resolve(claim, file, &runtime.bundle).map_err(refused)?);
        let priced = price(&facts);
        Ok((facts, priced))
    }
}

/// The pool an institution lies in: whose catalogue its lines are looked up in.
pub(super) fn care_area(runtime: &Runtime, visit: &dingan_core::claim::Visit) -> PoolArea {
    let day = visit.begin.date();
    let institution = runtime.bundle.institution(&visit.institution, day);
    institution.and_then(|i| runtime.bundle.pool(&i.division, &visit.insurance, day)).cloned().unwrap_or_default()
}

/// Those who hold a certificate number now; who held it before a correction does not count.
async fn holders(snap: &mut Snapshot, cert_no: &str) -> Outcome<Vec<PersonState>> {
    let mut found = Vec::new();
    for no in snap.persons_by_cert(cert_no).await.map_err(internal)? {
        let state = snap.person(&no).await.map_err(internal)?;
        found.extend(state.filter(|s| s.person.cert_no.eq_ignore_ascii_case(cert_no)));
    }
    Ok(found)
}
