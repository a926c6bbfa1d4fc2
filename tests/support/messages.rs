//! The inputs of the transactions, with the fields their published tables require.

use super::scenario::{BillLine, FiledStep};
use super::wire::stamp;
use chrono::NaiveDateTime;
use dingan_core::claim::{AccountUse, Approval, Circumstances, Claim, Diagnosis, Line, SettleRequest, Visit};
use dingan_core::money::{Money, Rate};
use dingan_core::person::{Filing, Person};
use serde_json::{Map, Value, json};

const DEPARTMENT: &str = "A01";
const DOCTOR: &str = "D460091000001";
const BED: &str = "12";

/// A visit as the hospital's system keeps it.
#[derive(Debug, Clone)]
pub struct Case {
    /// `mdtrt_id`.
    pub id: String,
    pub person: Person,
    /// `insutype`.
    pub insurance: String,
    /// `psn_type`.
    pub person_type: String,
    /// `insuplc_admdvs`.
    pub division: String,
    pub institution: String,
    pub med_type: String,
    pub begin: NaiveDateTime,
    pub end: Option<NaiveDateTime>,
    /// `dise_codg`.
    pub disease: String,
    pub diagnosis: String,
    pub stay: bool,
    /// Bought at a pharmacy: no registration, no department, no diagnosis.
    pub pharmacy: bool,
    pub circumstances: Circumstances,
    /// `mdtrt_id` referred from.
    pub referred_from: Option<String>,
    /// `ttp_pay_prop`.
    pub third_party_share: Rate,
    /// Lines not settled yet, with the bill they belong to.
    pub open: Vec<(String, BillLine)>,
}

/// How a bill is to be settled.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `chrg_bchno` of an outpatient bill.
    pub bill: &'a str,
    /// `acct_used_flag`.
    pub account: u8,
    /// `mid_setl_flag`.
    pub mid_stay: bool,
    /// `psn_setlway` 02.
    pub quota: bool,
}

impl Case {
    /// `exp_content` of 2203 and 2401; nothing where nothing is to be said.
    fn exp_content(&self) -> String {
        let c = &self.circumstances;
        let mut more = Map::new();
        if c.emergency {
            more.insert(
                if self.stay { "IPT_TYPE" } else { "OTP_ER_REFL_FLAG" }.to_owned(),
                json!(if self.stay { "2" } else { "1" }),
            );
        }
        if c.injury {
            more.insert("TRUM_FLAG".to_owned(), json!("1"));
            more.insert("REL_TTP_FLAG".to_owned(), json!(if c.third_party { "1" } else { "0" }));
        }
        if more.is_empty() { String::new() } else { Value::Object(more).to_string() }
    }

    /// 2201.
    pub fn registration(&self) -> Value {
        json!({ "data": {
            "psn_no": self.person.no, "insutype": self.insurance, "begntime": stamp(self.begin),
            "mdtrt_cert_type": "02", "mdtrt_cert_no": self.person.cert_no, "card_sn": "",
            "psn_cert_type": self.person.cert_type, "certno": self.person.cert_no, "psn_type": self.person_type,
            "psn_name": self.person.name, "ipt_otp_no": self.case_no(), "atddr_no": DOCTOR, "dr_name": "样例医师",
            "dept_code": DEPARTMENT, "dept_name": "样例科", "caty": DEPARTMENT, "exp_content": "",
        }})
    }

    /// 2203.
    pub fn visit_info(&self) -> Value {
        let disease = if self.disease.is_empty() { &self.diagnosis } else { &self.disease };
        json!({
            "mdtrtinfo": {
                "mdtrt_id": self.id, "psn_no": self.person.no, "med_type": self.med_type,
                "begntime": stamp(self.begin), "main_cond_dscr": "", "dise_type_code": "",
                "dise_codg": disease, "dise_name": "样例诊断", "birctrl_type": self.circumstances.birth_control,
                "birctrl_matn_date": "", "exp_content": self.exp_content(),
            },
            "diseinfo": [self.diagnosis_row(false, self.begin)],
        })
    }

