//! 2401 入院办理: a stay begins.

use super::call::{Call, Ran};
use super::circumstances;
use super::diagnoses::{self, OF_ADMISSION};
use super::fields::{DATE, FREE, Field, INT, RATE, TIME, Table, may, must, text, want};
use super::read::{Reader, Row};
use super::value::{self, object};
use crate::desk::{Desk, NewVisit};
use dingan_core::claim::{Diagnosis, Visit};
use dingan_core::codes::{MedType, VisitId};
use dingan_core::money::Rate;

pub(crate) static TABLES: &[&Table] = &[&VISIT, &OF_ADMISSION];
static VISIT: Table = Table::one("mdtrtinfo", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let (institution, now, insured_at) = (call.by.institution.clone(), call.by.now, call.by.insured_at.clone());
    let new = call.read(|reader, input| {
        let row = reader.one(input, &VISIT);
        let rows = reader.many(input, &OF_ADMISSION);
        let mut diagnoses = diagnoses::read(reader, &rows, false).list;
        if diagnoses.is_empty() && row.given("dscg_maindiag_code") {
            diagnoses.push(Diagnosis {
                code: row.id("dscg_maindiag_code"),
                name: row.text("dscg_maindiag_name"),
                main: true,
                order: 1,
                at_discharge: false,
            });
        }
        known_med_type(reader, &row, "med_type");
        NewVisit {
            visit: Visit {
                id: VisitId::default(),
                person: row.id("psn_no"),
                institution,
                insurance: row.id("insutype"),
                med_type: row.id("med_type"),
                begin: row.time("begntime").unwrap_or(now),
                end: None,
                disease: row.id("dise_codg"),
                diagnoses,
                department: row.text("adm_dept_codg"),
                bed: row.text("adm_bed"),
                discharge_way: String::new(),
                death: None,
                referred_from: row.id_if("refl_old_mdtrt_id"),
                third_party_share: third_party_share(reader, &row).unwrap_or(Rate::ZERO),
                insured_at: if row.given("insuplc_admdvs") { row.id("insuplc_admdvs") } else { insured_at },
                circumstances: circumstances::read(reader, &row).over(Default::default()),
            },
            cert_no: row.text("certno"),
            case_no: row.text("ipt_no"),
        }
    })?;
    let render = |id: &VisitId| {
        object([("result", object([("mdtrt_id", value::text(id.as_str())), ("exp_content", value::text(""))]))])
    };
    Ok(desk.register(&call.by, new, Box::new(render)).await?)
}

/// A `med_type` must be of a kind that some list knows.
pub(crate) fn known_med_type(reader: &mut Reader<'_>, row: &Row<'_>, name: &str) {
    if row.given(name) && row.id::<MedType>(name).kind().is_none() {
        let message = format!("医疗类别({name})的代码不在可用范围内");
        reader.problem("CODE_UNKNOWN", row.path(name), &message, "请按医疗类别(med_type)字典传送");
    }
}

/// `ttp_pay_prop`, a share of one.
pub(crate) fn third_party_share(reader: &mut Reader<'_>, row: &Row<'_>) -> Option<Rate> {
    let share = row.rate("ttp_pay_prop")?;
    if share.is_negative() || share > Rate::ONE {
        let path = row.path("ttp_pay_prop");
        reader.problem("NUMBER_RANGE", path, "第三方自付比例(ttp_pay_prop)应在0至1之间", "");
    }
    Some(share)
}

const FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    must("insutype", "险种类型", text(6)),
    may("coner_name", "联系人姓名", text(50)),
    may("tel", "联系电话", text(50)),
    must("begntime", "开始时间", TIME),
    want("mdtrt_cert_type", "就诊凭证类型", text(6)),
    may("mdtrt_cert_no", "就诊凭证编号", text(50)),
    may("card_sn", "卡识别码", text(32)),
    want("cert_type", "证件类型", text(6)),
    want("certno", "证件号码", text(50)),
    must("med_type", "医疗类别", text(6)),
    want("ipt_no", "住院号", text(30)),
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
    may("dise_type_code", "病种类型", text(6)),
    may("exp_content", "字段扩展", FREE),
    want("insuplc_admdvs", "参保地医保区划", text(6)),
    want("mdtrtarea_admvs", "就医地医保区划", text(6)),
    may("refl_old_mdtrt_id", "转诊前就诊ID", text(30)),
    may("ttp_pay_prop", "第三方自付比例", RATE),
];
