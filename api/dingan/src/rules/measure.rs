//! `dingan rules measure`: what the rules find in a population whose answer is known, and what they miss.
//!
//! Every person's bills are settled in order, as hospitals would send them; then the settlement lists arrive, and
//! everything is reviewed once more on what is known in the end, as `dingan review` does. A rule is measured by the
//! visits at which it has found something: those the answer key names for it, and others.

use dingan_connectors::sample::population::{Form, Population, Story};
use dingan_core::adjudicate::adjudicate;
use dingan_core::bundle::Bundle;
use dingan_core::codes::{SettlementId, VisitId};
use dingan_core::finding::{RuleSet, Stage};
use dingan_core::journal::Journal;
use dingan_core::person::Balances;
use dingan_core::resolve::resolve;
use dingan_rules::RuleLibrary;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a rule did.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Visits the answer key names.
    pub planted: usize,
    /// Of those, where the rule found something.
    pub found: usize,
    /// Of those planted, how many are sly.
    pub sly: usize,
    /// Of the sly, where the rule found something.
    pub sly_found: usize,
    /// Visits of innocent look-alikes of this very rule.
    pub look_alikes: usize,
    /// Visits at which the rule found something that nobody planted.
    pub beyond: usize,
    /// A few of the visits missed, and of those beyond, with what their story is about.
    pub examples: Vec<String>,
}

impl Score {
    /// Found of planted.
    pub fn recall(&self) -> Option<f64> {
        (self.planted > 0).then(|| self.found as f64 / self.planted as f64)
    }
    /// Planted of all found.
    pub fn precision(&self) -> Option<f64> {
        let all = self.found + self.beyond;
        (all > 0).then(|| self.found as f64 / all as f64)
    }
    fn add(&mut self, other: Self) {
        self.planted += other.planted;
        self.found += other.found;
        self.sly += other.sly;
        self.sly_found += other.sly_found;
        self.look_alikes += other.look_alikes;
        self.beyond += other.beyond;
        self.examples.extend(other.examples);
        self.examples.truncate(4);
    }
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
pub struct Measured {
    /// Bills settled.
    pub claims: usize,
    /// Bills the program refused to settle, by reason.
    pub refused: BTreeMap<String, usize>,
    /// Rules that failed.
    pub failures: usize,
    /// By rule.
    pub rules: BTreeMap<String, Score>,
}

impl Measured {
    fn add(mut self, other: Self) -> Self {
        self.claims += other.claims;
        self.failures += other.failures;
        for (reason, n) in other.refused {
            *self.refused.entry(reason).or_default() += n;
        }
        for (rule, score) in other.rules {
            self.rules.entry(rule).or_default().add(score);
        }
        self
    }
}

/// Measures on at least so many bills.
pub fn measure(
    population: &Population,
    bundle: &Bundle,
    rules: &RuleLibrary,
    claims: usize,
    progress: impl Fn(u64) + Sync,
) -> Measured {
    const TOGETHER: usize = 2048;
    let mut all = Measured::default();
    let mut next = 0;
    while all.claims < claims {
        let stories = (next..next + TOGETHER).into_par_iter().map(|n| of_story(population.story(n), bundle, rules));
        let more = stories.reduce(Measured::default, Measured::add);
        // a population of which nothing can be settled would never end
        if more.claims == 0 {
            break;
        }
        progress(more.claims as u64);
        all = all.add(more);
        next += TOGETHER;
    }
    all
}

fn of_story(story: Story, bundle: &Bundle, rules: &RuleLibrary) -> Measured {
    let mut out = Measured::default();
    let p = &story.person;
    let balances = Balances { own: p.own_balance.unwrap_or_default(), family: p.family_balance.unwrap_or_default() };
    let mut journal = Journal::new(p.person.clone(), balances);
    let mut settled = Vec::new();
    for claim in story.claims {
        let visit = claim.visit.id.clone();
        let file = journal.file(&visit, claim.visit.begin);
        match resolve(claim.clone(), file, bundle) {
            Ok(facts) => {
                let facts = Arc::new(facts);
                let decision = adjudicate(&facts, rules, Stage::During);
                out.failures += decision.failures.len();
                journal.settle(SettlementId::from(format!("S{visit}")), &facts, &decision.priced);
                settled.push(claim);
                out.claims += 1;
            }
            Err(e) => *out.refused.entry(e.code().to_owned()).or_default() += 1,
        }
    }
    // what is known in the end: all visits, all lists
    let mut found: BTreeSet<(VisitId, String)> = BTreeSet::new();
    for claim in settled {
        let visit = claim.visit.id.clone();
        let mut file = journal.file(&visit, claim.visit.begin);
        file.settled_lines.clear();
        file.lists = story.lists.iter().map(|(v, l)| (v.clone(), Arc::new(l.clone()))).collect();
        let Ok(facts) = resolve(claim, file, bundle).map(Arc::new) else { continue };
        for stage in [Stage::During, Stage::After] {
            let review = rules.review(&facts, stage);
            out.failures += review.failures.len();
            found.extend(review.hits.into_iter().map(|h| (visit.clone(), h.rule)));
        }
        if story.form == Form::Innocent {
            out.rules.entry(story.pattern.to_owned()).or_default().look_alikes += 1;
        }
    }
    let about = format!("{} {:?}", story.pattern, story.form);
    for truth in &story.truth {
        let score = out.rules.entry(truth.rule.to_owned()).or_default();
        let hit = found.remove(&(truth.visit.clone(), truth.rule.to_owned()));
        score.planted += 1;
        score.found += usize::from(hit);
        if story.form == Form::Sly {
            score.sly += 1;
            score.sly_found += usize::from(hit);
        }
        if !hit {
            score.examples.push(format!("missed {} ({about})", truth.visit));
        }
    }
    for (visit, rule) in found {
        let score = out.rules.entry(rule).or_default();
        score.beyond += 1;
        score.examples.push(format!("beyond {visit} ({about})"));
    }
    out
}

/// What was measured, as a table.
pub fn table(measured: &Measured, rules: &RuleLibrary) -> String {
    let refused: usize = measured.refused.values().sum();
    let mut out = format!("{} claims, {refused} refused, {} failures of rules\n", measured.claims, measured.failures);
    for (reason, n) in &measured.refused {
        out += &format!("  refused {n}: {reason}\n");
    }
    out += "rule      planted    found         sly  look-alikes  beyond   recall  precision\n";
    let share = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{:.1} %", v * 100.0));
    for (rule, s) in &measured.rules {
        let sly = if s.sly > 0 { format!("{}/{}", s.sly_found, s.sly) } else { "-".to_owned() };
        let title = rules.rule(rule).map_or("", |r| r.title.as_str());
        let (recall, precision) = (share(s.recall()), share(s.precision()));
        let counts = format!("{:>8} {:>8} {sly:>11} {:>12} {:>7}", s.planted, s.found, s.look_alikes, s.beyond);
        out += &format!("{rule:8} {counts} {recall:>8} {precision:>10}  {title}\n");
        for example in &s.examples {
            out += &format!("           {example}\n");
        }
    }
    let bare = |code: &&str| measured.rules.get(*code).is_none_or(|s| s.planted == 0);
    let bare: Vec<&str> = rules.running().map(|r| r.code.as_str()).filter(bare).collect();
    let bare = if bare.is_empty() { "none".to_owned() } else { bare.join(" ") };
    out += &format!("nothing is planted for: {bare}\n");
    out
}
