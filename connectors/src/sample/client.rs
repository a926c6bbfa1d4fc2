//! Plays an encounter through the national interface, as a hospital's system would.
//!
//! [`run`] builds the inputs in the order of interface.md §2.3, each with the fields its table requires,
//! and takes ids and amounts from the outputs. Sending is the caller's: it wraps each input with
//! [`envelope`], chooses message ids, and decides what a refusal is.

use super::encounter::{Encounter, Shape};
use chrono::NaiveDateTime;
use dingan_core::bundle::Institution;
use dingan_core::claim::{AccountUse, Approval, Line};
use serde_json::{Map, Value, json};

/// Most fee lines in one 2301.
pub const BATCH: usize = 200;

/// Why an encounter did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError<E> {
    /// The caller's `send` failed.
    #[error("{infno}: {error}")]
    Send {
        /// The transaction.
        infno: &'static str,
        /// What `send` said.
        error: E,
    },
    /// An output lacks what the next input needs.
    #[error("the output of {infno} has no {pointer}")]
    Output {
        /// The transaction.
        infno: &'static str,
        /// JSON pointer within `output`.
        pointer: &'static str,
    },
}

/// Plays an encounter to its settlement and gives the output of 2207 or 2304. `send` is handed the
/// transaction number and the `input` node, and gives back the `output` node.
pub fn run<E>(
    encounter: &Encounter,
    mut send: impl FnMut(&str, Value) -> Result<Value, E>,
) -> Result<Value, RunError<E>> {
    let mut call =
        |infno: &'static str, input: Value| send(infno, input).map_err(|error| RunError::Send { infno, error });
    match encounter.shape {
        Shape::Outpatient => outpatient(encounter, &mut call),
        Shape::Stay => stay(encounter, &mut call),
    }
}

/// A message around an input, with every field of the header (interface.md §1.1). The division of the
/// insured's scheme is left empty, which counts as local; [`envelope_for`] fills it.
pub fn envelope(institution: &Institution, infno: &str, msgid: &str, time: NaiveDateTime, input: Value) -> Value {
    json!({
        "infno": infno,
        "msgid": msgid,
        "mdtrtarea_admvs": institution.division,
        "insuplc_admdvs": "",
        "recer_sys_code": "FSI_SAMPLE",
        "dev_no": "",
        "dev_safe_info": "",
        "cainfo": "",
        "signtype": "",
        "infver": "V1.0",
        "opter_type": "1",
        "opter": "SAMPLE01",
        "opter_name": "样例操作员",
        "inf_time": stamp(time),
        "fixmedins_code": institution.code,
        "fixmedins_name": institution.name,
        "sign_no": "",
        "input": input,
    })
}

/// A message of an encounter, with the division of the insured's scheme.
pub fn envelope_for(encounter: &Encounter, infno: &str, msgid: &str, time: NaiveDateTime, input: Value) -> Value {
    let mut message = envelope(&encounter.institution, infno, msgid, time, input);
    if let Some(header) = message.as_object_mut() {
        header.insert("insuplc_admdvs".to_owned(), json!(encounter.relation.division));
    }
    message
}

/// A message id of the form the interface asks for: institution, time, a number of four digits.
pub fn msgid(institution: &Institution, time: NaiveDateTime, number: u32) -> String {
    format!("{}{}{:04}", institution.code, time.format("%Y%m%d%H%M%S"), number % 10_000)
}

type Call<'c, E> = dyn FnMut(&'static str, Value) -> Result<Value, RunError<E>> + 'c;

fn outpatient<E>(e: &Encounter, call: &mut Call<'_, E>) -> Result<Value, RunError<E>> {
    let registered = call("2201", json!({ "data": registration(e) }))?;
    let visit = text(&registered, "2201", "/data/mdtrt_id")?;
    call("2203", json!({ "mdtrtinfo": visit_info(e, &visit), "diseinfo": visit_diagnoses(e) }))?;
    let lines: Vec<Value> = e.lines.iter().map(|l| outpatient_line(e, &visit, l)).collect();
    call("2204", json!({ "feedetail": lines }))?;

    let mut settle = settle_data(e, &visit);
    settle.insert("med_type".to_owned(), json!(e.med_type));
    settle.insert("chrg_bchno".to_owned(), json!(e.lines.first().map_or("", |l| l.batch.as_str())));
    let tried = call("2206", json!({ "data": settle }))?;
    take_split(&tried, "2206", &mut settle)?;
    call("2207", json!({ "data": settle }))
}

