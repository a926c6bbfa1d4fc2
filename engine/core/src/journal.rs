//! A person's events kept in memory: what a batch reads instead of the store.
//!
//! It answers with the same [`PersonFile`] the store would give at the same point of the order of
//! commits, so that batch and online settling decide on equal facts.

use crate::claim::{Line, Visit};
use crate::codes::*;
use crate::decision::Priced;
use crate::facts::Facts;
use crate::money::{Money, Quantity};
use crate::person::*;
use chrono::{NaiveDateTime, TimeDelta};
use std::collections::{BTreeMap, HashMap, HashSet};

/// How far back rules see lines of other visits; longer than the longest window of any rule.
pub const HISTORY_DAYS: i64 = 400;

/// From when on lines of other visits are read for a visit that begins at `begin`.
pub fn history_from(begin: NaiveDateTime) -> NaiveDateTime {
    begin.checked_sub_signed(TimeDelta::days(HISTORY_DAYS)).unwrap_or(begin)
}

/// What later claims will see of a settlement: its net lines, and refunds of lines that earlier parts
/// of the stay settled (negative, under the number of the line they refund).
pub fn history_lines(facts: &Facts, settlement: &SettlementId) -> Vec<PastLine> {
    let past = |l: &Line, no: &LineNo, quantity: Quantity, amount: Money| PastLine {
        visit: facts.visit.id.clone(),
        settlement: settlement.clone(),
        no: no.clone(),
        item: l.item.clone(),
        time: l.time,
        quantity,
        amount,
        supply_days: l.supply_days,
    };
    let mut out: Vec<PastLine> = facts
        .net_lines
        .iter()
        .filter_map(|n| facts.lines.get(n.line).map(|l| past(&l.line, &l.line.no, n.quantity, n.amount)))
        .collect();
    let own: HashSet<&LineNo> = facts.lines.iter().map(|l| &l.line.no).collect();
    let mut earlier: BTreeMap<&LineNo, PastLine> = BTreeMap::new();
    for l in &facts.lines {
        let Some(o) = l.line.refund_of.as_ref().filter(|o| !own.contains(o)) else { continue };
        let row = earlier.entry(o).or_insert_with(|| past(&l.line, o, Quantity::ZERO, Money::ZERO));
        row.quantity += l.line.quantity;
        row.amount += l.amount;
    }
    out.extend(earlier.into_values());
    out
}

/// Puts history rows in the order rules see them, refunds netted with the lines they refund.
pub fn net_history(mut rows: Vec<PastLine>) -> Vec<PastLine> {
    rows.sort_by(|a, b| (a.time, &a.settlement, &a.no).cmp(&(b.time, &b.settlement, &b.no)));
    let mut out: Vec<PastLine> = Vec::with_capacity(rows.len());
    let mut at: HashMap<(VisitId, LineNo), usize> = HashMap::with_capacity(rows.len());
    for line in rows {
        match at.get(&(line.visit.clone(), line.no.clone())).and_then(|i| out.get_mut(*i)) {
            Some(first) => {
                first.quantity += line.quantity;
                first.amount += line.amount;
            }
            None => {
                at.insert((line.visit.clone(), line.no.clone()), out.len());
                out.push(line);
            }
        }
    }
    out.retain(|l| l.quantity > Quantity::ZERO);
    out
}

/// One settlement of the journal.
#[derive(Debug, Clone)]
struct Settled {
    id: SettlementId,
    visit: VisitId,
    entries: Vec<AccumulatorEntry>,
    lines: Vec<SettledLine>,
    history: Vec<PastLine>,
    deductible: Money,
    drawn: Balances,
}

/// A person's events in the order of their commits.
#[derive(Debug, Clone)]
pub struct Journal {
    /// The person.
    pub person: Person,
    /// Balances now.
    pub balances: Balances,
    visits: BTreeMap<VisitId, Visit>,
    settled: Vec<Settled>,
}

