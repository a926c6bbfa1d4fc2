//! 2205 门诊费用明细信息撤销, 2302 住院费用明细撤销: unsettled lines taken away again.

use super::call::{Call, Ran};
use super::fields::{FREE, Field, Table, may, must, text};
use crate::desk::{Desk, LineChoice};
use dingan_core::codes::{LineNo, PersonNo, VisitId};

pub(crate) static TABLES: &[&Table] = &[&DATA];
/// One table for both; which of the two numbers is asked for is said in `run`.
static DATA: Table = Table::either("data", FIELDS);

/// Stands for every unsettled line.
const EVERY: &str = "0000";

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let stay = call.route.base == "2302";
    let (visit, person, choice) = call.read(|reader, input| {
        let rows = reader.many(input, &DATA);
        let name = if stay { "feedetl_sn" } else { "chrg_bchno" };
        let mut visit: Option<(VisitId, PersonNo)> = None;
        let mut chosen: Vec<&str> = Vec::new();
        for row in &rows {
            let this = (row.id("mdtrt_id"), row.id("psn_no"));
            if visit.get_or_insert_with(|| this.clone()) != &this {
                reader.problem("MIXED_VISITS", row.path("mdtrt_id"), "同一报文只能撤销一次就诊的明细", "");
            }
            match row.str(name) {
                "" => {
                    let title = if stay { "费用明细流水号" } else { "收费批次号" };
                    let hint = "撤销全部未结算明细请传0000";
                    reader.problem("FIELD_REQUIRED", row.path(name), &format!("{title}({name})必填"), hint);
                }
                one => chosen.push(one),
            }
        }
        if !stay && chosen.len() > 1 {
            reader.problem("ONE_EXPECTED", "/input/data".to_owned(), "每次只能撤销一个收费批次", "");
        }
        let choice = match chosen.as_slice() {
            all if all.contains(&EVERY) => LineChoice::All,
            [batch] if !stay => LineChoice::Batch((*batch).to_owned()),
            numbers => LineChoice::Numbers(numbers.iter().map(|n| LineNo::from(*n)).collect()),
        };
        let (visit, person) = visit.unwrap_or_default();
        (visit, person, choice)
    })?;
    Ok(desk.void_lines(&call.by, visit, person, stay, choice).await?)
}

const FIELDS: &[Field] = &[
    must("mdtrt_id", "就诊ID", text(30)),
    must("psn_no", "人员编号", text(30)),
    may("chrg_bchno", "收费批次号", text(30)),
    may("feedetl_sn", "费用明细流水号", text(30)),
    may("exp_content", "字段扩展", FREE),
];
