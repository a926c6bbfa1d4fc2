//! `finding`, `review_run`, `ledger_entry` and `correction`.

use super::{Cell, Held, plain};
use dingan_core::look::{CorrectedRow, FoundRow, LedgerRow, RunRow};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Of a finding's document, what has no column in the store.
#[derive(Deserialize)]
struct Document {
    title: String,
    lines: Vec<String>,
    evidence: BTreeMap<String, String>,
    text: String,
}

/// A document of another shape reads as null; the row stays.
fn document<'a>(r: &FoundRow, f: impl Fn(Document) -> String) -> Cell<'a> {
    Cell::or_null(serde_json::from_str::<Document>(&r.document).ok().map(|d| Cell::Owned(f(d))))
}

/// How a column of `finding` is read.
pub(super) fn finding(column: &str) -> Option<Held<FoundRow>> {
    match column {
        "finding_id" => plain(|r, _| Cell::text(&r.id)),
        "run_id" => plain(|r, _| Cell::text(&r.run)),
        "setl_id" => plain(|r, _| Cell::text(&r.settlement)),
        "mdtrt_id" => plain(|r, _| Cell::text(&r.visit)),
        "psn_no" => plain(|r, _| Cell::text(&r.person)),
        "fixmedins_code" => plain(|r, _| Cell::text(&r.institution)),
        "rule_code" => plain(|r, _| Cell::text(&r.rule)),
        "rule_version" => plain(|r, _| Cell::Units(r.version)),
        "rule_name" => plain(|r, _| document(r, |d| d.title)),
        "severity" => plain(|r, _| Cell::text(&r.severity)),
        "stage" => plain(|r, _| Cell::text(&r.stage)),
        "status" => plain(|r, _| Cell::text(&r.status)),
        "charge_amt" => plain(|r, _| Cell::Units(r.charge.units())),
        "fund_amt" => plain(|r, _| Cell::Units(r.fund.units())),
        "psn_amt" => plain(|r, _| Cell::Units(r.psn.units())),
        "lines" => plain(|r, _| document(r, |d| d.lines.join(","))),
        "evidence" => plain(|r, _| document(r, |d| serde_json::to_string(&d.evidence).unwrap_or_default())),
        "text" => plain(|r, _| document(r, |d| d.text)),
        "found_at" => plain(|r, _| Cell::Time(r.at)),
        "commit_no" => plain(|r, _| Cell::Units(r.commit_no)),
        _ => None,
    }
}

/// How a column of `review_run` is read.
pub(super) fn run(column: &str) -> Option<Held<RunRow>> {
    match column {
        "run_id" => plain(|r, _| Cell::text(&r.id)),
        "cause" => plain(|r, _| Cell::text(&r.cause)),
        "bundle" => plain(|r, _| Cell::text(&r.bundle)),
        "as_of" => plain(|r, _| Cell::Units(r.as_of)),
        "run_at" => plain(|r, _| Cell::Time(r.at)),
        "commit_no" => plain(|r, _| Cell::Units(r.commit_no)),
        _ => None,
    }
}

/// How a column of `ledger_entry` is read.
pub(super) fn ledger(column: &str) -> Option<Held<LedgerRow>> {
    match column {
        "setl_id" => plain(|r, _| Cell::text(&r.settlement)),
        "seq" => plain(|r, _| Cell::Units(r.seq)),
        "account" => plain(|r, _| Cell::text(&r.account)),
        "amount" => plain(|r, _| Cell::Units(r.amount.units())),
        "commit_no" => plain(|r, _| Cell::Units(r.commit_no)),
        _ => None,
    }
}

macro_rules! amount {
    ($field:ident) => {
        plain(|r: &CorrectedRow, _| Cell::Units(r.amounts.$field.units()))
    };
}

/// How a column of `correction` is read.
pub(super) fn correction(column: &str) -> Option<Held<CorrectedRow>> {
    match column {
        "corr_id" => plain(|r, _| Cell::text(&r.id)),
        "init_setl_id" => plain(|r, _| Cell::text(&r.settlement)),
        "kind" => plain(|r, _| Cell::text(&r.kind)),
        "corr_time" => plain(|r, _| Cell::Time(r.at)),
        "psn_no" => plain(|r, _| Cell::text(&r.person)),
        "mdtrt_id" => plain(|r, _| Cell::text(&r.visit)),
        "fixmedins_code" => plain(|r, _| Cell::text(&r.institution)),
        "refd_setl_flag" => plain(|r, _| Cell::flag(r.reversed)),
        "fund_chg_amt" => plain(|r, _| Cell::Units(r.funds.units())),
        "inscp_amt" => amount!(in_scope),
        "act_pay_dedc" => amount!(deductible),
        "hifp_pay" => amount!(hifp),
        "fund_pay_sumamt" => amount!(funds),
        "psn_pay" => amount!(person),
        "acct_pay" => amount!(account),
        "cash_payamt" => amount!(cash),
        "commit_no" => plain(|r, _| Cell::Units(r.commit_no)),
        _ => None,
    }
}