impl Journal {
    /// A person without events.
    pub fn new(person: Person, balances: Balances) -> Self {
        Self { person, balances, visits: BTreeMap::new(), settled: Vec::new() }
    }

    /// Makes a visit known before it is settled, as its registration does, or as it is now.
    pub fn know(&mut self, visit: Visit) {
        self.visits.insert(visit.id.clone(), visit);
    }

    /// What a decision on a visit may read.
    pub fn file(&self, visit: &VisitId, begin: NaiveDateTime) -> PersonFile {
        let from = history_from(begin);
        let mut charged: HashMap<&VisitId, Money> = HashMap::with_capacity(self.settled.len());
        for s in &self.settled {
            *charged.entry(&s.visit).or_default() += s.deductible;
        }
        let mut visits: Vec<PastVisit> = self
            .visits
            .values()
            .filter(|v| v.id != *visit)
            .map(|v| PastVisit {
                id: v.id.clone(),
                institution: v.institution.clone(),
                med_type: v.med_type.clone(),
                begin: v.begin,
                end: v.end,
                diagnoses: v.diagnoses.clone(),
                discharge_way: v.discharge_way.clone(),
                deductible: charged.get(&v.id).copied().unwrap_or_default(),
                settled: charged.contains_key(&v.id),
            })
            .collect();
        visits.sort_by(|a, b| (a.begin, &a.id).cmp(&(b.begin, &b.id)));
        let rows = self
            .settled
            .iter()
            .filter(|s| s.visit != *visit)
            .flat_map(|s| s.history.iter())
            .filter(|l| l.time >= from)
            .cloned()
            .collect();
        PersonFile {
            as_of: 0,
            person: self.person.clone(),
            balances: self.balances,
            entries: self.settled.iter().flat_map(|s| s.entries.iter().cloned()).collect(),
            visits,
            lines: net_history(rows),
            lists: BTreeMap::new(),
            settled_lines: self
                .settled
                .iter()
                .filter(|s| s.visit == *visit)
                .flat_map(|s| s.lines.iter().cloned())
                .collect(),
        }
    }

    /// What is known now about a settlement that lives: the file of its visit, without what it and later parts of the
    /// stay settled of the visit.
    pub fn file_of_settled(&self, of: &SettlementId, visit: &VisitId, begin: NaiveDateTime) -> PersonFile {
        let mut file = self.file(visit, begin);
        let earlier: HashSet<&SettlementId> = self.settled.iter().map(|s| &s.id).take_while(|id| *id != of).collect();
        file.settled_lines.retain(|l| earlier.contains(&l.settlement));
        file
    }

    /// Takes a settlement in.
    pub fn settle(&mut self, id: SettlementId, facts: &Facts, priced: &Priced) {
        let a = &priced.amounts;
        let drawn = Balances { own: a.account - a.family_account, family: a.family_account };
        self.balances.own -= drawn.own;
        self.balances.family -= drawn.family;
        self.visits.insert(facts.visit.id.clone(), facts.visit.clone());
        self.settled.push(Settled {
            history: history_lines(facts, &id),
            visit: facts.visit.id.clone(),
            entries: priced.entries.clone(),
            lines: {
                let mut lines: Vec<SettledLine> = facts
                    .lines
                    .iter()
                    .map(|l| SettledLine { settlement: id.clone(), line: l.line.clone(), amount: l.amount })
                    .collect();
                lines.sort_by(|a, b| a.line.no.cmp(&b.line.no));
                lines
            },
            deductible: a.deductible,
            drawn,
            id,
        });
    }

    /// Takes a settlement out again; says whether it was there. The visit stays known.
    pub fn reverse(&mut self, id: &SettlementId) -> bool {
        let Some(at) = self.settled.iter().position(|s| s.id == *id) else { return false };
        let gone = self.settled.remove(at);
        self.balances.own += gone.drawn.own;
        self.balances.family += gone.drawn.family;
        true
    }
}
