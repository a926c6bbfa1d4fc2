//! The items of the stories and what is published about them. Codes and points are invented; the tables are those
//! of `docs/knowledge.md`.

use chrono::NaiveDate;
use dingan_core::bundle::{CatalogueItem, Period, PriceLimit, ReferenceRows};
use dingan_core::codes::{ItemClass, Level};
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::money::{Price, Quantity};
use std::collections::BTreeMap;

/// A laboratory test nothing is known about.
pub(super) const TEST: &str = "ZL01";

/// An item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thing {
    code: &'static str,
    list_type: &'static str,
    charge_type: &'static str,
    group: &'static str,
    /// Yuan.
    limit: Option<i64>,
    /// Paid for under a condition, which the hospital says is met or not.
    restricted: bool,
}

impl Thing {
    pub fn is_drug(&self) -> bool {
        matches!(self.list_type, "101" | "102" | "103" | "104" | "106")
    }
}

/// Everything the stories use.
pub(super) struct Kit {
    things: BTreeMap<&'static str, Thing>,
    points: Vec<KnowledgeRow>,
}

const fn thing(code: &'static str, list_type: &'static str, charge_type: &'static str) -> Thing {
    Thing { code, list_type, charge_type, group: "", limit: None, restricted: false }
}

const fn drug(code: &'static str) -> Thing {
    thing(code, "101", "09")
}
const fn herb(code: &'static str) -> Thing {
    thing(code, "102", "10")
}
const fn service(code: &'static str) -> Thing {
    thing(code, "201", "05")
}
const fn material(code: &'static str) -> Thing {
    thing(code, "301", "08")
}

/// Items without a point: consultation, bed, nursing, treatment, test, drugs, herbs, imaging, an operation.
const PLAIN: [Thing; 27] = [
    thing("ZC01", "201", "02"),
    thing("ZB01", "201", "01"),
    thing("ZB02", "201", "01"),
    thing("ZN01", "201", "07"),
    thing("ZT01", "201", "05"),
    thing(TEST, "201", "04"),
    thing("ZO01", "201", "06"),
    drug("ZD01"),
    drug("ZD02"),
    drug("ZD03"),
    drug("ZD04"),
    drug("ZD05"),
    drug("ZD06"),
    drug("ZD07"),
    herb("ZH01"),
    herb("ZH02"),
    herb("ZH03"),
    herb("ZH04"),
    herb("ZH05"),
    herb("ZH06"),
    herb("ZH07"),
    herb("ZH08"),
    thing("002102ZI01", "201", "03"),
    thing("002103ZI02", "201", "03"),
    thing("002103ZI03", "201", "03"),
    drug("XJ01ZA01"),
    drug("XJ01ZA02"),
];

fn row(table: &str, item: &str) -> KnowledgeRow {
    KnowledgeRow {
        table: table.to_owned(),
        item: item.into(),
        source: "population".to_owned(),
        ..KnowledgeRow::default()
    }
}

fn number(table: &str, item: &str, n: i64) -> KnowledgeRow {
    KnowledgeRow { number: Some(Quantity::whole(n)), ..row(table, item) }
}

fn word(table: &str, item: &str, word: &str) -> KnowledgeRow {
    KnowledgeRow { word: word.to_owned(), ..row(table, item) }
}

fn pair(table: &str, item: &str, other: &str, word: &str) -> KnowledgeRow {
    KnowledgeRow { other: other.into(), word: word.to_owned(), ..row(table, item) }
}

fn diagnoses(table: &str, item: &str, ranges: &[&str], names: &[&str]) -> KnowledgeRow {
    let texts = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    KnowledgeRow { ranges: texts(ranges), names: texts(names), ..row(table, item) }
}

