//! `setl_d` and the diagnoses of a settlement, `setl_list_diag_d`.

use super::visit::{discharge_diagnosis, institution, relation};
use super::{Cell, Held, Reference, person, person_and_visit, plain, with_visit};
use chrono::NaiveDateTime;
use dingan_core::bundle::Institution;
use dingan_core::claim::{AccountUse, Diagnosis, Operation};
use dingan_core::codes::{PersonNo, SettlementId, VisitId};
use dingan_core::look::SettledRow;

fn at<'a, T: 'a>(r: &'a SettledRow, x: &'a Reference, f: impl Fn(&'a Institution) -> T) -> Option<T> {
    match &r.visit {
        Some(v) => institution(x, &r.institution, v).map(|i| f(i)),
        None => x.bundle.institution(&r.institution, r.time.date()).map(|i| f(i)),
    }
}

macro_rules! amount {
    ($field:ident) => {
        plain(|r: &SettledRow, _| Cell::Units(r.amounts.$field.units()))
    };
}

/// How a column is read; none where the books do not hold it.
pub(super) fn held(column: &str) -> Option<Held<SettledRow>> {
    match column {
        "setl_id" => plain(|r, _| Cell::Text(r.id.as_str())),
        "medins_setl_id" => plain(|r, _| Cell::text(&r.msgid)),
        "mdtrt_id" => plain(|r, _| Cell::Text(r.visit_id.as_str())),
        "init_setl_id" => plain(|r, _| Cell::or_null(r.reverses.as_ref().map(|s| Cell::Text(s.as_str())))),
        "psn_no" => plain(|r, _| Cell::Text(r.person_no.as_str())),
        "psn_cert_type" => person(|r, _| Cell::or_null(r.person.as_ref().map(|p| Cell::text(&p.cert_type)))),
        "certno" => person(|r, _| Cell::or_null(r.person.as_ref().map(|p| Cell::text(&p.cert_no)))),
        "psn_name" => person(|r, _| Cell::or_null(r.person.as_ref().map(|p| Cell::text(&p.name)))),
        "gend" => person(|r, _| Cell::or_null(r.person.as_ref().map(|p| Cell::Text(p.sex.code())))),
        "naty" => person(|r, _| Cell::or_null(r.person.as_ref().map(|p| Cell::text(&p.ethnicity)))),
        "brdy" => person(|r, _| Cell::date(r.person.as_ref().map(|p| p.birth))),
        "age" => person(|r, _| Cell::or_null(r.person.as_ref().map(|p| Cell::Units(p.age_on(r.days.0))))),
        "emp_name" => person_and_visit(|r, _| {
            let found = r.visit.as_ref().and_then(|v| relation(r.person.as_ref(), v));
            Cell::or_null(found.map(|x| Cell::text(&x.employer)))
        }),
        "insutype" => with_visit(|r, _| Cell::or_null(r.visit.as_ref().map(|v| Cell::text(v.insurance.as_str())))),
        "med_type" => with_visit(|r, _| Cell::or_null(r.visit.as_ref().map(|v| Cell::text(v.med_type.as_str())))),
        "dise_no" => with_visit(|r, _| Cell::or_null(r.visit.as_ref().map(|v| Cell::text(v.disease.as_str())))),
        "dise_name" => with_visit(|r, _| {
            let named = r.visit.as_ref().filter(|v| !v.disease.is_empty());
            let found = named.and_then(|v| v.diagnoses.iter().find(|d| d.code == v.disease));
            Cell::or_null(found.map(|d| Cell::text(&d.name)))
        }),
        "psn_type" => plain(|r, _| Cell::text(r.person_type.as_str())),
        "cvlserv_flag" => plain(|r, _| Cell::flag(r.civil_servant)),
        "insu_admdvs" => plain(|r, _| Cell::text(r.division.as_str())),
        "fixmedins_code" => plain(|r, _| Cell::Text(r.institution.as_str())),
        "fixmedins_name" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::text(&i.name)))),
        "hosp_lv" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::text(&i.hosp_lv)))),
        "fix_blng_admdvs" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::text(i.division.as_str())))),
        "lmtpric_hosp_lv" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::Text(i.price_level.code())))),
        "dedc_hosp_lv" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::Text(i.deductible_level.code())))),
        "clr_way" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::text(&i.clearing_way)))),
        "begndate" => plain(|r, _| Cell::Date(r.days.0)),
        "enddate" => plain(|r, _| Cell::Date(r.days.1)),
        "setl_time" => plain(|r, _| Cell::Time(r.time)),
        "psn_setlway" => plain(|r, _| Cell::Text(if r.request.by_quota { "02" } else { "01" })),
        "medfee_sumamt" => amount!(total),
        "fulamt_ownpay_amt" => amount!(ownpay),
        "overlmt_selfpay" => amount!(overlimit),
        "preselfpay_amt" => amount!(preselfpay),
        "inscp_amt" => amount!(in_scope),
        "dedc_std" => amount!(deductible_standard),
        "crt_dedc" => amount!(deductible_due),
        "act_pay_dedc" => amount!(deductible),
        "pool_prop_selfpay" => amount!(pool_ratio),
        "hifp_pay" => amount!(hifp),
        "cvlserv_pay" => amount!(cvlserv),
        "hifes_pay" => amount!(hifes),
        "hifmi_pay" => amount!(hifmi),
        "hifob_pay" => amount!(hifob),
        "hifdm_pay" => amount!(hifdm),
        "maf_pay" => amount!(maf),
        "othfund_pay" => amount!(oth),
        "fund_pay_sumamt" => amount!(funds),
        "psn_pay" => amount!(person),
        "acct_pay" => amount!(account),
        "cash_payamt" => amount!(cash),
        "ownpay_hosp_part" => amount!(hospital),
        "balc" => amount!(balance),
        "acct_mulaid_pay" => amount!(family_account),
        // both sides of a reversed pair: `refd_setl_flag = '0'` is what stands
        "refd_setl_flag" => plain(|r, _| Cell::flag(r.reversed || r.reverses.is_some())),
        "year" => plain(|r, _| Cell::Units(i64::from(r.year))),
        "setl_type" => plain(|r, _| Cell::Text(if r.on_paper { "1" } else { "2" })),
        "invono" => plain(|r, _| Cell::text(&r.invoice)),
        "mid_setl_flag" => plain(|r, _| Cell::flag(r.request.mid_stay)),
        "acct_used_flag" => plain(|r, _| {
            Cell::Text(match r.request.account_use {
                AccountUse::None => "0",
                AccountUse::Own => "1",
                AccountUse::Family => "2",
            })
        }),
        "vali_flag" => plain(|_, _| Cell::Text("1")),
        _ => None,
    }
}

