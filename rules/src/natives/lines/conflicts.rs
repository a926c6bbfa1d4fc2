//! Lines that conflict with others: more units a day than allowed, two drugs of one group. Pairs of
//! which one includes the other are in [`super::pairs`].
//!
//! These walk over groups of lines of one item or drug group. Each line is looked at a bounded
//! number of times, so that a stay of fifty thousand lines stays linear.

use super::{by_item, came_before, facts, grouped, here, settled_on};
use crate::facts::{Found, Line, Lines, View, text};
use crate::host::{Fallible, Registry};
use crate::natives::{days_text, found_list, lines_at};
use chrono::{Days, NaiveDate};
use dingan_core::codes::ItemCode;
use dingan_core::finding::{Part, Related};
use dingan_core::money::Quantity;
use rhai::{ImmutableString, Map};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.fun("over_daily", |l: &mut Lines, table: ImmutableString| over_daily(l, &table));
    r.get("same_group", |l: &mut Lines| same_group(l));
    r.evidence(&["item", "group", "with", "limit", "days"]);
}

/// Items charged more often on a day than the table allows. What earlier parts of the stay and other
/// visits to the same institution used up that day counts; the last units of the day are at stake.
fn over_daily(l: &mut Lines, table: &str) -> Fallible<rhai::Array> {
    let view = &l.view;
    let mut out = Vec::new();
    for (code, lines) in by_item(l) {
        let item = ItemCode::from(code);
        let Some(limit) = view.number(table, &item) else { continue };
        view.spend(lines.len())?;
        let mut excess: Vec<(u32, Option<Part>)> = Vec::new();
        let (mut days, mut related) = (Vec::new(), Vec::new());
        for of_day in lines.chunk_by(|a, b| day_of(view, *a) == day_of(view, *b)) {
            let Some(day) = of_day.first().and_then(|at| day_of(view, *at)) else { continue };
            let charged: Quantity = of_day.iter().filter_map(|at| view.net(*at)).map(|(n, _)| n.quantity).sum();
            let (before, who) = used_before(view, &item, day)?;
            if before + charged <= limit {
                continue;
            }
            let mut left = (limit - before).max(Quantity::ZERO);
            for (at, quantity) in of_day.iter().filter_map(|at| view.net(*at).map(|(n, _)| (*at, n.quantity))) {
                let allowed = left.min(quantity);
                left -= allowed;
                if allowed < quantity {
                    excess.push((at, Some(Part::Units(quantity - allowed))));
                }
            }
            days.push(format!("{day}（{}）", before + charged));
            related.extend(who);
        }
        let Some((_, fact)) = excess.first().and_then(|(at, _)| view.net(*at)) else { continue };
        let evidence = Map::from([
            ("item".into(), text(Line::name(fact)).into()),
            ("limit".into(), text(&limit.to_string()).into()),
            ("days".into(), text(&days_text(&days)).into()),
        ]);
        let lines = Lines { view: Arc::clone(view), at: excess.into() };
        out.push(Found { lines, related, evidence, open: false });
    }
    Ok(found_list(out))
}

fn day_of(view: &View, at: u32) -> Option<NaiveDate> {
    view.net(at).map(|(_, f)| f.line.time.date())
}

/// Units of an item already settled on a day at this institution, and the lines they stand on.
fn used_before(view: &View, item: &ItemCode, day: NaiveDate) -> Fallible<(Quantity, Vec<Related>)> {
    let mut sum = Quantity::ZERO;
    let mut related = Vec::new();
    let own = &view.facts.visit.id;
    // of two visits the later one is at stake, also when both are known
    for row in settled_on(view, item, day)?.filter(|r| r.visit == *own || came_before(view, r)) {
        sum += row.quantity;
        related.push(Related { visit: row.visit.clone(), line: row.no.clone() });
    }
    Ok((sum, related))
}

/// Different drugs of one group given for overlapping days: the one given later is at stake. A line
/// covers its days of supply; in a stay (unless taken home) and where none is given, its own day.
fn same_group(l: &mut Lines) -> Fallible<rhai::Array> {
    l.view.spend(l.at.len())?;
    let mut out = Vec::new();
    for (group, lines) in grouped(l, |f| f.item.as_ref().map_or("", |i| i.drug_group.as_str())) {
        if group.is_empty() {
            continue;
        }
        let (at_stake, first) = given_twice(&l.view, &lines)?;
        if at_stake.is_empty() {
            continue;
        }
        let (later, first) = (lines_at(&l.view, at_stake), lines_at(&l.view, first));
        let evidence = Map::from([
            ("group".into(), text(group).into()),
            ("item".into(), text(&names(&later)).into()),
            ("with".into(), text(&names(&first)).into()),
        ]);
        let related = facts(&first).map(|(_, f)| here(&f.line.no)).collect();
        out.push(Found { lines: later, related, evidence, open: false });
    }
    Ok(found_list(out))
}

/// Of the lines of a group, those given while another item of the group still lasted, and the lines
/// of those others.
fn given_twice(view: &View, lines: &[u32]) -> Fallible<(Vec<u32>, BTreeSet<u32>)> {
    let is_stay = view.facts.visit.kind().is_stay();
    // the last day covered by each item so far, and the line that covers it
    let mut covered: BTreeMap<&ItemCode, (NaiveDate, u32)> = BTreeMap::new();
    let (mut at_stake, mut first) = (Vec::new(), BTreeSet::new());
    for at in lines {
        let Some((_, fact)) = view.net(*at) else { continue };
        let (item, day) = (&fact.line.item, fact.line.time.date());
        view.spend(covered.len())?;
        if let Some((_, (_, with))) = covered.iter().find(|(other, (last, _))| **other != item && *last >= day) {
            at_stake.push(*at);
            first.insert(*with);
        }
        let supply = if is_stay && !fact.line.take_home { None } else { fact.line.supply_days };
        // a part of a day is a day
        let more = supply.map_or(0, |s| (s.units() - 1).max(0) / Quantity::ONE_UNITS);
        let last = day.checked_add_days(Days::new(more.unsigned_abs())).unwrap_or(day);
        let so_far = covered.entry(item).or_insert((last, *at));
        *so_far = (*so_far).max((last, *at));
    }
    Ok((at_stake, first))
}

fn names(lines: &Lines) -> String {
    let names: BTreeSet<&str> = facts(lines).map(|(_, f)| Line::name(f)).collect();
    names.into_iter().collect::<Vec<_>>().join("、")
}