    /// 2401.
    pub fn admission(&self) -> Value {
        json!({
            "mdtrtinfo": {
                "psn_no": self.person.no, "insutype": self.insurance, "coner_name": "", "tel": "",
                "begntime": stamp(self.begin), "mdtrt_cert_type": "02", "mdtrt_cert_no": self.person.cert_no,
                "cert_type": self.person.cert_type, "certno": self.person.cert_no, "med_type": self.med_type,
                "ipt_no": self.case_no(), "medrcdno": "", "atddr_no": DOCTOR, "chfpdr_name": "样例医师",
                "adm_diag_dscr": "样例诊断", "adm_dept_codg": DEPARTMENT, "adm_dept_name": "样例科",
                "adm_bed": BED, "dscg_maindiag_code": self.diagnosis, "dscg_maindiag_name": "样例诊断",
                "dise_codg": self.disease, "insuplc_admdvs": self.division, "mdtrtarea_admvs": self.division,
                "matn_type": self.circumstances.birth, "birctrl_type": self.circumstances.birth_control,
                "refl_old_mdtrt_id": self.referred_from, "ttp_pay_prop": self.third_party_share.to_string(),
                "exp_content": self.exp_content(),
            },
            "diseinfo": [self.diagnosis_row(false, self.begin)],
        })
    }

    /// 2402.
    pub fn discharge(&self, at: NaiveDateTime) -> Value {
        json!({
            "dscginfo": {
                "mdtrt_id": self.id, "psn_no": self.person.no, "insutype": self.insurance, "endtime": stamp(at),
                "dise_codg": self.disease, "dscg_dept_codg": DEPARTMENT, "dscg_dept_name": "样例科",
                "dscg_bed": BED, "dscg_way": "1",
            },
            "diseinfo": [self.diagnosis_row(true, at)],
        })
    }

    /// 2204, 2301.
    pub fn fees(&self, bill: &str, lines: &[BillLine]) -> Value {
        json!({ "feedetail": lines.iter().map(|l| self.fee(bill, l)).collect::<Vec<_>>() })
    }

    fn fee(&self, bill: &str, l: &BillLine) -> Value {
        let mut row = json!({
            "feedetl_sn": l.no, "mdtrt_id": self.id, "psn_no": self.person.no,
            "fee_ocur_time": stamp(l.time), "med_list_codg": l.item, "medins_list_codg": format!("Y{}", l.item),
            "det_item_fee_sumamt": l.amount.to_string(), "cnt": l.quantity.to_string(), "pric": l.price.to_string(),
            "bilg_dept_codg": DEPARTMENT, "bilg_dept_name": "样例科", "bilg_dr_codg": DOCTOR,
            "bilg_dr_name": "样例医师", "hosp_appr_flag": l.approval,
        });
        let more = if self.stay {
            json!({ "init_feedetl_sn": l.refund_of, "drord_no": "", "med_type": self.med_type })
        } else {
            json!({ "chrg_bchno": bill, "dise_codg": self.disease, "rxno": "", "rx_circ_flag": "0" })
        };
        if let (Some(row), Value::Object(more)) = (row.as_object_mut(), more) {
            row.extend(more);
        }
        row
    }

    /// 2206 and 2207, 2303 and 2304. `total` is what the hospital's own lines add up to.
    pub fn settle(&self, asked: Asked<'_>, total: Money) -> Map<String, Value> {
        let data = json!({
            "psn_no": self.person.no, "mdtrt_cert_type": "02", "mdtrt_cert_no": self.person.cert_no, "card_sn": "",
            "psn_cert_type": self.person.cert_type, "certno": self.person.cert_no, "psn_type": self.person_type,
            "psn_name": self.person.name, "medfee_sumamt": total.to_string(), "psn_setlway": if asked.quota { "02" } else { "01" },
            "mdtrt_id": self.id, "acct_used_flag": asked.account.to_string(), "insutype": self.insurance,
            "invono": "", "exp_content": "",
        });
        let more = if self.stay {
            json!({
                "mid_setl_flag": if asked.mid_stay { "1" } else { "0" },
                "dscgTime": self.end.map(|e| e.format("%Y-%m-%d").to_string()).unwrap_or_default(),
                "insuplc_admdvs": self.division, "mdtrtarea_admvs": self.division,
            })
        } else {
            json!({ "med_type": self.med_type, "chrg_bchno": asked.bill })
        };
        [data, more].into_iter().filter_map(|v| v.as_object().cloned()).flatten().collect()
    }

