//! The facts of a case, written short, as the claim, person file and bundle of a real one.

use chrono::{NaiveDate, NaiveDateTime};
use dingan_core::bundle::{
    AreaRow, Bundle, CatalogueItem, CatalogueRows, Institution, Period, Practitioner, PriceLimit, ReferenceRows,
};
use dingan_core::claim::{
    AccountUse, Approval, Claim, Diagnosis, Line, Operation, SettleRequest, SettlementList, Visit,
};
use dingan_core::codes::*;
use dingan_core::facts::Facts;
use dingan_core::finding::{Severity, Stage};
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::money::{Money, Price, Quantity, Rate};
use dingan_core::person::{PastLine, PastVisit, Person, PersonFile, Relation, SettledLine};
use dingan_core::policy::BenefitPolicy;
use dingan_core::resolve::resolve;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The keys of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Stage of the run; else `during`, or the first the rule knows.
    #[serde(default)]
    pub stage: Option<Stage>,
    /// The person.
    #[serde(default)]
    pub person: PersonCase,
    /// The visit under review.
    pub visit: VisitCase,
    /// When it is settled; else at discharge, or with the last line.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub settled_at: Option<NaiveDateTime>,
    /// `hosp_lv` of institutions (`1` is of the third level, `9` of the first, empty not known); else `1`.
    #[serde(default)]
    pub institutions: BTreeMap<String, String>,
    /// Catalogue rows that are more than a plain drug.
    #[serde(default)]
    pub items: Vec<ItemCase>,
    /// Lines of the claim.
    #[serde(default)]
    pub lines: Vec<LineCase>,
    /// Lines an earlier part of this stay settled.
    #[serde(default)]
    pub settled: Vec<LineCase>,
    /// Other visits.
    #[serde(default)]
    pub history: Vec<VisitCase>,
    /// Knowledge points, as in the core.
    #[serde(default)]
    pub knowledge: Vec<KnowledgeRow>,
    /// Parameters at other than their own values.
    #[serde(default)]
    pub params: toml::Table,
    /// Findings expected.
    #[serde(default)]
    pub expect: Vec<Expected>,
    /// Facts the rule is expected to wait for.
    #[serde(default)]
    pub undecided: Vec<String>,
    /// Exemptions expected to be used.
    #[serde(default)]
    pub exempted: Vec<String>,
    /// The register of practitioners.
    #[serde(default)]
    pub practitioners: Vec<PractitionerCase>,
    /// `clr_way` of the institution; else by item.
    #[serde(default = "by_item")]
    pub paid_by: String,
    /// `insutype` of person and visit; else employees.
    #[serde(default = "employees")]
    pub insurance: String,
}

/// A registered practitioner of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PractitionerCase {
    /// Code.
    pub code: String,
    /// Where registered.
    #[serde(default = "own_institution")]
    pub institution: String,
    /// From when on.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub begin: Option<NaiveDateTime>,
    /// Until when.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub end: Option<NaiveDateTime>,
}

/// The settlement list of a visit.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ListCase {
    /// `adm_time`.
    #[serde(deserialize_with = "moment_or_none")]
    pub admitted: Option<NaiveDateTime>,
    /// `dscg_time`.
    #[serde(deserialize_with = "moment_or_none")]
    pub discharged: Option<NaiveDateTime>,
    /// `adm_way`.
    pub admission_way: String,
    /// `dscg_way`.
    pub discharge_way: String,
    /// `days_rinp_flag_31`.
    pub return_planned: Option<bool>,
    /// Diagnoses, the principal first.
    pub diagnoses: Vec<String>,
    /// Codes of operations.
    pub operations: Vec<String>,
    /// When they began.
    #[serde(deserialize_with = "moment_or_none")]
    pub operated: Option<NaiveDateTime>,
}

fn by_item() -> String {
    "1".into()
}
fn employees() -> String {
    "310".into()
}

/// The person of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersonCase {
    /// `male`, `female`, `unknown`.
    pub sex: Sex,
    /// Birth.
    #[serde(deserialize_with = "moment")]
    pub birth: NaiveDateTime,
}

