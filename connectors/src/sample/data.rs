//! The sample's reference data, embedded: what stands in `connectors/data/`.

use crate::file::table::{Refused, Row, columns, read_rows};
use crate::file::{self, Read};
use dingan_core::bundle::ReferenceRows;
use dingan_core::codes::{DiseaseCode, ItemClass, ItemCode, Level, Sex};
use dingan_core::money::Price;
use std::collections::{HashMap, HashSet};

macro_rules! embedded {
    ($name:literal) => {
        include_str!(concat!("../../data/", $name))
    };
}

const CHARGE: [&str; 4] = ["hilist_code", "pric", "use", "diag"];
const DIAGNOSIS: [&str; 7] = ["diag_code", "diag_name", "use", "sex", "age_min", "age_max", "dise_codg"];

/// What the generator uses an item for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Taken home by the person.
    Drug,
    /// Given in a stay.
    Injection,
    Lab,
    Exam,
    Therapy,
    Operation,
    /// Charged for each day of a stay.
    Bed,
    Nursing,
    Round,
    Comfort,
    /// Charged by the hour in a stay.
    Watch,
    /// Once for each emergency visit.
    Emergency,
    /// Paid by the person alone.
    Tonic,
    /// Only where abuse is planted.
    Planted,
}

const USES: [(&str, Use); 14] = [
    ("drug", Use::Drug),
    ("injection", Use::Injection),
    ("lab", Use::Lab),
    ("exam", Use::Exam),
    ("therapy", Use::Therapy),
    ("operation", Use::Operation),
    ("bed", Use::Bed),
    ("nursing", Use::Nursing),
    ("round", Use::Round),
    ("comfort", Use::Comfort),
    ("watch", Use::Watch),
    ("emergency", Use::Emergency),
    ("tonic", Use::Tonic),
    ("planted", Use::Planted),
];

/// An item as the generator bills it, with what the knowledge points and the catalogue say of it.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub item: ItemCode,
    pub price: Price,
    pub used_for: Use,
    /// Prefixes of the diagnoses it is for; empty for any.
    diagnoses: Vec<String>,
    /// The only sex it is for.
    pub sex: Option<Sex>,
    /// Only for children.
    pub child_only: bool,
    /// Least level of the institution.
    pub level_min: i64,
    /// Most days of supply.
    pub supply_max: Option<i64>,
    /// Most units a day.
    pub per_day: Option<i64>,
    /// `drug_grp`.
    pub group: String,
    /// `lmt_used_flag`.
    pub restricted: bool,
    /// Class C.
    pub own_pay: bool,
    /// `medins_list_codg`.
    pub hospital_item: String,
    /// For a service: its price by the level of the hospital. Drugs and materials have none.
    pub price_book: Vec<(Level, Price)>,
}

impl Charge {
    /// Whether it is given for a diagnosis in particular.
    pub fn is_for(&self, diagnosis: &DiseaseCode) -> bool {
        self.diagnoses.iter().any(|d| diagnosis.as_str().starts_with(d.as_str()))
    }
    /// Whether it may be given for any diagnosis.
    pub fn is_general(&self) -> bool {
        self.diagnoses.is_empty()
    }
}

/// A diagnosis the sample uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleDiagnosis {
    /// `diag_code`.
    pub code: DiseaseCode,
    /// `diag_name`.
    pub name: String,
    /// In which care it is met: `outpatient`, `inpatient`, `emergency`, `chronic`.
    pub uses: Vec<String>,
    /// The only sex it is met in.
    pub sex: Option<Sex>,
    /// Ages at which it is met, in full years, both included.
    pub ages: (i64, i64),
    /// `dise_codg` under which its chronic care is filed; empty for none.
    pub filed_as: DiseaseCode,
}

/// Two items of which the second is part of the first: indices into [`Data::charges`].
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub main: usize,
    pub part: usize,
    /// `day`, `visit`, `hour`, `6h`.
    pub window: String,
}

/// Everything embedded.
#[derive(Debug, Clone, Default)]
pub(super) struct Data {
    pub reference: ReferenceRows,
    pub charges: Vec<Charge>,
    pub diagnoses: Vec<SampleDiagnosis>,
    pub pairs: Vec<Pair>,
}

impl Data {
    /// Reads the embedded files. A test holds that they read without a problem.
    pub fn load() -> Self {
        Self::read().0
    }

    fn read() -> (Self, Vec<file::RowProblem>) {
        let mut problems = Vec::new();
        let mut data = Self::default();
        for (name, text) in [
            ("items.csv", embedded!("items.csv")),
            ("limits.csv", embedded!("limits.csv")),
            ("ratios.csv", embedded!("ratios.csv")),
        ] {
            data.reference.catalogue.extend(rows(file::read_catalogue(name, text.as_bytes()), &mut problems));
        }
        let bytes = |text: &'static str| text.as_bytes();
        data.reference.institutions =
            rows(file::read_institutions("institutions.csv", bytes(embedded!("institutions.csv"))), &mut problems);
        data.reference.practitioners =
            rows(file::read_practitioners("practitioners.csv", bytes(embedded!("practitioners.csv"))), &mut problems);
        data.reference.areas = rows(file::read_areas("areas.csv", bytes(embedded!("areas.csv"))), &mut problems);
        data.reference.knowledge =
            rows(file::read_knowledge("knowledge.csv", bytes(embedded!("knowledge.csv"))), &mut problems);
        data.charges = rows(
            read_rows("charges.csv", bytes(embedded!("charges.csv")), &columns(&CHARGE, &[]), charge),
            &mut problems,
        );
        data.diagnoses = rows(
            read_rows("diagnoses.csv", bytes(embedded!("diagnoses.csv")), &columns(&DIAGNOSIS, &[]), diagnosis),
            &mut problems,
        );
        data.link();
        (data, problems)
    }

