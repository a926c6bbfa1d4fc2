//! `rebuild_year`: what the settlements of a person would be now, given what lives now.
//!
//! The one function behind reversal notices, late entitlements and corrected policies. It never
//! changes a settlement; it says how each would differ (design §4).

use crate::bundle::Bundle;
use crate::claim::{AccountUse, Claim};
use crate::codes::SettlementId;
use crate::decision::{Amounts, Priced};
use crate::facts::Facts;
use crate::money::Money;
use crate::person::{Balances, PersonFile, SettledLine};
use crate::pricing::price;
use crate::resolve::{ResolveError, resolve};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A settlement that lives, with what it was decided on.
#[derive(Debug, Clone)]
pub struct YearEvent {
    /// `setl_id`.
    pub settlement: SettlementId,
    /// The claim it settled.
    pub claim: Claim,
    /// The amounts it was settled at, or corrected to since.
    pub decided: Amounts,
}

/// How a settlement would differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// `setl_id`.
    pub settlement: SettlementId,
    /// As decided.
    pub was: Amounts,
    /// As it would be; none where it could not be settled at all now.
    pub now: Option<Amounts>,
    /// Why it could not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Difference {
    /// What the funds would pay more (or less, negative).
    pub fn funds_change(&self) -> Money {
        self.now.map_or(Money::ZERO, |n| n.funds) - self.was.funds
    }
}

/// Re-prices settlements in commit order from their own claims. `events` are *all* that live: parts of a
/// stay and shared accumulators hang together. `file` holds the person as known now. Accounts are left out:
/// what was drawn stays drawn, so amounts are compared up to the person's share.
pub fn rebuild_year(events: &[YearEvent], file: &PersonFile, bundle: &Bundle) -> Vec<Difference> {
    let mut out = Vec::new();
    reprice(events, file, bundle, |event, result| {
        let (now, reason) = match result {
            Ok((_, priced)) if shape(&priced.amounts) == shape(&event.decided) => return,
            Ok((_, priced)) => (Some(priced.amounts), String::new()),
            Err(e) => (None, e.to_string()),
        };
        out.push(Difference { settlement: event.settlement.clone(), was: event.decided, now, reason });
    });
    out
}

/// One of the settlements as [`rebuild_year`] finds it: its facts in its place of the order, and what they are
/// priced at. None where it is not among them, or could not be settled at all now.
pub fn rebuilt(
    events: &[YearEvent],
    file: &PersonFile,
    bundle: &Bundle,
    settlement: &SettlementId,
) -> Option<(Facts, Priced)> {
    let mut found = None;
    reprice(events, file, bundle, |event, result| {
        if event.settlement == *settlement {
            found = result.ok().map(|(facts, priced)| (facts.clone(), priced.clone()));
        }
    });
    found
}

fn reprice(
    events: &[YearEvent],
    file: &PersonFile,
    bundle: &Bundle,
    mut each: impl FnMut(&YearEvent, Result<(&Facts, &Priced), &ResolveError>),
) {
    let mut file = file.clone();
    let mut settled: HashMap<crate::codes::VisitId, Vec<SettledLine>> = HashMap::new();
    file.balances = Balances::default();
    file.entries.clear();
    // pricing reads no history of lines
    file.lines.clear();
    // what a visit was charged is what its settlements here come to, for referrals from it
    for v in &mut file.visits {
        v.deductible = Money::ZERO;
    }
    for event in events {
        let mut claim = event.claim.clone();
        claim.request.account_use = AccountUse::None;
        file.settled_lines = settled.get(&claim.visit.id).cloned().unwrap_or_default();
        match resolve(claim, file.clone(), bundle) {
            Ok(facts) => {
                let priced = price(&facts);
                each(event, Ok((&facts, &priced)));
                if let Some(v) = file.visits.iter_mut().find(|v| v.id == facts.visit.id) {
                    v.deductible += priced.amounts.deductible;
                }
                file.entries.extend(priced.entries);
                let part = facts.lines.into_iter().map(|l| SettledLine {
                    settlement: event.settlement.clone(),
                    line: l.line,
                    amount: l.amount,
                });
                settled.entry(facts.visit.id).or_default().extend(part);
            }
            Err(e) => each(event, Err(&e)),
        }
    }
}

/// The amounts without what depends on accounts.
pub fn shape(a: &Amounts) -> Amounts {
    Amounts { account: Money::ZERO, family_account: Money::ZERO, cash: Money::ZERO, balance: Money::ZERO, ..*a }
}
