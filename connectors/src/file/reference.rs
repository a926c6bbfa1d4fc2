//! Reference data: institutions, practitioners, areas, the catalogue's three tables, knowledge points.

use super::Read;
use super::table::{Column, Problems, Refused, Row, Table, columns, read_rows};
use dingan_core::bundle::{AreaRow, CatalogueItem, CatalogueRows, Institution, Practitioner, PriceLimit, SelfPayRatio};
use dingan_core::codes::*;
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::money::Rate;
use std::io;

/// A row of the catalogue, of whichever of its tables the file was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogueRow {
    /// 1312: an item.
    Item(CatalogueItem),
    /// 1318: a limit price.
    Limit(PriceLimit),
    /// 1319: a self-pay ratio.
    Ratio(SelfPayRatio),
}

impl Extend<CatalogueRow> for CatalogueRows {
    fn extend<I: IntoIterator<Item = CatalogueRow>>(&mut self, rows: I) {
        for row in rows {
            match row {
                CatalogueRow::Item(r) => self.items.push(r),
                CatalogueRow::Limit(r) => self.limits.push(r),
                CatalogueRow::Ratio(r) => self.ratios.push(r),
            }
        }
    }
}

pub(super) const INSTITUTION: ([&str; 9], [&str; 4]) = (
    [
        "fixmedins_code",
        "fixmedins_name",
        "begndate",
        "enddate",
        "fixmedins_type",
        "hosp_lv",
        "lmtpric_hosp_lv",
        "dedc_hosp_lv",
        "fix_blng_admdvs",
    ],
    ["medins_type", "uscc", "clr_way", "medcnsrt_no"],
);
pub(super) const PRACTITIONER: ([&str; 4], [&str; 1]) =
    (["prac_psn_code", "fixmedins_code", "begndate", "enddate"], ["prac_psn_type"]);
pub(super) const AREA: ([&str; 4], [&str; 1]) = (["admdvs", "poolarea_no", "begndate", "enddate"], ["insutype"]);
pub(super) const ITEM: ([&str; 8], [&str; 5]) = (
    [
        "hilist_code",
        "hilist_name",
        "begndate",
        "enddate",
        "list_type",
        "med_chrgitm_type",
        "chrgitm_lv",
        "lmt_used_flag",
    ],
    ["day_cnt_lmt", "stay_cnt_lmt", "drug_grp", "poolarea_no", "vali_flag"],
);
pub(super) const LIMIT: ([&str; 5], [&str; 3]) = (
    ["hilist_code", "hilist_lmtpric_type", "hilist_pric_uplmt_amt", "begndate", "enddate"],
    ["overlmt_dspo_way", "poolarea_no", "vali_flag"],
);
pub(super) const RATIO: ([&str; 6], [&str; 3]) = (
    ["hilist_code", "selfpay_prop_psn_type", "selfpay_prop_type", "selfpay_prop", "begndate", "enddate"],
    ["pric_from", "poolarea_no", "vali_flag"],
);
pub(super) const KNOWLEDGE: ([&str; 2], [&str; 9]) =
    (["table", "item"], ["other", "number", "days", "word", "ranges", "names", "name", "text", "source"]);

/// Reads institutions.
pub fn read_institutions(file: &str, input: impl io::Read) -> Read<Institution> {
    read_rows(file, input, &columns(&INSTITUTION.0, &INSTITUTION.1), |row| {
        Ok(Institution {
            code: row.need_code("fixmedins_code", 30)?.into(),
            name: row.need_text("fixmedins_name", 200)?.to_owned(),
            period: row.period()?,
            kind: row.one_of("fixmedins_type", &["1", "2", "3", "4", "5"])?.to_owned(),
            medins_type: row.code("medins_type", 6)?.to_owned(),
            hosp_lv: hospital_grade(row)?,
            price_level: institution_level(row, "lmtpric_hosp_lv")?,
            deductible_level: institution_level(row, "dedc_hosp_lv")?,
            division: row.division("fix_blng_admdvs")?.into(),
            uscc: row.code("uscc", 50)?.to_owned(),
            clearing_way: row.code("clr_way", 6)?.to_owned(),
            consortium: row.code("medcnsrt_no", 40)?.to_owned(),
        })
    })
}

