//! Why a rule was silent, and how near it came; and which lines of a script a case reaches.
//!
//! A walk of our own over the statements of a script: what decides where it goes, the conditions of `if`, is looked at
//! piece by piece and written down with the values on both sides; everything else is left to the interpreter. It is
//! slow and only for people who ask. That it goes the same way as the interpreter is tested on every case of the
//! library.

use crate::compile::RuleLibrary;
use crate::facts::{Line, Lines};
use crate::host::{Fallible, Session, Traced, fail};
use crate::values::{Day, Yuan, text};
use dingan_core::facts::Facts;
use dingan_core::finding::{RuleSet, Stage};
use dingan_core::selector::{Charged, Selector};
use rhai::{ASTFlags, ASTNode, Dynamic, EvalAltResult, EvalContext, Expr, Expression, Position, Stmt, StmtBlock};
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A condition on the way, with what it compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The line of `rule.rhai`, from 1; 0 for the selector.
    pub line: usize,
    /// What is asked.
    pub text: String,
    /// The value on the left, where it is a comparison.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub actual: String,
    /// The value on the right.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wanted: String,
    /// Whether it holds.
    pub holds: bool,
    /// By how much the two differ, where that can be said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
}

/// How a native function judged one thing it looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Near {
    /// The item.
    pub what: String,
    /// How much there was.
    pub actual: String,
    /// How much there may be.
    pub limit: String,
}

/// The answer to "why not, and how near" for one rule and one claim.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Why {
    /// Rule code.
    pub rule: String,
    /// Rule version.
    pub version: u32,
    /// Title.
    pub title: String,
    /// Whether the script ran: the stage is one of its own and the selector let the claim through.
    pub ran: bool,
    /// Findings raised.
    pub raised: usize,
    /// Facts waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undecided: Vec<String>,
    /// Exemptions used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exempted: Vec<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failed: String,
    /// Conditions of the selector, then those of the script in the order in which they were asked.
    pub conditions: Vec<Condition>,
    /// What native functions noted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub near: Vec<Near>,
}

/// Conditions written down of one run; a loop over thousands of lines says no more after this many.
const MOST: usize = 500;

/// What a walk wrote down.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub conditions: Vec<Condition>,
    /// Lines of the script on which something was done.
    pub lines: BTreeSet<usize>,
}

/// A walk over the script of a rule for a claim.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub log: Log,
    pub near: Vec<(String, String, String)>,
    pub raised: usize,
}

/// Where a block went.
enum Flow {
    On,
    Break,
    Continue,
    Return,
}

impl RuleLibrary {
    /// Why a rule says what it says of a claim. None where the library has no such rule.
    pub fn why(&self, code: &str, facts: &Arc<Facts>, stage: Stage) -> Option<Why> {
        let meta = self.rule(code)?.clone();
        let alone = self.only(|m| m.code == code);
        let candidates = alone.candidates(facts, stage);
        let mut why = Why {
            rule: meta.code.clone(),
            version: meta.version,
            title: meta.title.clone(),
            ran: !candidates.is_empty(),
            conditions: selector_conditions(&meta, facts, stage, self.knowledge()),
            ..Why::default()
        };
        let review = alone.review(facts, stage);
        why.raised = review.hits.len();
        why.undecided = review.undecided.into_iter().map(|u| u.missing).collect();
        why.exempted = review.exempted.into_iter().map(|e| e.exemption).collect();
        why.failed = review.failures.into_iter().map(|f| f.error).collect::<Vec<_>>().join("; ");
        if why.ran
            && let Some(walked) = alone.walk(code, facts, stage)
        {
            why.conditions.extend(walked.log.conditions);
            why.near = walked.near.into_iter().map(|(what, actual, limit)| Near { what, actual, limit }).collect();
        }
        Some(why)
    }
}

