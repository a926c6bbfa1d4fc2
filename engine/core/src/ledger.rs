//! Double entry: every settlement debits who pays and credits the institution; the two sides are equal.

use crate::codes::*;
use crate::decision::Priced;
use crate::facts::Facts;
use crate::money::Money;
use serde::{Deserialize, Serialize};

/// One side of a posting. Positive is debit, negative credit; a settlement's postings sum to zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The account posted to: `fund/390100/460000` (fund of a pool), `account/own/P1`, `account/family/F1`,
    /// `cash/P1`, `hospital-borne/H1`, `institution/H1`, `insured/P1` (paper claims), `clearing/460000/440100` (in the books of the first
    /// pool, what it owes to the second; negative) and `clearing/440100/460000` (what that one has to get).
    pub account: String,
    /// Debit (positive) or credit (negative).
    pub amount: Money,
}

/// The postings of a settlement. An amount of zero posts nothing.
///
/// Care in another pool is paid to the institution by the pool it lies in, and cleared between the two: what
/// the insured's pool pays (funds and accounts) it owes to the pool of care. So each pool's books balance.
pub fn postings(facts: &Facts, priced: &Priced) -> Vec<Posting> {
    let a = &priced.amounts;
    let person = facts.person().map(|p| p.no.clone()).unwrap_or_default();
    let institution = &facts.visit.institution;
    let mut out: Vec<Posting> = Vec::new();
    let mut debit = |account: std::fmt::Arguments<'_>, amount: Money| {
        if !amount.is_zero() {
            out.push(Posting { account: account.to_string(), amount });
        }
    };
    let pool = facts.portions.last().map(|p| p.policy.pool_area.clone()).unwrap_or_default();
    for p in priced.payments.iter().filter(|p| p.fund.is_some()) {
        debit(format_args!("fund/{}/{pool}", p.fund_pay_type), p.amount);
    }
    debit(format_args!("account/own/{person}"), a.account - a.family_account);
    // the account, not the member: another member may draw on it, and this one may leave it
    debit(format_args!("account/family/{}", facts.family_account.as_deref().unwrap_or_default()), a.family_account);
    debit(format_args!("cash/{person}"), a.cash);
    debit(format_args!("hospital-borne/{institution}"), a.hospital);
    debit(format_args!("institution/{institution}"), -a.total);
    if pool != facts.care_area {
        out.extend(between(&pool, &facts.care_area, a.funds + a.account));
    }
    out
}

/// What one pool comes to owe another. Negative, it is credited: it lowers what the next clearing asks for.
pub(crate) fn between(owes: &PoolArea, gets: &PoolArea, amount: Money) -> Vec<Posting> {
    if amount.is_zero() {
        return Vec::new();
    }
    vec![
        Posting { account: format!("clearing/{owes}/{gets}"), amount: -amount },
        Posting { account: format!("clearing/{gets}/{owes}"), amount },
    ]
}

/// What is taken back from the institution after a review of what `settled` posted: each fund gets its share
/// back, in the order of the postings and never more than it paid, and where the care was elsewhere each pool on
/// the way from the funds to it is credited in the clearing of the period in which this is posted. None where it is
/// more than the funds paid.
pub fn deduction(settled: &[Posting], amount: Money) -> Option<Vec<Posting>> {
    let funds: Vec<&Posting> = settled.iter().filter(|p| p.account.starts_with("fund/")).collect();
    let paid: Money = funds.iter().map(|p| p.amount).sum();
    if amount.is_negative() || amount > paid {
        return None;
    }
    let (mut out, mut left) = (Vec::new(), amount);
    let mut by_pool: Vec<(&str, Money)> = Vec::new();
    for p in funds {
        let back = p.amount.min(left);
        left -= back;
        if !back.is_zero() {
            out.push(Posting { account: p.account.clone(), amount: -back });
            let pool = p.account.rsplit('/').next().unwrap_or_default();
            match by_pool.iter_mut().find(|(known, _)| *known == pool) {
                Some((_, sum)) => *sum += back,
                None => by_pool.push((pool, back)),
            }
        }
    }
    let institution = settled.iter().find(|p| p.account.starts_with("institution/"))?;
    if !amount.is_zero() {
        out.push(Posting { account: institution.account.clone(), amount });
    }
    for (pool, back) in by_pool {
        let mut owes = pool;
        // what a pool owes leads to the one that paid the institution: by way of another, where a correction moved it
        for _ in 0..settled.len() {
            let Some(gets) = settled.iter().filter(|p| p.amount.is_negative()).find_map(|p| owed_to(p, owes)) else {
                break;
            };
            out.extend(between(&owes.into(), &gets.into(), -back));
            owes = gets;
        }
    }
    Some(out)
}

/// To which pool this posting says that a pool owes.
fn owed_to<'p>(posting: &'p Posting, owes: &str) -> Option<&'p str> {
    let (from, to) = posting.account.strip_prefix("clearing/")?.split_once('/')?;
    (from == owes).then_some(to)
}

/// What postings move of the funds' money: what they put in or what they take out, whichever is more.
pub fn funds_moved(postings: &[Posting]) -> Money {
    let funds = || postings.iter().filter(|p| p.account.starts_with("fund/")).map(|p| p.amount);
    let out: Money = funds().filter(|a| !a.is_negative()).sum();
    let back: Money = funds().filter(|a| a.is_negative()).sum();
    out.max(-back)
}

/// What a settlement of a paper claim posts, of what the same bill would post online: the person has paid the
/// hospital already, so what funds and accounts pay is owed to the person (`insured/P1`), nothing to the
/// institution, and no other pool has to be paid back.
pub fn to_insured(online: &[Posting], person: &PersonNo) -> Vec<Posting> {
    let pays = |p: &&Posting| p.account.starts_with("fund/") || p.account.starts_with("account/");
    let mut out: Vec<Posting> = online.iter().filter(pays).cloned().collect();
    let paid: Money = out.iter().map(|p| p.amount).sum();
    if !paid.is_zero() {
        out.push(Posting { account: format!("insured/{person}"), amount: -paid });
    }
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