/// A diagnosis of what was settled.
#[derive(Debug)]
pub(super) struct DiagnosisRow {
    settlement: SettlementId,
    visit: VisitId,
    person: PersonNo,
    time: NaiveDateTime,
    main: bool,
    diagnosis: Diagnosis,
}

/// The diagnoses of settlements: of the settlement list, or of the visit before there is one. A reversal has none.
pub(super) fn diagnoses(rows: &[SettledRow]) -> Vec<DiagnosisRow> {
    let mut out = Vec::new();
    for r in rows.iter().filter(|r| r.reverses.is_none()) {
        let row = |diagnosis: &Diagnosis, main| DiagnosisRow {
            settlement: r.id.clone(),
            visit: r.visit_id.clone(),
            person: r.person_no.clone(),
            time: r.time,
            main,
            diagnosis: diagnosis.clone(),
        };
        if let Some(list) = r.list.as_ref().filter(|l| !l.diagnoses.is_empty()) {
            out.extend(list.diagnoses.iter().map(|d| row(d, d.main)));
        } else if let Some(v) = &r.visit {
            // those of discharge, or those of admission where no others were sent
            let discharged = discharge_diagnosis(v).is_some();
            let of = v.diagnoses.iter().filter(|d| d.at_discharge == discharged);
            out.extend(of.map(|d| row(d, v.main_diagnosis() == Some(d))));
        }
    }
    out
}

/// An operation of a settlement list.
#[derive(Debug)]
pub(super) struct OperationRow {
    settlement: SettlementId,
    visit: VisitId,
    person: PersonNo,
    time: NaiveDateTime,
    /// From 1, in the order sent: the first is the main one.
    order: usize,
    operation: Operation,
}

/// The operations of settlements, of those whose list was sent.
pub(super) fn operations(rows: &[SettledRow]) -> Vec<OperationRow> {
    let mut out = Vec::new();
    for r in rows.iter().filter(|r| r.reverses.is_none()) {
        let sent = r.list.iter().flat_map(|l| &l.operations);
        out.extend((1..).zip(sent).map(|(order, o)| OperationRow {
            settlement: r.id.clone(),
            visit: r.visit_id.clone(),
            person: r.person_no.clone(),
            time: r.time,
            order,
            operation: o.clone(),
        }));
    }
    out
}

/// How a column of `setl_list_oprn_d` is read.
pub(super) fn operation(column: &str) -> Option<Held<OperationRow>> {
    match column {
        "setl_list_oprn_id" => plain(|r, _| Cell::Owned(format!("{}-{}", r.settlement, r.order))),
        "setl_id" => plain(|r, _| Cell::Text(r.settlement.as_str())),
        "mdtrt_id" => plain(|r, _| Cell::Text(r.visit.as_str())),
        "psn_no" => plain(|r, _| Cell::Text(r.person.as_str())),
        "main_oprn_flag" => plain(|r, _| Cell::flag(r.order == 1)),
        "oprn_oprt_code" => plain(|r, _| Cell::text(&r.operation.code)),
        "oprn_oprt_name" => plain(|r, _| Cell::text(&r.operation.name)),
        "oprn_oprt_date" | "oprn_oprt_begntime" => plain(|r, _| Cell::time(r.operation.begin)),
        "oper_dr_code" => plain(|r, _| Cell::text(r.operation.physician.as_str())),
        "crte_time" => plain(|r, _| Cell::Time(r.time)),
        "vali_flag" => plain(|_, _| Cell::Text("1")),
        _ => None,
    }
}

/// How a column of `setl_list_diag_d` is read.
pub(super) fn diagnosis(column: &str) -> Option<Held<DiagnosisRow>> {
    match column {
        "setl_list_diag_id" => plain(|r, _| Cell::Owned(format!("{}-{}", r.settlement, r.diagnosis.order))),
        "setl_id" => plain(|r, _| Cell::Text(r.settlement.as_str())),
        "mdtrt_id" => plain(|r, _| Cell::Text(r.visit.as_str())),
        "psn_no" => plain(|r, _| Cell::Text(r.person.as_str())),
        "maindiag_flag" => plain(|r, _| Cell::flag(r.main)),
        "diag_code" => plain(|r, _| Cell::text(r.diagnosis.code.as_str())),
        "diag_name" => plain(|r, _| Cell::text(&r.diagnosis.name)),
        "crte_time" => plain(|r, _| Cell::Time(r.time)),
        "vali_flag" => plain(|_, _| Cell::Text("1")),
        _ => None,
    }
}