fn selector_conditions(
    meta: &crate::RuleMeta,
    facts: &Facts,
    stage: Stage,
    knowledge: &dingan_core::knowledge::Knowledge,
) -> Vec<Condition> {
    let s = &meta.selector;
    let mut out = Vec::new();
    let mut ask = |name: &str, given: bool, actual: String, wanted: String, holds: bool| {
        if given {
            out.push(Condition { line: 0, text: name.to_owned(), actual, wanted, holds, by: String::new() });
        }
    };
    let word = |v: &dyn erased::Words| v.words();
    ask("stage", true, word(&stage), word(&meta.stages), meta.stages.contains(&stage));
    let kind = facts.visit.kind();
    ask("visit", !s.visit.is_empty(), word(&kind), word(&s.visit), s.visit.contains(&kind));
    let insurance = &facts.visit.insurance;
    let wanted = s.insurance.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    ask("insurance", !s.insurance.is_empty(), insurance.to_string(), wanted, s.insurance.contains(insurance));
    let level = facts.institution.deductible_level;
    ask("level", !s.level.is_empty(), word(&level), word(&s.level), s.level.contains(&level));
    if let Some(p) = facts.person() {
        ask("sex", !s.sex.is_empty(), word(&p.sex), word(&s.sex), s.sex.contains(&p.sex));
        let (min, max) = (s.age_min.unwrap_or(i64::MIN), s.age_max.unwrap_or(i64::MAX));
        ask("age_min", s.age_min.is_some(), p.age.to_string(), min.to_string(), p.age >= min);
        ask("age_max", s.age_max.is_some(), p.age.to_string(), max.to_string(), p.age <= max);
    }
    let past: BTreeSet<String> = facts.history.visits().iter().map(|v| word(&v.kind())).collect();
    let has = facts.history.has(&s.past);
    ask("past", !s.past.is_empty(), past.into_iter().collect::<Vec<_>>().join(", "), word(&s.past), has);
    ask("died", s.died, facts.visit.death.is_some().to_string(), "true".to_owned(), facts.visit.death.is_some());
    if let Some(table) = &s.diagnosis {
        let codes = facts.visit.diagnoses.iter().map(|d| d.code.to_string()).collect::<Vec<_>>().join(", ");
        let alone = Selector { diagnosis: Some(table.clone()), ..Selector::default() };
        ask("diagnosis", true, codes, format!("knowledge {table}"), alone.claim(facts, knowledge));
    }
    if s.selects_lines() {
        let charged = Charged::new(facts);
        let lines = facts.net_lines.iter().filter(|n| s.line(facts, n.line, knowledge, &charged)).count();
        let mut wanted = Vec::new();
        wanted.extend(s.knowledge.iter().map(|t| format!("knowledge {t}")));
        wanted.extend(s.second.iter().map(|t| format!("second of {t} whose first was charged")));
        for (name, list) in [("item", &s.item), ("charge_type", &s.charge_type), ("list_type", &s.list_type)] {
            if !list.is_empty() {
                wanted.push(format!("{name} {}", list.join(" ")));
            }
        }
        if s.grouped {
            wanted.push("a drug group".to_owned());
        }
        if !s.marks.is_empty() {
            wanted.push(word(&s.marks));
        }
        let actual = format!("{lines} of {} lines", facts.net_lines.len());
        ask("lines", true, actual, wanted.join(", "), lines > 0);
    }
    out
}

/// Values that serde writes as one word, for the eye.
mod erased {
    use serde::Serialize;

    pub trait Words {
        fn words(&self) -> String;
    }

    impl<T: Serialize> Words for T {
        fn words(&self) -> String {
            let value = toml::Value::try_from(self).ok();
            match value {
                Some(toml::Value::String(s)) => s,
                Some(toml::Value::Array(a)) => a.iter().filter_map(|v| v.as_str()).collect::<Vec<_>>().join(", "),
                _ => String::new(),
            }
        }
    }
}

