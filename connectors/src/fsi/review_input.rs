//! What 3101 and 3102 send: persons with encounters, diagnoses and orders, as claims and history.

use super::fields::{
    DATE, FLAG, Field, INT, MONEY, PRICE, QUANTITY, SEX, SPARE, Table, WHEN, code, may, must, text, want,
};
use super::notes::Tolerance;
use super::read::{Reader, Row};
use crate::desk::{Caller, PrecheckAsk};
use chrono::NaiveDateTime;
use dingan_core::claim::{AccountUse, Approval, Claim, Diagnosis, Line, Operation, SettleRequest, Visit};
use dingan_core::codes::{LineNo, MedType, Sex, VisitId};
use dingan_core::finding::Stage;
use dingan_core::money::{Money, Quantity, Rate};
use dingan_core::person::{PastLine, PastVisit};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

pub(crate) static TABLES: &[&Table] = &[&DATA, &PATIENTS, &ENCOUNTERS, &DIAGNOSES, &ORDERS, &EXTENSION, &OPERATIONS];
static DATA: Table = Table::one("data", DATA_FIELDS).nested(&["patient_dtos", "rule_ids", "trig_scen"]);
/// A list as published; an object from many clients.
static PATIENTS: Table = Table::many("patient_dtos", PATIENT).nested(&["fsi_encounter_dtos"]);
static ENCOUNTERS: Table =
    Table::many("fsi_encounter_dtos", ENCOUNTER).nested(&["fsi_diagnose_dtos", "fsi_order_dtos", "fsi_operation_dtos"]);
static DIAGNOSES: Table = Table::many("fsi_diagnose_dtos", DIAGNOSIS).wanted();
static ORDERS: Table = Table::many("fsi_order_dtos", ORDER).wanted().nested(&["extend_order_map"]);
static OPERATIONS: Table = Table::many("fsi_operation_dtos", OPERATION).optional();
static EXTENSION: Table = Table::one("extend_order_map", EXTEND).optional();

/// One person of the message.
pub(crate) struct Patient {
    pub ask: PrecheckAsk,
    /// Orders of the current encounter: their amounts, and whether they are under judgement.
    pub orders: HashMap<LineNo, (Money, bool)>,
    /// Where the person, and each order of the current encounter, stands.
    pub path: String,
    pub order_paths: Vec<String>,
}

/// Reads every person.
pub(crate) fn read(reader: &mut Reader<'_>, input: &Value, by: &Caller, stage: Stage) -> Vec<Patient> {
    let data = reader.one(input, &DATA);
    let rules = data.raw("rule_ids").map(words).unwrap_or_default();
    let scenes = data.raw("trig_scen").map(words).unwrap_or_default();
    let stages = stages(&scenes, stage);
    if !stages.contains(&stage) {
        reader.notes.say("触发场景(trig_scen)与交易不一致，按触发场景审核");
    }
    let scene = scenes.join(",");
    let mut out = Vec::new();
    for row in &reader.many_below(&data, &PATIENTS) {
        out.extend(patient(reader, row, by, &stages, &rules, &scene));
    }
    out
}

/// The stages of the scenes a message states: 1–5 (registration, charging, admission, charging and carrying out
/// orders of a stay) come before, 6–10 (settling and its trial, of visits and stays, and pharmacies) in process.
/// Where it states none that is known, that of the transaction.
fn stages(scenes: &[String], of_transaction: Stage) -> Vec<Stage> {
    let stage = |scene: &String| match scene.parse::<u8>() {
        Ok(1..=5) => Some(Stage::Before),
        Ok(6..=10) => Some(Stage::During),
        _ => None,
    };
    let mut stages: Vec<Stage> = scenes.iter().filter_map(stage).collect();
    stages.sort_unstable();
    stages.dedup();
    if stages.is_empty() { vec![of_transaction] } else { stages }
}