impl Default for PersonCase {
    fn default() -> Self {
        Self { sex: Sex::Female, birth: NaiveDate::from_ymd_opt(1970, 6, 1).unwrap_or_default().into() }
    }
}

/// A visit of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisitCase {
    /// `mdtrt_id`; `V` for the visit under review.
    #[serde(default = "own_visit")]
    pub id: String,
    /// `fixmedins_code`.
    #[serde(default = "own_institution")]
    pub institution: String,
    /// `med_type`.
    #[serde(rename = "type", default = "general_outpatient")]
    pub med_type: String,
    /// Admission or visit.
    #[serde(deserialize_with = "moment")]
    pub begin: NaiveDateTime,
    /// Discharge.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub end: Option<NaiveDateTime>,
    /// Principal diagnosis.
    #[serde(default)]
    pub diagnosis: String,
    /// `dise_codg`.
    #[serde(default)]
    pub disease: String,
    /// `dscg_way`.
    #[serde(default)]
    pub discharge_way: String,
    /// The visit it was referred from.
    #[serde(default)]
    pub referred_from: String,
    /// Further diagnoses.
    #[serde(default)]
    pub diagnoses: Vec<String>,
    /// `die_date`.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub death: Option<NaiveDateTime>,
    /// `adm_bed`.
    #[serde(default)]
    pub bed: String,
    /// The settlement list, where it has arrived.
    #[serde(default)]
    pub list: Option<ListCase>,
    /// Settled lines, for other visits.
    #[serde(default)]
    pub lines: Vec<LineCase>,
}

/// A line of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineCase {
    /// `feedetl_sn`; else its place in the list, from 1.
    #[serde(default)]
    pub no: String,
    /// The item.
    pub item: String,
    /// When; else at the begin of the visit.
    #[serde(default, deserialize_with = "moment_or_none")]
    pub at: Option<NaiveDateTime>,
    /// How many; else one.
    #[serde(default = "one")]
    pub quantity: Quantity,
    /// Unit price; else ten yuan.
    #[serde(default = "ten_yuan")]
    pub price: Price,
    /// `prd_days`.
    #[serde(default)]
    pub supply_days: Option<Quantity>,
    /// The line it refunds.
    #[serde(default)]
    pub refund_of: String,
    /// Taken home at discharge.
    #[serde(default)]
    pub take_home: bool,
    /// `rxno` or `drord_no`.
    #[serde(default)]
    pub order: String,
    /// `bilg_dr_codg`.
    #[serde(default)]
    pub practitioner: String,
    /// `bilg_dept_codg`.
    #[serde(default)]
    pub department: String,
    /// `hosp_appr_flag`.
    #[serde(default)]
    pub approval: Approval,
    /// The amount as stated; else price × quantity.
    #[serde(default)]
    pub amount: Option<Money>,
}

/// A catalogue row of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemCase {
    /// Its code.
    pub code: String,
    /// Its name; else the code.
    #[serde(default)]
    pub name: String,
    /// `list_type`; else a western or patent drug.
    #[serde(default = "western_drug")]
    pub list_type: String,
    /// `med_chrgitm_type`.
    #[serde(default = "drug_charge")]
    pub charge_type: String,
    /// Drug group.
    #[serde(default)]
    pub group: String,
    /// `chrgitm_lv`; else class A.
    #[serde(default = "class_a")]
    pub class: ItemClass,
    /// `lmt_used_flag`.
    #[serde(default)]
    pub restricted: bool,
    /// Limit price at every level.
    #[serde(default)]
    pub limit: Option<Price>,
}

fn class_a() -> ItemClass {
    ItemClass::A
}

