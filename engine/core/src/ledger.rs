//! Double entry: every settlement debits who pays and credits the institution; the two sides are equal.

use crate::codes::*;
use crate::decision::Priced;
use crate::facts::Facts;
use crate::money::Money;
use serde::{Deserialize, Serialize};

/// One side of a posting. Positive is debit, negative credit; a settlement's postings sum to zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The account posted to: `fund/390100`, `account/own/P1`, `account/family/F1`, `cash/P1`, `hospital-borne/H1`, `institution/H1`.
    pub account: String,
    /// Debit (positive) or credit (negative).
    pub amount: Money,
}

/// The postings of a settlement. An amount of zero posts nothing.
pub fn postings(facts: &Facts, priced: &Priced) -> Vec<Posting> {
    let a = &priced.amounts;
    let person = facts.person().map(|p| p.no.clone()).unwrap_or_default();
    let institution = &facts.visit.institution;
    let mut out: Vec<Posting> = Vec::new();
    let mut debit = |account: String, amount: Money| {
        if !amount.is_zero() {
            out.push(Posting { account, amount });
        }
    };
    for p in priced.payments.iter().filter(|p| p.fund.is_some()) {
        debit(format!("fund/{}", p.fund_pay_type), p.amount);
    }
    debit(format!("account/own/{person}"), a.account - a.family_account);
    // the account, not the member: another member may draw on it, and this one may leave it
    debit(format!("account/family/{}", facts.family_account.as_deref().unwrap_or_default()), a.family_account);
    debit(format!("cash/{person}"), a.cash);
    debit(format!("hospital-borne/{institution}"), a.hospital);
    debit(format!("institution/{institution}"), -a.total);
    out
}

/// The counter-entries of a reversal.
pub fn reversed(postings: &[Posting]) -> Vec<Posting> {
    postings.iter().map(|p| Posting { account: p.account.clone(), amount: -p.amount }).collect()
}

/// Whether debits and credits are equal.
pub fn balances(postings: &[Posting]) -> bool {
    postings.iter().map(|p| p.amount).sum::<Money>().is_zero()
}

/// The account codes of the fund list that are accounts, not funds (interface.md §3.2 I5).
pub fn is_account_code(code: &FundCode) -> bool {
    code.as_str().starts_with("3102")
}