    /// 2101 and 2102.
    pub fn purchase(&self, asked: Asked<'_>, lines: &[BillLine], total: Money) -> Value {
        json!({
            "druginfo": {
                "psn_no": self.person.no, "mdtrt_cert_type": "02", "mdtrt_cert_no": self.person.cert_no, "card_sn": "",
                "psn_cert_type": self.person.cert_type, "certno": self.person.cert_no, "psn_type": self.person_type,
                "psn_name": self.person.name, "begntime": stamp(self.begin), "medfee_sumamt": total.to_string(),
                "invono": "", "insutype": self.insurance, "dise_codg": self.disease, "dise_name": "",
                "acct_used_flag": asked.account.to_string(), "med_type": self.med_type, "exp_content": "",
            },
            "drugdetail": lines.iter().map(|l| json!({
                "feedetl_sn": l.no, "rxno": "", "rx_circ_flag": "0", "fee_ocur_time": stamp(l.time),
                "med_list_codg": l.item, "medins_list_codg": format!("Y{}", l.item),
                "det_item_fee_sumamt": l.amount.to_string(), "cnt": l.quantity.to_string(),
                "pric": l.price.to_string(), "bilg_dr_codg": DOCTOR, "bilg_dr_name": "样例医师",
                "hosp_appr_flag": l.approval,
            })).collect::<Vec<_>>(),
        })
    }

    /// The same bill as a claim, for the batch; nothing of it goes through the interface.
    pub fn claim(&self, asked: Asked<'_>, lines: &[(String, BillLine)], time: NaiveDateTime) -> Claim {
        let visit = Visit {
            id: self.id.as_str().into(),
            person: self.person.no.clone(),
            institution: self.institution.as_str().into(),
            insurance: self.insurance.as_str().into(),
            med_type: self.med_type.as_str().into(),
            begin: self.begin,
            end: self.end,
            disease: if self.stay || self.pharmacy || !self.disease.is_empty() {
                &self.disease
            } else {
                &self.diagnosis
            }
            .as_str()
            .into(),
            diagnoses: self.diagnoses(),
            department: if self.pharmacy { String::new() } else { DEPARTMENT.to_owned() },
            bed: if self.stay { BED.to_owned() } else { String::new() },
            discharge_way: if self.end.is_some() { "1".to_owned() } else { String::new() },
            death: None,
            referred_from: self.referred_from.as_deref().map(Into::into),
            third_party_share: self.third_party_share,
            insured_at: self.division.as_str().into(),
            circumstances: self.circumstances.clone(),
        };
        let request = SettleRequest {
            time,
            account_use: [AccountUse::None, AccountUse::Own, AccountUse::Family][usize::from(asked.account.min(2))],
            mid_stay: asked.mid_stay,
            by_quota: asked.quota,
        };
        Claim { visit, lines: lines.iter().map(|(bill, l)| self.line(bill, l)).collect(), request }
    }

