//! The ledger's totals, and the audit log.

use super::super::App;
use super::super::problem::ApiProblem;
use super::input::Asked;
use super::{Answer, Page};
use axum::Json;
use axum::extract::State;
use dingan_core::money::Money;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Totals of the ledger.
#[derive(Debug, Serialize)]
pub(crate) struct Ledger {
    /// Whether every settlement, and the whole, sums to zero.
    balanced: bool,
    /// The sum, in yuan.
    sum: Money,
    /// By group of accounts, in yuan.
    accounts: BTreeMap<String, Money>,
}

/// Totals of the ledger by group of accounts; they sum to zero.
pub(super) async fn ledger(State(app): State<App>) -> Answer<Ledger> {
    let mut snap = app.agency.store().snapshot().await?;
    let (totals, unbalanced) = (snap.ledger_totals().await?, snap.unbalanced().await?);
    let sum: Money = totals.iter().map(|(_, m)| *m).sum();
    Ok(Json(Ledger { balanced: sum.is_zero() && unbalanced.is_empty(), sum, accounts: totals.into_iter().collect() }))
}

/// Which rows of the audit log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    /// Rows after this number; from the first one where not given.
    #[serde(default)]
    after: u32,
    /// At most so many.
    #[serde(default = "hundred")]
    limit: u16,
}

fn hundred() -> u16 {
    100
}

/// A row of the audit log.
#[derive(Debug, Serialize)]
pub(crate) struct AuditItem {
    /// Counts from 1 without gaps.
    seq: i64,
    /// The commit it came with.
    commit_no: i64,
    /// When, local civil time.
    at: String,
    /// Account, key, or user of the command line.
    who: String,
    /// What was done.
    what: String,
    /// To what.
    subject: String,
    /// More.
    detail: Value,
    /// SHA-256 over the hash of the row before and this row.
    hash: String,
}

/// The audit log, oldest first.
pub(super) async fn audit(State(app): State<App>, Asked(q): Asked<AuditQuery>) -> Answer<Page<AuditItem>> {
    if !(1..=1000).contains(&q.limit) {
        return Err(ApiProblem::bad("QUERY_REFUSED", "limit is 1 to 1000"));
    }
    let mut snap = app.agency.store().snapshot().await?;
    let rows = snap.audit(i64::from(q.after), i64::from(q.limit)).await?;
    let next = rows.last().filter(|_| rows.len() == usize::from(q.limit)).map(|r| r.seq.to_string());
    let item = |r: dingan_store::AuditRow| AuditItem {
        seq: r.seq,
        commit_no: r.commit_no,
        at: r.at,
        who: r.who,
        what: r.what,
        subject: r.subject,
        detail: serde_json::from_str(&r.detail).unwrap_or(Value::String(r.detail)),
        hash: r.hash,
    };
    Ok(Json(Page { items: rows.into_iter().map(item).collect(), next }))
}
