//! 5301 人员慢特病备案查询, 5304 转院信息查询: what a person has filed.

use super::call::{Call, Ran};
use super::fields::{Field, Table, WHEN, may, must, text};
use super::value::{self, day, object};
use crate::desk::{Desk, PersonQuery, Reply};
use chrono::NaiveDate;
use dingan_core::codes::PersonNo;
use dingan_core::person::{Filing, Person};
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let (person, from, to) = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        (row.id::<PersonNo>("psn_no"), row.time("begntime").map(|t| t.date()), row.time("endtime").map(|t| t.date()))
    })?;
    let query = PersonQuery { person: Some(person), ..PersonQuery::default() };
    let person = desk.person(&call.by, query).await?.person;
    let within = |f: &&Filing| from.is_none_or(|d| f.end.is_none_or(|e| d <= e)) && to.is_none_or(|d| f.begin <= d);
    let of = |kind: &'static str| person.filings.iter().filter(move |f| f.kind == kind).filter(within);
    let output = match call.route.base {
        // 5304 has no node: `output` is the list itself
        "5301" => object([("feedetail", Value::Array(of("01").map(disease).collect()))]),
        _ => Value::Array(of("06").map(|f| referral(&person, f)).collect()),
    };
    Ok(Reply::of(&output))
}

fn dates(f: &Filing) -> (Value, Value) {
    let d = |d: Option<NaiveDate>| day(d);
    (d(Some(f.begin)), d(f.end))
}

fn disease(f: &Filing) -> Value {
    let (begin, end) = dates(f);
    object([
        ("opsp_dise_code", value::text(f.disease.as_str())),
        ("opsp_dise_name", value::text("")),
        ("begndate", begin),
        ("enddate", end),
        ("trt_dcla_detl_sn", value::text(f.id.as_str())),
    ])
}

fn referral(p: &Person, f: &Filing) -> Value {
    let (begin, end) = dates(f);
    object([
        ("insutype", value::text(f.insurance.as_str())),
        ("psn_no", value::text(p.no.as_str())),
        ("psn_cert_type", value::text(p.cert_type.as_str())),
        ("certno", value::text(p.cert_no.as_str())),
        ("psn_name", value::text(p.name.as_str())),
        ("gend", value::text(p.sex.code())),
        ("brdy", day(Some(p.birth))),
        ("reflin_medins_no", value::text(f.institution.as_str())),
        ("mdtrtarea_admdvs", value::text(f.area.as_str())),
        ("refl_date", day(Some(f.begin))),
        ("begndate", begin),
        ("enddate", end),
        ("trt_dcla_detl_sn", value::text(f.id.as_str())),
    ])
}

const FIELDS: &[Field] =
    &[must("psn_no", "人员编号", text(30)), may("begntime", "开始时间", WHEN), may("endtime", "结束时间", WHEN)];
