//! The codes of the field as types. The text stays what the wire said; meaning is added by methods.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A short text of the wire: up to 24 bytes without a place of its own on the heap, so that claims are cheap
/// to copy.
pub type Text = CompactString;

macro_rules! code {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Text);

        impl $name {
            /// From the text of the wire.
            pub fn new(s: impl Into<Text>) -> Self { Self(s.into()) }
            /// The text.
            #[inline]
            pub fn as_str(&self) -> &str { &self.0 }
            /// Whether it is the empty text ("not given").
            #[inline]
            pub fn is_empty(&self) -> bool { self.0.is_empty() }
        }
        impl From<&str> for $name { fn from(s: &str) -> Self { Self(s.into()) } }
        impl From<String> for $name { fn from(s: String) -> Self { Self(s.into()) } }
        impl fmt::Display for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) } }
        impl fmt::Debug for $name { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{:?}", self.as_str()) } }
        impl std::borrow::Borrow<str> for $name { #[inline] fn borrow(&self) -> &str { &self.0 } }
        impl AsRef<str> for $name { #[inline] fn as_ref(&self) -> &str { &self.0 } }
    )*};
}

code! {
    /// `psn_no`, a person in the scheme.
    PersonNo,
    /// `fixmedins_code`, a designated institution.
    InstitutionCode,
    /// `mdtrt_id`, a visit or stay.
    VisitId,
    /// `setl_id`, a settlement.
    SettlementId,
    /// `feedetl_sn`, a fee line within a visit.
    LineNo,
    /// `med_list_codg`, an item of the national catalogues (drug, service, consumable).
    ItemCode,
    /// A disease: `diag_code` of ICD-10 in the insurance edition, or `dise_codg` of a scheme.
    DiseaseCode,
    /// `insutype`, the insurance (310 employee, 390 resident …).
    Insurance,
    /// `psn_type`, the kind of person (11 active, 12 retired, 14xx minors …).
    PersonType,
    /// `psn_idet_type`, an identity that changes benefits (2303 低保 …).
    Identity,
    /// `…_admdvs`, an administrative division of six digits.
    Division,
    /// A pooling area (统筹区), named by the division that keeps the pool.
    PoolArea,
    /// `fund_pay_type`, the fund of the national list.
    FundCode,
    /// `med_type`, the kind of visit as the wire has it.
    MedType,
    /// `bilg_dr_codg` and kin, a practitioner.
    PractitionerCode,
}

/// What kind of care a `med_type` stands for. Provinces refine `med_type`; policies and rules speak of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VisitKind {
    /// 11, 12 and unlisted outpatient kinds.
    Outpatient,
    /// 13: emergency outpatient.
    Emergency,
    /// 14–18, 99xx: chronic and special outpatient.
    Chronic,
    /// 21, 22, 23, 24, 71: a stay.
    Inpatient,
    /// 28: day surgery.
    DaySurgery,
    /// 41: pharmacy.
    Pharmacy,
    /// 51: maternity outpatient.
    MaternityOutpatient,
    /// 52: maternity stay.
    MaternityInpatient,
}

impl VisitKind {
    /// Whether the visit is a stay in hospital (has admission, discharge and days).
    pub fn is_stay(self) -> bool {
        matches!(self, Self::Inpatient | Self::DaySurgery | Self::MaternityInpatient)
    }
    /// The name used in policies and rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outpatient => "outpatient",
            Self::Emergency => "emergency",
            Self::Chronic => "chronic",
            Self::Inpatient => "inpatient",
            Self::DaySurgery => "day-surgery",
            Self::Pharmacy => "pharmacy",
            Self::MaternityOutpatient => "maternity-outpatient",
            Self::MaternityInpatient => "maternity-inpatient",
        }
    }
}

impl MedType {
    /// The kind of care (interface.md §4 `med_type`); `None` for a code no list knows.
    pub fn kind(&self) -> Option<VisitKind> {
        let s = self.as_str();
        Some(match s.get(..2)? {
            "11" | "12" => VisitKind::Outpatient,
            "13" => VisitKind::Emergency,
            "14" | "15" | "16" | "17" | "18" | "19" => VisitKind::Chronic,
            "21" if s == "2106" || s == "2107" => VisitKind::MaternityInpatient,
            "21" | "22" | "23" | "24" | "71" => VisitKind::Inpatient,
            "28" => VisitKind::DaySurgery,
            "41" => VisitKind::Pharmacy,
            "51" | "53" => VisitKind::MaternityOutpatient,
            "52" => VisitKind::MaternityInpatient,
            "99" => VisitKind::Chronic,
            _ => return None,
        })
    }
}

/// `gend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Sex {
    /// 0, 9 or not given.
    #[default]
    Unknown,
    /// 1.
    Male,
    /// 2.
    Female,
}

impl Sex {
    /// From the national code.
    pub fn from_code(s: &str) -> Self {
        match s {
            "1" => Self::Male,
            "2" => Self::Female,
            _ => Self::Unknown,
        }
    }
    /// The national code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown => "0",
            Self::Male => "1",
            Self::Female => "2",
        }
    }
}

/// `chrgitm_lv`: how an item is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ItemClass {
    /// 01 甲类: wholly in scope.
    #[serde(rename = "01")]
    A,
    /// 02 乙类: a share is paid in advance by the person.
    #[serde(rename = "02")]
    B,
    /// 03 丙类 and unlisted items: wholly the person's.
    #[serde(rename = "03")]
    C,
}

impl ItemClass {
    /// From the national code; "1" and "01" alike.
    pub fn from_code(s: &str) -> Option<Self> {
        Some(match s.trim_start_matches('0') {
            "1" => Self::A,
            "2" => Self::B,
            "3" => Self::C,
            _ => return None,
        })
    }
    /// The national code.
    pub fn code(self) -> &'static str {
        match self {
            Self::A => "01",
            Self::B => "02",
            Self::C => "03",
        }
    }
}

/// Level 1, 2 or 3 of an institution for one purpose (`dedc_hosp_lv`, `lmtpric_hosp_lv`, or that of `hosp_lv`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
pub enum Level {
    /// 一级及以下.
    #[default]
    #[serde(rename = "1")]
    One,
    /// 二级.
    #[serde(rename = "2")]
    Two,
    /// 三级.
    #[serde(rename = "3")]
    Three,
}

impl Level {
    /// From `dedc_hosp_lv` or `lmtpric_hosp_lv`; 4 and 9 (other, not rated) count as one.
    pub fn from_code(s: &str) -> Self {
        match s {
            "2" => Self::Two,
            "3" => Self::Three,
            _ => Self::One,
        }
    }
    /// From `hosp_lv` (1 三级特等 … 14 一级无等).
    pub fn from_hosp_lv(s: &str) -> Self {
        match s {
            "1" | "2" | "3" | "4" | "12" => Self::Three,
            "5" | "6" | "7" | "13" => Self::Two,
            _ => Self::One,
        }
    }
    /// 1, 2 or 3.
    pub fn number(self) -> i64 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }
    /// The code of the lists.
    pub fn code(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
            Self::Three => "3",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn med_types_of_both_lists() {
        assert_eq!(MedType::from("21").kind(), Some(VisitKind::Inpatient));
        assert_eq!(MedType::from("2101").kind(), Some(VisitKind::Inpatient));
        assert_eq!(MedType::from("2107").kind(), Some(VisitKind::MaternityInpatient));
        assert_eq!(MedType::from("9901").kind(), Some(VisitKind::Chronic));
        assert_eq!(MedType::from("88").kind(), None);
        assert_eq!(MedType::from("").kind(), None);
    }
}
