//! The benefit policy: one insurance of one pooling area, dated, as data (benefits.md C1–C2).
//!
//! `docs/policy.md` describes the file for those who write policies; this module is its shape in
//! types, `check` what must hold beyond the shape. No region's rule is code: whatever a region
//! needs is a case in its file.

mod check;

pub use check::{Problem, check};

use crate::codes::*;
use crate::money::{Money, Rate};
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BenefitPolicy {
    /// Version of the file format; 1.
    pub format: u32,
    /// Name of the policy, unique with `version`.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// `poolarea_no` it belongs to.
    pub pool_area: PoolArea,
    /// `insutype` it belongs to.
    pub insutype: Insurance,
    /// Version of the content.
    pub version: String,
    /// First day it holds.
    pub effective_from: NaiveDate,
    /// Last day it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_to: Option<NaiveDate>,
    /// What it rests on, for people.
    #[serde(default)]
    pub note: String,
    /// Which date selects what (C1b).
    #[serde(default)]
    pub dates: Dates,
    /// The line split.
    #[serde(default)]
    pub split: Split,
    /// Accumulators (C1c).
    #[serde(default, rename = "accumulator")]
    pub accumulators: Vec<Accumulator>,
    /// Fixed amounts by case (`psn_setlway` 02); the first that matches.
    #[serde(default, rename = "quota")]
    pub quotas: Vec<Quota>,
    /// Funds in the order in which they pay.
    #[serde(rename = "layer")]
    pub layers: Vec<Layer>,
    /// Least share the funds together must reach (保底).
    #[serde(default)]
    pub floor: Option<Floor>,
    /// What personal accounts may pay.
    #[serde(default)]
    pub account: Account,
    /// Whether settlements must be reversed newest first.
    #[serde(default)]
    pub reverse_newest_first: bool,
}

/// Which moment of a claim selects a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Admission or visit.
    Start,
    /// Discharge, or the moment of a mid-stay settlement.
    End,
    /// The settlement.
    Settlement,
}

/// Which moment of a line or claim selects its catalogue row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum LineMoment {
    /// The line's `fee_ocur_time`.
    #[default]
    Fee,
    /// Admission or visit.
    Start,
    /// Discharge.
    End,
    /// The settlement.
    Settlement,
}

/// A stay across the turn of the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum CrossYear {
    /// One year, by `dates.year`.
    #[default]
    Whole,
    /// Lines of each year count in their year.
    SplitByFeeDate,
    /// The old year must be settled by a mid-stay settlement first.
    ForcedMidStay,
}

/// `[dates]`: which date selects what (C1b).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dates {
    /// Catalogue row, class, limit price, item ratio.
    pub catalogue: LineMoment,
    /// Insurance relation and person type.
    pub entitlement: Moment,
    /// Identities (aid, civil servant).
    pub identity: Moment,
    /// Policy version.
    pub policy: Moment,
    /// Benefit year.
    pub year: Moment,
    /// Filings.
    pub filing: Moment,
    /// Stays across the turn of the year.
    pub cross_year: CrossYear,
    /// Whether the part in the new year bears a deductible of its own.
    pub second_deductible: bool,
    /// Until when a filing must have been made to count; without it, whenever it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filing_by: Option<Moment>,
    /// What a filing is bound to.
    pub filing_place: FilingPlace,
    /// For how many days before an admission as an emergency its lines may stand in the bill of the stay.
    pub emergency_days: i64,
}

/// What a filing is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum FilingPlace {
    /// The place it names, where it names one.
    #[default]
    Area,
    /// The institution it names, or the place where it names none.
    Institution,
}

impl Default for Dates {
    fn default() -> Self {
        Self {
            catalogue: LineMoment::Fee,
            entitlement: Moment::Start,
            identity: Moment::Start,
            policy: Moment::End,
            year: Moment::End,
            filing: Moment::Start,
            cross_year: CrossYear::Whole,
            second_deductible: false,
            filing_by: None,
            filing_place: FilingPlace::Area,
            emergency_days: 0,
        }
    }
}

