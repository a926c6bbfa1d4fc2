//! 1901 字典表查询: the code lists, from `connectors/data/dictionary.csv`.

use super::call::{Call, Ran};
use super::fields::{Field, Table, WHEN, may, must, text};
use super::value::{self, int, object};
use crate::desk::{Desk, Reply};
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

/// `type,value,label`, in the order of the lists.
const DICTIONARY: &str = include_str!("../../data/dictionary.csv");

pub(crate) async fn run<D: Desk + ?Sized>(_: &D, call: &mut Call<'_>) -> Ran {
    let kind = call.read(|reader, input| reader.one(input, &DATA).text("type"))?;
    let rows: Vec<Value> = entries(&kind).enumerate().map(|(i, (code, label))| render(&kind, i, code, label)).collect();
    if rows.is_empty() {
        call.notes.say("没有该字典类型(type)");
    }
    Ok(Reply::of(&object([("list", Value::Array(rows))])))
}

/// The codes of a list with their labels.
fn entries(kind: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    DICTIONARY.lines().skip(1).filter_map(move |row| {
        let mut cells = row.splitn(3, ',');
        let (of, code, label) = (cells.next()?, cells.next()?, cells.next()?);
        of.eq_ignore_ascii_case(kind).then_some((code, label))
    })
}

fn render(kind: &str, i: usize, code: &str, label: &str) -> Value {
    object([
        ("type", value::text(kind)),
        ("label", value::text(label)),
        ("value", value::text(code)),
        ("parentValue", value::text("")),
        ("sort", int(i64::try_from(i + 1).unwrap_or(i64::MAX))),
        ("valiFlag", value::text("1")),
        ("createUser", value::text("")),
        ("createDate", value::text("")),
        ("version", value::text("V1.1.27")),
    ])
}

const FIELDS: &[Field] = &[
    must("type", "字典类型", text(30)),
    may("parent_value", "父字典键值", text(10)),
    may("admdvs", "行政区划", text(6)),
    may("date", "查询日期", WHEN),
    may("vali_flag", "有效标志", text(6)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_there_and_no_code_stands_twice() {
        let kinds: Vec<_> = entries("biz_appy_type").collect();
        assert!(kinds.contains(&("06", "转诊转院登记")));
        for kind in ["med_type", "insutype", "fund_pay_type", "pay_loc"] {
            let mut codes: Vec<&str> = entries(kind).map(|(c, _)| c).collect();
            let count = codes.len();
            assert!(count > 3, "{kind}");
            codes.sort_unstable();
            codes.dedup();
            assert_eq!(codes.len(), count, "{kind}");
        }
        assert_eq!(entries("nothing").count(), 0);
    }
}
