//! `diseinfo`: the diagnoses of a visit, as 2203, 2401, 2402 and 2403 send them.

use super::fields::{FLAG, Field, INT, TIME, Table, code, may, must, text, want};
use super::read::{Reader, Row};
use dingan_core::claim::Diagnosis;

/// 2203.
pub(crate) static OF_VISIT: Table = Table::many("diseinfo", VISIT).wanted();
/// 2401.
pub(crate) static OF_ADMISSION: Table = Table::many("diseinfo", ADMISSION).wanted();
/// 2402.
pub(crate) static OF_DISCHARGE: Table = Table::many("diseinfo", STAY).wanted();
/// 2403.
pub(crate) static OF_CHANGE: Table = Table::many("diseinfo", STAY).optional();

/// Diagnoses to lay over those known, and order numbers to take away.
#[derive(Debug, Default)]
pub(crate) struct Diagnoses {
    pub list: Vec<Diagnosis>,
    pub voided: Vec<u16>,
}

/// Reads them. Where none is marked as the main one, the first in order is.
pub(crate) fn read(reader: &mut Reader<'_>, rows: &[Row<'_>], at_discharge: bool) -> Diagnoses {
    let mut out = Diagnoses::default();
    let mut seen = Vec::new();
    for row in rows {
        let Some(order) = row.int("diag_srt_no") else { continue };
        let Ok(order) = u16::try_from(order) else {
            reader.problem("NUMBER_RANGE", row.path("diag_srt_no"), "诊断排序号(diag_srt_no)超出范围", "");
            continue;
        };
        if seen.contains(&order) {
            let hint = "同一次就诊内诊断排序号唯一";
            reader.problem("DIAGNOSIS_DUPLICATE", row.path("diag_srt_no"), "诊断排序号(diag_srt_no)重复", hint);
            continue;
        }
        seen.push(order);
        if row.str("vali_flag") == "0" {
            out.voided.push(order);
            continue;
        }
        out.list.push(Diagnosis {
            code: row.id("diag_code"),
            name: row.text("diag_name"),
            main: row.on("maindiag_flag"),
            order,
            at_discharge: match row.str("inout_diag_type") {
                "1" => false,
                "2" => true,
                _ => at_discharge,
            },
        });
    }
    out.list.sort_by_key(|d| d.order);
    if !out.list.iter().any(|d| d.main)
        && let Some(first) = out.list.first_mut()
    {
        first.main = true;
    }
    out
}

const VISIT: &[Field] = &[
    want("diag_type", "诊断类别", text(6)),
    must("diag_srt_no", "诊断排序号", INT),
    must("diag_code", "诊断代码", text(20)),
    want("diag_name", "诊断名称", text(500)),
    want("diag_dept", "诊断科室", text(100)),
    want("dise_dor_no", "诊断医生编码", text(30)),
    want("dise_dor_name", "诊断医生姓名", text(100)),
    want("diag_time", "诊断时间", TIME),
    want("vali_flag", "有效标志", code(FLAG)),
    may("maindiag_flag", "主诊断标志", code(FLAG)),
    may("inout_diag_type", "出入院诊断类别", text(6)),
    may("psn_no", "人员编号", text(30)),
    may("mdtrt_id", "就诊ID", text(30)),
];

const ADMISSION: &[Field] = &[
    want("psn_no", "人员编号", text(30)),
    want("diag_type", "诊断类别", text(6)),
    want("maindiag_flag", "主诊断标志", code(FLAG)),
    must("diag_srt_no", "诊断排序号", INT),
    must("diag_code", "诊断代码", text(20)),
    want("diag_name", "诊断名称", text(500)),
    may("adm_cond", "入院病情", text(500)),
    want("diag_dept", "诊断科室", text(100)),
    want("dise_dor_no", "诊断医生编码", text(30)),
    want("dise_dor_name", "诊断医生姓名", text(100)),
    want("diag_time", "诊断时间", TIME),
    may("vali_flag", "有效标志", code(FLAG)),
    may("inout_diag_type", "出入院诊断类别", text(6)),
    may("mdtrt_id", "就诊ID", text(30)),
];

const STAY: &[Field] = &[
    want("mdtrt_id", "就诊ID", text(30)),
    want("psn_no", "人员编号", text(30)),
    want("diag_type", "诊断类别", text(6)),
    want("maindiag_flag", "主诊断标志", code(FLAG)),
    must("diag_srt_no", "诊断排序号", INT),
    must("diag_code", "诊断代码", text(20)),
    want("diag_name", "诊断名称", text(500)),
    may("adm_cond", "入院病情", text(500)),
    want("diag_dept", "诊断科室", text(100)),
    want("dise_dor_no", "诊断医生编码", text(30)),
    want("dise_dor_name", "诊断医生姓名", text(100)),
    want("diag_time", "诊断时间", TIME),
    may("vali_flag", "有效标志", code(FLAG)),
    may("inout_diag_type", "出入院诊断类别", text(6)),
];
