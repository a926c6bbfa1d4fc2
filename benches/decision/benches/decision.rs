//! What a decision costs: its stages, each rule, and beside what it is measured. `README.md` says how to read it.

use dingan_bench_decision::hand::{CODES, Hand};
use dingan_bench_decision::timing::{medians, per_second, ratio};
use dingan_bench_decision::{bundle, claims, more, published, rules, skewed};
use dingan_connectors::sample::County;
use dingan_core::adjudicate::adjudicate;
use dingan_core::bundle::Bundle;
use dingan_core::claim::Claim;
use dingan_core::facts::Facts;
use dingan_core::finding::{NoRules, RuleSet, Stage};
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::person::PersonFile;
use dingan_core::pricing::price;
use dingan_core::resolve::resolve;
use dingan_rules::RuleLibrary;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Passes over the claims in one timed round.
const PASSES: usize = 20;

/// Does something with every claim, pass after pass.
fn each(facts: &[Arc<Facts>], act: impl Fn(&Arc<Facts>) -> usize) -> impl FnMut() -> usize {
    move || (0..PASSES).map(|_| facts.iter().map(&act).sum::<usize>()).sum()
}

fn lines(facts: &[Arc<Facts>]) -> usize {
    facts.iter().map(|f| f.lines.len()).sum()
}

/// With the lines and visits of the person's history, which a claim of a person with a long one brings along.
fn rows(facts: &[Arc<Facts>]) -> usize {
    lines(facts) + facts.iter().map(|f| f.history.lines().len() + f.history.visits().len()).sum::<usize>()
}

struct Bench {
    claims: Vec<(Claim, PersonFile)>,
    facts: Vec<Arc<Facts>>,
    bundle: Bundle,
    /// The points of the bundle, as rows.
    points: Vec<KnowledgeRow>,
    rules: RuleLibrary,
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|a| a == name);
    let mut county = County::generate(1, 3000);
    let lists = published();
    let points = lists.len();
    county.reference.knowledge.extend(lists);
    let bundle = bundle(county.reference.clone());
    let rules = rules(&bundle.knowledge, &[]);
    let claims = claims(&county, 1000, 10);
    let resolved = claims.iter().cloned().filter_map(|(c, f)| resolve(c, f, &bundle).ok().map(Arc::new));
    let b = Bench { facts: resolved.collect(), points: county.reference.knowledge.clone(), claims, bundle, rules };
    println!(
        "{} claims, {:.1} lines a claim; {} rules run; {points} published points beside those of the sample",
        b.facts.len(),
        lines(&b.facts) as f64 / b.facts.len() as f64,
        b.rules.running().count()
    );
    if asked.iter().any(|a| for_a_profiler(&b, a)) {
        return;
    }
    type Part = fn(&Bench);
    let parts: [(&str, Part); 6] = [
        ("stages", stages),
        ("hand", hand),
        ("selectors", selectors),
        ("more", hundred_more),
        ("skew", skew),
        ("rules", one_by_one),
    ];
    for (name, part) in parts {
        if wanted(name) {
            println!("\n== {name}");
            part(&b);
        }
    }
}

/// One thing for some ten seconds, untimed. Whether there is one of the name.
fn for_a_profiler(b: &Bench, name: &str) -> bool {
    let long = || {
        let shapes = skewed::shapes(&b.claims);
        let (_, claims) = shapes.into_iter().find(|(name, _)| name.contains("200 stays")).unwrap_or_default();
        claims.into_iter().filter_map(|(c, f)| resolve(c, f, &b.bundle).ok().map(Arc::new)).collect::<Vec<_>>()
    };
    let review = |f: &Arc<Facts>| b.rules.review(black_box(f), Stage::During).hits.len();
    let decide = |f: &Arc<Facts>| adjudicate(black_box(f), &b.rules, Stage::During).findings.len();
    let rounds = 0..100;
    match name {
        "review" => rounds.for_each(|_| _ = black_box(each(&b.facts, review)())),
        "review-long" => rounds.for_each(|_| _ = black_box(each(&long(), review)())),
        "decide" => rounds.for_each(|_| _ = black_box(each(&b.facts, decide)())),
        "whole" => rounds.for_each(|_| {
            let facts = (0..PASSES).flat_map(|_| b.claims.clone()).filter_map(|(c, f)| resolve(c, f, &b.bundle).ok());
            facts.for_each(|f| _ = black_box(decide(&Arc::new(f))));
        }),
        _ => return false,
    }
    true
}

fn row(name: &str, claims: usize, time: Duration) {
    let us = time.as_secs_f64() * 1e6 / claims as f64;
    println!("{name:44} {:>12.0} claims/s {us:>8.2} us a claim", per_second(claims, time));
}

