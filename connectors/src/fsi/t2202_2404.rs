//! 2202 门诊挂号撤销, 2404 入院撤销: a visit or stay that never was.

use super::call::{Call, Ran};
use super::fields::{FREE, Field, Table, may, must, text};
use crate::desk::Desk;
use dingan_core::codes::{PersonNo, VisitId};

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let stay = call.route.base == "2404";
    let (visit, person) = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        (row.id::<VisitId>("mdtrt_id"), row.id::<PersonNo>("psn_no"))
    })?;
    Ok(desk.cancel(&call.by, visit, person, stay).await?)
}

const FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    must("mdtrt_id", "就诊ID", text(30)),
    may("ipt_otp_no", "住院/门诊号", text(30)),
    may("exp_content", "字段扩展", FREE),
];
