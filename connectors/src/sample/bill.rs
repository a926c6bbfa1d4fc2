//! Building one encounter line by line, keeping it clean: nothing is chosen that a published point,
//! as far as the sample carries it, forbids for this person, place and bill.

use super::data::{Charge, Data, SampleDiagnosis, Use};
use super::encounter::{Department, Encounter, Shape};
use super::rng::Rng;
use chrono::NaiveDateTime;
use dingan_core::bundle::Institution;
use dingan_core::claim::{AccountUse, Approval, Diagnosis, Line};
use dingan_core::codes::{DiseaseCode, PractitionerCode, Sex};
use dingan_core::money::{Price, Quantity};
use dingan_core::person::{Person, Relation};
use std::sync::Arc;

/// Children's drugs are given below this age only, well within any reading of "child".
const CHILD_BELOW: i64 = 13;

/// An institution with its physicians.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub institution: Arc<Institution>,
    pub doctors: Vec<PractitionerCode>,
}

impl Place {
    pub fn level(&self) -> i64 {
        self.institution.deductible_level.number()
    }
}

/// What encounters are made of.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub data: Data,
    /// The hospitals of the pool, pharmacies and hospitals elsewhere left out.
    pub places: Vec<Place>,
}

impl World {
    pub fn new(data: Data) -> Self {
        let physicians = |i: &Institution| {
            let here = data.reference.practitioners.iter().filter(|p| p.institution == i.code);
            here.filter(|p| p.kind == "1" && p.period.end.is_none()).map(|p| p.code.clone()).collect()
        };
        let hospitals = data.reference.institutions.iter().filter(|i| i.kind == "1");
        let places = hospitals
            .filter(|i| i.division.as_str().starts_with("46"))
            .map(|i| Place { institution: Arc::new(i.clone()), doctors: physicians(i) })
            .collect();
        Self { data, places }
    }

    /// A hospital with a level in the range, and not the one given.
    pub fn place(&self, rng: &mut Rng, levels: (i64, i64), but: Option<&Institution>) -> Option<&Place> {
        let fits =
            |p: &&Place| (levels.0..=levels.1).contains(&p.level()) && but.is_none_or(|b| b.code != p.institution.code);
        let fitting: Vec<&Place> = self.places.iter().filter(fits).collect();
        rng.pick(&fitting).copied()
    }

    /// A diagnosis met in this care at the person's age and sex.
    pub fn diagnosis(&self, rng: &mut Rng, care: &str, sex: Sex, age: i64) -> Option<&SampleDiagnosis> {
        let fits = |d: &&SampleDiagnosis| d.uses.iter().any(|u| u == care) && suits(d, sex, age);
        let fitting: Vec<&SampleDiagnosis> = self.data.diagnoses.iter().filter(fits).collect();
        rng.pick(&fitting).copied()
    }
}

/// Whether a diagnosis is met at that age and sex.
pub(super) fn suits(d: &SampleDiagnosis, sex: Sex, age: i64) -> bool {
    d.sex.is_none_or(|s| s == sex) && (d.ages.0..=d.ages.1).contains(&age)
}

/// Who is to have an encounter, and when.
#[derive(Debug, Clone)]
pub(super) struct Who<'a> {
    pub person: &'a Person,
    pub relation: &'a Relation,
    /// Age on the day.
    pub age: i64,
    /// [`Encounter::key`].
    pub key: String,
}

/// An encounter being built.
pub(super) struct Bill<'a> {
    data: &'a Data,
    pub rng: Rng,
    pub encounter: Encounter,
    age: i64,
    /// The charges used so far with the price and approval this bill has for them.
    used: Vec<(usize, Price, Approval)>,
}

impl<'a> Bill<'a> {
    /// An encounter without lines.
    pub fn open(
        world: &'a World,
        mut rng: Rng,
        who: &Who<'_>,
        place: &Place,
        diagnosis: &SampleDiagnosis,
        shape: Shape,
        times: (NaiveDateTime, NaiveDateTime),
    ) -> Self {
        let stay = shape == Shape::Stay;
        let main = Diagnosis {
            code: diagnosis.code.clone(),
            name: diagnosis.name.clone(),
            main: true,
            order: 1,
            at_discharge: stay,
        };
        let encounter = Encounter {
            shape,
            key: who.key.clone(),
            person: who.person.clone(),
            relation: who.relation.clone(),
            institution: Arc::clone(&place.institution),
            med_type: if stay { "21" } else { "11" }.into(),
            begin: times.0,
            end: times.1,
            settled: times.1,
            disease: if stay { DiseaseCode::default() } else { diagnosis.code.clone() },
            diagnoses: vec![main],
            department: department(&diagnosis.code, who.age),
            doctor: rng.pick(&place.doctors).cloned().unwrap_or_default(),
            bed: if stay { format!("{}-{:02}", rng.between(1, 9), rng.between(1, 40)) } else { String::new() },
            discharge_way: String::from(if stay { "1" } else { "" }),
            account_use: account_use(&mut rng, who, stay),
            lines: Vec::new(),
            planted: None,
        };
        Self { data: &world.data, rng, encounter, age: who.age, used: Vec::new() }
    }

    /// Adds a second diagnosis.
    pub fn also(&mut self, diagnosis: &SampleDiagnosis) {
        let at_discharge = self.encounter.shape == Shape::Stay;
        let order = u16::try_from(self.encounter.diagnoses.len() + 1).unwrap_or(u16::MAX);
        let (code, name) = (diagnosis.code.clone(), diagnosis.name.clone());
        if self.encounter.diagnoses.iter().all(|d| d.code != code) {
            self.encounter.diagnoses.push(Diagnosis { code, name, main: false, order, at_discharge });
        }
    }