/// Under which conditions a figure holds. Every list given must match (any element of it); an
/// empty condition always holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// Kinds of visit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub visit: Vec<VisitKind>,
    /// Prefixes of `med_type`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub med_type: Vec<String>,
    /// `dedc_hosp_lv` of the institution.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub level: Vec<Level>,
    /// Prefixes of `psn_type`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub psn_type: Vec<String>,
    /// Prefixes of `psn_idet_type`; the person holds one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<String>,
    /// Prefixes of `psn_idet_type` of which the person holds none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_identity: Vec<String>,
    /// `cvlserv_flag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub civil_servant: Option<bool>,
    /// Sex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// Least age in full years on the day of the visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_min: Option<i64>,
    /// Greatest age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_max: Option<i64>,
    /// Prefixes of `dise_codg` or, where none is given, of the principal diagnosis.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disease: Vec<String>,
    /// Where the care was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub place: Vec<Place>,
    /// `biz_appy_type` of a filing that holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filed: Vec<String>,
    /// `biz_appy_type` of which none holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_filed: Vec<String>,
    /// Fewer full months than this since the insurance relation began (waiting period).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insured_months_below: Option<i64>,
    /// Whether it is an emergency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency: Option<bool>,
    /// Whether it is the treatment of an injury.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub injury: Option<bool>,
    /// `matn_type`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub birth: Vec<String>,
    /// `birctrl_type`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub birth_control: Vec<String>,
}

/// Where care was given, seen from the insured's pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In the insured's pool.
    #[default]
    Local,
    /// Another pool of the same province.
    Province,
    /// Another province.
    Remote,
}

/// A figure with the conditions it holds under and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case<T> {
    /// The figure.
    pub value: T,
    /// When it holds.
    #[serde(default)]
    pub when: When,
    /// Clause and source; or
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// why it is not verified.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unverified: String,
}

/// A figure by cases: the first whose condition holds.
pub type Cases<T> = Vec<Case<T>>;

/// Which level of the institution selects the limit price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum LevelKind {
    /// `lmtpric_hosp_lv`.
    #[default]
    Lmtpric,
    /// `dedc_hosp_lv`.
    Dedc,
    /// The level of `hosp_lv`.
    Hosp,
}

/// Who bears a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Bearer {
    /// The person.
    #[default]
    Person,
    /// The hospital (`hosp_part_amt`).
    Hospital,
}

/// Whose class B ratio counts where care is given in another pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum RatioOwner {
    /// The catalogue of the place of care.
    #[default]
    Care,
    /// The catalogue of the insured's place.
    Insured,
}

/// Whether the limit price or the item ratio acts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum SplitOrder {
    /// Limit first, then the ratio on what is left.
    #[default]
    LimitFirst,
    /// Ratio on the whole amount, then the limit on what is left.
    RatioFirst,
}

/// `[split]`: how a line is split (interface.md §3.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Split {
    /// Which level selects the limit price.
    pub limit_level: LevelKind,
    /// Who bears what is above the limit.
    pub overlimit_borne_by: Bearer,
    /// The same by `overlmt_dspo_way` of the row of the limit price, before the general rule.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub overlimit_ways: BTreeMap<String, Bearer>,
    /// Whose class B ratio counts where care is given elsewhere.
    pub ratio_of: RatioOwner,
    /// Order of limit and ratio.
    pub order: SplitOrder,
    /// `selfpay_prop_psn_type` whose ratio rows are used; empty for the policy's `insutype`.
    pub ratio_person_type: String,
    /// An extra advance self-pay taken from what is in scope (care elsewhere).
    pub extra_selfpay: Cases<Rate>,
}

