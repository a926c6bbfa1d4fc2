//! 2403 住院信息变更: what is known of a stay changes; diagnoses by their order number.

use super::call::{Call, Ran};
use super::circumstances;
use super::diagnoses::{self, OF_CHANGE};
use super::fields::{DATE, FREE, Field, INT, RATE, TIME, Table, may, must, text, want};
use super::t2401::{known_med_type, third_party_share};
use crate::desk::{ChangeKind, Desk, VisitChange};

pub(crate) static TABLES: &[&Table] = &[&CHANGE, &OF_CHANGE];
static CHANGE: Table = Table::one("adminfo", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let change = call.read(|reader, input| {
        let row = reader.one(input, &CHANGE);
        let rows = reader.many(input, &OF_CHANGE);
        let diagnoses = diagnoses::read(reader, &rows, false);
        known_med_type(reader, &row, "med_type");
        VisitChange {
            visit: row.id("mdtrt_id"),
            person: row.id("psn_no"),
            kind: ChangeKind::Stay,
            med_type: row.id_if("med_type"),
            begin: row.time("begntime"),
            end: row.time("endtime"),
            disease: row.id_if("dise_codg"),
            diagnoses: diagnoses.list,
            voided: diagnoses.voided,
            said: circumstances::read(reader, &row),
            department: row.id_if::<String>("adm_dept_codg"),
            bed: row.id_if::<String>("adm_bed"),
            third_party_share: third_party_share(reader, &row),
            ..VisitChange::default()
        }
    })?;
    Ok(desk.change(&call.by, change).await?)
}

const FIELDS: &[Field] = &[
    must("mdtrt_id", "就诊ID", text(30)),
    must("psn_no", "人员编号", text(30)),
    may("coner_name", "联系人姓名", text(50)),
    may("tel", "联系电话", text(50)),
    want("begntime", "开始时间", TIME),
    may("endtime", "结束时间", TIME),
    want("mdtrt_cert_type", "就诊凭证类型", text(6)),
    want("med_type", "医疗类别", text(6)),
    want("ipt_otp_no", "住院/门诊号", text(30)),
    may("medrcdno", "病历号", text(30)),
    want("atddr_no", "主治医生编码", text(50)),
    want("chfpdr_name", "主诊医师姓名", text(100)),
    want("adm_diag_dscr", "入院诊断描述", text(500)),
    want("adm_dept_codg", "入院科室编码", text(30)),
    want("adm_dept_name", "入院科室名称", text(100)),
    want("adm_bed", "入院床位", text(30)),
    want("dscg_maindiag_code", "住院主诊断代码", text(20)),
    want("dscg_maindiag_name", "住院主诊断名称", text(500)),
    may("main_cond_dscr", "主要病情描述", text(1000)),
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
    may("dise_type_code", "病种编号", text(6)),
    may("exp_content", "字段扩展", FREE),
    may("ttp_pay_prop", "第三方自付比例", RATE),
];
