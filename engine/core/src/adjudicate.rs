//! `adjudicate(facts) → decision`: amounts, findings, trace. The one function behind every surface.

use crate::codes::LineNo;
use crate::decision::{Decision, Priced};
use crate::facts::Facts;
use crate::finding::{Finding, Hit, RuleSet, Stage, allocate, identity};
use crate::ledger::postings;
use crate::money::Money;
use crate::pricing::price;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Version of the engine, part of every decision.
pub const ENGINE: &str = concat!("dingan-core ", env!("CARGO_PKG_VERSION"));

/// Prices and reviews. Pricing never reads findings; findings read amounts for their shares only.
pub fn adjudicate(facts: &Arc<Facts>, rules: &dyn RuleSet, stage: Stage) -> Decision {
    let priced = price(facts);
    let postings = postings(facts, &priced);
    let review = rules.review(facts, stage);
    let findings = put_amounts(facts, &priced, review.hits, stage);
    Decision {
        engine: Cow::Borrowed(ENGINE),
        bundle: facts.bundle.clone(),
        priced,
        postings,
        findings,
        undecided: review.undecided,
        failures: review.failures,
    }
}

/// Turns hits into findings: identity, charge at stake, the funds' and the person's share.
pub fn put_amounts(facts: &Facts, priced: &Priced, hits: Vec<Hit>, stage: Stage) -> Vec<Finding> {
    if hits.is_empty() {
        return Vec::new();
    }
    let net = NetShares::new(facts, priced);
    let mut findings: Vec<Finding> = hits.into_iter().map(|h| finding(facts, priced, &net, h, stage)).collect();
    findings.sort_by(|a, b| (&a.rule, &a.id).cmp(&(&b.rule, &b.id)));
    findings.dedup_by(|a, b| a.id == b.id);
    findings
}

fn finding(facts: &Facts, priced: &Priced, net: &NetShares<'_>, mut hit: Hit, stage: Stage) -> Finding {
    hit.lines.sort();
    hit.lines.dedup_by(|a, b| a.0 == b.0);
    hit.related.sort();
    hit.related.dedup();
    let (mut charge, mut in_scope, mut hospital) = (Money::ZERO, Money::ZERO, Money::ZERO);
    if hit.lines.is_empty() {
        charge = priced.amounts.total;
        in_scope = priced.amounts.in_scope;
        hospital = priced.amounts.hospital;
    }
    for (no, units) in &hit.lines {
        let Some(n) = net.by_line.get(no) else { continue };
        let units = units.unwrap_or(n.quantity).min(n.quantity);
        let part = |m: Money| m.share(Money::fen(units.units()), Money::fen(n.quantity.units()));
        charge += part(n.amount);
        in_scope += part(n.in_scope);
        hospital += part(n.hospital);
    }
    let fund = allocate(priced.amounts.funds, in_scope, priced.amounts.in_scope);
    let lines: Vec<LineNo> = hit.lines.into_iter().map(|(l, _)| l).collect();
    Finding {
        id: identity(&hit.rule, facts, &lines, &hit.related, &hit.period),
        rule: hit.rule,
        version: hit.version,
        title: hit.title,
        severity: hit.severity,
        stage,
        lines,
        related: hit.related,
        charge,
        fund,
        person: (charge - fund - hospital).at_least_zero(),
        evidence: hit.evidence,
        text: hit.text,
    }
}

/// Lines netted of their refunds, with the parts that count for shares.
struct NetShares<'a> {
    by_line: HashMap<&'a LineNo, NetShare>,
}

#[derive(Default, Clone, Copy)]
struct NetShare {
    quantity: crate::money::Quantity,
    amount: Money,
    in_scope: Money,
    hospital: Money,
}

impl<'a> NetShares<'a> {
    fn new(facts: &'a Facts, priced: &Priced) -> Self {
        let mut by_line: HashMap<&LineNo, NetShare> = HashMap::with_capacity(facts.lines.len());
        for (fact, split) in facts.lines.iter().zip(&priced.lines) {
            let no = fact.line.refund_of.as_ref().unwrap_or(&fact.line.no);
            let n = by_line.entry(no).or_default();
            n.quantity += fact.line.quantity;
            n.amount += split.amount;
            n.in_scope += split.in_scope;
            n.hospital += split.hospital;
        }
        Self { by_line }
    }
}
