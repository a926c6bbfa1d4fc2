//! How long and how often something was given, over this visit and those before it.

use super::{by_item, portion, within_days};
use crate::facts::{Found, Line, Lines, View, text};
use crate::host::{Fallible, Registry, fail};
use crate::natives::{days_text, found_list};
use crate::values::Day;
use chrono::{Days, NaiveDate};
use dingan_core::codes::ItemCode;
use dingan_core::finding::{Part, Related};
use dingan_core::money::{Money, Quantity};
use dingan_core::person::PastLine;
use rhai::{Dynamic, ImmutableString, Map};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.fun("over_course", |l: &mut Lines, table: ImmutableString, gap: i64, days: i64| {
        over_course(l, &table, gap, days)
    });
    r.fun("over_period", |l: &mut Lines, table: ImmutableString, back: i64| over_period(l, &table, back));
    r.fun("repeated", |l: &mut Lines, days: i64| repeated(l, days));
    r.fun("stockpiled", |l: &mut Lines, most: i64, days: i64| stockpiled(l, most, days));
    r.fun("bought_often", |l: &mut Lines, times: i64, days: i64| bought_often(l, times, days));
    r.fun("over_amount", |l: &mut Lines, table: ImmutableString, days: i64| over_amount(l, &table, days));
    r.evidence(&["item", "limit", "times", "amount", "used", "first", "days", "held"]);
}

/// One use of an item: from a day on, for so many days.
struct Use<'v> {
    from: NaiveDate,
    days: i64,
    /// Whether the days come after those of earlier fills, as with drugs taken home.
    supply: bool,
    /// Its place in the claim; none for a settled line.
    at: Option<u32>,
    past: Option<&'v PastLine>,
}

impl Use<'_> {
    fn related(&self) -> Option<Related> {
        self.past.map(|p| Related { visit: p.visit.clone(), line: p.no.clone() })
    }
}

fn whole_days(supply: Option<Quantity>) -> Option<i64> {
    // a part of a day is a day
    supply.map(|s| (s.units().max(1) - 1) / Quantity::ONE_UNITS + 1)
}

fn ahead(day: NaiveDate, days: i64) -> NaiveDate {
    day.checked_add_days(Days::new(days.max(0).unsigned_abs())).unwrap_or(NaiveDate::MAX)
}

/// Uses of an item in order of time: those of other visits from so many days back, of earlier parts of this
/// stay, and the lines at hand.
fn uses<'v>(view: &'v View, item: &'v ItemCode, lines: &[u32], days: Option<i64>) -> Fallible<Vec<Use<'v>>> {
    let stay = view.facts.visit.kind().is_stay();
    let mut all: Vec<Use<'v>> = Vec::new();
    let of = |from: NaiveDate, supply: Option<Quantity>, in_stay: bool| match whole_days(supply) {
        Some(n) if !in_stay => (from, n, true),
        _ => (from, 1, false),
    };
    if let Some(days) = days {
        let rows = within_days(view, item, days)?;
        for row in rows {
            let in_stay = view.facts.history.visit_of(row).is_some_and(|v| v.kind().is_stay());
            let (from, days, supply) = of(row.time.date(), row.supply_days, in_stay);
            all.push(Use { from, days, supply, at: None, past: Some(row) });
        }
    }
    for row in view.settled_here(item) {
        all.push(Use { from: row.time.date(), days: 1, supply: false, at: None, past: Some(row) });
    }
    for at in lines {
        let Some((_, f)) = view.net(*at) else { continue };
        let (from, days, supply) = of(f.line.time.date(), f.line.supply_days, stay && !f.line.take_home);
        all.push(Use { from, days, supply, at: Some(*at), past: None });
    }
    view.spend(all.len())?;
    all.sort_by_key(|u| (u.from, u.at));
    Ok(all)
}

