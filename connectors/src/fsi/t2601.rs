//! 2601 冲正交易: undoes a call whose answer was lost, or refuses it in advance.
//!
//! To be used only where the answer was lost; what really happened can be asked with D2601.

use super::call::{Call, Ran};
use super::fields::{Field, Table, must, text};
use super::routes;
use crate::desk::{Desk, UndoAsk};

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let allowed = &call.profile.allow_2601;
    let ask = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        let infno = row.text("oinfno");
        let base = routes::find(&infno).map_or("", |r| r.base);
        if !infno.is_empty() && !allowed.iter().any(|a| *a == infno || a == base) {
            let hint = format!("可冲正的交易：{}；其他交易请用对应的撤销交易", allowed.join("、"));
            reader.problem("UNDO_NOT_ALLOWED", row.path("oinfno"), "该交易不允许冲正", &hint);
        }
        UndoAsk { person: row.id("psn_no"), infno, msgid: row.text("omsgid") }
    })?;
    Ok(desk.undo(&call.by, ask).await?)
}

const FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    must("omsgid", "原发送方报文ID", text(64)),
    must("oinfno", "原交易编号", text(10)),
];
