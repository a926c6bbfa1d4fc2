//! What is to be decided: a visit, its lines, and how the settlement was asked for.

use crate::codes::*;
pub use crate::further::Further;
use crate::money::{Money, Price, Quantity, Rate};
use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

/// A diagnosis of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// `diag_code`.
    pub code: DiseaseCode,
    /// `diag_name`.
    pub name: String,
    /// `maindiag_flag`.
    pub main: bool,
    /// `diag_srt_no`, unique within the visit.
    pub order: u16,
    /// Whether it was given at discharge (as against admission).
    pub at_discharge: bool,
}

/// A visit or stay (`mdtrt_d`). Dates are local civil time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// `mdtrt_id`.
    pub id: VisitId,
    /// `psn_no`.
    pub person: PersonNo,
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// `insutype` under which the visit was registered.
    pub insurance: Insurance,
    /// `med_type`.
    pub med_type: MedType,
    /// `begntime`: admission or visit.
    pub begin: NaiveDateTime,
    /// `endtime`: discharge; none while the person is in hospital.
    pub end: Option<NaiveDateTime>,
    /// `dise_codg`: the filed disease (chronic, single disease …), where one was given.
    #[serde(default, skip_serializing_if = "DiseaseCode::is_empty")]
    pub disease: DiseaseCode,
    /// Diagnoses in the order of `diag_srt_no`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnoses: Vec<Diagnosis>,
    /// `adm_dept_codg` or `dept_code`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub department: String,
    /// `adm_bed`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bed: String,
    /// `dscg_way` (1 by order, 2 transfer, 4 against advice, 5 died …).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub discharge_way: String,
    /// `die_date`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub death: Option<NaiveDate>,
    /// `refl_old_mdtrt_id`: the visit this one was referred from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referred_from: Option<VisitId>,
    /// `ttp_pay_prop`: share for which a third party is liable (accident).
    #[serde(default, skip_serializing_if = "Rate::is_zero")]
    pub third_party_share: Rate,
    /// `insuplc_admdvs` of the message: of several relations to one insurance, the one there counts.
    #[serde(default, skip_serializing_if = "Division::is_empty")]
    pub insured_at: Division,
    /// How the care came about.
    #[serde(default, skip_serializing_if = "Circumstances::is_plain")]
    pub circumstances: Circumstances,
}

/// How care came about, as `exp_content` and the fields of births have it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// `IPT_TYPE` 2 or `OTP_ER_REFL_FLAG` 1 or 3: an emergency, whatever `med_type` says.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub emergency: bool,
    /// `TRUM_FLAG`: an injury.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub injury: bool,
    /// `REL_TTP_FLAG`: a third party is involved.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub third_party: bool,
    /// `matn_type`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub birth: String,
    /// `birctrl_type`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub birth_control: String,
}

impl Circumstances {
    /// Whether nothing is said.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl Visit {
    /// The kind of care; an unknown `med_type` was refused on entry, so it falls back to outpatient.
    pub fn kind(&self) -> VisitKind {
        self.med_type.kind().unwrap_or(VisitKind::Outpatient)
    }
    /// Whether it is an emergency: 13, 24 emergency to admission, or said so in `exp_content`.
    pub fn is_emergency(&self) -> bool {
        let kind = self.med_type.as_str();
        kind.starts_with("13") || kind.starts_with("24") || self.circumstances.emergency
    }
    /// Whether it is the treatment of an injury: 22, 9903, or said so in `exp_content`.
    pub fn is_injury(&self) -> bool {
        let kind = self.med_type.as_str();
        kind.starts_with("22") || kind == "9903" || self.circumstances.injury
    }
    /// The principal diagnosis: the one marked main at discharge, else at admission, else the first.
    pub fn main_diagnosis(&self) -> Option<&Diagnosis> {
        let mains = || self.diagnoses.iter().filter(|d| d.main);
        mains().find(|d| d.at_discharge).or_else(|| mains().next()).or_else(|| self.diagnoses.first())
    }
}

