//! Five rules that both can express, by the library and by the `zen-expression` crate (the expression engine of
//! GoRules Zen) in its best form: expressions compiled once, one virtual machine, one context a line, no decision graph
//! around them. What the expressions look up in tables is put into the context by native code, since they have no
//! tables; with that counted and without it.

use dingan_bench_decision::timing::{medians, per_second, ratio};
use dingan_bench_decision::{bundle, claims, rules};
use dingan_connectors::sample::County;
use dingan_core::codes::{Level, Sex, VisitKind};
use dingan_core::facts::Facts;
use dingan_core::finding::{RuleSet, Stage};
use dingan_core::knowledge::Knowledge;
use dingan_core::resolve::resolve;
use serde_json::json;
use std::sync::Arc;
use zen_expression::scope::Scope;
use zen_expression::variable::Variable;
use zen_expression::vm::VM;
use zen_expression::{Expression, Isolate, expression::Standard};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PASSES: usize = 20;

/// Drugs by sex, children's drugs, level of the institution, limit price, physician missing.
const RULES: [(&str, &str); 5] = [
    ("DG3001", "sexWord != null and sex != 'unknown' and sexWord != sex"),
    ("DG3002", "childLimit != null and age >= 1 and age >= childLimit"),
    ("DG1003", "levelMin != null and level != null and level < levelMin"),
    ("DG1016", "limit != null and listType == '201' and price > limit"),
    ("DG4021", "practitioner == ''"),
];

/// The contexts of a claim's lines.
fn contexts(f: &Facts, k: &Knowledge) -> Vec<Variable> {
    let Some(person) = f.person() else { return Vec::new() };
    let sex = match person.sex {
        Sex::Male => "male",
        Sex::Female => "female",
        Sex::Unknown => "unknown",
    };
    let hosp_lv = f.institution.hosp_lv.as_str();
    let level = (!hosp_lv.is_empty()).then(|| Level::from_hosp_lv(hosp_lv).number());
    let number = |table: &str, item| k.get(table, item).iter().find_map(|p| p.number).map(|n| n.units() / 10_000);
    let of_line = |n: &dingan_core::facts::NetLine| {
        let l = f.lines.get(n.line)?;
        let item = &l.line.item;
        let child = (!k.get("child-only", item).is_empty()).then(|| number("child-only", item).unwrap_or(18));
        Some(Variable::from(json!({
            "sex": sex,
            "age": person.age,
            "level": level,
            "sexWord": k.get("drug-sex", item).first().map(|p| p.word.as_str()),
            "childLimit": child,
            "levelMin": number("level-min", item),
            "listType": l.item.as_ref().map_or("", |i| i.list_type.as_str()),
            "price": l.line.price.units(),
            "limit": l.limit.map(|p| p.units()),
            "practitioner": l.line.practitioner.as_str(),
        })))
    };
    f.net_lines.iter().filter_map(of_line).collect()
}

/// Lines flagged, by rule.
fn run(contexts: &[Variable], compiled: &[Expression<Standard>], vm: &mut VM, scope: &mut Scope) -> [usize; 5] {
    let mut flagged = [0; 5];
    for context in contexts {
        scope.set_base(context.clone());
        for (rule, flagged) in compiled.iter().zip(&mut flagged) {
            *flagged += usize::from(matches!(rule.evaluate_with_scope(scope, vm), Ok(Variable::Bool(true))));
        }
    }
    flagged
}

/// The same as one number.
fn sum(flagged: [usize; 5]) -> usize {
    flagged.iter().sum()
}

fn main() {
    let county = County::generate(1, 3000);
    let bundle = bundle(county.reference.clone());
    let library = rules(&bundle.knowledge, &[]).only(|r| RULES.iter().any(|(code, _)| *code == r.code));
    let claims = claims(&county, 1000, 10);
    let facts: Vec<Arc<Facts>> = claims
        .into_iter()
        .filter_map(|(c, f)| resolve(c, f, &bundle).ok().map(Arc::new))
        .filter(|f| f.visit.kind() != VisitKind::Pharmacy)
        .collect();
    let compiled: Vec<Expression<Standard>> = RULES
        .iter()
        .map(|(code, source)| Isolate::new().compile_standard(source).unwrap_or_else(|e| panic!("{code}: {e}")))
        .collect();
    let (mut vm, mut scope) = (VM::new(), Scope::new(Variable::Null));
    let ahead: Vec<Vec<Variable>> = facts.iter().map(|f| contexts(f, &bundle.knowledge)).collect();

    for f in &facts {
        let hits = library.review(f, Stage::During).hits;
        let of = |(code, _): (&str, &str)| hits.iter().filter(|h| h.rule == code).map(|h| h.lines.len()).sum::<usize>();
        let theirs = run(&contexts(f, &bundle.knowledge), &compiled, &mut vm, &mut scope);
        assert_eq!(RULES.map(of), theirs, "{}: both flag the same lines", f.visit.id);
    }
    let all: Vec<[usize; 5]> = ahead.iter().map(|c| run(c, &compiled, &mut vm, &mut scope)).collect();

    let mut library_ = || {
        let pass = || facts.iter().map(|f| library.review(f, Stage::During).hits.len()).sum::<usize>();
        (0..PASSES).map(|_| pass()).sum()
    };
    let (mut vm2, mut scope2) = (VM::new(), Scope::new(Variable::Null));
    let mut prepared = || {
        let mut pass = || ahead.iter().map(|c| sum(run(c, &compiled, &mut vm, &mut scope))).sum::<usize>();
        (0..PASSES).map(|_| pass()).sum()
    };
    let mut whole = || {
        let mut one = |f: &Arc<Facts>| sum(run(&contexts(f, &bundle.knowledge), &compiled, &mut vm2, &mut scope2));
        (0..PASSES).map(|_| facts.iter().map(&mut one).sum::<usize>()).sum()
    };
    let times = medians(&mut [
        ("five rules by the library", &mut library_),
        ("zen-expression, contexts made ahead", &mut prepared),
        ("zen-expression, contexts made in the loop", &mut whole),
    ]);
    let of_rules: Vec<String> = RULES
        .iter()
        .enumerate()
        .map(|(i, (code, _))| format!("{code} {}", all.iter().filter_map(|a| a.get(i)).sum::<usize>()))
        .collect();
    let lines: usize = ahead.iter().map(Vec::len).sum();
    println!("{} claims, {lines} lines; lines flagged alike: {}", facts.len(), of_rules.join(", "));
    let n = facts.len() * PASSES;
    for (name, time) in &times {
        let of_ours = times.first().map_or(0.0, |(_, t)| ratio(*time, *t));
        println!("{name:44} {:>12.0} claims/s, {of_ours:.2} times ours", per_second(n, *time));
    }
}
