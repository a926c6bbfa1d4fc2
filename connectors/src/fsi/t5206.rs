//! 5206 人员累计信息查询: what a person's accumulators hold.

use super::call::{Call, Ran};
use super::fields::{Field, Table, may, must, text};
use super::value::{self, money, object};
use crate::desk::{AccumulatorValue, Desk, Reply};
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let (person, month) = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        let month = row.str("cum_ym").replace('-', "");
        if !month.is_empty() && (!matches!(month.len(), 4 | 6) || !month.bytes().all(|b| b.is_ascii_digit())) {
            reader.problem("TIME_MALFORMED", row.path("cum_ym"), "累计年月(cum_ym)应为yyyyMM", "");
        }
        (row.id("psn_no"), month)
    })?;
    let values = desk.accumulators(&call.by, person, &month).await?;
    let rows = values.iter().map(render).collect();
    Ok(Reply::of(&object([("cuminfo", Value::Array(rows))])))
}

fn render(v: &AccumulatorValue) -> Value {
    object([
        ("insutype", value::text(v.insurance.as_str())),
        ("year", value::text(v.year.as_str())),
        ("cum_ym", value::text(v.period.replace('-', ""))),
        ("cum_type_code", value::text(v.key.as_str())),
        ("cum", money(v.value)),
    ])
}

const FIELDS: &[Field] = &[must("psn_no", "人员编号", text(30)), may("cum_ym", "累计年月", text(7))];