    /// Brings what catalogue and knowledge say of an item to its charge.
    fn link(&mut self) {
        let places: HashMap<ItemCode, usize> =
            self.charges.iter().enumerate().map(|(i, c)| (c.item.clone(), i)).collect();
        let services: HashSet<&ItemCode> =
            self.reference.catalogue.items.iter().filter(|i| i.list_type == "201").map(|i| &i.code).collect();
        for row in self.reference.catalogue.limits.iter().filter(|l| services.contains(&l.code)) {
            if let Some(charge) = places.get(&row.code).and_then(|i| self.charges.get_mut(*i)) {
                charge.price_book.push((row.level, row.limit));
            }
        }
        for row in &self.reference.catalogue.items {
            if let Some(charge) = places.get(&row.code).and_then(|i| self.charges.get_mut(*i)) {
                charge.group = row.drug_group.clone();
                charge.restricted = row.restricted;
                charge.own_pay = row.class == ItemClass::C;
            }
        }
        for row in &self.reference.knowledge {
            let Some(at) = places.get(&row.item).copied() else { continue };
            let number = row.number.map(|q| q.units() / dingan_core::money::Quantity::ONE_UNITS);
            let sex = if row.word == "male" { Sex::Male } else { Sex::Female };
            if row.table == "duplicate-pair" {
                if let Some(part) = places.get(&row.other).copied() {
                    self.pairs.push(Pair { main: at, part, window: row.word.clone() });
                }
                continue;
            }
            let Some(charge) = self.charges.get_mut(at) else { continue };
            match row.table.as_str() {
                "drug-sex" | "item-sex" => charge.sex = Some(sex),
                "child-only" => charge.child_only = true,
                "level-min" => charge.level_min = number.unwrap_or(1),
                "supply-days" => charge.supply_max = number,
                "max-per-day" => charge.per_day = number,
                _ => {}
            }
        }
    }

    /// Whether two items may not be charged together.
    pub fn is_pair(&self, a: usize, b: usize) -> bool {
        self.pairs.iter().any(|p| (p.main, p.part) == (a, b) || (p.main, p.part) == (b, a))
    }
}

fn rows<T>(read: Read<T>, problems: &mut Vec<file::RowProblem>) -> Vec<T> {
    problems.extend(read.problems);
    read.rows
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn charge(row: &Row<'_>) -> Result<Charge, Refused> {
    let names = USES.map(|(name, _)| name);
    let word = row.one_of("use", &names)?;
    let used_for = USES.iter().find(|(name, _)| *name == word).map_or(Use::Planted, |(_, u)| *u);
    let item = ItemCode::from(row.need_code("hilist_code", 50)?);
    Ok(Charge {
        hospital_item: format!("YB{item}"),
        price_book: Vec::new(),
        item,
        price: row.need_number("pric")?,
        used_for,
        diagnoses: words(row.text("diag", 100)?),
        sex: None,
        child_only: false,
        level_min: 1,
        supply_max: None,
        per_day: None,
        group: String::new(),
        restricted: false,
        own_pay: false,
    })
}

fn diagnosis(row: &Row<'_>) -> Result<SampleDiagnosis, Refused> {
    let age = |column| {
        let text = row.need_code(column, 3)?;
        text.parse::<i64>().map_err(|_| Refused { column, reason: "not a whole number".to_owned() })
    };
    Ok(SampleDiagnosis {
        code: row.need_code("diag_code", 30)?.into(),
        name: row.need_text("diag_name", 300)?.to_owned(),
        uses: words(row.need_text("use", 60)?),
        sex: match row.code("sex", 6)? {
            "male" => Some(Sex::Male),
            "female" => Some(Sex::Female),
            _ => None,
        },
        ages: (age("age_min")?, age("age_max")?),
        filed_as: row.code("dise_codg", 30)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_files_read_without_a_problem() {
        let (data, problems) = Data::read();
        assert_eq!(problems, []);
        assert!(data.charges.len() > 250 && data.diagnoses.len() > 60 && data.pairs.len() > 40);
        let known: std::collections::HashSet<_> = data.reference.catalogue.items.iter().map(|i| &i.code).collect();
        assert!(data.charges.iter().all(|c| known.contains(&c.item)), "a charge that is not in the catalogue");
        assert!(data.reference.knowledge.iter().all(|k| known.contains(&k.item)), "a point about nothing");
        assert!(data.reference.catalogue.ratios.iter().all(|r| known.contains(&r.code)));
        assert!(data.reference.catalogue.limits.iter().all(|r| known.contains(&r.code)));
        assert!(data.charges.iter().filter(|c| c.own_pay).count() >= 30);
    }
}
