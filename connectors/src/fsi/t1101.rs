//! 1101 人员基本信息获取: who a person is, how insured, with which balance.

use super::call::{Call, Ran};
use super::fields::{Field, TIME, Table, may, text, want};
use super::notes::Failure;
use super::value::{self, day, flag, int, money, object};
use crate::desk::{Desk, PersonQuery, PersonView, Reply};
use chrono::NaiveDate;
use dingan_core::money::Money;
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let (query, on) = read(call)?;
    let view = desk.person(&call.by, query).await?;
    Ok(Reply::of(&render(&view, on)))
}

fn read(call: &mut Call<'_>) -> Result<(PersonQuery, NaiveDate), Failure> {
    let today = call.by.now.date();
    call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        let cert = if row.given("certno") { row.text("certno") } else { row.text("mdtrt_cert_no") };
        if cert.is_empty() && !row.given("psn_no") {
            let hint = "证件号码(certno)、就诊凭证编号(mdtrt_cert_no)、人员编号(psn_no)至少传一项";
            reader.problem("FIELD_REQUIRED", row.path("certno"), "缺少查询条件", hint);
        }
        let query = PersonQuery { cert_no: cert, name: row.text("psn_name"), person: row.id_if("psn_no") };
        (query, row.time("begntime").map_or(today, |t| t.date()))
    })
}

fn render(view: &PersonView, on: NaiveDate) -> Value {
    let p = &view.person;
    let baseinfo = object([
        ("psn_no", value::text(p.no.as_str())),
        ("psn_cert_type", value::text(p.cert_type.as_str())),
        ("certno", value::text(p.cert_no.as_str())),
        ("psn_name", value::text(p.name.as_str())),
        ("gend", value::text(p.sex.code())),
        ("naty", value::text(p.ethnicity.as_str())),
        ("brdy", day(Some(p.birth))),
        ("age", int(p.age_on(on))),
        ("exp_content", value::text("")),
    ]);
    let insuinfo = p.relations.iter().map(|r| {
        // 1 参保, 2 暂停; the account follows the relation that holds
        let holds = r.covers(on);
        object([
            ("balc", money(if holds { view.balances.own } else { Money::ZERO })),
            ("insutype", value::text(r.insurance.as_str())),
            ("psn_type", value::text(r.person_type.as_str())),
            ("psn_insu_stas", value::text(if holds { "1" } else { "2" })),
            ("psn_insu_date", day(Some(r.begin))),
            ("paus_insu_date", day(r.end)),
            ("cvlserv_flag", flag(r.civil_servant)),
            ("insuplc_admdvs", value::text(r.division.as_str())),
            ("emp_name", value::text(r.employer.as_str())),
        ])
    });
    let idetinfo = p.identities.iter().map(|i| {
        object([
            ("psn_idet_type", value::text(i.identity.as_str())),
            ("psn_type_lv", value::text("")),
            ("memo", value::text("")),
            ("begntime", value::moment(i.begin.and_hms_opt(0, 0, 0))),
            ("endtime", value::moment(i.end.and_then(|e| e.and_hms_opt(23, 59, 59)))),
        ])
    });
    object([
        ("baseinfo", baseinfo),
        ("insuinfo", Value::Array(insuinfo.collect())),
        ("idetinfo", Value::Array(idetinfo.collect())),
    ])
}

const FIELDS: &[Field] = &[
    want("mdtrt_cert_type", "就诊凭证类型", text(6)),
    want("mdtrt_cert_no", "就诊凭证编号", text(50)),
    may("card_sn", "卡识别码", text(32)),
    may("begntime", "开始时间", TIME),
    want("psn_cert_type", "人员证件类型", text(6)),
    want("certno", "证件号码", text(50)),
    want("psn_name", "人员姓名", text(50)),
    may("psn_no", "人员编号", text(30)),
];
