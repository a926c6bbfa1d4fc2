//! From a claim to the rules that concern it, natively: the claim's part of each selector by stage
//! and kind of visit, the lines' part by an index from the line to rules.
//!
//! A rule with a line part stands in the index under the one of its conditions that narrows most:
//! the items of its knowledge table, its prefixes of item codes, drug groups, its charge types, its list
//! types. Where that was its only condition the index is the answer; else the whole selector is tested
//! on what the index finds. Rules that no line leads to cost a claim nothing.

use crate::compile::Rule;
use dingan_core::codes::{ItemCode, VisitKind};
use dingan_core::facts::{Facts, LineFact};
use dingan_core::finding::{Scope, Stage};
use dingan_core::knowledge::Knowledge;
use dingan_core::selector::Selector;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

const KINDS: [VisitKind; 8] = [
    VisitKind::Outpatient,
    VisitKind::Emergency,
    VisitKind::Chronic,
    VisitKind::Inpatient,
    VisitKind::DaySurgery,
    VisitKind::Pharmacy,
    VisitKind::MaternityOutpatient,
    VisitKind::MaternityInpatient,
];

fn bit(stage: Stage, kind: VisitKind) -> u32 {
    let stage = match stage {
        Stage::Before => 0,
        Stage::During => 8,
        Stage::After => 16,
    };
    1 << (stage + KINDS.iter().position(|k| *k == kind).unwrap_or(0))
}

/// Multiply and rotate: item codes are looked up once for every line, and the keys are published lists,
/// not anybody's choice, so nothing is gained by the slower default.
#[derive(Default)]
struct CodeHasher(u64);

impl Hasher for CodeHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let word = part.iter().fold(0, |w, b| (w << 8) | u64::from(*b));
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }
    fn finish(&self) -> u64 {
        // the table takes the low bits, a product is mixed best in the high ones
        self.0.rotate_left(26)
    }
}

type ByCode<K> = HashMap<K, Vec<u16>, BuildHasherDefault<CodeHasher>>;

/// The rules a claim runs and their candidate lines.
pub(crate) struct Lookup {
    /// Pairs of rule and line, by rule and then line; rules without a line part have their lines here too.
    rules: Vec<(u16, std::ops::Range<usize>)>,
    lines: Vec<u32>,
}

impl Lookup {
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u16, &[u32])> {
        self.rules.iter().map(|(rule, range)| (*rule, self.lines.get(range.clone()).unwrap_or_default()))
    }
}

/// Where a rule with a line part is found.
#[derive(Default)]
struct Keys {
    item: ByCode<ItemCode>,
    /// By the length of the prefix: a code is cut to each.
    prefix: BTreeMap<usize, ByCode<String>>,
    grouped: Vec<u16>,
    charge_type: ByCode<String>,
    list_type: ByCode<String>,
}

pub(crate) struct LineIndex {
    keys: Keys,
    /// Rules without a line part, by code.
    whole: Vec<u16>,
    /// For each rule of the library: the stages and kinds of visit it runs at.
    runs_at: Vec<u32>,
    /// For each rule: whether its line part has a single condition, the one it is found by.
    exact: Vec<bool>,
}

/// How many conditions the line part has.
fn line_conditions(s: &Selector) -> usize {
    [
        !s.list_type.is_empty(),
        !s.charge_type.is_empty(),
        !s.item.is_empty(),
        s.knowledge.is_some(),
        s.second.is_some(),
        s.grouped,
    ]
    .into_iter()
    .map(usize::from)
    .sum()
}