/// Items used on more days of one course than the table's number; what of this claim lies beyond is at stake. A
/// course goes on while no more than `gap` days pass between two uses; the word `stay` keeps it within this stay.
fn over_course(l: &Lines, table: &str, gap: i64, days: i64) -> Fallible<rhai::Array> {
    let view = &l.view;
    let mut out = Vec::new();
    for (code, lines) in by_item(l) {
        let item = ItemCode::from(code);
        let Some(point) = view.knowledge.get(table, &item).iter().find(|p| p.number.is_some()) else { continue };
        let limit = whole_days(point.number).unwrap_or(0);
        let back = (point.word != "stay").then_some(days);
        let (mut total, mut until, mut first) = (0, NaiveDate::MIN, NaiveDate::MIN);
        let (mut excess, mut related, mut most) = (Vec::new(), Vec::new(), 0);
        for u in uses(view, &item, &lines, back)? {
            if u.from > ahead(until, gap) || until == NaiveDate::MIN {
                (total, first) = (0, u.from);
                related.clear();
            }
            let before = total;
            if u.supply {
                total += u.days;
                until = ahead(until.max(u.from), u.days);
            } else if u.from >= until {
                total += 1;
                until = ahead(u.from, 1);
            }
            related.extend(u.related());
            let Some((at, (net, _))) = u.at.and_then(|at| Some((at, view.net(at)?))) else { continue };
            most = most.max(total);
            let beyond = (total - limit).min(total - before);
            if total > limit && beyond > 0 && beyond < total - before {
                let units = portion(net.quantity, Quantity::whole(beyond), Quantity::whole(total - before))?;
                excess.push((at, Some(Part::Units(units))));
            } else if total > limit {
                excess.push((at, None));
            }
        }
        view.near(code, most, limit);
        if excess.is_empty() {
            continue;
        }
        let evidence = [("used", Dynamic::from_int(most)), ("limit", Dynamic::from_int(limit)), ("first", day(first))];
        out.extend(found(view, excess, related, evidence));
    }
    Ok(found_list(out))
}

fn day(day: NaiveDate) -> Dynamic {
    text(&day.to_string()).into()
}

/// Items of which more units than the table's number fall into some stretch of the table's days that ends with a line
/// of this claim. `back` is how many days before this visit are looked at.
fn over_period(l: &Lines, table: &str, back: i64) -> Fallible<rhai::Array> {
    let view = &l.view;
    let mut out = Vec::new();
    for (code, lines) in by_item(l) {
        let item = ItemCode::from(code);
        let point = view.knowledge.get(table, &item).iter().find_map(|p| Some((p.number?, i64::from(p.days?))));
        let Some((limit, days)) = point else { continue };
        let mut rows: Vec<(NaiveDate, Quantity, Option<u32>, Option<Related>)> = Vec::new();
        let related = |p: &PastLine| Some(Related { visit: p.visit.clone(), line: p.no.clone() });
        let earlier = within_days(view, &item, back.min(days))?.chain(view.settled_here(&item));
        rows.extend(earlier.map(|p| (p.time.date(), p.quantity, None, related(p))));
        let own = lines.iter().filter_map(|at| view.net(*at).map(|(n, f)| (*at, n, f)));
        rows.extend(own.map(|(at, n, f)| (f.line.time.date(), n.quantity, Some(at), Some(super::here(&f.line.no)))));
        rows.sort_by_key(|(day, _, at, _)| (*day, *at));
        view.spend(rows.len())?;
        let (mut start, mut sum) = (0, Quantity::ZERO);
        let (mut excess, mut with, mut most) = (Vec::new(), Vec::new(), Quantity::ZERO);
        for (i, (day, units, at, _)) in rows.iter().enumerate() {
            sum += *units;
            while let Some((first, gone, ..)) = rows.get(start).filter(|r| r.0 <= Day(*day).back(days)) {
                debug_assert!(first <= day);
                sum -= *gone;
                start += 1;
            }
            let Some(at) = at else { continue };
            most = most.max(sum);
            if sum > limit {
                excess.push((*at, Some(Part::Units((sum - limit).min(*units)))));
                let others = rows.get(start..i).unwrap_or_default();
                with.extend(others.iter().filter_map(|(.., who)| who.clone()));
            }
        }
        if !excess.is_empty() {
            let evidence = [
                ("used", Dynamic::from_decimal(crate::facts::quantity(most))),
                ("limit", Dynamic::from_decimal(crate::facts::quantity(limit))),
                ("days", Dynamic::from_int(days)),
            ];
            out.extend(found(view, excess, with, evidence));
        }
    }
    Ok(found_list(out))
}

