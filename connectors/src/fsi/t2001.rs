//! 2001 人员待遇享受检查: which funds would pay for a visit of this kind, and why one would not.

use super::call::{Call, Ran};
use super::fields::{FREE, Field, TIME, Table, may, must, text, want};
use super::t2401::known_med_type;
use super::value::{self, day, flag, object};
use crate::desk::{BenefitCheck, Desk, NewVisit, Reply};
use dingan_core::claim::{Circumstances, Visit};
use dingan_core::codes::VisitId;
use dingan_core::money::Rate;
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let (institution, now, insured_at) = (call.by.institution.clone(), call.by.now, call.by.insured_at.clone());
    let visit = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        known_med_type(reader, &row, "med_type");
        let visit = Visit {
            id: VisitId::default(),
            person: row.id("psn_no"),
            institution,
            insurance: row.id("insutype"),
            med_type: row.id("med_type"),
            begin: row.time("begntime").unwrap_or(now),
            end: row.time("endtime"),
            disease: row.id("dise_codg"),
            diagnoses: Vec::new(),
            department: String::new(),
            bed: String::new(),
            discharge_way: String::new(),
            death: None,
            referred_from: None,
            third_party_share: Rate::ZERO,
            insured_at,
            circumstances: Circumstances {
                birth: row.text("matn_type"),
                birth_control: row.text("birctrl_type"),
                ..Circumstances::default()
            },
        };
        NewVisit { visit, cert_no: String::new(), case_no: String::new() }
    })?;
    let person = visit.visit.person.clone();
    let checks = desk.benefits(&call.by, visit).await?;
    let rows = checks.iter().map(|c| render(person.as_str(), c)).collect();
    Ok(Reply::of(&object([("trtinfo", Value::Array(rows))])))
}

fn render(person: &str, c: &BenefitCheck) -> Value {
    object([
        ("psn_no", value::text(person)),
        // 01 基金项检查, 99 where no policy could be asked
        ("trt_chk_type", value::text(if c.fund_pay_type.is_empty() { "99" } else { "01" })),
        ("fund_pay_type", value::text(c.fund_pay_type.as_str())),
        ("trt_enjymnt_flag", flag(c.pays)),
        ("begndate", day(c.days.map(|d| d.0))),
        ("enddate", day(c.days.and_then(|d| d.1))),
        ("trt_chk_rslt", value::text(c.reason.as_str())),
        ("exp_content", value::text("")),
    ])
}

const FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    must("insutype", "险种类型", text(6)),
    want("fixmedins_code", "定点医药机构编号", text(30)),
    must("med_type", "医疗类别", text(6)),
    must("begntime", "开始时间", TIME),
    may("endtime", "结束时间", TIME),
    may("dise_codg", "病种编码", text(30)),
    may("dise_name", "病种名称", text(500)),
    may("oprn_oprt_code", "手术操作代码", text(30)),
    may("oprn_oprt_name", "手术操作名称", text(500)),
    may("matn_type", "生育类别", text(6)),
    may("birctrl_type", "计划生育手术类别", text(6)),
    may("exp_content", "字段扩展", FREE),
];
