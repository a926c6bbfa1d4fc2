//! 2402 出院办理: a stay ends.

use super::call::{Call, Ran};
use super::circumstances;
use super::diagnoses::{self, OF_DISCHARGE};
use super::fields::{DATE, FREE, Field, INT, TIME, Table, may, must, text, want};
use crate::desk::{ChangeKind, Desk, VisitChange};

pub(crate) static TABLES: &[&Table] = &[&DISCHARGE, &OF_DISCHARGE];
static DISCHARGE: Table = Table::one("dscginfo", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let change = call.read(|reader, input| {
        let row = reader.one(input, &DISCHARGE);
        let rows = reader.many(input, &OF_DISCHARGE);
        let diagnoses = diagnoses::read(reader, &rows, true);
        VisitChange {
            visit: row.id("mdtrt_id"),
            person: row.id("psn_no"),
            kind: ChangeKind::Discharge,
            end: row.time("endtime"),
            disease: row.id_if("dise_codg"),
            diagnoses: diagnoses.list,
            voided: diagnoses.voided,
            said: circumstances::read(reader, &row),
            department: row.id_if::<String>("dscg_dept_codg"),
            bed: row.id_if::<String>("dscg_bed"),
            discharge_way: row.id_if::<String>("dscg_way"),
            death: row.date("die_date"),
            ..VisitChange::default()
        }
    })?;
    Ok(desk.change(&call.by, change).await?)
}

const FIELDS: &[Field] = &[
    must("mdtrt_id", "就诊ID", text(30)),
    must("psn_no", "人员编号", text(30)),
    want("insutype", "险种类型", text(6)),
    must("endtime", "结束时间", TIME),
    may("dise_codg", "病种编码", text(30)),
    may("dise_name", "病种名称", text(500)),
    may("oprn_oprt_code", "手术操作代码", text(30)),
    may("oprn_oprt_name", "手术操作名称", text(500)),
    may("fpsc_no", "计划生育服务证号", text(50)),
    may("matn_type", "生育类别", text(6)),
    may("birctrl_type", "计划生育手术类别", text(6)),
    may("latechb_flag", "晚育标志", text(6)),
    may("geso_val", "孕周数", INT),
    may("fetts", "胎次", INT),
    may("fetus_cnt", "胎儿数", INT),
    may("pret_flag", "早产标志", text(6)),
    may("birctrl_matn_date", "计划生育手术或生育日期", DATE),
    may("cop_flag", "伴有并发症标志", text(6)),
    want("dscg_dept_codg", "出院科室编码", text(30)),
    want("dscg_dept_name", "出院科室名称", text(100)),
    may("dscg_bed", "出院床位", text(30)),
    want("dscg_way", "离院方式", text(6)),
    may("die_date", "死亡日期", DATE),
    may("exp_content", "字段扩展", FREE),
];
