//! Abuse planted in some encounters, by name: the answer key of the sample.
//!
//! The name stands on the encounter whose decision can see the abuse: of two encounters that offend only
//! together, the one settled later.

use super::bill::{Bill, Who, World};
use super::data::{Charge, SampleDiagnosis, Use};
use super::encounter::Encounter;
use super::rng::Rng;
use super::stay::{self, StayWish, stay};
use super::visit::{self, VisitWish, midnight, visit};
use chrono::{Days, Duration, NaiveDate};
use dingan_core::money::Quantity;

/// A drug for the other sex.
pub const DRUG_OTHER_SEX: &str = "drug-other-sex";
/// An examination or treatment for the other sex.
pub const ITEM_OTHER_SEX: &str = "item-other-sex";
/// A children's drug for an adult.
pub const CHILD_DRUG_ADULT: &str = "child-drug-adult";
/// A drug for higher hospitals at one of level 1.
pub const DRUG_ABOVE_LEVEL: &str = "drug-above-level";
/// An item and its part on one day.
pub const DUPLICATE_DAY: &str = "duplicate-pair-day";
/// An item and its part in one stay.
pub const DUPLICATE_VISIT: &str = "duplicate-pair-visit";
/// An item and its part within the hour.
pub const DUPLICATE_HOUR: &str = "duplicate-pair-hour";
/// More of an item on a visit's day than the list allows.
pub const TOO_MANY_A_DAY: &str = "too-many-a-day";
/// More of an item on a day of a stay than the list allows.
pub const TOO_MANY_A_DAY_IN_STAY: &str = "too-many-a-day-in-stay";
/// More days of supply than the drug is paid for.
pub const SUPPLY_TOO_LONG: &str = "supply-too-long";
/// Two drugs of which one is enough.
pub const SAME_GROUP_DRUGS: &str = "same-group-drugs";
/// Lines ordered by a physician of another hospital.
pub const STRANGER_PRACTITIONER: &str = "stranger-practitioner";
/// A line dated after discharge.
pub const CHARGE_OUTSIDE_STAY: &str = "charge-outside-stay";
/// Days on which nothing but bed and care is charged.
pub const EMPTY_DAYS: &str = "empty-days";
/// The same illness, two stays in one hospital, two days apart.
pub const SPLIT_STAY: &str = "split-stay";
/// Two hospitals at the same time.
pub const OVERLAPPING_STAYS: &str = "overlapping-stays";
/// A visit elsewhere while in hospital.
pub const OUTPATIENT_DURING_STAY: &str = "outpatient-during-stay";

/// Makes the encounters of a pattern for a person; none where the pattern does not suit them.
pub(super) type Plant = fn(&World, Rng, &Who<'_>, NaiveDate) -> Option<Vec<Encounter>>;

/// Patterns of visits.
pub(super) const VISITS: [(&str, Plant); 9] = [
    (DRUG_OTHER_SEX, drug_other_sex),
    (ITEM_OTHER_SEX, item_other_sex),
    (CHILD_DRUG_ADULT, child_drug_adult),
    (DRUG_ABOVE_LEVEL, drug_above_level),
    (DUPLICATE_DAY, duplicate_day),
    (TOO_MANY_A_DAY, too_many_a_day),
    (SUPPLY_TOO_LONG, supply_too_long),
    (SAME_GROUP_DRUGS, same_group_drugs),
    (STRANGER_PRACTITIONER, stranger_practitioner),
];

/// Patterns of stays.
pub(super) const STAYS: [(&str, Plant); 8] = [
    (SPLIT_STAY, split_stay),
    (OUTPATIENT_DURING_STAY, outpatient_during_stay),
    (OVERLAPPING_STAYS, overlapping_stays),
    (CHARGE_OUTSIDE_STAY, charge_outside_stay),
    (EMPTY_DAYS, empty_days),
    (TOO_MANY_A_DAY_IN_STAY, too_many_a_day_in_stay),
    (DUPLICATE_HOUR, duplicate_hour),
    (DUPLICATE_VISIT, duplicate_visit),
];

/// Every pattern the sample plants.
pub fn patterns() -> impl Iterator<Item = &'static str> {
    VISITS.iter().chain(&STAYS).map(|(name, _)| *name)
}