/// Reads practitioners.
pub fn read_practitioners(file: &str, input: impl io::Read) -> Read<Practitioner> {
    read_rows(file, input, &columns(&PRACTITIONER.0, &PRACTITIONER.1), |row| {
        Ok(Practitioner {
            code: row.need_code("prac_psn_code", 30)?.into(),
            institution: row.need_code("fixmedins_code", 30)?.into(),
            period: row.period()?,
            kind: row.code("prac_psn_type", 6)?.to_owned(),
        })
    })
}

/// Reads which pool each division belongs to.
pub fn read_areas(file: &str, input: impl io::Read) -> Read<AreaRow> {
    read_rows(file, input, &columns(&AREA.0, &AREA.1), |row| {
        Ok(AreaRow {
            division: row.division("admdvs")?.into(),
            insurance: row.code("insutype", 6)?.into(),
            pool: row.division("poolarea_no")?.into(),
            period: row.period()?,
        })
    })
}

/// Reads a table of the catalogue. Its header tells which: `chrgitm_lv` 1312, `hilist_lmtpric_type`
/// 1318, `selfpay_prop_type` 1319.
pub fn read_catalogue(file: &str, input: impl io::Read) -> Read<CatalogueRow> {
    let mut problems = Problems::new(file);
    let mut rows = Vec::new();
    let Some(mut table) = Table::open(input, &mut problems) else {
        return problems.read(rows);
    };
    type RowOf = fn(&Row<'_>) -> Result<CatalogueRow, Refused>;
    let layouts: [(&str, Vec<Column>, RowOf); 3] = [
        ("chrgitm_lv", columns(&ITEM.0, &ITEM.1), item),
        ("hilist_lmtpric_type", columns(&LIMIT.0, &LIMIT.1), limit),
        ("selfpay_prop_type", columns(&RATIO.0, &RATIO.1), ratio),
    ];
    let mut named = layouts.iter().filter(|(mark, ..)| table.has(mark));
    let (Some((_, columns, row)), None) = (named.next(), named.next()) else {
        let marks = "`chrgitm_lv` (1312), `hilist_lmtpric_type` (1318) and `selfpay_prop_type` (1319)";
        problems.error(1, "", format!("not a table of the catalogue: of {marks} the header must have one"));
        return problems.read(rows);
    };
    if table.expect(columns, &mut problems) {
        table.rows(&mut problems, |r| {
            // the national tables keep voided rows, marked so
            if r.get("vali_flag") != "0" {
                rows.push(row(r)?);
            }
            Ok(())
        });
    }
    problems.read(rows)
}

fn item(row: &Row<'_>) -> Result<CatalogueRow, Refused> {
    let class = row.need_code("chrgitm_lv", 3)?;
    let class = ItemClass::from_code(class)
        .ok_or_else(|| Refused { column: "chrgitm_lv", reason: "not one of 01, 02, 03".to_owned() })?;
    Ok(CatalogueRow::Item(CatalogueItem {
        code: row.need_code("hilist_code", 50)?.into(),
        name: row.need_text("hilist_name", 200)?.to_owned(),
        period: row.period()?,
        list_type: row.need_code("list_type", 30)?.to_owned(),
        charge_type: row.need_code("med_chrgitm_type", 6)?.to_owned(),
        class,
        restricted: row.flag("lmt_used_flag")?,
        max_per_day: row.number("day_cnt_lmt")?,
        max_per_stay: row.number("stay_cnt_lmt")?,
        drug_group: row.code("drug_grp", 40)?.to_owned(),
        area: row.code("poolarea_no", 6)?.into(),
    }))
}

fn limit(row: &Row<'_>) -> Result<CatalogueRow, Refused> {
    let limit = row.need_number::<dingan_core::money::Price>("hilist_pric_uplmt_amt")?;
    if limit.is_negative() {
        return Err(Refused { column: "hilist_pric_uplmt_amt", reason: "below zero".to_owned() });
    }
    Ok(CatalogueRow::Limit(PriceLimit {
        code: row.need_code("hilist_code", 50)?.into(),
        level: level(row, "hilist_lmtpric_type")?,
        period: row.period()?,
        limit,
        over_way: row.code("overlmt_dspo_way", 6)?.to_owned(),
        area: row.code("poolarea_no", 6)?.into(),
    }))
}

fn ratio(row: &Row<'_>) -> Result<CatalogueRow, Refused> {
    let ratio: Rate = row.need_number("selfpay_prop")?;
    if ratio.is_negative() || ratio > Rate::ONE {
        return Err(Refused { column: "selfpay_prop", reason: "not between 0 and 1".to_owned() });
    }
    Ok(CatalogueRow::Ratio(SelfPayRatio {
        code: row.need_code("hilist_code", 50)?.into(),
        person_type: row.need_code("selfpay_prop_psn_type", 6)?.to_owned(),
        ratio_type: row.one_of("selfpay_prop_type", &["10", "20", "30"])?.to_owned(),
        period: row.period()?,
        ratio,
        from_price: row.number("pric_from")?,
        area: row.code("poolarea_no", 6)?.into(),
    }))
}

/// Reads knowledge points in the project's own layout (the published lists have readers of their own).
pub fn read_knowledge(file: &str, input: impl io::Read) -> Read<KnowledgeRow> {
    read_rows(file, input, &columns(&KNOWLEDGE.0, &KNOWLEDGE.1), |row| {
        Ok(KnowledgeRow {
            table: row.need_code("table", 60)?.to_owned(),
            item: row.need_code("item", 50)?.into(),
            other: row.code("other", 50)?.into(),
            number: row.number("number")?,
            days: days(row)?,
            word: row.code("word", 40)?.to_owned(),
            ranges: list(row, "ranges")?,
            names: list(row, "names")?,
            name: row.text("name", 200)?.to_owned(),
            text: row.text("text", 4000)?.to_owned(),
            source: row.text("source", 200)?.to_owned(),
            ..KnowledgeRow::default()
        })
    })
}

/// A whole number of days, possibly empty.
fn days(row: &Row<'_>) -> Result<Option<u32>, Refused> {
    match row.code("days", 6)? {
        "" => Ok(None),
        d => match d.parse() {
            Ok(d @ 1..=36_600) => Ok(Some(d)),
            _ => Err(Refused { column: "days", reason: "not a whole number of days".to_owned() }),
        },
    }
}

/// A list in one cell, its parts separated by `|`.
fn list(row: &Row<'_>, column: &'static str) -> Result<Vec<String>, Refused> {
    Ok(row.text(column, 4000)?.split('|').map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned).collect())
}

