//! 4101 医疗保障基金结算清单信息上传 (and 4101A, its newer set of fields): what a stay was, told after it was settled.
//!
//! The list is kept as it was sent, checked, and what it adds to the facts of the stay makes rules run that waited
//! for it. A list with faults is taken all the same; 4104 tells them.

use super::call::{Call, Ran};
use super::fields::{DATE, Field, MONEY, QUANTITY, SPARE, TIME, Table, may, must, text, want};
use super::read::{Reader, Row};
use super::value::{self, object};
use crate::desk::{Desk, ListAsk, ListSheet};
use dingan_core::claim::{Diagnosis, Operation, SettlementList};
use dingan_core::money::Quantity;
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&INFO, &CHRONIC, &DIAGNOSES, &OPERATIONS, &INTENSIVE, &PAYMENTS, &BLOOD];
static INFO: Table = Table::one("setlinfo", INFO_FIELDS);
static CHRONIC: Table = Table::many("opspdiseinfo", CHRONIC_FIELDS).optional();
static DIAGNOSES: Table = Table::many("diseinfo", DIAGNOSIS_FIELDS).optional();
static OPERATIONS: Table = Table::many("oprninfo", OPERATION_FIELDS).optional();
static INTENSIVE: Table = Table::many("icuinfo", INTENSIVE_FIELDS).optional();
static PAYMENTS: Table = Table::many("payinfo", PAYMENT_FIELDS).optional();
static BLOOD: Table = Table::many("bldinfo", BLOOD_FIELDS).optional();

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let mut ask = call.read(|reader, input| {
        let row = reader.one(input, &INFO);
        let list = list(reader, &row, input);
        let intensive = reader.many(input, &INTENSIVE);
        let payments = reader.many(input, &PAYMENTS);
        // read so that what is wrong in them is told; rules do not look at them
        reader.many(input, &CHRONIC);
        reader.many(input, &BLOOD);
        ListAsk {
            settlement: row.id("setl_id"),
            visit: row.id("mdtrt_id"),
            person: row.id("psn_no"),
            sheet: ListSheet {
                list,
                begin: row.date("setl_begn_date"),
                end: row.date("setl_end_date"),
                payments: payments
                    .iter()
                    .map(|p| (p.id("fund_pay_type"), p.money("fund_payamt").unwrap_or_default()))
                    .collect(),
                nursing_days: nursing(&row),
                intensive: intensive
                    .iter()
                    .filter_map(|i| Some((i.time("scs_cutd_inpool_time")?, i.time("scs_cutd_exit_time")?)))
                    .collect(),
                age_days: row.str("age_days").parse().ok(),
                birth_weight: row.quantity("nwb_bir_wt"),
                return_purpose: row.text("days_rinp_pup_31"),
            },
            document: Value::Null,
        }
    })?;
    ask.document = call.input.clone();
    let render = |id: &String| object([("data", object([("setl_list_id", value::text(id.as_str()))]))]);
    Ok(desk.settlement_list(&call.by, ask, Box::new(render)).await?)
}

fn list(reader: &mut Reader<'_>, row: &Row<'_>, input: &Value) -> SettlementList {
    let diagnoses = reader.many(input, &DIAGNOSES);
    let diagnoses = diagnoses.iter().zip(1_u16..).map(|(d, n)| Diagnosis {
        code: d.id("diag_code"),
        name: d.text("diag_name"),
        main: d.on("maindiag_flag"),
        order: n,
        at_discharge: true,
    });
    let diagnoses = diagnoses.collect();
    let operations = reader.many(input, &OPERATIONS);
    SettlementList {
        admitted: row.time("adm_time"),
        discharged: row.time("dscg_time"),
        admission_way: row.text("adm_way"),
        discharge_way: row.text("dscg_way"),
        // 1 no, 2 yes
        return_planned: match row.str("days_rinp_flag_31") {
            "1" => Some(false),
            "2" => Some(true),
            _ => None,
        },
        diagnoses,
        operations: operations
            .iter()
            .map(|o| Operation {
                code: o.text("oprn_oprt_code"),
                name: o.text("oprn_oprt_name"),
                begin: o.time("oprn_oprt_begntime"),
                physician: o.id("oper_dr_code"),
            })
            .collect(),
    }
}

/// Days of nursing of every grade together; none where none is given.
fn nursing(row: &Row<'_>) -> Option<Quantity> {
    let grades = ["spga_nurscare_days", "lv1_nurscare_days", "scd_nurscare_days", "lv3_nurscare_days"];
    let given: Vec<Quantity> = grades.iter().filter_map(|g| row.quantity(g)).collect();
    (!given.is_empty()).then(|| given.into_iter().sum())
}

