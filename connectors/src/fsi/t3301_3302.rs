//! 3301 目录对照上传, 3302 目录对照撤销: which national item an institution's own item is.

use super::call::{Call, Ran};
use super::fields::{DATE, Field, Table, may, must, text, want};
use crate::desk::{Desk, ItemMapping, MappingKey};
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
pub(crate) static WITHDRAWAL_TABLES: &[&Table] = &[&WITHDRAWAL];
static DATA: Table = Table::many("data", FIELDS);
static WITHDRAWAL: Table = Table::one("", WITHDRAWAL_FIELDS);

/// Mappings of a message at most (as published for Hubei).
const MOST: usize = 100;

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    if call.route.base == "3302" {
        let by = call.by.clone();
        let which = call.read(|reader, input| {
            let row = reader.one(input, &WITHDRAWAL);
            if row.str("fixmedins_code") != by.institution.as_str() {
                let message = "定点医药机构编号(fixmedins_code)与报文头不同，只能撤销本机构的对照";
                reader.problem("INSTITUTION_OTHER", row.path("fixmedins_code"), message, "");
            }
            MappingKey {
                hospital_item: row.text("fixmedins_hilist_id"),
                list_type: row.text("list_type"),
                item: row.id("med_list_codg"),
            }
        })?;
        return Ok(desk.unmap(&call.by, which).await?);
    }
    let mappings = call.read(|reader, input| {
        let rows = reader.many(input, &DATA);
        if rows.len() > MOST {
            let message = format!("每次最多上传{MOST}条目录对照");
            reader.problem("TOO_MANY", "/input/data".to_owned(), &message, "请分批上传");
        }
        let mut mappings = Vec::with_capacity(rows.len());
        for row in &rows {
            let (Some(begin), Some(end)) = (row.date("begndate"), row.date("enddate")) else { continue };
            if end < begin {
                let message = "结束日期(enddate)早于开始日期(begndate)";
                reader.problem("TIME_RANGE", row.path("enddate"), message, "");
            }
            mappings.push(ItemMapping {
                hospital_item: row.text("fixmedins_hilist_id"),
                list_type: row.text("list_type"),
                item: row.id("med_list_codg"),
                begin,
                end,
                document: Value::Object(row.others(KEY)),
            });
        }
        mappings
    })?;
    Ok(desk.map(&call.by, mappings).await?)
}

/// What has a place of its own.
const KEY: &[&str] = &["fixmedins_hilist_id", "list_type", "med_list_codg", "begndate", "enddate"];

const FIELDS: &[Field] = &[
    must("fixmedins_hilist_id", "定点医药机构目录编号", text(30)),
    want("fixmedins_hilist_name", "定点医药机构目录名称", text(200)),
    must("list_type", "目录类别", text(30)),
    must("med_list_codg", "医疗目录编码", text(50)),
    must("begndate", "开始日期", DATE),
    must("enddate", "结束日期", DATE),
    may("aprvno", "批准文号", text(30)),
    may("dosform", "剂型", text(200)),
    may("exct_cont", "除外内容", text(2000)),
    may("item_cont", "项目内涵", text(2000)),
    may("prcunt", "计价单位", text(100)),
    may("spec", "规格", text(200)),
    may("pacspec", "包装规格", text(100)),
    may("memo", "备注", text(500)),
];

const WITHDRAWAL_FIELDS: &[Field] = &[
    must("fixmedins_code", "定点医药机构编号", text(30)),
    must("fixmedins_hilist_id", "定点医药机构目录编号", text(30)),
    must("list_type", "目录类别", text(30)),
    must("med_list_codg", "医疗目录编码", text(50)),
];
