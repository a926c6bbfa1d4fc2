//! D2601 报文处理结果查询 (ours, not published): what became of a message of this institution.
//!
//! For a client whose call got no answer: before undoing anything it asks whether the call was done.
//! Input `data.omsgid`; output `data`, a list of {`infno`, `time`, `done`, `setl_id`, `reversed`},
//! empty where no change with that `msgid` was ever committed.

use super::call::{Call, Ran};
use super::fields::{Field, Table, may, must, text};
use super::value::{self, flag, moment, object};
use crate::desk::{Desk, MessageFate, Reply};
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = &[&DATA];
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let (msgid, infno) = call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        (row.text("omsgid"), row.text("oinfno"))
    })?;
    let fates = desk.fate(&call.by, &msgid).await?;
    let rows: Vec<Value> = fates.iter().filter(|f| infno.is_empty() || f.infno == infno).map(render).collect();
    if rows.is_empty() {
        call.notes.say("未收到或未成功处理过该报文");
    }
    Ok(Reply::of(&object([("data", Value::Array(rows))])))
}

fn render(f: &MessageFate) -> Value {
    object([
        ("infno", value::text(f.infno.as_str())),
        ("time", moment(Some(f.time))),
        ("done", flag(f.reply.is_some())),
        ("setl_id", f.settlement.as_ref().map_or(Value::Null, |s| value::text(s.as_str()))),
        ("reversed", flag(f.reversed)),
    ])
}

const FIELDS: &[Field] = &[must("omsgid", "原发送方报文ID", text(64)), may("oinfno", "原交易编号", text(10))];