    fn charge(&self, at: usize) -> Option<&'a Charge> {
        self.data.charges.get(at)
    }

    fn main(&self) -> DiseaseCode {
        self.encounter.diagnoses.first().map(|d| d.code.clone()).unwrap_or_default()
    }

    /// Whether the person may have it, whatever else is on the bill.
    pub fn suits_person(&self, at: usize) -> bool {
        self.charge(at).is_some_and(|c| {
            c.sex.is_none_or(|s| s == self.encounter.person.sex) && (!c.child_only || self.age < CHILD_BELOW)
        })
    }

    /// Whether it may be added to a clean bill.
    fn may(&self, at: usize) -> bool {
        let Some(c) = self.charge(at) else { return false };
        self.suits_person(at)
            && c.level_min <= self.encounter.institution.deductible_level.number()
            && self.used.iter().all(|(u, ..)| {
                let same_group = !c.group.is_empty() && self.charge(*u).is_some_and(|o| o.group == c.group);
                *u != at && !same_group && !self.data.is_pair(*u, at)
            })
    }

    /// Chooses up to `count` items of a kind that may be on the bill: those for its diagnosis, and with
    /// `general` those for any.
    pub fn choose(&mut self, used_for: Use, count: usize, general: bool) -> Vec<usize> {
        let main = self.main();
        let fits = |c: &Charge| c.used_for == used_for && (c.is_for(&main) || general && c.is_general());
        let mut fitting: Vec<usize> =
            self.data.charges.iter().enumerate().filter(|(_, c)| fits(c)).map(|(i, _)| i).collect();
        self.rng.shuffle(&mut fitting);
        let mut chosen = Vec::new();
        for at in fitting {
            if chosen.len() >= count {
                break;
            }
            if self.may(at) {
                self.reserve(at);
                chosen.push(at);
            }
        }
        chosen
    }

    /// The price and approval of an item on this bill, fixed when it is first used.
    fn reserve(&mut self, at: usize) -> Option<(Price, Approval)> {
        if let Some((_, price, approval)) = self.used.iter().find(|(u, ..)| *u == at) {
            return Some((*price, *approval));
        }
        let charge = self.charge(at)?;
        // one in eight is dearer than listed, so that limit prices act; but a service costs what the price book says
        let percent = if self.rng.below(8) == 0 { 110 } else { 100 };
        let listed = Price::from_units(charge.price.units() * percent / 100 / 10_000 * 10_000);
        let level = self.encounter.institution.price_level;
        let price = charge.price_book.iter().find(|(l, _)| *l == level).map_or(listed, |(_, price)| *price);
        let approval = match charge.restricted {
            true if self.rng.percent(92) => Approval::Approved,
            true => Approval::Refused,
            false => Approval::NotNeeded,
        };
        self.used.push((at, price, approval));
        Some((price, approval))
    }

    /// Adds a line, whether it is clean or not.
    pub fn add(&mut self, at: usize, units: i64, time: NaiveDateTime) -> Option<&mut Line> {
        let charge = self.charge(at)?;
        let (price, approval) = self.reserve(at)?;
        let quantity = Quantity::whole(units);
        let drug = matches!(charge.used_for, Use::Drug | Use::Injection);
        let e = &mut self.encounter;
        e.lines.push(Line {
            no: Default::default(),
            refund_of: None,
            batch: if e.shape == Shape::Outpatient { format!("B{}", e.key) } else { String::new() },
            order_no: if drug { format!("R{}", e.key) } else { String::new() },
            time,
            item: charge.item.clone(),
            hospital_item: charge.hospital_item.clone(),
            amount: price.times(quantity),
            quantity,
            price,
            supply_days: None,
            department: e.department.code.to_owned(),
            practitioner: e.doctor.clone(),
            approval,
            take_home: false,
            more: None,
        });
        e.lines.last_mut()
    }

    /// Puts the lines in order of time, numbers them, and fixes when the bill is settled.
    pub fn close(mut self, settled: NaiveDateTime) -> Encounter {
        self.encounter.lines.sort_by_key(|l| l.time);
        for (i, line) in self.encounter.lines.iter_mut().enumerate() {
            line.no = (i + 1).to_string().into();
        }
        self.encounter.settled = settled;
        self.encounter
    }
}

fn account_use(rng: &mut Rng, who: &Who<'_>, stay: bool) -> AccountUse {
    let employee = who.relation.insurance.as_str() == "310";
    match rng.below(100) {
        0..=29 if who.person.family_account.is_some() => AccountUse::Family,
        0..=59 if employee && !stay => AccountUse::Own,
        _ => AccountUse::None,
    }
}

fn department(diagnosis: &DiseaseCode, age: i64) -> Department {
    let of = |code, name, specialty| Department { code, name, specialty };
    match diagnosis.as_str().get(..1) {
        Some("O" | "Z") => of("0501", "妇产科", "A05"),
        Some("N") if matches!(diagnosis.as_str().get(1..2), Some("7" | "8" | "9")) => of("0501", "妇产科", "A05"),
        _ if age < 14 => of("0701", "儿科", "A07"),
        Some("M" | "S") => of("0405", "骨科", "A04"),
        Some("H") => of("1001", "眼科", "A10"),
        Some("L") => of("1301", "皮肤科", "A13"),
        Some("C") => of("1901", "肿瘤科", "A19"),
        Some("D" | "N") => of("0401", "普通外科", "A04"),
        Some("J") => of("0301", "呼吸内科", "A03"),
        Some("K") => of("0302", "消化内科", "A03"),
        Some("I" | "G" | "R") => of("0304", "心血管内科", "A03"),
        _ => of("0300", "内科", "A03"),
    }
}