/// A finding expected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Numbers of the lines at stake; none for the whole claim.
    #[serde(default)]
    pub lines: Vec<String>,
    /// The charge at stake.
    #[serde(default)]
    pub charge: Option<Money>,
    /// The funds' share of it.
    #[serde(default)]
    pub fund: Option<Money>,
    /// The person's share of it.
    #[serde(default)]
    pub person: Option<Money>,
    /// Whether the funds' share is open until group settlement.
    #[serde(default)]
    pub fund_open: Option<bool>,
    /// How sure it is: the rule's severity, or less where it rests on points nobody has confirmed.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// What it conflicts with: `visit`, `visit/line` or `/line`.
    #[serde(default)]
    pub related: Option<Vec<String>>,
    /// Evidence it must hold.
    #[serde(default)]
    pub evidence: BTreeMap<String, String>,
    /// What its text must hold.
    #[serde(default)]
    pub text: String,
}

fn own_visit() -> String {
    "V".into()
}
fn own_institution() -> String {
    "H1".into()
}
fn general_outpatient() -> String {
    "11".into()
}
fn western_drug() -> String {
    "101".into()
}
fn drug_charge() -> String {
    "09".into()
}
fn one() -> Quantity {
    Quantity::whole(1)
}
fn ten_yuan() -> Price {
    Price::from_units(10 * Price::ONE_UNITS)
}

/// A date (`2025-03-04`) or a date and time (`2025-03-04 09:30:00`), quoted or not.
fn moment<'de, D: Deserializer<'de>>(d: D) -> Result<NaiveDateTime, D::Error> {
    let value = toml::Value::deserialize(d)?;
    let text = match &value {
        toml::Value::String(s) => s.replace(' ', "T"),
        toml::Value::Datetime(d) => d.to_string(),
        other => return Err(D::Error::custom(format!("{other} is no date"))),
    };
    let full = match text.len() {
        10 => format!("{text}T00:00:00"),
        16 => format!("{text}:00"),
        _ => text,
    };
    full.parse().map_err(|_| D::Error::custom(format!("`{full}` is no date")))
}

fn moment_or_none<'de, D: Deserializer<'de>>(d: D) -> Result<Option<NaiveDateTime>, D::Error> {
    moment(d).map(Some)
}

/// Half of what is in scope, so that a fund's share in a case is easy to see.
const POLICY: &str = r#"
format = 1
id = "case"
title = "cases"
pool_area = "469021"
insutype = "310"
version = "1"
effective_from = "2000-01-01"

[[layer]]
id = "basic"
title = "basic"
fund = "hifp"
fund_pay_type = "310100"
base = "in-scope"

[[layer.tier]]
ratio = [{ value = "0.5", unverified = "made up for cases" }]
"#;

const DIVISION: &str = "469021";

/// The inputs of a decision.
#[derive(Debug, Clone)]
pub struct Built {
    /// The claim.
    pub claim: Claim,
    /// The person.
    pub file: PersonFile,
    /// The bundle.
    pub bundle: Bundle,
}

impl Built {
    /// The facts.
    pub fn facts(&self) -> Result<Facts, String> {
        resolve(self.claim.clone(), self.file.clone(), &self.bundle).map_err(|e| e.to_string())
    }
}

fn always() -> Period {
    Period { begin: NaiveDate::MIN, end: None }
}

fn diagnoses(principal: &str, more: &[String]) -> Vec<Diagnosis> {
    let codes = [principal].into_iter().chain(more.iter().map(String::as_str));
    let codes = codes.enumerate().filter(|(_, c)| !c.is_empty());
    let one = |(i, code): (usize, &str)| Diagnosis {
        code: code.into(),
        name: code.to_owned(),
        main: i == 0,
        order: u16::try_from(i + 1).unwrap_or(u16::MAX),
        at_discharge: true,
    };
    codes.map(one).collect()
}

impl ListCase {
    fn list(&self) -> SettlementList {
        let operation = |code: &String| Operation {
            code: code.clone(),
            name: code.clone(),
            begin: self.operated,
            physician: "".into(),
        };
        SettlementList {
            admitted: self.admitted,
            discharged: self.discharged,
            admission_way: self.admission_way.clone(),
            discharge_way: self.discharge_way.clone(),
            return_planned: self.return_planned,
            diagnoses: match self.diagnoses.split_first() {
                Some((first, more)) => diagnoses(first, more),
                None => Vec::new(),
            },
            operations: self.operations.iter().map(operation).collect(),
        }
    }
}

