//! 2206 门诊预结算, 2207 门诊结算, 2303 住院预结算, 2304 住院结算: the same calculation, stored or not.

use super::call::{Call, Ran};
use super::fields::{ACCT_USED, FLAG, FREE, Field, MONEY, SETLWAY, Table, WHEN, code, may, must, text, want};
use super::limits::FINDINGS_NAMED;
use super::notes::Failure;
use super::read::Row;
use super::setlinfo::{self, Form};
use super::t2401::known_med_type;
use crate::desk::{Desk, REPEATED, Reply, SettleAsk, Settled};
use dingan_core::claim::AccountUse;
use dingan_core::finding::Severity;
use dingan_core::money::Money;
use std::sync::{Arc, Mutex};

pub(crate) static TABLES: &[&Table] = &[&DATA];
/// One table for the four: a field that is not published for one of them is optional there.
static DATA: Table = Table::one("data", FIELDS);

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let named = call.profile.findings_in_settlement;
    if matches!(call.route.base, "2206" | "2303") {
        let ask = read(call)?;
        let (settled, mut warnings) = desk.pre_settle(&call.by, ask).await?;
        if named {
            warnings.extend(findings(&settled));
        }
        return Ok(Reply::with(&setlinfo::output(&settled, &Form::preview(call.profile)), warnings));
    }
    let ask = read(call)?;
    let form = Form::settlement(call.profile);
    // what the rendering says beside the answer; it may be rendered more than once, the last one counts
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let saying = Arc::clone(&said);
    let render = move |s: &Settled| {
        if named && let Ok(mut said) = saying.lock() {
            *said = findings(s);
        }
        setlinfo::output(s, &form)
    };
    let mut reply = desk.settle(&call.by, ask, Box::new(render)).await?;
    // a kept answer is of another decision than the one rendered last
    if !reply.warnings.iter().any(|w| w == REPEATED)
        && let Ok(mut said) = said.lock()
    {
        reply.warnings.append(&mut said);
    }
    Ok(reply)
}

fn read(call: &mut Call<'_>) -> Result<SettleAsk, Failure> {
    let stay = matches!(call.route.base, "2303" | "2304");
    call.read(|reader, input| {
        let row = reader.one(input, &DATA);
        known_med_type(reader, &row, "med_type");
        let total = row.money("medfee_sumamt").unwrap_or_default();
        SettleAsk {
            visit: row.id("mdtrt_id"),
            person: row.id("psn_no"),
            cert_no: row.text("certno"),
            insurance: row.id("insutype"),
            batch: row.id_if::<String>("chrg_bchno").filter(|_| !stay),
            stay,
            med_type: row.id_if("med_type"),
            account_use: match row.str("acct_used_flag") {
                "1" => AccountUse::Own,
                "2" => AccountUse::Family,
                _ => AccountUse::None,
            },
            mid_stay: row.on("mid_setl_flag"),
            by_quota: row.str("psn_setlway") == "02",
            total,
            parts: parts(&row, total),
            invoice: row.text("invono"),
        }
    })
}

/// The four parts where stated. A client without them sends zeros, since a null number is written
/// as zero: four zeros beside a total say nothing.
fn parts(row: &Row<'_>, total: Money) -> Option<[Money; 4]> {
    let parts = [
        row.money("fulamt_ownpay_amt")?,
        row.money("overlmt_selfpay")?,
        row.money("preselfpay_amt")?,
        row.money("inscp_scp_amt")?,
    ];
    (total.is_zero() || parts.iter().any(|p| !p.is_zero())).then_some(parts)
}

/// The findings of a settlement in words, the first few of them.
fn findings(s: &Settled) -> Vec<String> {
    let all = &s.decision.findings;
    let mut out: Vec<String> = all
        .iter()
        .take(FINDINGS_NAMED)
        .map(|f| {
            let kind = if f.severity == Severity::Breach { "违规" } else { "可疑" };
            format!("{kind}：{}（{}）", f.text, f.rule)
        })
        .collect();
    if all.len() > FINDINGS_NAMED {
        out.push(format!("审核结果共{}条", all.len()));
    }
    out
}

const FIELDS: &[Field] = &[
    must("psn_no", "人员编号", text(30)),
    want("mdtrt_cert_type", "就诊凭证类型", text(6)),
    may("mdtrt_cert_no", "就诊凭证编号", text(50)),
    may("card_sn", "卡识别码", text(32)),
    want("psn_cert_type", "证件类型", text(6)),
    want("certno", "证件号码", text(50)),
    may("psn_type", "人员类别", text(6)),
    may("psn_name", "人员姓名", text(50)),
    may("med_type", "医疗类别", text(6)),
    must("medfee_sumamt", "医疗费总额", MONEY),
    want("psn_setlway", "个人结算方式", code(SETLWAY)),
    must("mdtrt_id", "就诊ID", text(30)),
    may("chrg_bchno", "收费批次号", text(30)),
    must("insutype", "险种类型", text(6)),
    may("acct_used_flag", "个人账户使用标志", code(ACCT_USED)),
    may("mid_setl_flag", "中途结算标志", code(FLAG)),
    may("invono", "发票号", text(50)),
    may("fulamt_ownpay_amt", "全自费金额", MONEY),
    may("overlmt_selfpay", "超限价金额", MONEY),
    may("preselfpay_amt", "先行自付金额", MONEY),
    may("inscp_scp_amt", "符合政策范围金额", MONEY),
    may("insuplc_admdvs", "参保地医保区划", text(6)),
    may("mdtrtarea_admvs", "就医地医保区划", text(6)),
    may("dscgTime", "出院时间", WHEN),
    may("pub_hosp_rfom_flag", "公立医院改革标志", text(6)),
    may("exp_content", "字段扩展", FREE),
];
