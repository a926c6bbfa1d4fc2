//! Looking at the lines of a claim.

mod conflicts;
mod orders;
mod pairs;
mod parts;
mod prices;
mod usage;

use crate::facts::{Claim, Found, Line, Lines, View, quantity, text};
use crate::host::{Fallible, Registry, fail};
use crate::natives::{days_text, found_list, lines_at};
use crate::values::{Day, Yuan};
use chrono::NaiveDate;
use dingan_core::codes::{ItemCode, LineNo, VisitId};
use dingan_core::facts::{LineFact, NetLine};
use dingan_core::finding::{Part, Related};
use dingan_core::money::{Money, Quantity};
use dingan_core::person::PastLine;
use rhai::{Dynamic, ImmutableString, Map};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.fun("lines_of", |c: &mut Claim, item: ImmutableString| -> Fallible<Lines> {
        let at = c.0.lines_of(&item);
        c.0.spend(at.len())?;
        Ok(lines_at(&c.0, at.iter().copied()))
    });

    r.fun("allowed", |l: &mut Line, table: ImmutableString, code: ImmutableString| -> Fallible<bool> {
        let (_, fact) = l.net()?;
        let points = l.view.knowledge.get(&table, &fact.line.item);
        Ok(points.iter().any(|p| !p.word.is_empty() && code.starts_with(&*p.word)))
    });
    r.fun("part", |l: &mut Line, units: Decimal| -> Fallible<Lines> {
        let units = Quantity::from_decimal_rounded(units).map_err(|e| fail(format!("{units} units: {e}")))?;
        Ok(Lines { view: Arc::clone(&l.view), at: Arc::from([(l.at, Some(Part::Units(units)))]) })
    });

    r.named::<Lines>("Lines");
    r.list::<Lines>();
    r.get("len", |l: &mut Lines| l.at.len() as i64);
    r.get("is_empty", |l: &mut Lines| l.at.is_empty());
    r.get("amount", |l: &mut Lines| -> Fallible<Yuan> {
        l.view.spend(l.at.len())?;
        Ok(Yuan(nets(l).map(|(_, n)| n.amount).sum::<Money>()))
    });
    r.get("quantity", |l: &mut Lines| -> Fallible<Decimal> {
        l.view.spend(l.at.len())?;
        Ok(quantity(nets(l).map(|(_, n)| n.quantity).sum::<Quantity>()))
    });
    r.get("days", |l: &mut Lines| -> Fallible<ImmutableString> {
        l.view.spend(l.at.len())?;
        let mut days: Vec<String> = facts(l).map(|(_, f)| f.line.time.date().to_string()).collect();
        days.dedup();
        Ok(text(&days_text(&days)))
    });
    r.get("names", |l: &mut Lines| -> Fallible<ImmutableString> {
        l.view.spend(l.at.len())?;
        let mut names: Vec<&str> = facts(l).map(|(_, f)| Line::name(f)).collect();
        names.sort_unstable();
        names.dedup();
        Ok(text(&names.join("、")))
    });
    r.fun("on", |l: &mut Lines, day: Day| kept(l, |f| f.line.time.date() == day.0));
    r.fun("before", |l: &mut Lines, day: Day| kept(l, |f| f.line.time.date() < day.0));
    r.fun("after", |l: &mut Lines, day: Day| kept(l, |f| f.line.time.date() > day.0));
    r.get("without_supply_days", |l: &mut Lines| kept(l, |f| f.line.supply_days.is_none()));
    r.fun("supplied_beyond", |l: &mut Lines, table: ImmutableString, days: i64| supplied_beyond(l, &table, days));
    r.fun("dosed_beyond", |l: &mut Lines, table: ImmutableString| dosed_beyond(l, &table));
    r.evidence(&["item", "limit", "days", "supply", "quantity"]);
    r.get("with_settled", |l: &mut Lines| prices::with_settled(l));
    conflicts::register(r);
    orders::register(r);
    pairs::register(r);
    parts::register(r);
    prices::register(r);
    usage::register(r);
}

fn is_among(text: &str, list: &rhai::Array) -> bool {
    list.iter().any(|t| t.read_lock::<ImmutableString>().is_some_and(|t| t.as_str() == text))
}

/// Settled lines of an item in other visits, from so many days before this one. Of visits on one day only those
/// before this one count, so that a run after the fact does not put the same excess at stake at each of them.
fn within_days<'v>(view: &'v View, item: &'v ItemCode, days: i64) -> Fallible<impl Iterator<Item = &'v PastLine>> {
    super::history::check_window(view, days)?;
    let history = &view.facts.history;
    let (from, to) = (view.begin_day().back(days), view.last_day().0);
    let rows = super::history::since(view, history.lines_of(item.as_str()), from);
    view.spend(rows.len())?;
    let own = &view.facts.visit.id;
    let before = move |l: &&PastLine| match view.facts.visit.kind().is_stay() || l.time.date() < to {
        true => true,
        false => came_before(view, l),
    };
    let rows = rows.iter().filter_map(|at| history.lines().get(*at as usize));
    Ok(rows.take_while(move |l| l.time.date() <= to).filter(move |l| l.visit != *own).filter(before))
}

