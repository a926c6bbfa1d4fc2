//! A person and what they do, written down visit by visit.

use super::Truth;
use super::points::{Kit, TEST, Thing};
use crate::file::PersonImport;
use crate::sample::bill::{Place, World};
use crate::sample::people;
use crate::sample::rng::Rng;
use chrono::{Days, NaiveDate, NaiveDateTime, TimeDelta};
use dingan_core::claim::{
    AccountUse, Approval, Claim, Diagnosis, Line, Operation, SettleRequest, SettlementList, Visit,
};
use dingan_core::codes::{Insurance, PersonType, Sex, VisitId};
use dingan_core::money::{Money, Price, Quantity, Rate};
use dingan_core::person::Relation;

/// A life being written.
pub(super) struct Life<'w> {
    pub rng: Rng,
    kit: &'w Kit,
    world: &'w World,
    person: PersonImport,
    claims: Vec<Claim>,
    lists: Vec<(VisitId, SettlementList)>,
    truth: Vec<Truth>,
}

/// What a line is besides its item.
#[derive(Clone)]
pub(super) struct Charged {
    pub quantity: i64,
    /// Yuan a unit.
    pub price: i64,
    /// Hours after the visit began.
    pub after: i64,
    pub supply: Option<i64>,
    pub order: &'static str,
    pub department: &'static str,
    /// What the hospital says of the condition under which the item is paid for.
    pub approval: Approval,
}

impl Default for Charged {
    fn default() -> Self {
        Self {
            quantity: 1,
            price: 10,
            after: 1,
            supply: None,
            order: "R1",
            department: "0301",
            approval: Approval::NotNeeded,
        }
    }
}

/// The first days of a life lie here.
pub(super) fn first_day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 1, 5).unwrap_or_default()
}

pub(super) fn ahead(day: NaiveDate, days: i64) -> NaiveDate {
    day.checked_add_days(Days::new(days.max(0).unsigned_abs())).unwrap_or(day)
}

fn at(day: NaiveDate, hour: i64) -> NaiveDateTime {
    day.and_time(chrono::NaiveTime::MIN) + TimeDelta::hours(hour)
}

impl<'w> Life<'w> {
    /// A person insured as a resident from birth, of the sex and age wanted.
    pub fn new(
        seed: u64,
        number: usize,
        kit: &'w Kit,
        world: &'w World,
        sex: Option<Sex>,
        age_days: Option<i64>,
    ) -> Self {
        let mut rng = Rng::new(&[seed, 77, number as u64]);
        let mut person = people::person(seed, number);
        let age_days = age_days.unwrap_or_else(|| rng.between(25 * 365, 55 * 365));
        let p = &mut person.person;
        p.no = format!("Q{:09}", number + 1).into();
        p.sex = sex.unwrap_or(p.sex);
        p.birth = first_day() - TimeDelta::days(age_days);
        p.identities.clear();
        p.filings.clear();
        p.family_account = None;
        p.relations = vec![Relation {
            insurance: Insurance::from("390"),
            person_type: PersonType::from(if age_days < 18 * 365 { "1403" } else { "15" }),
            division: "469026".into(),
            begin: p.birth,
            end: None,
            civil_servant: false,
            contribution_years: None,
            employer: String::new(),
        }];
        person.own_balance = None;
        person.family_balance = None;
        Self { rng, kit, world, person, claims: Vec::new(), lists: Vec::new(), truth: Vec::new() }
    }

