//! Pricing: lines split, then the funds of the policy pay one after the other (benefits.md C1).

mod layer;
mod split;
mod when;

pub use when::holds;

use crate::codes::Text;
use crate::decision::{Amounts, FundPayment, LineSplit, Operand, PolicyUsed, Priced, Step, StepKind};
use crate::facts::{Facts, Portion};
use crate::money::{Money, Rate};
use crate::person::AccumulatorEntry;
use crate::policy::{AccountPart, Accumulator, Bearer, Feed, Fund, Layer, Quota};
use compact_str::format_compact;
use std::borrow::Cow;
use std::collections::BTreeMap;
use when::pick;

/// Prices facts. Pure; identities I1–I4 hold on the result.
pub fn price(facts: &Facts) -> Priced {
    let mut run = Run::default();
    let mut lines: Vec<(usize, LineSplit)> = Vec::with_capacity(facts.lines.len());
    for (index, portion) in facts.portions.iter().enumerate() {
        run.portion(facts, portion, index, &mut lines);
    }
    lines.sort_by_key(|(i, _)| *i);
    run.accounts(facts);
    Priced {
        policies: facts
            .portions
            .iter()
            .map(|p| PolicyUsed { year: p.year, id: p.policy.id.clone(), version: p.policy.version.clone() })
            .collect(),
        amounts: run.amounts,
        payments: run.payments,
        lines: lines.into_iter().map(|(_, l)| l).collect(),
        entries: run.entries,
        steps: run.steps,
    }
}

/// What a portion added to an accumulator: key, period, amount.
type Fresh = (Text, Text, Money);

/// What one run over the portions gathers.
#[derive(Default)]
struct Run {
    amounts: Amounts,
    payments: Vec<FundPayment>,
    entries: Vec<AccumulatorEntry>,
    steps: Vec<Step>,
    /// What portions before this one added, by accumulator and period.
    fresh: Vec<Fresh>,
    /// Scope left to the person after the funds, all portions.
    scope_left: Money,
    /// Above the limit and the person's, all portions.
    overlimit_left: Money,
    /// Deductible charged in portions before this one, by layer.
    charged: BTreeMap<String, Money>,
    /// Paid by quota in portions before this one.
    quota_paid: Money,
    /// Base and outlay of the pool, for its ratio.
    pool: (Money, Money, Option<Rate>, bool),
}

/// What one portion's layers share while they run.
struct Waterfall<'f> {
    facts: &'f Facts,
    portion: &'f Portion,
    index: usize,
    /// In scope, less third-party liability.
    scope: Money,
    parts: Parts,
    deductible: Money,
    /// Standard and due of the layers' deductibles.
    standard: (Money, Money),
    /// Scope above a quota that the hospital bears.
    quota_excess: Money,
    paid: Money,
    over_cap: Money,
    /// What the person could still be relieved of.
    liability: Money,
    /// What the layers so far have fed, by accumulator: layers after them see it.
    gained: Vec<(&'f str, Money)>,
}

/// The four parts of the lines of a portion, and the hospital's share.
#[derive(Default, Clone, Copy)]
struct Parts {
    total: Money,
    ownpay: Money,
    overlimit: Money,
    preselfpay: Money,
    in_scope: Money,
    hospital: Money,
}

/// What a layer did, for accumulators.
#[derive(Default)]
struct LayerResult {
    deductible: Money,
    outlay: Money,
    base: Money,
    scope: Money,
}

