//! Facts: everything a decision reads, picked and dated. Made by [`crate::resolve::resolve`].

use crate::bundle::{CatalogueItem, Institution, Practitioners};
use crate::claim::{Line, SettleRequest, SettlementList, Visit};
use crate::codes::*;
use crate::history::History;
use crate::money::{Money, Price, Quantity, Rate};
use crate::person::{Balances, PauseKind};
use crate::policy::{BenefitPolicy, Place};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The facts of one claim.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Hash of the bundle they were picked from.
    pub bundle: String,
    /// The visit.
    pub visit: Visit,
    /// How settlement was asked for.
    pub request: SettleRequest,
    /// The institution on the day of the visit.
    pub institution: Arc<Institution>,
    /// Every line in order of (`fee_ocur_time`, `feedetl_sn`), refunds included.
    pub lines: Vec<LineFact>,
    /// The parts that are priced apart: one, or one for each year of a stay split by fee date.
    pub portions: Vec<Portion>,
    /// Account balances before.
    pub balances: Balances,
    /// The family account that may be drawn on.
    pub family_account: Option<String>,
    /// Deductible charged to the visit this one was referred from.
    pub referred_deductible: Money,
    /// Whether that visit's institution and this one belong to one medical consortium.
    pub same_consortium: bool,
    /// The pool the institution lies in: whose catalogue split the lines, and who clears with the institution.
    pub care_area: PoolArea,
    /// The share for which a third party is liable: the visit's, or that of the accident's filing.
    pub third_party_share: Rate,
    /// Whether an earlier part of this stay was settled.
    pub continued: bool,
    /// What rules see of the person besides this claim.
    pub history: History,
    /// Lines netted of their refunds, for rules: without refund lines and wholly refunded ones.
    pub net_lines: Vec<NetLine>,
    /// The register of practitioners, for rules.
    pub practitioners: Arc<Practitioners>,
    /// Settlement lists that have arrived, of this visit and of others.
    pub lists: BTreeMap<VisitId, Arc<SettlementList>>,
}

/// A line with what the catalogue says of it on its day.
#[derive(Debug, Clone)]
pub struct LineFact {
    /// As sent.
    pub line: Line,
    /// The amount that counts: as stated, or the remainder on a last partial refund.
    pub amount: Money,
    /// The catalogue row, none for an unlisted item.
    pub item: Option<Arc<CatalogueItem>>,
    /// Limit price.
    pub limit: Option<Price>,
    /// `overlmt_dspo_way` of the limit price; empty for none.
    pub over_way: String,
    /// Advance self-pay ratio.
    pub self_pay: Rate,
    /// How many units the item's caps per day and stay let through, none without a cap; what is above is
    /// wholly the person's.
    pub room: Option<Quantity>,
    /// For a refund: quantity and amount of the original that were left before it.
    pub left_before: Option<(Quantity, Money)>,
}

/// Who the person is for the portion's dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFacts {
    /// `psn_no`.
    pub no: PersonNo,
    /// Sex.
    pub sex: Sex,
    /// Birth.
    pub birth: NaiveDate,
    /// Full years on the first day.
    pub age: i64,
    /// `insutype`.
    pub insurance: Insurance,
    /// `psn_type`.
    pub person_type: PersonType,
    /// `insuplc_admdvs`.
    pub division: Division,
    /// `cvlserv_flag`.
    pub civil_servant: bool,
    /// Identities that hold, sorted.
    pub identities: Vec<Identity>,
    /// Filings that hold for this care, by kind.
    pub filings: Vec<String>,
    /// Why the insurance gives no benefits, where it does not.
    pub pause: Option<PauseKind>,
    /// Full years of contribution, where known.
    pub contribution_years: Option<i64>,
    /// Full months since the relation began.
    pub insured_months: i64,
}

/// A part of the claim priced with one policy and one benefit year.
#[derive(Debug, Clone)]
pub struct Portion {
    /// Benefit year.
    pub year: i32,
    /// First and last day.
    pub days: (NaiveDate, NaiveDate),
    /// The policy.
    pub policy: Arc<BenefitPolicy>,
    /// Where care was given, seen from the insured's pool.
    pub place: Place,
    /// The person for these dates.
    pub person: PersonFacts,
    /// Indices into [`Facts::lines`].
    pub lines: Vec<usize>,
    /// What each accumulator of the policy holds before, in the policy's order.
    pub accumulators: Vec<Held>,
}

/// What an accumulator holds before a portion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The sum of what lives in its period.
    pub used: Money,
    /// What it holds of this same visit from years before this portion's.
    pub earlier: Money,
    /// The period it counts in.
    pub period: Text,
}

impl Portion {
    /// What an accumulator holds, by its key.
    pub fn held(&self, key: &str) -> Option<&Held> {
        let at = self.policy.accumulators.iter().position(|a| a.key == key)?;
        self.accumulators.get(at)
    }
}

/// A line netted of its refunds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetLine {
    /// Index of the original into [`Facts::lines`].
    pub line: usize,
    /// Net quantity.
    pub quantity: Quantity,
    /// Net amount.
    pub amount: Money,
}

impl Facts {
    /// The person, on the dates of the first portion.
    pub fn person(&self) -> Option<&PersonFacts> {
        self.portions.first().map(|p| &p.person)
    }
    /// Days in hospital: nights between admission and end, at least one; zero for outpatients.
    pub fn stay_days(&self) -> i64 {
        if !self.visit.kind().is_stay() {
            return 0;
        }
        let last = self.portions.last().map_or(self.visit.begin.date(), |p| p.days.1);
        (last - self.visit.begin.date()).num_days().max(1)
    }
    /// The disease a claim is about: the filed one, else the principal diagnosis.
    pub fn disease(&self) -> &str {
        if self.visit.disease.is_empty() {
            self.visit.main_diagnosis().map_or("", |d| d.code.as_str())
        } else {
            self.visit.disease.as_str()
        }
    }
}
