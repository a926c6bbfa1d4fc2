//! Stays as they mostly are: a bed and care every day, a course of drugs, an operation where one is due.

use super::bill::{Bill, Place, Who, World};
use super::data::{SampleDiagnosis, Use};
use super::encounter::{Encounter, Shape};
use super::rng::Rng;
use super::visit::midnight;
use chrono::{Duration, NaiveDate, NaiveDateTime};
use dingan_core::money::Quantity;

/// The fewest and most lines of a stay.
const LINES: (usize, usize) = (30, 300);

/// What a stay must be like; the rest is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StayWish<'a> {
    pub place: Option<&'a Place>,
    pub diagnosis: Option<&'a SampleDiagnosis>,
    /// Days of the stay, from zero, on which nothing but bed and care is charged.
    pub bare: Option<(i64, i64)>,
}

/// The items a stay goes on with.
struct Plan {
    daily: Vec<usize>,
    course: Vec<(usize, i64)>,
    watch: Vec<usize>,
    therapy: Vec<usize>,
    tests: Vec<usize>,
}

/// A clean stay from one day to another, still open.
pub(super) fn stay<'a>(
    world: &'a World,
    mut rng: Rng,
    who: &Who<'_>,
    days: (NaiveDate, NaiveDate),
    wish: StayWish<'_>,
) -> Option<Bill<'a>> {
    let drawn = world.diagnosis(&mut rng, "inpatient", who.person.sex, who.age);
    let diagnosis = wish.diagnosis.or(drawn)?;
    let surgical = world.data.charges.iter().any(|c| c.used_for == Use::Operation && c.is_for(&diagnosis.code));
    let levels = match diagnosis.code.as_str().get(..1) {
        // cancer and the eye's background go to the city
        Some("C" | "H") => (3, 3),
        _ if surgical => (2, 3),
        _ => (1, 3),
    };
    let place = match wish.place {
        Some(place) => place,
        None => world.place(&mut rng, levels, None)?,
    };
    let admitted = midnight(days.0) + Duration::minutes(rng.between(480, 660));
    let discharged = midnight(days.1) + Duration::minutes(rng.between(600, 960));
    let mut bill = Bill::open(world, rng, who, place, diagnosis, Shape::Stay, (admitted, discharged));
    if bill.rng.percent(40)
        && let Some(second) = world.diagnosis(&mut bill.rng, "inpatient", who.person.sex, who.age)
    {
        bill.also(second);
    }
    bill.encounter.discharge_way = String::from(if bill.rng.percent(3) { "4" } else { "1" });

    let nights = (days.1 - days.0).num_days();
    let plan = plan(&mut bill, world, nights);
    for d in 0..nights {
        let bare = wish.bare.is_some_and(|(from, to)| (from..=to).contains(&d));
        one_day(&mut bill, &plan, admitted, d, bare);
    }
    if surgical {
        operation(&mut bill, admitted, nights);
    }
    last_day(&mut bill, world, &plan, discharged);
    pad(&mut bill, &plan, admitted, wish);
    Some(bill)
}

fn plan(bill: &mut Bill<'_>, world: &World, nights: i64) -> Plan {
    let mut daily = Vec::new();
    for used_for in [Use::Bed, Use::Nursing, Use::Round] {
        daily.extend(bill.choose(used_for, 1, true));
    }
    if bill.rng.percent(60) {
        daily.extend(bill.choose(Use::Comfort, 1, true));
    }
    let drugs = 1 + bill.rng.below(4);
    let course = bill.choose(Use::Injection, drugs, false).into_iter().map(|at| {
        let longest = world.data.charges.get(at).and_then(|c| c.supply_max).unwrap_or(14);
        (at, nights.min(longest))
    });
    let course: Vec<(usize, i64)> = course.collect();
    let watched = if bill.rng.percent(40) { 1 + bill.rng.below(2) } else { 0 };
    let tests = 10 + bill.rng.below(12);
    Plan {
        daily,
        course,
        watch: bill.choose(Use::Watch, watched, true),
        therapy: bill.choose(Use::Therapy, 2, false),
        tests: bill.choose(Use::Lab, tests, true),
    }
}

/// Every line lies between eleven, when all are admitted, and the evening.
fn at(bill: &mut Bill<'_>, admitted: NaiveDateTime, day: i64) -> NaiveDateTime {
    midnight(admitted.date()) + Duration::days(day) + Duration::minutes(bill.rng.between(665, 1200))
}

fn one_day(bill: &mut Bill<'_>, plan: &Plan, admitted: NaiveDateTime, day: i64, bare: bool) {
    for item in &plan.daily {
        let time = at(bill, admitted, day);
        bill.add(*item, 1, time);
    }
    if bare {
        return;
    }
    let before = bill.encounter.lines.len();
    for (item, days) in &plan.course {
        if day < *days {
            let (time, units) = (at(bill, admitted, day), bill.rng.between(1, 2));
            bill.add(*item, units, time);
        }
    }
    // watched closely at first
    if day < 4 {
        for item in &plan.watch {
            let (time, hours) = (at(bill, admitted, day), bill.rng.between(6, 12));
            bill.add(*item, hours, time);
        }
    }
    for item in &plan.therapy {
        if bill.rng.percent(80) {
            let time = at(bill, admitted, day);
            bill.add(*item, 1, time);
        }
    }
    let tests = match day {
        0 => plan.tests.len(),
        d if d % 3 == 0 => 5,
        _ => 2,
    };
    // a day in hospital without any treatment is what an empty bed looks like
    let tests = if bill.encounter.lines.len() == before { tests.max(1) } else { tests };
    for item in plan.tests.iter().take(tests) {
        let time = at(bill, admitted, day);
        bill.add(*item, 1, time);
    }
}

fn operation(bill: &mut Bill<'_>, admitted: NaiveDateTime, nights: i64) {
    let day = 1.min(nights - 1);
    for used_for in [Use::Operation, Use::Exam] {
        for item in bill.choose(used_for, 1, false) {
            let time = at(bill, admitted, day);
            bill.add(item, 1, time);
        }
    }
}

/// A test in the morning and the drugs to take home.
fn last_day(bill: &mut Bill<'_>, world: &World, plan: &Plan, discharged: NaiveDateTime) {
    for item in plan.tests.iter().take(1) {
        bill.add(*item, 1, discharged - Duration::minutes(90));
    }
    let drugs = bill.rng.below(3);
    for item in bill.choose(Use::Drug, drugs, false) {
        let longest = world.data.charges.get(item).and_then(|c| c.supply_max).unwrap_or(7);
        let boxes = bill.rng.between(1, 2);
        if let Some(line) = bill.add(item, boxes, discharged - Duration::minutes(30)) {
            line.supply_days = Some(Quantity::whole(longest.min(7)));
            line.take_home = true;
        }
    }
}

/// Brings a short stay to the fewest lines with tests of the first day taken again, and a long one
/// back to the most.
fn pad(bill: &mut Bill<'_>, plan: &Plan, admitted: NaiveDateTime, wish: StayWish<'_>) {
    let day = i64::from(wish.bare.is_some_and(|(from, _)| from == 0));
    for item in plan.tests.iter().cycle() {
        if bill.encounter.lines.len() >= LINES.0 {
            break;
        }
        let time = at(bill, admitted, day);
        bill.add(*item, 1, time);
    }
    bill.encounter.lines.truncate(LINES.1);
}

/// Ends a stay: it is settled half an hour after discharge.
pub(super) fn end(bill: Bill<'_>) -> Encounter {
    let settled = bill.encounter.end + Duration::minutes(30);
    bill.close(settled)
}
