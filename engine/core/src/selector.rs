//! The selector: which claims and lines a rule looks at, as data. `rules` turns it into a native
//! predicate; later the lake turns the same data into a pushed-down filter.

use crate::claim::{Approval, Line};
use crate::codes::*;
use crate::facts::{Facts, LineFact};
use crate::hash::HashSet;
use crate::knowledge::Knowledge;
use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, OnceCell};

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
    /// This knowledge table names the line's item as the second of a pair, and the first was charged too: on
    /// the claim, in an earlier part of the stay, or at another visit.
    pub second: Option<String>,
    /// The line's item belongs to a drug group.
    pub grouped: bool,
    /// The person has another visit of one of these kinds.
    pub past: Vec<VisitKind>,
    /// A diagnosis of the visit stands in this knowledge table: its code, or a beginning of it of at least
    /// [`SHORTEST_DIAGNOSIS`] characters.
    pub diagnosis: Option<String>,
    /// The visit records a death.
    pub died: bool,
    /// The line bears one of these marks.
    pub marks: Vec<Mark>,
}

/// A category of ICD-10; nothing shorter is a diagnosis.
pub const SHORTEST_DIAGNOSIS: usize = 3;

/// The beginnings of a diagnosis code under which tables may speak of it, the whole code first.
pub fn beginnings(code: &str) -> impl Iterator<Item = &str> {
    (SHORTEST_DIAGNOSIS..=code.len()).rev().filter_map(|n| code.get(..n))
}

/// What can be said of a line by itself and the claim it stands in, without a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Nobody is named who ordered it.
    NoPractitioner,
    /// The register does not have who ordered it here on the day. Every line, where there is no register.
    Unregistered,
    /// Refused approval though its item is paid for without any.
    RefusedThoughPaid,
    /// Its amount is not price × quantity.
    Misreckoned,
    /// Another line has its item and its second; also where so many lines have its second that to look through
    /// them would take long. Midnight stands for "no time" and is nobody's second.
    SameMoment,
    /// Its price is above the limit price of the day.
    AboveLimit,
    /// Dated before the day the visit began, or after the day it ended.
    OutsideVisit,
}

/// Looks for marks on the lines of a claim, one after the other.
pub struct Marks<'f> {
    facts: &'f Facts,
    /// The last practitioner and day looked up, and whether registered: most lines of a bill have the same.
    registered: Cell<Option<(&'f PractitionerCode, NaiveDate, bool)>>,
}

impl<'f> Marks<'f> {
    /// Of a claim.
    pub fn new(facts: &'f Facts) -> Self {
        Self { facts, registered: Cell::new(None) }
    }

    /// Whether the line at a place of [`Facts::lines`] bears a mark.
    pub fn on(&self, mark: Mark, at: usize) -> bool {
        let line = self.facts.lines.get(at).map(|l| &l.line);
        match (mark, line) {
            (Mark::Unregistered, Some(line)) if !line.practitioner.is_empty() => {
                let (code, day) = (&line.practitioner, line.time.date());
                if let Some((before, then, known)) = self.registered.get()
                    && (before, then) == (code, day)
                {
                    return !known;
                }
                let known = !mark.on(self.facts, at);
                self.registered.set(Some((code, day, known)));
                !known
            }
            _ => mark.on(self.facts, at),
        }
    }
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 7] = [
        Self::NoPractitioner,
        Self::Unregistered,
        Self::RefusedThoughPaid,
        Self::Misreckoned,
        Self::SameMoment,
        Self::AboveLimit,
        Self::OutsideVisit,
    ];

    /// Whether the line at a place of [`Facts::lines`] bears it.
    pub fn on(self, facts: &Facts, at: usize) -> bool {
        let Some(fact) = facts.lines.get(at) else { return false };
        let line = &fact.line;
        match self {
            Self::NoPractitioner => line.practitioner.is_empty(),
            Self::Unregistered => {
                let register = &facts.practitioners;
                register.is_empty()
                    || (!line.practitioner.is_empty()
                        && !register.at(&line.practitioner, &facts.visit.institution, line.time.date()))
            }
            Self::RefusedThoughPaid => line.approval == Approval::Refused && paid_without_approval(fact),
            Self::Misreckoned => line.price.times(line.quantity) != line.amount,
            Self::SameMoment => line.time.time() != NaiveTime::MIN && same_moment(facts, at, line),
            Self::AboveLimit => fact.limit.is_some_and(|limit| line.price > limit),
            Self::OutsideVisit => {
                let (day, visit) = (line.time.date(), &facts.visit);
                day < visit.begin.date() || visit.end.is_some_and(|end| day > end.date())
            }
        }
    }
}