/// A list of texts, or a text with commas.
fn words(value: &Value) -> Vec<String> {
    let one = |v: &Value| -> Vec<String> {
        match v {
            Value::String(s) => s.split([',', '，', ';']).map(|w| w.trim().to_owned()).collect(),
            Value::Number(n) => vec![n.to_string()],
            _ => Vec::new(),
        }
    };
    let all: Vec<String> = match value {
        Value::Array(list) => list.iter().flat_map(one).collect(),
        v => one(v),
    };
    all.into_iter().filter(|w| !w.is_empty() && w.len() <= 50).collect()
}

fn patient(
    reader: &mut Reader<'_>,
    row: &Row<'_>,
    by: &Caller,
    stages: &[Stage],
    rules: &[String],
    scene: &str,
) -> Option<Patient> {
    let encounters = reader.many_below(row, &ENCOUNTERS);
    let current = match (row.str("curr_mdtrt_id"), encounters.as_slice()) {
        ("", [only]) => only,
        (id, all) => match all.iter().find(|e| !id.is_empty() && e.str("mdtrt_id") == id) {
            Some(e) => e,
            None => {
                if !all.is_empty() {
                    let hint = "curr_mdtrt_id应等于fsi_encounter_dtos中某次就诊的mdtrt_id";
                    let message = "找不到当前就诊(curr_mdtrt_id)";
                    reader.problem("CURRENT_VISIT_MISSING", row.path("curr_mdtrt_id"), message, hint);
                }
                return None;
            }
        },
    };
    let mut ask = PrecheckAsk {
        claim: claim(reader, current, row, by),
        sex: Sex::from_code(row.str("gend")),
        birth: row.date("brdy").unwrap_or_default(),
        visits: Vec::new(),
        lines: Vec::new(),
        operations: BTreeMap::new(),
        stages: stages.to_vec(),
        rules: rules.to_vec(),
        scene: scene.to_owned(),
    };
    let orders = orders(reader, current, by.now);
    let order_paths = orders.iter().map(|o| o.path.clone()).collect();
    let judged = orders.iter().map(|o| (o.line.no.clone(), (o.line.amount, o.current))).collect();
    ask.claim.lines = orders.into_iter().map(|o| o.line).collect();
    for other in encounters.iter().filter(|e| !std::ptr::eq(*e, current)) {
        let visit = past_visit(reader, other, by.now);
        let lines = orders_of_past(reader, other, &visit.id, by.now);
        ask.lines.extend(lines);
        ask.visits.push(visit);
    }
    for e in &encounters {
        let operations = operations(reader, e);
        if !operations.is_empty() {
            ask.operations.insert(e.id("mdtrt_id"), operations);
        }
    }
    ask.visits.sort_by_key(|v| v.begin);
    ask.lines.sort_by_key(|l| l.time);
    Some(Patient { ask, orders: judged, path: row.path(""), order_paths })
}

fn claim(reader: &mut Reader<'_>, e: &Row<'_>, person: &Row<'_>, by: &Caller) -> Claim {
    if e.given("medins_id") && e.str("medins_id") != by.institution.as_str() {
        reader.notes.say("当前就诊的机构(medins_id)与报文头不同，以报文头为准");
    }
    let med_type = med_type(reader, e);
    let (begin, end) = times(reader, e, &med_type, by.now);
    let visit = Visit {
        id: e.id("mdtrt_id"),
        person: person.id("patn_id"),
        institution: by.institution.clone(),
        insurance: e.id("insutype"),
        med_type,
        begin,
        end,
        disease: e.id("dise_no"),
        diagnoses: diagnoses(reader, e),
        department: e.text("adm_dept_codg"),
        bed: e.text("bedno"),
        discharge_way: String::new(),
        death: None,
        referred_from: None,
        third_party_share: Rate::ZERO,
        insured_at: Default::default(),
        circumstances: Default::default(),
    };
    let request = SettleRequest { time: by.now, account_use: AccountUse::None, mid_stay: false, by_quota: false };
    Claim { visit, lines: Vec::new(), request }
}

fn past_visit(reader: &mut Reader<'_>, e: &Row<'_>, now: NaiveDateTime) -> PastVisit {
    let med_type = med_type(reader, e);
    let (begin, end) = times(reader, e, &med_type, now);
    PastVisit {
        id: e.id("mdtrt_id"),
        institution: e.id("medins_id"),
        med_type,
        begin,
        end,
        diagnoses: diagnoses(reader, e),
        discharge_way: String::new(),
        deductible: Money::ZERO,
        settled: e.int("setl_totlnum").is_some_and(|n| n > 0),
    }
}

