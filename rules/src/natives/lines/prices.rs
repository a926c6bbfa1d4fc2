//! Prices: above the limit, operations without their discount, lines that do not reckon up or stand twice.

use super::{facts, here};
use crate::facts::{Found, Line, Lines, View, quantity, text};
use crate::host::{Fallible, Registry, fail};
use crate::natives::found_list;
use crate::values::Yuan;
use chrono::{NaiveTime, TimeDelta};
use dingan_core::facts::{LineFact, NetLine};
use dingan_core::finding::Part;
use dingan_core::money::{Money, Price, Quantity};
use rhai::{Dynamic, ImmutableString, Map};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Operations no further apart than this are one session, though midnight falls between them.
const SESSION: TimeDelta = TimeDelta::hours(4);

pub(crate) fn register(r: &mut Registry<'_>) {
    r.get("above_limit", |l: &mut Lines| above_limit(l));
    r.fun("undiscounted", |l: &mut Lines, table: ImmutableString, share: Decimal| undiscounted(l, &table, share));
    r.fun("misreckoned", |l: &mut Lines, tolerance: Yuan| misreckoned(l, tolerance.0));
    r.get("doubled", |l: &mut Lines| doubled(l));
    r.evidence(&["item", "price", "limit", "main", "group", "stated", "reckoned", "time"]);
}

fn decimal(price: Price) -> Dynamic {
    Dynamic::from_decimal(price.to_decimal().normalize())
}

/// What of a line's amount lies above what its units may cost.
fn beyond(net: &NetLine, allowed: Price) -> Part {
    Part::Amount((net.amount - allowed.times(net.quantity)).at_least_zero())
}

fn one(l: &Lines, at: u32, part: Option<Part>, evidence: Map) -> Found {
    let lines = Lines { view: Arc::clone(&l.view), at: Arc::from([(at, part)]) };
    Found { lines, related: Vec::new(), evidence, open: false }
}

/// Lines charged above the limit price of the day; what is above it is at stake.
fn above_limit(l: &Lines) -> Fallible<rhai::Array> {
    l.view.spend(l.at.len())?;
    let mut out = Vec::new();
    for (at, fact) in facts(l) {
        let Some(limit) = fact.limit.filter(|limit| fact.line.price > *limit) else { continue };
        let Some((net, _)) = l.view.net(at) else { continue };
        let evidence = Map::from([
            ("item".into(), text(Line::name(fact)).into()),
            ("price".into(), decimal(fact.line.price)),
            ("limit".into(), decimal(limit)),
        ]);
        out.push(one(l, at, Some(beyond(net, limit)), evidence));
    }
    Ok(found_list(out))
}

/// Operations of one group of the table on one day, or one after the other with midnight in between: all but the dearest are to be charged at no more
/// than `share` of their limit price. Where one has no limit price that cannot be told, and the answer is open.
fn undiscounted(l: &Lines, table: &str, share: Decimal) -> Fallible<rhai::Array> {
    let view = &l.view;
    view.spend(l.at.len())?;
    let mut by_word: BTreeMap<&str, Vec<(u32, &LineFact)>> = BTreeMap::new();
    for (at, fact) in facts(l) {
        let words: BTreeSet<&str> =
            view.knowledge.get(table, &fact.line.item).iter().map(|p| p.word.as_str()).collect();
        for word in words {
            by_word.entry(word).or_default().push((at, fact));
        }
    }
    let mut groups: Vec<(&str, Vec<(u32, &LineFact)>)> = Vec::new();
    for (word, mut lines) in by_word {
        lines.sort_by_key(|(at, f)| (f.line.time, *at));
        let day = |(_, f): &(u32, &LineFact)| f.line.time.date();
        groups.extend(lines.chunk_by(|a, b| day(a) == day(b)).map(|of_day| (word, of_day.to_vec())));
        groups.extend(lines.windows(2).filter(|pair| over_midnight(pair)).map(|pair| (word, pair.to_vec())));
    }
    let mut out = Vec::new();
    let mut seen = BTreeSet::new();
    for (group, mut of_group) in groups {
        view.spend(of_group.len())?;
        of_group.sort_by(|a, b| b.1.line.price.cmp(&a.1.line.price).then(a.0.cmp(&b.0)));
        let Some((_, main)) = of_group.first().copied() else { continue };
        for (at, fact) in of_group.into_iter().skip(1).filter(|(_, f)| f.line.item != main.line.item) {
            if !seen.insert(at) {
                continue;
            }
            let evidence = Map::from([
                ("item".into(), text(Line::name(fact)).into()),
                ("main".into(), text(Line::name(main)).into()),
                ("group".into(), text(group).into()),
                ("price".into(), decimal(fact.line.price)),
                ("limit".into(), fact.limit.map_or(Dynamic::UNIT, decimal)),
            ]);
            out.extend(discount(l, at, fact, share, evidence)?.map(|mut f| {
                f.related = vec![here(&main.line.no)];
                f
            }));
        }
    }
    Ok(found_list(out))
}

