//! `rule.toml`: what is known of a rule besides its judgement.

use crate::host::Host;
use crate::library::{RuleProblem, RuleSource};
use crate::param::Param;
use chrono::NaiveDate;
use dingan_core::codes::VisitKind;
use dingan_core::finding::{Scope, Severity, Stage};
use dingan_core::selector::Selector;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where a rule stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Being written; never runs outside its own cases.
    Draft,
    /// Runs on real claims, its findings stay in their run.
    Shadow,
    /// In force.
    Active,
    /// No longer in force. The folder stays, so that its code is not used again.
    Retired,
    /// Cannot run until what it `needs` is delivered.
    Unavailable,
    /// Looks at many persons' claims together: runs over the lake in batch, never while a claim is settled.
    Batch,
}

/// Whose conduct a rule supervises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Object {
    /// 定点医药机构.
    Institution,
    /// 相关人员: physicians, nurses, pharmacists.
    Staff,
    /// 参保人.
    Person,
}

/// 应用场景.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scene {
    /// 住院.
    Inpatient,
    /// 门（急）诊.
    Outpatient,
    /// 购药.
    Pharmacy,
    /// 互联网诊疗.
    Internet,
    /// 异地就医.
    Remote,
}

/// 时间窗口: over what a rule judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Window {
    /// 当次门诊或当次住院.
    Visit,
    /// 单日.
    Day,
    /// 自然月.
    Month,
    /// 每季度.
    Quarter,
    /// 自然年.
    Year,
    /// 其他: `window_days` or a parameter.
    Days,
}

/// `[applies]`: the part of the official metadata that is for people; what a rule runs on is its selector.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Applies {
    /// Whose conduct.
    pub object: Vec<Object>,
    /// Where.
    pub scenes: Vec<Scene>,
    /// Over what time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Types of institution (`medins_type` or its first letter); every type where none is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub institutions: Vec<String>,
}

/// The transactions that bring facts, in the order in which they come: the earliest at which a rule can decide.
pub const TRANSACTIONS: [&str; 15] = [
    "2203", "2204", "2401", "2301", "2402", "2102", "2207", "2304", "3501", "3505", "4101", "4401", "4402", "3605",
    "batch",
];

/// What a finding does to the transaction that raised it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It is kept.
    #[default]
    Record,
    /// The hospital is told.
    Warn,
    /// The transaction is refused.
    Block,
}

/// Effects by transaction (`infno`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Effects {
    /// Where no other is given.
    #[serde(default)]
    pub default: Effect,
    /// By `infno`.
    #[serde(flatten)]
    pub by_transaction: BTreeMap<String, Effect>,
}

/// What a rule rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// The document.
    pub document: String,
    /// The article or annex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub article: String,
    /// Since when it holds.
    pub date: NaiveDate,
}

/// The metadata of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleMeta {
    /// Our own code, never used for another rule.
    pub code: String,
    /// The national number, where there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gz: String,
    /// Title.
    pub title: String,
    /// 违规 or 可疑.
    pub severity: Severity,
    /// When it runs.
    pub stages: Vec<Stage>,
    /// What a finding does.
    #[serde(default)]
    pub effect: Effects,
    /// What it looks at: its script runs once for each line, or once for the claim.
    pub scope: Scope,
    /// How many days of history it needs: other visits that ended (or are still open) no longer
    /// than this before the visit began, and their lines.
    #[serde(default)]
    pub window_days: u32,
    /// What it rests on.
    pub basis: Vec<Basis>,
    /// Where it stands in its life.
    pub status: Status,
    /// Raised with every change of the judgement or a parameter.
    pub version: u32,
    /// Parameters.
    #[serde(default, rename = "param")]
    pub params: BTreeMap<String, Param>,
    /// Facts it needs besides visit, lines and person.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The earliest transaction at which it can be decided: one of [`TRANSACTIONS`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub decidable: String,
    /// The sequence number in the national list of 2025 (1–88); none for rules of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub national: Option<u32>,
    /// What the rule judges by in place of what it is about. A proxy is named one and is never a breach.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub proxy: String,
    /// Exemptions of the central list that it honours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt: Vec<String>,
    /// Rules whose findings on the same lines say no more than this one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subsumes: Vec<String>,
    /// The rest of the official metadata.
    #[serde(default)]
    pub applies: Applies,
    /// Which claims and lines it looks at.
    #[serde(default)]
    pub selector: Selector,
    /// The finding in words; `{name}` stands for a piece of evidence.
    pub message: String,
}

/// The families and the first digit of their codes (review-rules: policy, management, medical; ours: conduct).
const FAMILIES: [(&str, char); 4] = [("policy", '1'), ("management", '2'), ("medical", '3'), ("conduct", '4')];

impl RuleMeta {
    /// The effect on a transaction.
    pub fn effect_on(&self, infno: &str) -> Effect {
        self.effect.by_transaction.get(infno).copied().unwrap_or(self.effect.default)
    }

