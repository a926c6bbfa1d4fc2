//! Sources and knowledge in, a library ready to review out.

use crate::exemption::{Exemption, Exemptions, embedded_exemptions};
use crate::facts::View;
use crate::host::{Host, Run, Script, Session, Traced};
use crate::index::LineIndex;
use crate::library::{RuleProblem, RuleSource};
use crate::manifest::{RuleMeta, Status, hierarchy_problems, repeated_codes};
use crate::message::placeholders;
use crate::natives::known;
use crate::trace::Walked;
use dingan_core::codes::LineNo;
use dingan_core::facts::Facts;
use dingan_core::finding::{Exempted, Hit, Review, RuleFailure, RuleSet, Scope, Stage, Undecided};
use dingan_core::knowledge::Knowledge;
use rhai::Map;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One rule, compiled.
pub(crate) struct Rule {
    pub meta: RuleMeta,
    message: Arc<str>,
    /// The exemptions it honours.
    exempt: Arc<[Exemption]>,
    /// The script as written, for whoever asks why.
    text: Arc<str>,
    /// None where the rule is not to run (retired, unavailable).
    script: Option<Script>,
}

/// Rules ready to run over claims. Cheap to clone and to narrow down ([`RuleLibrary::only`]); safe
/// to share between threads.
#[derive(Clone)]
pub struct RuleLibrary {
    host: Arc<Host>,
    /// By code.
    all: Arc<[Rule]>,
    /// Which of them run, as indices.
    running: Arc<[u16]>,
    knowledge: Arc<Knowledge>,
    index: Arc<LineIndex>,
    /// Pairs of rules of which the first subsumes the second, directly or by way of others.
    hierarchy: Arc<BTreeSet<(String, String)>>,
    /// Scripts run as closures where they could be translated.
    native: bool,
}

impl std::fmt::Debug for RuleLibrary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let codes: Vec<&str> = self.all.iter().map(|r| r.meta.code.as_str()).collect();
        f.debug_struct("RuleLibrary").field("rules", &codes).field("running", &self.running).finish_non_exhaustive()
    }
}

/// Operations all runs of one rule over one claim may take together, however many lines it has.
fn operations_budget(lines: usize) -> u64 {
    1_000_000 + 2_000 * lines as u64
}

impl RuleLibrary {
    /// Compiles every rule with the exemptions the program carries, or says everything that is wrong. What is
    /// active runs.
    pub fn compile(sources: &[RuleSource], knowledge: Arc<Knowledge>) -> Result<Self, Vec<RuleProblem>> {
        let exemptions = Exemptions::from_toml(embedded_exemptions()).map_err(|p| vec![p])?;
        Self::compile_with(sources, knowledge, &exemptions)
    }

    /// Compiles every rule with the exemptions given.
    pub fn compile_with(
        sources: &[RuleSource],
        knowledge: Arc<Knowledge>,
        exemptions: &Exemptions,
    ) -> Result<Self, Vec<RuleProblem>> {
        let host = Host::new();
        let mut problems = Vec::new();
        let mut read: Vec<(RuleMeta, &RuleSource)> = Vec::with_capacity(sources.len());
        for source in sources {
            match source.meta() {
                Ok(meta) => {
                    problems.extend(meta.check(source));
                    read.push((meta, source));
                }
                Err(problem) => problems.push(problem),
            }
        }
        read.sort_by(|a, b| (&a.0.code, &a.1.path).cmp(&(&b.0.code, &b.1.path)));
        problems.extend(repeated_codes(&read));
        problems.extend(hierarchy_problems(&read));
        let hierarchy = closure(&read);
        if read.len() > usize::from(u16::MAX) {
            problems.push(RuleProblem::at_start(String::new(), "more rules than a library holds"));
        }
        let mut all = Vec::with_capacity(read.len());
        for (meta, source) in read {
            match compile_script(&host, &meta, source) {
                Ok(script) => {
                    let exempt = match exemptions_of(&meta, source, exemptions) {
                        Ok(e) => e,
                        Err(found) => {
                            problems.extend(found);
                            continue;
                        }
                    };
                    all.push(Rule {
                        message: meta.message.as_str().into(),
                        meta,
                        exempt,
                        text: source.rhai.as_str().into(),
                        script,
                    });
                }
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            problems.sort();
            return Err(problems);
        }
        let all: Arc<[Rule]> = all.into();
        let empty = LineIndex::new(&[], std::iter::empty(), &knowledge);
        let library = Self {
            host: Arc::new(host),
            all,
            running: Arc::from([]),
            knowledge,
            index: Arc::new(empty),
            hierarchy,
            native: true,
        };
        Ok(library.only(|meta| meta.status == Status::Active))
    }

    /// The metadata of every rule, running or not, by code.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &RuleMeta> {
        self.all.iter().map(|r| &r.meta)
    }

