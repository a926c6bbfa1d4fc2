//! 2204 门诊费用明细信息上传, 2301 住院费用明细上传: fee lines, split as they come.

use super::call::{Call, Ran};
use super::fields::{APPROVAL, FLAG, FREE, Field, MONEY, PRICE, QUANTITY, TIME, Table, code, may, must, text, want};
use super::lines;
use super::read::{Reader, Row};
use super::value::object;
use crate::desk::{Desk, LineResult, NewLines};
use chrono::NaiveDateTime;
use dingan_core::claim::{Approval, Further, Line};
use dingan_core::codes::{LineNo, PersonNo, VisitId};
use serde_json::Value;
use std::collections::HashSet;

pub(crate) static TABLES: &[&Table] = &[&LINES];
/// One table for both: what differs is noted at the field.
static LINES: Table = Table::many("feedetail", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let stay = call.route.base == "2301";
    let now = call.by.now;
    let lines = call.read(|reader, input| {
        let rows = reader.many(input, &LINES);
        let (visit, person) = one_visit(reader, &rows);
        let mut seen: HashSet<LineNo> = HashSet::with_capacity(rows.len());
        let mut lines = Vec::with_capacity(rows.len());
        for row in &rows {
            let line = line(reader, row, stay, now);
            if !line.no.is_empty() && !seen.insert(line.no.clone()) {
                let hint = "费用明细流水号在同一次就诊内唯一";
                reader.problem("LINE_DUPLICATE", row.path("feedetl_sn"), "费用明细流水号(feedetl_sn)重复", hint);
            }
            lines.push(line);
        }
        NewLines { visit, person, stay, lines }
    })?;
    let render =
        |results: &Vec<LineResult>| object([("result", Value::Array(results.iter().map(lines::result).collect()))]);
    Ok(desk.add_lines(&call.by, lines, Box::new(render)).await?)
}

/// The visit of the first line; every other line must be of the same.
fn one_visit(reader: &mut Reader<'_>, rows: &[Row<'_>]) -> (VisitId, PersonNo) {
    let Some(first) = rows.first() else { return Default::default() };
    for row in rows {
        for (name, title) in [("mdtrt_id", "就诊ID"), ("psn_no", "人员编号")] {
            if row.given(name) && first.given(name) && row.str(name) != first.str(name) {
                let message = format!("{title}({name})与首条明细不一致");
                reader.problem("MIXED_VISITS", row.path(name), &message, "同一报文只能上传一次就诊的明细");
            }
        }
    }
    (first.id("mdtrt_id"), first.id("psn_no"))
}

fn line(reader: &mut Reader<'_>, row: &Row<'_>, stay: bool, now: NaiveDateTime) -> Line {
    let price = row.price("pric").unwrap_or_default();
    if price.is_negative() {
        let hint = "退费时数量(cnt)为负，单价为正";
        reader.problem("NUMBER_RANGE", row.path("pric"), "单价(pric)不能为负", hint);
    }
    if !stay && !row.given("chrg_bchno") {
        reader.problem("FIELD_REQUIRED", row.path("chrg_bchno"), "收费批次号(chrg_bchno)必填", "");
    }
    let no: LineNo = row.id("feedetl_sn");
    // zeros stand for every line in 2302
    if !no.is_empty() && no.as_str().bytes().all(|b| b == b'0') {
        reader.problem("CODE_UNKNOWN", row.path("feedetl_sn"), "费用明细流水号(feedetl_sn)不能为0", "");
    }
    let more = row.others(TAKEN);
    Line {
        no,
        refund_of: row.id_if("init_feedetl_sn"),
        batch: if stay { String::new() } else { row.text("chrg_bchno") },
        order_no: row.text(if stay { "drord_no" } else { "rxno" }),
        time: row.time("fee_ocur_time").unwrap_or(now),
        item: row.id("med_list_codg"),
        hospital_item: row.text("medins_list_codg"),
        amount: row.money("det_item_fee_sumamt").unwrap_or_default(),
        quantity: row.quantity("cnt").unwrap_or_default(),
        price,
        supply_days: row.quantity("prd_days").filter(|d| !d.is_zero()),
        department: row.text("bilg_dept_codg"),
        practitioner: row.id("bilg_dr_codg"),
        approval: match row.str("hosp_appr_flag") {
            "1" => Approval::Approved,
            "2" => Approval::Refused,
            _ => Approval::NotNeeded,
        },
        take_home: row.on("dscg_tkdrug_flag"),
        more: Further::of(more),
    }
}

/// Fields that have a place of their own in [`Line`], or are those of the visit.
const TAKEN: &[&str] = &[
    "feedetl_sn",
    "init_feedetl_sn",
    "mdtrt_id",
    "psn_no",
    "med_type",
    "chrg_bchno",
    "rxno",
    "drord_no",
    "fee_ocur_time",
    "med_list_codg",
    "medins_list_codg",
    "det_item_fee_sumamt",
    "cnt",
    "pric",
    "prd_days",
    "bilg_dept_codg",
    "bilg_dr_codg",
    "hosp_appr_flag",
    "dscg_tkdrug_flag",
];

const FIELDS: &[Field] = &[
    must("feedetl_sn", "费用明细流水号", text(30)),
    must("mdtrt_id", "就诊ID", text(30)),
    must("psn_no", "人员编号", text(30)),
    // 2204 only, and asked for there
    may("chrg_bchno", "收费批次号", text(30)),
    may("dise_codg", "病种编码", text(30)),
    may("rxno", "处方号", text(30)),
    may("rx_circ_flag", "外购处方标志", text(6)),
    must("fee_ocur_time", "费用发生时间", TIME),
    must("med_list_codg", "医疗目录编码", text(50)),
    want("medins_list_codg", "医药机构目录编码", text(150)),
    must("det_item_fee_sumamt", "明细项目费用总额", MONEY),
    must("cnt", "数量", QUANTITY),
    must("pric", "单价", PRICE),
    may("sin_dos_dscr", "单次剂量描述", text(200)),
    may("used_frqu_dscr", "使用频次描述", text(200)),
    may("prd_days", "周期天数", QUANTITY),
    may("medc_way_dscr", "用药途径描述", text(200)),
    want("bilg_dept_codg", "开单科室编码", text(30)),
    want("bilg_dept_name", "开单科室名称", text(100)),
    want("bilg_dr_codg", "开单医生编码", text(30)),
    want("bilg_dr_name", "开单医师姓名", text(100)),
    may("acord_dept_codg", "受单科室编码", text(30)),
    may("acord_dept_name", "受单科室名称", text(100)),
    may("orders_dr_code", "受单医生编码", text(30)),
    may("orders_dr_name", "受单医生姓名", text(100)),
    may("hosp_appr_flag", "医院审批标志", code(APPROVAL)),
    may("tcmdrug_used_way", "中药使用方式", text(6)),
    may("etip_flag", "外检标志", text(6)),
    may("etip_hosp_code", "外检医院编码", text(30)),
    may("dscg_tkdrug_flag", "出院带药标志", code(FLAG)),
    may("matn_fee_flag", "生育费用标志", text(6)),
    may("memo", "备注", text(1000)),
    may("comb_no", "组套编码", text(30)),
    may("exp_content", "字段扩展", FREE),
    // 2301
    may("init_feedetl_sn", "原费用流水号", text(30)),
    may("drord_no", "医嘱号", text(30)),
    may("med_type", "医疗类别", text(6)),
];
