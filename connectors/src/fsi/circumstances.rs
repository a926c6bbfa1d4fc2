//! How care came about: `exp_content` of 2203, 2401 and 2403 (cross-region platform, edition V1.1.21 on), and
//! the fields of births.

use super::read::{Reader, Row};
use crate::desk::Said;
use serde_json::{Map, Value};

/// What a message says of it; what it does not say stays as it was.
pub(crate) fn read(reader: &mut Reader<'_>, row: &Row<'_>) -> Said {
    let mut said = Said {
        // 2203 has no field for it
        birth: if row.has("matn_type") { row.id_if::<String>("matn_type") } else { None },
        birth_control: row.id_if::<String>("birctrl_type"),
        ..Said::default()
    };
    let text = row.text("exp_content");
    if !text.trim_start().starts_with('{') {
        return said;
    }
    let Ok(more) = serde_json::from_str::<Map<String, Value>>(&text) else {
        reader.notes.say("exp_content不是合法的JSON，未采用");
        return said;
    };
    let code = |name: &str| {
        let value = more.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(text.trim().to_owned()).filter(|t| !t.is_empty() && t != "null")
    };
    let flag = |name: &str| code(name).map(|c| c == "1");
    said.injury = flag("TRUM_FLAG");
    said.third_party = flag("REL_TTP_FLAG");
    if said.injury == Some(true) && said.third_party.is_none() {
        let message = "外伤标志(TRUM_FLAG)为1时须填涉及第三方标志(REL_TTP_FLAG)";
        reader.problem("FIELD_REQUIRED", row.path("exp_content"), message, "请在exp_content中补充REL_TTP_FLAG");
    }
    let (stay, outpatient) = (code("IPT_TYPE"), code("OTP_ER_REFL_FLAG"));
    if stay.is_some() || outpatient.is_some() {
        // 2 急诊或抢救住院; 1 急诊, 3 转诊合并急诊
        said.emergency = Some(stay.as_deref() == Some("2") || matches!(outpatient.as_deref(), Some("1" | "3")));
    }
    said
}