/// A level: 1, 2 or 3, with or without a leading zero; 4 and 9 (other, not rated) count as one.
fn level(row: &Row<'_>, column: &'static str) -> Result<Level, Refused> {
    match row.need_code(column, 6)?.trim_start_matches('0') {
        code @ ("1" | "2" | "3" | "4" | "9") => Ok(Level::from_code(code)),
        _ => Err(Refused { column, reason: "not one of 1, 2, 3, 4, 9".to_owned() }),
    }
}

/// Only hospitals are graded: an empty level of another institution counts as one, a hospital's does not,
/// since its deductible hangs on it.
fn institution_level(row: &Row<'_>, column: &'static str) -> Result<Level, Refused> {
    if row.get(column).is_empty() && row.get("fixmedins_type") != "1" { Ok(Level::One) } else { level(row, column) }
}

/// `hosp_lv`: 1 to 14, without leading zeros; empty where the institution is no hospital.
fn hospital_grade(row: &Row<'_>) -> Result<String, Refused> {
    let column = "hosp_lv";
    match row.code(column, 6)? {
        "" if row.get("fixmedins_type") != "1" => Ok(String::new()),
        grade => match grade.trim_start_matches('0').parse::<u8>() {
            Ok(n) if (1..=14).contains(&n) => Ok(n.to_string()),
            _ => Err(Refused { column, reason: "not a whole number from 1 to 14".to_owned() }),
        },
    }
}
