//! The examples of a rule's page are its tests.
//!
//! ````text
//! ```case flagged "back after three days with the same disease"
//! visit = { begin = 2025-03-04, end = 2025-03-10, type = "21", diagnosis = "I63.900" }
//! history = [{ id = "M1", begin = 2025-02-20, end = 2025-03-01, type = "21", diagnosis = "I63.801" }]
//! lines = [{ item = "X", at = 2025-03-05, price = 100 }]
//! expect = [{ related = ["M1"], charge = 100 }]
//! ```
//! ````
//!
//! The word after `case` says what the example shows: `flagged`, `clean`, `boundary` (the last value
//! on one side of a threshold) or `undecided`. The block is TOML; [`world::World`] lists its keys and
//! what is taken for those left out. A case goes the way of every claim: `resolve`, then `adjudicate`
//! with the one rule, under a policy of one layer that pays half of what is in scope.

pub mod world;

use crate::compile::RuleLibrary;
use crate::library::{RulePage, RuleProblem, RuleSource, line_column};
use crate::manifest::{RuleMeta, Status};
use dingan_core::adjudicate::adjudicate;
use dingan_core::finding::{Finding, Related, RuleSet, Stage};
use std::collections::BTreeSet;
use std::sync::Arc;
use world::{Expected, World};

/// What an example shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaseKind {
    /// The rule raises.
    Flagged,
    /// The rule does not raise.
    Clean,
    /// A value at the very edge, on either side.
    Boundary,
    /// The rule waits for a fact.
    Undecided,
}

impl CaseKind {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "flagged" => Self::Flagged,
            "clean" => Self::Clean,
            "boundary" => Self::Boundary,
            "undecided" => Self::Undecided,
            _ => return None,
        })
    }
}

/// One example of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it shows.
    pub kind: CaseKind,
    /// Its title.
    pub title: String,
    /// The line of the page it begins on.
    pub line: usize,
    /// The TOML of the block.
    pub facts: String,
}

/// How an example went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// The example.
    pub case: Case,
    /// What differs from what the page says; nothing when it passed.
    pub failure: Option<String>,
}

const FENCE: &str = "```";

/// The examples of a page, in order.
pub fn cases(page: &RulePage) -> Result<Vec<Case>, RuleProblem> {
    blocks(page, "case")
}

/// The examples of a rule over many persons: the same kinds, in blocks named `population`. They are read and their
/// TOML is checked; they are run with the batch that runs such rules.
pub fn population_cases(page: &RulePage) -> Result<Vec<Case>, RuleProblem> {
    let cases = blocks(page, "population")?;
    for case in &cases {
        toml::from_str::<toml::Table>(&case.facts).map_err(|e| {
            let line = case.line + e.span().map_or(0, |s| line_column(&case.facts, s.start).0);
            RuleProblem::new(page_path(page), (line, 1), e.message())
        })?;
    }
    Ok(cases)
}

fn blocks(page: &RulePage, name: &str) -> Result<Vec<Case>, RuleProblem> {
    let mut found = Vec::new();
    let mut lines = page.markdown.lines().enumerate();
    while let Some((n, line)) = lines.next() {
        let Some(head) = line.strip_prefix(FENCE).and_then(|l| l.strip_prefix(name)) else { continue };
        let problem = |message: String| RuleProblem::new(page_path(page), (n + 1, 1), message);
        let (word, title) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
        let kind = CaseKind::from_word(word)
            .ok_or_else(|| problem(format!("`{word}` is no kind of case: flagged, clean, boundary, undecided")))?;
        let facts: Vec<&str> = lines.by_ref().map(|(_, l)| l).take_while(|l| !l.starts_with(FENCE)).collect();
        let title = title.trim().trim_matches('"').to_owned();
        found.push(Case { kind, title, line: n + 1, facts: facts.join("\n") });
    }
    Ok(found)
}

fn page_path(page: &RulePage) -> String {
    format!("{}/rule.md", page.path)
}

