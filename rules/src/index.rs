//! From a claim to the rules that concern it, natively: the claim's part of each selector by stage
//! and kind of visit, the lines' part by an index from the line to rules.
//!
//! A rule with a line part stands in the index under the one of its conditions that narrows most:
//! the items of its knowledge table, its marks, its prefixes of item codes, drug groups, its charge types,
//! its list types. Where that was its only condition the index is the answer; else the whole selector is
//! tested on what the index finds. Rules that no line leads to cost a claim nothing. A rule without a line
//! part that looks for a diagnosis is found by the diagnoses of the visit.

use crate::compile::Rule;
use dingan_core::codes::{ItemCode, VisitKind};
use dingan_core::facts::{Facts, LineFact};
use dingan_core::finding::{Scope, Stage};
use dingan_core::hash::HashMap;
use dingan_core::knowledge::Knowledge;
use dingan_core::selector::{Mark, SHORTEST_DIAGNOSIS, Selector};
use std::collections::BTreeMap;

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

/// At which stages and kinds of visit some rule of a group runs: where none does, nothing is looked up.
#[derive(Debug, Clone, Copy, Default)]
struct RunsAt {
    /// Rules that need no other visit.
    alone: u32,
    /// Rules that look at other visits.
    with_past: u32,
}

impl RunsAt {
    fn or(&mut self, other: Self) {
        self.alone |= other.alone;
        self.with_past |= other.with_past;
    }
}

/// Rules by a code.
#[derive(Debug)]
struct ByCode<K> {
    runs: RunsAt,
    rules: HashMap<K, Vec<u16>>,
}

impl<K> Default for ByCode<K> {
    fn default() -> Self {
        Self { runs: RunsAt::default(), rules: HashMap::default() }
    }
}

impl<K: std::hash::Hash + Eq> ByCode<K> {
    fn add(&mut self, key: K, rule: u16, runs: RunsAt) {
        self.runs.or(runs);
        self.rules.entry(key).or_default().push(rule);
    }
}

/// Rules by the beginning of a code. By the length of the beginning: a code is cut to each.
type ByBeginning = BTreeMap<usize, ByCode<ItemCode>>;

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
    prefix: ByBeginning,
    marks: Vec<(Mark, Vec<u16>)>,
    grouped: ByCode<()>,
    charge_type: ByCode<String>,
    list_type: ByCode<String>,
}

pub(crate) struct LineIndex {
    keys: Keys,
    /// Rules without a line part, by code.
    whole: Vec<u16>,
    /// Those of them that look for a diagnosis, by the diagnosis; they are not in `whole`.
    diagnosis: ByBeginning,
    /// For each rule of the library: the stages and kinds of visit it runs at.
    runs_at: Vec<RunsAt>,
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
        !s.marks.is_empty(),
    ]
    .into_iter()
    .map(usize::from)
    .sum()
}

impl LineIndex {
    pub fn new(all: &[Rule], running: impl Iterator<Item = u16>, knowledge: &Knowledge) -> Self {
        let mut keys = Keys::default();
        let mut whole = Vec::new();
        let mut diagnosis = ByBeginning::new();
        let mut runs_at = vec![RunsAt::default(); all.len()];
        for i in running {
            let Some(rule) = all.get(usize::from(i)) else { continue };
            let selector = &rule.meta.selector;
            let mut mask = 0;
            for stage in &rule.meta.stages {
                let kinds = KINDS.iter().filter(|k| selector.visit.is_empty() || selector.visit.contains(k));
                mask |= kinds.fold(0, |m, k| m | bit(*stage, *k));
            }
            let runs = match selector.past.is_empty() {
                true => RunsAt { alone: mask, with_past: 0 },
                false => RunsAt { alone: 0, with_past: mask },
            };
            if let Some(of_rule) = runs_at.get_mut(usize::from(i)) {
                *of_rule = runs;
            }
            if let Some(table) = &selector.knowledge {
                for item in knowledge.items(table) {
                    keys.item.add(item.clone(), i, runs);
                }
            } else if let Some(table) = &selector.second {
                for item in knowledge.seconds(table) {
                    keys.item.add(item.clone(), i, runs);
                }
            } else if !selector.marks.is_empty() {
                for mark in &selector.marks {
                    match keys.marks.iter_mut().find(|(m, _)| m == mark) {
                        Some((_, rules)) => rules.push(i),
                        None => keys.marks.push((*mark, vec![i])),
                    }
                }
            } else if !selector.item.is_empty() {
                for prefix in &selector.item {
                    keys.prefix.entry(prefix.len()).or_default().add(prefix.as_str().into(), i, runs);
                }
            } else if selector.grouped {
                keys.grouped.add((), i, runs);
            } else if !selector.charge_type.is_empty() {
                for code in &selector.charge_type {
                    keys.charge_type.add(code.clone(), i, runs);
                }
            } else if !selector.list_type.is_empty() {
                for code in &selector.list_type {
                    keys.list_type.add(code.clone(), i, runs);
                }
            } else if let Some(table) = &selector.diagnosis {
                for code in knowledge.items(table).filter(|c| c.as_str().len() >= SHORTEST_DIAGNOSIS) {
                    diagnosis.entry(code.as_str().len()).or_default().add(code.clone(), i, runs);
                }
            } else {
                whole.push(i);
            }
        }
        let exact = all.iter().map(|r| line_conditions(&r.meta.selector) == 1).collect();
        Self { keys, whole, diagnosis, runs_at, exact }
    }

