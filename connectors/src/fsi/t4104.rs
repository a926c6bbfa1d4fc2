//! 4104 医疗保障基金结算清单质控结果查询: what quality control says of the lists of a month.

use super::call::{Call, Ran};
use super::fields::{Field, SPARE, Table, may, must, text};
use super::limits::{FINDING_CHARS, cut};
use super::value::{self, flag, moment, object};
use crate::desk::{Desk, ListQuery, ListVerdict, QualityProblem, Reply};
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

/// The most lists of one page.
const PAGE: i64 = 500;
const VERSION: &str = "dingan-1";

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let query = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        let month = row.str("setl_ym").replace('-', "");
        if month.len() != 6 || !month.bytes().all(|b| b.is_ascii_digit()) {
            reader.problem("TIME_MALFORMED", row.path("setl_ym"), "结算年月(setl_ym)应为yyyyMM", "");
        }
        let whole = |name: &str, default: i64| row.str(name).parse::<i64>().unwrap_or(default);
        ListQuery {
            month,
            settlement: row.id_if("setl_id"),
            person: row.id_if("psn_no"),
            level: row.text("err_lv"),
            returned: row.given("retn_flag").then(|| row.on("retn_flag")),
            page: whole("page_num", 1).max(1),
            size: whole("page_size", PAGE).clamp(1, PAGE),
        }
    })?;
    let lists = desk.list_verdicts(&call.by, query).await?;
    Ok(Reply::of(&Value::Array(lists.iter().map(render).collect())))
}

fn render(v: &ListVerdict) -> Value {
    object([
        ("setl_list_id", value::text(v.id.as_str())),
        ("fixmedins_code", value::text(v.institution.as_str())),
        ("fixmedins_name", value::text(v.institution_name.as_str())),
        ("setl_ym", value::text(v.month.as_str())),
        ("setl_id", value::text(v.settlement.as_str())),
        ("psn_no", value::text(v.person.no.as_str())),
        ("psn_name", value::text(v.person.name.as_str())),
        // 1 passed, 2 did not
        ("qltctrl_rslt", value::text(if v.problems.is_empty() { "1" } else { "2" })),
        ("err_lv", value::text(v.level())),
        ("retn_flag", flag(v.returned())),
        ("qltctrl_ver", value::text(VERSION)),
        ("psn_cert_type", value::text(v.person.cert_type.as_str())),
        ("cert_no", value::text(v.person.cert_no.as_str())),
        ("detailinfo", Value::Array(v.problems.iter().map(detail).collect())),
        ("qltctrl_time", moment(Some(v.time))),
        // not grouped here
        ("grp_stas", value::text("")),
    ])
}

fn detail(p: &QualityProblem) -> Value {
    object([
        ("exam_data_fld", value::text(p.field.as_str())),
        ("qltctrl_chk_rslt", value::text(cut(&p.text, FINDING_CHARS))),
        ("err_lv", value::text(p.level())),
        ("retn_flag", flag(p.serious)),
        ("init_val", value::text(cut(&p.value, 60))),
    ])
}

const FIELDS: &[Field] = &[
    must("setl_ym", "结算年月", text(7)),
    may("setl_id", "结算ID", text(30)),
    may("psn_no", "人员编号", text(30)),
    may("err_lv", "错误等级", text(3)),
    may("retn_flag", "回退标志", text(3)),
    may("page_num", "当前页数", SPARE),
    may("page_size", "本页数据量", SPARE),
    may("fixmedins_code", "定点医药机构编号", text(30)),
];