impl Session<'_> {
    /// Walks over a script for one line or the claim and writes down what it does.
    pub(crate) fn walk(&self, script: &Traced, line: Option<u32>, log: &mut Log) -> Result<(), String> {
        let mut scope = self.scope();
        if let Some(at) = line {
            scope.push_constant("line", Line { view: Arc::clone(&self.view), at });
        }
        scope.push_constant("param", script.params.clone());
        let (mut global, mut caches) = self.host.fresh(&self.view);
        let mut context = EvalContext::new(self.host.engine(), &mut global, &mut caches, &mut scope, None);
        let outcome = block(&mut context, &script.body, log);
        outcome.map(|_| ()).map_err(|e| e.to_string())
    }
}

type Context<'a, 's, 'ps, 'g, 'c, 't> = EvalContext<'a, 's, 'ps, 'g, 'c, 't>;

fn eval(context: &mut Context<'_, '_, '_, '_, '_, '_>, expr: &Expr) -> Fallible<Dynamic> {
    context.eval_expression_tree(&Expression::from(expr))
}

fn block(context: &mut Context<'_, '_, '_, '_, '_, '_>, statements: &[Stmt], log: &mut Log) -> Fallible<Flow> {
    let vars = context.scope().len();
    for statement in statements {
        match step(context, statement, log)? {
            Flow::On => {}
            other => {
                context.scope_mut().rewind(vars);
                return Ok(other);
            }
        }
    }
    context.scope_mut().rewind(vars);
    Ok(Flow::On)
}

fn step(context: &mut Context<'_, '_, '_, '_, '_, '_>, statement: &Stmt, log: &mut Log) -> Fallible<Flow> {
    log.lines.extend(statement.position().line());
    match statement {
        Stmt::If(flow, _) => {
            let taken = if asked(context, &flow.expr, log)? { &flow.body } else { &flow.branch };
            block(context, taken.statements(), log)
        }
        Stmt::Block(b) => block(context, b.statements(), log),
        Stmt::BreakLoop(_, options, _) => {
            Ok(if options.intersects(ASTFlags::BREAK) { Flow::Break } else { Flow::Continue })
        }
        Stmt::Return(_, options, _) if !options.intersects(ASTFlags::BREAK) => Ok(Flow::Return),
        Stmt::For(f, _) => {
            let (name, counter, flow) = &**f;
            let list = elements(eval(context, &flow.expr)?)?;
            let vars = context.scope().len();
            for (i, element) in list.into_iter().enumerate() {
                if let Some(counter) = counter {
                    context.scope_mut().push(counter.name.to_string(), i as i64);
                }
                context.scope_mut().push_dynamic(name.name.to_string(), element);
                let went = block(context, flow.body.statements(), log)?;
                context.scope_mut().rewind(vars);
                match went {
                    Flow::On | Flow::Continue => {}
                    Flow::Break => break,
                    Flow::Return => return Ok(Flow::Return),
                }
            }
            Ok(Flow::On)
        }
        other => {
            // what stands inside an expression counts as reached with it
            let mut path = Vec::new();
            other.walk(&mut path, &mut |nodes: &[ASTNode<'_>]| {
                if let Some(ASTNode::Stmt(s)) = nodes.last() {
                    log.lines.extend(s.position().line());
                }
                true
            });
            // a variable it makes stays in the scope of the block
            let alone = Expr::Stmt(Box::new(StmtBlock::new([other.clone()], Position::NONE, Position::NONE)));
            #[expect(deprecated, reason = "not deprecated, says Rhai, only not promised to stay")]
            let done = context.eval_expression_tree_raw(&Expression::from(&alone), false);
            match done {
                Ok(_) => Ok(Flow::On),
                Err(e) => match *e {
                    EvalAltResult::Return(..) => Ok(Flow::Return),
                    _ => Err(e),
                },
            }
        }
    }
}

fn elements(list: Dynamic) -> Fallible<Vec<Dynamic>> {
    if let Some(lines) = list.read_lock::<Lines>() {
        return Ok(lines.clone().into_iter().map(Dynamic::from).collect());
    }
    list.into_array().map_err(|t| fail(format!("{t} cannot be walked over here")))
}

