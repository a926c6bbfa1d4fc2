//! The central list of exemptions (`library/exemptions.toml`): reasons for which a rule is not held against a
//! claim. Rules name them, none has its own copy; each is dated, and each use is kept with the decision, so that
//! one can see what an exemption lets through.

use crate::library::{RuleProblem, embedded_file, toml_problem};
use dingan_core::claim::Visit;
use dingan_core::codes::VisitKind;
use dingan_core::facts::Facts;
use dingan_core::person::PastVisit;
use serde::{Deserialize, Serialize};

/// Of which of the two visits a rule compares an exemption speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// The visit under review, or the other one.
    #[default]
    Either,
    /// The visit under review.
    This,
    /// The other one.
    Other,
    /// How the two hang together.
    Both,
}

/// One exemption: it holds where every condition given does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// The name rules use.
    pub name: String,
    /// In Chinese.
    pub title: String,
    /// Why, and what it rests on.
    pub basis: String,
    /// First day on which a visit may begin.
    pub begin: chrono::NaiveDate,
    /// Last day.
    #[serde(default)]
    pub end: Option<chrono::NaiveDate>,
    /// Of which visit it speaks.
    #[serde(default)]
    pub of: Of,
    /// Prefixes of the principal diagnosis.
    #[serde(default)]
    pub diagnosis: Vec<String>,
    /// Prefixes of any diagnosis.
    #[serde(default)]
    pub any_diagnosis: Vec<String>,
    /// Kinds of visit.
    #[serde(default)]
    pub visit: Vec<VisitKind>,
    /// Prefixes of `med_type`.
    #[serde(default)]
    pub med_type: Vec<String>,
    /// Ways of discharge.
    #[serde(default)]
    pub discharge_way: Vec<String>,
    /// Ways of admission in the settlement list (4101); does not hold before it has arrived.
    #[serde(default)]
    pub admission_way: Vec<String>,
    /// Knowledge tables; a line of the visit under review must stand in one.
    #[serde(default)]
    pub knowledge: Vec<String>,
    /// The visit under review was referred from the other.
    #[serde(default)]
    pub referred: bool,
}

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemptions {
    /// In the order of the file; of one name several, any of which may hold.
    #[serde(default, rename = "exemption")]
    pub list: Vec<Exemption>,
}

/// The list the program carries, as text.
pub fn embedded_exemptions() -> &'static str {
    embedded_file(FILE)
}

const FILE: &str = "exemptions.toml";

impl Exemptions {
    /// Reads the list.
    pub fn from_toml(text: &str) -> Result<Self, RuleProblem> {
        let all: Self = toml::from_str(text).map_err(|e| toml_problem(FILE, text, &e))?;
        for e in &all.list {
            let given = [&e.diagnosis, &e.any_diagnosis, &e.med_type, &e.discharge_way, &e.admission_way, &e.knowledge];
            if given.iter().all(|g| g.is_empty()) && e.visit.is_empty() && !e.referred {
                let message = format!("exemption `{}` has no condition and would exempt everything", e.name);
                return Err(RuleProblem::at(FILE.into(), text, &format!("\"{}\"", e.name), message));
            }
        }
        Ok(all)
    }

    /// The entries of a name.
    pub fn named<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Exemption> {
        self.list.iter().filter(move |e| e.name == name)
    }
}

/// The two visits seen alike.
struct Seen<'v> {
    kind: VisitKind,
    med_type: &'v str,
    discharge_way: &'v str,
    admission_way: &'v str,
    principal: &'v str,
    diagnoses: &'v [dingan_core::claim::Diagnosis],
}

impl Exemption {
    /// Whether it holds for a claim, seen beside another visit of the person where a rule compares two.
    pub fn holds(&self, facts: &Facts, other: Option<&PastVisit>, knows: impl Fn(&str) -> bool) -> bool {
        let day = facts.visit.begin.date();
        if day < self.begin || self.end.is_some_and(|e| day > e) {
            return false;
        }
        if !self.knowledge.is_empty() && !self.knowledge.iter().any(|t| knows(t)) {
            return false;
        }
        let this = || self.fits(&seen(facts, &facts.visit));
        let that = |v: &PastVisit| self.fits(&seen_past(facts, v));
        match (self.of, other) {
            (Of::This, _) => !self.referred && this(),
            (Of::Either, None) => !self.referred && this(),
            (Of::Either, Some(v)) => !self.referred && (this() || that(v)),
            (Of::Other, Some(v)) => !self.referred && that(v),
            (Of::Both, Some(v)) => {
                // a hospital does not refer to itself
                let referred =
                    facts.visit.referred_from.as_ref() == Some(&v.id) && v.institution != facts.visit.institution;
                (!self.referred || referred) && this() && that(v)
            }
            (Of::Other | Of::Both, None) => false,
        }
    }

    fn fits(&self, v: &Seen<'_>) -> bool {
        let starts = |code: &str, with: &[String]| with.iter().any(|p| code.starts_with(p.as_str()));
        (self.visit.is_empty() || self.visit.contains(&v.kind))
            && (self.med_type.is_empty() || starts(v.med_type, &self.med_type))
            && (self.discharge_way.is_empty() || self.discharge_way.iter().any(|w| w == v.discharge_way))
            && (self.admission_way.is_empty() || self.admission_way.iter().any(|w| w == v.admission_way))
            && (self.diagnosis.is_empty() || starts(v.principal, &self.diagnosis))
            && (self.any_diagnosis.is_empty()
                || v.diagnoses.iter().any(|d| starts(d.code.as_str(), &self.any_diagnosis)))
    }
}

fn seen<'v>(facts: &'v Facts, v: &'v Visit) -> Seen<'v> {
    Seen {
        kind: v.kind(),
        med_type: v.med_type.as_str(),
        discharge_way: &v.discharge_way,
        admission_way: facts.lists.get(&v.id).map_or("", |l| &l.admission_way),
        principal: v.main_diagnosis().map_or("", |d| d.code.as_str()),
        diagnoses: &v.diagnoses,
    }
}

fn seen_past<'v>(facts: &'v Facts, v: &'v PastVisit) -> Seen<'v> {
    Seen {
        kind: v.kind(),
        med_type: v.med_type.as_str(),
        discharge_way: &v.discharge_way,
        admission_way: facts.lists.get(&v.id).map_or("", |l| &l.admission_way),
        principal: v.main_diagnosis().map_or("", |d| d.code.as_str()),
        diagnoses: &v.diagnoses,
    }
}
