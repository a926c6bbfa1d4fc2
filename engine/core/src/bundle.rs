//! Reference data of one moment: catalogue, institutions, areas, policies. Immutable once made.
//!
//! A bundle is identified by the hash of its parts. The store keeps every bundle; the live one is
//! a row there. Rules are part of the bundle too, but are handed to `adjudicate` as a trait,
//! since `core` does not know how they are written.

use crate::codes::*;
use crate::hash::HashMap;
use crate::knowledge::{Knowledge, KnowledgeRow};
use crate::money::{Price, Quantity, Rate};
use crate::policy::BenefitPolicy;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An inclusive range of days, open at the end where `end` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// `begndate`.
    pub begin: NaiveDate,
    /// `enddate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<NaiveDate>,
}

impl Period {
    /// Whether it holds on a day.
    pub fn holds(&self, day: NaiveDate) -> bool {
        self.begin <= day && self.end.is_none_or(|e| day <= e)
    }
}

/// One dated row of the catalogue (1312).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueItem {
    /// `hilist_code`.
    pub code: ItemCode,
    /// `hilist_name`.
    pub name: String,
    /// When the row holds.
    #[serde(flatten)]
    pub period: Period,
    /// `list_type`.
    pub list_type: String,
    /// `med_chrgitm_type`.
    pub charge_type: String,
    /// `chrgitm_lv`.
    pub class: ItemClass,
    /// `lmt_used_flag`.
    #[serde(default)]
    pub restricted: bool,
    /// Most units payable on one day; the rest is wholly the person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_day: Option<Quantity>,
    /// Most units payable in one stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_stay: Option<Quantity>,
    /// A group of drugs of which one at a time is enough (same ingredient or class); empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub drug_group: String,
    /// `poolarea_no`: whose catalogue it is; empty for all that have no row of their own.
    #[serde(default, skip_serializing_if = "PoolArea::is_empty")]
    pub area: PoolArea,
}

/// One dated limit price (1318).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceLimit {
    /// `hilist_code`.
    pub code: ItemCode,
    /// `hilist_lmtpric_type`: the level it holds for.
    pub level: Level,
    /// When it holds.
    #[serde(flatten)]
    pub period: Period,
    /// `hilist_pric_uplmt_amt`.
    pub limit: Price,
    /// `overlmt_dspo_way`: what becomes of the part above it, in the words of `split.overlimit_ways`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub over_way: String,
    /// `poolarea_no`, as of an item.
    #[serde(default, skip_serializing_if = "PoolArea::is_empty")]
    pub area: PoolArea,
}

/// One dated advance self-pay ratio (1319).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfPayRatio {
    /// `hilist_code`.
    pub code: ItemCode,
    /// `selfpay_prop_psn_type`: 310, 330, 390, or 99 for all others.
    pub person_type: String,
    /// `selfpay_prop_type`: 10 advance ratio, 20 direct reimbursement ratio, 30 by price band.
    pub ratio_type: String,
    /// When it holds.
    #[serde(flatten)]
    pub period: Period,
    /// `selfpay_prop`.
    pub ratio: Rate,
    /// For ratio type 30: holds from this unit price on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_price: Option<Price>,
    /// `poolarea_no`, as of an item.
    #[serde(default, skip_serializing_if = "PoolArea::is_empty")]
    pub area: PoolArea,
}

/// The catalogue as it is stored: rows in any order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CatalogueRows {
    /// 1312.
    pub items: Vec<CatalogueItem>,
    /// 1318.
    pub limits: Vec<PriceLimit>,
    /// 1319.
    pub ratios: Vec<SelfPayRatio>,
}

/// The rows of one item code, found together.
#[derive(Debug, Clone, Default)]
pub struct ItemRows {
    items: Vec<Arc<CatalogueItem>>,
    limits: Vec<PriceLimit>,
    ratios: Vec<SelfPayRatio>,
}

/// The catalogue indexed by item code.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    by_code: HashMap<ItemCode, ItemRows>,
}

impl Catalogue {
    /// Indexes rows. Of rows that hold on the same day, the one that begins last wins.
    pub fn new(rows: CatalogueRows) -> Self {
        let mut by_code: HashMap<ItemCode, ItemRows> = HashMap::default();
        for r in rows.items {
            by_code.entry(r.code.clone()).or_default().items.push(Arc::new(r));
        }
        for r in rows.limits {
            by_code.entry(r.code.clone()).or_default().limits.push(r);
        }
        for r in rows.ratios {
            by_code.entry(r.code.clone()).or_default().ratios.push(r);
        }
        #[expect(clippy::iter_over_hash_type, reason = "each value is sorted by itself")]
        for rows in by_code.values_mut() {
            rows.items.sort_by_key(|r| std::cmp::Reverse(r.period.begin));
            rows.limits.sort_by_key(|r| (r.level, std::cmp::Reverse(r.period.begin)));
            rows.ratios.sort_by(|a, b| {
                (b.period.begin, b.from_price, &a.person_type).cmp(&(a.period.begin, a.from_price, &b.person_type))
            });
        }
        Self { by_code }
    }