fn earlier(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(Days::new(days)).unwrap_or(day)
}

/// Indices of the charges that fit.
fn find(world: &World, fits: impl Fn(&Charge) -> bool) -> Vec<usize> {
    world.data.charges.iter().enumerate().filter(|(_, c)| fits(c)).map(|(i, _)| i).collect()
}

/// A clean visit with one more line of one of `offending`, a quarter of an hour after it began.
fn with_line(bill: Option<Bill<'_>>, offending: &[usize], supply_days: Option<i64>) -> Option<Vec<Encounter>> {
    let mut bill = bill?;
    let at = *bill.rng.pick(offending)?;
    let time = bill.encounter.begin + Duration::minutes(15);
    bill.add(at, 1, time)?.supply_days = supply_days.map(Quantity::whole);
    Some(vec![visit::end(bill)])
}

fn is_drug(c: &Charge) -> bool {
    c.used_for == Use::Drug
}

fn other_sex(c: &Charge, who: &Who<'_>) -> bool {
    c.sex.is_some_and(|s| s != who.person.sex) && !c.own_pay && !c.child_only
}

fn drug_other_sex(world: &World, rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let drugs = find(world, |c| other_sex(c, who) && is_drug(c));
    with_line(visit(world, rng, who, day, VisitWish::default()), &drugs, Some(visit::SHORT_SUPPLY))
}

fn item_other_sex(world: &World, rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let items = find(world, |c| other_sex(c, who) && matches!(c.used_for, Use::Lab | Use::Exam | Use::Therapy));
    with_line(visit(world, rng, who, day, VisitWish::default()), &items, None)
}

fn child_drug_adult(world: &World, rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    if who.age < 20 {
        return None;
    }
    let drugs = find(world, |c| c.child_only && is_drug(c));
    with_line(visit(world, rng, who, day, VisitWish::default()), &drugs, Some(visit::SHORT_SUPPLY))
}

fn drug_above_level(world: &World, mut rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let place = Some(world.place(&mut rng, (1, 1), None)?);
    let drugs = find(world, |c| c.level_min > 1 && c.sex.is_none() && !c.restricted);
    with_line(visit(world, rng, who, day, VisitWish { place, ..Default::default() }), &drugs, Some(1))
}

fn duplicate_day(world: &World, rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let mut bill = visit(world, rng, who, day, VisitWish::default())?;
    let of_a_visit = |at: usize| {
        world.data.charges.get(at).is_some_and(|c| {
            matches!(c.used_for, Use::Lab | Use::Exam | Use::Therapy | Use::Planted)
                && !c.own_pay
                && c.per_day.is_none()
        })
    };
    let pairs = world.data.pairs.iter().filter(|p| p.window == "day" && of_a_visit(p.main) && of_a_visit(p.part));
    let pairs: Vec<_> = pairs.filter(|p| bill.suits_person(p.main) && bill.suits_person(p.part)).collect();
    let pair = *bill.rng.pick(&pairs)?;
    let begin = bill.encounter.begin;
    bill.add(pair.main, 1, begin + Duration::minutes(10))?;
    bill.add(pair.part, 1, begin + Duration::minutes(25))?;
    Some(vec![visit::end(bill)])
}

fn too_many_a_day(world: &World, rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let mut bill = visit(world, rng, who, day, VisitWish::default())?;
    let items = find(world, |c| c.per_day == Some(1) && c.used_for == Use::Planted && !c.own_pay && !c.child_only);
    let at = *bill.rng.pick(&items)?;
    let begin = bill.encounter.begin;
    bill.add(at, 1, begin + Duration::minutes(10))?;
    bill.add(at, 1, begin + Duration::minutes(40))?;
    Some(vec![visit::end(bill)])
}

