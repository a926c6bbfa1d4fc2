//! 2501 转院备案, 2503 人员慢特病备案, 2505 人员定点备案, 2507 人员意外伤害备案: what a person files.

use super::call::{Call, Ran};
use super::fields::{DATE, FREE, Field, RATE, Table, WHEN, may, must, text, want};
use super::notes::Failure;
use super::read::{Reader, Row};
use super::value::{self, object};
use crate::desk::{Desk, NewFiling};
use chrono::NaiveDate;
use dingan_core::money::Rate;
use dingan_core::person::Filing;

pub(crate) static TABLES: &[&Table] = &[&DATA];
pub(crate) static REFERRAL_TABLES: &[&Table] = &[&REFERRAL];
static DATA: Table = Table::one("data", FIELDS);
static REFERRAL: Table = Table::one("refmedin", REFERRAL_FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let new = read(call)?;
    let render = |id: &String| {
        object([("result", object([("trt_dcla_detl_sn", value::text(id.as_str())), ("exp_content", value::text(""))]))])
    };
    Ok(desk.file(&call.by, new, Box::new(render)).await?)
}

fn read(call: &mut Call<'_>) -> Result<NewFiling, Failure> {
    let (base, today) = (call.route.base, call.by.now.date());
    call.read(|reader, input| {
        let row = reader.one(input, if base == "2501" { &REFERRAL } else { &DATA });
        let mut filing = Filing { end: day(&row, "enddate"), insurance: row.id("insutype"), ..Filing::default() };
        filing.begin = day(&row, "begndate").unwrap_or(today);
        match base {
            "2501" => referral(&row, &mut filing),
            "2503" => {
                needed(reader, &row, &["opsp_dise_code", "begndate"]);
                filing.kind = "01".to_owned();
                filing.disease = row.id("opsp_dise_code");
            }
            "2505" => {
                needed(reader, &row, &["biz_appy_type", "begndate"]);
                filing.kind = row.text("biz_appy_type");
                filing.institution = row.id("fixmedins_code");
                filing.area = row.id("mdtrtarea_admdvs");
            }
            _ => accident(reader, &row, &mut filing),
        }
        if filing.end.is_some_and(|e| e < filing.begin) {
            reader.problem("TIME_RANGE", row.path("enddate"), "结束日期(enddate)早于开始日期(begndate)", "");
        }
        let cert_no = if base == "2507" { row.text("certno") } else { String::new() };
        NewFiling { person: row.id("psn_no"), cert_no, filing }
    })
}

/// The day of a date that may come with a time.
fn day(row: &Row<'_>, name: &str) -> Option<NaiveDate> {
    row.time(name).map(|t| t.date())
}

/// 06 转诊转院登记: begins with the day of referral where no other is given.
fn referral(row: &Row<'_>, filing: &mut Filing) {
    filing.kind = "06".to_owned();
    filing.area = row.id("mdtrtarea_admdvs");
    filing.institution = row.id("reflin_medins_no");
    filing.begin = day(row, "begndate").or_else(|| day(row, "refl_date")).unwrap_or(filing.begin);
}

/// 02 意外伤害登记. What a third party is liable for comes with the visit, or with the filing where agreed so.
fn accident(reader: &mut Reader<'_>, row: &Row<'_>, filing: &mut Filing) {
    needed(reader, row, &["begndate"]);
    filing.kind = "02".to_owned();
    filing.third_party_share = row.rate("ttp_pay_prop").unwrap_or_default();
    if filing.third_party_share.is_negative() || filing.third_party_share > Rate::ONE {
        let path = row.path("ttp_pay_prop");
        reader.problem("NUMBER_RANGE", path, "第三方自付比例(ttp_pay_prop)应在0至1之间", "");
    }
}

/// One table serves three transactions; what each of them needs is asked for here.
fn needed(reader: &mut Reader<'_>, row: &Row<'_>, names: &[&str]) {
    for name in names.iter().filter(|n| !row.given(n)) {
        let title = FIELDS.iter().find(|f| f.name == *name).map_or("", |f| f.title);
        reader.problem("FIELD_REQUIRED", row.path(name), &format!("{title}({name})必填"), "");
    }
}

