//! Visits as they mostly are: a diagnosis, a few drugs for it, examinations, the laboratory.

use super::bill::{Bill, Place, Who, World};
use super::data::{SampleDiagnosis, Use};
use super::encounter::{Encounter, Shape};
use super::rng::Rng;
use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};
use dingan_core::codes::MedType;
use dingan_core::money::Quantity;

/// What a visit must be like; the rest is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct VisitWish<'a> {
    pub place: Option<&'a Place>,
    pub diagnosis: Option<&'a SampleDiagnosis>,
    /// The day on which the person fetches a month of drugs for a filed disease.
    pub refill: bool,
}

/// Days of supply that no kind of visit forbids; an emergency prescription lasts no longer.
pub(super) const SHORT_SUPPLY: i64 = 3;

/// The first moment of a day.
pub(super) fn midnight(day: NaiveDate) -> NaiveDateTime {
    day.and_time(NaiveTime::MIN)
}

/// A clean visit on a day, still open. None where nothing fits the person.
pub(super) fn visit<'a>(
    world: &'a World,
    mut rng: Rng,
    who: &Who<'_>,
    day: NaiveDate,
    wish: VisitWish<'_>,
) -> Option<Bill<'a>> {
    let person = who.person;
    let filed = wish.refill.then(|| filed_disease(world, who, day)).flatten();
    let care = match filed {
        Some(_) => "chronic",
        None if wish.diagnosis.is_none() && rng.percent(15) => "emergency",
        None => "outpatient",
    };
    let drawn = world.diagnosis(&mut rng, care, person.sex, who.age);
    let diagnosis = filed.or(wish.diagnosis).or(drawn)?;
    let place = match wish.place {
        Some(place) => place,
        // most go to a hospital of the county, one in six to the city
        None => {
            let levels = if rng.below(6) == 0 { (3, 3) } else { (1, 2) };
            world.place(&mut rng, levels, None)?
        }
    };
    let begin = midnight(day) + Duration::minutes(rng.between(460, 1020));
    let mut bill = Bill::open(world, rng, who, place, diagnosis, Shape::Outpatient, (begin, begin));
    bill.encounter.med_type = MedType::from(match care {
        "chronic" => "14",
        "emergency" => "13",
        _ => "11",
    });
    if care == "chronic" {
        bill.encounter.disease = diagnosis.filed_as.clone();
    }
    if bill.rng.percent(25)
        && let Some(second) = world.diagnosis(&mut bill.rng, "outpatient", person.sex, who.age)
    {
        bill.also(second);
    }
    fill(&mut bill, world, care);
    Some(bill)
}

/// The diagnosis under which the person has a chronic disease filed, where it holds and fits.
fn filed_disease<'w>(world: &'w World, who: &Who<'_>, day: NaiveDate) -> Option<&'w SampleDiagnosis> {
    let holds = |f: &&dingan_core::person::Filing| f.kind == "01" && f.begin <= day && f.end.is_none_or(|e| day <= e);
    let filing = who.person.filings.iter().find(holds)?;
    world.data.diagnoses.iter().find(|d| {
        d.filed_as == filing.disease
            && d.uses.iter().any(|u| u == "chronic")
            && super::bill::suits(d, who.person.sex, who.age)
    })
}

fn fill(bill: &mut Bill<'_>, world: &World, care: &str) {
    let begin = bill.encounter.begin;
    let target = match bill.rng.below(100) {
        0..=84 => bill.rng.between(5, 14),
        85..=96 => bill.rng.between(15, 25),
        _ => bill.rng.between(26, 40),
    };
    let target = usize::try_from(target).unwrap_or(5);
    let mut minute = 5;
    let mut next = |bill: &mut Bill<'_>| {
        minute += bill.rng.between(1, 4);
        begin + Duration::minutes(minute)
    };

    if care == "emergency" {
        for at in bill.choose(Use::Emergency, 1, true) {
            let time = next(bill);
            bill.add(at, 1, time);
        }
    }
    let drugs = 1 + bill.rng.below(4);
    for at in bill.choose(Use::Drug, drugs, false) {
        let longest = world.data.charges.get(at).and_then(|c| c.supply_max).unwrap_or(30);
        let days = match care {
            "chronic" => 30,
            "emergency" => bill.rng.between(1, SHORT_SUPPLY),
            _ => bill.rng.between(SHORT_SUPPLY, 7),
        };
        let (time, boxes) = (next(bill), bill.rng.between(1, 3));
        if let Some(line) = bill.add(at, boxes, time) {
            line.supply_days = Some(Quantity::whole(days.min(longest)));
        }
    }
    for (used_for, most, general) in [(Use::Therapy, 3, false), (Use::Exam, 3, true)] {
        let count = bill.rng.below(most);
        for at in bill.choose(used_for, count, general) {
            let time = next(bill);
            bill.add(at, 1, time);
        }
    }
    if bill.rng.percent(8) {
        for at in bill.choose(Use::Tonic, 1, true) {
            let (time, units) = (next(bill), bill.rng.between(1, 2));
            if let Some(line) = bill.add(at, units, time) {
                line.supply_days = Some(Quantity::whole(SHORT_SUPPLY));
            }
        }
    }
    let left = target.saturating_sub(bill.encounter.lines.len()).max(1);
    let tests = bill.choose(Use::Lab, left, true);
    // a long visit has its tests taken again
    for at in tests.iter().cycle().take(if tests.is_empty() { 0 } else { left }) {
        let time = next(bill);
        bill.add(*at, 1, time);
    }
}

/// Ends a visit soon after its last line.
pub(super) fn end(mut bill: Bill<'_>) -> Encounter {
    let last = bill.encounter.lines.iter().map(|l| l.time).max().unwrap_or(bill.encounter.begin);
    bill.encounter.end = last + Duration::minutes(5);
    let settled = last + Duration::minutes(5 + bill.rng.between(1, 20));
    bill.close(settled)
}