fn supply_too_long(world: &World, rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let drugs = find(world, |c| is_drug(c) && c.supply_max.is_some());
    let charge = world.data.charges.get(*drugs.first()?)?;
    let fits = |d: &&SampleDiagnosis| {
        charge.is_for(&d.code)
            && d.uses.iter().any(|u| u == "outpatient")
            && super::bill::suits(d, who.person.sex, who.age)
    };
    let diagnosis = Some(world.data.diagnoses.iter().find(fits)?);
    let bill = visit(world, rng, who, day, VisitWish { diagnosis, ..Default::default() });
    // the clean part may already have given the drug for as long as it is paid
    let mut bill = bill?;
    bill.encounter.lines.retain(|l| l.item != charge.item);
    with_line(Some(bill), &drugs, Some(charge.supply_max? + 10))
}

fn same_group_drugs(world: &World, mut rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let members = |d: &SampleDiagnosis, group: &str| {
        let fit = |c: &Charge| c.group == group && is_drug(c) && c.is_for(&d.code) && c.sex.is_none();
        find(world, fit)
    };
    let suitable = world
        .data
        .diagnoses
        .iter()
        .filter(|d| d.uses.iter().any(|u| u == "outpatient") && super::bill::suits(d, who.person.sex, who.age));
    let mut choices = Vec::new();
    for d in suitable {
        let mut groups: Vec<&str> = world.data.charges.iter().map(|c| c.group.as_str()).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups.into_iter().filter(|g| !g.is_empty()) {
            let drugs = members(d, group);
            if drugs.len() > 1 {
                choices.push((d, drugs));
            }
        }
    }
    let (diagnosis, mut drugs) = rng.pick(&choices)?.clone();
    rng.shuffle(&mut drugs);
    let mut bill = visit(world, rng, who, day, VisitWish { diagnosis: Some(diagnosis), ..Default::default() })?;
    let begin = bill.encounter.begin;
    let given = |bill: &Bill<'_>, at: &usize| {
        world.data.charges.get(*at).is_some_and(|c| bill.encounter.lines.iter().any(|l| l.item == c.item))
    };
    let missing = if drugs.iter().any(|d| given(&bill, d)) { 1 } else { 2 };
    let added: Vec<usize> = drugs.into_iter().filter(|d| !given(&bill, d)).take(missing).collect();
    for at in added {
        bill.add(at, 1, begin + Duration::minutes(12))?.supply_days = Some(Quantity::whole(visit::SHORT_SUPPLY));
    }
    Some(vec![visit::end(bill)])
}

fn stranger_practitioner(world: &World, rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let mut bill = visit(world, rng, who, day, VisitWish::default())?;
    let here = std::sync::Arc::clone(&bill.encounter.institution);
    let other = world.place(&mut bill.rng, (1, 3), Some(&here))?;
    let stranger = bill.rng.pick(&other.doctors)?.clone();
    for line in &mut bill.encounter.lines {
        line.practitioner = stranger.clone();
    }
    Some(vec![visit::end(bill)])
}

/// The days of a stay that ends on a day.
fn until(rng: &mut Rng, day: NaiveDate, nights: (i64, i64)) -> (NaiveDate, NaiveDate) {
    (earlier(day, u64::try_from(rng.between(nights.0, nights.1)).unwrap_or(1)), day)
}

fn split_stay(world: &World, mut rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let diagnosis = Some(medical(world, &mut rng, who)?);
    let place = Some(world.place(&mut rng, (2, 3), None)?);
    let wish = StayWish { place, diagnosis, bare: None };
    let first = stay(world, Rng::new(&[rng.next()]), &part(who, "a"), (earlier(day, 13), earlier(day, 8)), wish)?;
    let second = stay(world, rng, who, (earlier(day, 6), day), wish)?;
    Some(vec![stay::end(first), stay::end(second)])
}

fn overlapping_stays(world: &World, mut rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let diagnosis = Some(medical(world, &mut rng, who)?);
    let here = world.place(&mut rng, (2, 3), None)?;
    let there = world.place(&mut rng, (2, 3), Some(&here.institution))?;
    let wish = |place| StayWish { place: Some(place), diagnosis, bare: None };
    let first = stay(world, Rng::new(&[rng.next()]), &part(who, "a"), (earlier(day, 9), earlier(day, 3)), wish(here))?;
    let second = stay(world, rng, who, (earlier(day, 6), day), wish(there))?;
    Some(vec![stay::end(first), stay::end(second)])
}

