//! Whether a condition of the policy holds, and which case of a figure applies.

use crate::facts::{Facts, Portion};
use crate::policy::{Case, When};

fn prefix(list: &[String], text: &str) -> bool {
    list.iter().any(|p| text.starts_with(p.as_str()))
}

/// Whether every list of the condition matches.
pub fn holds(when: &When, facts: &Facts, portion: &Portion) -> bool {
    let p = &portion.person;
    (when.visit.is_empty() || when.visit.contains(&facts.visit.kind()))
        && (when.med_type.is_empty() || prefix(&when.med_type, facts.visit.med_type.as_str()))
        && (when.level.is_empty() || when.level.contains(&facts.institution.deductible_level))
        && (when.psn_type.is_empty() || prefix(&when.psn_type, p.person_type.as_str()))
        && (when.identity.is_empty() || p.identities.iter().any(|i| prefix(&when.identity, i.as_str())))
        && (when.not_identity.is_empty() || !p.identities.iter().any(|i| prefix(&when.not_identity, i.as_str())))
        && when.civil_servant.is_none_or(|c| c == p.civil_servant)
        && when.sex.is_none_or(|s| s == p.sex)
        && when.age_min.is_none_or(|a| p.age >= a)
        && when.age_max.is_none_or(|a| p.age <= a)
        && (when.disease.is_empty() || prefix(&when.disease, facts.disease()))
        && (when.place.is_empty() || when.place.contains(&portion.place))
        && (when.filed.is_empty() || when.filed.iter().any(|f| p.filings.contains(f)))
        && (when.not_filed.is_empty() || !when.not_filed.iter().any(|f| p.filings.contains(f)))
        && when.insured_months_below.is_none_or(|m| p.insured_months < m)
        && when.emergency.is_none_or(|e| e == facts.visit.is_emergency())
        && when.injury.is_none_or(|i| i == facts.visit.is_injury())
        && (when.birth.is_empty() || when.birth.contains(&facts.visit.circumstances.birth))
        && (when.birth_control.is_empty() || when.birth_control.contains(&facts.visit.circumstances.birth_control))
}

/// The first case that holds, with its place in the list.
pub(super) fn pick<'c, T>(cases: &'c [Case<T>], facts: &Facts, portion: &Portion) -> Option<(usize, &'c Case<T>)> {
    cases.iter().enumerate().find(|(_, c)| holds(&c.when, facts, portion))
}
