//! The selector: which claims and lines a rule looks at, as data. `rules` turns it into a native
//! predicate; later the lake turns the same data into a pushed-down filter.

use crate::codes::*;
use crate::facts::{Facts, LineFact};
use crate::knowledge::Knowledge;
use serde::{Deserialize, Serialize};

/// Every list given must match; an empty selector lets everything through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selector {
    /// Kinds of visit.
    pub visit: Vec<VisitKind>,
    /// `insutype`.
    pub insurance: Vec<Insurance>,
    /// Level of the institution.
    pub level: Vec<Level>,
    /// Sex of the person.
    pub sex: Vec<Sex>,
    /// Least age.
    pub age_min: Option<i64>,
    /// Greatest age.
    pub age_max: Option<i64>,
    /// `list_type` of the line's item.
    pub list_type: Vec<String>,
    /// `med_chrgitm_type` of the line's item.
    pub charge_type: Vec<String>,
    /// Prefixes of the line's item code.
    pub item: Vec<String>,
    /// The line's item stands in this knowledge table.
    pub knowledge: Option<String>,
    /// This knowledge table names the line's item as the second of a pair.
    pub second: Option<String>,
    /// The line's item belongs to a drug group.
    pub grouped: bool,
    /// The person has another visit of one of these kinds.
    pub past: Vec<VisitKind>,
}

impl Selector {
    /// The part that concerns the claim.
    pub fn claim(&self, facts: &Facts) -> bool {
        let Some(p) = facts.person() else { return false };
        (self.visit.is_empty() || self.visit.contains(&facts.visit.kind()))
            && (self.insurance.is_empty() || self.insurance.contains(&facts.visit.insurance))
            && (self.level.is_empty() || self.level.contains(&facts.institution.deductible_level))
            && (self.sex.is_empty() || self.sex.contains(&p.sex))
            && self.age_min.is_none_or(|a| p.age >= a)
            && self.age_max.is_none_or(|a| p.age <= a)
            && (self.past.is_empty() || facts.history.visits.iter().any(|v| self.past.contains(&v.kind())))
    }

    /// The part that concerns a line.
    pub fn line(&self, line: &LineFact, knowledge: &Knowledge) -> bool {
        let item = line.item.as_ref();
        (self.list_type.is_empty() || item.is_some_and(|i| self.list_type.contains(&i.list_type)))
            && (self.charge_type.is_empty() || item.is_some_and(|i| self.charge_type.contains(&i.charge_type)))
            && (self.item.is_empty() || self.item.iter().any(|p| line.line.item.as_str().starts_with(p.as_str())))
            && self.knowledge.as_ref().is_none_or(|t| knowledge.has(t, &line.line.item))
            && self.second.as_ref().is_none_or(|t| knowledge.has_pair_with(t, &line.line.item))
            && (!self.grouped || item.is_some_and(|i| !i.drug_group.is_empty()))
    }

    /// Whether it speaks of lines at all.
    pub fn selects_lines(&self) -> bool {
        !self.list_type.is_empty()
            || !self.charge_type.is_empty()
            || !self.item.is_empty()
            || self.knowledge.is_some()
            || self.second.is_some()
            || self.grouped
    }
}
