//! Looking at the person's other visits and their lines.
//!
//! A visit without discharge is open: it has not ended before anything. A window of N days holds
//! the visits that ended, or are still open, no longer than N days before this visit began.

use crate::facts::{History, Past, PastRow, View};
use crate::host::{Fallible, Registry, fail};
use crate::values::Day;
use dingan_core::codes::ItemCode;
use dingan_core::person::PastVisit;
use rhai::{Dynamic, ImmutableString};
use std::cmp::Reverse;
use std::sync::Arc;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.named::<History>("History");
    r.fun("stays_within", |h: &mut History, days: i64| stays_within(&h.0, days));
    r.get("overlapping_stays", |h: &mut History| overlapping_stays(&h.0));
    r.fun("stays_over", |h: &mut History, day: Day| stays_over(&h.0, day));
    r.fun("visits_within", |h: &mut History, days: i64| visits_within(&h.0, days));
    r.fun("visits_of", |h: &mut History, kinds: rhai::Array, days: i64| visits_of(&h.0, &kinds, days));
    r.fun("stays_after", |h: &mut History, days: i64| stays_after(&h.0, days));
    r.fun("lines_like", |h: &mut History, prefixes: rhai::Array, days: i64| lines_like(&h.0, &prefixes, days));
    r.fun("lines_of", |h: &mut History, item: ImmutableString, days: i64| lines_of(&h.0, &item, days));
}

/// A rule may only look as far back as it has declared, since no more may have been loaded.
pub(crate) fn check_window(view: &View, days: i64) -> Fallible<()> {
    let declared = i64::from(view.run().window_days);
    if days > declared || days < 0 {
        return Err(fail(format!("asks for {days} days of history; the rule declares window_days = {declared}")));
    }
    Ok(())
}

/// Whether the other visit began before this one; of two that began together, the smaller id.
pub(crate) fn earlier(view: &View, v: &PastVisit) -> bool {
    (v.begin, v.id.as_str()) < (view.facts.visit.begin, view.facts.visit.id.as_str())
}

fn ended_before(v: &PastVisit, day: chrono::NaiveDate) -> bool {
    v.end.is_some_and(|e| e.date() < day)
}

fn visits(view: &Arc<View>, at: Vec<u32>) -> rhai::Array {
    at.into_iter().map(|at| Dynamic::from(Past { view: Arc::clone(view), at })).collect()
}

/// Open ones first, then the one that ended last.
fn newest_first(view: &View, at: &mut [u32]) {
    at.sort_by_key(|at| {
        let v = view.past(*at);
        Reverse((v.map(|v| v.end.is_none()), v.and_then(|v| v.end), v.map(|v| (v.begin, v.id.clone()))))
    });
}

/// Earlier stays that ended no longer than so many days before this visit began, newest first.
fn stays_within(view: &Arc<View>, days: i64) -> Fallible<rhai::Array> {
    check_window(view, days)?;
    view.spend(view.stays().len())?;
    let from = view.begin_day().back(days);
    let mut at: Vec<u32> = view.stays().to_vec();
    at.retain(|at| view.past(*at).is_some_and(|v| earlier(view, v) && !ended_before(v, from)));
    newest_first(view, &mut at);
    Ok(visits(view, at))
}

/// Earlier stays still going on when this one began. The day of transfer belongs to both: a stay
/// that ends on the day the other begins does not overlap it.
fn overlapping_stays(view: &Arc<View>) -> Fallible<rhai::Array> {
    check_window(view, 1)?;
    view.spend(view.stays().len())?;
    let (first, last) = (view.begin_day().0, view.last_day().0);
    let overlaps = |v: &PastVisit| v.begin.date() < last && v.end.is_none_or(|e| e.date() > first);
    let at = view.stays().iter().copied();
    Ok(visits(view, at.filter(|at| view.past(*at).is_some_and(|v| earlier(view, v) && overlaps(v))).collect()))
}