impl Run {
    fn step(
        &mut self,
        kind: StepKind,
        portion: &Portion,
        layer: &str,
        figure: Text,
        operands: impl IntoIterator<Item = (&'static str, Operand)>,
        result: Money,
    ) {
        self.steps.push(Step {
            kind,
            year: portion.year,
            layer: layer.into(),
            figure,
            operands: operands.into_iter().map(|(n, o)| (Cow::Borrowed(n), o)).collect(),
            result,
        });
    }

    /// What an accumulator holds before this layer: live entries, portions before, layers before. Of stays,
    /// only the entries: the visit being settled does not count.
    fn used(&self, w: &Waterfall<'_>, key: &str) -> Money {
        let portion = w.portion;
        let Some(held) = portion.held(key) else { return Money::ZERO };
        let before = held.used;
        if portion.policy.accumulator(key).is_some_and(|a| a.feeds == Feed::Stays) {
            return before;
        }
        let of_this = |f: &&Fresh| f.0 == key && f.1 == held.period;
        let portions_before = self.fresh.iter().filter(of_this).map(|f| f.2).sum();
        before + portions_before + w.gained(key)
    }

    fn portion(&mut self, facts: &Facts, portion: &Portion, index: usize, out: &mut Vec<(usize, LineSplit)>) {
        let policy = &*portion.policy;
        let (extra, extra_figure) = match pick(&policy.split.extra_selfpay, facts, portion) {
            Some((i, c)) => (c.value, format_compact!("split.extra_selfpay.{i}")),
            None => (Rate::ZERO, Text::default()),
        };
        let mut parts = Parts::default();
        let (mut extra_sum, before) = (Money::ZERO, out.len());
        for &i in &portion.lines {
            let Some(line) = facts.lines.get(i) else { continue };
            let (split, extra_part) = split::split(line, &policy.split, extra);
            parts.total += split.amount;
            parts.ownpay += split.ownpay;
            parts.overlimit += split.overlimit;
            parts.preselfpay += split.preselfpay;
            parts.in_scope += split.in_scope;
            parts.hospital += split.hospital;
            extra_sum += extra_part;
            out.push((i, split));
        }
        let count = i64::try_from(out.len() - before).unwrap_or(i64::MAX);
        self.step(
            StepKind::LineSplit,
            portion,
            "",
            Text::default(),
            [
                ("lines", Operand::Int(count)),
                ("total", Operand::Money(parts.total)),
                ("ownpay", Operand::Money(parts.ownpay)),
                ("overlimit", Operand::Money(parts.overlimit)),
                ("preselfpay", Operand::Money(parts.preselfpay)),
            ],
            parts.in_scope,
        );
        if !extra_sum.is_zero() {
            self.step(StepKind::ExtraSelfPay, portion, "", extra_figure, [("ratio", Operand::Rate(extra))], extra_sum);
        }

        let share = facts.third_party_share;
        let third_party = parts.in_scope.times(share);
        if !third_party.is_zero() {
            self.step(
                StepKind::ThirdParty,
                portion,
                "",
                Text::default(),
                [("in_scope", Operand::Money(parts.in_scope)), ("share", Operand::Rate(share))],
                third_party,
            );
        }

        let scope = parts.in_scope - third_party;
        let mut w = Waterfall {
            facts,
            portion,
            index,
            scope,
            parts,
            deductible: Money::ZERO,
            standard: (Money::ZERO, Money::ZERO),
            quota_excess: Money::ZERO,
            paid: Money::ZERO,
            over_cap: Money::ZERO,
            liability: (parts.total - parts.hospital - third_party).at_least_zero(),
            gained: Vec::new(),
        };
        let paused = portion.person.pause.is_some();
        if paused {
            self.step(StepKind::Pause, portion, "", Text::default(), Vec::new(), scope);
        }
        if paused || !self.quota(&mut w) {
            for layer in policy.layers.iter().filter(|l| l.during_pause || !paused) {
                if holds(&layer.when, facts, portion) {
                    self.layer(&mut w, layer);
                }
            }
            if !paused {
                self.floor(&mut w);
            }
        }

        let a = &mut self.amounts;
        a.total += parts.total;
        a.ownpay += parts.ownpay;
        a.overlimit += parts.overlimit;
        a.preselfpay += parts.preselfpay;
        a.in_scope += parts.in_scope;
        if index > 0 && !policy.dates.second_deductible {
            // one deductible for all portions: what those before were charged was due as well
            a.deductible_standard = a.deductible_standard.max(w.standard.0);
            a.deductible_due = a.deductible + w.standard.1;
        } else {
            a.deductible_standard += w.standard.0;
            a.deductible_due += w.standard.1;
        }
        a.deductible += w.deductible;
        a.hospital += w.parts.hospital + w.quota_excess;
        a.funds += w.paid;
        self.scope_left += (w.scope - w.paid - w.quota_excess).at_least_zero();
        self.overlimit_left += parts.overlimit - parts.hospital;
        self.close(&w);
    }

    /// Pays by quota where asked (or the quota acts unasked) and one holds. Says whether it did.
    fn quota(&mut self, w: &mut Waterfall<'_>) -> bool {
        let acts = |q: &Quota| (q.automatic || w.facts.request.by_quota) && holds(&q.when, w.facts, w.portion);
        let quotas = &w.portion.policy.quotas;
        let Some((n, quota)) = quotas.iter().enumerate().find(|(_, q)| acts(q)) else {
            return false;
        };
        let Some((i, case)) = pick(&quota.amount, w.facts, w.portion) else { return false };
        // one quota for the case, however many portions it has
        let left = (case.value - self.quota_paid).at_least_zero();
        let amount = left.min(w.scope).at_least_zero();
        self.step(
            StepKind::Quota,
            w.portion,
            "",
            format_compact!("quota.{n}.amount.{i}"),
            [("scope", Operand::Money(w.scope)), ("quota", Operand::Money(left))],
            amount,
        );
        self.quota_paid += amount;
        self.pay(w, quota.fund, quota.fund_pay_type.clone(), "quota", w.scope, Some(left), amount);
        if quota.excess_borne_by == Bearer::Hospital {
            w.quota_excess = (w.scope - amount).at_least_zero();
        }
        true
    }

    /// Makes up the difference to the least share.
    fn floor(&mut self, w: &mut Waterfall<'_>) {
        let Some(floor) = &w.portion.policy.floor else { return };
        if !holds(&floor.when, w.facts, w.portion) {
            return;
        }
        let Some((i, case)) = pick(&floor.ratio, w.facts, w.portion) else { return };
        let of = if floor.of_total { w.parts.total } else { w.scope };
        let least = of.times(case.value);
        let top_up = (least - w.paid).at_least_zero().min(w.liability);
        if top_up.is_zero() {
            return;
        }
        self.step(
            StepKind::Floor,
            w.portion,
            "",
            format_compact!("floor.ratio.{i}"),
            [("of", Operand::Money(of)), ("ratio", Operand::Rate(case.value)), ("paid", Operand::Money(w.paid))],
            top_up,
        );
        self.pay(w, floor.fund, floor.fund_pay_type.clone(), "floor", of, None, top_up);
        w.feed("floor", &LayerResult { outlay: top_up, ..LayerResult::default() });
    }

    #[expect(clippy::too_many_arguments, reason = "one payment has these parts")]
    fn pay(
        &mut self,
        w: &mut Waterfall<'_>,
        fund: Fund,
        fund_pay_type: crate::codes::FundCode,
        layer: &str,
        base: Money,
        limit: Option<Money>,
        amount: Money,
    ) {
        w.paid += amount;
        w.liability -= amount;
        *self.amounts.fund_mut(fund) += amount;
        self.payments.push(FundPayment { fund_pay_type, fund: Some(fund), layer: layer.into(), base, limit, amount });
    }

    /// Writes what the accumulators gain from a portion, in the order of the policy.
    fn close(&mut self, w: &Waterfall<'_>) {
        let (facts, portion) = (w.facts, w.portion);
        for (a, held) in portion.policy.accumulators.iter().zip(&portion.accumulators) {
            let amount = match a.feeds {
                Feed::InScope | Feed::Stays if !holds(&a.when, facts, portion) => Money::ZERO,
                Feed::InScope => w.parts.in_scope,
                Feed::Stays if facts.visit.kind().is_stay() && w.index == 0 && !facts.continued => Money::yuan(1),
                Feed::Stays => Money::ZERO,
                Feed::Deductible | Feed::Outlay | Feed::Base | Feed::Scope => w.gained(&a.key),
            };
            if amount.is_zero() {
                continue;
            }
            if w.index + 1 < facts.portions.len() {
                self.fresh.push((a.key.as_str().into(), held.period.clone(), amount));
            }
            self.entries.push(AccumulatorEntry {
                key: a.key.clone(),
                period: held.period.to_string(),
                disease: if a.per_disease { facts.disease().into() } else { Default::default() },
                insurance: portion.person.insurance.clone(),
                visit: facts.visit.id.clone(),
                amount,
            });
        }
    }

    /// Divides what is left to the person between accounts and cash, and closes the identities.
    fn accounts(&mut self, facts: &Facts) {
        let Some(last) = facts.portions.last() else { return };
        let policy = &last.policy.account;
        let a = &mut self.amounts;
        a.person = a.total - a.funds - a.hospital;

        let allowed: Money = policy
            .pays
            .iter()
            .map(|part| match part {
                AccountPart::InScope => self.scope_left,
                AccountPart::Preselfpay => a.preselfpay,
                AccountPart::Overlimit => self.overlimit_left,
                AccountPart::Ownpay => a.ownpay,
            })
            .sum::<Money>()
            .min(a.person)
            .at_least_zero();
        let kind_allowed = policy.visit.is_empty() || policy.visit.contains(&facts.visit.kind());
        use crate::claim::AccountUse;
        let (own, family) = match facts.request.account_use {
            _ if !kind_allowed => (Money::ZERO, Money::ZERO),
            AccountUse::None => (Money::ZERO, Money::ZERO),
            AccountUse::Own => (allowed.min(facts.balances.own.at_least_zero()), Money::ZERO),
            AccountUse::Family => {
                let (first, second) = if policy.family_first {
                    (facts.balances.family, facts.balances.own)
                } else {
                    (facts.balances.own, facts.balances.family)
                };
                let one = allowed.min(first.at_least_zero());
                let two = (allowed - one).min(second.at_least_zero());
                if policy.family_first { (two, one) } else { (one, two) }
            }
        };
        a.account = own + family;
        a.family_account = family;
        a.cash = a.person - a.account;
        a.balance = facts.balances.own - own;
        let (outlay, base, single, mixed) = (self.pool.1, self.pool.0, self.pool.2, self.pool.3);
        a.pool_ratio = match single {
            Some(r) if !mixed => r,
            _ => outlay.ratio_to(base),
        };
        let (person, cash, hospital) = (a.person, a.cash, a.hospital);

        for (code, amount) in [(&policy.fund_pay_type, own), (&policy.family_fund_pay_type, family)] {
            if !amount.is_zero() {
                self.payments.push(FundPayment {
                    fund_pay_type: code.clone(),
                    fund: None,
                    layer: "account".into(),
                    base: allowed,
                    limit: None,
                    amount,
                });
            }
        }
        if !hospital.is_zero() {
            self.payments.push(FundPayment {
                fund_pay_type: "999996".into(),
                fund: None,
                layer: "hospital".into(),
                base: hospital,
                limit: None,
                amount: hospital,
            });
            self.step(StepKind::Hospital, last, "", Text::default(), [], hospital);
        }
        if !(own + family).is_zero() {
            self.step(
                StepKind::Account,
                last,
                "",
                "account".into(),
                [
                    ("allowed", Operand::Money(allowed)),
                    ("own", Operand::Money(own)),
                    ("family", Operand::Money(family)),
                ],
                own + family,
            );
        }
        self.step(StepKind::Cash, last, "", Text::default(), [("person", Operand::Money(person))], cash);
    }
}

impl Waterfall<'_> {
    /// Whether what a layer does here goes into an accumulator.
    fn feeds(&self, a: &Accumulator, layer: &str) -> bool {
        (a.layers.is_empty() || a.layers.iter().any(|l| l == layer)) && holds(&a.when, self.facts, self.portion)
    }

    /// What the layers so far have added to an accumulator.
    fn gained(&self, key: &str) -> Money {
        self.gained.iter().filter(|(k, _)| *k == key).map(|(_, amount)| *amount).sum()
    }

    /// Adds what a layer did to the accumulators it feeds.
    fn feed(&mut self, layer: &str, did: &LayerResult) {
        for a in &self.portion.policy.accumulators {
            let amount = match a.feeds {
                Feed::Deductible => did.deductible,
                Feed::Outlay => did.outlay,
                Feed::Base => did.base,
                Feed::Scope => did.scope,
                // fed by the portion as a whole
                Feed::InScope | Feed::Stays => continue,
            };
            if !amount.is_zero() && self.feeds(a, layer) {
                self.gained.push((&a.key, amount));
            }
        }
    }
}

/// Where a figure of a layer stands in the policy.
fn figure(layer: &Layer, path: std::fmt::Arguments<'_>) -> Text {
    format_compact!("layer.{}.{path}", layer.id)
}
