//! 2201 门诊挂号: an outpatient visit begins.

use super::call::{Call, Ran};
use super::fields::{FREE, Field, TIME, Table, may, must, text, want};
use super::value::{self, object};
use crate::desk::{Desk, NewVisit};
use dingan_core::claim::Visit;
use dingan_core::codes::VisitId;
use dingan_core::money::Rate;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let (institution, now, insured_at) = (call.by.institution.clone(), call.by.now, call.by.insured_at.clone());
    let new = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        NewVisit {
            visit: Visit {
                id: VisitId::default(),
                person: row.id("psn_no"),
                institution,
                insurance: row.id("insutype"),
                // the general kind, until 2203 says more
                med_type: if row.given("med_type") { row.id("med_type") } else { "11".into() },
                begin: row.time("begntime").unwrap_or(now),
                end: None,
                disease: Default::default(),
                diagnoses: Vec::new(),
                department: row.text("dept_code"),
                bed: String::new(),
                discharge_way: String::new(),
                death: None,
                referred_from: None,
                third_party_share: Rate::ZERO,
                insured_at,
                circumstances: Default::default(),
            },
            cert_no: row.text("certno"),
            case_no: row.text("ipt_otp_no"),
        }
    })?;
    let (person, case_no) = (new.visit.person.clone(), new.case_no.clone());
    let render = move |id: &VisitId| {
        object([(
            "data",
            object([
                ("mdtrt_id", value::text(id.as_str())),
                ("psn_no", value::text(person.as_str())),
                ("ipt_otp_no", value::text(case_no.as_str())),
                ("exp_content", value::text("")),
            ]),
        )])
    };
    Ok(desk.register(&call.by, new, Box::new(render)).await?)
}

const FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    must("insutype", "险种类型", text(6)),
    must("begntime", "开始时间", TIME),
    want("mdtrt_cert_type", "就诊凭证类型", text(6)),
    want("mdtrt_cert_no", "就诊凭证编号", text(50)),
    may("card_sn", "卡识别码", text(32)),
    want("psn_cert_type", "证件类型", text(6)),
    want("certno", "证件号码", text(50)),
    want("psn_type", "人员类别", text(6)),
    want("psn_name", "人员姓名", text(50)),
    want("ipt_otp_no", "住院/门诊号", text(30)),
    may("atddr_no", "医师编码", text(50)),
    may("dr_name", "医师姓名", text(100)),
    want("dept_code", "科室编码", text(30)),
    want("dept_name", "科室名称", text(100)),
    want("caty", "科别", text(10)),
    may("exp_content", "字段扩展", FREE),
    may("med_type", "医疗类别", text(6)),
];