/// What feeds an accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feed {
    /// Deductible charged by the layers.
    Deductible,
    /// Outlay of the layers.
    Outlay,
    /// The base the layers' tiers and threshold are measured on.
    Base,
    /// Scope the layers consumed (what their tiers covered within the cap).
    Scope,
    /// The settlement's amount in scope.
    InScope,
    /// One per stay, at its first settlement.
    Stays,
}

/// Over which period an accumulator runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Span {
    /// One visit or stay (parts of a stay settled by and by).
    Stay,
    /// Calendar month.
    Month,
    /// Calendar quarter.
    Quarter,
    /// Benefit year.
    Year,
}

/// `[[accumulator]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accumulator {
    /// Its key within the insurance relation; shown by 5206 as `cum_type_code`, so at most 10 characters.
    pub key: String,
    /// Title for people.
    #[serde(default)]
    pub title: String,
    /// What feeds it.
    pub feeds: Feed,
    /// Which layers feed it; empty for all.
    #[serde(default)]
    pub layers: Vec<String>,
    /// Over which period.
    pub period: Span,
    /// Only claims for which this holds feed it.
    #[serde(default)]
    pub when: When,
    /// Whether each disease has its own.
    #[serde(default)]
    pub per_disease: bool,
}

/// National fund fields of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fund {
    /// `hifp_pay` 基本统筹.
    Hifp,
    /// `cvlserv_pay` 公务员补助.
    Cvlserv,
    /// `hifes_pay` 企业补充.
    Hifes,
    /// `hifmi_pay` 居民大病.
    Hifmi,
    /// `hifob_pay` 职工大额.
    Hifob,
    /// `hifdm_pay` 伤残.
    Hifdm,
    /// `maf_pay` 医疗救助.
    Maf,
    /// `oth_pay` 其他.
    Oth,
}

impl Fund {
    /// The national field name.
    pub fn field(self) -> &'static str {
        match self {
            Self::Hifp => "hifp_pay",
            Self::Cvlserv => "cvlserv_pay",
            Self::Hifes => "hifes_pay",
            Self::Hifmi => "hifmi_pay",
            Self::Hifob => "hifob_pay",
            Self::Hifdm => "hifdm_pay",
            Self::Maf => "maf_pay",
            Self::Oth => "oth_pay",
        }
    }
}

/// What a layer's payment is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// The amount in scope, less what a third party is liable for.
    InScope,
    /// What of it the layers before have not paid (deductibles included).
    Residual,
    /// What the caps of the layers before cut off.
    OverCap,
}

/// A part added to or taken from a layer's base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Advance self-pay of class B items and the extra of `split.extra_selfpay`.
    Preselfpay,
    /// Above the limit price, where the person bears it.
    Overlimit,
    /// Class C and unlisted items.
    Ownpay,
    /// Deductibles charged so far.
    Deductible,
}

/// `[[layer]]`: one fund's payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Name within the policy.
    pub id: String,
    /// Title for people.
    pub title: String,
    /// The national fund field.
    pub fund: Fund,
    /// `fund_pay_type` of the payment.
    pub fund_pay_type: FundCode,
    /// First characters of `polItemCode` (100001) for its tiers: `C00`, `L00`, `PL0` …
    #[serde(default)]
    pub policy_item: String,
    /// When the layer pays.
    #[serde(default)]
    pub when: When,
    /// Whether it pays while the insurance is suspended or waiting.
    #[serde(default)]
    pub during_pause: bool,
    /// What it is measured on.
    pub base: Base,
    /// Parts added to the base.
    #[serde(default)]
    pub base_add: Vec<Part>,
    /// Parts taken from the base.
    #[serde(default)]
    pub base_less: Vec<Part>,
    /// Deductible: the first block whose condition holds.
    #[serde(default, rename = "deductible")]
    pub deductibles: Vec<Deductible>,
    /// Threshold on the base.
    #[serde(default)]
    pub threshold: Option<Threshold>,
    /// Where tier bounds are measured from.
    #[serde(default)]
    pub tiers_from: TiersFrom,
    /// An accumulator (fed by `base` of this layer) on which tiers and threshold go on over its period.
    #[serde(default)]
    pub tiers_accumulator: Option<String>,
    /// Tiers, rising.
    #[serde(rename = "tier")]
    pub tiers: Vec<Tier>,
    /// Changes of the ratio.
    #[serde(default, rename = "adjust")]
    pub adjusts: Vec<Adjust>,
    /// How several changes act together.
    #[serde(default)]
    pub stacking: Stacking,
    /// No ratio goes above this.
    #[serde(default)]
    pub max_ratio: Option<Rate>,
    /// Caps; the narrowest acts.
    #[serde(default, rename = "cap")]
    pub caps: Vec<Cap>,
}