/// Items done again within so many days of the last time, on another day; the later one is at stake. Before an
/// operation and after it are no two times of one.
fn repeated(l: &Lines, days: i64) -> Fallible<rhai::Array> {
    let view = &l.view;
    let mut out = Vec::new();
    let operated = OnceCell::new();
    let operation_within = |from: NaiveDate, to: NaiveDate| {
        operated.get_or_init(|| operation_days(view)).iter().any(|day| (from..=to).contains(day))
    };
    for (code, lines) in by_item(l) {
        let item = ItemCode::from(code);
        let mut last: Option<(NaiveDate, Related)> = None;
        let (mut again, mut related, mut shown) = (Vec::new(), Vec::new(), Vec::new());
        for u in uses(view, &item, &lines, Some(days))? {
            let here = u.at.and_then(|at| view.net(at)).map(|(_, f)| super::here(&f.line.no));
            let Some(this) = u.related().or(here) else { continue };
            let earlier = last.as_ref().filter(|(on, _)| *on < u.from && u.from <= ahead(*on, days));
            if let (Some(at), Some((on, who))) = (u.at, earlier)
                && !operation_within(*on, u.from)
            {
                again.push((at, None));
                related.push(who.clone());
                shown.push(format!("{on}、{}", u.from));
            }
            if last.as_ref().is_none_or(|(on, _)| *on < u.from) {
                last = Some((u.from, this));
            }
        }
        if !again.is_empty() {
            let evidence = [("days", text(&days_text(&shown)).into())];
            out.extend(found(view, again, related, evidence));
        }
    }
    Ok(found_list(out))
}

/// The days for which an operation is charged here (charge type 06).
fn operation_days(view: &View) -> Vec<NaiveDate> {
    let all = 0..u32::try_from(view.facts.net_lines.len()).unwrap_or(u32::MAX);
    let operations =
        all.filter_map(|at| view.net(at)).filter(|(_, f)| f.item.as_ref().is_some_and(|i| i.charge_type == "06"));
    let mut days: Vec<NaiveDate> = operations.map(|(_, f)| f.line.time.date()).collect();
    days.dedup();
    days
}

/// Whether nothing of the lines' items was settled before, and no two of the lines are of one item: then nothing adds
/// up with anything.
fn stands_alone(l: &Lines) -> bool {
    const FEW: usize = 32;
    if l.at.len() > FEW || super::facts(l).any(|(_, f)| l.view.settled_before(&f.line.item)) {
        return false;
    }
    let mut items: Vec<&str> = super::facts(l).map(|(_, f)| f.line.item.as_str()).collect();
    items.sort_unstable();
    items.windows(2).all(|w| w.first() != w.last())
}

