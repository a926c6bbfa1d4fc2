//! What several stories are made of: illnesses, visits and stays with one line more, stays one after the other.

use super::life::{Charged, Life, ahead};
use super::{ADULT, ForWhom};
use dingan_core::claim::Approval;
use dingan_core::codes::Sex;

pub(super) const COLD: &str = "J06.900 急性上呼吸道感染";
pub(super) const PNEUMONIA: &str = "J18.900 肺炎";
pub(super) const STROKE: &str = "I63.900 脑梗死";
/// Another code of the same disease.
pub(super) const STROKE_TOO: &str = "I63.801 腔隙性脑梗死";
pub(super) const CHEMO: &str = "Z51.102 恶性肿瘤术后化疗";
pub(super) const GALLSTONE: &str = "K80.200 胆囊结石";
pub(super) const HYPERTENSION: &str = "I10.x00 高血压";
pub(super) const DIABETES: &str = "E11.900 糖尿病";

pub(super) const MAN: ForWhom = ForWhom { sex: Some(Sex::Male), ..ADULT };

pub(super) fn usual() -> Charged {
    Charged::default()
}

/// The hospital says that the condition of payment is met.
pub(super) fn met() -> Charged {
    Charged { approval: Approval::Approved, ..usual() }
}

/// A visit with one line more.
pub(super) fn visit(l: &mut Life<'_>, place: usize, diagnosis: &str, item: &str, c: Charged) -> usize {
    let day = l.any_day();
    let v = l.visit("11", day, place, diagnosis);
    l.charge(v, item, c);
    v
}

/// A stay of five days with one line more on the second.
pub(super) fn stay(l: &mut Life<'_>, place: usize, diagnosis: &str, item: &str, c: Charged) -> usize {
    let day = l.any_day();
    let v = l.stay(day, 5, place, diagnosis, 0..0);
    l.charge(v, item, Charged { after: c.after + 24, ..c });
    v
}

/// A stay of six days.
pub(super) fn a_stay(l: &mut Life<'_>, diagnosis: &str) -> usize {
    let day = l.any_day();
    l.stay(day, 6, 0, diagnosis, 0..0)
}

/// Two stays, so many days between them.
pub(super) fn two_stays(l: &mut Life<'_>, gap: i64, places: (usize, usize), diagnoses: (&str, &str)) -> (usize, usize) {
    let first = l.any_day();
    let days = l.rng.between(4, 8);
    let a = l.stay(first, days, places.0, diagnoses.0, 0..0);
    let days_again = l.rng.between(4, 8);
    let b = l.stay(ahead(first, days + gap), days_again, places.1, diagnoses.1, 0..0);
    (a, b)
}

/// So many visits, every so many days.
pub(super) fn visits(l: &mut Life<'_>, count: i64, every: i64, item: Option<(&str, i64)>) -> Vec<usize> {
    let first = l.any_day();
    (0..count)
        .map(|i| {
            let v = l.visit("11", ahead(first, i * every), (i % 2) as usize, COLD);
            if let Some((item, supply)) = item {
                l.charge(v, item, Charged { supply: Some(supply), ..usual() });
            }
            v
        })
        .collect()
}

/// The settlement list of every stay so far, each of which says whether a return was planned.
pub(super) fn with_lists(l: &mut Life<'_>, planned: bool) {
    for v in l.stays() {
        l.list(v, |s| s.return_planned = Some(planned));
    }
}

/// Died on a day of a stay.
pub(super) fn dead(l: &mut Life<'_>, stay: usize, day: i64) {
    let day = ahead(l.day(stay), day);
    l.edit(stay, |c| {
        c.visit.death = Some(day);
        c.visit.discharge_way = "5".to_owned();
    });
}
