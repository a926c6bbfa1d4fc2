//! 100001 政策项查询: the policy steps of a settlement, from its trace. `output` is the list itself.
//!
//! Each row is one step: what it left to the person and what a fund paid. What one step leaves, a
//! later one may take up (residual layers, the layer above a cap), so rows are not to be added up.

use super::call::{Call, Ran};
use super::fields::{Field, Table, must, text, want};
use super::names;
use super::setlinfo::turned;
use super::steps::{amount, operand};
use super::t5203::{Ask, find};
use super::value::{self, money, object, rate};
use crate::desk::{Desk, Reply, SettlementView};
use dingan_core::decision::{Step, StepKind};
use dingan_core::money::{Money, Rate};
use dingan_core::policy::{Fund, Layer};
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let ask = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        Ask {
            settlement: row.id("setl_Id"),
            person: row.id("psn_No"),
            visit: row.id("mdtrt_Id"),
            visit_path: row.path("mdtrt_Id"),
        }
    })?;
    let view = find(desk, call, ask, false).await?;
    let rows = items(&view).into_iter().map(|i| i.render(&view)).collect();
    Ok(Reply::of(&Value::Array(rows)))
}

/// One policy item.
struct Item {
    code: String,
    name: String,
    person: Money,
    fund: Money,
    ratio: Option<Rate>,
}

impl Item {
    fn own(code: &str, person: Money) -> Self {
        let name = names::policy_item(code).unwrap_or_default().to_owned();
        Self { code: code.to_owned(), name, person, fund: Money::ZERO, ratio: None }
    }

    fn render(self, view: &SettlementView) -> Value {
        let s = &view.settled;
        let turned = turned(s);
        let sign = |m: Money| if turned { -m } else { m };
        let ratio = self.ratio.unwrap_or(if self.fund.is_zero() { Rate::ZERO } else { Rate::ONE });
        object([
            ("setlId", value::text(s.id.as_ref().map_or("", |i| i.as_str()))),
            ("mdtrtId", value::text(s.visit.id.as_str())),
            ("psnNo", value::text(s.person.no.as_str())),
            ("polItemCode", value::text(self.code)),
            ("polItemName", value::text(self.name)),
            ("selfPayAmt", money(sign(self.person))),
            ("selfPayProp", rate(Rate::ONE - ratio)),
            ("fundPayAmt", money(sign(self.fund))),
            ("fundPayProp", rate(ratio)),
            ("polItemPaySum", money(sign(self.person + self.fund))),
        ])
    }
}

fn items(view: &SettlementView) -> Vec<Item> {
    let priced = &view.settled.decision.priced;
    let (a, steps) = (&priced.amounts, &priced.steps);
    let extra: Money = steps.iter().filter(|s| s.kind == StepKind::ExtraSelfPay).map(|s| s.result).sum();
    let mut out = vec![
        Item::own("101", a.ownpay),
        // the extra for care elsewhere has a row of its own
        Item::own("102", a.preselfpay - extra),
        Item::own("103", a.overlimit),
    ];
    out.extend(steps.iter().enumerate().filter_map(|(i, step)| item(view, step, unpaid(steps, i))));
    out
}

/// The item of a step; `unpaid` is what of a tier its layer did not pay.
fn item(view: &SettlementView, step: &Step, unpaid: Money) -> Option<Item> {
    let layer = layer(view, step);
    let item = match step.kind {
        StepKind::ExtraSelfPay => Item::own("S000", step.result),
        StepKind::ThirdParty => Item::own("S003", step.result),
        StepKind::Deductible | StepKind::Threshold => {
            let code = match layer.map(|l| l.policy_item.as_str()) {
                Some("GB0") => "GBS1",
                Some("PL0") => "PS01",
                _ => "S001",
            };
            Item::own(code, step.result)
        }
        StepKind::Tier => tier(view, step, unpaid, layer),
        StepKind::Cap => {
            let mut item = Item::own("EC01", step.result);
            if let Some(l) = layer.filter(|l| l.fund != Fund::Hifp) {
                item.name = format!("超封顶段（{}）", l.title);
            }
            item
        }
        StepKind::Account => Item::own("TA01", step.result),
        StepKind::Quota | StepKind::Floor => {
            let kind = if step.kind == StepKind::Quota { "quota" } else { "floor" };
            let payment = view.settled.decision.priced.payments.iter().find(|p| p.layer == kind)?;
            Item {
                code: payment.fund_pay_type.as_str().to_owned(),
                name: if kind == "quota" { "按定额支付" } else { "保底补差" }.to_owned(),
                person: Money::ZERO,
                fund: step.result,
                ratio: Some(Rate::ONE),
            }
        }
        _ => return None,
    };
    (!item.person.is_zero() || !item.fund.is_zero()).then_some(item)
}

/// A tier: code of the layer and number of the tier.
fn tier(view: &SettlementView, step: &Step, unpaid: Money, layer: Option<&Layer>) -> Item {
    let scope = amount(step, "scope").unwrap_or_default();
    let ratio = operand(step, "ratio").and_then(|r| r.parse().ok());
    let number = tier_number(&step.figure);
    let outpatient_whole = !view.settled.visit.kind().is_stay() && layer.is_some_and(|l| l.tiers.len() == 1);
    let code = match layer.map(|l| l.policy_item.as_str()) {
        Some("C00") if outpatient_whole => "C000".to_owned(),
        Some("") | None => layer.map_or_else(|| step.layer.to_string(), |l| l.fund_pay_type.as_str().to_owned()),
        Some(prefix) => format!("{prefix}{number}"),
    };
    let named = names::policy_item(&code).map(str::to_owned);
    let title = layer.map_or(step.layer.as_str(), |l| l.title.as_str());
    let fund = step.result - unpaid;
    Item { name: named.unwrap_or_else(|| format!("{title}第{number}段")), code, person: scope - fund, fund, ratio }
}

/// A layer never pays more than is left to the person: where it paid less than its tiers came to,
/// the difference is taken from the last of them.
fn unpaid(steps: &[Step], at: usize) -> Money {
    let Some(step) = steps.get(at).filter(|s| s.kind == StepKind::Tier) else { return Money::ZERO };
    let same = |s: &&Step| s.layer == step.layer && s.year == step.year;
    let last = steps.iter().skip(at + 1).filter(same).all(|s| s.kind != StepKind::Tier);
    let tiers: Money = steps.iter().filter(same).filter(|s| s.kind == StepKind::Tier).map(|s| s.result).sum();
    let paid = steps.iter().filter(same).find(|s| s.kind == StepKind::Layer).map_or(tiers, |s| s.result);
    if last { (tiers - paid).at_least_zero().min(step.result) } else { Money::ZERO }
}

/// `layer.basic.tier.0.ratio.2` → 1.
fn tier_number(figure: &str) -> usize {
    let mut parts = figure.split('.').skip_while(|p| *p != "tier");
    parts.nth(1).and_then(|n| n.parse::<usize>().ok()).map_or(1, |n| n + 1)
}

/// The layer of a step, in the policy of its year.
fn layer<'v>(view: &'v SettlementView, step: &Step) -> Option<&'v Layer> {
    let used = &view.settled.decision.priced.policies;
    let used = used.iter().find(|p| p.year == step.year).or(used.first())?;
    let policy = view.policies.iter().find(|p| p.id == used.id && p.version == used.version)?;
    policy.layer(&step.layer)
}

const FIELDS: &[Field] =
    &[must("psn_No", "人员编号", text(30)), must("setl_Id", "结算ID", text(30)), want("mdtrt_Id", "就诊ID", text(30))];
