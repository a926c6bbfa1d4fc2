//! What an answer about a settlement must hold: the expected amounts and the identities of the interface.

use super::scenario::{BillLine, Step};
use super::wire::money;
use dingan_core::money::Money;
use serde_json::Value;
use std::collections::BTreeMap;

/// Short names of `expect`, with the national field each stands for.
pub const AMOUNTS: [(&str, &str); 20] = [
    ("total", "medfee_sumamt"),
    ("own", "fulamt_ownpay_amt"),
    ("overlimit", "overlmt_selfpay"),
    ("preself", "preselfpay_amt"),
    ("in_scope", "inscp_scp_amt"),
    ("deductible", "act_pay_dedc"),
    ("hifp", "hifp_pay"),
    ("cvlserv", "cvlserv_pay"),
    ("hifes", "hifes_pay"),
    ("hifmi", "hifmi_pay"),
    ("hifob", "hifob_pay"),
    ("hifdm", "hifdm_pay"),
    ("maf", "maf_pay"),
    ("oth", "oth_pay"),
    ("funds", "fund_pay_sumamt"),
    ("psn", "psn_part_amt"),
    ("account", "acct_pay"),
    ("family", "acct_mulaid_pay"),
    ("cash", "psn_cash_pay"),
    ("hosp", "hosp_part_amt"),
];
/// The own account after the settlement.
pub const BALANCE: (&str, &str) = ("balance", "balc");

/// Amounts that `expect` may name and that are not looked at where it does not.
const OPTIONAL: [(&str, &str); 2] = [("standard", "dedc_std"), ("due", "crt_dedc")];

/// Texts of `setlinfo` that the step names.
pub fn shown(step: &Step, output: &Value, failures: &mut Failures) {
    for (field, want) in &step.shown {
        let found = output["setlinfo"].get(field).and_then(Value::as_str).unwrap_or("(none)");
        failures.same(field, want.as_str(), found);
    }
}

/// What went wrong in a scenario, said with scenario and step.
#[derive(Debug, Default)]
pub struct Failures {
    place: String,
    pub list: Vec<String>,
}

impl Failures {
    /// Where the next failures are.
    pub fn at(&mut self, place: String) {
        self.place = place;
    }
    pub fn say(&mut self, what: impl std::fmt::Display) {
        self.list.push(format!("{}: {what}", self.place));
    }
    /// Compares one field.
    pub fn same<T: PartialEq + std::fmt::Display>(&mut self, field: &str, expected: T, actual: T) {
        if expected != actual {
            self.say(format!("{field}: expected {expected}, got {actual}"));
        }
    }
}

/// The amounts of a `setlinfo`, by national field.
pub fn amounts(info: &Value) -> anyhow::Result<BTreeMap<&'static str, Money>> {
    AMOUNTS.iter().chain([&BALANCE]).map(|(_, field)| Ok((*field, money(info, field)?))).collect()
}

/// Holds a settlement to what the step expects; what is not named must be zero.
pub fn expected(step: &Step, output: &Value, failures: &mut Failures) -> anyhow::Result<()> {
    let found = amounts(&output["setlinfo"])?;
    for name in step.expect.keys() {
        if !AMOUNTS.iter().chain([&BALANCE]).chain(&OPTIONAL).any(|(short, _)| short == name) {
            failures.say(format!("`expect` has the unknown name {name}"));
        }
    }
    for (short, field) in AMOUNTS.iter().chain([&BALANCE]) {
        let want = step.expect.get(*short).copied().unwrap_or_default();
        failures.same(&format!("{short} ({field})"), want, found[field]);
    }
    for (short, field) in OPTIONAL {
        if let Some(want) = step.expect.get(short) {
            failures.same(&format!("{short} ({field})"), *want, money(&output["setlinfo"], field)?);
        }
    }
    let detail = detail(output)?;
    for (code, want) in &step.detail {
        let got = detail.get(code).copied().unwrap_or_default();
        failures.same(&format!("setldetail {code}"), *want, got);
    }
    Ok(())
}

