//! The reference data in force: catalogue, institutions, practitioners, knowledge; and the list of columns.

use super::{Cell, Column, Held, plain, views};
use dingan_core::bundle::{CatalogueItem, Institution, Practitioner, PriceLimit, SelfPayRatio};
use dingan_core::knowledge::KnowledgeRow;

/// How a column of `hilist` is read.
pub(super) fn item(column: &str) -> Option<Held<CatalogueItem>> {
    match column {
        "hilist_code" => plain(|r, _| Cell::text(r.code.as_str())),
        "hilist_name" => plain(|r, _| Cell::text(&r.name)),
        "poolarea_no" => plain(|r, _| Cell::text(r.area.as_str())),
        "begndate" => plain(|r, _| Cell::Date(r.period.begin)),
        "enddate" => plain(|r, _| Cell::date(r.period.end)),
        "list_type" => plain(|r, _| Cell::text(&r.list_type)),
        "med_chrgitm_type" => plain(|r, _| Cell::text(&r.charge_type)),
        "chrgitm_lv" => plain(|r, _| Cell::Text(r.class.code())),
        "lmt_used_flag" => plain(|r, _| Cell::flag(r.restricted)),
        "max_per_day" => plain(|r, _| Cell::or_null(r.max_per_day.map(|q| Cell::Units(q.units())))),
        "max_per_stay" => plain(|r, _| Cell::or_null(r.max_per_stay.map(|q| Cell::Units(q.units())))),
        "drug_group" => plain(|r, _| Cell::text(&r.drug_group)),
        _ => None,
    }
}

/// How a column of `hilist_limit` is read.
pub(super) fn limit(column: &str) -> Option<Held<PriceLimit>> {
    match column {
        "hilist_code" => plain(|r, _| Cell::text(r.code.as_str())),
        "poolarea_no" => plain(|r, _| Cell::text(r.area.as_str())),
        "lmtpric_hosp_lv" => plain(|r, _| Cell::Text(r.level.code())),
        "begndate" => plain(|r, _| Cell::Date(r.period.begin)),
        "enddate" => plain(|r, _| Cell::date(r.period.end)),
        "hilist_pric_uplmt_amt" => plain(|r, _| Cell::Units(r.limit.units())),
        _ => None,
    }
}

/// How a column of `hilist_ratio` is read.
pub(super) fn ratio(column: &str) -> Option<Held<SelfPayRatio>> {
    match column {
        "hilist_code" => plain(|r, _| Cell::text(r.code.as_str())),
        "poolarea_no" => plain(|r, _| Cell::text(r.area.as_str())),
        "selfpay_prop_psn_type" => plain(|r, _| Cell::text(&r.person_type)),
        "selfpay_prop_type" => plain(|r, _| Cell::text(&r.ratio_type)),
        "begndate" => plain(|r, _| Cell::Date(r.period.begin)),
        "enddate" => plain(|r, _| Cell::date(r.period.end)),
        "selfpay_prop" => plain(|r, _| Cell::Units(r.ratio.units())),
        "from_pric" => plain(|r, _| Cell::or_null(r.from_price.map(|p| Cell::Units(p.units())))),
        _ => None,
    }
}

/// How a column of `institution` is read.
pub(super) fn institution(column: &str) -> Option<Held<Institution>> {
    match column {
        "fixmedins_code" => plain(|r, _| Cell::text(r.code.as_str())),
        "fixmedins_name" => plain(|r, _| Cell::text(&r.name)),
        "begndate" => plain(|r, _| Cell::Date(r.period.begin)),
        "enddate" => plain(|r, _| Cell::date(r.period.end)),
        "fixmedins_type" => plain(|r, _| Cell::text(&r.kind)),
        "medins_type" => plain(|r, _| Cell::text(&r.medins_type)),
        "hosp_lv" => plain(|r, _| Cell::text(&r.hosp_lv)),
        "lmtpric_hosp_lv" => plain(|r, _| Cell::Text(r.price_level.code())),
        "dedc_hosp_lv" => plain(|r, _| Cell::Text(r.deductible_level.code())),
        "fix_blng_admdvs" => plain(|r, _| Cell::text(r.division.as_str())),
        "uscc" => plain(|r, _| Cell::text(&r.uscc)),
        "clr_way" => plain(|r, _| Cell::text(&r.clearing_way)),
        _ => None,
    }
}