fn same_moment(facts: &Facts, at: usize, line: &Line) -> bool {
    const MOST: usize = 64;
    // lines stand in order of time
    let same = |l: &&LineFact| l.line.time == line.time;
    let before = facts.lines.iter().take(at).rev().take_while(same);
    let after = facts.lines.iter().skip(at + 1).take_while(same);
    let others = before.take(MOST).chain(after.take(MOST));
    let mut seen = 0;
    others.inspect(|_| seen += 1).any(|l| l.line.item == line.item) || seen >= MOST
}

/// Whether the fund pays for a line's item and asks for no approval: class A or B without a restriction.
pub fn paid_without_approval(fact: &LineFact) -> bool {
    fact.item.as_ref().is_some_and(|i| i.class != ItemClass::C && !i.restricted)
}

impl Selector {
    /// The part that concerns the claim.
    pub fn claim(&self, facts: &Facts, knowledge: &Knowledge) -> bool {
        let Some(p) = facts.person() else { return false };
        (self.visit.is_empty() || self.visit.contains(&facts.visit.kind()))
            && (self.insurance.is_empty() || self.insurance.contains(&facts.visit.insurance))
            && (self.level.is_empty() || self.level.contains(&facts.institution.deductible_level))
            && (self.sex.is_empty() || self.sex.contains(&p.sex))
            && self.age_min.is_none_or(|a| p.age >= a)
            && self.age_max.is_none_or(|a| p.age <= a)
            && (self.past.is_empty() || facts.history.has(&self.past))
            && (!self.died || facts.visit.death.is_some())
            && self.diagnosis.as_ref().is_none_or(|t| diagnosed(facts, knowledge, t))
    }

    /// The part that concerns a line, given by its place in [`Facts::lines`].
    pub fn line(&self, facts: &Facts, at: usize, knowledge: &Knowledge, charged: &Charged<'_>) -> bool {
        let Some(line) = facts.lines.get(at) else { return false };
        let item = line.item.as_ref();
        (self.list_type.is_empty() || item.is_some_and(|i| self.list_type.contains(&i.list_type)))
            && (self.charge_type.is_empty() || item.is_some_and(|i| self.charge_type.contains(&i.charge_type)))
            && (self.item.is_empty() || self.item.iter().any(|p| line.line.item.as_str().starts_with(p.as_str())))
            && self.knowledge.as_ref().is_none_or(|t| knowledge.has(t, &line.line.item))
            && self.second.as_ref().is_none_or(|t| {
                knowledge.pairs_with(t, &line.line.item).iter().any(|p| p.items().any(|first| charged.has(first)))
            })
            && (!self.grouped || item.is_some_and(|i| !i.drug_group.is_empty()))
            && (self.marks.is_empty() || self.marks.iter().any(|m| m.on(facts, at)))
    }

    /// Whether it speaks of lines at all.
    pub fn selects_lines(&self) -> bool {
        !self.list_type.is_empty()
            || !self.charge_type.is_empty()
            || !self.item.is_empty()
            || self.knowledge.is_some()
            || self.second.is_some()
            || self.grouped
            || !self.marks.is_empty()
    }
}

/// What the person of a claim was charged: on the claim, net of refunds, in an earlier part of the stay, or at another
/// visit.
pub struct Charged<'f> {
    facts: &'f Facts,
    /// The items of a long stay.
    items: OnceCell<HashSet<&'f ItemCode>>,
}

impl<'f> Charged<'f> {
    /// Of a claim.
    pub fn new(facts: &'f Facts) -> Self {
        Self { facts, items: OnceCell::new() }
    }

    /// Whether an item was charged.
    pub fn has(&self, item: &ItemCode) -> bool {
        // few lines are quicker walked over than put in a table
        const FEW: usize = 48;
        let facts = self.facts;
        let settled = facts.history.this_visit();
        let lines = facts.net_lines.iter().filter_map(|n| facts.lines.get(n.line)).map(|l| &l.line.item);
        let mut here = lines.chain(settled.iter().map(|l| &l.item));
        let of_stay = match facts.net_lines.len() + settled.len() {
            ..=FEW => here.any(|i| i == item),
            _ => self.items.get_or_init(|| here.collect()).contains(item),
        };
        of_stay || !facts.history.lines_of(item.as_str()).is_empty()
    }
}

/// Whether a table speaks of a diagnosis of the visit.
fn diagnosed(facts: &Facts, knowledge: &Knowledge, table: &str) -> bool {
    let Some(table) = knowledge.table(table) else { return false };
    let codes = facts.visit.diagnoses.iter().flat_map(|d| beginnings(d.code.as_str()));
    codes.into_iter().any(|c| !knowledge.about(c).points(table).is_empty())
}
