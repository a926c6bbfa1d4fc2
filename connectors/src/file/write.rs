//! Writers of the same layouts, for the sample generator and for exports.

use super::claims::FileEvent;
use super::persons::{OPTIONAL, PersonImport, REQUIRED};
use super::reference::{AREA, INSTITUTION, ITEM, KNOWLEDGE, LIMIT, PRACTITIONER, RATIO};
use chrono::{NaiveDate, NaiveDateTime};
use dingan_core::bundle::{AreaRow, CatalogueItem, Institution, Period, Practitioner, PriceLimit, SelfPayRatio};
use dingan_core::claim::{AccountUse, Approval, Claim, Diagnosis, Line, Visit};
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::person::PauseKind;
use serde_json::{Map, Value, json};
use std::io;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the file")]
pub struct WriteError(#[from] csv::Error);

/// One row: column names and cells, so that neither can slip against the other.
type Cells = Vec<(&'static str, String)>;

fn write<T>(
    out: impl io::Write,
    columns: &[&'static str],
    rows: impl IntoIterator<Item = T>,
    cells: impl Fn(T) -> Vec<Cells>,
) -> Result<(), WriteError> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(columns)?;
    for row in rows {
        for cells in cells(row) {
            let cell = |name: &&str| cells.iter().find(|(n, _)| n == name).map_or("", |(_, c)| c.as_str());
            csv.write_record(columns.iter().map(cell))?;
        }
    }
    csv.flush().map_err(csv::Error::from)?;
    Ok(())
}

fn all(required: &[&'static str], optional: &[&'static str]) -> Vec<&'static str> {
    // `vali_flag` only says which rows to pass over; every row written holds
    required.iter().chain(optional).copied().filter(|c| *c != "vali_flag").collect()
}

fn day(d: NaiveDate) -> String {
    d.format("%Y-%m-%d").to_string()
}

fn time(t: NaiveDateTime) -> String {
    t.format("%Y-%m-%d %H:%M:%S").to_string()
}

fn or_empty<T: ToString>(v: Option<T>) -> String {
    v.map_or_else(String::new, |v| v.to_string())
}

fn flag(v: bool) -> String {
    String::from(if v { "1" } else { "0" })
}

/// A flag that is left out where it is not set.
fn yes(v: bool) -> String {
    String::from(if v { "1" } else { "" })
}

fn period(p: Period) -> [(&'static str, String); 2] {
    [("begndate", day(p.begin)), ("enddate", or_empty(p.end.map(day)))]
}

/// Writes persons: as many rows each as the longest of relations, identities and filings, one at least.
pub fn write_persons<'a>(
    out: impl io::Write,
    persons: impl IntoIterator<Item = &'a PersonImport>,
) -> Result<(), WriteError> {
    write(out, &all(&REQUIRED, &OPTIONAL), persons, |import| {
        let p = &import.person;
        let count = p.relations.len().max(p.identities.len()).max(p.filings.len()).max(1);
        let rows = (0..count).map(|i| person_row(import, i));
        // a pause or a dated number of years has the insurance for itself, so it stands in a row of its own
        let pauses = p.pauses.iter().map(|x| {
            let kind = match x.kind {
                PauseKind::Waiting => "1",
                PauseKind::Suspended => "2",
            };
            vec![
                ("psn_no", p.no.to_string()),
                ("insutype", x.insurance.to_string()),
                ("paus_type", kind.to_owned()),
                ("paus_begndate", day(x.begin)),
                ("paus_enddate", or_empty(x.end.map(day))),
            ]
        });
        let years = p.contributions.iter().map(|x| {
            vec![
                ("psn_no", p.no.to_string()),
                ("insutype", x.insurance.to_string()),
                ("clct_begndate", day(x.begin)),
                ("clct_years", x.years.to_string()),
            ]
        });
        rows.chain(pauses).chain(years).collect()
    })
}

fn person_row(import: &PersonImport, i: usize) -> Cells {
    let p = &import.person;
    let mut row = vec![("psn_no", p.no.to_string())];
    if i == 0 {
        row.extend([
            ("psn_cert_type", p.cert_type.clone()),
            ("certno", p.cert_no.clone()),
            ("psn_name", p.name.clone()),
            ("gend", p.sex.code().to_owned()),
            ("naty", p.ethnicity.clone()),
            ("brdy", day(p.birth)),
            ("balc", or_empty(import.own_balance)),
            ("mulaid_acct", p.family_account.clone().unwrap_or_default()),
            ("mulaid_balc", or_empty(import.family_balance)),
            ("die_date", or_empty(p.death.map(day))),
        ]);
    }
    if let Some(r) = p.relations.get(i) {
        row.extend([
            ("insutype", r.insurance.to_string()),
            ("psn_type", r.person_type.to_string()),
            ("insuplc_admdvs", r.division.to_string()),
            ("psn_insu_date", day(r.begin)),
            ("paus_insu_date", or_empty(r.end.map(day))),
            ("cvlserv_flag", flag(r.civil_servant)),
            ("clct_years", or_empty(r.contribution_years)),
            ("emp_name", r.employer.clone()),
        ]);
    }
    if let Some(x) = p.identities.get(i) {
        let end = or_empty(x.end.map(day));
        row.extend([("psn_idet_type", x.identity.to_string()), ("begntime", day(x.begin)), ("endtime", end)]);
    }
    if let Some(x) = p.filings.get(i) {
        row.extend([
            ("biz_appy_type", x.kind.clone()),
            ("filing_begndate", day(x.begin)),
            ("filing_enddate", or_empty(x.end.map(day))),
            ("filing_dise_codg", x.disease.to_string()),
            ("filing_insutype", x.insurance.to_string()),
            ("filing_admdvs", x.area.to_string()),
            ("filing_fixmedins_code", x.institution.to_string()),
            ("filing_date", or_empty(x.made.map(day))),
            ("trt_dcla_detl_sn", x.id.clone()),
            (
                "filing_ttp_prop",
                if x.third_party_share.is_zero() { String::new() } else { x.third_party_share.to_string() },
            ),
        ]);
    }
    row
}

/// Writes institutions.
pub fn write_institutions<'a>(
    out: impl io::Write,
    rows: impl IntoIterator<Item = &'a Institution>,
) -> Result<(), WriteError> {
    write(out, &all(&INSTITUTION.0, &INSTITUTION.1), rows, |r| {
        let mut row = vec![
            ("fixmedins_code", r.code.to_string()),
            ("fixmedins_name", r.name.clone()),
            ("fixmedins_type", r.kind.clone()),
            ("medins_type", r.medins_type.clone()),
            ("hosp_lv", r.hosp_lv.clone()),
            ("lmtpric_hosp_lv", r.price_level.code().to_owned()),
            ("dedc_hosp_lv", r.deductible_level.code().to_owned()),
            ("fix_blng_admdvs", r.division.to_string()),
            ("uscc", r.uscc.clone()),
            ("clr_way", r.clearing_way.clone()),
            ("medcnsrt_no", r.consortium.clone()),
        ];
        row.extend(period(r.period));
        vec![row]
    })
}