    /// Whether the code stands in the catalogue at any date.
    pub fn knows(&self, code: &ItemCode) -> bool {
        self.by_code.contains_key(code)
    }

    /// Number of item codes.
    pub fn len(&self) -> usize {
        self.by_code.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.by_code.is_empty()
    }

    /// Everything the catalogue has of an item.
    pub fn rows_of(&self, code: &ItemCode) -> Option<&ItemRows> {
        self.by_code.get(code)
    }

    /// The item's row in an area's catalogue on a day: the area's own before a general one.
    pub fn item(&self, code: &ItemCode, area: &PoolArea, day: NaiveDate) -> Option<&Arc<CatalogueItem>> {
        self.rows_of(code)?.item(area, day)
    }

    /// Every row, by item code: for queries.
    pub fn rows(&self) -> impl Iterator<Item = (&ItemCode, &[Arc<CatalogueItem>], &[PriceLimit], &[SelfPayRatio])> {
        self.by_code.iter().map(|(c, r)| (c, r.items.as_slice(), r.limits.as_slice(), r.ratios.as_slice()))
    }
}

impl ItemRows {
    /// Every row of the item itself, newest first.
    pub fn items(&self) -> &[Arc<CatalogueItem>] {
        &self.items
    }

    /// The item's row in an area's catalogue on a day: the area's own before a general one.
    pub fn item(&self, area: &PoolArea, day: NaiveDate) -> Option<&Arc<CatalogueItem>> {
        own_or_general(area, |a| self.items.iter().find(|r| r.area == *a && r.period.holds(day)))
    }

    /// Its limit price on a day for a level; none where the item has no limit there.
    pub fn limit(&self, area: &PoolArea, level: Level, day: NaiveDate) -> Option<&PriceLimit> {
        own_or_general(area, |a| self.limits.iter().find(|r| r.level == level && r.area == *a && r.period.holds(day)))
    }

    /// Its self-pay ratio on a day for a kind of insured: a row for `person_type` before one for 99, of the area
    /// before a general one.
    pub fn ratio(&self, area: &PoolArea, person_type: &str, price: Price, day: NaiveDate) -> Option<&SelfPayRatio> {
        let find = |pt: &str, a: &PoolArea| {
            self.ratios.iter().find(|r| {
                r.person_type == pt && r.area == *a && r.period.holds(day) && r.from_price.is_none_or(|p| price >= p)
            })
        };
        own_or_general(area, |a| find(person_type, a).or_else(|| find("99", a)))
    }
}

/// What an area's own rows have, else the general ones.
fn own_or_general<'a, T>(area: &PoolArea, find: impl Fn(&PoolArea) -> Option<&'a T>) -> Option<&'a T> {
    let own = if area.is_empty() { None } else { find(area) };
    own.or_else(|| find(&PoolArea::default()))
}

/// A designated institution, one dated row (1201 and the platform's register).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Institution {
    /// `fixmedins_code`.
    pub code: InstitutionCode,
    /// `fixmedins_name`.
    pub name: String,
    /// When the row holds.
    #[serde(flatten)]
    pub period: Period,
    /// `fixmedins_type`: 1 medical, 2 pharmacy …
    pub kind: String,
    /// `medins_type`: A1 general hospital …
    #[serde(default)]
    pub medins_type: String,
    /// `hosp_lv` as published (1–14).
    pub hosp_lv: String,
    /// `lmtpric_hosp_lv`.
    pub price_level: Level,
    /// `dedc_hosp_lv`.
    pub deductible_level: Level,
    /// `fix_blng_admdvs`.
    pub division: Division,
    /// `uscc`.
    #[serde(default)]
    pub uscc: String,
    /// `clr_way` agreed with it: 1 by item, 3 by day, 40 DRG, 50 DIP …
    #[serde(default)]
    pub clearing_way: String,
    /// The medical consortium (医共体) it belongs to; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub consortium: String,
}

/// A practitioner, one dated row (5102).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Practitioner {
    /// `prac_psn_code`.
    pub code: PractitionerCode,
    /// `fixmedins_code` where registered.
    pub institution: InstitutionCode,
    /// When the row holds.
    #[serde(flatten)]
    pub period: Period,
    /// `prac_psn_type`: 1 physician …
    #[serde(default)]
    pub kind: String,
}

/// The register of practitioners, by code.
#[derive(Debug, Clone, Default)]
pub struct Practitioners(HashMap<PractitionerCode, Vec<Practitioner>>);

impl Practitioners {
    fn new(rows: Vec<Practitioner>) -> Self {
        let mut by_code: HashMap<PractitionerCode, Vec<Practitioner>> = HashMap::default();
        for p in rows {
            by_code.entry(p.code.clone()).or_default().push(p);
        }
        Self(by_code)
    }

