//! Settlement lists (4101) taken in and checked, and what quality control said of them (4104).

use super::*;
use crate::quality::{self, Known};
use dingan_core::decision::Decision;
use dingan_core::money::Money;
use dingan_store::{StoredList, StoredSettlement};
use std::collections::BTreeMap;

impl Agency {
    pub(super) async fn take_list(&self, by: &Caller, ask: ListAsk, render: Render<String>) -> Outcome<Reply> {
        let render = Arc::new(render);
        let settlement = ask.settlement.clone();
        let reply = self.until_written(by, || self.try_list(by, &ask, &render)).await?;
        // the list is kept whatever becomes of this; `dingan review` looks at the settlement again
        if let Err(e) = self.review_settlements(&[settlement], &by.infno, by.now).await {
            tracing::error!(error = %e, "the rules that waited for a settlement list could not run");
        }
        Ok(reply)
    }

    async fn try_list(&self, by: &Caller, ask: &ListAsk, render: &Arc<Render<String>>) -> Tried {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        let doc = self.visit_state(&mut snap, by, &ask.visit, &ask.person, None).await?;
        let person = self.person_state(&mut snap, &ask.person).await?;
        let s = snap.settlement(&ask.settlement).await.map_err(internal)?;
        let s = s.filter(|s| s.institution == by.institution && s.visit == ask.visit).ok_or_else(|| {
            Refusal::new("SETTLEMENT_UNKNOWN", "未找到该结算ID，或不属于该次就诊")
                .at("setl_id")
                .hint("请使用2207或2304返回的setl_id")
        })?;
        if s.reverses.is_some() || s.reversed_commit.is_some() {
            return Err(Refusal::new("SETTLEMENT_REVERSED", "该结算已撤销，不能上传结算清单")
                .at("setl_id")
                .hint("请上传重新结算后的清单"));
        }
        let problems = quality::check(&ask.sheet, &known(&doc.visit, person.person.birth, &s)?);
        let returned = problems.iter().any(|p| p.serious);
        let mut warnings = Vec::new();
        if !problems.is_empty() {
            let serious = problems.iter().filter(|p| p.serious).count();
            warnings.push(format!(
                "清单质控发现{}处问题{}，可用4104查询",
                problems.len(),
                if returned { format!("，其中{serious}处须修改后重新上传") } else { String::new() }
            ));
        }
        let said = serde_json::to_string(&problems).map_err(internal)?;
        let document = serde_json::to_string(&ask.document).map_err(internal)?;
        let (by_now, by, facts, render) = (by.now, by.clone(), ask.sheet.list.clone(), Arc::clone(render));
        let guard = guard_of(&person, &by);
        drop(snap);
        let written = self
            .write(
                guard,
                Box::new(move |no| {
                    let id = format!("{no:09}");
                    Write {
                        kind: "settlement list",
                        at: by_now,
                        answer: answer(render(&id), warnings),
                        message_visit: doc.visit.id.clone(),
                        list: Some(StoredList {
                            id,
                            settlement: s.id,
                            visit: s.visit,
                            person: s.person,
                            institution: s.institution,
                            month: s.time.format("%Y%m").to_string(),
                            known_at: by_now,
                            returned,
                            facts,
                            problems: said,
                            document,
                        }),
                        ..Write::default()
                    }
                }),
            )
            .await;
        Ok(written)
    }

    pub(super) async fn lists_asked_for(&self, by: &Caller, ask: ListQuery) -> Outcome<Vec<ListVerdict>> {
        let mut snap = self.snap().await?;
        let runtime = self.runtime_of(&mut snap, None).await?;
        self.check_institution(&runtime, by)?;
        let name = runtime.bundle.institution(&by.institution, by.now.date()).map(|i| i.name.clone());
        let lists = snap.lists_of_month(&by.institution, &ask.month).await.map_err(internal)?;
        let asked = lists.into_iter().filter(|l| {
            ask.settlement.as_ref().is_none_or(|s| *s == l.settlement)
                && ask.person.as_ref().is_none_or(|p| *p == l.person)
                && ask.returned.is_none_or(|r| r == l.returned)
        });
        let mut out = Vec::new();
        for l in asked {
            let verdict = ListVerdict {
                problems: serde_json::from_str(&l.problems).map_err(internal)?,
                person: self.person_state(&mut snap, &l.person).await?.person,
                institution_name: name.clone().unwrap_or_default(),
                id: l.id,
                institution: l.institution,
                month: l.month,
                settlement: l.settlement,
                time: l.known_at,
            };
            if ask.level.is_empty() || verdict.level() == ask.level {
                out.push(verdict);
            }
        }
        let skip = usize::try_from((ask.page - 1).saturating_mul(ask.size)).unwrap_or(usize::MAX);
        Ok(out.into_iter().skip(skip).take(usize::try_from(ask.size).unwrap_or(0)).collect())
    }
}

fn known<'a>(
    visit: &'a dingan_core::claim::Visit,
    birth: chrono::NaiveDate,
    s: &StoredSettlement,
) -> Outcome<Known<'a>> {
    let decision: Decision = serde_json::from_slice(&s.decision).map_err(internal)?;
    let mut payments: BTreeMap<FundCode, Money> = BTreeMap::new();
    for p in decision.priced.payments.iter().filter(|p| !p.amount.is_zero()) {
        *payments.entry(p.fund_pay_type.as_str().into()).or_default() += p.amount;
    }
    Ok(Known { visit, birth, days: s.shown.days, payments })
}
