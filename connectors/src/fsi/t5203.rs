//! 5203 结算信息查询: a settlement as it stands.

use super::call::{Call, Ran};
use super::fields::{Field, Table, must, text, want};
use super::notes::{Failure, Problem};
use super::setlinfo::{self, Form};
use crate::desk::{Desk, Reply, SettlementView};
use dingan_core::codes::{PersonNo, SettlementId, VisitId};

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let ask = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        Ask {
            settlement: row.id("setl_id"),
            person: row.id("psn_no"),
            visit: row.id("mdtrt_id"),
            visit_path: row.path("mdtrt_id"),
        }
    })?;
    let view = find(desk, call, ask, false).await?;
    Ok(Reply::of(&setlinfo::output(&view.settled, &Form::query(call.profile))))
}

/// Which settlement is asked for (5203, 5204, 100001).
pub(crate) struct Ask {
    pub settlement: SettlementId,
    pub person: PersonNo,
    pub visit: VisitId,
    pub visit_path: String,
}

/// Finds it; the visit, where stated, must be its own.
pub(crate) async fn find<D: Desk + ?Sized>(
    desk: &D,
    call: &mut Call<'_>,
    ask: Ask,
    lines: bool,
) -> Result<SettlementView, Failure> {
    let view = desk.settlement(&call.by, ask.settlement, ask.person, lines).await?;
    if !ask.visit.is_empty() && ask.visit != view.settled.visit.id {
        let message = "就诊ID与结算ID不对应";
        return Err(Problem::new("VISIT_MISMATCH", ask.visit_path, message).hint("请核对mdtrt_id与setl_id").into());
    }
    if view.settled.reversed {
        call.notes.say("该结算已撤销");
    }
    Ok(view)
}

const FIELDS: &[Field] =
    &[must("psn_no", "人员编号", text(30)), must("setl_id", "结算ID", text(30)), want("mdtrt_id", "就诊ID", text(30))];