fn nets(l: &Lines) -> impl Iterator<Item = (u32, &NetLine)> {
    l.at.iter().filter_map(|(at, _)| l.view.net(*at).map(|(n, _)| (*at, n)))
}

fn facts(l: &Lines) -> impl Iterator<Item = (u32, &LineFact)> {
    l.at.iter().filter_map(|(at, _)| l.view.net(*at).map(|(_, f)| (*at, f)))
}

fn kept(l: &Lines, keep: impl Fn(&LineFact) -> bool) -> Fallible<Lines> {
    l.view.spend(l.at.len())?;
    let keeps = |at: u32| l.view.net(at).is_some_and(|(_, f)| keep(f));
    if l.at.iter().all(|(at, _)| keeps(*at)) {
        return Ok(l.clone());
    }
    Ok(Lines { at: l.at.iter().filter(|(at, _)| keeps(*at)).copied().collect(), view: Arc::clone(&l.view) })
}

/// Fills that last longer than the days allowed (those of the table before the general ones), each with the units
/// beyond at stake. The lines of one prescription are packs of one fill, and the longest says how long it lasts; what
/// another prescription of the visit gave, or a visit of the same day before it, is there beside it.
fn supplied_beyond(l: &mut Lines, table: &str, days: i64) -> Fallible<rhai::Array> {
    let view = &l.view;
    view.spend(l.at.len())?;
    let table = view.knowledge.table(table);
    let of_item = |item: &ItemCode| view.knowledge.about(item.as_str()).points(table?).iter().find_map(|p| p.number);
    let limit_of = |item: &ItemCode| of_item(item).unwrap_or(Quantity::whole(days));
    let mut found = Vec::new();
    if one_fill(l) {
        for (at, fact) in facts(l) {
            found.extend(beyond_days(view, at, Quantity::ZERO, limit_of(&fact.line.item), &[])?);
        }
        return Ok(found_list(found));
    }
    for (code, lines) in by_item(l) {
        let item = ItemCode::from(code);
        let limit = limit_of(&item);
        let (mut given, mut related) = given_today(view, &item)?;
        let mut fills: Vec<(&str, Vec<u32>)> = Vec::new();
        for at in lines {
            let Some((_, f)) = view.net(at) else { continue };
            let order = f.line.order_no.as_str();
            match fills.iter_mut().find(|(of, _)| *of == order) {
                Some((_, fill)) => fill.push(at),
                None => fills.push((order, vec![at])),
            }
        }
        for (_, fill) in fills {
            let mut longest = Quantity::ZERO;
            for at in &fill {
                found.extend(beyond_days(view, *at, given, limit, &related)?);
                longest = longest.max(view.net(*at).and_then(|(_, f)| f.line.supply_days).unwrap_or_default());
            }
            related.extend(fill.iter().filter_map(|at| view.net(*at)).map(|(_, f)| here(&f.line.no)));
            given += longest;
        }
    }
    Ok(found_list(found))
}

/// Whether all lines are of one prescription, and nothing of any other visit is of their days: then nothing is there
/// beside them.
fn one_fill(l: &Lines) -> bool {
    let (first, last) = (l.view.begin_day().0, l.view.last_day().0);
    let others = l.view.facts.history.lines();
    let next = others.partition_point(|o| o.time.date() < first);
    let mut orders = facts(l).map(|(_, f)| f.line.order_no.as_str());
    let order = orders.next();
    others.get(next).is_none_or(|o| o.time.date() > last) && orders.all(|o| Some(o) == order)
}

/// A line that, with what is there already, lasts longer than the limit.
fn beyond_days(
    view: &Arc<View>,
    at: u32,
    given: Quantity,
    limit: Quantity,
    beside: &[Related],
) -> Fallible<Option<Found>> {
    let Some((net, fact)) = view.net(at) else { return Ok(None) };
    // a line of no days adds none, whatever is there
    let Some(supply) = fact.line.supply_days.filter(|s| *s > Quantity::ZERO) else { return Ok(None) };
    let total = given + supply;
    if total <= limit {
        return Ok(None);
    }
    let evidence = Map::from([
        ("item".into(), text(Line::name(fact)).into()),
        ("supply".into(), Dynamic::from_decimal(quantity(total))),
        ("limit".into(), Dynamic::from_decimal(quantity(limit))),
    ]);
    let units = portion(net.quantity, (total - limit).min(supply), supply)?;
    let lines = Lines { view: Arc::clone(view), at: Arc::from([(at, Some(Part::Units(units)))]) };
    Ok(Some(Found { lines, related: beside.to_vec(), evidence, open: false }))
}