    /// What must hold beyond the shape.
    pub(crate) fn check(&self, source: &RuleSource) -> Vec<RuleProblem> {
        let mut problems = Vec::new();
        let mut problem = |needle: &str, message: String| {
            problems.push(RuleProblem::at(source.manifest_path(), &source.toml, needle, message));
        };
        let (family, folder) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
        let family = family.rsplit('/').next().unwrap_or_default();
        match FAMILIES.iter().find(|(name, _)| *name == family) {
            None => problem("code", format!("`{family}` is no family; there are policy, management, medical, conduct")),
            Some((_, digit)) => {
                let digits = self.code.strip_prefix("DG").unwrap_or_default();
                if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) || !digits.starts_with(*digit) {
                    problem("code", format!("a code of family `{family}` is DG{digit} and three digits"));
                }
            }
        }
        if !folder.strip_prefix(self.code.as_str()).is_some_and(|rest| rest.starts_with('-')) {
            problem("code", format!("the folder `{folder}` must be named `{}-…`", self.code));
        }
        if self.stages.is_empty() {
            problem("stages", "name at least one stage".into());
        }
        if self.basis.is_empty() {
            problem("title", "a rule needs at least one [[basis]]".into());
        }
        if self.version == 0 {
            problem("version", "versions count from 1".into());
        }
        if self.title.is_empty() || self.message.is_empty() {
            problem("title", "title and message must not be empty".into());
        }
        if self.status == Status::Unavailable && self.needs.is_empty() {
            problem("status", "an unavailable rule says in `needs` what it waits for".into());
        }
        if self.severity == Severity::Breach && !self.proxy.is_empty() {
            problem("severity", "a proxy is always a suspicion".into());
        }
        if !self.decidable.is_empty() && !TRANSACTIONS.contains(&self.decidable.as_str()) {
            problem("decidable", format!("`{}` is not one of {}", self.decidable, TRANSACTIONS.join(", ")));
        }
        if self.scope.is_population() != (self.status == Status::Batch) && self.status != Status::Unavailable {
            problem("status", "rules over many persons have status `batch`, and no others do".into());
        }
        if self.subsumes.contains(&self.code) {
            problem("subsumes", "a rule does not subsume itself".into());
        }
        if self.scope == Scope::Stay && !self.selector.visit.iter().all(|k| k.is_stay()) {
            problem("scope", "a rule of scope `stay` selects stays only".into());
        }
        if self.scope == Scope::Stay && self.selector.visit.is_empty() {
            problem("scope", "a rule of scope `stay` names the kinds of stay in its selector".into());
        }
        let effects = [self.effect.default].into_iter().chain(self.effect.by_transaction.values().copied());
        if self.severity != Severity::Breach && effects.into_iter().any(|e| e == Effect::Block) {
            problem("effect", "only a definite breach may block".into());
        }
        for (name, param) in &self.params {
            if let Err(message) = param.check() {
                problem(&format!("[param.{name}]"), format!("parameter `{name}`: {message}"));
            }
        }
        problems
    }
}

/// What the library asks of every rule of its own beyond what must hold to run.
pub fn incomplete(meta: &RuleMeta, source: &RuleSource) -> Vec<RuleProblem> {
    let mut problems = never_holds(meta, source);
    problems.extend(Host::new().lint(&source.script_path(), &source.rhai, &meta.params));
    let mut lacks = |what: &str| problems.push(RuleProblem::at_start(source.manifest_path(), what));
    if meta.decidable.is_empty() {
        lacks("`decidable` is missing: the earliest transaction at which the rule can be decided");
    }
    if meta.applies.object.is_empty() || meta.applies.scenes.is_empty() || meta.applies.window.is_none() {
        lacks("[applies] names object, scenes and window");
    }
    problems
}

/// Selectors that no claim can fit.
fn never_holds(meta: &RuleMeta, source: &RuleSource) -> Vec<RuleProblem> {
    let mut problems = Vec::new();
    let mut never = |needle: &str, why: String| {
        let message = format!("the selector can never hold: {why}");
        problems.push(RuleProblem::at(source.manifest_path(), &source.toml, needle, message));
    };
    let s = &meta.selector;
    if let (Some(min), Some(max)) = (s.age_min, s.age_max)
        && min > max
    {
        never("age_min", format!("nobody is {min} or older and {max} or younger"));
    }
    if s.age_max.is_some_and(|a| a < 0) {
        never("age_max", "nobody is younger than nothing".into());
    }
    if s.knowledge.as_deref() == Some("") || s.second.as_deref() == Some("") {
        never("[selector]", "no table has an empty name".into());
    }
    if !s.visit.is_empty() && s.visit.iter().all(|k| *k == VisitKind::Pharmacy) && !s.level.is_empty() {
        never("level", "a pharmacy has no level".into());
    }
    if meta.stages == [Stage::Before] && !s.past.is_empty() && meta.window_days == 0 {
        never("past", "without window_days no history is looked at".into());
    }
    problems
}

/// Rules that subsume each other in a circle, or a code that is not there.
pub(crate) fn hierarchy_problems(rules: &[(RuleMeta, &RuleSource)]) -> Vec<RuleProblem> {
    let by_code: BTreeMap<&str, &RuleMeta> = rules.iter().map(|(m, _)| (m.code.as_str(), m)).collect();
    let mut problems = Vec::new();
    for (meta, source) in rules {
        let mut problem =
            |message: String| problems.push(RuleProblem::at(source.manifest_path(), &source.toml, "subsumes", message));
        let mut below: Vec<&str> = meta.subsumes.iter().map(String::as_str).collect();
        let mut seen = BTreeSet::new();
        while let Some(code) = below.pop() {
            if code == meta.code {
                problem("the rule subsumes itself by way of another".into());
                break;
            }
            if seen.insert(code) {
                let next = by_code.get(code).map(|m| &m.subsumes);
                below.extend(next.into_iter().flatten().map(String::as_str));
            }
        }
    }
    problems
}

/// Codes that stand twice.
pub(crate) fn repeated_codes(rules: &[(RuleMeta, &RuleSource)]) -> Vec<RuleProblem> {
    let mut seen = BTreeSet::new();
    rules
        .iter()
        .filter(|(meta, _)| !seen.insert(meta.code.as_str()))
        .map(|(meta, source)| {
            let message = format!("code `{}` is used by another rule; codes are never used twice", meta.code);
            RuleProblem::at(source.manifest_path(), &source.toml, "code", message)
        })
        .collect()
}
