//! 5204 费用明细查询: the lines of a settlement. `output` is the list itself.

use super::call::{Call, Ran};
use super::fields::{Field, Table, must, text, want};
use super::lines::common;
use super::t5203::{Ask, find};
use super::value::{self, flag, moment, quantity};
use crate::desk::{Desk, LineResult, Reply, Settled};
use dingan_core::claim::Approval;
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let ask = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        Ask {
            settlement: row.id("setl_id"),
            person: row.id("psn_no"),
            visit: row.id("mdtrt_id"),
            visit_path: row.path("mdtrt_id"),
        }
    })?;
    let view = find(desk, call, ask, true).await?;
    let rows = view.lines.iter().map(|l| render(l, &view.settled)).collect();
    Ok(Reply::of(&Value::Array(rows)))
}

fn render(line: &LineResult, s: &Settled) -> Value {
    let (l, item) = (&line.line, line.item.as_deref());
    let mut row = common(line);
    row.extend(value::map([
        ("mdtrt_id", value::text(s.visit.id.as_str())),
        ("setl_id", value::text(s.id.as_ref().map_or("", |i| i.as_str()))),
        ("rx_drord_no", value::text(l.order_no.as_str())),
        ("med_type", value::text(s.visit.med_type.as_str())),
        ("fee_ocur_time", moment(Some(l.time))),
        ("prd_days", quantity(l.supply_days.unwrap_or_default())),
        ("hilist_code", value::text(item.map_or("", |i| i.code.as_str()))),
        ("hilist_name", value::text(item.map_or("", |i| i.name.as_str()))),
        ("list_type", value::text(item.map_or("", |i| i.list_type.as_str()))),
        ("med_list_codg", value::text(l.item.as_str())),
        ("medins_list_codg", value::text(l.hospital_item.as_str())),
        ("medins_list_name", value::text("")),
        ("dosform_name", value::text("")),
        ("bilg_dept_codg", value::text(l.department.as_str())),
        ("bilg_dr_codg", value::text(l.practitioner.as_str())),
        ("dscg_tkdrug_flag", flag(l.take_home)),
        (
            "hosp_appr_flag",
            value::text(match l.approval {
                Approval::NotNeeded => "0",
                Approval::Approved => "1",
                Approval::Refused => "2",
            }),
        ),
    ]));
    // what else was sent with the line is given back as it came
    if let Some(more) = &l.more {
        for (name, sent) in more.fields() {
            let own = row.entry(name.clone()).or_insert(Value::Null);
            if own.is_null() || own.as_str() == Some("") {
                *own = sent.clone();
            }
        }
    }
    Value::Object(row)
}

const FIELDS: &[Field] =
    &[must("psn_no", "人员编号", text(30)), must("setl_id", "结算ID", text(30)), want("mdtrt_id", "就诊ID", text(30))];