/// Where tier bounds are measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum TiersFrom {
    /// From the deductible or threshold: the first payable fen lies in the first tier.
    #[default]
    Threshold,
    /// From zero: deductible or threshold use up the lower tiers.
    Zero,
}

/// `[[layer.deductible]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deductible {
    /// When this block holds.
    #[serde(default)]
    pub when: When,
    /// The standard (`dedc_std`), before reductions for repeated stays.
    pub standard: Cases<Money>,
    /// An accumulator of deductibles: what it holds is already charged. Its period makes the
    /// deductible one per stay, month or year; without it, one per settlement.
    #[serde(default)]
    pub accumulator: Option<String>,
    /// Reduction on repeated stays.
    #[serde(default)]
    pub repeat: Option<Repeat>,
    /// Most that is charged over the period of `ceiling_accumulator`.
    #[serde(default)]
    pub ceiling: Cases<Money>,
    /// The accumulator the ceiling is measured on.
    #[serde(default)]
    pub ceiling_accumulator: Option<String>,
    /// Charged again for every so many days of one stay.
    #[serde(default)]
    pub recharge_days: Option<i64>,
    /// On referral within a medical consortium.
    #[serde(default)]
    pub referral: Referral,
}

/// What a referral does to the deductible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Referral {
    /// Nothing.
    #[default]
    Ignored,
    /// What the visit referred from was charged counts: upwards the difference, downwards none.
    Counts,
    /// The same, where both institutions belong to one medical consortium.
    Consortium,
}

/// Reduction of the standard on the second and later stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// The accumulator (fed by `stays`) that counts the stays before.
    pub accumulator: String,
    /// Factor of the first, second … stay; the last holds on. Or
    #[serde(default)]
    pub factors: Vec<Rate>,
    /// taken off for each stay before; or
    #[serde(default)]
    pub minus: Option<Money>,
    /// the factor taken again for each stay before.
    #[serde(default)]
    pub compound: Option<Rate>,
    /// Not below this.
    #[serde(default)]
    pub floor: Cases<Money>,
}

/// `[layer.threshold]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The amount of the base below which nothing is paid.
    pub value: Cases<Money>,
}

/// `[[layer.tier]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Upper bound; none for the last.
    #[serde(default)]
    pub to: Option<Money>,
    /// Ratio paid.
    pub ratio: Cases<Rate>,
}

/// `[[layer.adjust]]`: a change of the ratio. One of `points`, `times` and `self_share_times`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjust {
    /// Added to the ratio.
    #[serde(default)]
    pub points: Option<Rate>,
    /// The ratio is multiplied by it.
    #[serde(default)]
    pub times: Option<Rate>,
    /// What the person keeps of each yuan is multiplied by it.
    #[serde(default)]
    pub self_share_times: Option<Rate>,
    /// Of those with the same group that hold, only the one acts that lowers the ratio most.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// `points` once for each of these; without it, once.
    #[serde(default)]
    pub per: Option<Per>,
    /// For `per = "missing-contribution-year"`: years required.
    #[serde(default)]
    pub required_years: Cases<i64>,
    /// When it acts.
    #[serde(default)]
    pub when: When,
    /// Clause and source; or
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// why it is not verified.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unverified: String,
}