/// Stays that hold a day strictly inside; the days of admission and discharge do not count.
fn stays_over(view: &Arc<View>, day: Day) -> Fallible<rhai::Array> {
    check_window(view, 1)?;
    view.spend(view.stays().len())?;
    let inside = |v: &PastVisit| v.begin.date() < day.0 && v.end.is_none_or(|e| e.date() > day.0);
    let at = view.stays().iter().copied();
    Ok(visits(view, at.filter(|at| view.past(*at).is_some_and(inside)).collect()))
}

/// Earlier visits of any kind that ended no longer than so many days before this one, by begin.
fn visits_within(view: &Arc<View>, days: i64) -> Fallible<rhai::Array> {
    check_window(view, days)?;
    let all = &view.facts.history.visits;
    view.spend(all.len())?;
    let from = view.begin_day().back(days);
    let own = &view.facts.visit.id;
    let near = |v: &PastVisit| v.id != *own && earlier(view, v) && !outpatient_end_before(v, from);
    let at = all.iter().enumerate().filter(|(_, v)| near(v)).map(|(i, _)| i as u32).collect();
    Ok(visits(view, at))
}

/// As [`visits_within`], of some kinds.
fn visits_of(view: &Arc<View>, kinds: &rhai::Array, days: i64) -> Fallible<rhai::Array> {
    let mut all = visits_within(view, days)?;
    let wanted = |v: &PastVisit| {
        kinds.iter().any(|k| k.read_lock::<ImmutableString>().is_some_and(|k| k.as_str() == v.kind().name()))
    };
    all.retain(|v| v.read_lock::<Past>().is_some_and(|p| p.visit().is_ok_and(wanted)));
    Ok(all)
}

/// Stays that begin after this visit, no more than so many days later: what a run after the fact sees.
fn stays_after(view: &Arc<View>, days: i64) -> Fallible<rhai::Array> {
    view.spend(view.stays().len())?;
    let (own, to) = (&view.facts.visit, Day(view.last_day().0).ahead(days));
    let later = |v: &PastVisit| !earlier(view, v) && v.begin >= own.begin && v.begin.date() <= to;
    let at = view.stays().iter().copied();
    Ok(visits(view, at.filter(|at| view.past(*at).is_some_and(later)).collect()))
}

/// Settled lines of other visits whose item begins with one of some prefixes, from so many days before this visit.
fn lines_like(view: &Arc<View>, prefixes: &rhai::Array, days: i64) -> Fallible<rhai::Array> {
    check_window(view, days)?;
    let from = view.begin_day().back(days);
    view.spend(view.facts.history.lines.len())?;
    let own = &view.facts.visit.id;
    let like = |l: &dingan_core::person::PastLine| {
        l.visit != *own && l.time.date() >= from && crate::values::code_in(l.item.as_str(), prefixes)
    };
    let rows = view.past_lines().filter(|(_, l)| like(l));
    Ok(rows.map(|(at, _)| Dynamic::from(PastRow { view: Arc::clone(view), at })).collect())
}

/// A visit that is no stay ends when it begins, whether or not the hospital said so.
fn outpatient_end_before(v: &PastVisit, day: chrono::NaiveDate) -> bool {
    if v.kind().is_stay() { ended_before(v, day) } else { v.end.unwrap_or(v.begin).date() < day }
}

/// Settled lines of an item in other visits and earlier parts of this stay, from so many days
/// before this visit up to its last day.
fn lines_of(view: &Arc<View>, item: &str, days: i64) -> Fallible<rhai::Array> {
    check_window(view, days)?;
    let (from, to) = (view.begin_day().back(days), view.last_day().0);
    let history = &view.facts.history;
    view.spend(history.this_visit.len() + history.lines.len())?;
    let code = ItemCode::from(item);
    let near = |l: &dingan_core::person::PastLine| l.item == code && (from..=to).contains(&l.time.date());
    let rows = view.past_lines().filter(|(_, l)| near(l));
    Ok(rows.map(|(at, _)| Dynamic::from(PastRow { view: Arc::clone(view), at })).collect())
}
