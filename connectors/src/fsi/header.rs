//! The header of a message: the keys at its root (spec Hunan V1.1.27, request header).

use super::fields::{Field, TIME, Table, may, must, text, want};
use super::notes::{Notes, Problems, Tolerance};
use super::profile::Profile;
use super::read::Reader;
use serde_json::{Map, Value};

/// The header's name in profiles.
pub(crate) const NAME: &str = "header";
pub(crate) static TABLES: &[&Table] = &[&HEADER];

pub(crate) static HEADER: Table = Table::one("", FIELDS).nested(&[
    // the body, and root keys that are known from clients and mean nothing here
    "input",
    "enc_type",
    "app_id",
    "serv_code",
    "serv_sign",
    "mode",
    "syscode",
    "api_access_key",
]);

const FIELDS: &[Field] = &[
    must("infno", "交易编号", text(10)),
    // asked of changes where the message is routed, never of queries
    may("msgid", "发送方报文ID", text(64)),
    want("mdtrtarea_admvs", "就医地医保区划", text(6)),
    may("insuplc_admdvs", "参保地医保区划", text(6)),
    want("recer_sys_code", "接收方系统代码", text(64)),
    may("dev_no", "设备编号", text(100)),
    may("dev_safe_info", "设备安全信息", text(2000)),
    may("cainfo", "数字签名信息", text(4000)),
    may("signtype", "签名类型", text(10)),
    want("infver", "接口版本号", text(10)),
    want("opter_type", "经办人类别", text(6)),
    want("opter", "经办人", text(30)),
    want("opter_name", "经办人姓名", text(50)),
    want("inf_time", "交易时间", TIME),
    must("fixmedins_code", "定点医药机构编号", text(30)),
    want("fixmedins_name", "定点医药机构名称", text(200)),
    may("sign_no", "交易签到流水号", text(64)),
];

/// What is used of the header.
#[derive(Debug)]
pub(crate) struct Header {
    pub infno: String,
    pub msgid: String,
    pub institution: String,
    pub operator: String,
    /// `insuplc_admdvs`.
    pub insured_at: String,
}

/// Reads the header. What is wrong with a field that nobody uses is noted, not refused. A header that
/// is refused gives its `infno` all the same.
pub(crate) fn read(
    profile: &Profile,
    root: &Map<String, Value>,
    notes: &mut Notes,
) -> Result<Header, (String, Problems)> {
    let mut reader = Reader::new(profile, NAME, notes);
    let row = reader.header(root, &HEADER);
    let header = Header {
        infno: row.text("infno"),
        msgid: row.text("msgid"),
        institution: row.text("fixmedins_code"),
        operator: row.text("opter"),
        insured_at: row.text("insuplc_admdvs"),
    };
    let (found, _) = reader.finish();
    let mut problems = Problems::default();
    for p in found.kept() {
        if p.code == "FIELD_REQUIRED" || matches!(p.path.as_str(), "/infno" | "/msgid" | "/fixmedins_code") {
            problems.push(|| p.clone());
        } else {
            notes.note(Tolerance::HeaderField, || p.path.clone());
        }
    }
    if problems.is_empty() { Ok(header) } else { Err((header.infno, problems)) }
}
