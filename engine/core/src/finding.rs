//! What rules say, and the trait by which `core` asks them without knowing how they are written.

use crate::codes::*;
use crate::facts::Facts;
use crate::money::{Money, Quantity};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// 违规 or 可疑 with its degree; `sev_deg` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// 1 明确违规: a definite breach.
    Breach,
    /// 2 高度可疑.
    HighlySuspicious,
    /// 3 轻度可疑.
    Suspicious,
}

impl Severity {
    /// `sev_deg`.
    pub fn degree(self) -> u8 {
        match self {
            Self::Breach => 1,
            Self::HighlySuspicious => 2,
            Self::Suspicious => 3,
        }
    }
}

/// When a review runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// 事前: on order or registration (3101).
    Before,
    /// 事中: on pre-settlement and settlement (3102, 2206/2207, 2303/2304).
    During,
    /// 事后: over what is settled.
    After,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// One line.
    Line,
    /// One claim.
    Claim,
    /// One stay.
    Stay,
    /// The person's history.
    Person,
    /// A bed of a ward, over the stays of many persons. This and the scopes below are population rules: they
    /// run over the lake, after the fact only.
    Bed,
    /// A practitioner.
    Practitioner,
    /// An institution.
    Institution,
    /// An account or card.
    Account,
    /// A group of persons.
    Group,
}

impl Scope {
    /// Whether rules of the scope look at many persons' claims together.
    pub fn is_population(self) -> bool {
        matches!(self, Self::Bed | Self::Practitioner | Self::Institution | Self::Account | Self::Group)
    }
}

/// Something outside the offending lines that a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Related {
    /// The visit, where it is another one.
    #[serde(default, skip_serializing_if = "VisitId::is_empty")]
    pub visit: VisitId,
    /// The line, where it is one.
    #[serde(default, skip_serializing_if = "LineNo::is_empty")]
    pub line: LineNo,
}

/// A part of a line, net of its refunds; what is more than the line counts as all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// So many of its units.
    Units(Quantity),
    /// So much of its amount.
    Amount(Money),
}

/// What one rule raised, before amounts are put to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Rule code.
    pub rule: String,
    /// Rule version.
    pub version: u32,
    /// Title.
    pub title: String,
    /// Severity.
    pub severity: Severity,
    /// Offending lines, each with the part at stake; none for all of it.
    /// Empty: the whole claim is at stake.
    pub lines: Vec<(LineNo, Option<Part>)>,
    /// What it conflicts with.
    pub related: Vec<Related>,
    /// The period looked at, for the finding's identity; empty for the claim's own.
    pub period: String,
    /// Named evidence, as text.
    pub evidence: BTreeMap<String, String>,
    /// The finding in words.
    pub text: String,
}

/// A rule that could not decide because a fact is not there yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undecided {
    /// Rule code.
    pub rule: String,
    /// Rule version.
    pub version: u32,
    /// The fact it waits for.
    pub missing: String,
}

/// A rule that failed or went over its budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFailure {
    /// Rule code.
    pub rule: String,
    /// Rule version.
    pub version: u32,
    /// What went wrong.
    pub error: String,
}

/// A rule that was not applied, or to a part of the claim only, because an exemption of the central list holds.
/// Kept, so that exemptions are counted when they are used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exempted {
    /// Rule code.
    pub rule: String,
    /// Rule version.
    pub version: u32,
    /// The exemption's name.
    pub exemption: String,
}

/// The outcome of a review.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// What was raised.
    pub hits: Vec<Hit>,
    /// What could not be decided.
    pub undecided: Vec<Undecided>,
    /// What failed.
    pub failures: Vec<RuleFailure>,
    /// What was exempted.
    pub exempted: Vec<Exempted>,
}

/// A library of rules, compiled. Pure and deterministic: the same facts give the same review.
pub trait RuleSet: Send + Sync {
    /// Runs every active rule of the stage.
    fn review(&self, facts: &Arc<Facts>, stage: Stage) -> Review;

    /// Whether a finding of one rule holds all that a finding of another says about the same lines: the
    /// hierarchy of findings.
    fn subsumes(&self, _rule: &str, _other: &str) -> bool {
        false
    }
}

/// No rules at all: pricing alone.
#[derive(Debug, Clone, Copy)]
pub struct NoRules;

impl RuleSet for NoRules {
    fn review(&self, _: &Arc<Facts>, _: Stage) -> Review {
        Review::default()
    }
}

/// The three amounts of a finding: charge = funds' share + person's share + what the hospital bore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stake {
    /// The charge.
    pub charge: Money,
    /// The funds' share.
    pub fund: Money,
    /// The person's share.
    pub person: Money,
}

impl Stake {
    /// Whether nothing is at stake.
    pub fn is_zero(&self) -> bool {
        self.charge.is_zero() && self.fund.is_zero() && self.person.is_zero()
    }
}

/// A finding as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its identity: a hash of rule code, subject, offending lines and period. A later run with the
    /// same identity confirms or changes this finding, it never makes a second one.
    pub id: String,
    /// Rule code.
    pub rule: String,
    /// Rule version.
    pub version: u32,
    /// Title.
    pub title: String,
    /// Severity.
    pub severity: Severity,
    /// Stage of the run.
    pub stage: Stage,
    /// Offending lines.
    pub lines: Vec<LineNo>,
    /// What it conflicts with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// Charge at stake.
    pub charge: Money,
    /// The funds' share of it, by the allocation of [`allocate`]; zero while it is open.
    pub fund: Money,
    /// The person's share of it.
    pub person: Money,
    /// The claim is paid by group, case or day: what the funds pay for it, and so their share of this, is known
    /// at group settlement and not before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fund_open: bool,
    /// What each of the offending lines adds to the three amounts, in their order; none where the whole claim is
    /// at stake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Stake>,
    /// What of the three amounts no finding above this one has counted ([`crate::stake::count_once`]).
    #[serde(default, skip_serializing_if = "Stake::is_zero")]
    pub counted: Stake,
    /// Evidence.
    pub evidence: BTreeMap<String, String>,
    /// In words.
    pub text: String,
}

impl Finding {
    /// Whether it may refuse payment by itself: a definite breach on a claim paid by item. Anything else opens a
    /// case.
    pub fn refuses_by_itself(&self) -> bool {
        self.severity == Severity::Breach && !self.fund_open
    }
}

/// The identity of a finding: the first 24 hexadecimal digits of a SHA-256.
pub fn identity(rule: &str, facts: &Facts, lines: &[LineNo], related: &[Related], period: &str) -> String {
    let mut h = Sha256::new();
    // lengths are part of what is hashed, so that no two lists run into each other
    let mut put = |s: &str| {
        h.update(s.len().to_le_bytes());
        h.update(s.as_bytes());
    };
    put(rule);
    put(facts.visit.person.as_str());
    put(facts.visit.id.as_str());
    put(period);
    for l in lines {
        put(l.as_str());
    }
    for r in related {
        put(r.visit.as_str());
        put(r.line.as_str());
    }
    h.finalize().iter().take(12).map(|b| format!("{b:02x}")).collect()
}

/// The share of `whole` (what the funds pay for the claim) that falls on a part of its scope:
/// proportional to the amounts in scope, rounded to the fen. Never more than the part itself.
pub fn allocate(whole: Money, part_in_scope: Money, in_scope: Money) -> Money {
    whole.share(part_in_scope, in_scope).min(part_in_scope).at_least_zero()
}
