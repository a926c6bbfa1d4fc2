//! Points of knowledge about a diagnosis or an operation of the claim.

use crate::facts::{Claim, View, quantity, text};
use crate::host::{Fallible, Registry};
use crate::values::Day;
use chrono::NaiveDate;
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::selector::beginnings;
use rhai::{Dynamic, ImmutableString};
use std::sync::Arc;

/// A point about something the claim has.
#[derive(Clone)]
pub struct Point {
    code: ImmutableString,
    name: ImmutableString,
    on: Option<NaiveDate>,
    row: KnowledgeRow,
}

pub(crate) fn register(r: &mut Registry<'_>) {
    r.fun("diagnosis_points", |c: &mut Claim, table: ImmutableString| diagnosis_points(&c.0, &table));
    r.fun("operation_points", |c: &mut Claim, table: ImmutableString| operation_points(&c.0, &table));
    r.fun("operations_unfit", |c: &mut Claim, table: ImmutableString| operations_unfit(&c.0, &table));
    r.named::<Point>("Point");
    r.get("code", |p: &mut Point| p.code.clone());
    r.get("name", |p: &mut Point| p.name.clone());
    r.get("on", |p: &mut Point| p.on.map_or(Dynamic::UNIT, |d| Dynamic::from(Day(d))));
    r.get("word", |p: &mut Point| text(&p.row.word));
    r.get("number", |p: &mut Point| p.row.number.map_or(Dynamic::UNIT, |n| Dynamic::from_decimal(quantity(n))));
    // hours as days: a part of a day is a day
    r.get("hours_as_days", |p: &mut Point| {
        let hours = p.row.number.map_or(0, |n| n.units() / dingan_core::money::Quantity::ONE_UNITS);
        (hours + 23) / 24
    });
}

/// The first point of a table about each diagnosis. Tables name whole codes or their beginnings.
fn diagnosis_points(view: &Arc<View>, table: &str) -> Fallible<rhai::Array> {
    let diagnoses = &view.facts.visit.diagnoses;
    view.spend(diagnoses.len())?;
    let point = |d: &dingan_core::claim::Diagnosis| {
        let row = row(view, table, d.code.as_str())?.clone();
        Some(Dynamic::from(Point { code: text(d.code.as_str()), name: text(&d.name), on: None, row }))
    };
    Ok(diagnoses.iter().filter_map(point).collect())
}

fn operation_points(view: &Arc<View>, table: &str) -> Fallible<rhai::Array> {
    let operations = view.list().map_or(&[][..], |l| &l.operations);
    view.spend(operations.len())?;
    let point = |o: &dingan_core::claim::Operation| {
        let row = row(view, table, &o.code)?.clone();
        let on = o.begin.map(|b| b.date());
        Some(Dynamic::from(Point { code: text(&o.code), name: text(&o.name), on, row }))
    };
    Ok(operations.iter().filter_map(point).collect())
}

/// Operations whose point names diagnoses of which neither the visit nor its settlement list has one.
fn operations_unfit(view: &Arc<View>, table: &str) -> Fallible<rhai::Array> {
    let listed = view.list().map_or(&[][..], |l| &l.diagnoses);
    let diagnoses = || view.facts.visit.diagnoses.iter().chain(listed);
    let mut points = operation_points(view, table)?;
    view.spend(points.len() * diagnoses().count())?;
    points.retain(|p| {
        p.read_lock::<Point>()
            .is_some_and(|p| p.row.speaks_of_diagnoses() && !diagnoses().any(|d| p.row.fits(d.code.as_str(), &d.name)))
    });
    Ok(points)
}

/// The row of the longest beginning of a code that the table has.
fn row<'v>(view: &'v View, table: &str, code: &str) -> Option<&'v KnowledgeRow> {
    let table = view.knowledge.table(table)?;
    beginnings(code).find_map(|c| view.knowledge.about(c).points(table).first().map(|r| &**r))
}
