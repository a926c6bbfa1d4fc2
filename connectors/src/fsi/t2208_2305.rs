//! 2208 门诊结算撤销, 2305 住院结算撤销: a settlement reversed, every amount negated.

use super::call::{Call, Ran};
use super::fields::{FREE, Field, Table, may, must, text};
use super::setlinfo::{self, Form};
use crate::desk::{Desk, ReverseAsk, Settled};

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let stay = call.route.base == "2305";
    let ask = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        ReverseAsk { settlement: row.id("setl_id"), visit: row.id("mdtrt_id"), person: row.id("psn_no"), stay }
    })?;
    let form = Form::reversal(call.profile, !stay && call.profile.pdn_cash_pay);
    let render = move |s: &Settled| setlinfo::output(s, &form);
    Ok(desk.reverse(&call.by, ask, Box::new(render)).await?)
}

const FIELDS: &[Field] = &[
    must("setl_id", "结算ID", text(30)),
    must("mdtrt_id", "就诊ID", text(30)),
    must("psn_no", "人员编号", text(30)),
    may("exp_content", "字段扩展", FREE),
];
