//! 2405 出院撤销: the discharge did not happen.

use super::call::{Call, Ran};
use super::fields::{FREE, Field, Table, may, must, text};
use crate::desk::{ChangeKind, Desk, VisitChange};

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let change = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        VisitChange {
            visit: row.id("mdtrt_id"),
            person: row.id("psn_no"),
            kind: ChangeKind::UndoDischarge,
            ..VisitChange::default()
        }
    })?;
    Ok(desk.change(&call.by, change).await?)
}

const FIELDS: &[Field] =
    &[must("mdtrt_id", "就诊ID", text(30)), must("psn_no", "人员编号", text(30)), may("exp_content", "字段扩展", FREE)];