fn stay<E>(e: &Encounter, call: &mut Call<'_, E>) -> Result<Value, RunError<E>> {
    let admitted = call("2401", json!({ "mdtrtinfo": admission(e), "diseinfo": stay_diagnoses(e, None) }))?;
    let visit = text(&admitted, "2401", "/result/mdtrt_id")?;
    for batch in e.lines.chunks(BATCH) {
        let lines: Vec<Value> = batch.iter().map(|l| stay_line(e, &visit, l)).collect();
        call("2301", json!({ "feedetail": lines }))?;
    }
    call("2402", json!({ "dscginfo": discharge(e, &visit), "diseinfo": stay_diagnoses(e, Some(&visit)) }))?;

    let mut settle = settle_data(e, &visit);
    settle.insert("mid_setl_flag".to_owned(), json!("0"));
    settle.insert("dscgTime".to_owned(), json!(e.end.format("%Y-%m-%d").to_string()));
    settle.insert("insuplc_admdvs".to_owned(), json!(e.relation.division));
    settle.insert("mdtrtarea_admvs".to_owned(), json!(e.institution.division));
    let tried = call("2303", json!({ "data": settle }))?;
    take_split(&tried, "2303", &mut settle)?;
    call("2304", json!({ "data": settle }))
}

fn stamp(time: NaiveDateTime) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A text of an output, which must be there.
fn text<E>(output: &Value, infno: &'static str, pointer: &'static str) -> Result<String, RunError<E>> {
    match output.pointer(pointer) {
        Some(Value::String(s)) if !s.is_empty() => Ok(s.clone()),
        Some(Value::Number(n)) => Ok(n.to_string()),
        _ => Err(RunError::Output { infno, pointer }),
    }
}

/// Copies how the trial split the bill into the input of the settlement.
fn take_split<E>(tried: &Value, infno: &'static str, settle: &mut Map<String, Value>) -> Result<(), RunError<E>> {
    for (field, pointer) in [
        ("fulamt_ownpay_amt", "/setlinfo/fulamt_ownpay_amt"),
        ("overlmt_selfpay", "/setlinfo/overlmt_selfpay"),
        ("preselfpay_amt", "/setlinfo/preselfpay_amt"),
        ("inscp_scp_amt", "/setlinfo/inscp_scp_amt"),
    ] {
        let amount = tried.pointer(pointer).ok_or(RunError::Output { infno, pointer })?;
        settle.insert(field.to_owned(), amount.clone());
    }
    Ok(())
}

fn doctor_name(code: &str) -> String {
    let number: String = code.chars().rev().take(3).collect();
    format!("样例医师{}", number.chars().rev().collect::<String>())
}

fn registration(e: &Encounter) -> Value {
    json!({
        "psn_no": e.person.no,
        "insutype": e.relation.insurance,
        "begntime": stamp(e.begin),
        "mdtrt_cert_type": "02",
        "mdtrt_cert_no": e.person.cert_no,
        "card_sn": "",
        "psn_cert_type": e.person.cert_type,
        "certno": e.person.cert_no,
        "psn_type": e.relation.person_type,
        "psn_name": e.person.name,
        "ipt_otp_no": format!("MZ{}", e.key),
        "atddr_no": e.doctor,
        "dr_name": doctor_name(e.doctor.as_str()),
        "dept_code": e.department.code,
        "dept_name": e.department.name,
        "caty": e.department.specialty,
    })
}

fn visit_info(e: &Encounter, visit: &str) -> Value {
    json!({
        "mdtrt_id": visit,
        "psn_no": e.person.no,
        "med_type": e.med_type,
        "begntime": stamp(e.begin),
        "main_cond_dscr": main_name(e),
        "dise_type_code": "",
        "dise_codg": e.disease,
        "dise_name": main_name(e),
    })
}

fn main_name(e: &Encounter) -> &str {
    e.diagnoses.first().map_or("", |d| d.name.as_str())
}

fn visit_diagnoses(e: &Encounter) -> Value {
    let one = |d: &dingan_core::claim::Diagnosis| {
        json!({
            "diag_type": "1",
            "diag_srt_no": d.order,
            "diag_code": d.code,
            "diag_name": d.name,
            "diag_dept": e.department.name,
            "dise_dor_no": e.doctor,
            "dise_dor_name": doctor_name(e.doctor.as_str()),
            "diag_time": stamp(e.begin),
            "vali_flag": "1",
        })
    };
    e.diagnoses.iter().map(one).collect()
}

