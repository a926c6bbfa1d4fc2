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
use dingan_core::selector::{Charged, Mark, Marks, SHORTEST_DIAGNOSIS, Selector};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::hash::Hash;

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

/// A place for each stage and kind of visit.
fn place(stage: Stage, kind: VisitKind) -> usize {
    let stage = match stage {
        Stage::Before => 0,
        Stage::During => 1,
        Stage::After => 2,
    };
    stage * KINDS.len() + KINDS.iter().position(|k| *k == kind).unwrap_or(0)
}

/// Rules by their places in the library, a bit each.
#[derive(Debug, Clone, Default)]
struct Rules(Box<[u64]>);

impl Rules {
    fn none(words: usize) -> Self {
        Self(vec![0; words].into())
    }

    fn add(&mut self, rule: u16) {
        add(&mut self.0, rule);
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
}

/// Adds a rule.
fn add(rules: &mut [u64], rule: u16) {
    if let Some(word) = rules.get_mut(usize::from(rule / 64)) {
        *word |= 1 << (rule % 64);
    }
}

/// Adds rules to others.
fn unite(all: &mut [u64], more: &[u64]) {
    all.iter_mut().zip(more).for_each(|(a, b)| *a |= b);
}

/// Whether a rule is among some.
fn holds(rules: &[u64], rule: u16) -> bool {
    rules.get(usize::from(rule / 64)).is_some_and(|word| word & (1 << (rule % 64)) != 0)
}

/// The rules among some, in the order of the library.
fn each(rules: &[u64]) -> impl Iterator<Item = u16> {
    (0u16..).zip(rules).flat_map(|(at, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros() as u16)?;
            left &= left - 1;
            Some(at * 64 + bit)
        })
    })
}

/// Rules by a code.
#[derive(Debug)]
struct ByCode<K, V = Rules> {
    /// All of them: where none runs, nothing is looked up.
    all: Rules,
    of: HashMap<K, V>,
}

/// What rules are found under.
trait Entry {
    fn empty(words: usize) -> Self;
}

impl Entry for Rules {
    fn empty(words: usize) -> Self {
        Self::none(words)
    }
}

impl<K: Hash + Eq, V: Entry> ByCode<K, V> {
    fn new(words: usize) -> Self {
        Self { all: Rules::none(words), of: HashMap::default() }
    }

    /// The place of a code, for a rule more.
    fn at(&mut self, key: K, rule: u16) -> &mut V {
        self.all.add(rule);
        let words = self.all.0.len();
        self.of.entry(key).or_insert_with(|| V::empty(words))
    }

    fn get<Q>(&self, key: &Q, now: &Rules) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.all.meets(now) { self.of.get(key) } else { None }
    }
}

/// Rules by one of a dozen short codes, which are found sooner by looking through them than in a table.
struct ByShort {
    /// All of them.
    all: Rules,
    of: Vec<(String, Rules)>,
}

impl ByShort {
    fn new(words: usize) -> Self {
        Self { all: Rules::none(words), of: Vec::new() }
    }

    fn add(&mut self, code: &str, rule: u16) {
        self.all.add(rule);
        match self.of.iter_mut().find(|(c, _)| c == code) {
            Some((_, rules)) => rules.add(rule),
            None => {
                let mut rules = Rules::none(self.all.0.len());
                rules.add(rule);
                self.of.push((code.to_owned(), rules));
            }
        }
    }

    fn get(&self, code: &str, now: &Rules) -> Option<&Rules> {
        if !self.all.meets(now) {
            return None;
        }
        self.of.iter().find(|(c, _)| c == code).map(|(_, rules)| rules)
    }
}

/// The rules an item leads to.
#[derive(Debug)]
struct OfItem {
    /// By itself.
    rules: Rules,
    /// As the second of pairs.
    seconds: Vec<Second>,
}

impl Entry for OfItem {
    fn empty(words: usize) -> Self {
        Self { rules: Rules::none(words), seconds: Vec::new() }
    }
}

/// A rule that an item leads to where one of its firsts was charged too.
#[derive(Debug)]
struct Second {
    rule: u16,
    /// Each with its sign.
    firsts: Box<[(u64, ItemCode)]>,
}