impl LineIndex {
    pub fn new(all: &[Rule], running: impl Iterator<Item = u16>, knowledge: &Knowledge) -> Self {
        let mut keys = Keys::default();
        let mut whole = Vec::new();
        let mut runs_at = vec![0; all.len()];
        for i in running {
            let Some(rule) = all.get(usize::from(i)) else { continue };
            let selector = &rule.meta.selector;
            if let Some(mask) = runs_at.get_mut(usize::from(i)) {
                for stage in &rule.meta.stages {
                    let kinds = KINDS.iter().filter(|k| selector.visit.is_empty() || selector.visit.contains(k));
                    *mask |= kinds.fold(0, |m, k| m | bit(*stage, *k));
                }
            }
            if let Some(table) = &selector.knowledge {
                for item in knowledge.items(table) {
                    keys.item.entry(item.clone()).or_default().push(i);
                }
            } else if let Some(table) = &selector.second {
                for item in knowledge.seconds(table) {
                    keys.item.entry(item.clone()).or_default().push(i);
                }
            } else if !selector.item.is_empty() {
                for prefix in &selector.item {
                    keys.prefix.entry(prefix.len()).or_default().entry(prefix.clone()).or_default().push(i);
                }
            } else if selector.grouped {
                keys.grouped.push(i);
            } else if !selector.charge_type.is_empty() {
                for code in &selector.charge_type {
                    keys.charge_type.entry(code.clone()).or_default().push(i);
                }
            } else if !selector.list_type.is_empty() {
                for code in &selector.list_type {
                    keys.list_type.entry(code.clone()).or_default().push(i);
                }
            } else {
                whole.push(i);
            }
        }
        let exact = all.iter().map(|r| line_conditions(&r.meta.selector) == 1).collect();
        Self { keys, whole, runs_at, exact }
    }

    /// Every rule whose selector lets the claim through, by code, with the net lines it lets through.
    pub fn candidates(&self, all: &[Rule], facts: &Facts, stage: Stage, knowledge: &Knowledge) -> Lookup {
        let now = bit(stage, facts.visit.kind());
        let runs = |i: &u16| self.runs_at.get(usize::from(*i)).is_some_and(|mask| mask & now != 0);
        // pairs by line first, since lines are looked up one after the other
        let mut hits: Vec<(u16, u32)> = Vec::new();
        for (at, net) in (0u32..).zip(&facts.net_lines) {
            let Some(fact) = facts.lines.get(net.line) else { continue };
            self.keys.of(fact, |rules| hits.extend(rules.iter().filter(|i| runs(i)).map(|i| (*i, at))));
        }
        let mut pending: Vec<u16> = self.whole.iter().copied().filter(runs).collect();
        pending.extend(hits.iter().map(|(i, _)| *i));
        pending.sort_unstable();
        pending.dedup();
        hits.sort_unstable();
        hits.dedup();

        let mut out = Lookup { rules: Vec::with_capacity(pending.len()), lines: Vec::new() };
        let mut rest = hits.as_slice();
        for i in pending {
            let own = rest.partition_point(|(rule, _)| *rule <= i);
            let (of_rule, later) = rest.split_at(own);
            rest = later;
            let Some(rule) = all.get(usize::from(i)) else { continue };
            let selector = &rule.meta.selector;
            if !selector.claim(facts) {
                continue;
            }
            let start = out.lines.len();
            if self.exact.get(usize::from(i)).copied().unwrap_or(false) {
                out.lines.extend(of_rule.iter().map(|(_, at)| *at));
            } else if selector.selects_lines() {
                let fact = |at: u32| facts.net_lines.get(at as usize).and_then(|n| facts.lines.get(n.line));
                let passes = |at: &u32| fact(*at).is_some_and(|l| selector.line(l, knowledge));
                out.lines.extend(of_rule.iter().map(|(_, at)| *at).filter(passes));
            } else {
                out.lines.extend(0..facts.net_lines.len() as u32);
            }
            let lines = start..out.lines.len();
            // a rule about the claim as a whole runs even on a bill without lines
            let needs_lines = selector.selects_lines() || rule.meta.scope == Scope::Line;
            if !(needs_lines && lines.is_empty()) {
                out.rules.push((i, lines));
            }
        }
        out
    }
}

impl Keys {
    /// Hands over the rules a line leads to, in lists; a rule may stand in several.
    fn of<'k>(&'k self, fact: &LineFact, mut found: impl FnMut(&'k [u16])) {
        let code = fact.line.item.as_str();
        if let Some(rules) = self.item.get(code) {
            found(rules);
        }
        for (len, prefixes) in &self.prefix {
            if let Some(rules) = code.get(..*len).and_then(|p| prefixes.get(p)) {
                found(rules);
            }
        }
        let Some(item) = &fact.item else { return };
        if !self.grouped.is_empty() && !item.drug_group.is_empty() {
            found(&self.grouped);
        }
        if let Some(rules) = self.charge_type.get(&item.charge_type) {
            found(rules);
        }
        if let Some(rules) = self.list_type.get(&item.list_type) {
            found(rules);
        }
    }
}
