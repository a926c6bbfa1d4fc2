//! `adjudicate(facts) → decision`: amounts, findings, trace. The one function behind every surface.

use crate::codes::LineNo;
use crate::decision::{Decision, Priced};
use crate::facts::Facts;
use crate::finding::{Finding, Hit, Part, RuleSet, Stage, Stake, allocate, identity};
use crate::ledger::postings;
use crate::money::Money;
use crate::pricing::price;
use crate::stake::count_once;
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
    let mut findings = put_amounts(facts, &priced, review.hits, stage);
    count_once(&mut findings, |a, b| rules.subsumes(a, b));
    Decision {
        engine: Cow::Borrowed(ENGINE),
        bundle: facts.bundle.clone(),
        priced,
        postings,
        findings,
        undecided: review.undecided,
        failures: review.failures,
        exempted: review.exempted,
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
    let fund_open = paid_by_group(facts);
    let share = |n: &NetShare| {
        let all = allocate(priced.amounts.funds, n.in_scope, priced.amounts.in_scope);
        let person = (n.amount - all - n.hospital).at_least_zero();
        Stake { charge: n.amount, fund: if fund_open { Money::ZERO } else { all }, person }
    };
    // each line adds what the sum grows by, so that the parts make up the whole to the fen
    let (mut sum, mut parts) = (NetShare::default(), Vec::with_capacity(hit.lines.len()));
    let mut stake = Stake::default();
    for (no, part) in &hit.lines {
        if let Some(n) = net.by_line.get(no) {
            let (of, whole) = match part {
                None => (Money::fen(1), Money::fen(1)),
                Some(Part::Units(u)) => (Money::fen((*u).min(n.quantity).units()), Money::fen(n.quantity.units())),
                Some(Part::Amount(a)) => ((*a).min(n.amount), n.amount),
            };
            let part = |m: Money| m.share(of, whole);
            sum.amount += part(n.amount);
            sum.in_scope += part(n.in_scope);
            sum.hospital += part(n.hospital);
        }
        let after = share(&sum);
        parts.push(Stake {
            charge: after.charge - stake.charge,
            fund: after.fund - stake.fund,
            person: after.person - stake.person,
        });
        stake = after;
    }
    if hit.lines.is_empty() {
        let a = &priced.amounts;
        let whole = NetShare { amount: a.total, in_scope: a.in_scope, hospital: a.hospital, ..NetShare::default() };
        stake = share(&whole);
    }
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
        charge: stake.charge,
        fund: stake.fund,
        person: stake.person,
        fund_open,
        parts,
        counted: Stake::default(),
        evidence: hit.evidence,
        text: hit.text,
    }
}

/// Whether the funds pay for the claim by group, case or day: then what they pay does not hang on single lines.
/// The way agreed with the institution (`clr_way`) is about its stays; other visits are paid by item.
fn paid_by_group(facts: &Facts) -> bool {
    facts.visit.kind().is_stay() && !matches!(facts.institution.clearing_way.as_str(), "" | "1")
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
