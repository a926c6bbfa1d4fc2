use dingan_core::finding::{RuleSet, Stage};
use dingan_core::knowledge::KnowledgeRow;
use dingan_rules::case::world::World;
use dingan_rules::*;
use std::sync::Arc;
fn cpu() -> u64 {
    std::fs::read_to_string("/proc/thread-self/schedstat").unwrap().split(' ').next().unwrap().parse().unwrap()
}
fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();

    let knowledge = "knowledge = [{ table = 'duplicate-pair', item = 'M', other = 'BED', word = 'day' },{ table = 'max-per-day', item = 'BED', number = 1 },{ table = 'max-per-day', item = 'NURSE', number = 1 },{ table = 'drug-sex', item = 'D0', word = 'female' },{ table = 'level-min', item = 'D1', number = 1 }]\n";
    let drugs = (0..10).map(|i| format!("{{ item = 'D{i}', supply_days = 5 }}")).collect::<Vec<_>>().join(",");
    let out = format!("visit = {{ begin = 2025-03-04, type='11' }}\nlines = [{drugs}]\n{knowledge}");
    let out_hist = format!("{out}\nhistory=[{{id='M1',begin=2024-03-01,end=2024-03-09,type='21',diagnosis='I63.9'}}]");
    let none = format!(
        "visit = {{ begin = 2025-03-04, type='41' }}\nitems=[{}]\nlines = [{drugs}]\n{knowledge}",
        (0..10).map(|i| format!("{{code='D{i}',list_type='301'}}")).collect::<Vec<_>>().join(",")
    );
    let stay_lines = (0..10)
        .flat_map(|d| ["BED", "NURSE", "D0", "X1", "X2"].map(|c| format!("{{ item='{c}', at='2025-03-{:02}'}}", d + 4)))
        .collect::<Vec<_>>()
        .join(",");
    let stay = format!(
        "visit = {{ begin = 2025-03-04, end=2025-03-14, type='21', diagnosis='I63.9' }}\nlines = [{stay_lines}]\n{knowledge}"
    );
    let big = (0..50000)
        .map(|i| {
            format!("{{ item='{}', at='2025-03-{:02}'}}", ["BED", "NURSE", "D0", "X1", "X2"][i % 5], i * 10 / 50000 + 4)
        })
        .collect::<Vec<_>>()
        .join(",");
    let big = format!(
        "visit = {{ begin = 2025-03-04, end=2025-03-14, type='21', diagnosis='I63.9' }}\nlines = [{big}]\n{knowledge}"
    );
    for (name, text) in [
        ("outpatient 10 drugs", out),
        ("with a past stay", out_hist),
        ("pharmacy consumables", none),
        ("stay 50 lines", stay),
        ("stay 50000 lines", big),
    ] {
        if !name.contains(&only) {
            continue;
        }
        let world: World = toml::from_str(&text).unwrap();
        let built = world.build().unwrap();
        let mut rows: Vec<KnowledgeRow> = world.knowledge.clone();
        for i in 0..20000 {
            rows.push(KnowledgeRow {
                table: "drug-sex".into(),
                item: format!("XL{i:05}").into(),
                other: Default::default(),
                number: None,
                word: "male".into(),
                source: String::new(),
            });
        }
        let lib =
            RuleLibrary::compile(&embedded_sources(), Arc::new(dingan_core::knowledge::Knowledge::new(rows))).unwrap();
        let facts = Arc::new(built.facts().unwrap());
        let r = lib.review(&facts, Stage::During);
        let c: Vec<_> =
            lib.candidates(&facts, Stage::During).iter().map(|(m, l)| format!("{}:{}", m.code, l.len())).collect();
        let n = if facts.lines.len() > 1000 { 20 } else { 100_000 };
        let t = cpu();
        for _ in 0..n {
            std::hint::black_box(lib.review(&facts, Stage::During));
        }
        let per = (cpu() - t) as f64 / n as f64;
        let t = cpu();
        for _ in 0..n {
            std::hint::black_box(lib.candidates(&facts, Stage::During));
        }
        let cper = (cpu() - t) as f64 / n as f64;
        println!(
            "{name}: {per:.0} ns ({:.1} ns/line), candidates {cper:.0} ns, hits {} fail {:?} {c:?}",
            per / facts.lines.len() as f64,
            r.hits.len(),
            r.failures
        );
    }
}