impl World {
    /// Makes claim, person file and bundle.
    pub fn build(&self) -> Result<Built, String> {
        let policy = BenefitPolicy::from_toml(POLICY).map_err(|e| e.to_string())?;
        let bundle = Bundle::new("case".into(), self.reference(), [Arc::new(policy)]);
        Ok(Built { claim: self.claim(), file: self.person_file(), bundle })
    }

    fn claim(&self) -> Claim {
        let v = &self.visit;
        let lines = numbered(&self.lines, v.begin);
        let last_line = lines.iter().map(|l| l.time).max();
        let time = self.settled_at.or(v.end).or(last_line).unwrap_or(v.begin).max(v.begin);
        Claim {
            visit: Visit {
                id: v.id.as_str().into(),
                person: "P1".into(),
                institution: v.institution.as_str().into(),
                insurance: self.insurance.as_str().into(),
                med_type: v.med_type.as_str().into(),
                begin: v.begin,
                end: v.end,
                disease: v.disease.as_str().into(),
                diagnoses: diagnoses(&v.diagnosis, &v.diagnoses),
                department: String::new(),
                bed: v.bed.clone(),
                discharge_way: v.discharge_way.clone(),
                death: v.death.map(|d| d.date()),
                referred_from: (!v.referred_from.is_empty()).then(|| v.referred_from.as_str().into()),
                third_party_share: Rate::ZERO,
                insured_at: Default::default(),
                circumstances: Default::default(),
            },
            lines,
            request: SettleRequest { time, account_use: AccountUse::None, mid_stay: v.end.is_none(), by_quota: false },
        }
    }

    fn person_file(&self) -> PersonFile {
        let mut file = PersonFile::new(Person {
            no: "P1".into(),
            cert_type: "01".into(),
            cert_no: String::new(),
            name: String::new(),
            sex: self.person.sex,
            ethnicity: String::new(),
            birth: self.person.birth.date(),
            relations: vec![Relation {
                insurance: self.insurance.as_str().into(),
                person_type: "11".into(),
                division: DIVISION.into(),
                begin: NaiveDate::MIN,
                end: None,
                civil_servant: false,
                contribution_years: None,
                employer: String::new(),
            }],
            identities: Vec::new(),
            filings: Vec::new(),
            family_account: None,
            pauses: Vec::new(),
            contributions: Vec::new(),
            death: None,
        });
        for v in &self.history {
            file.visits.push(PastVisit {
                id: v.id.as_str().into(),
                institution: v.institution.as_str().into(),
                med_type: v.med_type.as_str().into(),
                begin: v.begin,
                end: v.end,
                diagnoses: diagnoses(&v.diagnosis, &v.diagnoses),
                discharge_way: v.discharge_way.clone(),
                deductible: Money::ZERO,
                settled: true,
            });
            file.lines.extend(numbered(&v.lines, v.begin).into_iter().map(|l| PastLine {
                visit: v.id.as_str().into(),
                settlement: format!("S-{}", v.id).into(),
                no: l.no,
                item: l.item,
                time: l.time,
                quantity: l.quantity,
                amount: l.amount,
                supply_days: l.supply_days,
            }));
        }
        for v in self.history.iter().chain([&self.visit]) {
            file.lists.extend(v.list.as_ref().map(|l| (v.id.as_str().into(), Arc::new(l.list()))));
        }
        file.visits.sort_by_key(|v| v.begin);
        file.lines.sort_by_key(|l| l.time);
        let settled = numbered(&self.settled, self.visit.begin);
        file.settled_lines = settled
            .into_iter()
            .map(|line| SettledLine { settlement: Default::default(), amount: line.amount, line })
            .collect();
        file
    }

