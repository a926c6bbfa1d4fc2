//! The encounters settled on a day.
//!
//! Who is in hospital when must agree between days, though each day is made by itself. So time is cut
//! into rounds of sixty days that begin on another day for each person: a person's stay may end on the
//! first day of their round, visits fall on the next forty, drugs for a month are fetched on one of them,
//! and the days left over lie before the next stay. No stay is then longer than the gap before it.

use super::bill::{Who, World};
use super::encounter::Encounter;
use super::planted;
use super::rng::Rng;
use super::stay::{self, StayWish, stay};
use super::visit::{self, VisitWish, visit};
use crate::file::PersonImport;
use chrono::{Datelike, Days, NaiveDate};
use dingan_core::person::Relation;

const ROUND: u64 = 60;
const VISIT_DAYS: std::ops::RangeInclusive<u64> = 1..=40;
const REFILL_DAY: u64 = 20;
/// Of a hundred encounters, how many are stays.
const STAYS_PERCENT: usize = 8;
/// Every how-many-th visit and stay has abuse planted in it.
const PLANT_VISIT: usize = 25;
const PLANT_STAY: usize = 5;

/// Where a day lies in a person's round.
fn phase(seed: u64, person: usize, day: NaiveDate) -> u64 {
    let offset = Rng::new(&[seed, 3, person as u64]).next() % ROUND;
    (u64::try_from(day.num_days_from_ce()).unwrap_or(0) + offset) % ROUND
}

/// The relation under which a person's encounter on a day is billed; all of the time `before` it must
/// be covered, so that a stay is.
fn relation(import: &PersonImport, day: NaiveDate, before: u64, remote: bool) -> Option<&Relation> {
    let since = day.checked_sub_days(Days::new(before))?;
    let covering = |r: &&Relation| r.covers(day) && r.covers(since);
    import.person.relations.iter().find(covering).filter(|r| remote || r.division.as_str().starts_with("46"))
}

/// The people who may have an encounter on a day: stays first, then visits.
struct Candidates<'a> {
    stays: Vec<(&'a PersonImport, &'a Relation)>,
    visits: Vec<(&'a PersonImport, &'a Relation, bool)>,
}

fn candidates<'a>(seed: u64, persons: &'a [PersonImport], day: NaiveDate, remote: bool) -> Candidates<'a> {
    let mut found = Candidates { stays: Vec::new(), visits: Vec::new() };
    for (i, import) in persons.iter().enumerate() {
        let phase = phase(seed, i, day);
        if phase == 0 {
            found.stays.extend(relation(import, day, 20, remote).map(|r| (import, r)));
        } else if VISIT_DAYS.contains(&phase) {
            found.visits.extend(relation(import, day, 0, remote).map(|r| (import, r, phase == REFILL_DAY)));
        }
    }
    found
}

/// Makes the encounters of a day.
pub(super) fn day(
    world: &World,
    seed: u64,
    persons: &[PersonImport],
    date: NaiveDate,
    claims: usize,
    remote: bool,
) -> Vec<Encounter> {
    let number = u64::try_from(date.num_days_from_ce()).unwrap_or(0);
    let mut order = Rng::new(&[seed, 4, number]);
    let mut people = candidates(seed, persons, date, remote);
    order.shuffle(&mut people.stays);
    order.shuffle(&mut people.visits);
    let turn = usize::try_from(number).unwrap_or(0);
    let mut made: Vec<Encounter> = Vec::with_capacity(claims + 1);
    let mut sown = (Sown::new(&planted::STAYS, turn), Sown::new(&planted::VISITS, turn));

    let stays = (claims * STAYS_PERCENT).div_ceil(100);
    for (nth, (import, relation)) in people.stays.iter().enumerate() {
        if made.len() >= stays {
            break;
        }
        let who = who(import, relation, date, nth);
        let rng = || Rng::new(&[seed, 5, number, nth as u64]);
        let planted = if nth % PLANT_STAY == 0 { sown.0.sow(world, &rng, &who, date) } else { None };
        match planted {
            Some(encounters) => made.extend(encounters),
            None => made.extend(plain_stay(world, rng(), &who, date)),
        }
    }
    // with more claims than people who may come, some come again
    let mut nth = 0;
    let mut barren = 0;
    while made.len() < claims && barren <= people.visits.len() && !people.visits.is_empty() {
        for (import, relation, refill) in &people.visits {
            if made.len() >= claims {
                break;
            }
            let before = made.len();
            let who = who(import, relation, date, 1_000_000 + nth);
            let rng = || Rng::new(&[seed, 6, number, nth as u64]);
            let plant = nth % PLANT_VISIT == PLANT_VISIT / 2;
            let planted = if plant { sown.1.sow(world, &rng, &who, date) } else { None };
            let wish = VisitWish { refill: *refill && nth < people.visits.len(), ..Default::default() };
            match planted {
                Some(encounters) => made.extend(encounters),
                None => made.extend(visit(world, rng(), &who, date, wish).map(visit::end)),
            }
            nth += 1;
            barren = if made.len() == before { barren + 1 } else { 0 };
        }
    }
    made.sort_by(|a, b| (a.settled, &a.key).cmp(&(b.settled, &b.key)));
    made
}

fn who<'a>(import: &'a PersonImport, relation: &'a Relation, date: NaiveDate, nth: usize) -> Who<'a> {
    let age = import.person.age_on(date);
    Who { person: &import.person, relation, age, key: format!("{}{nth:07}", date.format("%Y%m%d")) }
}

fn plain_stay(world: &World, mut rng: Rng, who: &Who<'_>, date: NaiveDate) -> Option<Encounter> {
    let nights = u64::try_from(rng.between(3, 13)).unwrap_or(3);
    let admitted = date.checked_sub_days(Days::new(nights))?;
    stay(world, rng, who, (admitted, date), StayWish::default()).map(stay::end)
}

/// Which patterns were planted how often on the day.
struct Sown<'p> {
    patterns: &'p [(&'static str, planted::Plant)],
    times: Vec<usize>,
    /// Where the day begins in the list, so that a short run meets other patterns than the day before.
    turn: usize,
}

impl<'p> Sown<'p> {
    fn new(patterns: &'p [(&'static str, planted::Plant)], turn: usize) -> Self {
        Self { patterns, times: vec![0; patterns.len()], turn }
    }

    /// Plants, of the patterns that suit the person, the one planted least.
    fn sow(&mut self, world: &World, rng: &impl Fn() -> Rng, who: &Who<'_>, date: NaiveDate) -> Option<Vec<Encounter>> {
        let count = self.patterns.len();
        let mut order: Vec<(usize, &mut usize)> = self.times.iter_mut().enumerate().collect();
        order.sort_by_key(|(i, times)| (**times, (i + count - self.turn % count) % count));
        for (i, times) in order {
            let (name, plant) = self.patterns.get(i)?;
            if let Some(mut encounters) = plant(world, rng(), who, date) {
                *times += 1;
                encounters.last_mut()?.planted = Some(name);
                return Some(encounters);
            }
        }
        None
    }
}
