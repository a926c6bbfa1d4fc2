//! Days of a stay on which nothing was done: no line but such as run by themselves (bed, nursing, rounds).

use crate::facts::{Claim, Lines, View};
use crate::host::{Fallible, Registry};
use crate::natives::lines_at;
use crate::values::Day;
use chrono::NaiveDate;
use rhai::ImmutableString;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Days in a row on which nothing was done.
#[derive(Clone)]
pub struct Idle {
    first: NaiveDate,
    last: NaiveDate,
    /// Whether they run up to the day before discharge.
    trailing: bool,
    lines: Lines,
}

pub(crate) fn register(r: &mut Registry<'_>) {
    r.fun("idle_runs", |c: &mut Claim, types: rhai::Array| idle_runs(&c.0, &types));
    r.named::<Idle>("Idle");
    r.get("days", |i: &mut Idle| Day(i.first).days_until(Day(i.last)) + 1);
    r.get("first_day", |i: &mut Idle| Day(i.first));
    r.get("last_day", |i: &mut Idle| Day(i.last));
    r.get("trailing", |i: &mut Idle| i.trailing);
    r.get("lines", |i: &mut Idle| i.lines.clone());
}

/// Runs of idle days strictly inside the stay. A day is idle when every line on it is of one of the charge types
/// given, or there is none. Days on which an earlier part of the stay settled something count as busy: what it
/// was is not known any more.
fn idle_runs(view: &Arc<View>, types: &rhai::Array) -> Fallible<rhai::Array> {
    let facts = &view.facts;
    if !facts.visit.kind().is_stay() {
        return Ok(rhai::Array::new());
    }
    view.spend(facts.net_lines.len() + facts.history.this_visit().len())?;
    let types: Vec<ImmutableString> =
        types.iter().filter_map(|t| t.read_lock::<ImmutableString>().map(|t| t.clone())).collect();
    let (first, last) = (view.begin_day().0, view.last_day().0);
    let busy = busy_days(view, &types, first, last);
    if busy.iter().all(|b| *b) {
        return Ok(rhai::Array::new());
    }
    // the lines of each day that is not busy
    let mut days: BTreeMap<NaiveDate, Vec<u32>> = BTreeMap::new();
    for at in 0..facts.net_lines.len() as u32 {
        let Some((_, fact)) = view.net(at) else { continue };
        let day = fact.line.time.date();
        if place(first, day).and_then(|p| busy.get(p)) == Some(&false) {
            days.entry(day).or_default().push(at);
        }
    }
    let mut out = rhai::Array::new();
    let mut run: Option<(NaiveDate, NaiveDate, Vec<u32>)> = None;
    let mut close = |run: &mut Option<(NaiveDate, NaiveDate, Vec<u32>)>| {
        if let Some((from, to, lines)) = run.take() {
            let trailing = to.succ_opt() == Some(last);
            let idle = Idle { first: from, last: to, trailing, lines: lines_at(view, lines) };
            out.push(rhai::Dynamic::from(idle));
        }
    };
    for (day, busy) in first.iter_days().zip(busy).skip(1) {
        view.spend(0)?;
        if busy {
            close(&mut run);
        } else {
            let so_far = run.get_or_insert((day, day, Vec::new()));
            so_far.1 = day;
            so_far.2.extend(days.remove(&day).unwrap_or_default());
        }
    }
    close(&mut run);
    Ok(out)
}

/// Of each day from admission up to the day before the last: whether it is busy. The day of admission counts as
/// busy.
fn busy_days(view: &View, types: &[ImmutableString], first: NaiveDate, last: NaiveDate) -> Vec<bool> {
    let facts = &view.facts;
    let count = usize::try_from((last - first).num_days()).unwrap_or(0);
    let mut busy = vec![false; count];
    let mut mark = |day: NaiveDate| {
        if let Some(b) = place(first, day).and_then(|p| busy.get_mut(p)) {
            *b = true;
        }
    };
    mark(first);
    facts.history.this_visit().iter().for_each(|past| mark(past.time.date()));
    for net in &facts.net_lines {
        let Some(fact) = facts.lines.get(net.line) else { continue };
        let passive = fact.item.as_ref().is_some_and(|i| types.iter().any(|t| t.as_str() == i.charge_type));
        if !passive {
            mark(fact.line.time.date());
        }
    }
    busy
}

fn place(first: NaiveDate, day: NaiveDate) -> Option<usize> {
    usize::try_from((day - first).num_days()).ok()
}