const REFERRAL_FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    may("insutype", "险种类型", text(6)),
    may("tel", "联系电话", text(50)),
    may("addr", "联系地址", text(200)),
    may("insu_optins", "参保机构医保区划", text(6)),
    want("diag_code", "诊断代码", text(20)),
    want("diag_name", "诊断名称", text(500)),
    may("dise_cond_dscr", "疾病病情描述", text(2000)),
    want("reflin_medins_no", "转往定点医药机构编号", text(30)),
    want("reflin_medins_name", "转往医院名称", text(200)),
    must("mdtrtarea_admdvs", "就医地行政区划", text(6)),
    may("hosp_agre_refl_flag", "医院同意转院标志", text(6)),
    want("refl_type", "转院类型", text(30)),
    must("refl_date", "转院日期", WHEN),
    want("refl_rea", "转院原因", text(200)),
    want("refl_opnn", "转院意见", text(200)),
    may("begndate", "开始日期", WHEN),
    may("enddate", "结束日期", WHEN),
    may("refl_old_mdtrt_id", "转院前就诊id", text(30)),
    may("refl_used_flag", "转诊使用标志", text(6)),
];

const FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    may("insutype", "险种类型", text(6)),
    // 2503
    may("opsp_dise_code", "门慢门特病种目录代码", text(30)),
    may("opsp_dise_name", "门慢门特病种名称", text(300)),
    may("insu_optins", "参保机构医保区划", text(6)),
    may("ide_fixmedins_no", "鉴定定点医药机构编号", text(30)),
    may("ide_fixmedins_name", "鉴定定点医药机构名称", text(200)),
    may("hosp_ide_date", "医院鉴定日期", WHEN),
    may("diag_dr_codg", "诊断医师编码", text(30)),
    may("diag_dr_name", "诊断医师姓名", text(50)),
    may("trt_dcla_detl_sn", "待遇申报明细流水号", text(30)),
    may("selfdef_splm_flag", "自定义补充标志", text(6)),
    // 2505
    may("biz_appy_type", "业务申请类型", text(6)),
    may("fix_srt_no", "定点排序号", text(6)),
    // 2505, 2507
    may("fixmedins_code", "定点医药机构编号", text(30)),
    may("fixmedins_name", "定点医药机构名称", text(200)),
    may("mdtrtarea_admdvs", "就医地医保区划", text(6)),
    may("agnter_name", "代办人姓名", text(50)),
    may("agnter_cert_type", "代办人证件类型", text(6)),
    may("agnter_certno", "代办人证件号码", text(50)),
    may("agnter_tel", "代办人联系方式", text(50)),
    may("agnter_addr", "代办人联系地址", text(200)),
    may("agnter_rlts", "代办人关系", text(6)),
    // 2507
    may("dcla_souc", "申报来源", text(6)),
    may("psn_insu_rlts_id", "人员参保关系ID", text(20)),
    may("psn_cert_type", "人员证件类型", text(6)),
    may("certno", "证件号码", text(50)),
    may("psn_name", "人员姓名", text(50)),
    may("gend", "性别", text(6)),
    may("naty", "民族", text(6)),
    may("brdy", "出生日期", DATE),
    may("insu_admdvs", "参保所属医保区划", text(6)),
    may("emp_no", "单位编号", text(40)),
    may("emp_name", "单位名称", text(200)),
    may("hosp_lv", "医院等级", text(6)),
    may("adm_time", "入院时间", WHEN),
    may("trum_time", "受伤时间", WHEN),
    may("trum_site", "受伤地点", text(200)),
    may("trum_rea", "致伤原因", text(200)),
    may("chk_pay_flag", "审核支付标志", text(6)),
    // not published; where the share is known when the accident is filed
    may("ttp_pay_prop", "第三方自付比例", RATE),
    may("tel", "联系电话", text(50)),
    may("addr", "联系地址", text(500)),
    may("begndate", "开始日期", WHEN),
    may("enddate", "结束日期", WHEN),
    may("memo", "备注", text(500)),
    may("exp_content", "字段扩展", FREE),
];
