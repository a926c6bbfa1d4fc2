//! 1312 医保目录信息查询, 1318 医保目录限价信息查询, 1319 医保目录先自付比例信息查询: the catalogue in pages.
//! Rows carry no time of change, so `updt_time` leaves none out.

use super::call::{Call, Ran};
use super::fields::{Field, INT, Table, WHEN, may, text};
use super::value::{self, day, flag, int, object, price, rate};
use crate::desk::{CatalogueQuery, CatalogueTable, Desk, Reply};
use dingan_core::bundle::{CatalogueItem, Period, PriceLimit, SelfPayRatio};
use dingan_core::codes::PoolArea;
use serde_json::{Map, Value};

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

/// Rows of a page at most.
const PAGE: i64 = 100;

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let table = match call.route.base {
        "1312" => CatalogueTable::Items,
        "1318" => CatalogueTable::Limits,
        _ => CatalogueTable::Ratios,
    };
    let query = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        let page = row.int("page_num").unwrap_or(1).max(1);
        let size = row.int("page_size").unwrap_or(PAGE).clamp(1, PAGE);
        CatalogueQuery {
            table,
            code: row.id_if("hilist_code"),
            name: row.text("hilist_name"),
            on: row.time("query_date").map(|t| t.date()),
            area: row.id("poolarea_no"),
            person_type: row.text("selfpay_prop_psn_type"),
            page: usize::try_from(page - 1).unwrap_or_default(),
            size: usize::try_from(size).unwrap_or(1),
        }
    })?;
    let (page, size) = (query.page, query.size);
    let found = desk.catalogue(&call.by, query).await?;
    let data: Vec<Value> = found
        .items
        .iter()
        .map(|r| item(r))
        .chain(found.limits.iter().map(limit))
        .chain(found.ratios.iter().map(ratio))
        .collect();
    let (from, rows) = (page.saturating_mul(size), data.len());
    let number = |n: usize| int(i64::try_from(n).unwrap_or(i64::MAX));
    let output = object([
        ("data", Value::Array(data)),
        ("recordCounts", number(found.total)),
        ("pages", number(found.total.div_ceil(size.max(1)))),
        ("pageNum", number(page + 1)),
        ("size", number(size)),
        ("startRow", number(if rows == 0 { 0 } else { from + 1 })),
        ("endRow", number(if rows == 0 { 0 } else { from + rows })),
        ("firstPage", Value::Bool(page == 0)),
        ("lastPage", Value::Bool(from + rows >= found.total)),
    ]);
    Ok(Reply::of(&output))
}

fn common(code: &str, area: &PoolArea, period: Period) -> Map<String, Value> {
    value::map([
        ("hilist_code", value::text(code)),
        ("insu_admdvs", value::text(area.as_str())),
        ("poolarea_no", value::text(area.as_str())),
        ("begndate", day(Some(period.begin))),
        ("enddate", day(period.end)),
        ("vali_flag", value::text("1")),
    ])
}

fn item(r: &CatalogueItem) -> Value {
    let mut row = common(r.code.as_str(), &r.area, r.period);
    row.extend(value::map([
        ("hilist_name", value::text(r.name.as_str())),
        ("med_chrgitm_type", value::text(r.charge_type.as_str())),
        ("chrgitm_lv", value::text(r.class.code())),
        ("lmt_used_flag", flag(r.restricted)),
        ("list_type", value::text(r.list_type.as_str())),
    ]));
    Value::Object(row)
}

fn limit(r: &PriceLimit) -> Value {
    let mut row = common(r.code.as_str(), &r.area, r.period);
    row.extend(value::map([
        ("hilist_lmtpric_type", value::text(format!("0{}", r.level.code()))),
        ("overlmt_dspo_way", value::text(r.over_way.as_str())),
        ("hilist_pric_uplmt_amt", price(r.limit)),
    ]));
    Value::Object(row)
}

fn ratio(r: &SelfPayRatio) -> Value {
    let mut row = common(r.code.as_str(), &r.area, r.period);
    row.extend(value::map([
        ("selfpay_prop_psn_type", value::text(r.person_type.as_str())),
        ("selfpay_prop_type", value::text(r.ratio_type.as_str())),
        ("selfpay_prop", rate(r.ratio)),
    ]));
    Value::Object(row)
}

const FIELDS: &[Field] = &[
    may("query_date", "查询时间点", WHEN),
    may("hilist_code", "医保目录编码", text(50)),
    may("insu_admdvs", "参保机构医保区划", text(6)),
    may("poolarea_no", "统筹区", text(6)),
    may("begndate", "开始日期", WHEN),
    may("enddate", "结束日期", WHEN),
    may("hilist_name", "医保目录名称", text(200)),
    may("wubi", "五笔助记码", text(30)),
    may("pinyin", "拼音助记码", text(30)),
    may("med_chrgitm_type", "医疗收费项目类别", text(6)),
    may("chrgitm_lv", "收费项目等级", text(6)),
    may("lmt_used_flag", "限制使用标志", text(6)),
    may("list_type", "目录类别", text(30)),
    may("med_use_flag", "医疗使用标志", text(6)),
    may("matn_used_flag", "生育使用标志", text(6)),
    may("hilist_use_type", "医保目录使用类别", text(6)),
    may("lmt_cpnd_type", "限复方使用类型", text(6)),
    may("hilist_lmtpric_type", "医保目录限价类型", text(6)),
    may("overlmt_dspo_way", "医保目录超限处理方式", text(6)),
    may("selfpay_prop_psn_type", "医保目录自付比例人员类别", text(6)),
    may("selfpay_prop_type", "目录自付比例类别", text(6)),
    may("vali_flag", "有效标志", text(6)),
    may("rid", "唯一记录号", text(40)),
    may("tabname", "表名", text(100)),
    may("updt_time", "更新时间", WHEN),
    may("page_num", "当前页数", INT),
    may("page_size", "本页数据量", INT),
];