fn outpatient_during_stay(world: &World, mut rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let days = until(&mut rng, day, (7, 10));
    let inpatient = stay::end(stay(world, Rng::new(&[rng.next()]), &part(who, "a"), days, StayWish::default())?);
    let place = Some(world.place(&mut rng, (1, 3), Some(&inpatient.institution))?);
    let visit = visit(world, rng, who, earlier(day, 3), VisitWish { place, ..Default::default() })?;
    let mut visit = visit::end(visit);
    // the other hospital sends its bill only after the stay was settled
    visit.settled = inpatient.settled + Duration::minutes(45);
    Some(vec![inpatient, visit])
}

fn charge_outside_stay(world: &World, mut rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    // charged the day after discharge, and settled the day after that
    let days = until(&mut rng, earlier(day, 2), (4, 10));
    let mut bill = stay(world, rng, who, days, StayWish::default())?;
    let tests: Vec<usize> = find(world, |c| c.used_for == Use::Lab && c.is_general());
    let at = *bill.rng.pick(&tests)?;
    bill.add(at, 1, midnight(earlier(day, 1)) + Duration::hours(10))?;
    let settled = midnight(day) + Duration::minutes(bill.rng.between(520, 700));
    Some(vec![bill.close(settled)])
}

fn empty_days(world: &World, mut rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let diagnosis = Some(medical(world, &mut rng, who)?);
    let days = until(&mut rng, day, (9, 13));
    let wish = StayWish { diagnosis, bare: Some((2, 6)), place: None };
    Some(vec![stay::end(stay(world, rng, who, days, wish)?)])
}

fn too_many_a_day_in_stay(world: &World, mut rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    let days = until(&mut rng, day, (4, 10));
    let mut bill = stay(world, rng, who, days, StayWish::default())?;
    let charged = |c: &Charge| c.per_day == Some(1) && bill.encounter.lines.iter().any(|l| l.item == c.item);
    let at = *find(world, charged).first()?;
    bill.add(at, 1, midnight(days.0) + Duration::hours(60))?;
    Some(vec![stay::end(bill)])
}

/// Adds a pair of a window to a stay, on its second day, half an hour apart.
fn with_pair(world: &World, mut rng: Rng, who: &Who<'_>, day: NaiveDate, window: &str) -> Option<Vec<Encounter>> {
    let diagnosis = Some(medical(world, &mut rng, who)?);
    let place = Some(world.place(&mut rng, (2, 3), None)?);
    let days = until(&mut rng, day, (5, 10));
    let mut bill = stay(world, rng, who, days, StayWish { place, diagnosis, bare: None })?;
    let suits = |at: usize| bill.suits_person(at);
    let of_window = world.data.pairs.iter().filter(|p| p.window == window && suits(p.main) && suits(p.part));
    let pairs: Vec<_> = of_window.collect();
    let pair = *bill.rng.pick(&pairs)?;
    let time = midnight(days.0) + Duration::hours(34);
    bill.add(pair.main, 1, time)?;
    bill.add(pair.part, 1, time + Duration::minutes(20))?;
    Some(vec![stay::end(bill)])
}

fn duplicate_hour(world: &World, rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    with_pair(world, rng, who, day, "hour")
}

fn duplicate_visit(world: &World, rng: Rng, who: &Who<'_>, day: NaiveDate) -> Option<Vec<Encounter>> {
    if who.age < 20 {
        return None;
    }
    with_pair(world, rng, who, day, "visit")
}

/// A diagnosis of a stay without operation or cancer, which a hospital of any higher level treats.
fn medical<'w>(world: &'w World, rng: &mut Rng, who: &Who<'_>) -> Option<&'w SampleDiagnosis> {
    (0..12).find_map(|_| {
        let d = world.diagnosis(rng, "inpatient", who.person.sex, who.age)?;
        let operated = world.data.charges.iter().any(|c| c.used_for == Use::Operation && c.is_for(&d.code));
        (!operated && !d.code.as_str().starts_with(['C', 'H', 'O'])).then_some(d)
    })
}

/// The same person under a key of its own.
fn part<'a>(who: &Who<'a>, suffix: &str) -> Who<'a> {
    Who { key: format!("{}{suffix}", who.key), ..who.clone() }
}
