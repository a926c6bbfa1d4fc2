//! `mdtrt_d`.

use super::{Cell, Held, Reference, person, plain};
use dingan_core::bundle::Institution;
use dingan_core::claim::{Diagnosis, Visit};
use dingan_core::codes::InstitutionCode;
use dingan_core::look::VisitRow;
use dingan_core::person::{Person, Relation};
use std::sync::Arc;

/// The institution as it stood when the visit began.
pub(super) fn institution<'a>(r: &'a Reference, code: &InstitutionCode, v: &Visit) -> Option<&'a Arc<Institution>> {
    r.bundle.institution(code, v.begin.date())
}

fn of(r: &VisitRow) -> Option<&Person> {
    r.person.as_ref()
}

/// The insurance relation the visit was registered under.
pub(super) fn relation<'a>(p: Option<&'a Person>, v: &Visit) -> Option<&'a Relation> {
    let day = v.begin.date();
    p?.relations.iter().find(|r| r.insurance == v.insurance && r.covers(day))
}

/// The principal diagnosis at discharge, once there is one.
pub(super) fn discharge_diagnosis(v: &Visit) -> Option<&Diagnosis> {
    v.main_diagnosis().filter(|d| d.at_discharge)
}

fn admission_diagnosis(v: &Visit) -> Option<&Diagnosis> {
    v.diagnoses
        .iter()
        .filter(|d| !d.at_discharge)
        .find(|d| d.main)
        .or_else(|| v.diagnoses.iter().find(|d| !d.at_discharge))
}

/// Days in hospital: the day of discharge does not count, one day at least.
pub(super) fn stay_days(v: &Visit) -> Option<i64> {
    let end = v.end.filter(|_| v.kind().is_stay())?;
    Some((end.date() - v.begin.date()).num_days().max(1))
}

fn at<'a, T: 'a>(r: &'a VisitRow, x: &'a Reference, f: impl Fn(&'a Institution) -> T) -> Option<T> {
    institution(x, &r.visit.institution, &r.visit).map(|i| f(i))
}

/// How a column is read; none where the books do not hold it.
pub(super) fn held(column: &str) -> Option<Held<VisitRow>> {
    match column {
        "mdtrt_id" => plain(|r, _| Cell::Text(r.visit.id.as_str())),
        "psn_no" => plain(|r, _| Cell::Text(r.visit.person.as_str())),
        "psn_cert_type" => person(|r, _| Cell::or_null(of(r).map(|p| Cell::text(&p.cert_type)))),
        "certno" => person(|r, _| Cell::or_null(of(r).map(|p| Cell::text(&p.cert_no)))),
        "psn_name" => person(|r, _| Cell::or_null(of(r).map(|p| Cell::text(&p.name)))),
        "gend" => person(|r, _| Cell::or_null(of(r).map(|p| Cell::Text(p.sex.code())))),
        "naty" => person(|r, _| Cell::or_null(of(r).map(|p| Cell::text(&p.ethnicity)))),
        "brdy" => person(|r, _| Cell::date(of(r).map(|p| p.birth))),
        "age" => person(|r, _| Cell::or_null(of(r).map(|p| Cell::Units(p.age_on(r.visit.begin.date()))))),
        "psn_type" => {
            person(|r, _| Cell::or_null(relation(of(r), &r.visit).map(|x| Cell::text(x.person_type.as_str()))))
        }
        "cvlserv_flag" => person(|r, _| Cell::or_null(relation(of(r), &r.visit).map(|x| Cell::flag(x.civil_servant)))),
        "insu_admdvs" => {
            person(|r, _| Cell::or_null(relation(of(r), &r.visit).map(|x| Cell::text(x.division.as_str()))))
        }
        "emp_name" => person(|r, _| Cell::or_null(relation(of(r), &r.visit).map(|x| Cell::text(&x.employer)))),
        "insutype" => plain(|r, _| Cell::text(r.visit.insurance.as_str())),
        "fixmedins_code" => plain(|r, _| Cell::Text(r.visit.institution.as_str())),
        "fixmedins_name" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::text(&i.name)))),
        "hosp_lv" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::text(&i.hosp_lv)))),
        "fix_blng_admdvs" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::text(i.division.as_str())))),
        "lmtpric_hosp_lv" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::Text(i.price_level.code())))),
        "dedc_hosp_lv" => plain(|r, x| Cell::or_null(at(r, x, |i| Cell::Text(i.deductible_level.code())))),
        "begntime" => plain(|r, _| Cell::Time(r.visit.begin)),
        "endtime" => plain(|r, _| Cell::time(r.visit.end)),
        "med_type" => plain(|r, _| Cell::text(r.visit.med_type.as_str())),
        "year" => plain(|r, _| Cell::Units(i64::from(chrono::Datelike::year(&r.visit.begin)))),
        "refl_old_mdtrt_id" => {
            plain(|r, _| Cell::or_null(r.visit.referred_from.as_ref().map(|v| Cell::text(v.as_str()))))
        }
        "ipt_otp_no" => plain(|r, _| Cell::text(&r.case_no)),
        "adm_diag_dscr" => plain(|r, _| Cell::or_null(admission_diagnosis(&r.visit).map(|d| Cell::text(&d.name)))),
        "adm_dept_codg" => plain(|r, _| Cell::text(&r.visit.department)),
        "adm_bed" => plain(|r, _| Cell::text(&r.visit.bed)),
        "dscg_maindiag_code" => {
            plain(|r, _| Cell::or_null(discharge_diagnosis(&r.visit).map(|d| Cell::text(d.code.as_str()))))
        }
        "dscg_maindiag_name" => plain(|r, _| Cell::or_null(discharge_diagnosis(&r.visit).map(|d| Cell::text(&d.name)))),
        "dscg_way" => plain(|r, _| Cell::text(&r.visit.discharge_way)),
        "dise_no" => plain(|r, _| Cell::text(r.visit.disease.as_str())),
        "inhosp_stas" => plain(|r, _| {
            // 1 in hospital, 0 not
            if r.visit.kind().is_stay() { Cell::flag(r.visit.end.is_none()) } else { Cell::Null }
        }),
        "die_date" => plain(|r, _| Cell::date(r.visit.death)),
        "ipt_days" => plain(|r, _| Cell::or_null(stay_days(&r.visit).map(Cell::Units))),
        "ttp_pay_flag" => plain(|r, _| Cell::flag(!r.visit.third_party_share.is_zero())),
        "ttp_pay_prop" => plain(|r, _| Cell::Units(r.visit.third_party_share.units())),
        "vali_flag" => plain(|r, _| Cell::flag(!r.cancelled)),
        _ => None,
    }
}
