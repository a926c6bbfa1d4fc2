//! Lines that conflict with others: more units a day than allowed, two drugs of one group. Pairs of
//! which one includes the other are in [`super::pairs`].
//!
//! These walk over groups of lines of one item or drug group. Each line is looked at a bounded
//! number of times, so that a stay of fifty thousand lines stays linear.

use super::{by_item, came_before, facts, grouped, here, settled_on, within_days};
use crate::facts::{Found, Line, Lines, View, text};
use crate::host::{Fallible, Registry};
use crate::natives::{days_text, found_list, lines_at};
use chrono::{Days, NaiveDate};
use dingan_core::bundle::CatalogueItem;
use dingan_core::codes::ItemCode;
use dingan_core::finding::{Part, Related};
use dingan_core::money::Quantity;
use rhai::{ImmutableString, Map};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.fun("over_daily", |l: &mut Lines, table: ImmutableString| over_daily(l, &table));
    r.get("same_group", |l: &mut Lines| same_group(l, None));
    r.fun("same_group_within", |l: &mut Lines, days: i64| same_group(l, Some(days)));
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
/// covers its days of supply; in a stay (unless taken home) and where none is given, its own day. With `days`, drugs of
/// other visits from so many days back count too.
fn same_group(l: &mut Lines, days: Option<i64>) -> Fallible<rhai::Array> {
    let view = Arc::clone(&l.view);
    view.spend(l.at.len())?;
    let mut out = Vec::new();
    for (group, lines) in grouped(l, |f| f.item.as_ref().map_or("", |i| i.drug_group.as_str())) {
        if group.is_empty() {
            continue;
        }
        let earlier: Vec<&CatalogueItem> = match days {
            Some(_) => view.facts.history.items_of_group(group).collect(),
            None => Vec::new(),
        };
        let mut given = Vec::with_capacity(lines.len());
        for item in &earlier {
            for row in within_days(&view, &item.code, days.unwrap_or(0))? {
                let in_stay = view.facts.history.visit_of(row).is_some_and(|v| v.kind().is_stay());
                let day = row.time.date();
                let who = Related { visit: row.visit.clone(), line: row.no.clone() };
                let last = last_day(day, row.supply_days.filter(|_| !in_stay));
                given.push(Given { day, last, item: &item.code, name: &item.name, at: None, who });
            }
        }
        let is_stay = view.facts.visit.kind().is_stay();
        for at in lines {
            let Some((_, fact)) = view.net(at) else { continue };
            let day = fact.line.time.date();
            let last = last_day(day, fact.line.supply_days.filter(|_| !is_stay || fact.line.take_home));
            let (item, name, who) = (&fact.line.item, Line::name(fact), here(&fact.line.no));
            given.push(Given { day, last, item, name, at: Some(at), who });
        }
        // lines of the claim stand in order of time
        given.sort_by_key(|g| g.day);
        let (at_stake, first) = given_twice(&view, &given)?;
        if at_stake.is_empty() {
            continue;
        }
        let later = lines_at(&view, at_stake);
        let first = || first.iter().filter_map(|i| given.get(*i));
        let with: BTreeSet<&str> = first().map(|g| g.name).collect();
        let evidence = Map::from([
            ("group".into(), text(group).into()),
            ("item".into(), text(&names(&later)).into()),
            ("with".into(), text(&Vec::from_iter(with).join("、")).into()),
        ]);
        let related = first().map(|g| g.who.clone()).collect();
        out.push(Found { lines: later, related, evidence, open: false });
    }
    Ok(found_list(out))
}

/// A drug given on a day, and the last day it covers.
struct Given<'v> {
    day: NaiveDate,
    last: NaiveDate,
    item: &'v ItemCode,
    name: &'v str,
    /// Its place in the claim; none for a settled line.
    at: Option<u32>,
    who: Related,
}

fn last_day(day: NaiveDate, supply: Option<Quantity>) -> NaiveDate {
    // a part of a day is a day
    let more = supply.map_or(0, |s| (s.units() - 1).max(0) / Quantity::ONE_UNITS);
    day.checked_add_days(Days::new(more.unsigned_abs())).unwrap_or(day)
}

/// Of the drugs of a group, in order of time, the claim's lines given while another item of the group still lasted, and
/// the places of those others.
fn given_twice(view: &View, given: &[Given<'_>]) -> Fallible<(Vec<u32>, BTreeSet<usize>)> {
    // the last day covered by each item so far, and what covers it
    let mut covered: BTreeMap<&ItemCode, (NaiveDate, usize)> = BTreeMap::new();
    let (mut at_stake, mut first) = (Vec::new(), BTreeSet::new());
    for (i, g) in given.iter().enumerate() {
        view.spend(covered.len())?;
        let other = covered.iter().find(|(other, (last, _))| **other != g.item && *last >= g.day);
        if let (Some(at), Some((_, (_, with)))) = (g.at, other) {
            at_stake.push(at);
            first.insert(*with);
        }
        let so_far = covered.entry(g.item).or_insert((g.last, i));
        *so_far = (*so_far).max((g.last, i));
    }
    Ok((at_stake, first))
}

fn names(lines: &Lines) -> String {
    let names: BTreeSet<&str> = facts(lines).map(|(_, f)| Line::name(f)).collect();
    names.into_iter().collect::<Vec<_>>().join("、")
}
