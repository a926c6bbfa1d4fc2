//! Lines taken apart: by item, by day, the last units above a limit, and those that stand out by a mark of theirs.

use super::{by_item, facts, is_among, kept};
use crate::facts::{Lines, View};
use crate::host::{Fallible, Registry, fail};
use crate::natives::lines_at;
use chrono::NaiveDate;
use dingan_core::claim::Approval;
use dingan_core::codes::ItemCode;
use dingan_core::finding::Part;
use dingan_core::money::Quantity;
use dingan_core::resolve::own_pay;
use dingan_core::selector::paid_without_approval;
use rhai::{Dynamic, ImmutableString};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) fn register(r: &mut Registry<'_>) {
    r.get("by_item", |l: &mut Lines| -> Fallible<rhai::Array> {
        l.view.spend(l.at.len())?;
        Ok(by_item(l).into_values().map(|at| Dynamic::from(lines_at(&l.view, at))).collect())
    });
    r.get("by_day", |l: &mut Lines| -> Fallible<rhai::Array> {
        l.view.spend(l.at.len())?;
        let mut days: BTreeMap<NaiveDate, Vec<u32>> = BTreeMap::new();
        for (at, f) in facts(l) {
            days.entry(f.line.time.date()).or_default().push(at);
        }
        Ok(days.into_values().map(|at| Dynamic::from(lines_at(&l.view, at))).collect())
    });
    r.fun("beyond", |l: &mut Lines, units: i64| beyond(l, Quantity::whole(units)));
    r.fun("beyond", |l: &mut Lines, units: Decimal| {
        beyond(l, Quantity::from_decimal_rounded(units).map_err(|e| fail(format!("{units} units: {e}")))?)
    });
    r.fun("of_type", |l: &mut Lines, types: rhai::Array| {
        kept(l, |f| f.item.as_ref().is_some_and(|i| is_among(&i.charge_type, &types)))
    });
    r.fun("in_list", |l: &mut Lines, types: rhai::Array| {
        kept(l, |f| f.item.as_ref().is_some_and(|i| is_among(&i.list_type, &types)))
    });
    r.fun("known_in", |l: &mut Lines, table: ImmutableString| {
        let view = Arc::clone(&l.view);
        kept(l, |f| view.knowledge.has(&table, &f.line.item))
    });
    r.get("payable", |l: &mut Lines| kept(l, |f| !own_pay(f.item.as_deref(), f.line.approval)));
    r.get("refused_though_paid", |l: &mut Lines| {
        // there was nothing to approve
        kept(l, |f| f.line.approval == Approval::Refused && paid_without_approval(f))
    });
    r.get("without_practitioner", |l: &mut Lines| kept(l, |f| f.line.practitioner.is_empty()));
    r.get("unregistered", |l: &mut Lines| unregistered(l));
    r.get("register_known", |l: &mut Lines| !l.view.facts.practitioners.is_empty());
    r.get("without_order", |l: &mut Lines| kept(l, |f| f.line.order_no.is_empty()));
    r.get("with_order", |l: &mut Lines| kept(l, |f| !f.line.order_no.is_empty()));
    r.get("taken_home", |l: &mut Lines| kept(l, |f| f.line.take_home));
}

/// The last units of the lines once so many are used up; what earlier parts of this stay settled of the same items
/// counts first.
fn beyond(l: &Lines, units: Quantity) -> Fallible<Lines> {
    let view: &View = &l.view;
    let items = by_item(l);
    let settled = |code: &&str| -> Quantity {
        let item = ItemCode::from(*code);
        view.settled_here(&item).map(|p| p.quantity).sum()
    };
    let used: Quantity = items.keys().map(settled).sum();
    view.spend(l.at.len() + view.facts.history.this_visit().len())?;
    let mut left = (units - used).max(Quantity::ZERO);
    let mut over = Vec::new();
    for (at, n) in super::nets(l) {
        let allowed = left.min(n.quantity);
        left -= allowed;
        if allowed < n.quantity {
            over.push((at, Some(Part::Units(n.quantity - allowed))));
        }
    }
    Ok(Lines { view: Arc::clone(&l.view), at: over.into() })
}

/// Lines ordered by somebody whom the register does not have at this institution on the day.
fn unregistered(l: &Lines) -> Fallible<Lines> {
    let facts = &l.view.facts;
    let register = &facts.practitioners;
    kept(l, |f| {
        let by = &f.line.practitioner;
        !by.is_empty() && !register.at(by, &facts.visit.institution, f.line.time.date())
    })
}