/// `setldetail` by `fund_pay_type`; a fund may have several rows.
fn detail(output: &Value) -> anyhow::Result<BTreeMap<String, Money>> {
    let mut sums: BTreeMap<String, Money> = BTreeMap::new();
    for row in output["setldetail"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let code = row["fund_pay_type"].as_str().unwrap_or_default().to_owned();
        *sums.entry(code).or_default() += money(row, "fund_payamt")?;
    }
    Ok(sums)
}

/// I1 to I5 of interface.md §3.2 on an answer of 2206, 2207, 2208, 2303, 2304 or 2305.
pub fn identities(output: &Value, failures: &mut Failures) -> anyhow::Result<()> {
    let a = amounts(&output["setlinfo"])?;
    let sum = |fields: &[&str]| fields.iter().map(|f| a[f]).sum::<Money>();
    let funds = ["hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "hifdm_pay", "oth_pay"];
    let parts = ["fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt"];
    let detail: Money = detail(output)?.into_values().sum();
    let held = [
        ("I1", a["medfee_sumamt"], sum(&["fund_pay_sumamt", "psn_part_amt", "hosp_part_amt"])),
        ("I2", a["psn_part_amt"], sum(&["acct_pay", "psn_cash_pay"])),
        ("I3", a["fund_pay_sumamt"], sum(&funds)),
        ("I4", a["medfee_sumamt"], sum(&parts)),
        ("I5", detail, sum(&["fund_pay_sumamt", "acct_pay", "hosp_part_amt"])),
    ];
    for (identity, left, right) in held {
        failures.same(identity, left, right);
    }
    Ok(())
}

/// I8 on the lines of an answer of 2204, 2301 or 5204.
pub fn line_identity(rows: &Value, failures: &mut Failures) -> anyhow::Result<()> {
    for row in rows.as_array().map(Vec::as_slice).unwrap_or_default() {
        let [amount, own, over, pre, scope] = split_of(row)?;
        failures.same(&format!("I8 of line {}", row["feedetl_sn"]), amount, own + over + pre + scope);
    }
    Ok(())
}

/// Holds the lines of a settlement (5204) to their splits in `lines.csv`, and their sums to the head (I10).
pub fn lines(
    expected: &[(String, BillLine)],
    rows: &Value,
    info: &Value,
    failures: &mut Failures,
) -> anyhow::Result<()> {
    let none = Vec::new();
    let rows = rows.as_array().unwrap_or(&none);
    failures.same("number of lines", expected.len(), rows.len());
    let mut sums = [Money::ZERO; 5];
    for (_, line) in expected {
        let Some(row) = rows.iter().find(|r| r["feedetl_sn"] == line.no.as_str()) else {
            failures.say(format!("line {} is missing", line.no));
            continue;
        };
        let found = split_of(row)?;
        let want = [line.counts, line.split[0], line.split[1], line.split[2], line.split[3]];
        for (i, (field, _)) in SPLIT.iter().enumerate() {
            failures.same(&format!("line {} {field}", line.no), want[i], found[i]);
            sums[i] += found[i];
        }
    }
    for (i, (field, head)) in SPLIT.iter().enumerate() {
        failures.same(&format!("I10 {field}"), money(info, head)?, sums[i]);
    }
    Ok(())
}

/// The parts of a line, with the fields of the head they add up to.
const SPLIT: [(&str, &str); 5] = [
    ("det_item_fee_sumamt", "medfee_sumamt"),
    ("fulamt_ownpay_amt", "fulamt_ownpay_amt"),
    ("overlmt_amt", "overlmt_selfpay"),
    ("preselfpay_amt", "preselfpay_amt"),
    ("inscp_scp_amt", "inscp_scp_amt"),
];

fn split_of(row: &Value) -> anyhow::Result<[Money; 5]> {
    let mut out = [Money::ZERO; 5];
    for (cell, (field, _)) in out.iter_mut().zip(SPLIT) {
        *cell = money(row, field)?;
    }
    Ok(out)
}