    /// The reference rows of the bundle.
    pub fn reference(&self) -> ReferenceRows {
        let lines = self.lines.iter().chain(&self.settled);
        let mut codes: BTreeSet<&str> = lines.map(|l| l.item.as_str()).collect();
        let mut items: Vec<CatalogueItem> = Vec::new();
        for i in &self.items {
            codes.remove(i.code.as_str());
            items.push(i.row());
        }
        items.extend(codes.into_iter().map(|code| ItemCase::plain(code).row()));
        let levels = [Level::One, Level::Two, Level::Three];
        let limit = |i: &ItemCase, level: Level| {
            Some(PriceLimit {
                code: i.code.as_str().into(),
                level,
                period: always(),
                limit: i.limit?,
                over_way: String::new(),
                area: Default::default(),
            })
        };
        let limits = self.items.iter().flat_map(|i| levels.into_iter().filter_map(move |l| limit(i, l))).collect();
        let mut institutions = self.institutions.clone();
        institutions.entry(self.visit.institution.clone()).or_insert_with(|| "1".into());
        ReferenceRows {
            catalogue: CatalogueRows { items, limits, ..CatalogueRows::default() },
            institutions: institutions.iter().map(|(code, lv)| institution(code, lv, &self.paid_by)).collect(),
            practitioners: self.practitioners.iter().map(PractitionerCase::row).collect(),
            areas: vec![AreaRow {
                division: DIVISION.into(),
                insurance: Insurance::default(),
                pool: DIVISION.into(),
                period: always(),
            }],
            knowledge: self.knowledge.clone(),
        }
    }
}

impl ItemCase {
    fn plain(code: &str) -> Self {
        Self {
            code: code.to_owned(),
            name: String::new(),
            list_type: western_drug(),
            charge_type: drug_charge(),
            group: String::new(),
            class: ItemClass::A,
            restricted: false,
            limit: None,
        }
    }
    fn row(&self) -> CatalogueItem {
        CatalogueItem {
            code: self.code.as_str().into(),
            name: if self.name.is_empty() { self.code.clone() } else { self.name.clone() },
            period: always(),
            list_type: self.list_type.clone(),
            charge_type: self.charge_type.clone(),
            class: self.class,
            restricted: self.restricted,
            max_per_day: None,
            max_per_stay: None,
            drug_group: self.group.clone(),
            area: Default::default(),
        }
    }
}

impl PractitionerCase {
    fn row(&self) -> Practitioner {
        Practitioner {
            code: self.code.as_str().into(),
            institution: self.institution.as_str().into(),
            period: Period { begin: self.begin.map_or(NaiveDate::MIN, |b| b.date()), end: self.end.map(|e| e.date()) },
            kind: "1".into(),
        }
    }
}

fn institution(code: &str, hosp_lv: &str, paid_by: &str) -> Institution {
    let level = Level::from_hosp_lv(hosp_lv);
    Institution {
        code: code.into(),
        name: code.to_owned(),
        period: always(),
        kind: "1".into(),
        medins_type: String::new(),
        hosp_lv: hosp_lv.to_owned(),
        price_level: level,
        deductible_level: level,
        division: DIVISION.into(),
        uscc: String::new(),
        clearing_way: paid_by.to_owned(),
        consortium: String::new(),
    }
}

fn numbered(lines: &[LineCase], begin: NaiveDateTime) -> Vec<Line> {
    let number = |i: usize, l: &LineCase| if l.no.is_empty() { (i + 1).to_string() } else { l.no.clone() };
    let line = |(i, l): (usize, &LineCase)| Line {
        no: number(i, l).into(),
        refund_of: (!l.refund_of.is_empty()).then(|| l.refund_of.as_str().into()),
        batch: String::new(),
        order_no: l.order.clone(),
        time: l.at.unwrap_or(begin),
        item: l.item.as_str().into(),
        hospital_item: String::new(),
        amount: l.amount.unwrap_or_else(|| l.price.times(l.quantity)),
        quantity: l.quantity,
        price: l.price,
        supply_days: l.supply_days,
        department: l.department.clone(),
        practitioner: l.practitioner.as_str().into(),
        approval: l.approval,
        take_home: l.take_home,
        more: None,
    };
    lines.iter().enumerate().map(line).collect()
}
