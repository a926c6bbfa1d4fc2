//! Looking at the person's other visits and their lines.
//!
//! A visit without discharge is open: it has not ended before anything. A window of N days holds
//! the visits that ended, or are still open, no longer than N days before this visit began.

use crate::facts::{History, Past, PastRow, View};
use crate::host::{Fallible, Registry, fail};
use crate::values::{Day, code_in};
use dingan_core::person::{PastLine, PastVisit};
use rhai::{Dynamic, ImmutableString};
use std::sync::Arc;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.named::<History>("History");
    r.fun("stays_within", |h: &mut History, days: i64| stays_within(&h.0, days, |_| true));
    r.fun("stays_at", |h: &mut History, institution: ImmutableString, days: i64| {
        stays_within(&h.0, days, |v| v.institution.as_str() == institution.as_str())
    });
    r.fun("stays_ended", |h: &mut History, ways: rhai::Array, days: i64| {
        stays_within(&h.0, days, |v| v.end.is_some() && !v.discharge_way.is_empty() && code_in(&v.discharge_way, &ways))
    });
    r.get("overlapping_stays", |h: &mut History| overlapping_stays(&h.0));
    r.fun("stays_over", |h: &mut History, day: Day| stays_over(&h.0, day));
    r.fun("visits_within", |h: &mut History, days: i64| -> Fallible<rhai::Array> {
        Ok(visits(&h.0, visits_within(&h.0, days)?))
    });
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

fn visits(view: &Arc<View>, at: Vec<u32>) -> rhai::Array {
    at.into_iter().map(|at| Dynamic::from(Past { view: Arc::clone(view), at })).collect()
}

/// Open ones first, then the one that ended last.
fn newest_first(view: &View, at: &mut [u32]) {
    let key = |at: &u32| view.past(*at).map(|v| (v.end.is_none(), v.end, v.begin, &v.id));
    at.sort_unstable_by(|a, b| key(b).cmp(&key(a)));
}

/// Earlier stays that ended no longer than so many days before this visit began, newest first, those that are wanted.
fn stays_within(view: &Arc<View>, days: i64, wanted: impl Fn(&PastVisit) -> bool) -> Fallible<rhai::Array> {
    check_window(view, days)?;
    let from = view.begin_day().back(days);
    let mut at: Vec<u32> = view.facts.history.stays_reaching(from, |v| earlier(view, v)).collect();
    view.spend(at.len())?;
    at.retain(|at| view.past(*at).is_some_and(&wanted));
    newest_first(view, &mut at);
    Ok(visits(view, at))
}

/// Earlier stays still going on when this one began. The day of transfer belongs to both: a stay
/// that ends on the day the other begins does not overlap it.
fn overlapping_stays(view: &Arc<View>) -> Fallible<rhai::Array> {
    check_window(view, 1)?;
    let (first, last) = (view.begin_day(), view.last_day().0);
    let begun = |v: &PastVisit| earlier(view, v) && v.begin.date() < last;
    let at: Vec<u32> = view.facts.history.stays_reaching(first.ahead(1), begun).collect();
    view.spend(at.len())?;
    Ok(visits(view, at))
}

/// Stays that hold a day strictly inside; the days of admission and discharge do not count.
fn stays_over(view: &Arc<View>, day: Day) -> Fallible<rhai::Array> {
    check_window(view, 1)?;
    let at: Vec<u32> = view.facts.history.stays_reaching(day.ahead(1), |v| v.begin.date() < day.0).collect();
    view.spend(at.len())?;
    Ok(visits(view, at))
}

/// Earlier visits of any kind that ended no longer than so many days before this one, by begin.
fn visits_within(view: &Arc<View>, days: i64) -> Fallible<Vec<u32>> {
    check_window(view, days)?;
    let from = view.begin_day().back(days);
    let at: Vec<u32> = view.facts.history.visits_reaching(from, |v| earlier(view, v)).collect();
    view.spend(at.len())?;
    Ok(at)
}

/// As [`visits_within`], of some kinds.
fn visits_of(view: &Arc<View>, kinds: &rhai::Array, days: i64) -> Fallible<rhai::Array> {
    let mut at = visits_within(view, days)?;
    let wanted = |v: &PastVisit| {
        kinds.iter().any(|k| k.read_lock::<ImmutableString>().is_some_and(|k| k.as_str() == v.kind().name()))
    };
    at.retain(|at| view.past(*at).is_some_and(wanted));
    Ok(visits(view, at))
}

/// Stays that begin after this visit, no more than so many days later: what a run after the fact sees.
fn stays_after(view: &Arc<View>, days: i64) -> Fallible<rhai::Array> {
    let to = Day(view.last_day().0).ahead(days);
    let (history, near) = (&view.facts.history, |v: &PastVisit| v.begin.date() <= to);
    let later = history.stays_after(|v| earlier(view, v));
    let at: Vec<u32> = later.take_while(|at| view.past(*at).is_some_and(near)).collect();
    view.spend(at.len())?;
    Ok(visits(view, at))
}

/// Settled lines of other visits whose item begins with one of some prefixes, from so many days before this visit.
fn lines_like(view: &Arc<View>, prefixes: &rhai::Array, days: i64) -> Fallible<rhai::Array> {
    check_window(view, days)?;
    let from = view.begin_day().back(days);
    let (history, own) = (&view.facts.history, &view.facts.visit.id);
    let like = history.items().filter(|(item, _)| code_in(item.as_str(), prefixes));
    view.spend(history.items().len())?;
    let mut at: Vec<u32> = like.flat_map(|(_, at)| since(view, at, from)).copied().collect();
    view.spend(at.len())?;
    // lines of several items, in order of time
    at.sort_unstable();
    at.retain(|at| history.lines().get(*at as usize).is_some_and(|l| l.visit != *own));
    Ok(rows(view, at))
}

/// Of the places of lines by time, those from a day on.
pub(crate) fn since<'v>(view: &View, at: &'v [u32], from: chrono::NaiveDate) -> &'v [u32] {
    let lines = view.facts.history.lines();
    let start = at.partition_point(|at| lines.get(*at as usize).is_some_and(|l| l.time.date() < from));
    at.get(start..).unwrap_or_default()
}

/// Lines of other visits by their places among these.
fn rows(view: &Arc<View>, at: Vec<u32>) -> rhai::Array {
    let others = view.facts.history.this_visit().len() as u32;
    at.into_iter().map(|at| Dynamic::from(PastRow { view: Arc::clone(view), at: others + at })).collect()
}

/// Settled lines of an item in other visits and earlier parts of this stay, from so many days
/// before this visit up to its last day.
fn lines_of(view: &Arc<View>, item: &str, days: i64) -> Fallible<rhai::Array> {
    check_window(view, days)?;
    let (from, to) = (view.begin_day().back(days), view.last_day().0);
    let history = &view.facts.history;
    let of_item = since(view, history.lines_of(item), from);
    view.spend(history.this_visit().len() + of_item.len())?;
    let near = |l: &PastLine| l.item.as_str() == item && (from..=to).contains(&l.time.date());
    let here = (0u32..).zip(history.this_visit()).filter(|(_, l)| near(l));
    let mut found: rhai::Array = here.map(|(at, _)| Dynamic::from(PastRow { view: Arc::clone(view), at })).collect();
    let others = of_item.iter().take_while(|at| history.lines().get(**at as usize).is_some_and(near));
    found.extend(rows(view, others.copied().collect()));
    Ok(found)
}