/// Writes practitioners.
pub fn write_practitioners<'a>(
    out: impl io::Write,
    rows: impl IntoIterator<Item = &'a Practitioner>,
) -> Result<(), WriteError> {
    write(out, &all(&PRACTITIONER.0, &PRACTITIONER.1), rows, |r| {
        let mut row = vec![
            ("prac_psn_code", r.code.to_string()),
            ("fixmedins_code", r.institution.to_string()),
            ("prac_psn_type", r.kind.clone()),
        ];
        row.extend(period(r.period));
        vec![row]
    })
}

/// Writes areas.
pub fn write_areas<'a>(out: impl io::Write, rows: impl IntoIterator<Item = &'a AreaRow>) -> Result<(), WriteError> {
    write(out, &all(&AREA.0, &AREA.1), rows, |r| {
        let mut row = vec![
            ("admdvs", r.division.to_string()),
            ("insutype", r.insurance.to_string()),
            ("poolarea_no", r.pool.to_string()),
        ];
        row.extend(period(r.period));
        vec![row]
    })
}

/// Writes catalogue items (1312).
pub fn write_items<'a>(
    out: impl io::Write,
    rows: impl IntoIterator<Item = &'a CatalogueItem>,
) -> Result<(), WriteError> {
    write(out, &all(&ITEM.0, &ITEM.1), rows, |r| {
        let mut row = vec![
            ("hilist_code", r.code.to_string()),
            ("hilist_name", r.name.clone()),
            ("list_type", r.list_type.clone()),
            ("med_chrgitm_type", r.charge_type.clone()),
            ("chrgitm_lv", r.class.code().to_owned()),
            ("lmt_used_flag", flag(r.restricted)),
            ("day_cnt_lmt", or_empty(r.max_per_day)),
            ("stay_cnt_lmt", or_empty(r.max_per_stay)),
            ("drug_grp", r.drug_group.clone()),
            ("poolarea_no", r.area.to_string()),
        ];
        row.extend(period(r.period));
        vec![row]
    })
}

