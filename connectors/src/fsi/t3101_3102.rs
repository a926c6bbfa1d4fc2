//! 3101 明细审核事前分析服务, 3102 明细审核事中分析服务: orders checked before and while they are settled.
//!
//! One row of `result` for each finding; none means clean. Where orders under judgement are marked
//! (`curr_drord_flag`), a finding that touches none of them is not repeated. A rule that could not
//! decide is named in `warn_msg`, never taken for clean.

use super::call::{Call, Ran};
use super::fields::Table;
use super::limits::{FINDING_CHARS, PATHS_NAMED, cut};
use super::notes::Failure;
use super::review_input::{self, Patient};
use super::value::{self, money, object};
use crate::desk::{Checked, Desk, Reply};
use dingan_core::codes::LineNo;
use dingan_core::finding::{Finding, Stage};
use dingan_core::money::Money;
use serde_json::Value;

pub(crate) static TABLES: &[&Table] = review_input::TABLES;

pub(crate) async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> Ran {
    let stage = if call.route.base == "3101" { Stage::Before } else { Stage::During };
    let by = call.by.clone();
    let patients = call.read(|reader, input| review_input::read(reader, input, &by, stage))?;
    let mut rows = Vec::new();
    let mut undecided: Vec<String> = Vec::new();
    let mut failed = 0;
    for patient in patients {
        let Patient { ask, orders, path, order_paths } = patient;
        let (person, visit) = (ask.claim.visit.person.clone(), ask.claim.visit.id.clone());
        let checked = desk.precheck(&call.by, ask).await.map_err(|r| {
            let order = r.line.and_then(|n| order_paths.get(n));
            let at = match (order, r.field) {
                (Some(order), Some(field)) => format!("{order}/{field}"),
                (Some(order), None) => order.clone(),
                (None, _) => path,
            };
            Failure::Refused(Box::new(r), Some(at))
        })?;
        let judged = orders.values().any(|(_, current)| *current);
        let touches = |f: &Finding| {
            let mut lines = f.lines.iter().chain(f.related.iter().map(|r| &r.line));
            !judged || f.lines.is_empty() || lines.any(|l| orders.get(l).is_some_and(|(_, current)| *current))
        };
        let amount = |l: &LineNo| orders.get(l).map_or(Money::ZERO, |(amount, _)| *amount);
        let whose = Whose { run: &checked.run, person: person.as_str(), visit: visit.as_str() };
        rows.extend(checked.findings.iter().filter(|f| touches(f)).map(|f| result(f, &whose, &amount)));
        gather(&checked, &mut undecided);
        failed += checked.failed;
    }
    if !undecided.is_empty() {
        let named: Vec<&str> = undecided.iter().take(PATHS_NAMED).map(String::as_str).collect();
        let more = if undecided.len() > named.len() { format!("等{}条", undecided.len()) } else { String::new() };
        call.notes.say(format!("资料不足未能判定的规则：{}{more}", named.join("、")));
    }
    if failed > 0 {
        call.notes.say(format!("{failed}条规则执行失败，将转人工审核"));
    }
    Ok(Reply::of(&object([("result", Value::Array(rows))])))
}

fn gather(checked: &Checked, undecided: &mut Vec<String>) {
    for u in &checked.undecided {
        let text = format!("{}（缺{}）", u.rule, u.missing);
        if !undecided.contains(&text) {
            undecided.push(text);
        }
    }
}

/// Which run found it, on whom.
struct Whose<'a> {
    run: &'a str,
    person: &'a str,
    visit: &'a str,
}

fn result(f: &Finding, whose: &Whose<'_>, amount: &impl Fn(&LineNo) -> Money) -> Value {
    let evidence: Vec<String> = f.evidence.iter().map(|(k, v)| format!("{k}：{v}")).collect();
    object([
        ("jr_id", value::text(f.id.as_str())),
        ("rule_id", value::text(f.rule.as_str())),
        ("rule_name", value::text(f.title.as_str())),
        ("vola_cont", value::text(cut(&f.text, FINDING_CHARS))),
        ("patn_id", value::text(whose.person)),
        ("mdtrt_id", value::text(whose.visit)),
        ("judge_result_detail_dtos", Value::Array(details(f, whose, amount))),
        ("vola_amt", money(f.charge)),
        // 1: calculated as it should be
        ("vola_amt_stas", value::text("1")),
        ("sev_deg", value::text(f.severity.degree().to_string())),
        ("vola_evid", value::text(cut(&evidence.join("；"), FINDING_CHARS))),
        // 1 about the visit, 2 about items
        ("vola_bhvr_type", value::text(if f.lines.is_empty() { "1" } else { "2" })),
        ("task_id", value::text(whose.run)),
    ])
}

/// Offending lines, each with what it adds to the charge at stake, then what they conflict with. A finding without
/// parts is divided by the lines' amounts; the last one takes what rounding leaves.
fn details(f: &Finding, whose: &Whose<'_>, amount: &impl Fn(&LineNo) -> Money) -> Vec<Value> {
    let mut out = Vec::new();
    let mut detail = |rx: &str, visit: &str, kind: &str, amount: Money| {
        out.push(object([
            ("jrd_id", value::text(format!("{}-{}", f.id, out.len() + 1))),
            ("patn_id", value::text(whose.person)),
            ("mdtrt_id", value::text(visit)),
            ("rx_id", value::text(rx)),
            ("vola_item_type", value::text(kind)),
            ("vola_amt", money(amount)),
        ]));
    };
    let whole: Money = f.lines.iter().map(amount).sum();
    let mut left = f.charge;
    for (i, line) in f.lines.iter().enumerate() {
        let part = match f.parts.get(i).filter(|_| f.parts.len() == f.lines.len()) {
            Some(part) => part.charge,
            None if i + 1 == f.lines.len() => left,
            None => f.charge.share(amount(line), whole),
        };
        left -= part;
        detail(line.as_str(), whose.visit, "1", part);
    }
    if f.lines.is_empty() {
        detail("", whose.visit, "1", f.charge);
    }
    for related in &f.related {
        let visit = if related.visit.is_empty() { whose.visit } else { related.visit.as_str() };
        detail(related.line.as_str(), visit, "2", Money::ZERO);
    }
    out
}
