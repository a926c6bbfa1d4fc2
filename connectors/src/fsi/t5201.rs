//! 5201 就诊信息查询: visits of a person at this institution.

use super::call::{Call, Ran};
use super::fields::{Field, TIME, Table, may, must, text};
use super::value::{self, day, flag, int, moment, object};
use crate::desk::{Desk, Reply, VisitQuery, VisitView};
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let query = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        VisitQuery {
            person: row.id("psn_no"),
            from: row.time("begntime"),
            to: row.time("endtime"),
            med_type: row.id_if("med_type"),
            visit: row.id_if("mdtrt_id"),
        }
    })?;
    let visits = desk.visits(&call.by, query).await?;
    Ok(Reply::of(&object([("mdtrtinfo", Value::Array(visits.iter().map(render).collect()))])))
}

fn render(view: &VisitView) -> Value {
    let (p, v) = (&view.person, &view.visit);
    let relation = p.relations.iter().find(|r| r.insurance == v.insurance && r.covers(v.begin.date()));
    let main = v.main_diagnosis();
    let nights = v.end.map(|e| (e.date() - v.begin.date()).num_days().max(1)).filter(|_| v.kind().is_stay());
    object([
        ("mdtrt_id", value::text(v.id.as_str())),
        ("psn_no", value::text(p.no.as_str())),
        ("psn_cert_type", value::text(p.cert_type.as_str())),
        ("certno", value::text(p.cert_no.as_str())),
        ("psn_name", value::text(p.name.as_str())),
        ("gend", value::text(p.sex.code())),
        ("naty", value::text(p.ethnicity.as_str())),
        ("brdy", day(Some(p.birth))),
        ("age", int(p.age_on(v.begin.date()))),
        ("insutype", value::text(v.insurance.as_str())),
        ("psn_type", value::text(relation.map_or("", |r| r.person_type.as_str()))),
        ("cvlserv_flag", flag(relation.is_some_and(|r| r.civil_servant))),
        ("insu_optins", value::text(relation.map_or("", |r| r.division.as_str()))),
        ("emp_name", value::text(relation.map_or("", |r| r.employer.as_str()))),
        ("begntime", moment(Some(v.begin))),
        ("endtime", moment(v.end)),
        ("med_type", value::text(v.med_type.as_str())),
        ("ipt_otp_no", value::text(view.case_no.as_str())),
        ("adm_dept_codg", value::text(v.department.as_str())),
        ("adm_bed", value::text(v.bed.as_str())),
        ("dscg_maindiag_code", value::text(main.map_or("", |d| d.code.as_str()))),
        ("dscg_maindiag_name", value::text(main.map_or("", |d| d.name.as_str()))),
        ("dscg_way", value::text(v.discharge_way.as_str())),
        ("dise_codg", value::text(v.disease.as_str())),
        ("inhosp_stas", flag(v.kind().is_stay() && v.end.is_none())),
        ("die_date", day(v.death)),
        ("ipt_days", nights.map_or(Value::Null, int)),
        ("matn_type", value::text(v.circumstances.birth.as_str())),
        ("birctrl_type", value::text(v.circumstances.birth_control.as_str())),
    ])
}

const FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    may("begntime", "开始时间", TIME),
    may("endtime", "结束时间", TIME),
    may("med_type", "医疗类别", text(6)),
    may("mdtrt_id", "就诊ID", text(30)),
];