impl Kit {
    pub fn new() -> Self {
        let limited = |t: Thing, yuan| Thing { limit: Some(yuan), ..t };
        let on_condition = |t: Thing| Thing { restricted: true, ..t };
        let grouped = |t: Thing, group| Thing { group, ..t };
        let about: Vec<(Thing, KnowledgeRow)> = vec![
            (drug("K1003"), number("level-min", "K1003", 2)),
            (on_condition(drug("K1005")), row("drug-injury-only", "K1005")),
            (on_condition(drug("K1006")), row("drug-maternity-only", "K1006")),
            (on_condition(herb("K1007")), row("herb-never-paid", "K1007")),
            (herb("K1008"), row("herb-not-alone", "K1008")),
            (drug("K1010"), row("drug-newborn-only", "K1010")),
            (drug("K1011"), row("drug-child-limit", "K1011")),
            (drug("K1012"), diagnoses("drug-indication", "K1012", &["I63"], &["脑梗"])),
            (drug("K1013"), number("drug-course", "K1013", 14)),
            (drug("K1014"), diagnoses("drug-disease-list", "K1014", &["E11"], &[])),
            (drug("K1015"), word("drug-visit-way", "K1015", "inpatient")),
            (on_condition(service("K1018")), row("item-injury-only", "K1018")),
            (on_condition(service("K1019")), row("item-maternity-only", "K1019")),
            (service("K1020"), row("item-newborn-only", "K1020")),
            (service("K1021"), row("item-child-limit", "K1021")),
            (service("K1022"), diagnoses("item-payment-indication", "K1022", &["M50-M54"], &["颈椎"])),
            (on_condition(service("K1023")), word("item-department", "K1023", "12")),
            (service("K1024"), word("item-visit-way", "K1024", "inpatient")),
            (service("K1025"), number("item-course", "K1025", 30)),
            (service("K1026"), number("item-level-min", "K1026", 2)),
            (service("K1028"), number("item-max-amount", "K1028", 1000)),
            (service("K1029"), KnowledgeRow { word: "from".to_owned(), ..number("item-age", "K1029", 60) }),
            (service("K1031"), KnowledgeRow { days: Some(15), ..number("period-max", "K1031", 1) }),
            (material("K1032"), row("material-newborn-only", "K1032")),
            (material("K1033"), row("material-child-limit", "K1033")),
            (material("K1034"), number("material-max-amount", "K1034", 1000)),
            (service("K1002"), number("max-per-day", "K1002", 1)),
            (drug("K2012"), word("antibiotic-grade", "K2012", "special")),
            (drug("K3001"), word("drug-sex", "K3001", "female")),
            (drug("K3002"), row("child-only", "K3002")),
            (drug("K3004"), pair("drug-needs-item", "K3004", "ZT02", "")),
            (drug("K3005"), row("child-forbidden", "K3005")),
            (drug("K3006"), number("label-days", "K3006", 14)),
            (drug("K3007"), diagnoses("label-indication", "K3007", &["J18", "J15"], &["肺炎"])),
            (drug("K3008"), diagnoses("drug-contraindication", "K3008", &["N18"], &["肾衰"])),
            (drug("K3009"), row("elderly-caution", "K3009")),
            (drug("K3010"), word("pregnancy-caution", "K3010", "pregnancy")),
            (drug("K3011"), pair("drug-interaction", "K3011", "L3011", "")),
            (herb("K3012"), pair("herb-conflict", "K3012", "L3012", "")),
            (herb("K3014"), number("herb-dose-max", "K3014", 10)),
            (service("K3015"), diagnoses("exam-indication", "K3015", &["R07", "I20-I25"], &["胸痛"])),
            (service("K3016"), diagnoses("treatment-indication", "K3016", &["M17"], &["膝"])),
            (service("K3017"), word("item-child-only", "K3017", "newborn")),
            (service("K3018"), word("item-sex", "K3018", "female")),
            (service("L3018"), word("item-sex", "L3018", "female")),
            (service("K4011"), word("item-sex", "K4011", "male")),
            (service("L4011"), word("item-sex", "L4011", "male")),
            (service("K3019"), diagnoses("item-contraindication", "K3019", &["Z95"], &["起搏器"])),
            (service("K3020"), diagnoses("item-indication", "K3020", &["G81"], &["偏瘫"])),
            (material("K3021"), pair("material-needs-item", "K3021", "ZT02", "")),
            (material("K3022"), word("material-department", "K3022", "12")),
            (material("K3023"), number("material-max", "K3023", 2)),
            (material("K3024"), word("material-sex", "K3024", "female")),
            (material("K3025"), diagnoses("material-indication", "K3025", &["I20-I25"], &["冠心病"])),
            (service("K1001"), pair("duplicate-pair", "K1001", "L1001", "day")),
            (service("M1001"), pair("duplicate-pair", "M1001", "N1001", "hour")),
            (service("K1027"), pair("unbundle-pair", "K1027", "L1027", "day")),
            (service("K1030"), pair("item-material-pair", "K1030", "L1030", "visit")),
            (limited(thing("K1017", "201", "06"), 1000), word("operation-group", "K1017", "G1")),
            (limited(thing("L1017", "201", "06"), 800), word("operation-group", "L1017", "G1")),
        ];
        let mut others = vec![
            drug("L3011"),
            herb("L3012"),
            service("L1001"),
            service("N1001"),
            service("L1027"),
            material("L1030"),
            service("ZT02"),
            limited(service("K1016"), 10),
            grouped(drug("K3003"), "population-group"),
            grouped(drug("L3003"), "population-group"),
            grouped(drug("M3003"), "population-other-group"),
        ];
        others.extend(PLAIN);
        let mut points: Vec<KnowledgeRow> = about.iter().map(|(_, p)| p.clone()).collect();
        points.extend([
            word("diagnosis-sex", "N80", "female"),
            KnowledgeRow { word: "below".to_owned(), ..number("diagnosis-age", "P07", 1) },
            word("operation-sex", "68.4", "female"),
            diagnoses("operation-diagnosis", "47.0", &["K35-K38"], &["阑尾"]),
            number("periop-antibiotic", "06.2", 24),
        ]);
        let things = about.into_iter().map(|(t, _)| t).chain(others).map(|t| (t.code, t)).collect();
        Self { things, points }
    }

    pub fn thing(&self, code: &str) -> Option<&Thing> {
        self.things.get(code)
    }

    /// Adds items, limit prices and points to reference data.
    pub fn add_to(&self, rows: &mut ReferenceRows) {
        let always = Period { begin: NaiveDate::from_ymd_opt(2020, 1, 1).unwrap_or_default(), end: None };
        for t in self.things.values() {
            rows.catalogue.items.push(CatalogueItem {
                code: t.code.into(),
                name: format!("样例{}", t.code),
                period: always,
                list_type: t.list_type.to_owned(),
                charge_type: t.charge_type.to_owned(),
                class: ItemClass::A,
                restricted: t.restricted,
                max_per_day: None,
                max_per_stay: None,
                drug_group: t.group.to_owned(),
                area: Default::default(),
            });
            for level in [Level::One, Level::Two, Level::Three] {
                rows.catalogue.limits.extend(t.limit.map(|yuan| PriceLimit {
                    code: t.code.into(),
                    level,
                    period: always,
                    limit: Price::from_units(yuan * Price::ONE_UNITS),
                    over_way: String::new(),
                    area: Default::default(),
                }));
            }
        }
        rows.knowledge.extend(self.points.iter().cloned());
    }
}
