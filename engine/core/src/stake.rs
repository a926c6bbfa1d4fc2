//! The amount at stake over several findings: no fen is counted twice.
//!
//! Several rules may object to one line, and some say more than others (a stay by somebody else's card holds
//! every line of it). Which rule subsumes which is part of the rules' metadata; here the findings are put in
//! that order and each counts what none before it has counted.

use crate::codes::LineNo;
use crate::finding::{Finding, Severity, Stake};
use crate::money::Money;
use std::collections::{BTreeMap, HashMap};

/// Says for each finding of one claim what of its amounts it is the first to count ([`Finding::counted`]); the
/// sum over the findings is the amount at stake.
///
/// Rules that subsume others go first, then the graver, then by code. Of a line the greatest part that any
/// finding puts at stake is counted, since which of its units two findings mean is not known. Findings on the
/// whole claim come last and count what is left of it.
pub fn count_once(findings: &mut [Finding], subsumes: impl Fn(&str, &str) -> bool) {
    if findings.is_empty() {
        return;
    }
    let ranks = ranks(findings, subsumes);
    let mut order: Vec<usize> = (0..findings.len()).collect();
    let key = |f: &Finding| (f.lines.is_empty(), ranks.get(&f.rule).copied().unwrap_or(usize::MAX), f.id.clone());
    order.sort_by_cached_key(|i| findings.get(*i).map(key));
    let mut lines: HashMap<LineNo, Stake> = HashMap::new();
    let mut sum = Stake::default();
    for i in order {
        let Some(f) = findings.get_mut(i) else { continue };
        let mut counted = Stake::default();
        if f.lines.is_empty() {
            let whole = Stake { charge: f.charge, fund: f.fund, person: f.person };
            counted = beyond(whole, sum);
        }
        for (no, part) in f.lines.iter().zip(&f.parts) {
            let so_far = lines.entry(no.clone()).or_default();
            let more = beyond(*part, *so_far);
            *so_far = plus(*so_far, more);
            counted = plus(counted, more);
        }
        sum = plus(sum, counted);
        f.counted = counted;
    }
}

/// The place of each rule in the order of counting.
fn ranks(findings: &[Finding], subsumes: impl Fn(&str, &str) -> bool) -> BTreeMap<String, usize> {
    let mut left: Vec<(Severity, &str)> = findings.iter().map(|f| (f.severity, f.rule.as_str())).collect();
    left.sort_unstable();
    left.dedup_by_key(|(_, rule)| *rule);
    let mut ranks = BTreeMap::new();
    while !left.is_empty() {
        let free = |rule: &str| !left.iter().any(|(_, other)| *other != rule && subsumes(other, rule));
        // a circle cannot be published; were there one, the first of it goes first
        let at = left.iter().position(|(_, rule)| free(rule)).unwrap_or(0);
        let (_, rule) = left.remove(at);
        let place = ranks.len();
        ranks.entry(rule.to_owned()).or_insert(place);
    }
    ranks
}

fn plus(a: Stake, b: Stake) -> Stake {
    Stake { charge: a.charge + b.charge, fund: a.fund + b.fund, person: a.person + b.person }
}

fn beyond(a: Stake, b: Stake) -> Stake {
    let more = |a: Money, b: Money| (a - b).at_least_zero();
    Stake { charge: more(a.charge, b.charge), fund: more(a.fund, b.fund), person: more(a.person, b.person) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Stage;

    fn stake(charge: i64, fund: i64) -> Stake {
        Stake { charge: Money::fen(charge), fund: Money::fen(fund), person: Money::fen(charge - fund) }
    }

    fn finding(rule: &str, severity: Severity, whole: (i64, i64), lines: &[(&str, i64, i64)]) -> Finding {
        let sum = stake(whole.0, whole.1);
        Finding {
            id: format!("{rule}-{lines:?}"),
            rule: rule.into(),
            version: 1,
            title: String::new(),
            severity,
            stage: Stage::During,
            lines: lines.iter().map(|(no, ..)| LineNo::from(*no)).collect(),
            related: Vec::new(),
            charge: sum.charge,
            fund: sum.fund,
            person: sum.person,
            fund_open: false,
            parts: lines.iter().map(|(_, charge, fund)| stake(*charge, *fund)).collect(),
            counted: Stake::default(),
            evidence: BTreeMap::new(),
            text: String::new(),
        }
    }

    #[test]
    fn a_line_two_rules_object_to_is_counted_once() {
        let mut all = [
            finding("DG4001", Severity::Suspicious, (1000, 700), &[]),
            finding("DG1001", Severity::Breach, (300, 200), &[("1", 100, 60), ("2", 200, 140)]),
            finding("DG3001", Severity::Suspicious, (150, 100), &[("1", 150, 100)]),
        ];
        count_once(&mut all, |_, _| false);
        assert_eq!(all[1].counted, stake(300, 200));
        assert_eq!(all[2].counted, stake(50, 40), "what DG1001 left of line 1");
        assert_eq!(all[0].counted, stake(650, 460), "the rest of the claim");
    }

    #[test]
    fn the_rule_that_subsumes_counts_first() {
        let lines = [("1", 100, 60)];
        let mut all = [
            finding("DG1001", Severity::Breach, (100, 60), &lines),
            finding("DG2009", Severity::Suspicious, (100, 60), &lines),
        ];
        count_once(&mut all, |a, b| (a, b) == ("DG2009", "DG1001"));
        assert_eq!((all[0].counted, all[1].counted), (Stake::default(), stake(100, 60)));
        // rules that subsume each other do no harm
        count_once(&mut all, |_, _| true);
        assert_eq!(all[0].counted.charge + all[1].counted.charge, Money::fen(100));
    }
}
