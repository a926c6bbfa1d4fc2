//! 2203 门诊就诊信息上传: what an outpatient visit is for.

use super::call::{Call, Ran};
use super::circumstances;
use super::diagnoses::{self, OF_VISIT};
use super::fields::{DATE, FREE, Field, TIME, Table, may, must, text, want};
use super::t2401::known_med_type;
use crate::desk::{ChangeKind, Desk, VisitChange};

pub(crate) static TABLES: &[&Table] = &[&VISIT, &OF_VISIT];
static VISIT: Table = Table::one("mdtrtinfo", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let change = call.read(|reader, input| {
        let row = reader.one(input, &VISIT);
        let rows = reader.many(input, &OF_VISIT);
        let diagnoses = diagnoses::read(reader, &rows, false);
        known_med_type(reader, &row, "med_type");
        VisitChange {
            visit: row.id("mdtrt_id"),
            person: row.id("psn_no"),
            kind: ChangeKind::Outpatient,
            med_type: row.id_if("med_type"),
            begin: row.time("begntime"),
            disease: row.id_if("dise_codg"),
            diagnoses: diagnoses.list,
            voided: diagnoses.voided,
            said: circumstances::read(reader, &row),
            ..VisitChange::default()
        }
    })?;
    Ok(desk.change(&call.by, change).await?)
}

const FIELDS: &[Field] = &[
    must("mdtrt_id", "就诊ID", text(30)),
    must("psn_no", "人员编号", text(30)),
    must("med_type", "医疗类别", text(6)),
    want("begntime", "开始时间", TIME),
    may("main_cond_dscr", "主要病情描述", text(1000)),
    may("dise_type_code", "病种类型代码", text(30)),
    want("dise_codg", "病种编码", text(30)),
    want("dise_name", "病种名称", text(500)),
    may("birctrl_type", "计划生育手术类别", text(6)),
    may("birctrl_matn_date", "计划生育手术或生育日期", DATE),
    may("exp_content", "字段扩展", FREE),
];