    /// A rule by its code.
    pub fn rule(&self, code: &str) -> Option<&RuleMeta> {
        self.rules().find(|m| m.code == code)
    }

    /// The metadata of the rules that run, by code.
    pub fn running(&self) -> impl Iterator<Item = &RuleMeta> {
        self.running.iter().filter_map(|i| self.all.get(usize::from(*i))).map(|r| &r.meta)
    }

    /// The same library running other rules: the shadow rules, one rule for a backtest. What is
    /// retired or unavailable never runs.
    pub fn only(&self, choose: impl Fn(&RuleMeta) -> bool) -> Self {
        let running: Vec<u16> = (0u16..)
            .zip(self.all.iter())
            .filter(|(_, rule)| rule.script.is_some() && choose(&rule.meta))
            .map(|(i, _)| i)
            .collect();
        let index = LineIndex::new(&self.all, running.iter().copied(), &self.knowledge);
        Self { running: running.into(), index: Arc::new(index), ..self.clone() }
    }

    /// The same library with every script interpreted: the reference that closures are held against.
    pub fn interpreted(&self) -> Self {
        Self { native: false, ..self.clone() }
    }

    /// The rules whose scripts are interpreted always, since something in them is not translated.
    pub fn untranslated(&self) -> impl Iterator<Item = &RuleMeta> {
        let only_interpreted = |r: &&Rule| r.script.as_ref().is_some_and(|s| !s.translated());
        self.all.iter().filter(only_interpreted).map(|r| &r.meta)
    }

    /// Days of history the running rules need: other visits that ended, or are still open, no longer
    /// than this before a visit begins, and the lines of that time.
    pub fn window_days(&self) -> u32 {
        let windows = self.running.iter().filter_map(|i| self.all.get(usize::from(*i)));
        windows.map(|r| r.meta.window_days).max().unwrap_or(0)
    }

    /// The knowledge rules look things up in.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// A rule's script, ready to be walked over.
    pub(crate) fn traced(&self, code: &str) -> Option<Traced> {
        let rule = self.all.iter().find(|r| r.meta.code == code)?;
        self.host.traced(&rule.text, param_values(&rule.meta), rule.meta.scope == Scope::Line)
    }

    /// Walks over the script of a rule for a claim, and writes down what it does; beside it how near native functions
    /// say they came, and how many findings were raised before exemptions.
    pub(crate) fn walk(&self, code: &str, facts: &Arc<Facts>, stage: Stage) -> Option<Walked> {
        let found = self.index.candidates(&self.all, facts, stage, &self.knowledge);
        let script = self.traced(code)?;
        let view = Arc::new(View::new(Arc::clone(facts), Arc::clone(&self.knowledge)));
        let session = Session::new(&self.host, Arc::clone(&view), false);
        let mut walked = Walked::default();
        for (i, lines) in found.iter() {
            let Some(rule) = self.all.get(usize::from(i)).filter(|r| r.meta.code == code) else { continue };
            *view.run() = Run {
                window_days: rule.meta.window_days,
                message: Arc::clone(&rule.message),
                selected: lines.into(),
                exempt: Arc::clone(&rule.exempt),
                tracing: true,
                ..Run::default()
            };
            view.reset_steps();
            let each: Vec<Option<u32>> =
                if rule.meta.scope == Scope::Line { lines.iter().map(|at| Some(*at)).collect() } else { vec![None] };
            for line in each {
                view.run().line = line;
                if session.walk(&script, line, &mut walked.log).is_err() {
                    break;
                }
            }
            let run = std::mem::take(&mut *view.run());
            walked.near.extend(run.notes);
            walked.raised += run.hits.len();
        }
        Some(walked)
    }