/// Writes limit prices (1318).
pub fn write_limits<'a>(out: impl io::Write, rows: impl IntoIterator<Item = &'a PriceLimit>) -> Result<(), WriteError> {
    write(out, &all(&LIMIT.0, &LIMIT.1), rows, |r| {
        let mut row = vec![
            ("hilist_code", r.code.to_string()),
            ("hilist_lmtpric_type", format!("0{}", r.level.code())),
            ("hilist_pric_uplmt_amt", r.limit.to_string()),
            ("overlmt_dspo_way", r.over_way.clone()),
            ("poolarea_no", r.area.to_string()),
        ];
        row.extend(period(r.period));
        vec![row]
    })
}

/// Writes self-pay ratios (1319).
pub fn write_ratios<'a>(
    out: impl io::Write,
    rows: impl IntoIterator<Item = &'a SelfPayRatio>,
) -> Result<(), WriteError> {
    write(out, &all(&RATIO.0, &RATIO.1), rows, |r| {
        let mut row = vec![
            ("hilist_code", r.code.to_string()),
            ("selfpay_prop_psn_type", r.person_type.clone()),
            ("selfpay_prop_type", r.ratio_type.clone()),
            ("selfpay_prop", r.ratio.to_string()),
            ("pric_from", or_empty(r.from_price)),
            ("poolarea_no", r.area.to_string()),
        ];
        row.extend(period(r.period));
        vec![row]
    })
}

/// Writes knowledge points.
pub fn write_knowledge<'a>(
    out: impl io::Write,
    rows: impl IntoIterator<Item = &'a KnowledgeRow>,
) -> Result<(), WriteError> {
    write(out, &all(&KNOWLEDGE.0, &KNOWLEDGE.1), rows, |r| {
        vec![vec![
            ("table", r.table.clone()),
            ("item", r.item.to_string()),
            ("other", r.other.to_string()),
            ("number", or_empty(r.number)),
            ("days", r.days.map(|d| d.to_string()).unwrap_or_default()),
            ("word", r.word.clone()),
            ("ranges", r.ranges.join("|")),
            ("names", r.names.join("|")),
            ("name", r.name.clone()),
            ("text", r.text.clone()),
            ("source", r.source.clone()),
        ]]
    })
}

/// Writes an event as one line of NDJSON.
pub fn write_event(out: &mut impl io::Write, event: &FileEvent) -> io::Result<()> {
    let (mut object, known) = match event {
        FileEvent::Claim { settlement, claim, known } => (claim_object(settlement.as_str(), claim), known),
        FileEvent::Visit { visit, known } => (Value::Object(visit_object(visit)), known),
        FileEvent::Reversal { settlement, of, person, time: at, known } => {
            let object = json!({
                "setl_id": settlement, "init_setl_id": of, "refd_setl_flag": "1", "psn_no": person,
                "setl_time": time(*at),
            });
            (object, known)
        }
    };
    if let (Value::Object(object), Some(known)) = (&mut object, known) {
        object.insert("crte_time".to_owned(), time(*known).into());
    }
    serde_json::to_writer(&mut *out, &object)?;
    out.write_all(b"\n")
}