/// What a page lacks: a section, or an example of a kind every rule needs.
pub fn page_problems(meta: &RuleMeta, page: &RulePage) -> Vec<RuleProblem> {
    let mut problems = Vec::new();
    let mut lacks = |what: String| problems.push(RuleProblem::at_start(page_path(page), what));
    if !page.markdown.starts_with(&format!("# {} {}\n", meta.code, meta.title)) {
        lacks(format!("the page must begin with `# {} {}`", meta.code, meta.title));
    }
    for section in ["## What it checks", "## Why", "## Known false alarms"] {
        if !page.markdown.lines().any(|l| l == section) {
            lacks(format!("no section `{section}`"));
        }
    }
    if matches!(meta.status, Status::Unavailable | Status::Retired) {
        return problems;
    }
    let cases = if meta.status == Status::Batch { population_cases(page) } else { cases(page) };
    match cases {
        Ok(cases) => {
            for kind in [CaseKind::Flagged, CaseKind::Clean, CaseKind::Boundary] {
                if !cases.iter().any(|c| c.kind == kind) {
                    problems.push(RuleProblem::at_start(page_path(page), format!("no case of kind {kind:?}")));
                }
            }
        }
        Err(problem) => problems.push(problem),
    }
    problems
}

/// Runs every example of a rule's page.
pub fn run_cases(source: &RuleSource, page: &RulePage) -> Result<Vec<CaseResult>, RuleProblem> {
    let run = |case: Case| CaseResult { failure: run_case(source, &case).err(), case };
    Ok(cases(page)?.into_iter().map(run).collect())
}

/// What the examples of a page reach of the script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Lines of `rule.rhai` on which something is said.
    pub lines: BTreeSet<usize>,
    /// Those that no example reaches.
    pub missed: BTreeSet<usize>,
    /// Parameters that no example varies.
    pub unvaried: Vec<String>,
    /// Examples of which the walk and the interpreter do not agree: a fault of the program, not of the rule.
    pub disagreeing: Vec<String>,
}

/// Walks over the script with every example of the page.
pub fn coverage(source: &RuleSource, page: &RulePage) -> Result<Coverage, RuleProblem> {
    let meta = source.meta()?;
    let mut coverage = Coverage::default();
    let mut varied = BTreeSet::new();
    for case in cases(page)? {
        let wrong = |e: String| RuleProblem::new(page_path(page), (case.line, 1), e);
        let (world, library, stage) = prepared(source, &case).map_err(wrong)?;
        varied.extend(world.params.keys().cloned());
        let facts = Arc::new(world.build().and_then(|b| b.facts()).map_err(wrong)?);
        let review = library.review(&facts, stage);
        if let Some(traced) = library.traced(&meta.code) {
            coverage.lines.extend(&traced.lines);
        }
        let Some(walked) = library.walk(&meta.code, &facts, stage) else { continue };
        coverage.missed.extend(walked.log.lines);
        // an exemption of the claim as a whole takes back what was raised
        if walked.raised != review.hits.len() && review.exempted.is_empty() && review.undecided.is_empty() {
            coverage.disagreeing.push(case.title.clone());
        }
    }
    let reached = std::mem::take(&mut coverage.missed);
    coverage.missed = coverage.lines.difference(&reached).copied().collect();
    coverage.unvaried = meta.params.keys().filter(|p| !varied.contains(*p)).cloned().collect();
    Ok(coverage)
}

/// Runs one example; the error says what differs from what the page says.
pub fn run_case(source: &RuleSource, case: &Case) -> Result<(), String> {
    let (world, library, stage) = prepared(source, case)?;
    let built = world.build()?;
    let facts = Arc::new(built.facts()?);
    let decision = adjudicate(&facts, &library, stage);

    if let Some(f) = decision.failures.first() {
        return Err(format!("the rule failed: {}", f.error));
    }
    let undecided: Vec<&str> = decision.undecided.iter().map(|u| u.missing.as_str()).collect();
    if undecided != world.undecided {
        return Err(format!("undecided for want of {undecided:?}, expected {:?}", world.undecided));
    }
    let exempted: Vec<&str> = decision.exempted.iter().map(|e| e.exemption.as_str()).collect();
    if exempted != world.exempted {
        return Err(format!("exempted by {exempted:?}, expected {:?}", world.exempted));
    }
    compare(&decision.findings, &world.expect)?;
    let (raised, waits) = (!world.expect.is_empty(), !world.undecided.is_empty());
    match case.kind {
        CaseKind::Flagged if !raised => Err("a flagged case expects a finding".into()),
        CaseKind::Clean if raised || waits => Err("a clean case expects nothing".into()),
        CaseKind::Undecided if !waits => Err("an undecided case expects the fact that is missing".into()),
        _ => Ok(()),
    }
}