/// Drugs of which, after a fill, the person holds more days than `most`: each fill adds its days to what is left of
/// those before it. What of the fill lies beyond is at stake.
fn stockpiled(l: &Lines, most: i64, days: i64) -> Fallible<rhai::Array> {
    let view = &l.view;
    let mut out = Vec::new();
    // a single fill that is too long is another rule's
    if !view.run().tracing && stands_alone(l) {
        view.spend(l.at.len())?;
        super::super::history::check_window(view, days)?;
        return Ok(rhai::Array::new());
    }
    for (code, lines) in by_item(l) {
        let item = ItemCode::from(code);
        let (mut until, mut held_most) = (NaiveDate::MIN, 0);
        let (mut excess, mut related) = (Vec::new(), Vec::new());
        for u in uses(view, &item, &lines, Some(days))?.into_iter().filter(|u| u.supply) {
            let held_before = (until - u.from).num_days().max(0);
            until = ahead(until.max(u.from), u.days);
            let held = (until - u.from).num_days();
            if held_before == 0 {
                related.clear();
            }
            related.extend(u.related());
            let Some((at, (net, _))) = u.at.and_then(|at| Some((at, view.net(at)?))) else { continue };
            held_most = held_most.max(held);
            let beyond = (held - most).min(u.days);
            if beyond > 0 && held_before > 0 {
                let units = portion(net.quantity, Quantity::whole(beyond), Quantity::whole(u.days))?;
                excess.push((at, Some(Part::Units(units))));
            }
        }
        view.near(code, held_most, most);
        if !excess.is_empty() {
            out.extend(found(view, excess, related, [("held", Dynamic::from_int(held_most))]));
        }
    }
    Ok(found_list(out))
}

/// Items bought at more visits than `times` within so many days, this one included; all of it at this visit is at
/// stake.
fn bought_often(l: &Lines, times: i64, days: i64) -> Fallible<rhai::Array> {
    let view = &l.view;
    let mut out = Vec::new();
    for (code, lines) in by_item(l) {
        let item = ItemCode::from(code);
        let rows: Vec<&PastLine> = within_days(view, &item, days)?.collect();
        let visits: BTreeSet<_> = rows.iter().map(|p| &p.visit).collect();
        let bought = visits.len() as i64 + 1;
        view.near(code, bought, times);
        if bought > times {
            let related = rows.iter().map(|p| Related { visit: p.visit.clone(), line: p.no.clone() }).collect();
            let at = lines.into_iter().map(|at| (at, None)).collect();
            out.extend(found(view, at, related, [("times", Dynamic::from_int(bought))]));
        }
    }
    Ok(found_list(out))
}

/// Items charged for more than the table's number of yuan at this visit together with so many days before it (none:
/// this visit only); the share of this visit's lines that lies beyond is at stake.
fn over_amount(l: &Lines, table: &str, days: i64) -> Fallible<rhai::Array> {
    let view = &l.view;
    let mut out = Vec::new();
    for (code, lines) in by_item(l) {
        let item = ItemCode::from(code);
        let Some(limit) = view.number(table, &item) else { continue };
        let limit = limit.to_decimal().round_dp(2);
        let limit = Money::from_decimal(limit).map_err(|e| fail(format!("{limit}: {e}")))?;
        let earlier: Money =
            if days > 0 { within_days(view, &item, days)?.map(|p| p.amount).sum() } else { Money::ZERO };
        let settled: Money = view.settled_here(&item).map(|p| p.amount).sum();
        let mut left = (limit - earlier - settled).at_least_zero();
        let (mut at, mut total) = (Vec::new(), earlier + settled);
        for line in lines {
            let Some((net, _)) = view.net(line) else { continue };
            total += net.amount;
            let beyond = net.amount - left.min(net.amount);
            left -= left.min(net.amount);
            if !beyond.is_zero() {
                at.push((line, Some(Part::Amount(beyond))));
            }
        }
        if !at.is_empty() {
            let yuan = |m: Money| Dynamic::from(crate::values::Yuan(m));
            out.extend(found(view, at, Vec::new(), [("amount", yuan(total)), ("limit", yuan(limit))]));
        }
    }
    Ok(found_list(out))
}

fn found<const N: usize>(
    view: &Arc<View>,
    at: Vec<(u32, Option<Part>)>,
    related: Vec<Related>,
    evidence: [(&str, Dynamic); N],
) -> Option<Found> {
    let name = view.net(at.first()?.0).map(|(_, f)| text(Line::name(f)))?;
    let mut map = Map::from([("item".into(), name.into())]);
    map.extend(evidence.into_iter().map(|(k, v)| (k.into(), v)));
    Some(Found { lines: Lines { view: Arc::clone(view), at: at.into() }, related, evidence: map, open: false })
}