/// Each stage, and the whole on one core and on two.
fn stages(b: &Bench) {
    let mut prices = each(&b.facts, |f| price(black_box(f)).lines.len());
    let mut review = each(&b.facts, |f| b.rules.review(black_box(f), Stage::During).hits.len());
    let mut without = each(&b.facts, |f| adjudicate(f, &NoRules, Stage::During).priced.lines.len());
    let mut with = each(&b.facts, |f| adjudicate(f, &b.rules, Stage::During).findings.len());
    let copies = |_: usize| b.claims.clone();
    let mut copy = || (0..PASSES).map(|i| copies(i).len()).sum();
    let mut resolves = || {
        let all = (0..PASSES).flat_map(copies).map(|(c, f)| resolve(c, f, &b.bundle).map_or(0, |f| f.lines.len()));
        all.sum()
    };
    let pass = |claims: Vec<(Claim, PersonFile)>| -> usize {
        let facts = claims.into_iter().filter_map(|(c, f)| resolve(c, f, &b.bundle).ok());
        facts.map(|f| adjudicate(&Arc::new(f), &b.rules, Stage::During).findings.len()).sum()
    };
    let mut whole = || (0..PASSES).map(|i| pass(copies(i))).sum();
    let mut two_cores = || {
        std::thread::scope(|s| {
            let halves = [0, 1].map(|_| s.spawn(|| (0..PASSES / 2).map(|i| pass(copies(i))).sum::<usize>()));
            halves.into_iter().map(|h| h.join().unwrap_or_default()).sum()
        })
    };
    let mut with_two = || {
        let of_one = |half: usize| {
            let mine = b.facts.iter().skip(half).step_by(2);
            mine.map(|f| adjudicate(black_box(f), &b.rules, Stage::During).findings.len()).sum::<usize>()
        };
        std::thread::scope(|s| {
            let halves = [0, 1].map(|half| s.spawn(move || (0..PASSES).map(|_| of_one(half)).sum::<usize>()));
            halves.into_iter().map(|h| h.join().unwrap_or_default()).sum()
        })
    };
    let times = medians(&mut [
        ("copying the claims (part of the next three)", &mut copy),
        ("resolve", &mut resolves),
        ("resolve and decide", &mut whole),
        ("resolve and decide, two threads", &mut two_cores),
        ("price", &mut prices),
        ("review", &mut review),
        ("decide, no rules", &mut without),
        ("decide", &mut with),
        ("decide, two threads", &mut with_two),
    ]);
    for (name, time) in &times {
        row(name, b.facts.len() * PASSES, *time);
    }
    if let Some((name, time)) = times.last() {
        println!("{name}: {:.0} lines/s", per_second(lines(&b.facts) * PASSES, *time));
    }
    let ran: usize = b.facts.iter().map(|f| b.rules.candidates(f, Stage::During).len()).sum();
    let hits: usize = b.facts.iter().map(|f| b.rules.review(f, Stage::During).hits.len()).sum();
    println!("{:.2} rules run a claim, {hits} findings in all", ran as f64 / b.facts.len() as f64);
}

/// Pricing and twelve rules, beside the same by hand.
fn hand(b: &Bench) {
    let twelve = b.rules.only(|r| CODES.contains(&r.code.as_str()));
    let by_hand = Hand::new(Arc::clone(&b.bundle.knowledge));
    let mut said = 0;
    for f in &b.facts {
        let (ours, theirs) = (adjudicate(f, &twelve, Stage::During), adjudicate(f, &by_hand, Stage::During));
        assert_eq!(ours.to_bytes(), theirs.to_bytes(), "{} is decided alike", f.visit.id);
        said += ours.findings.len() + ours.undecided.len();
    }
    let mut ours = each(&b.facts, |f| adjudicate(black_box(f), &twelve, Stage::During).findings.len());
    let mut theirs = each(&b.facts, |f| adjudicate(black_box(f), &by_hand, Stage::During).findings.len());
    let mut our_review = each(&b.facts, |f| twelve.review(black_box(f), Stage::During).hits.len());
    let mut their_review = each(&b.facts, |f| by_hand.review(black_box(f), Stage::During).hits.len());
    let times = medians(&mut [
        ("twelve rules and pricing", &mut ours),
        ("the same by hand", &mut theirs),
        ("twelve rules alone", &mut our_review),
        ("the same by hand", &mut their_review),
    ]);
    times.iter().for_each(|(name, time)| row(name, b.facts.len() * PASSES, *time));
    if let [ours, theirs, our_review, their_review] = times.as_slice() {
        println!(
            "{said} findings and open questions, the same to the letter; ratio {:.2}, rules alone {:.2}",
            ratio(ours.1, theirs.1),
            ratio(our_review.1, their_review.1)
        );
    }
}