    fn line(&self, bill: &str, l: &BillLine) -> Line {
        Line {
            no: l.no.as_str().into(),
            refund_of: l.refund_of.as_deref().map(Into::into),
            batch: if self.stay || self.pharmacy { String::new() } else { bill.to_owned() },
            order_no: String::new(),
            time: l.time,
            item: l.item.as_str().into(),
            hospital_item: format!("Y{}", l.item),
            amount: l.amount,
            quantity: l.quantity,
            price: l.price,
            supply_days: None,
            department: if self.pharmacy { String::new() } else { DEPARTMENT.to_owned() },
            practitioner: DOCTOR.into(),
            approval: match l.approval.as_str() {
                "1" => Approval::Approved,
                "2" => Approval::Refused,
                _ => Approval::NotNeeded,
            },
            take_home: false,
            more: None,
        }
    }

    fn diagnoses(&self) -> Vec<Diagnosis> {
        if self.pharmacy {
            return Vec::new();
        }
        let one = |at_discharge| Diagnosis {
            code: self.diagnosis.as_str().into(),
            name: "样例诊断".to_owned(),
            main: true,
            order: order(at_discharge),
            at_discharge,
        };
        if self.end.is_some() { vec![one(false), one(true)] } else { vec![one(false)] }
    }

    fn diagnosis_row(&self, at_discharge: bool, at: NaiveDateTime) -> Value {
        json!({
            "mdtrt_id": self.id, "psn_no": self.person.no, "diag_type": "1", "maindiag_flag": "1",
            "diag_srt_no": order(at_discharge), "diag_code": self.diagnosis, "diag_name": "样例诊断", "diag_dept": "样例科",
            "dise_dor_no": DOCTOR, "dise_dor_name": "样例医师", "diag_time": stamp(at), "vali_flag": "1",
        })
    }

    fn case_no(&self) -> String {
        format!("SAMPLE{}", self.begin.format("%Y%m%d%H%M"))
    }
}

/// `diag_srt_no`. The discharge diagnosis is numbered on: a claims file refuses a number that stands twice,
/// though the interface keeps admission and discharge apart.
fn order(at_discharge: bool) -> u16 {
    if at_discharge { 2 } else { 1 }
}

/// 2501, 2503, 2505 or 2507: the transaction and its input.
pub fn filing(person: &Person, step: &FiledStep, filing: &Filing) -> (&'static str, Value) {
    let (begin, end) = (filing.begin.to_string(), filing.end.map(|d| d.to_string()).unwrap_or_default());
    let insurance = filing.insurance.as_str();
    match step.kind.as_str() {
        "06" => (
            "2501",
            json!({ "refmedin": {
                "psn_no": person.no, "insutype": insurance, "diag_code": "K80.100", "diag_name": "样例诊断",
                "reflin_medins_no": step.institution, "reflin_medins_name": "样例转往医院",
                "mdtrtarea_admdvs": step.area, "refl_type": "3", "refl_date": begin, "refl_rea": "样例",
                "refl_opnn": "同意", "begndate": begin, "enddate": end,
            }}),
        ),
        "01" => (
            "2503",
            json!({ "data": {
                "psn_no": person.no, "insutype": insurance, "opsp_dise_code": step.disease, "opsp_dise_name": "样例病种",
                "insu_optins": "", "ide_fixmedins_no": step.institution, "ide_fixmedins_name": "样例医院",
                "hosp_ide_date": begin, "diag_dr_codg": DOCTOR, "diag_dr_name": "样例医师", "begndate": begin,
                "enddate": end,
            }}),
        ),
        "02" => (
            "2507",
            json!({ "data": {
                "dcla_souc": "01", "insutype": insurance, "psn_no": person.no, "psn_cert_type": person.cert_type,
                "certno": person.cert_no, "psn_name": person.name, "insu_admdvs": "", "chk_pay_flag": "1",
                "begndate": begin, "enddate": end, "ttp_pay_prop": step.share.to_string(),
            }}),
        ),
        kind => (
            "2505",
            json!({ "data": {
                "psn_no": person.no, "insutype": insurance, "biz_appy_type": kind, "begndate": begin, "enddate": end,
                "fix_srt_no": "1", "fixmedins_code": step.institution, "fixmedins_name": "样例医院",
                "mdtrtarea_admdvs": step.area,
            }}),
        ),
    }
}
