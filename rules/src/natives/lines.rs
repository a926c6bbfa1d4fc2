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
    r.evidence(&["item", "limit", "days", "supply"]);
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

/// Lines that last longer than the days allowed (those of the table before the general ones), each
/// with the units beyond at stake.
fn supplied_beyond(l: &mut Lines, table: &str, days: i64) -> Fallible<rhai::Array> {
    l.view.spend(l.at.len())?;
    let mut found = Vec::new();
    let knowledge = &l.view.knowledge;
    let table = knowledge.table(table);
    let of_item = |item: &ItemCode| knowledge.about(item.as_str()).points(table?).iter().find_map(|p| p.number);
    for (at, fact) in facts(l) {
        let Some(supply) = fact.line.supply_days else { continue };
        let limit = of_item(&fact.line.item).unwrap_or(Quantity::whole(days));
        if supply <= limit {
            continue;
        }
        let Some((net, _)) = l.view.net(at) else { continue };
        let evidence = Map::from([
            ("item".into(), text(Line::name(fact)).into()),
            ("supply".into(), Dynamic::from_decimal(quantity(supply))),
            ("limit".into(), Dynamic::from_decimal(quantity(limit))),
        ]);
        let units = portion(net.quantity, supply - limit, supply)?;
        let lines = Lines { view: Arc::clone(&l.view), at: Arc::from([(at, Some(Part::Units(units)))]) };
        found.push(Found { lines, related: Vec::new(), evidence, open: false });
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