fn claim_object(settlement: &str, claim: &Claim) -> Value {
    let r = &claim.request;
    let account = match r.account_use {
        AccountUse::None => "0",
        AccountUse::Own => "1",
        AccountUse::Family => "2",
    };
    let mut object = filled([
        ("setl_id", settlement.to_owned()),
        ("setl_time", time(r.time)),
        ("acct_used_flag", account.to_owned()),
        ("mid_setl_flag", flag(r.mid_stay)),
        ("psn_setlway", String::from(if r.by_quota { "02" } else { "01" })),
    ]);
    object.extend(visit_object(&claim.visit));
    object.insert("feedetail".to_owned(), claim.lines.iter().map(line_object).collect());
    Value::Object(object)
}

fn visit_object(v: &Visit) -> Map<String, Value> {
    let mut object = filled([
        ("mdtrt_id", v.id.to_string()),
        ("psn_no", v.person.to_string()),
        ("fixmedins_code", v.institution.to_string()),
        ("insutype", v.insurance.to_string()),
        ("med_type", v.med_type.to_string()),
        ("begntime", time(v.begin)),
        ("endtime", or_empty(v.end.map(time))),
        ("dise_codg", v.disease.to_string()),
        ("adm_dept_codg", v.department.clone()),
        ("adm_bed", v.bed.clone()),
        ("dscg_way", v.discharge_way.clone()),
        ("die_date", or_empty(v.death.map(day))),
        ("refl_old_mdtrt_id", or_empty(v.referred_from.as_ref())),
        ("insuplc_admdvs", v.insured_at.to_string()),
        ("emergency_flag", yes(v.circumstances.emergency)),
        ("TRUM_FLAG", yes(v.circumstances.injury)),
        ("REL_TTP_FLAG", yes(v.circumstances.third_party)),
        ("matn_type", v.circumstances.birth.clone()),
        ("birctrl_type", v.circumstances.birth_control.clone()),
        ("ttp_pay_prop", if v.third_party_share.is_zero() { String::new() } else { v.third_party_share.to_string() }),
    ]);
    object.insert("diseinfo".to_owned(), v.diagnoses.iter().map(diagnosis_object).collect());
    object
}

fn diagnosis_object(d: &Diagnosis) -> Value {
    json!({
        "diag_code": d.code,
        "diag_name": d.name,
        "maindiag_flag": flag(d.main),
        "diag_srt_no": d.order,
        "inout_diag_type": if d.at_discharge { "2" } else { "1" },
    })
}

fn line_object(l: &Line) -> Value {
    let approval = match l.approval {
        Approval::NotNeeded => "0",
        Approval::Approved => "1",
        Approval::Refused => "2",
    };
    let mut object = l.more.as_ref().map(|m| m.fields().clone()).unwrap_or_default();
    object.extend(filled([
        ("feedetl_sn", l.no.to_string()),
        ("init_feedetl_sn", or_empty(l.refund_of.as_ref())),
        ("chrg_bchno", l.batch.clone()),
        ("rxno", l.order_no.clone()),
        ("fee_ocur_time", time(l.time)),
        ("med_list_codg", l.item.to_string()),
        ("medins_list_codg", l.hospital_item.clone()),
        ("det_item_fee_sumamt", l.amount.to_string()),
        ("cnt", l.quantity.to_string()),
        ("pric", l.price.to_string()),
        ("prd_days", or_empty(l.supply_days)),
        ("bilg_dept_codg", l.department.clone()),
        ("bilg_dr_codg", l.practitioner.to_string()),
        ("hosp_appr_flag", approval.to_owned()),
        ("dscg_tkdrug_flag", flag(l.take_home)),
    ]));
    Value::Object(object)
}

/// Fields that are given; the others are left out.
fn filled<const N: usize>(fields: [(&str, String); N]) -> Map<String, Value> {
    fields.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k.to_owned(), Value::String(v))).collect()
}