/// `med_type`; where it says nothing known, the plain kind of `med_mdtrt_type`.
fn med_type(reader: &mut Reader<'_>, e: &Row<'_>) -> MedType {
    let stated: MedType = e.id("med_type");
    if stated.kind().is_some() {
        return stated;
    }
    let plain = match e.str("med_mdtrt_type") {
        "2" => "21",
        "3" => "41",
        _ => "11",
    };
    reader.notes.note(Tolerance::CodeForm, || e.path("med_type"));
    plain.into()
}

/// Begin and end. Clients fill `dscg_date` because it is required: for an outpatient, or before the
/// admission, it says nothing.
fn times(
    reader: &mut Reader<'_>,
    e: &Row<'_>,
    kind: &MedType,
    now: NaiveDateTime,
) -> (NaiveDateTime, Option<NaiveDateTime>) {
    let begin = e.time("adm_date").unwrap_or(now);
    let end = e.time("dscg_date").filter(|_| kind.kind().is_some_and(|k| k.is_stay()));
    match end {
        Some(end) if end.date() < begin.date() => {
            reader.notes.note(Tolerance::Placeholder, || e.path("dscg_date"));
            (begin, None)
        }
        end => (begin, end.map(|end| end.max(begin))),
    }
}

fn diagnoses(reader: &mut Reader<'_>, e: &Row<'_>) -> Vec<Diagnosis> {
    let mut out: Vec<Diagnosis> = Vec::new();
    for (row, n) in reader.many_below(e, &DIAGNOSES).iter().zip(1u16..) {
        out.push(Diagnosis {
            code: row.id("dise_codg"),
            name: row.text("dise_name"),
            main: row.on("maindise_flag"),
            order: row.str("dias_srt_no").parse().unwrap_or(n),
            at_discharge: row.str("inout_dise_type") == "2",
        });
    }
    if out.is_empty() && e.given("dscg_main_dise_codg") {
        out.push(Diagnosis {
            code: e.id("dscg_main_dise_codg"),
            name: e.text("dscg_main_dise_name"),
            main: true,
            order: 1,
            at_discharge: false,
        });
    }
    out.sort_by_key(|d| d.order);
    out
}

fn operations(reader: &mut Reader<'_>, e: &Row<'_>) -> Vec<Operation> {
    let rows = reader.many_below(e, &OPERATIONS);
    let coded = rows.iter().filter(|o| o.given("oprn_code"));
    coded
        .map(|o| Operation {
            code: o.text("oprn_code"),
            name: o.text("oprn_name"),
            begin: o.time("oprn_date"),
            physician: o.id("oper_dr_code"),
        })
        .collect()
}

struct Order {
    line: Line,
    current: bool,
    path: String,
}

/// The orders of the current encounter. Those without a quantity are no orders to judge.
fn orders(reader: &mut Reader<'_>, e: &Row<'_>, now: NaiveDateTime) -> Vec<Order> {
    let mut out: Vec<Order> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut left_out = 0;
    for row in &reader.many_below(e, &ORDERS) {
        let quantity = row.quantity("cnt").unwrap_or_default();
        if row.given("cnt") && quantity <= Quantity::ZERO {
            left_out += 1;
            continue;
        }
        let no: LineNo = row.id("rx_id");
        if !no.is_empty() && !seen.insert(no.clone()) {
            reader.problem("LINE_DUPLICATE", row.path("rx_id"), "处方(医嘱)标识(rx_id)重复", "");
        }
        let extension = reader.one_below(row, &EXTENSION);
        let line = Line {
            no,
            refund_of: None,
            batch: String::new(),
            order_no: row.text("rxno"),
            time: row.time("drord_begn_date").unwrap_or(now),
            item: row.id("hilist_code"),
            hospital_item: row.text("hosplist_code"),
            amount: row.money("sumamt").unwrap_or_default(),
            quantity,
            price: row.price("pric").unwrap_or_default(),
            supply_days: supply_days(&extension),
            department: row.text("drord_dept_codg"),
            practitioner: row.id("drord_dr_codg"),
            approval: Approval::NotNeeded,
            // 医嘱行为 1: drugs to take home
            take_home: row.str("drord_bhvr") == "1",
            more: None,
        };
        out.push(Order { line, current: row.on("curr_drord_flag"), path: row.path("") });
    }
    if left_out > 0 {
        reader.notes.say(format!("{left_out}条数量不为正的医嘱未参与审核"));
    }
    out
}