/// What the settlement list (4101) adds to a stay after it was settled, as far as rules read it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SettlementList {
    /// `adm_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted: Option<NaiveDateTime>,
    /// `dscg_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discharged: Option<NaiveDateTime>,
    /// `adm_way` (1 emergency, 2 outpatient, 3 from another institution …).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub admission_way: String,
    /// `dscg_way`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub discharge_way: String,
    /// `days_rinp_flag_31`: whether a return within 31 days was planned; none where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_planned: Option<bool>,
    /// `diseinfo`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnoses: Vec<Diagnosis>,
    /// `oprninfo`, in the order sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
}

/// An operation of a settlement list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// `oprn_oprt_code`, of ICD-9-CM-3 in the insurance edition.
    pub code: String,
    /// `oprn_oprt_name`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `oprn_oprt_begntime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<NaiveDateTime>,
    /// `oper_dr_code`.
    #[serde(default, skip_serializing_if = "PractitionerCode::is_empty")]
    pub physician: PractitionerCode,
}

/// `hosp_appr_flag`: what the hospital says of a restricted item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum Approval {
    /// 0 or not given: no approval needed.
    #[default]
    #[serde(rename = "0")]
    NotNeeded,
    /// 1: the restriction is met.
    #[serde(rename = "1")]
    Approved,
    /// 2: not met, wholly the person's.
    #[serde(rename = "2")]
    Refused,
}

/// A fee line as the hospital sent it (`fee_list_d`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `feedetl_sn`, unique within the visit.
    pub no: LineNo,
    /// `init_feedetl_sn`: the line this one refunds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_of: Option<LineNo>,
    /// `chrg_bchno` of outpatient lines: lines of one batch settle together.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub batch: String,
    /// `rxno` or `drord_no`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub order_no: String,
    /// `fee_ocur_time`.
    pub time: NaiveDateTime,
    /// `med_list_codg`.
    pub item: ItemCode,
    /// `medins_list_codg`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hospital_item: String,
    /// `det_item_fee_sumamt` as stated by the hospital.
    pub amount: Money,
    /// `cnt`, negative on refunds.
    pub quantity: Quantity,
    /// `pric`, never negative.
    pub price: Price,
    /// `prd_days`: days the quantity lasts, where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supply_days: Option<Quantity>,
    /// `bilg_dept_codg`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub department: String,
    /// `bilg_dr_codg`.
    #[serde(default, skip_serializing_if = "PractitionerCode::is_empty")]
    pub practitioner: PractitionerCode,
    /// `hosp_appr_flag`.
    #[serde(default)]
    pub approval: Approval,
    /// `dscg_tkdrug_flag`: drug taken home at discharge.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_home: bool,
    /// The further national fields of the line, as sent; kept for queries, never read by a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<Further>,
}

impl Line {
    /// The order in which limits per day and stay are used up, and in which a decision lists lines.
    pub fn order_key(&self) -> (NaiveDateTime, &LineNo) {
        (self.time, &self.no)
    }
}

/// `acct_used_flag`: which personal account may be drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum AccountUse {
    /// 0.
    #[default]
    None,
    /// 1: the person's own.
    Own,
    /// 2: also the family account (共济).
    Family,
}

/// How the settlement was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettleRequest {
    /// `setl_time`: when it is decided; an input, never the clock.
    pub time: NaiveDateTime,
    /// `acct_used_flag`.
    pub account_use: AccountUse,
    /// `mid_setl_flag`: settles what is there while the stay goes on.
    pub mid_stay: bool,
    /// `psn_setlway` 02: by quota instead of item.
    pub by_quota: bool,
}

/// One bill: a visit with the lines that are to be settled now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The visit.
    pub visit: Visit,
    /// The unsettled lines of the bill, refunds included, in any order.
    pub lines: Vec<Line>,
    /// How it was asked for.
    pub request: SettleRequest,
}

impl Claim {
    /// The end of the period this settlement covers: discharge, or the moment of a mid-stay settlement. An
    /// outpatient visit begins and ends at once, whatever `endtime` was sent.
    pub fn end(&self) -> NaiveDateTime {
        if !self.visit.kind().is_stay() {
            return self.visit.begin;
        }
        self.visit.end.unwrap_or(self.request.time.max(self.visit.begin))
    }
}
