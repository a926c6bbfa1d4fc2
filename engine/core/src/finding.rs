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
    /// Offending lines, each with the units at stake; none for all of its net quantity.
    /// Empty: the whole claim is at stake.
    pub lines: Vec<(LineNo, Option<Quantity>)>,
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

/// The outcome of a review.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// What was raised.
    pub hits: Vec<Hit>,
    /// What could not be decided.
    pub undecided: Vec<Undecided>,
    /// What failed.
    pub failures: Vec<RuleFailure>,
}

/// A library of rules, compiled. Pure and deterministic: the same facts give the same review.
pub trait RuleSet: Send + Sync {
    /// Runs every active rule of the stage.
    fn review(&self, facts: &Arc<Facts>, stage: Stage) -> Review;
}

/// No rules at all: pricing alone.
#[derive(Debug, Clone, Copy)]
pub struct NoRules;

impl RuleSet for NoRules {
    fn review(&self, _: &Arc<Facts>, _: Stage) -> Review {
        Review::default()
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
    /// The funds' share of it, by the allocation of [`allocate`].
    pub fund: Money,
    /// The person's share of it.
    pub person: Money,
    /// Evidence.
    pub evidence: BTreeMap<String, String>,
    /// In words.
    pub text: String,
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