/// A condition, taken apart along `&&`, `||` and `!` as far as it is asked at all.
fn asked(context: &mut Context<'_, '_, '_, '_, '_, '_>, expr: &Expr, log: &mut Log) -> Fallible<bool> {
    match expr {
        Expr::And(parts, _) => {
            for part in parts.iter() {
                if !asked(context, part, log)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Expr::Or(parts, _) => {
            for part in parts.iter() {
                if asked(context, part, log)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Expr::FnCall(f, at)
            if matches!(f.name.as_str(), "==" | "!=" | "<" | "<=" | ">" | ">=") && f.args.len() == 2 =>
        {
            let (Some(left), Some(right)) = (f.args.first(), f.args.get(1)) else { return truth(context, expr) };
            let (a, b) = (eval(context, left)?, eval(context, right)?);
            let holds = truth(context, expr)?;
            note(
                log,
                Condition {
                    line: at.line().unwrap_or(0),
                    text: format!("{} {} {}", shown(left), f.name, shown(right)),
                    by: apart(&a, &b),
                    actual: said(&a),
                    wanted: said(&b),
                    holds,
                },
            );
            Ok(holds)
        }
        _ => {
            let holds = truth(context, expr)?;
            note(
                log,
                Condition {
                    line: expr.position().line().unwrap_or(0),
                    text: shown(expr),
                    actual: String::new(),
                    wanted: String::new(),
                    holds,
                    by: String::new(),
                },
            );
            Ok(holds)
        }
    }
}

fn note(log: &mut Log, condition: Condition) {
    if log.conditions.len() < MOST {
        log.conditions.push(condition);
    }
}

fn truth(context: &mut Context<'_, '_, '_, '_, '_, '_>, expr: &Expr) -> Fallible<bool> {
    eval(context, expr)?.as_bool().map_err(|t| fail(format!("{t} is no condition")))
}

fn said(value: &Dynamic) -> String {
    if value.is_unit() { "()".to_owned() } else { text(value).unwrap_or_else(|_| value.type_name().to_owned()) }
}

/// By how much two numbers, days or amounts differ.
fn apart(a: &Dynamic, b: &Dynamic) -> String {
    let number = |v: &Dynamic| -> Option<Decimal> {
        v.as_int().ok().map(Decimal::from).or_else(|| v.read_lock::<Decimal>().map(|d| *d))
    };
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return (a - b).abs().normalize().to_string();
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Day>(), b.read_lock::<Day>()) {
        return format!("{} days", a.days_until(*b).abs());
    }
    if let (Some(a), Some(b)) = (a.read_lock::<Yuan>(), b.read_lock::<Yuan>()) {
        return (a.0 - b.0).abs().to_string();
    }
    String::new()
}

/// An expression as one would write it.
pub(crate) fn shown(expr: &Expr) -> String {
    match expr {
        Expr::Variable(v, ..) => v.1.to_string(),
        Expr::Property(p, _) => p.2.to_string(),
        Expr::StringConstant(s, _) => format!("\"{s}\""),
        Expr::IntegerConstant(n, _) => n.to_string(),
        Expr::BoolConstant(b, _) => b.to_string(),
        Expr::Unit(_) => "()".to_owned(),
        Expr::Dot(b, ..) => format!("{}.{}", shown(&b.lhs), shown(&b.rhs)),
        Expr::Index(b, ..) => format!("{}[{}]", shown(&b.lhs), shown(&b.rhs)),
        Expr::And(parts, _) => parts.iter().map(shown).collect::<Vec<_>>().join(" && "),
        Expr::Or(parts, _) => parts.iter().map(shown).collect::<Vec<_>>().join(" || "),
        Expr::FnCall(f, _) | Expr::MethodCall(f, _) => {
            let args: Vec<String> = f.args.iter().map(shown).collect();
            match args.as_slice() {
                [one] if f.is_operator_call() => format!("{}{one}", f.name),
                [a, b] if f.is_operator_call() => format!("{a} {} {b}", f.name),
                _ => format!("{}({})", f.name, args.join(", ")),
            }
        }
        Expr::Array(parts, _) => format!("[{}]", parts.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Expr::DynamicConstant(d, _) => d.to_string(),
        _ => "…".to_owned(),
    }
}