/// The library, and the library without the line part of any selector: every script runs on every line or claim of
/// its kinds of visit. What it finds then is not looked at.
fn selectors(b: &Bench) {
    let without = more::without_line_selectors(&b.bundle.knowledge);
    let mut ours = each(&b.facts, |f| b.rules.review(black_box(f), Stage::During).hits.len());
    let mut plain = each(&b.facts, |f| without.review(black_box(f), Stage::During).hits.len());
    let times = medians(&mut [("with selectors", &mut ours), ("without the line part of any", &mut plain)]);
    times.iter().for_each(|(name, time)| row(name, b.facts.len() * PASSES, *time));
    if let [ours, plain] = times.as_slice() {
        println!("without takes {:.1} times as long", ratio(plain.1, ours.1));
    }
}

/// A hundred rules more that concern none of the claims: of other items, kinds of visit, diagnoses, ages.
fn hundred_more(b: &Bench) {
    let knowledge = more::with_points(&b.points);
    let hundred = rules(&knowledge, &more::hundred());
    let same = rules(&knowledge, &[]);
    let mut few = each(&b.facts, |f| adjudicate(black_box(f), &same, Stage::During).findings.len());
    let mut many = each(&b.facts, |f| adjudicate(black_box(f), &hundred, Stage::During).findings.len());
    let times = medians(&mut [("the library", &mut few), ("and a hundred more", &mut many)]);
    times.iter().for_each(|(name, time)| row(name, b.facts.len() * PASSES, *time));
    if let [few, many] = times.as_slice() {
        println!(
            "{} rules run against {}: ratio {:.3}",
            hundred.running().count(),
            same.running().count(),
            ratio(many.1, few.1)
        );
    }
}

/// Claims out of the common: what a line of theirs costs, beside a line of the sample. For persons with a
/// long history also by row: lines of the claim, lines and visits of the history.
fn skew(b: &Bench) {
    let decide = |facts: &[Arc<Facts>]| -> usize {
        facts.iter().map(|f| adjudicate(black_box(f), &b.rules, Stage::During).findings.len()).sum()
    };
    let facts_of = |name: &str, claims: &[(Claim, PersonFile)]| -> Vec<Arc<Facts>> {
        let facts = claims.iter().cloned().map(|(c, f)| resolve(c, f, &b.bundle).map(Arc::new));
        facts.collect::<Result<_, _>>().unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let shapes: Vec<_> = skewed::shapes(&b.claims).into_iter().map(|(name, c)| (name, facts_of(name, &c), c)).collect();
    for (_, facts, _) in &shapes {
        for f in facts {
            let failures = adjudicate(f, &b.rules, Stage::During).failures;
            assert!(failures.is_empty(), "{failures:?}");
        }
    }
    let uniform = lines(&b.facts);
    for (name, facts, claims) in &shapes {
        let passes = (uniform * 3 / lines(facts).max(1)).max(1);
        let mut plain = || (0..3).map(|_| decide(&b.facts)).sum();
        let mut odd = || (0..passes).map(|_| decide(facts)).sum();
        let mut copy = || (0..passes).map(|_| black_box(claims.clone()).len()).sum();
        let mut resolves = || (0..passes).map(|_| black_box(facts_of(name, claims)).len()).sum();
        let times = medians(&mut [
            ("sample", &mut plain),
            (name, &mut odd),
            ("copying", &mut copy),
            ("copying and resolving", &mut resolves),
        ]);
        let each_line = |i: usize, n: usize| times.get(i).map_or(0.0, |(_, t)| t.as_secs_f64() * 1e9 / n as f64);
        let (plain, odd) = (each_line(0, uniform * 3), each_line(1, lines(facts) * passes));
        let by_row = odd * lines(facts) as f64 / rows(facts) as f64;
        let resolving = (each_line(3, rows(facts) * passes) - each_line(2, rows(facts) * passes)).max(0.0);
        println!(
            "{name:44} {odd:>8.0} ns a line, sample {plain:>6.0}: ratio {:.2}; {by_row:>6.1} ns a row, \
             before that {resolving:>4.0} a row to make facts",
            odd / plain
        );
    }
}

/// What each rule costs by itself, the dearest first.
fn one_by_one(b: &Bench) {
    let mut costs = Vec::new();
    let none = b.rules.only(|_| false);
    for meta in b.rules.running() {
        let only = b.rules.only(|r| r.code == meta.code);
        let ran: usize = b.facts.iter().map(|f| only.candidates(f, Stage::During).len()).sum();
        let mut one = each(&b.facts, |f| only.review(black_box(f), Stage::During).hits.len());
        let mut nothing = each(&b.facts, |f| none.review(black_box(f), Stage::During).hits.len());
        let times = medians(&mut [("one", &mut one), ("none", &mut nothing)]);
        let n = (b.facts.len() * PASSES) as f64;
        let us = |i: usize| times.get(i).map_or(0.0, |(_, t)| t.as_secs_f64() * 1e6 / n);
        costs.push((us(0) - us(1), ran, meta.code.clone(), meta.title.clone()));
    }
    costs.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (us, ran, code, title) in costs.iter().take(30) {
        println!("{code} {us:>7.3} us a claim, ran on {ran:>5}: {title}");
    }
}
