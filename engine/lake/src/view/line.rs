//! `fee_list_d`.

use super::{Cell, Held, Reference, plain, split, with_visit};
use dingan_core::bundle::{CatalogueItem, Institution};
use dingan_core::claim::Approval;
use dingan_core::codes::Insurance;
use dingan_core::look::LineRow;
use serde_json::Value;

/// The item's row in the catalogue of the place of care.
fn item<'a>(r: &LineRow, x: &'a Reference) -> Option<&'a CatalogueItem> {
    let day = r.line.time.date();
    let area = institution(r, x).and_then(|i| x.bundle.pool(&i.division, &Insurance::default(), day)).cloned();
    x.bundle.catalogue.item(&r.line.item, &area.unwrap_or_default(), day).map(AsRef::as_ref)
}

fn institution<'a>(r: &LineRow, x: &'a Reference) -> Option<&'a Institution> {
    x.bundle.institution(&r.institution, r.line.time.date()).map(AsRef::as_ref)
}

/// A field the hospital sent that no decision reads; sent as text or number.
fn sent<'a>(r: &'a LineRow, field: &str) -> Cell<'a> {
    match r.line.more.as_ref().and_then(|m| m.fields().get(field)) {
        Some(Value::String(s)) => Cell::text(s),
        Some(Value::Number(n)) => Cell::Owned(n.to_string()),
        _ => Cell::Null,
    }
}

macro_rules! part {
    ($field:ident) => {
        split(|r: &LineRow, _| Cell::or_null(r.split.as_ref().map(|s| Cell::Units(s.$field.units()))))
    };
}

macro_rules! as_sent {
    ($field:literal) => {
        plain(|r: &LineRow, _| sent(r, $field))
    };
}

/// How a column is read; none where the books do not hold it.
pub(super) fn held(column: &str) -> Option<Held<LineRow>> {
    match column {
        "bkkp_sn" => plain(|r, _| Cell::Text(r.line.no.as_str())),
        "mdtrt_id" => plain(|r, _| Cell::Text(r.visit_id.as_str())),
        "fee_ocur_time" => plain(|r, _| Cell::Time(r.line.time)),
        "setl_id" => plain(|r, _| Cell::Text(r.settlement.as_str())),
        "rx_drord_no" => plain(|r, _| Cell::text(&r.line.order_no)),
        "fixmedins_code" => plain(|r, _| Cell::Text(r.institution.as_str())),
        "fixmedins_name" => plain(|r, x| Cell::or_null(institution(r, x).map(|i| Cell::text(&i.name)))),
        "psn_no" => plain(|r, _| Cell::Text(r.person_no.as_str())),
        "med_type" => with_visit(|r, _| Cell::or_null(r.visit.as_ref().map(|v| Cell::text(v.med_type.as_str())))),
        "cnt" => plain(|r, _| Cell::Units(r.line.quantity.units())),
        "pric" => plain(|r, _| Cell::Units(r.line.price.units())),
        "det_item_fee_sumamt" => plain(|r, _| Cell::Units(r.amount.units())),
        "pric_uplmt_amt" => {
            split(|r, _| Cell::or_null(r.split.as_ref().and_then(|s| s.limit).map(|l| Cell::Units(l.units()))))
        }
        "selfpay_prop" => part!(self_pay),
        "fulamt_ownpay_amt" => part!(ownpay),
        "overlmt_selfpay" => part!(overlimit),
        "preselfpay_amt" => part!(preselfpay),
        "inscp_amt" => part!(in_scope),
        "chrgitm_lv" => split(|r, _| Cell::or_null(r.split.as_ref().map(|s| Cell::Text(s.class.code())))),
        "hilist_code" => plain(|r, x| Cell::or_null(item(r, x).map(|i| Cell::Text(i.code.as_str())))),
        "hilist_name" => plain(|r, x| Cell::or_null(item(r, x).map(|i| Cell::text(&i.name)))),
        "list_type" => plain(|r, x| Cell::or_null(item(r, x).map(|i| Cell::text(&i.list_type)))),
        "med_chrgitm_type" => plain(|r, x| Cell::or_null(item(r, x).map(|i| Cell::text(&i.charge_type)))),
        "lmt_used_flag" => plain(|r, x| Cell::or_null(item(r, x).map(|i| Cell::flag(i.restricted)))),
        "med_list_codg" => plain(|r, _| Cell::text(r.line.item.as_str())),
        "medins_list_codg" => plain(|r, _| Cell::text(&r.line.hospital_item)),
        "bilg_dept_codg" => plain(|r, _| Cell::text(&r.line.department)),
        "bilg_dr_code" => plain(|r, _| Cell::text(r.line.practitioner.as_str())),
        "hosp_appr_flag" => plain(|r, _| {
            Cell::Text(match r.line.approval {
                Approval::NotNeeded => "0",
                Approval::Approved => "1",
                Approval::Refused => "2",
            })
        }),
        "dscg_tkdrug_flag" => plain(|r, _| Cell::flag(r.line.take_home)),
        "prd_days" => plain(|r, _| Cell::or_null(r.line.supply_days.map(|q| Cell::Units(q.units())))),
        "chrg_bchno" => plain(|r, _| Cell::text(&r.line.batch)),
        "init_feedetl_sn" => plain(|r, _| Cell::or_null(r.line.refund_of.as_ref().map(|n| Cell::text(n.as_str())))),
        // a reversal has no lines of its own: those of a reversed settlement stop counting instead
        "vali_flag" => plain(|r, _| Cell::flag(!r.reversed)),
        "medins_list_name" => as_sent!("medins_list_name"),
        "bilg_dept_name" => as_sent!("bilg_dept_name"),
        "bilg_dr_name" => as_sent!("bilg_dr_name"),
        "acord_dept_codg" => as_sent!("acord_dept_codg"),
        "acord_dept_name" => as_sent!("acord_dept_name"),
        "acord_dr_code" => as_sent!("orders_dr_code"),
        "acord_dr_name" => as_sent!("orders_dr_name"),
        "tcmdrug_used_way" => as_sent!("tcmdrug_used_way"),
        "etip_flag" => as_sent!("etip_flag"),
        "etip_hosp_code" => as_sent!("etip_hosp_code"),
        "matn_fee_flag" => as_sent!("matn_fee_flag"),
        "sin_dos_dscr" => as_sent!("sin_dos_dscr"),
        "used_frqu_dscr" => as_sent!("used_frqu_dscr"),
        "medc_way_dscr" => as_sent!("medc_way_dscr"),
        "rx_circ_flag" => as_sent!("rx_circ_flag"),
        "memo" => as_sent!("memo"),
        "comb_no" => as_sent!("comb_no"),
        _ => None,
    }
}
