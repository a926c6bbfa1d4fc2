//! What scripts can do: raise, say that they cannot decide, and look at lines and history.
//!
//! Whatever walks over rows is here and counts them against the rule's budget; scripts say what is
//! to be judged. The walks themselves are in [`lines`] and [`history`].

mod history;
mod idle;
pub(crate) mod known;
mod lines;
mod points;

use crate::facts::{Claim, Found, Line, Lines, Past, PastRow, View};
use crate::host::{Fallible, RawHit, Registry, current, fail};
use crate::values;
use dingan_core::finding::{Part, Related};
use rhai::{Dynamic, ImmutableString, Map, NativeCallContext};
use std::collections::BTreeMap;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.fun("undecided", |context: NativeCallContext, fact: ImmutableString| -> Fallible<()> {
        current(&context)?.run().undecided.insert(fact.to_string());
        Ok(())
    });
    r.fun("flag", |context: NativeCallContext, evidence: Map| -> Fallible<()> {
        let view = current(&context)?;
        let line = view.run().line;
        raise(&view, line.into_iter().map(|at| (at, None)).collect(), Vec::new(), &evidence)
    });
    r.fun("flag", |context: NativeCallContext, lines: Dynamic, evidence: Map| -> Fallible<()> {
        let view = current(&context)?;
        raise(&view, at_stake(&lines)?, Vec::new(), &evidence)
    });
    r.fun("flag", |context: NativeCallContext, lines: Dynamic, with: Dynamic, evidence: Map| -> Fallible<()> {
        let view = current(&context)?;
        let mut related = Vec::new();
        relate(&with, &mut related)?;
        raise(&view, at_stake(&lines)?, related, &evidence)
    });
    known::register(r);
    r.fun("exempted", |context: NativeCallContext, other: &mut Past| -> Fallible<bool> {
        exempted(&*current(&context)?, other)
    });
    lines::register(r);
    history::register(r);
    idle::register(r);
    points::register(r);
}

/// Whether an exemption the rule honours holds for the claim as seen beside another visit; that it was used is kept.
fn exempted(view: &View, other: &Past) -> Fallible<bool> {
    let exempt = view.run().exempt.clone();
    let visit = other.visit()?;
    let holds = exempt.iter().find(|e| e.holds(&view.facts, Some(visit), |t| view.has_line_in(t)));
    if let Some(e) = holds {
        view.run().exempted.insert(e.name.clone());
    }
    Ok(holds.is_some())
}

/// The lines a script names: the claim as a whole, a line, a list of lines, or an array of these.
fn at_stake(lines: &Dynamic) -> Fallible<Vec<(u32, Option<Part>)>> {
    if lines.read_lock::<Claim>().is_some() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    collect(lines, &mut found)?;
    if found.is_empty() {
        // an empty list would put the whole claim at stake
        return Err(fail("no lines to flag; write `flag(claim, …)` for the claim as a whole"));
    }
    Ok(found)
}

fn collect(lines: &Dynamic, into: &mut Vec<(u32, Option<Part>)>) -> Fallible<()> {
    if let Some(line) = lines.read_lock::<Line>() {
        into.push((line.at, None));
    } else if let Some(list) = lines.read_lock::<Lines>() {
        into.extend(list.at.iter().copied());
    } else if let Some(array) = lines.read_lock::<rhai::Array>() {
        for part in array.iter() {
            collect(part, into)?;
        }
    } else {
        return Err(fail(format!("{} is not a line", lines.type_name())));
    }
    Ok(())
}

fn relate(with: &Dynamic, into: &mut Vec<Related>) -> Fallible<()> {
    if let Some(visit) = with.read_lock::<Past>() {
        into.push(Related { visit: visit.visit()?.id.clone(), line: Default::default() });
    } else if let Some(row) = with.read_lock::<PastRow>() {
        let row = row.row()?;
        into.push(Related { visit: row.visit.clone(), line: row.no.clone() });
    } else if let Some(line) = with.read_lock::<Line>() {
        into.push(Related { visit: Default::default(), line: line.net()?.1.line.no.clone() });
    } else if let Some(list) = with.read_lock::<Vec<Related>>() {
        into.extend(list.iter().cloned());
    } else if let Some(list) = with.read_lock::<Lines>() {
        let numbers = list.at.iter().filter_map(|(at, _)| list.view.net(*at)).map(|(_, f)| f.line.no.clone());
        into.extend(numbers.map(|line| Related { visit: Default::default(), line }));
    } else if let Some(array) = with.read_lock::<rhai::Array>() {
        for part in array.iter() {
            relate(part, into)?;
        }
    } else {
        return Err(fail(format!("{} is neither a visit nor a line", with.type_name())));
    }
    Ok(())
}

fn raise(view: &View, lines: Vec<(u32, Option<Part>)>, related: Vec<Related>, evidence: &Map) -> Fallible<()> {
    let evidence = evidence
        .iter()
        .map(|(name, value)| {
            let text = values::text(value).map_err(|e| fail(format!("evidence `{name}`: {e}")))?;
            Ok((name.to_string(), text))
        })
        .collect::<Fallible<BTreeMap<_, _>>>()?;
    let mut run = view.run();
    let text = crate::message::fill(&run.message, &evidence).map_err(fail)?;
    run.hits.push(RawHit { lines, related, period: String::new(), evidence, text });
    Ok(())
}

/// Some of a claim's lines.
fn lines_at(view: &std::sync::Arc<View>, at: impl IntoIterator<Item = u32>) -> Lines {
    Lines { at: at.into_iter().map(|at| (at, None)).collect(), view: std::sync::Arc::clone(view) }
}

/// Days for the eye: the first few, and how many there are.
fn days_text(days: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = days.get(..SHOWN).unwrap_or(days).join("、");
    if days.len() > SHOWN { format!("{shown}等{}天", days.len()) } else { shown }
}

fn found_list(found: Vec<Found>) -> rhai::Array {
    found.into_iter().map(Dynamic::from).collect()
}