    /// A hospital: of the second level, or from [`FIRST_LEVEL`] on of the first.
    fn place(&self, which: usize) -> Option<&'w Place> {
        let (level, nth) = which.checked_sub(FIRST_LEVEL).map_or((2, which), |nth| (1, nth));
        self.world.places.iter().filter(|p| p.level() == level).nth(nth)
    }

    /// A visit that ends the day it begins; a consultation is charged. Answers its place in the life.
    pub fn visit(&mut self, kind: &str, day: NaiveDate, place: usize, diagnosis: &str) -> usize {
        let begin = at(day, 9) + TimeDelta::minutes(self.rng.between(0, 240));
        let end = begin + TimeDelta::hours(3);
        self.open(kind, begin, None, end, place, diagnosis);
        let v = self.claims.len() - 1;
        self.charge(v, "ZC01", Charged { order: "", after: 0, ..Charged::default() });
        v
    }

    /// A stay: bed and nursing every day, a treatment and a test on each day that is not `idle`.
    pub fn stay(
        &mut self,
        day: NaiveDate,
        days: i64,
        place: usize,
        diagnosis: &str,
        idle: std::ops::Range<i64>,
    ) -> usize {
        let begin = at(day, 8) + TimeDelta::minutes(self.rng.between(0, 300));
        let end = at(ahead(day, days), 15);
        self.open("21", begin, Some(end), end + TimeDelta::minutes(40), place, diagnosis);
        let v = self.claims.len() - 1;
        for d in 0..days.max(1) {
            let hours = d * 24;
            self.charge(v, "ZB01", Charged { price: 30, after: hours + 2, order: "", ..Charged::default() });
            self.charge(v, "ZN01", Charged { price: 15, after: hours + 3, order: "", ..Charged::default() });
            if !idle.contains(&d) {
                self.charge(v, "ZT01", Charged { price: 40, after: hours + 4, ..Charged::default() });
                if d % 3 == 0 {
                    self.charge(v, TEST, Charged { price: 25, after: hours + 5, ..Charged::default() });
                }
            }
        }
        v
    }

    fn open(
        &mut self,
        kind: &str,
        begin: NaiveDateTime,
        end: Option<NaiveDateTime>,
        settled: NaiveDateTime,
        place: usize,
        diagnosis: &str,
    ) {
        let institution = self.place(place).map(|p| p.institution.code.clone()).unwrap_or_default();
        let id = format!("V{}-{}", self.person.person.no, self.claims.len() + 1);
        let (code, name) = diagnosis.split_once(' ').unwrap_or((diagnosis, ""));
        self.claims.push(Claim {
            visit: Visit {
                id: id.into(),
                person: self.person.person.no.clone(),
                institution,
                insurance: "390".into(),
                med_type: kind.into(),
                begin,
                end,
                disease: code.into(),
                diagnoses: vec![Diagnosis {
                    code: code.into(),
                    name: name.to_owned(),
                    main: true,
                    order: 1,
                    at_discharge: end.is_some(),
                }],
                department: "0301".to_owned(),
                bed: if end.is_some() { format!("{}床", self.rng.between(1, 60)) } else { String::new() },
                discharge_way: if end.is_some() { "1".to_owned() } else { String::new() },
                death: None,
                referred_from: None,
                third_party_share: Rate::ZERO,
                insured_at: Default::default(),
                circumstances: Default::default(),
            },
            lines: Vec::new(),
            request: SettleRequest { time: settled, account_use: AccountUse::None, mid_stay: false, by_quota: false },
        });
    }

    /// A line of an item on a visit.
    pub fn charge(&mut self, visit: usize, item: &str, c: Charged) {
        let doctor = self.claims.get(visit).and_then(|v| {
            let place = self.world.places.iter().find(|p| p.institution.code == v.visit.institution)?;
            place.doctors.first().cloned()
        });
        let thing = self.kit.thing(item);
        let second = self.rng.between(1, 3500);
        let Some(v) = self.claims.get_mut(visit) else { return };
        let stay = v.visit.kind().is_stay();
        let price = Price::from_units(c.price * Price::ONE_UNITS);
        let quantity = Quantity::whole(c.quantity);
        // drugs outside of stays say for how many days they last, and stand on a prescription
        let drug = thing.is_some_and(Thing::is_drug);
        let supply = c.supply.or((drug && !stay).then_some(3));
        v.lines.push(Line {
            no: format!("{:05}", v.lines.len() + 1).into(),
            refund_of: None,
            batch: String::new(),
            order_no: if drug || stay { c.order.to_owned() } else { String::new() },
            time: v.visit.begin + TimeDelta::hours(c.after) + TimeDelta::seconds(second),
            item: item.into(),
            hospital_item: String::new(),
            amount: price.times(quantity),
            quantity,
            price,
            supply_days: supply.map(Quantity::whole),
            department: c.department.to_owned(),
            practitioner: doctor.unwrap_or_default(),
            approval: c.approval,
            take_home: false,
            more: None,
        });
    }

    /// A line and its refund.
    pub fn charge_and_refund(&mut self, visit: usize, item: &str, c: Charged) {
        self.charge(visit, item, c);
        if let Some(v) = self.claims.get_mut(visit)
            && let Some(last) = v.lines.last().cloned()
        {
            let minus = |q: Quantity| Quantity::from_units(-q.units());
            v.lines.push(Line {
                no: format!("{:05}", v.lines.len() + 1).into(),
                refund_of: Some(last.no.clone()),
                quantity: minus(last.quantity),
                amount: Money::ZERO - last.amount,
                time: last.time + TimeDelta::minutes(20),
                ..last
            });
        }
    }

    /// Changes a visit.
    pub fn edit(&mut self, visit: usize, change: impl FnOnce(&mut Claim)) {
        if let Some(v) = self.claims.get_mut(visit) {
            change(v);
        }
    }

    /// Lets a visit, or a stay that ends when it ends, begin so many hours later.
    pub fn later(&mut self, visit: usize, hours: i64) {
        let by = TimeDelta::hours(hours);
        self.edit(visit, |c| {
            c.visit.begin += by;
            c.request.time += by;
            c.lines.iter_mut().for_each(|line| line.time += by);
        });
    }

    /// Lets a bill come so many days later; what was done stays where it is.
    pub fn billed_late(&mut self, visit: usize, days: i64) {
        self.edit(visit, |c| c.request.time += TimeDelta::days(days));
    }

    /// Adds a second diagnosis.
    pub fn also(&mut self, visit: usize, diagnosis: &str) {
        let (code, name) = diagnosis.split_once(' ').unwrap_or((diagnosis, ""));
        self.edit(visit, |c| {
            let order = u16::try_from(c.visit.diagnoses.len() + 1).unwrap_or(u16::MAX);
            c.visit.diagnoses.push(Diagnosis {
                code: code.into(),
                name: name.to_owned(),
                main: false,
                order,
                at_discharge: c.visit.end.is_some(),
            });
        });
    }

    /// Hands the person over from one stay to the next.
    pub fn refer(&mut self, from: usize, to: usize) {
        self.edit(from, |c| c.visit.discharge_way = "2".to_owned());
        let from = self.id(from);
        self.edit(to, |c| c.visit.referred_from = Some(from));
    }

    /// Changes the line charged last.
    pub fn last_line(&mut self, visit: usize, change: impl FnOnce(&mut Line)) {
        self.edit(visit, |c| {
            if let Some(line) = c.lines.last_mut() {
                change(line);
            }
        });
    }

    /// Puts the line charged last on another day of the visit, so many minutes after midnight.
    pub fn put(&mut self, visit: usize, day: i64, minutes: i64) {
        self.edit(visit, |c| {
            let midnight = c.visit.begin.date().and_time(chrono::NaiveTime::MIN);
            if let Some(line) = c.lines.last_mut() {
                line.time = midnight + TimeDelta::days(day) + TimeDelta::minutes(minutes);
            }
        });
    }

    /// The settlement list of a stay, as its hospital sends it: what the stay says, with changes.
    pub fn list(&mut self, visit: usize, change: impl FnOnce(&mut SettlementList)) {
        let Some(v) = self.claims.get(visit) else { return };
        let mut list = SettlementList {
            admitted: Some(v.visit.begin),
            discharged: v.visit.end,
            admission_way: "2".to_owned(),
            discharge_way: v.visit.discharge_way.clone(),
            return_planned: Some(false),
            diagnoses: v.visit.diagnoses.clone(),
            operations: Vec::new(),
        };
        change(&mut list);
        self.lists.push((v.visit.id.clone(), list));
    }

    /// An operation of a settlement list, so many hours after admission.
    pub fn operation(&self, visit: usize, code: &str, hours: i64) -> Operation {
        let begin = self.claims.get(visit).map(|v| v.visit.begin + TimeDelta::hours(hours));
        Operation { code: code.to_owned(), name: code.to_owned(), begin, physician: "".into() }
    }

    /// When the person was born.
    pub fn birth(&self) -> NaiveDate {
        self.person.person.birth
    }

    /// The day on which a visit began.
    pub fn day(&self, visit: usize) -> NaiveDate {
        self.claims.get(visit).map_or_else(first_day, |v| v.visit.begin.date())
    }

    /// Places of the stays.
    pub fn stays(&self) -> Vec<usize> {
        let stays = self.claims.iter().enumerate().filter(|(_, c)| c.visit.kind().is_stay());
        stays.map(|(i, _)| i).collect()
    }

    pub fn id(&self, visit: usize) -> VisitId {
        self.claims.get(visit).map(|v| v.visit.id.clone()).unwrap_or_default()
    }

    /// Writes into the answer key that a rule is to find something at a visit.
    pub fn truth(&mut self, visit: usize, rule: &'static str) {
        let visit = self.id(visit);
        self.truth.push(Truth { visit, rule });
    }

    /// Done: bills in the order in which they are settled.
    pub fn done(mut self, pattern: &'static str, form: super::Form) -> super::Story {
        for c in &mut self.claims {
            c.lines.sort_by(|a, b| (a.time, &a.no).cmp(&(b.time, &b.no)));
        }
        self.claims.sort_by(|a, b| (a.request.time, &a.visit.id).cmp(&(b.request.time, &b.visit.id)));
        super::Story { person: self.person, claims: self.claims, lists: self.lists, truth: self.truth, pattern, form }
    }
}

/// A hospital of the first level, as are the three after it; 0 to 3 are hospitals of the second, 3 for rehabilitation.
pub(super) const FIRST_LEVEL: usize = 9;
