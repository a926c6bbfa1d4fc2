//! What a decision costs: its stages, each rule, the whole.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dingan_benches::{claims, runtime};
use dingan_connectors::sample::County;
use dingan_core::adjudicate::adjudicate;
use dingan_core::facts::Facts;
use dingan_core::finding::{NoRules, RuleSet, Stage};
use dingan_core::pricing::price;
use dingan_core::resolve::resolve;
use std::hint::black_box;
use std::sync::Arc;

fn decision(c: &mut Criterion) {
    let county = County::generate(1, 3000);
    let runtime = runtime(&county);
    let claims = claims(&county, 1000);
    let facts: Vec<Arc<Facts>> =
        claims.iter().cloned().filter_map(|(c, f)| resolve(c, f, &runtime.bundle).ok().map(Arc::new)).collect();
    let lines: usize = facts.iter().map(|f| f.lines.len()).sum();
    eprintln!("{} claims, {:.1} lines a claim", facts.len(), lines as f64 / facts.len() as f64);
    let n = Throughput::Elements(facts.len() as u64);

    let mut g = c.benchmark_group("claims");
    g.throughput(n.clone()).sample_size(20);
    g.bench_function("resolve", |b| {
        b.iter_batched(
            || claims.clone(),
            // the facts are returned, so that to drop them is not counted
            |claims| {
                let resolved = claims.into_iter().map(|(c, f)| resolve(c, f, black_box(&runtime.bundle)));
                resolved.filter_map(Result::ok).collect::<Vec<_>>()
            },
            BatchSize::LargeInput,
        );
    });
    g.bench_function("price", |b| {
        b.iter(|| facts.iter().map(|f| price(black_box(f)).amounts.funds.units()).sum::<i64>())
    });
    g.bench_function("review, whole library", |b| {
        b.iter(|| facts.iter().map(|f| runtime.rules.review(black_box(f), Stage::During).hits.len()).sum::<usize>());
    });
    g.bench_function("decision without rules", |b| {
        b.iter(|| {
            facts.iter().map(|f| adjudicate(black_box(f), &NoRules, Stage::During).priced.lines.len()).sum::<usize>()
        });
    });
    g.bench_function("decision, resolve included", |b| {
        b.iter_batched(
            || claims.clone(),
            |claims| {
                claims
                    .into_iter()
                    .filter_map(|(c, f)| resolve(c, f, &runtime.bundle).ok())
                    .map(|f| adjudicate(&Arc::new(f), &runtime.rules, Stage::During).findings.len())
                    .sum::<usize>()
            },
            BatchSize::LargeInput,
        );
    });
    g.bench_function("stored bytes", |b| {
        let decisions: Vec<_> = facts.iter().map(|f| adjudicate(f, &runtime.rules, Stage::During)).collect();
        b.iter(|| decisions.iter().map(|d| black_box(d).to_bytes().len()).sum::<usize>());
    });
    g.finish();

    let mut g = c.benchmark_group("rule");
    g.throughput(n).sample_size(10);
    let codes: Vec<String> = runtime.rules.rules().map(|r| r.code.clone()).collect();
    for code in codes {
        let only = runtime.rules.only(|r| r.code == code);
        g.bench_function(&code, |b| {
            b.iter(|| facts.iter().map(|f| only.review(black_box(f), Stage::During).hits.len()).sum::<usize>());
        });
    }
    g.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