    /// Whether nobody is registered: then nothing can be said of anybody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The practitioner's row on a day; of several, the one that begins last.
    pub fn on(&self, code: &PractitionerCode, day: NaiveDate) -> Option<&Practitioner> {
        latest(self.0.get(code)?.iter(), day, |p| p.period)
    }

    /// Whether the practitioner is registered with an institution on a day, at any of several.
    #[inline]
    pub fn at(&self, code: &PractitionerCode, institution: &InstitutionCode, day: NaiveDate) -> bool {
        self.0.get(code).is_some_and(|rows| rows.iter().any(|p| p.institution == *institution && p.period.holds(day)))
    }
}

/// Which pool a division belongs to, per insurance and dated. Local or remote is decided by this
/// table, never by comparing division codes (design §4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaRow {
    /// `admdvs`.
    pub division: Division,
    /// `insutype`; empty for every insurance.
    #[serde(default)]
    pub insurance: Insurance,
    /// `poolarea_no`.
    pub pool: PoolArea,
    /// When the row holds.
    #[serde(flatten)]
    pub period: Period,
}

/// The parts of a bundle that are plain rows; what `import` replaces one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReferenceRows {
    /// Catalogue.
    pub catalogue: CatalogueRows,
    /// Institutions.
    pub institutions: Vec<Institution>,
    /// Practitioners.
    pub practitioners: Vec<Practitioner>,
    /// Areas.
    pub areas: Vec<AreaRow>,
    /// Knowledge points.
    #[serde(default)]
    pub knowledge: Vec<KnowledgeRow>,
}

/// Reference data ready for decisions.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    /// SHA-256 over the parts, hexadecimal; what a decision is stored with.
    pub hash: String,
    /// The catalogue.
    pub catalogue: Catalogue,
    /// What rules look up.
    pub knowledge: Arc<Knowledge>,
    institutions: HashMap<InstitutionCode, Vec<Arc<Institution>>>,
    /// The register of practitioners.
    pub practitioners: Arc<Practitioners>,
    areas: HashMap<Division, Vec<AreaRow>>,
    policies: BTreeMap<(PoolArea, Insurance), Vec<Arc<BenefitPolicy>>>,
}

impl Bundle {
    /// Indexes the parts.
    pub fn new(hash: String, rows: ReferenceRows, policies: impl IntoIterator<Item = Arc<BenefitPolicy>>) -> Self {
        let mut b = Self {
            hash,
            catalogue: Catalogue::new(rows.catalogue),
            knowledge: Arc::new(Knowledge::new(rows.knowledge)),
            ..Self::default()
        };
        for i in rows.institutions {
            b.institutions.entry(i.code.clone()).or_default().push(Arc::new(i));
        }
        b.practitioners = Arc::new(Practitioners::new(rows.practitioners));
        for a in rows.areas {
            b.areas.entry(a.division.clone()).or_default().push(a);
        }
        for p in policies {
            b.policies.entry((p.pool_area.clone(), p.insutype.clone())).or_default().push(p);
        }
        b
    }

    /// The institution's row on a day.
    pub fn institution(&self, code: &InstitutionCode, day: NaiveDate) -> Option<&Arc<Institution>> {
        latest(self.institutions.get(code)?.iter(), day, |i| i.period)
    }

    /// Whether the institution stands in the register at any date.
    pub fn knows_institution(&self, code: &InstitutionCode) -> bool {
        self.institutions.contains_key(code)
    }

    /// The practitioner's row on a day.
    pub fn practitioner(&self, code: &PractitionerCode, day: NaiveDate) -> Option<&Practitioner> {
        self.practitioners.on(code, day)
    }

    /// The pool a division belongs to for an insurance on a day; a row for the insurance before a general one.
    pub fn pool(&self, division: &Division, insurance: &Insurance, day: NaiveDate) -> Option<&PoolArea> {
        let rows = self.areas.get(division)?;
        let find = |want: &str| {
            latest(rows.iter().filter(|r| r.insurance.as_str() == want), day, |r| r.period).map(|r| &r.pool)
        };
        find(insurance.as_str()).or_else(|| find(""))
    }

    /// The policy of a pool and insurance on a day. Of several that hold, the one that begins last.
    pub fn policy(&self, pool: &PoolArea, insurance: &Insurance, day: NaiveDate) -> Option<&Arc<BenefitPolicy>> {
        latest(self.policies.get(&(pool.clone(), insurance.clone()))?.iter(), day, |p| Period {
            begin: p.effective_from,
            end: p.effective_to,
        })
    }

    /// A policy by its id and version, as a decision names it.
    pub fn policy_named(&self, id: &str, version: &str) -> Option<&Arc<BenefitPolicy>> {
        self.policies.values().flatten().find(|p| p.id == id && p.version == version)
    }

    /// Every policy.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<BenefitPolicy>> {
        self.policies.values().flatten()
    }
}

fn latest<'a, T>(rows: impl Iterator<Item = &'a T>, day: NaiveDate, period: impl Fn(&T) -> Period) -> Option<&'a T> {
    rows.filter(|r| period(r).holds(day)).max_by_key(|r| period(r).begin)
}