/// A number for a code: what is not among the signs of a claim's items is not among its items.
fn sign(code: &ItemCode) -> u64 {
    let mix = |n: u64, word: u64| (n ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    let (words, rest) = code.as_str().as_bytes().as_chunks::<8>();
    let whole = words.iter().fold(0, |n, w| mix(n, u64::from_le_bytes(*w)));
    mix(whole, rest.iter().fold(1, |n, b| n << 8 | u64::from(*b)))
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
struct Keys {
    item: ByCode<ItemCode, OfItem>,
    prefix: ByBeginning,
    marks: Vec<(Mark, Rules)>,
    grouped: Rules,
    charge_type: ByShort,
    list_type: ByShort,
}

pub(crate) struct LineIndex {
    keys: Keys,
    /// Rules without a line part.
    whole: Rules,
    /// Those of them that look for a diagnosis, by the diagnosis; they are not in `whole`.
    diagnosis: ByBeginning,
    /// The rules that run at each stage and kind of visit, by [`place`]: those that need no other
    /// visit, and all.
    running: Vec<[Rules; 2]>,
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
        let words = all.len().div_ceil(64);
        let none = || Rules::none(words);
        let mut index = Self {
            keys: Keys {
                item: ByCode::new(words),
                prefix: ByBeginning::new(),
                marks: Vec::new(),
                grouped: none(),
                charge_type: ByShort::new(words),
                list_type: ByShort::new(words),
            },
            whole: none(),
            diagnosis: ByBeginning::new(),
            running: vec![[none(), none()]; 3 * KINDS.len()],
            exact: all.iter().map(|r| line_conditions(&r.meta.selector) == 1).collect(),
        };
        for i in running {
            if let Some(rule) = all.get(usize::from(i)) {
                index.add(i, rule, knowledge);
            }
        }
        index
    }

    fn add(&mut self, i: u16, rule: &Rule, knowledge: &Knowledge) {
        let selector = &rule.meta.selector;
        for stage in &rule.meta.stages {
            for kind in KINDS.iter().filter(|k| selector.visit.is_empty() || selector.visit.contains(k)) {
                if let Some([alone, all]) = self.running.get_mut(place(*stage, *kind)) {
                    all.add(i);
                    if selector.past.is_empty() {
                        alone.add(i);
                    }
                }
            }
        }
        let words = self.whole.0.len();
        let keys = &mut self.keys;
        if let Some(table) = &selector.knowledge {
            for item in knowledge.items(table) {
                keys.item.at(item.clone(), i).rules.add(i);
            }
        } else if let Some(table) = &selector.second {
            for item in knowledge.seconds(table) {
                let firsts = knowledge.pairs_with(table, item).iter().flat_map(|p| p.items());
                let firsts = firsts.map(|first| (sign(first), first.clone())).collect();
                keys.item.at(item.clone(), i).seconds.push(Second { rule: i, firsts });
            }
        } else if !selector.marks.is_empty() {
            for mark in &selector.marks {
                match keys.marks.iter_mut().find(|(m, _)| m == mark) {
                    Some((_, rules)) => rules.add(i),
                    None => {
                        let mut rules = Rules::none(words);
                        rules.add(i);
                        keys.marks.push((*mark, rules));
                    }
                }
            }
        } else if !selector.item.is_empty() {
            for prefix in &selector.item {
                let of_length = keys.prefix.entry(prefix.len()).or_insert_with(|| ByCode::new(words));
                of_length.at(prefix.as_str().into(), i).add(i);
            }
        } else if selector.grouped {
            keys.grouped.add(i);
        } else if !selector.charge_type.is_empty() {
            for code in &selector.charge_type {
                keys.charge_type.add(code, i);
            }
        } else if !selector.list_type.is_empty() {
            for code in &selector.list_type {
                keys.list_type.add(code, i);
            }
        } else if let Some(table) = &selector.diagnosis {
            for code in knowledge.items(table).filter(|c| c.as_str().len() >= SHORTEST_DIAGNOSIS) {
                let of_length = self.diagnosis.entry(code.as_str().len()).or_insert_with(|| ByCode::new(words));
                of_length.at(code.clone(), i).add(i);
            }
        } else {
            self.whole.add(i);
        }
    }

    /// Every rule whose selector lets the claim through, by code, with the net lines it lets through.
    pub fn candidates(&self, all: &[Rule], facts: &Facts, stage: Stage, knowledge: &Knowledge) -> Lookup {
        let mut out = Lookup { rules: Vec::new(), lines: Vec::new() };
        let Some([alone, with_past]) = self.running.get(place(stage, facts.visit.kind())) else { return out };
        let now = if facts.history.visits().is_empty() { alone } else { with_past };
        let words = now.0.len();
        // for each line the rules it leads to
        let mut leads = vec![0u64; facts.net_lines.len() * words];
        let mut pending = self.whole.0.to_vec();
        let marks: Vec<&(Mark, Rules)> = self.keys.marks.iter().filter(|(_, rules)| rules.meets(now)).collect();
        let bears = Marks::new(facts);
        let mut firsts = Firsts { facts, charged: Charged::new(facts), signs: None };
        for (net, leads) in facts.net_lines.iter().zip(leads.chunks_exact_mut(words.max(1))) {
            let Some(fact) = facts.lines.get(net.line) else { continue };
            if let Some(of_item) = self.keys.item.get(fact.line.item.as_str(), now) {
                unite(leads, &of_item.rules.0);
                for pair in of_item.seconds.iter().filter(|s| holds(&now.0, s.rule) && firsts.charged(s)) {
                    add(leads, pair.rule);
                }
            }
            self.keys.of(fact, now, |rules| unite(leads, &rules.0));
            for (mark, rules) in &marks {
                if bears.on(*mark, net.line) {
                    unite(leads, &rules.0);
                }
            }
            unite(&mut pending, leads);
        }
        for d in &facts.visit.diagnoses {
            beginning_with(&self.diagnosis, d.code.as_str(), now, |rules| unite(&mut pending, &rules.0));
        }
        pending.iter_mut().zip(&now.0).for_each(|(p, now)| *p &= now);

        for i in each(&pending) {
            let Some(rule) = all.get(usize::from(i)) else { continue };
            let selector = &rule.meta.selector;
            if !selector.claim(facts, knowledge) {
                continue;
            }
            let start = out.lines.len();
            if selector.selects_lines() {
                let found = (0u32..).zip(leads.chunks_exact(words)).filter(|(_, leads)| holds(leads, i));
                let exact = self.exact.get(usize::from(i)).copied().unwrap_or(false);
                let passes = |at: u32| {
                    let net = facts.net_lines.get(at as usize);
                    exact || net.is_some_and(|n| selector.line(facts, n.line, knowledge, &firsts.charged))
                };
                out.lines.extend(found.map(|(at, _)| at).filter(|at| passes(*at)));
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
    /// Hands over the rules a line leads to, but for those its item is a key of.
    fn of<'k>(&'k self, fact: &LineFact, now: &Rules, mut found: impl FnMut(&'k Rules)) {
        beginning_with(&self.prefix, fact.line.item.as_str(), now, &mut found);
        let Some(item) = &fact.item else { return };
        if !item.drug_group.is_empty() {
            found(&self.grouped);
        }
        self.charge_type.get(&item.charge_type, now).into_iter().for_each(&mut found);
        self.list_type.get(&item.list_type, now).into_iter().for_each(&mut found);
    }
}

/// Which firsts of pairs a claim's person was charged.
struct Firsts<'f> {
    facts: &'f Facts,
    charged: Charged<'f>,
    /// The signs of the claim's items, once somebody asks; none where the bill is long or the person was charged
    /// elsewhere too, and a sign tells nothing.
    signs: Option<Option<Vec<u64>>>,
}

impl Firsts<'_> {
    fn charged(&mut self, pair: &Second) -> bool {
        const FEW: usize = 48;
        let facts = self.facts;
        let signs = self.signs.get_or_insert_with(|| {
            let alone = facts.history.lines().is_empty() && facts.history.this_visit().is_empty();
            (alone && facts.lines.len() <= FEW).then(|| facts.lines.iter().map(|l| sign(&l.line.item)).collect())
        });
        let may = |sign: &u64| signs.as_ref().is_none_or(|s| s.contains(sign));
        pair.firsts.iter().any(|(sign, first)| may(sign) && self.charged.has(first))
    }
}

/// Hands over the rules that stand under a beginning of a code.
fn beginning_with<'k>(by: &'k ByBeginning, code: &str, now: &Rules, mut found: impl FnMut(&'k Rules)) {
    for (len, of_length) in by {
        if let Some(beginning) = code.get(..*len) {
            of_length.get(beginning, now).into_iter().for_each(&mut found);
        }
    }
}
