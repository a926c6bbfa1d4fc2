//! 3103 事前事中服务反馈服务: what the institution did after a warning.

use super::call::{Call, Ran};
use super::fields::{Field, ONE_TWO, Table, code, may, must, text};
use super::limits::FINDING_CHARS;
use crate::desk::{Desk, Feedback};

pub(crate) static TABLES: &[&Table] = &[&DATA, &WARNS];
static DATA: Table = Table::one("data", FIELDS).nested(&["warns"]);
static WARNS: Table = Table::many("warns", WARN);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let insist = call.profile.published;
    let mut without_reason = 0;
    let (before, feedback) = call.read(|reader, input| {
        let data = reader.one(input, &DATA);
        let rows = reader.many_below(&data, &WARNS);
        let mut feedback = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.str("dspo_way") == "1" && !row.given("dspo_way_rea") {
                without_reason += 1;
                if insist {
                    let path = row.path("dspo_way_rea");
                    reader.problem("FIELD_REQUIRED", path, "处理方式为继续(1)时，处理原因(dspo_way_rea)必填", "");
                }
            }
            feedback.push(Feedback {
                finding: row.text("warn_rslt_id"),
                way: row.text("dspo_way"),
                reason: row.text("dspo_way_rea"),
            });
        }
        (data.str("warn_type") == "1", feedback)
    })?;
    if without_reason > 0 {
        call.notes.say(format!("{without_reason}条反馈未填处理原因(dspo_way_rea)"));
    }
    Ok(desk.feedback(&call.by, before, feedback).await?)
}

const FIELDS: &[Field] = &[must("warn_type", "反馈类型", code(ONE_TWO))];
const WARN: &[Field] = &[
    must("warn_rslt_id", "违规标识", text(50)),
    must("dspo_way", "处理方式", code(ONE_TWO)),
    may("dspo_way_rea", "处理原因", text(REASON)),
];
const REASON: u16 = 500;
const _: () = assert!(REASON as usize == FINDING_CHARS);