/// The facts of an example, the rule alone with its parameters, and the stage it runs at.
fn prepared(source: &RuleSource, case: &Case) -> Result<(World, RuleLibrary, Stage), String> {
    let world: World = toml::from_str(&case.facts).map_err(|e| {
        // a position in the block, as a line of the page
        let at = e.span().map_or(0, |s| line_column(&case.facts, s.start).0);
        format!("line {}: {}", case.line + at, e.message())
    })?;
    let mut source = source.clone();
    for (name, value) in &world.params {
        source = source.with_param(name, value.clone()).map_err(|p| p.message)?;
    }
    let knowledge = Arc::clone(&world.build()?.bundle.knowledge);
    let library = RuleLibrary::compile(&[source], knowledge)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let library = library.only(|_| true);
    let stages = library.rules().next().map(|m| m.stages.clone()).unwrap_or_default();
    let stage = world.stage.or_else(|| stages.contains(&Stage::During).then_some(Stage::During));
    let stage = stage.or(stages.first().copied()).unwrap_or(Stage::During);
    Ok((world, library, stage))
}

/// Findings and expectations must match one to one, in any order.
fn compare(findings: &[Finding], expected: &[Expected]) -> Result<(), String> {
    let mut left: Vec<&Finding> = findings.iter().collect();
    for (n, want) in expected.iter().enumerate() {
        let differences: Vec<String> = left.iter().filter_map(|f| difference(f, want)).collect();
        match left.iter().position(|f| difference(f, want).is_none()) {
            Some(at) => drop(left.remove(at)),
            None if left.is_empty() => return Err(format!("expectation {} was not raised", n + 1)),
            None => return Err(format!("expectation {}: {}", n + 1, differences.join("; or: "))),
        }
    }
    match left.first() {
        None => Ok(()),
        Some(f) => Err(format!("raised and not expected: lines {:?}, {}", f.lines, f.text)),
    }
}

fn difference(finding: &Finding, want: &Expected) -> Option<String> {
    let lines: Vec<&str> = finding.lines.iter().map(|l| l.as_str()).collect();
    if lines != want.lines {
        return Some(format!("lines {lines:?}, expected {:?}", want.lines));
    }
    let related: Vec<String> = finding.related.iter().map(related_text).collect();
    if let Some(wanted) = &want.related
        && related != *wanted
    {
        return Some(format!("related {related:?}, expected {wanted:?}"));
    }
    if let Some(charge) = want.charge
        && finding.charge != charge
    {
        return Some(format!("charge {}, expected {charge}", finding.charge));
    }
    for (name, got, want) in [("fund", finding.fund, want.fund), ("person", finding.person, want.person)] {
        if let Some(want) = want.filter(|w| *w != got) {
            return Some(format!("{name} {got}, expected {want}"));
        }
    }
    if let Some(open) = want.fund_open.filter(|o| *o != finding.fund_open) {
        return Some(format!("fund_open {}, expected {open}", finding.fund_open));
    }
    if let Some(severity) = want.severity.filter(|s| *s != finding.severity) {
        return Some(format!("severity {:?}, expected {severity:?}", finding.severity));
    }
    for (name, value) in &want.evidence {
        let got = finding.evidence.get(name).map_or("", String::as_str);
        if got != value {
            return Some(format!("evidence {name} = `{got}`, expected `{value}`"));
        }
    }
    if !finding.text.contains(&want.text) {
        return Some(format!("text `{}`, expected to hold `{}`", finding.text, want.text));
    }
    None
}

/// `visit`, `visit/line`, or `/line` for a line of the claim itself.
fn related_text(r: &Related) -> String {
    if r.line.is_empty() { r.visit.to_string() } else { format!("{}/{}", r.visit, r.line) }
}