    /// Every rule whose selector lets the claim through, by code, with the net lines it lets through.
    pub fn candidates(&self, all: &[Rule], facts: &Facts, stage: Stage, knowledge: &Knowledge) -> Lookup {
        let now = Now { at: bit(stage, facts.visit.kind()), past: !facts.history.visits().is_empty() };
        let runs = |i: &u16| self.runs_at.get(usize::from(*i)).is_some_and(|r| now.runs(*r));
        // pairs by line first, since lines are looked up one after the other
        let mut hits: Vec<(u16, u32)> = Vec::with_capacity(64);
        let marks: Vec<&(Mark, Vec<u16>)> = self.keys.marks.iter().filter(|(_, r)| r.iter().any(runs)).collect();
        for (at, net) in (0u32..).zip(&facts.net_lines) {
            let Some(fact) = facts.lines.get(net.line) else { continue };
            self.keys.of(fact, now, |rules| hits.extend(rules.iter().filter(|i| runs(i)).map(|i| (*i, at))));
            for (mark, rules) in &marks {
                if mark.on(facts, net.line) {
                    hits.extend(rules.iter().filter(|i| runs(i)).map(|i| (*i, at)));
                }
            }
        }
        let mut pending: Vec<u16> = self.whole.iter().copied().filter(runs).collect();
        for d in &facts.visit.diagnoses {
            beginning_with(&self.diagnosis, d.code.as_str(), now, |rules| {
                pending.extend(rules.iter().filter(|i| runs(i)))
            });
        }
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
            if !selector.claim(facts, knowledge) {
                continue;
            }
            let start = out.lines.len();
            if self.exact.get(usize::from(i)).copied().unwrap_or(false) {
                out.lines.extend(of_rule.iter().map(|(_, at)| *at));
            } else if selector.selects_lines() {
                let net = |at: u32| facts.net_lines.get(at as usize);
                let passes = |at: &u32| net(*at).is_some_and(|n| selector.line(facts, n.line, knowledge));
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

/// The claim's stage and kind of visit, and whether the person has other visits.
#[derive(Clone, Copy)]
struct Now {
    at: u32,
    past: bool,
}

impl Now {
    /// Whether a rule of the group runs.
    fn runs(self, group: RunsAt) -> bool {
        (group.alone | if self.past { group.with_past } else { 0 }) & self.at != 0
    }
}

impl Keys {
    /// Hands over the rules a line leads to, in lists; a rule may stand in several.
    fn of<'k>(&'k self, fact: &LineFact, now: Now, mut found: impl FnMut(&'k [u16])) {
        let code = fact.line.item.as_str();
        self.item.of(code, now, &mut found);
        beginning_with(&self.prefix, code, now, &mut found);
        let Some(item) = &fact.item else { return };
        if !item.drug_group.is_empty() {
            self.grouped.of(&(), now, &mut found);
        }
        self.charge_type.of(item.charge_type.as_str(), now, &mut found);
        self.list_type.of(item.list_type.as_str(), now, &mut found);
    }
}

impl<K: std::hash::Hash + Eq> ByCode<K> {
    fn of<'k, Q>(&'k self, key: &Q, now: Now, found: &mut impl FnMut(&'k [u16]))
    where
        K: std::borrow::Borrow<Q>,
        Q: std::hash::Hash + Eq + ?Sized,
    {
        if now.runs(self.runs)
            && let Some(rules) = self.rules.get(key)
        {
            found(rules);
        }
    }
}

/// Hands over the rules that stand under a beginning of a code.
fn beginning_with<'k>(by: &'k ByBeginning, code: &str, now: Now, mut found: impl FnMut(&'k [u16])) {
    for (len, of_length) in by {
        if let Some(beginning) = code.get(..*len) {
            of_length.of(beginning, now, &mut found);
        }
    }
}