/// Whether two operations, one after the other, have only midnight between them. A time of midnight is "no time".
fn over_midnight(pair: &[(u32, &LineFact)]) -> bool {
    let [(_, a), (_, b)] = pair else { return false };
    let (a, b) = (a.line.time, b.line.time);
    let timed = a.time() != NaiveTime::MIN && b.time() != NaiveTime::MIN;
    a.date() != b.date() && timed && b - a <= SESSION
}

fn discount(l: &Lines, at: u32, fact: &LineFact, share: Decimal, mut evidence: Map) -> Fallible<Option<Found>> {
    let Some((net, _)) = l.view.net(at) else { return Ok(None) };
    let Some(limit) = fact.limit else {
        evidence.insert("limit".into(), text("无").into());
        return Ok(Some(Found { open: true, ..one(l, at, None, evidence) }));
    };
    let allowed = limit.to_decimal().checked_mul(share).and_then(|p| Price::from_decimal_rounded(p).ok());
    let allowed = allowed.ok_or_else(|| fail(format!("`{share}` is not a share")))?;
    if fact.line.price <= allowed {
        return Ok(None);
    }
    Ok(Some(one(l, at, Some(beyond(net, allowed)), evidence)))
}

/// Lines whose amount is not price × quantity, by more than the tolerance.
fn misreckoned(l: &Lines, tolerance: Money) -> Fallible<rhai::Array> {
    l.view.spend(l.at.len())?;
    let mut out = Vec::new();
    for (at, fact) in facts(l) {
        let reckoned = fact.line.price.times(fact.line.quantity);
        if (reckoned - fact.line.amount).abs() <= tolerance {
            continue;
        }
        let evidence = Map::from([
            ("item".into(), text(Line::name(fact)).into()),
            ("stated".into(), Dynamic::from(Yuan(fact.line.amount))),
            ("reckoned".into(), Dynamic::from(Yuan(reckoned))),
            ("price".into(), decimal(fact.line.price)),
        ]);
        out.push(one(l, at, None, evidence));
    }
    Ok(found_list(out))
}

/// Lines that stand twice: the same item, order, quantity and price at the same second. A time of midnight is "no
/// time" and says nothing.
fn doubled(l: &Lines) -> Fallible<rhai::Array> {
    l.view.spend(l.at.len())?;
    let mut first = BTreeMap::new();
    let mut out = Vec::new();
    for (at, fact) in facts(l).filter(|(_, f)| f.line.time.time() != NaiveTime::MIN) {
        let line = &fact.line;
        let key = (&line.item, line.time, line.quantity, line.price, &line.order_no, &line.practitioner);
        let Some(original) = first.get(&key) else {
            first.insert(key, &line.no);
            continue;
        };
        let evidence = Map::from([
            ("item".into(), text(Line::name(fact)).into()),
            ("time".into(), text(&line.time.to_string()).into()),
            ("price".into(), decimal(line.price)),
        ]);
        out.push(Found { related: vec![here(original)], ..one(l, at, None, evidence) });
    }
    Ok(found_list(out))
}

/// The quantity of the lines together with what earlier parts of this stay settled of the same items.
pub(super) fn with_settled(l: &Lines) -> Fallible<Decimal> {
    let view: &View = &l.view;
    let own: Quantity = super::nets(l).map(|(_, n)| n.quantity).sum();
    let items: BTreeSet<_> = facts(l).map(|(_, f)| &f.line.item).collect();
    let settled: Quantity = items.iter().flat_map(|i| view.settled_here(i)).map(|p| p.quantity).sum();
    view.spend(l.at.len() + view.facts.history.this_visit().len())?;
    Ok(quantity(own + settled))
}
