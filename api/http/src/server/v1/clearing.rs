//! What pools owe each other by month: statements of the clearing accounts of the ledger.

use super::super::App;
use super::super::problem::ApiProblem;
use super::input::{Asked, Code, Codes};
use super::manual::place;
use super::people::ListQuery;
use super::{Answer, Page};
use axum::Json;
use axum::extract::State;
use chrono::{Months, NaiveDate};
use dingan_core::money::Money;
use serde::Serialize;

/// What one pool owes another of a month.
#[derive(Serialize)]
pub(crate) struct Owed {
    from: String,
    to: String,
    count: i64,
    amount: Money,
}

/// What a settlement, reversal, correction or deduction adds to it.
#[derive(Serialize)]
pub(crate) struct Cleared {
    setl_id: String,
    init_setl_id: Option<String>,
    kind: String,
    time: String,
    psn_no: String,
    mdtrt_id: String,
    fixmedins_code: String,
    optins_pay_sumamt: Money,
}

/// First moment of a month `YYYY-MM` and of the next, as commits are dated.
fn month(text: &str) -> Result<(String, String), ApiProblem> {
    let bad = || ApiProblem::bad("MONTH_REFUSED", "the month is YYYY-MM");
    let digits =
        text.len() == 7 && text.bytes().enumerate().all(|(i, b)| if i == 4 { b == b'-' } else { b.is_ascii_digit() });
    let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok().filter(|_| digits).ok_or_else(bad)?;
    let next = first.checked_add_months(Months::new(1)).ok_or_else(bad)?;
    Ok((format!("{first}T00:00:00"), format!("{next}T00:00:00")))
}

/// What each pool owes each other of a month. A pair stands twice, once as each of the two has it in its books.
pub(super) async fn totals(State(app): State<App>, Codes(m): Codes<Code>) -> Answer<Vec<Owed>> {
    let (first, next) = month(&m.0)?;
    let rows = app.agency.store().snapshot().await?.cleared_totals((&first, &next)).await?;
    let owed = |(account, count, amount): (String, i64, Money)| {
        let (from, to) = account.strip_prefix("clearing/")?.split_once('/')?;
        Some(Owed { from: from.to_owned(), to: to.to_owned(), count, amount })
    };
    Ok(Json(rows.into_iter().filter_map(owed).collect()))
}

/// What makes up what one pool owes another of a month.
pub(super) async fn statement(
    State(app): State<App>,
    Codes((m, from, to)): Codes<(Code, Code, Code)>,
    Asked(q): Asked<ListQuery>,
) -> Answer<Page<Cleared>> {
    let (first, next) = month(&m.0)?;
    let limit = q.limit()?;
    let after = place(q.after())?;
    let account = format!("clearing/{}/{}", from.0, to.0);
    let mut snap = app.agency.store().snapshot().await?;
    let rows = snap.cleared(&account, (&first, &next), after, i64::from(limit)).await?;
    let next = rows.last().filter(|_| rows.len() == usize::from(limit)).map(|(no, r)| format!("{no}:{}", r.id));
    let item = |(_, r): (i64, dingan_store::ClearedRow)| Cleared {
        setl_id: r.id.to_string(),
        init_setl_id: r.init.map(|i| i.to_string()),
        kind: r.kind,
        time: r.at.to_string(),
        psn_no: r.person.to_string(),
        mdtrt_id: r.visit.to_string(),
        fixmedins_code: r.institution.to_string(),
        optins_pay_sumamt: r.owed,
    };
    Ok(Json(Page { items: rows.into_iter().map(item).collect(), next }))
}