/// The fields of a fee line that both tables share.
fn line_fields(e: &Encounter, visit: &str, l: &Line) -> Map<String, Value> {
    let approval = match l.approval {
        Approval::NotNeeded => "0",
        Approval::Approved => "1",
        Approval::Refused => "2",
    };
    let fields = [
        ("feedetl_sn", json!(l.no)),
        ("mdtrt_id", json!(visit)),
        ("psn_no", json!(e.person.no)),
        ("fee_ocur_time", json!(stamp(l.time))),
        ("med_list_codg", json!(l.item)),
        ("medins_list_codg", json!(l.hospital_item)),
        ("det_item_fee_sumamt", json!(l.amount)),
        ("cnt", json!(l.quantity)),
        ("pric", json!(l.price)),
        ("bilg_dept_codg", json!(l.department)),
        ("bilg_dept_name", json!(e.department.name)),
        ("bilg_dr_codg", json!(l.practitioner)),
        ("bilg_dr_name", json!(doctor_name(l.practitioner.as_str()))),
        ("hosp_appr_flag", json!(approval)),
        ("dscg_tkdrug_flag", json!(if l.take_home { "1" } else { "0" })),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn outpatient_line(e: &Encounter, visit: &str, l: &Line) -> Value {
    let mut line = line_fields(e, visit, l);
    line.insert("chrg_bchno".to_owned(), json!(l.batch));
    line.insert("dise_codg".to_owned(), json!(e.disease));
    line.insert("rxno".to_owned(), json!(l.order_no));
    line.insert("rx_circ_flag".to_owned(), json!("0"));
    if let Some(days) = l.supply_days {
        line.insert("prd_days".to_owned(), json!(days));
    }
    Value::Object(line)
}

fn stay_line(e: &Encounter, visit: &str, l: &Line) -> Value {
    let mut line = line_fields(e, visit, l);
    line.insert("drord_no".to_owned(), json!(l.order_no));
    line.insert("med_type".to_owned(), json!(e.med_type));
    Value::Object(line)
}

/// The fields of the four settlement inputs that all share.
fn settle_data(e: &Encounter, visit: &str) -> Map<String, Value> {
    let account = match e.account_use {
        AccountUse::None => "0",
        AccountUse::Own => "1",
        AccountUse::Family => "2",
    };
    let fields = [
        ("psn_no", json!(e.person.no)),
        ("mdtrt_cert_type", json!("02")),
        ("mdtrt_cert_no", json!(e.person.cert_no)),
        ("psn_cert_type", json!(e.person.cert_type)),
        ("certno", json!(e.person.cert_no)),
        ("psn_type", json!(e.relation.person_type)),
        ("psn_name", json!(e.person.name)),
        ("medfee_sumamt", json!(e.total())),
        ("psn_setlway", json!("01")),
        ("mdtrt_id", json!(visit)),
        ("acct_used_flag", json!(account)),
        ("insutype", json!(e.relation.insurance)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn admission(e: &Encounter) -> Value {
    json!({
        "psn_no": e.person.no,
        "insutype": e.relation.insurance,
        "coner_name": "",
        "tel": "",
        "begntime": stamp(e.begin),
        "mdtrt_cert_type": "02",
        "mdtrt_cert_no": e.person.cert_no,
        "cert_type": e.person.cert_type,
        "certno": e.person.cert_no,
        "med_type": e.med_type,
        "ipt_no": format!("ZY{}", e.key),
        "atddr_no": e.doctor,
        "chfpdr_name": doctor_name(e.doctor.as_str()),
        "adm_diag_dscr": main_name(e),
        "adm_dept_codg": e.department.code,
        "adm_dept_name": e.department.name,
        "adm_bed": e.bed,
        "dscg_maindiag_code": e.diagnoses.first().map_or("", |d| d.code.as_str()),
        "dscg_maindiag_name": main_name(e),
        "dise_codg": e.disease,
        "insuplc_admdvs": e.relation.division,
        "mdtrtarea_admvs": e.institution.division,
    })
}

/// Diagnoses at admission, or with the visit's id at discharge.
fn stay_diagnoses(e: &Encounter, visit: Option<&str>) -> Value {
    let one = |d: &dingan_core::claim::Diagnosis| {
        let mut object = json!({
            "psn_no": e.person.no,
            "diag_type": "1",
            "maindiag_flag": if d.main { "1" } else { "0" },
            "diag_srt_no": d.order,
            "diag_code": d.code,
            "diag_name": d.name,
            "diag_dept": e.department.name,
            "dise_dor_no": e.doctor,
            "dise_dor_name": doctor_name(e.doctor.as_str()),
            "diag_time": stamp(if visit.is_some() { e.end } else { e.begin }),
        });
        if let (Some(visit), Some(fields)) = (visit, object.as_object_mut()) {
            fields.insert("mdtrt_id".to_owned(), json!(visit));
        }
        object
    };
    e.diagnoses.iter().map(one).collect()
}

fn discharge(e: &Encounter, visit: &str) -> Value {
    json!({
        "mdtrt_id": visit,
        "psn_no": e.person.no,
        "insutype": e.relation.insurance,
        "endtime": stamp(e.end),
        "dscg_dept_codg": e.department.code,
        "dscg_dept_name": e.department.name,
        "dscg_bed": e.bed,
        "dscg_way": e.discharge_way,
    })
}