fn orders_of_past(reader: &mut Reader<'_>, e: &Row<'_>, visit: &VisitId, now: NaiveDateTime) -> Vec<PastLine> {
    let mut out = Vec::new();
    for row in &reader.many_below(e, &ORDERS) {
        let quantity = row.quantity("cnt").unwrap_or_default();
        if quantity <= Quantity::ZERO {
            continue;
        }
        let extension = reader.one_below(row, &EXTENSION);
        out.push(PastLine {
            visit: visit.clone(),
            settlement: Default::default(),
            no: row.id("rx_id"),
            item: row.id("hilist_code"),
            time: row.time("drord_begn_date").unwrap_or(now),
            quantity,
            amount: row.money("sumamt").unwrap_or_default(),
            supply_days: supply_days(&extension),
        });
    }
    out
}

/// `o_prdDays`, where it is a number.
fn supply_days(extension: &Row<'_>) -> Option<Quantity> {
    extension.str("o_prdDays").parse().ok().filter(|d: &Quantity| *d > Quantity::ZERO)
}

const DATA_FIELDS: &[Field] = &[may("syscode", "系统编码", text(50)), may("task_id", "任务ID", text(50))];
const PATIENT: &[Field] = &[
    must("patn_id", "参保人标识", text(50)),
    want("patn_name", "姓名", text(500)),
    want("gend", "性别", code(SEX)),
    must("brdy", "出生日期", DATE),
    want("poolarea", "统筹区编码", text(50)),
    want("curr_mdtrt_id", "当前就诊标识", text(50)),
];
const ENCOUNTER: &[Field] = &[
    must("mdtrt_id", "就诊标识", text(50)),
    want("medins_id", "医疗服务机构标识", text(50)),
    want("medins_name", "医疗机构名称", text(500)),
    want("medins_admdvs", "医疗机构行政区划编码", text(6)),
    want("medins_type", "医疗服务机构类型", text(6)),
    want("medins_lv", "医疗机构等级", text(6)),
    may("wardarea_codg", "病区标识", text(50)),
    may("wardno", "病房号", text(50)),
    may("bedno", "病床号", text(50)),
    must("adm_date", "入院日期", WHEN),
    want("dscg_date", "出院日期", WHEN),
    want("dscg_main_dise_codg", "主诊断编码", text(50)),
    want("dscg_main_dise_name", "主诊断名称", text(500)),
    want("dr_codg", "医师标识", text(50)),
    want("adm_dept_codg", "入院科室标识", text(50)),
    want("adm_dept_name", "入院科室名称", text(500)),
    want("dscg_dept_codg", "出院科室标识", text(50)),
    want("dscg_dept_name", "出院科室名称", text(500)),
    want("med_mdtrt_type", "就诊类型", text(6)),
    want("med_type", "医疗类别", text(6)),
    want("matn_stas", "生育状态", text(6)),
    want("medfee_sumamt", "总费用", SPARE),
    want("ownpay_amt", "自费金额", SPARE),
    want("selfpay_amt", "自付金额", SPARE),
    may("acct_payamt", "个人账户支付金额", SPARE),
    may("ma_amt", "救助金支付金额", SPARE),
    may("hifp_payamt", "统筹金支付金额", SPARE),
    want("setl_totlnum", "结算总次数", INT),
    must("insutype", "险种", text(6)),
    want("reim_flag", "报销标志", text(6)),
    want("out_setl_flag", "异地结算标志", text(6)),
    may("dise_no", "病种编号", text(50)),
    may("dise_name", "病种名称", text(500)),
    may("sinc_heal_lv", "手术切口愈合等级", text(50)),
    may("his_md_cnt", "历史就诊次数", text(50)),
];
const DIAGNOSIS: &[Field] = &[
    want("dise_id", "诊断标识", text(50)),
    want("inout_dise_type", "出入诊断类别", text(6)),
    want("maindise_flag", "主诊断标志", code(FLAG)),
    want("dias_srt_no", "诊断排序号", SPARE),
    must("dise_codg", "诊断(疾病)编码", text(50)),
    want("dise_name", "诊断(疾病)名称", text(500)),
    want("dise_date", "诊断日期", WHEN),
];
const ORDER: &[Field] = &[
    must("rx_id", "处方(医嘱)标识", text(50)),
    want("rxno", "处方号", text(50)),
    may("grpno", "组编号", text(50)),
    want("long_drord_flag", "是否为长期医嘱", text(6)),
    want("hilist_type", "目录类别", text(6)),
    want("chrg_type", "收费类别", text(6)),
    want("drord_bhvr", "医嘱行为", text(6)),
    want("hilist_code", "医保目录代码", text(50)),
    want("hilist_name", "医保目录名称", text(500)),
    may("hilist_dosform", "医保目录(药品)剂型", text(50)),
    want("hilist_lv", "医保目录等级", text(6)),
    want("hilist_pric", "医保目录价格", SPARE),
    may("lv1_hosp_item_pric", "一级医院目录价格", SPARE),
    may("lv2_hosp_item_pric", "二级医院目录价格", SPARE),
    may("lv3_hosp_item_pric", "三级医院目录价格", SPARE),
    may("hilist_memo", "医保目录备注", text(200)),
    want("hosplist_code", "医院目录代码", text(50)),
    want("hosplist_name", "医院目录名称", text(500)),
    may("hosplist_dosform", "医院目录(药品)剂型", text(50)),
    must("cnt", "数量", QUANTITY),
    must("pric", "单价", PRICE),
    must("sumamt", "总费用", MONEY),
    want("ownpay_amt", "自费金额", SPARE),
    want("selfpay_amt", "自付金额", SPARE),
    want("spec", "规格", text(100)),
    want("spec_unt", "数量单位", text(50)),
    must("drord_begn_date", "医嘱开始日期", WHEN),
    may("drord_stop_date", "医嘱停止日期", WHEN),
    want("drord_dept_codg", "下达医嘱的科室标识", text(50)),
    want("drord_dept_name", "下达医嘱科室名称", text(500)),
    want("drord_dr_codg", "开处方(医嘱)医生标识", text(50)),
    want("drord_dr_name", "开处方(医嘱)医生姓名", text(500)),
    want("drord_dr_profttl", "开处方(医嘱)医职称", text(6)),
    want("curr_drord_flag", "是否当前处方(医嘱)", code(FLAG)),
];
const OPERATION: &[Field] = &[
    want("setl_list_oprn_id", "手术操作ID", text(50)),
    may("oprn_code", "手术操作代码", text(30)),
    may("oprn_name", "手术操作名称", text(500)),
    want("main_oprn_flag", "主手术操作标志", text(6)),
    may("oprn_date", "手术操作日期", WHEN),
    may("anst_way", "麻醉方式", text(30)),
    may("oper_dr_name", "术者医师姓名", text(50)),
    may("oper_dr_code", "术者医师代码", text(30)),
    may("anst_dr_name", "麻醉医师姓名", text(50)),
    may("anst_dr_code", "麻醉医师代码", text(30)),
];
const EXTEND: &[Field] = &[
    may("o_prdDays", "周期天数", text(50)),
    may("o_minPacCnt", "最小包装数量", text(50)),
    may("o_minPrepunt", "最小制剂单位", text(50)),
    may("o_minPacUnt", "最小包装单位", text(50)),
    may("o_drugSpec", "药品目录规格", text(50)),
    may("o_firstItemFlag", "半年内使用一线用药标志", text(6)),
    may("o_sinDosDscr", "单次剂量描述", text(50)),
    may("o_used_frqu_dscr", "使用频次描述", text(50)),
];
