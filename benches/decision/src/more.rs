//! Libraries made for a question: rules that match nothing, and rules without their selectors.

use dingan_core::knowledge::{Knowledge, KnowledgeRow};
use dingan_rules::{RuleLibrary, RuleSource, embedded_sources};
use std::sync::Arc;

/// Items and diagnoses nobody has.
fn nobody(i: usize) -> String {
    format!("ZZ{i:06}")
}

/// Some knowledge with points about items that stand on no claim: ten for each of the rules of [`hundred`] that look
/// points up.
pub fn with_points(rows: &[KnowledgeRow]) -> Arc<Knowledge> {
    let new = (0..50).flat_map(|i| {
        (0..10).map(move |j| KnowledgeRow {
            table: format!("extra-{i}"),
            item: nobody(i * 10 + j).into(),
            other: nobody(i * 10 + j + 1).into(),
            ..KnowledgeRow::default()
        })
    });
    Arc::new(Knowledge::new(rows.iter().cloned().chain(new)))
}

/// A hundred rules in the shapes rules have, none of which concerns a claim of the sample.
pub fn hundred() -> Vec<RuleSource> {
    (0..100).map(|i| rule(i, &selector(i))).collect()
}

fn selector(i: usize) -> String {
    let (item, table) = (nobody(i), format!("extra-{}", i % 50));
    match i % 10 {
        0..=3 => format!("knowledge = '{table}'"),
        4 => format!("second = '{table}'"),
        5 => format!("item = ['{item}']"),
        6 => "list_type = ['999']".to_owned(),
        7 => format!("diagnosis = '{table}'"),
        8 => "visit = ['inpatient']\npast = ['inpatient']".to_owned(),
        _ => "age_min = 130".to_owned(),
    }
}

fn rule(i: usize, selector: &str) -> RuleSource {
    let code = format!("DG19{i:02}");
    let toml = format!(
        "code = '{code}'\ntitle = 'extra'\nseverity = 'suspicious'\nstages = ['during']\nscope = 'claim'\n\
         status = 'active'\nversion = 1\nmessage = 'm'\nwindow_days = 30\n\
         [[basis]]\ndocument = 'none'\ndate = '2025-01-01'\n[selector]\n{selector}\n"
    );
    let rhai = "if claim.lines.len > 0 { flag(claim, #{}); }".to_owned();
    RuleSource { path: format!("policy/{code}-extra"), toml, rhai }
}

/// The library without the line part of any selector. What is left of a selector is what a rule of its scope must
/// have.
pub fn without_line_selectors(knowledge: &Arc<Knowledge>) -> RuleLibrary {
    const OF_LINES: [&str; 8] =
        ["list_type", "charge_type", "item", "knowledge", "second", "grouped", "marks", "diagnosis"];
    let strip = |source: RuleSource| {
        let mut in_selector = false;
        let kept = source.toml.lines().filter(|l| {
            if l.starts_with('[') {
                in_selector = *l == "[selector]";
            }
            let key = l.split('=').next().unwrap_or_default().trim();
            !(in_selector && OF_LINES.contains(&key))
        });
        let toml = kept.collect::<Vec<_>>().join("\n");
        RuleSource { toml, ..source }
    };
    let sources: Vec<RuleSource> = embedded_sources().into_iter().map(strip).collect();
    RuleLibrary::compile(&sources, Arc::clone(knowledge)).unwrap_or_else(|e| panic!("{e:?}"))
}