const INFO_FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    must("mdtrt_id", "就诊ID", text(30)),
    must("setl_id", "结算ID", text(30)),
    may("medcasno", "病案号", text(30)),
    may("dcla_time", "申报时间", TIME),
    want("ntly", "国籍", text(6)),
    want("prfs", "职业", text(6)),
    may("curr_addr", "现住址", text(200)),
    may("emp_name", "单位名称", text(200)),
    may("emp_addr", "单位地址", text(200)),
    may("emp_tel", "单位电话", text(50)),
    may("poscode", "邮编", text(6)),
    may("coner_name", "联系人姓名", text(50)),
    want("patn_rlts", "与患者关系", text(6)),
    want("coner_addr", "联系人地址", text(200)),
    want("coner_tel", "联系人电话", text(50)),
    may("nwb_adm_type", "新生儿入院类型", text(3)),
    may("nwb_bir_wt", "新生儿出生体重", QUANTITY),
    may("nwb_adm_wt", "新生儿入院体重", SPARE),
    may("mul_nwb_bir_wt", "多新生儿出生体重", text(50)),
    may("mul_nwb_adm_wt", "多新生儿入院体重", text(50)),
    may("opsp_diag_caty", "门诊慢特病诊断科别", text(50)),
    may("opsp_mdtrt_date", "门诊慢特病就诊日期", DATE),
    may("adm_way", "入院途径", text(30)),
    may("trt_type", "治疗类别", text(3)),
    may("adm_time", "入院时间", TIME),
    may("adm_dept_code", "入院科室编码", text(30)),
    may("adm_dept_name", "入院科室名称", text(100)),
    may("refldept_dept", "转科科别", text(50)),
    may("dscg_time", "出院时间", TIME),
    may("dscg_dept_code", "出院科室编码", text(30)),
    may("dscg_dept_name", "出院科室名称", text(100)),
    want("dscg_caty", "出院科别", text(6)),
    may("otp_wm_dise", "门（急）诊诊断（西医诊断）", text(200)),
    may("wm_dise_code", "西医疾病代码", text(30)),
    may("otp_tcm_dise", "门（急）诊诊断（中医诊断）", text(200)),
    may("tcm_dise_code", "中医疾病代码", text(30)),
    may("vent_used_dura", "呼吸机使用时长", text(10)),
    may("pwcry_bfadm_coma_dura", "颅脑损伤患者入院前昏迷时长", text(10)),
    may("pwcry_afadm_coma_dura", "颅脑损伤患者入院后昏迷时长", text(10)),
    may("spga_nurscare_days", "特级护理天数", QUANTITY),
    may("lv1_nurscare_days", "一级护理天数", QUANTITY),
    may("scd_nurscare_days", "二级护理天数", QUANTITY),
    may("lv3_nurscare_days", "三级护理天数", QUANTITY),
    may("dscg_way", "离院方式", text(3)),
    may("acp_medins_name", "拟接收机构名称", text(100)),
    may("acp_optins_code", "拟接收机构代码", text(30)),
    want("bill_code", "票据代码", text(50)),
    want("bill_no", "票据号码", text(30)),
    want("biz_sn", "业务流水号", text(50)),
    may("days_rinp_flag_31", "出院31天内再住院计划标志", text(3)),
    may("days_rinp_pup_31", "出院31天内再住院计划目的", text(200)),
    may("chfpdr_code", "主诊医师代码", text(30)),
    may("chfpdr_name", "主诊医师姓名", text(50)),
    want("setl_begn_date", "结算开始日期", DATE),
    want("setl_end_date", "结算结束日期", DATE),
    want("medins_fill_dept", "医疗机构填报部门", text(100)),
    want("medins_fill_psn", "医疗机构填报人", text(50)),
    may("resp_nurs_code", "责任护士代码", text(50)),
    may("stas_type", "状态分类", text(10)),
    may("hi_paymtd", "医保支付方式", text(3)),
    may("age_days", "新生儿天龄", SPARE),
    may("adm_caty", "入院科别", text(10)),
];
const CHRONIC_FIELDS: &[Field] = &[
    may("diag_name", "诊断名称", text(500)),
    may("diag_code", "诊断代码", text(30)),
    may("oprn_oprt_name", "手术操作名称", text(500)),
    may("oprn_oprt_code", "手术操作代码", text(30)),
];
const DIAGNOSIS_FIELDS: &[Field] = &[
    want("diag_type", "诊断类别", text(3)),
    must("diag_code", "诊断代码", text(30)),
    want("diag_name", "诊断名称", text(500)),
    want("adm_cond_type", "入院病情类型", text(3)),
    want("maindiag_flag", "主诊断标志", text(3)),
];
const OPERATION_FIELDS: &[Field] = &[
    want("oprn_oprt_type", "手术操作类别", text(3)),
    want("oprn_oprt_name", "手术操作名称", text(500)),
    must("oprn_oprt_code", "手术操作代码", text(30)),
    may("oprn_oprt_date", "手术操作日期", DATE),
    may("anst_way", "麻醉方式", text(6)),
    may("oper_dr_name", "术者医师姓名", text(50)),
    want("oper_dr_code", "术者医师代码", text(30)),
    may("anst_dr_name", "麻醉医师姓名", text(50)),
    may("anst_dr_code", "麻醉医师代码", text(30)),
    may("oprn_oprt_begntime", "手术操作开始时间", TIME),
    may("oprn_oprt_endtime", "手术操作结束时间", TIME),
    may("anst_begntime", "麻醉开始时间", TIME),
    may("anst_endtime", "麻醉结束时间", TIME),
];
const INTENSIVE_FIELDS: &[Field] = &[
    want("scs_cutd_ward_type", "重症监护病房类型", text(6)),
    want("scs_cutd_inpool_time", "重症监护进入时间", TIME),
    want("scs_cutd_exit_time", "重症监护退出时间", TIME),
    want("scs_cutd_sum_dura", "重症监护合计时长", text(10)),
];
const PAYMENT_FIELDS: &[Field] =
    &[must("fund_pay_type", "基金支付类型", text(8)), must("fund_payamt", "基金支付金额", MONEY)];
const BLOOD_FIELDS: &[Field] = &[
    want("setl_List_bld_Id", "结算清单输血ID", text(30)),
    want("psn_no", "人员编号", text(30)),
    want("mdtrt_id", "就诊ID", text(30)),
    want("setl_id", "结算ID", text(30)),
    may("bld_cat", "输血品种", text(3)),
    may("bld_amt", "输血量", SPARE),
    may("bld_unt", "输血计量单位", text(15)),
];
