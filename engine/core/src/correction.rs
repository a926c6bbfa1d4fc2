//! What a settlement comes to afterwards, without touching it: a correction (the amounts it would have now, once
//! somebody decided to apply them) and a deduction (what a review takes back from the institution).
//!
//! Both only post differences, so the settlement stays what it was. The bill was paid when it was settled: what a
//! correction moves is between the funds and the person, and the institution has no part in it but for what it bears
//! itself. A deduction is between the funds and the institution, and the person has no part in it.

use crate::adjudicate::ENGINE;
use crate::bundle::Bundle;
use crate::codes::*;
use crate::decision::{Amounts, Priced};
use crate::facts::Facts;
use crate::ledger::{Posting, between, deduction, postings};
use crate::money::Money;
use crate::person::PersonFile;
use crate::rebuild::{YearEvent, rebuilt};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A correction. It is written as JSON in the order of the fields here; the same facts give the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Version of the engine that made it.
    pub engine: Cow<'static, str>,
    /// Hash of the bundle.
    pub bundle: String,
    /// The settlement it belongs to (`init_setl_id`).
    pub settlement: SettlementId,
    /// The amounts before.
    pub was: Amounts,
    /// The amounts from now on.
    pub now: Amounts,
    /// The settlement priced again in its place of the year, as if nothing had been drawn on accounts.
    pub priced: Priced,
    /// Double-entry postings of the difference.
    pub postings: Vec<Posting>,
}

/// What is taken back from an institution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deduction {
    /// Version of the engine that made it.
    pub engine: Cow<'static, str>,
    /// The settlement it belongs to (`init_setl_id`).
    pub settlement: SettlementId,
    /// How much.
    pub amount: Money,
    /// Double-entry postings.
    pub postings: Vec<Posting>,
}

/// What was drawn on an account for a settlement and has not gone back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The account as the ledger names it: `account/own/P1`, `account/family/F1`.
    pub account: String,
    /// How much.
    pub amount: Money,
}

/// What is posted for a settlement before it is corrected.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// What it and its corrections posted, deductions left out: they are no matter of the person's.
    pub posted: Vec<Posting>,
    /// What is drawn on accounts. It goes back to them in the reverse of this order.
    pub drawn: Vec<Drawn>,
}

/// Corrects one of the settlements of a person to what it would be now. `events`, `file` and `bundle` are what
/// [`crate::rebuild::rebuild_year`] takes. None where it is not among them, or could not be settled at all now.
pub fn correct(
    events: &[YearEvent],
    file: &PersonFile,
    bundle: &Bundle,
    settlement: &SettlementId,
    books: &Books,
) -> Option<Correction> {
    let was = events.iter().find(|e| e.settlement == *settlement)?.decided;
    let (facts, priced) = rebuilt(events, file, bundle, settlement)?;
    let (now, returned) = corrected(&was, &priced.amounts, &books.drawn);
    let postings = differences(&books.posted, &facts, &priced, &returned);
    let engine = Cow::Borrowed(ENGINE);
    Some(Correction { engine, bundle: facts.bundle, settlement: settlement.clone(), was, now, priced, postings })
}

/// Takes an amount back from the institution of a settlement, of what it and all that came after posted. None where
/// it is not above zero or more than the funds have paid, or the institution was paid nothing.
pub fn deduct(settlement: &SettlementId, posted: &[Posting], amount: Money) -> Option<Deduction> {
    if amount <= Money::ZERO {
        return None;
    }
    let postings = deduction(&net(posted), amount)?;
    Some(Deduction { engine: Cow::Borrowed(ENGINE), settlement: settlement.clone(), amount, postings })
}

/// Each account once, in the order of the first posting to it; those that come to nothing left out.
pub fn net(posted: &[Posting]) -> Vec<Posting> {
    let mut out: Vec<Posting> = Vec::new();
    for p in posted {
        match out.iter_mut().find(|o| o.account == p.account) {
            Some(o) => o.amount += p.amount,
            None => out.push(p.clone()),
        }
    }
    out.retain(|p| !p.amount.is_zero());
    out
}

/// The amounts from now on, and what goes back to accounts: what is drawn stays drawn as far as the person still has
/// so much to bear. Nobody is paid in cash what came from an account.
fn corrected(was: &Amounts, now: &Amounts, drawn: &[Drawn]) -> (Amounts, Vec<Drawn>) {
    let all: Money = drawn.iter().map(|d| d.amount).sum();
    let mut left = (all - now.person).at_least_zero();
    let mut returned = Vec::new();
    for d in drawn.iter().rev() {
        let amount = d.amount.min(left);
        left -= amount;
        if !amount.is_zero() {
            returned.push(Drawn { account: d.account.clone(), amount });
        }
    }
    let of_family = |d: &&Drawn| d.account.starts_with("account/family/");
    let back: Money = returned.iter().map(|d| d.amount).sum();
    let to_family: Money = returned.iter().filter(of_family).map(|d| d.amount).sum();
    let account = was.account - back;
    let amounts = Amounts {
        account,
        family_account: was.family_account - to_family,
        cash: now.person - account,
        balance: was.balance,
        ..*now
    };
    (amounts, returned)
}

/// What has to be posted so that funds and institution have borne what they would now; the person is owed the rest,
/// or owes it. Where another pool pays now, it pays the first one back.
fn differences(posted: &[Posting], facts: &Facts, priced: &Priced, returned: &[Drawn]) -> Vec<Posting> {
    // a paper claim owes the institution nothing, and gets nothing from it
    let online = posted.iter().any(|p| p.account.starts_with("institution/"));
    let counts = |p: &&Posting| p.account.starts_with("fund/") || (online && p.account.starts_with("hospital-borne/"));
    let mut change: BTreeMap<String, Money> = BTreeMap::new();
    for p in posted.iter().filter(counts) {
        *change.entry(p.account.clone()).or_default() -= p.amount;
    }
    for p in postings(facts, priced).iter().filter(counts) {
        *change.entry(p.account.clone()).or_default() += p.amount;
    }
    let mut out: Vec<Posting> = change.into_iter().map(|(account, amount)| Posting { account, amount }).collect();
    out.extend(returned.iter().map(|d| Posting { account: d.account.clone(), amount: -d.amount }));
    out.retain(|p| !p.amount.is_zero());
    let owed: Money = out.iter().map(|p| p.amount).sum();
    if let Some(person) = facts.person().filter(|_| !owed.is_zero()) {
        out.push(Posting { account: format!("insured/{}", person.no), amount: -owed });
    }
    let pays = facts.portions.last().map(|p| p.policy.pool_area.clone()).unwrap_or_default();
    for (pool, paid) in paid_by_pool(posted) {
        if pool != pays {
            out.extend(between(&pays, &pool, paid));
        }
    }
    out
}

/// What funds have paid by pool.
fn paid_by_pool(posted: &[Posting]) -> BTreeMap<PoolArea, Money> {
    let mut out: BTreeMap<PoolArea, Money> = BTreeMap::new();
    for p in posted {
        if let Some((_, pool)) = p.account.strip_prefix("fund/").and_then(|a| a.split_once('/')) {
            *out.entry(pool.into()).or_default() += p.amount;
        }
    }
    out
}