/// What an adjustment is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// Each year of age.
    YearOfAge,
    /// Each year of contribution missing to those required.
    MissingContributionYear,
}

/// How several adjustments act together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Stacking {
    /// All points are added, then all factors multiplied, then those of the person's share.
    #[default]
    Add,
    /// Only the one that lowers the ratio most; where none lowers it, the one that raises it most.
    Largest,
    /// One after the other as written.
    Sequential,
}

/// What a cap limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapOn {
    /// The fund's outlay.
    Outlay,
    /// The scope that enters the layer.
    Scope,
}

/// `[[layer.cap]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// What it limits.
    pub on: CapOn,
    /// The amount over the accumulator's period; without one, for each settlement.
    pub value: Cases<Money>,
    /// The accumulator it is measured on.
    #[serde(default)]
    pub accumulator: Option<String>,
    /// When it acts.
    #[serde(default)]
    pub when: When,
}

/// `[[quota]]`: a fixed amount by case (`psn_setlway` 02). Layers do not pay then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Title for people.
    pub title: String,
    /// When it holds.
    #[serde(default)]
    pub when: When,
    /// Fund that pays.
    pub fund: Fund,
    /// `fund_pay_type` of the payment.
    pub fund_pay_type: FundCode,
    /// The quota.
    pub amount: Cases<Money>,
    /// Who bears what is in scope above the quota.
    #[serde(default)]
    pub excess_borne_by: Bearer,
    /// Whether it acts without being asked for (`psn_setlway` 01).
    #[serde(default)]
    pub automatic: bool,
}

/// `[floor]`: the funds together pay at least this share (保底).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// When it holds.
    #[serde(default)]
    pub when: When,
    /// The share.
    pub ratio: Cases<Rate>,
    /// Of the whole bill instead of the amount in scope.
    #[serde(default)]
    pub of_total: bool,
    /// Fund that makes up the difference.
    pub fund: Fund,
    /// `fund_pay_type` of the payment.
    pub fund_pay_type: FundCode,
}

/// `[account]`: what personal accounts may pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Account {
    /// Parts of the person's share they may pay.
    pub pays: Vec<AccountPart>,
    /// Kinds of visit for which they may; empty for all.
    pub visit: Vec<VisitKind>,
    /// Whether the family account is used before the person's own.
    pub family_first: bool,
    /// `fund_pay_type` of the person's own account.
    pub fund_pay_type: FundCode,
    /// `fund_pay_type` of the family account.
    pub family_fund_pay_type: FundCode,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            pays: Vec::new(),
            visit: Vec::new(),
            family_first: false,
            fund_pay_type: "310200".into(),
            family_fund_pay_type: "310201".into(),
        }
    }
}

/// A part of the person's share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountPart {
    /// What is in scope and not paid: deductible, co-pay, above caps.
    InScope,
    /// Advance self-pay.
    Preselfpay,
    /// Above the limit price.
    Overlimit,
    /// Class C and unlisted items.
    Ownpay,
}

impl Dates {
    /// Whether what a claim covers to its `end` bears a deductible of its own, apart from that of the year of
    /// admission: the later part of a stay over the turn of the year, or what a mid-stay settlement left.
    pub fn own_deductible(&self, admission: NaiveDate, end: NaiveDate) -> bool {
        end.year() > admission.year() && self.second_deductible && self.cross_year != CrossYear::Whole
    }
}

impl BenefitPolicy {
    /// Reads a policy file; the error carries line and column.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
    /// An accumulator by key.
    pub fn accumulator(&self, key: &str) -> Option<&Accumulator> {
        self.accumulators.iter().find(|a| a.key == key)
    }
    /// A layer by id.
    pub fn layer(&self, id: &str) -> Option<&Layer> {
        self.layers.iter().find(|l| l.id == id)
    }
}