/// How a column of `practitioner` is read.
pub(super) fn practitioner(column: &str) -> Option<Held<Practitioner>> {
    match column {
        "prac_psn_code" => plain(|r, _| Cell::text(r.code.as_str())),
        "fixmedins_code" => plain(|r, _| Cell::text(r.institution.as_str())),
        "begndate" => plain(|r, _| Cell::Date(r.period.begin)),
        "enddate" => plain(|r, _| Cell::date(r.period.end)),
        "prac_psn_type" => plain(|r, _| Cell::text(&r.kind)),
        _ => None,
    }
}

fn joined<'a, 'b>(parts: impl Iterator<Item = &'a str>) -> Cell<'b> {
    let text = parts.collect::<Vec<_>>().join(",");
    if text.is_empty() { Cell::Null } else { Cell::Owned(text) }
}

/// How a column of `knowledge` is read.
pub(super) fn knowledge(column: &str) -> Option<Held<KnowledgeRow>> {
    match column {
        "point_table" => plain(|r, _| Cell::text(&r.table)),
        "item" => plain(|r, _| Cell::text(r.item.as_str())),
        "other_item" => plain(|r, _| Cell::text(r.other.as_str())),
        "also_items" => plain(|r, _| joined(r.also.iter().map(|i| i.as_str()))),
        "days" => plain(|r, _| Cell::or_null(r.days.map(|d| Cell::Units(i64::from(d))))),
        "diagnoses" => plain(|r, _| joined(r.ranges.iter().map(String::as_str))),
        "diagnosis_words" => plain(|r, _| joined(r.names.iter().map(String::as_str))),
        "item_name" => plain(|r, _| Cell::text(&r.name)),
        "text" => plain(|r, _| Cell::text(&r.text)),
        "confirmed" => plain(|r, _| Cell::flag(r.confirmed)),
        "point_id" => plain(|r, _| Cell::text(&r.id)),
        "version" => plain(|r, _| Cell::Units(i64::from(r.version))),
        "published" => plain(|r, _| Cell::date(r.published)),
        "superseded_by" => plain(|r, _| Cell::text(&r.superseded_by)),
        "number" => plain(|r, _| Cell::or_null(r.number.map(|q| Cell::Units(q.units())))),
        "word" => plain(|r, _| Cell::text(&r.word)),
        "source" => plain(|r, _| Cell::text(&r.source)),
        _ => None,
    }
}

/// A column with the view it is of.
pub(super) struct ListedColumn {
    view: &'static str,
    column: Column,
    place: i64,
}

/// Every column of every view.
pub(super) fn all_columns() -> Vec<ListedColumn> {
    let mut out = Vec::new();
    for v in views() {
        for (place, c) in (1_i64..).zip(&v.columns) {
            out.push(ListedColumn { view: v.name, column: c.clone(), place });
        }
    }
    out
}

/// How a column of `held` is read.
pub(super) fn column(name: &str) -> Option<Held<ListedColumn>> {
    match name {
        "view_name" => plain(|r, _| Cell::Text(r.view)),
        "column_no" => plain(|r, _| Cell::Units(r.place)),
        "column_name" => plain(|r, _| Cell::Text(r.column.name)),
        "kind" => plain(|r, _| Cell::Owned(format!("{:?}", r.column.kind).to_lowercase())),
        "held" => plain(|r, _| Cell::flag(r.column.held)),
        "meaning" => plain(|r, _| Cell::text(r.column.meaning)),
        _ => None,
    }
}