    /// Which rules' scripts a claim would run, each with the lines their selectors let through.
    pub fn candidates(&self, facts: &Facts, stage: Stage) -> Vec<(&RuleMeta, Vec<LineNo>)> {
        let number = |at: &u32| {
            let net = facts.net_lines.get(*at as usize)?;
            facts.lines.get(net.line).map(|l| l.line.no.clone())
        };
        let found = self.index.candidates(&self.all, facts, stage, &self.knowledge);
        let rule = |i: u16| self.all.get(usize::from(i)).map(|r| &r.meta);
        found.iter().filter_map(|(i, lines)| Some((rule(i)?, lines.iter().filter_map(number).collect()))).collect()
    }
}

/// The entries of the central list that a rule names.
fn exemptions_of(
    meta: &RuleMeta,
    source: &RuleSource,
    exemptions: &Exemptions,
) -> Result<Arc<[Exemption]>, Vec<RuleProblem>> {
    let unknown = meta.exempt.iter().filter(|n| exemptions.named(n).next().is_none());
    let problems: Vec<RuleProblem> = unknown
        .map(|n| {
            let message = format!("`{n}` is not in the central list of exemptions");
            RuleProblem::at(source.manifest_path(), &source.toml, &format!("\"{n}\""), message)
        })
        .collect();
    if problems.is_empty() {
        Ok(meta.exempt.iter().flat_map(|n| exemptions.named(n)).cloned().collect())
    } else {
        Err(problems)
    }
}

/// Which rule subsumes which, directly or by way of others.
fn closure(read: &[(RuleMeta, &RuleSource)]) -> Arc<BTreeSet<(String, String)>> {
    let below = |code: &str| read.iter().find(|(m, _)| m.code == code).map_or(&[][..], |(m, _)| &m.subsumes);
    let mut all = BTreeSet::new();
    for (meta, _) in read {
        let mut next: Vec<&String> = meta.subsumes.iter().collect();
        while let Some(code) = next.pop() {
            if all.insert((meta.code.clone(), code.clone())) {
                next.extend(below(code));
            }
        }
    }
    Arc::new(all)
}

fn param_values(meta: &RuleMeta) -> Map {
    meta.params.iter().filter_map(|(name, p)| Some((name.as_str().into(), p.to_dynamic().ok()?))).collect()
}

fn compile_script(host: &Host, meta: &RuleMeta, source: &RuleSource) -> Result<Option<Script>, Vec<RuleProblem>> {
    if matches!(meta.status, Status::Retired | Status::Unavailable | Status::Batch) {
        return Ok(None);
    }
    // a parameter that cannot be read was reported with the metadata
    let params = param_values(meta);
    if params.len() < meta.params.len() {
        return Ok(None);
    }
    let script = host.compile(&source.script_path(), &source.rhai, params, meta.scope == Scope::Line)?;
    let lacking: Vec<RuleProblem> = placeholders(&meta.message)
        .into_iter()
        .filter(|p| !script.evidence.contains(*p))
        .map(|p| {
            let message = format!("the message needs `{p}`, which the script never gives as evidence");
            RuleProblem::at(source.manifest_path(), &source.toml, &format!("{{{p}}}"), message)
        })
        .collect();
    if lacking.is_empty() { Ok(Some(script)) } else { Err(lacking) }
}

impl RuleSet for RuleLibrary {
    fn review(&self, facts: &Arc<Facts>, stage: Stage) -> Review {
        let mut review = Review::default();
        let found = self.index.candidates(&self.all, facts, stage, &self.knowledge);
        if found.is_empty() {
            return review;
        }
        let view = Arc::new(View::new(Arc::clone(facts), Arc::clone(&self.knowledge)));
        let mut session = Session::new(&self.host, Arc::clone(&view), self.native);
        for (i, lines) in found.iter() {
            let Some(rule) = self.all.get(usize::from(i)) else { continue };
            self.run(rule, lines, &view, &mut session, &mut review);
        }
        review
    }

