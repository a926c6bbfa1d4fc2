//! Prescriptions, and what stands or is lacking beside what: herbs and drugs that do not go together, companions
//! that an item needs.

use super::{by_item, facts, here};
use crate::facts::{Found, Line, Lines, View, text};
use crate::host::{Fallible, Registry};
use crate::natives::{days_text, found_list, lines_at};
use chrono::NaiveDate;
use dingan_core::codes::ItemCode;
use dingan_core::facts::LineFact;
use rhai::{Dynamic, ImmutableString, Map};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.get("kinds", |l: &mut Lines| -> Fallible<i64> {
        l.view.spend(l.at.len())?;
        let mut items: Vec<&str> = facts(l).map(|(_, f)| f.line.item.as_str()).collect();
        items.sort_unstable();
        items.dedup();
        Ok(items.len() as i64)
    });
    r.get("prescriptions", |l: &mut Lines| prescriptions(l));
    r.fun("conflicting", |l: &mut Lines, table: ImmutableString| conflicting(l, &table));
    r.fun("lacking", |l: &mut Lines, table: ImmutableString| lacking(l, &table));
    r.evidence(&["item", "with", "days", "needs"]);
}

/// Lines by prescription or order; those without a number go together by day and practitioner.
fn prescriptions(l: &Lines) -> Fallible<rhai::Array> {
    l.view.spend(l.at.len())?;
    let mut orders = facts(l).map(|(_, f)| f.line.order_no.as_str());
    if let Some(order) = orders.next().filter(|o| !o.is_empty())
        && orders.all(|o| o == order)
    {
        return Ok(vec![Dynamic::from(l.clone())]);
    }
    type Key<'f> = (NaiveDate, &'f str, &'f str);
    let key = |f: &LineFact| -> Option<()> { (!f.line.order_no.is_empty()).then_some(()) };
    let mut groups: BTreeMap<Key<'_>, Vec<u32>> = BTreeMap::new();
    for (at, f) in facts(l) {
        let group = match key(f) {
            Some(()) => (NaiveDate::MIN, f.line.order_no.as_str(), ""),
            None => (f.line.time.date(), "", f.line.practitioner.as_str()),
        };
        groups.entry(group).or_default().push(at);
    }
    Ok(groups.into_values().map(|at| Dynamic::from(lines_at(&l.view, at))).collect())
}

/// Items of a pair of the table given on one day. The pair holds both ways; the item with the greater code is at
/// stake, with the other beside it.
fn conflicting(l: &Lines, table: &str) -> Fallible<rhai::Array> {
    let view = &l.view;
    view.spend(l.at.len())?;
    let mine = by_item(l);
    let mut out = Vec::new();
    for (code, lines) in &mine {
        let item = ItemCode::from(*code);
        let firsts = view.knowledge.get(table, &item).iter().map(|p| &p.other);
        let seconds = view.knowledge.pairs_with(table, &item).iter().map(|p| &p.item);
        let others: BTreeSet<&str> = firsts.chain(seconds).map(ItemCode::as_str).filter(|o| o < code).collect();
        for other in others {
            let Some(with) = mine.get(other) else { continue };
            view.spend(lines.len() + with.len())?;
            let days: BTreeSet<NaiveDate> = with.iter().filter_map(|at| day(view, *at)).collect();
            let on_them = |at: &&u32| day(view, **at).is_some_and(|d| days.contains(&d));
            let at: Vec<u32> = lines.iter().filter(on_them).copied().collect();
            let own: BTreeSet<NaiveDate> = at.iter().filter_map(|at| day(view, *at)).collect();
            let beside: Vec<u32> =
                with.iter().filter(|at| day(view, **at).is_some_and(|d| own.contains(&d))).copied().collect();
            out.extend(pair(view, at, beside, &own));
        }
    }
    Ok(found_list(out))
}

fn day(view: &View, at: u32) -> Option<NaiveDate> {
    view.net(at).map(|(_, f)| f.line.time.date())
}

fn pair(view: &Arc<View>, at: Vec<u32>, beside: Vec<u32>, days: &BTreeSet<NaiveDate>) -> Option<Found> {
    let name = |at: &u32| view.net(*at).map(|(_, f)| text(Line::name(f)));
    let days: Vec<String> = days.iter().map(ToString::to_string).collect();
    let evidence = Map::from([
        ("item".into(), name(at.first()?)?.into()),
        ("with".into(), name(beside.first()?)?.into()),
        ("days".into(), text(&days_text(&days)).into()),
    ]);
    let related = beside.iter().filter_map(|at| view.net(*at)).map(|(_, f)| here(&f.line.no)).collect();
    Some(Found { lines: lines_at(view, at), related, evidence, open: false })
}

/// Lines of an item for which the table names companions, of which none was charged during the visit.
fn lacking(l: &Lines, table: &str) -> Fallible<rhai::Array> {
    let view = &l.view;
    view.spend(l.at.len())?;
    let mut out = Vec::new();
    for (code, lines) in by_item(l) {
        let item = ItemCode::from(code);
        let companions: BTreeSet<&ItemCode> = view.knowledge.get(table, &item).iter().map(|p| &p.other).collect();
        view.spend(companions.len())?;
        let there = |c: &&&ItemCode| !view.lines_of(c.as_str()).is_empty() || view.settled_here(c).next().is_some();
        if companions.is_empty() || companions.iter().find(there).is_some() {
            continue;
        }
        let Some((_, fact)) = lines.first().and_then(|at| view.net(*at)) else { continue };
        let needs: Vec<String> = companions.iter().map(ToString::to_string).collect();
        let evidence = Map::from([
            ("item".into(), text(Line::name(fact)).into()),
            ("needs".into(), text(&days_text(&needs)).into()),
        ]);
        out.push(Found { lines: lines_at(view, lines), related: Vec::new(), evidence, open: false });
    }
    Ok(found_list(out))
}