/// How many days of a drug the visits of this day before this one gave: of each the longest line.
fn given_today(view: &View, item: &ItemCode) -> Fallible<(Quantity, Vec<Related>)> {
    let mut of_visit: BTreeMap<&VisitId, Quantity> = BTreeMap::new();
    let mut related = Vec::new();
    for row in within_days(view, item, 0)? {
        let longest = of_visit.entry(&row.visit).or_default();
        *longest = (*longest).max(row.supply_days.unwrap_or_default());
        related.push(Related { visit: row.visit.clone(), line: row.no.clone() });
    }
    Ok((of_visit.into_values().sum(), related))
}

/// Items of which the prescriptions of the visit together give more units a day than the table's number, taken for as
/// long as the longest of them lasts. Where a line does not say how long that is, nothing is said of its item.
fn dosed_beyond(l: &mut Lines, table: &str) -> Fallible<rhai::Array> {
    let view = &l.view;
    view.spend(l.at.len())?;
    let mut found = Vec::new();
    for (code, lines) in by_item(l) {
        let Some(most) = view.number(table, &ItemCode::from(code)) else { continue };
        let of_item = lines_at(view, lines);
        let Some(days) = facts(&of_item).map(|(_, f)| f.line.supply_days).collect::<Option<Vec<_>>>() else { continue };
        let days = days.into_iter().max().unwrap_or_default();
        let units: Quantity = nets(&of_item).map(|(_, n)| n.quantity).sum();
        let allowed = most.to_decimal().checked_mul(days.to_decimal());
        let allowed = allowed.ok_or_else(|| fail("a quantity is out of range"))?;
        let Some((_, first)) = facts(&of_item).next() else { continue };
        if units.to_decimal() <= allowed {
            continue;
        }
        let evidence = Map::from([
            ("item".into(), text(Line::name(first)).into()),
            ("limit".into(), Dynamic::from_decimal(quantity(most))),
            ("quantity".into(), Dynamic::from_decimal(quantity(units))),
            ("days".into(), Dynamic::from_decimal(quantity(days))),
        ]);
        found.push(Found { lines: of_item, related: Vec::new(), evidence, open: false });
    }
    Ok(found_list(found))
}

/// `whole × part ÷ of`, rounded to the scale of quantities.
fn portion(whole: Quantity, part: Quantity, of: Quantity) -> Fallible<Quantity> {
    let exact = whole
        .to_decimal()
        .checked_mul(part.to_decimal())
        .and_then(|n| n.checked_div(of.to_decimal()))
        .ok_or_else(|| fail("a quantity is out of range"))?;
    Quantity::from_decimal_rounded(exact).map_err(|e| fail(format!("{exact}: {e}")))
}

/// Lines by a text of theirs, keeping their order within it.
fn grouped<'l>(l: &'l Lines, key: impl Fn(&'l LineFact) -> &'l str) -> BTreeMap<&'l str, Vec<u32>> {
    let mut groups: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (at, fact) in facts(l) {
        groups.entry(key(fact)).or_default().push(at);
    }
    groups
}

/// Lines by item.
fn by_item(l: &Lines) -> BTreeMap<&str, Vec<u32>> {
    grouped(l, |f| f.line.item.as_str())
}

fn here(line: &LineNo) -> Related {
    Related { visit: VisitId::default(), line: line.clone() }
}

/// Lines of an item settled on a day, in earlier parts of this stay and other visits to this
/// institution.
fn settled_on<'v>(view: &'v View, item: &'v ItemCode, day: NaiveDate) -> Fallible<impl Iterator<Item = &'v PastLine>> {
    let history = &view.facts.history;
    let own: Vec<&PastLine> = view.settled_here(item).filter(|l| l.time.date() == day).collect();
    let others = super::history::since(view, history.lines_of(item.as_str()), day);
    let others = others.iter().filter_map(|at| history.lines().get(*at as usize));
    let of_day: Vec<&PastLine> = others.take_while(|l| l.time.date() == day).collect();
    view.spend(own.len() + of_day.len())?;
    Ok(own.into_iter().chain(of_day.into_iter().filter(|l| at_this_institution(view, l))))
}

/// Whether a settled line belongs to a visit that began before this one.
fn came_before(view: &View, row: &PastLine) -> bool {
    view.facts.history.visit_of(row).is_some_and(|v| super::history::earlier(view, v))
}

/// Whether a settled line belongs to another visit at the same institution.
fn at_this_institution(view: &View, row: &PastLine) -> bool {
    let facts = &view.facts;
    view.facts.history.visit_of(row).is_some_and(|v| v.institution == facts.visit.institution)
}