    fn subsumes(&self, rule: &str, other: &str) -> bool {
        !self.hierarchy.is_empty() && self.hierarchy.contains(&(rule.to_owned(), other.to_owned()))
    }
}

impl RuleLibrary {
    /// Runs one rule over its candidate lines, or once over the claim. What a run raised before it
    /// failed is dropped with it; what earlier lines raised stands; the rule looks at no further line.
    fn run(&self, rule: &Rule, lines: &[u32], view: &Arc<View>, session: &mut Session<'_>, review: &mut Review) {
        let Some(script) = &rule.script else { return };
        if rule.meta.decidable == "4101" && !view.facts.lists.contains_key(&view.facts.visit.id) {
            review.undecided.push(Undecided {
                rule: rule.meta.code.clone(),
                version: rule.meta.version,
                missing: "settlement list (4101)".to_owned(),
            });
            return;
        }
        *view.run() = Run {
            window_days: rule.meta.window_days,
            message: Arc::clone(&rule.message),
            selected: lines.into(),
            exempt: Arc::clone(&rule.exempt),
            ..Run::default()
        };
        view.reset_steps();
        let budget = operations_budget(view.facts.net_lines.len());
        let mut operations = 0;
        let mut run_once = |line: Option<u32>| -> Result<(), String> {
            let hits = {
                let mut run = view.run();
                run.line = line;
                run.hits.len()
            };
            let outcome = session.run(script, line).and_then(|used| {
                operations += used;
                if operations > budget {
                    return Err(format!("went over its budget of {budget} operations for the claim"));
                }
                Ok(())
            });
            if outcome.is_err() {
                view.run().hits.truncate(hits);
            }
            outcome
        };
        let outcome = if rule.meta.scope == Scope::Line {
            lines.iter().try_for_each(|at| run_once(Some(*at)))
        } else {
            run_once(None)
        };
        let meta = &rule.meta;
        if let Err(error) = outcome {
            review.failures.push(RuleFailure { rule: meta.code.clone(), version: meta.version, error });
        }
        let Run { mut hits, undecided, selected, mut exempted, .. } = std::mem::take(&mut *view.run());
        // only where there is something to exempt, so that what is counted is what an exemption lets through
        if !hits.is_empty()
            && let Some(e) = rule.exempt.iter().find(|e| e.holds(&view.facts, None, |t| view.has_line_in(t)))
        {
            exempted.insert(e.name.clone());
            hits.clear();
        }
        review.exempted.extend(exempted.into_iter().map(|exemption| Exempted {
            rule: meta.code.clone(),
            version: meta.version,
            exemption,
        }));
        // by the first line at stake; a finding on the whole claim comes first
        hits.sort_by_key(|h| h.lines.iter().map(|(at, _)| *at).min());
        review.hits.extend(hits.into_iter().map(|h| Hit {
            rule: meta.code.clone(),
            version: meta.version,
            title: meta.title.clone(),
            severity: {
                // a finding on the claim as a whole rests on the lines its selector let through
                let whole = h.lines.is_empty().then_some(selected.iter().copied()).into_iter().flatten();
                let at_stake = h.lines.iter().map(|(at, _)| *at).chain(whole);
                known::severity(view, &meta.selector, meta.severity, at_stake, &h.related)
            },
            lines: h.lines.iter().filter_map(|(at, units)| Some((line_no(view, *at)?, *units))).collect(),
            related: h.related,
            period: h.period,
            evidence: h.evidence,
            text: h.text,
        }));
        let undecided = undecided.into_iter();
        review.undecided.extend(undecided.map(|missing| Undecided {
            rule: meta.code.clone(),
            version: meta.version,
            missing,
        }));
    }
}

fn line_no(view: &View, at: u32) -> Option<LineNo> {
    view.net(at).map(|(_, f)| f.line.no.clone())
}
