//! 2502 转院备案撤销, 2504 人员慢特病备案撤销, 2506 人员定点备案撤销: a filing taken back.

use super::call::{Call, Ran};
use super::fields::{Field, Table, may, must, text};
use crate::desk::Desk;
use dingan_core::codes::PersonNo;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let (id, person) = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        (row.text("trt_dcla_detl_sn"), row.id::<PersonNo>("psn_no"))
    })?;
    Ok(desk.unfile(&call.by, person, id).await?)
}

const FIELDS: &[Field] = &[
    must("trt_dcla_detl_sn", "待遇申报明细流水号", text(30)),
    must("psn_no", "人员编号", text(30)),
    may("memo", "备注", text(500)),
];
