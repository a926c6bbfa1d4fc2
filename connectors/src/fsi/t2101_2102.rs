//! 2101 药店预结算, 2102 药店结算: a purchase in one message, with its lines; 2103 takes it back as 2208 does.

use super::call::{Call, Ran};
use super::fields::{ACCT_USED, FREE, Field, MONEY, PRICE, QUANTITY, TIME, Table, code, may, must, text, want};
use super::lines;
use super::notes::Failure;
use super::read::Row;
use super::setlinfo::{self, Form};
use super::t2401::known_med_type;
use crate::desk::{Desk, LineResult, NewVisit, PharmacyAsk, Reply, Settled};
use chrono::NaiveDateTime;
use dingan_core::claim::{AccountUse, Approval, Further, Line, Visit};
use dingan_core::codes::VisitId;
use dingan_core::money::Rate;
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&PURCHASE, &LINES];
static PURCHASE: Table = Table::one("druginfo", FIELDS);
static LINES: Table = Table::many("drugdetail", LINE_FIELDS).nested(&["durg_trac_info", "drug_trac_info"]);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let trial = call.route.base == "2101";
    let ask = read(call)?;
    if trial {
        let (sold, warnings) = desk.pre_sell(&call.by, ask).await?;
        return Ok(Reply::with(&output(&sold, &Form::preview(call.profile)), warnings));
    }
    let form = Form::settlement(call.profile);
    let render = move |sold: &(Settled, Vec<LineResult>)| output(sold, &form);
    Ok(desk.sell(&call.by, ask, Box::new(render)).await?)
}

fn output((settled, results): &(Settled, Vec<LineResult>), form: &Form) -> Value {
    let mut output = setlinfo::output(settled, form);
    if let Some(o) = output.as_object_mut() {
        o.insert("detlcutinfo".to_owned(), Value::Array(results.iter().map(lines::result).collect()));
    }
    output
}

fn read(call: &mut Call<'_>) -> Result<PharmacyAsk, Failure> {
    let (institution, now, insured_at) = (call.by.institution.clone(), call.by.now, call.by.insured_at.clone());
    call.read(|reader, input| {
        let row = reader.one(input, &PURCHASE);
        let rows = reader.many(input, &LINES);
        known_med_type(reader, &row, "med_type");
        PharmacyAsk {
            visit: NewVisit {
                visit: Visit {
                    id: VisitId::default(),
                    person: row.id("psn_no"),
                    institution,
                    insurance: row.id("insutype"),
                    med_type: row.id("med_type"),
                    begin: row.time("begntime").unwrap_or(now),
                    end: None,
                    disease: row.id("dise_codg"),
                    diagnoses: Vec::new(),
                    department: String::new(),
                    bed: String::new(),
                    discharge_way: String::new(),
                    death: None,
                    referred_from: None,
                    third_party_share: Rate::ZERO,
                    insured_at,
                    circumstances: Default::default(),
                },
                cert_no: row.text("certno"),
                case_no: String::new(),
            },
            lines: rows.iter().map(|r| line(r, now)).collect(),
            account_use: match row.str("acct_used_flag") {
                "1" => AccountUse::Own,
                "2" => AccountUse::Family,
                _ => AccountUse::None,
            },
            total: row.money("medfee_sumamt").unwrap_or_default(),
            invoice: row.text("invono"),
        }
    })
}

fn line(row: &Row<'_>, now: NaiveDateTime) -> Line {
    let more = row.others(TAKEN);
    Line {
        no: row.id("feedetl_sn"),
        refund_of: None,
        batch: String::new(),
        order_no: row.text("rxno"),
        time: row.time("fee_ocur_time").unwrap_or(now),
        item: row.id("med_list_codg"),
        hospital_item: row.text("medins_list_codg"),
        amount: row.money("det_item_fee_sumamt").unwrap_or_default(),
        quantity: row.quantity("cnt").unwrap_or_default(),
        price: row.price("pric").unwrap_or_default(),
        supply_days: row.quantity("prd_days").filter(|d| !d.is_zero()),
        department: String::new(),
        practitioner: row.id("bilg_dr_codg"),
        approval: match row.str("hosp_appr_flag") {
            "1" => Approval::Approved,
            "2" => Approval::Refused,
            _ => Approval::NotNeeded,
        },
        take_home: false,
        more: Further::of(more),
    }
}

/// Fields that have a place of their own in [`Line`].
const TAKEN: &[&str] = &[
    "feedetl_sn",
    "rxno",
    "fee_ocur_time",
    "med_list_codg",
    "medins_list_codg",
    "det_item_fee_sumamt",
    "cnt",
    "pric",
    "prd_days",
    "bilg_dr_codg",
    "hosp_appr_flag",
];

const FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    want("mdtrt_cert_type", "就诊凭证类型", text(6)),
    want("mdtrt_cert_no", "就诊凭证编号", text(50)),
    may("card_sn", "卡识别码", text(32)),
    want("psn_cert_type", "证件类型", text(6)),
    want("certno", "证件号码", text(50)),
    want("psn_type", "人员类别", text(6)),
    want("psn_name", "人员姓名", text(50)),
    must("begntime", "开始时间", TIME),
    must("medfee_sumamt", "医疗费总额", MONEY),
    may("invono", "发票号", text(50)),
    must("insutype", "险种类型", text(6)),
    may("dise_codg", "病种编码", text(30)),
    may("dise_name", "病种名称", text(500)),
    want("acct_used_flag", "个人账户使用标志", code(ACCT_USED)),
    must("med_type", "医疗类别", text(6)),
    may("exp_content", "字段扩展", FREE),
];

const LINE_FIELDS: &[Field] = &[
    must("feedetl_sn", "费用明细流水号", text(30)),
    may("rxno", "处方号", text(30)),
    want("rx_circ_flag", "外购处方标志", text(6)),
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
    may("bilg_dr_codg", "开单医生编码", text(30)),
    may("bilg_dr_name", "开单医师姓名", text(100)),
    may("hosp_appr_flag", "医院审批标志", text(6)),
    may("tcmdrug_used_way", "中药使用方式", text(6)),
    may("exp_content", "字段扩展", FREE),
];
