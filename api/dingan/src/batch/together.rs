//! Deciding the rows of a file in the order in which they became known, as the store would have.
//!
//! - A row is known from `crte_time` on, or from the moment it speaks of. Rows are decided in that order, whatever
//!   their order in the file; what became known together, by `setl_id`, and visits before what settles them. So a late
//!   bill sees what was known before it, and what was decided before does not see the late bill.
//! - A row that stands again, letter for letter, counts once.
//! - A settlement that stands again and says something else is corrected from the moment on from which that is known:
//!   the first is taken back and the other decided on what is known then. Where the other is refused the first stands.
//!   What was decided in between stays as it was decided.

use super::Row;
use chrono::NaiveDateTime;
use dingan_connectors::file::FileEvent;
use dingan_core::adjudicate::adjudicate;
use dingan_core::claim::{Claim, Visit};
use dingan_core::codes::*;
use dingan_core::decision::Priced;
use dingan_core::finding::{Finding, Stage};
use dingan_core::journal::Journal;
use dingan_core::resolve::resolve;
use dingan_http::bundles::Runtime;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Persons whose events are decided together: one person, or all who share a family account.
#[derive(Default)]
pub struct Together(BTreeMap<PersonNo, Journal>);

/// A settlement that lives, kept to be looked at once more.
struct Kept {
    claim: Claim,
    priced: Priced,
    /// Findings it was decided with.
    known: HashSet<String>,
}

/// What was decided of a group of persons.
#[derive(Default)]
pub(super) struct Decided {
    pub rows: Vec<Row>,
    /// Rows that stood again.
    pub repeated: usize,
    /// What only later facts show, by settlement.
    pub later: Vec<Later>,
}

/// A finding on a settlement that was not there when it was decided.
#[derive(Debug, serde::Serialize)]
pub struct Later {
    /// `setl_id`.
    pub setl_id: SettlementId,
    /// `mdtrt_id`.
    pub mdtrt_id: VisitId,
    /// `psn_no`.
    pub psn_no: PersonNo,
    /// What is found now.
    pub finding: Finding,
}

impl Together {
    /// Takes a person in.
    pub fn add(&mut self, journal: Journal) {
        self.0.insert(journal.person.no.clone(), journal);
    }

    /// Makes a visit of one of them known before it is settled.
    pub fn know(&mut self, visit: Visit) {
        if let Some(j) = self.0.get_mut(&visit.person) {
            j.know(visit);
        }
    }

    /// Decides the next event; none for a visit, which decides nothing.
    pub fn decide(&mut self, event: FileEvent, runtime: &Runtime) -> Option<Row> {
        let row = match event {
            FileEvent::Visit { visit, .. } => {
                self.know(visit);
                return None;
            }
            FileEvent::Claim { settlement, claim, .. } => claim_row(settlement, claim, &mut self.0, runtime),
            FileEvent::Reversal { settlement, of, person, .. } => {
                let done = self.0.get_mut(&person).is_some_and(|j| j.reverse(&of));
                Row {
                    refused: (!done).then(|| format!("init_setl_id {of} is not a settlement that lives")),
                    reverses: Some(of),
                    ..Row::of(settlement, VisitId::default(), person)
                }
            }
        };
        self.share_family_account(&row.psn_no);
        Some(row)
    }

    /// Puts a bill in the place of the settlement of the same number.
    fn correct(&mut self, settlement: SettlementId, claim: Claim, runtime: &Runtime) -> Row {
        let person = claim.visit.person.clone();
        let before = self.0.get(&person).cloned();
        // one that was taken back already is settled anew
        let corrects = self.0.get_mut(&person).is_some_and(|j| j.reverse(&settlement));
        let row = Row { corrects, ..claim_row(settlement, claim, &mut self.0, runtime) };
        if let (true, Some(before)) = (row.refused.is_some(), before) {
            self.0.insert(person.clone(), before);
        }
        self.share_family_account(&person);
        row
    }

    /// A group shares one family account: what one member drew is gone for the others too.
    fn share_family_account(&mut self, moved: &PersonNo) {
        let shares = |j: &&Journal| j.person.family_account.is_some();
        let Some(balance) = self.0.get(moved).filter(shares).map(|j| j.balances.family) else { return };
        for j in self.0.values_mut().filter(|j| j.person.family_account.is_some()) {
            j.balances.family = balance;
        }
    }

    /// Looks at what lives once more, with everything that became known since.
    fn look_back(&self, kept: BTreeMap<SettlementId, Kept>, runtime: &Runtime) -> Vec<Later> {
        let mut out = Vec::new();
        // a finding on a whole stay is the same from each of its settlements, and stands under one of them
        let mut of_visit: HashMap<VisitId, HashSet<String>> = HashMap::new();
        for k in kept.values() {
            of_visit.entry(k.claim.visit.id.clone()).or_default().extend(k.known.iter().cloned());
        }
        for (setl_id, Kept { claim, priced, .. }) in kept {
            let (mdtrt_id, psn_no) = (claim.visit.id.clone(), claim.visit.person.clone());
            let Some(journal) = self.0.get(&psn_no) else { continue };
            let file = journal.file_of_settled(&setl_id, &mdtrt_id, claim.visit.begin);
            let Ok(facts) = resolve(claim, file, &runtime.bundle) else { continue };
            let found = dingan_http::agency::findings_after(&Arc::new(facts), &priced, runtime);
            let known = of_visit.entry(mdtrt_id.clone()).or_default();
            let new = found.into_iter().filter(|f| known.insert(f.id.clone()));
            out.extend(new.map(|finding| Later {
                setl_id: setl_id.clone(),
                mdtrt_id: mdtrt_id.clone(),
                psn_no: psn_no.clone(),
                finding,
            }));
        }
        out
    }
}

/// Takes out rows under the number of a settlement of somebody else, who is decided apart: neither would take the
/// other's place, and one bill would be settled twice. Puts the others in order.
pub(super) fn of_others(events: &mut Vec<FileEvent>) -> Vec<Row> {
    events.sort_by(|a, b| order(a).cmp(&order(b)));
    let mut whose: HashMap<SettlementId, PersonNo> = HashMap::new();
    let mut refused = Vec::new();
    events.retain(|e| {
        let Some(id) = e.settlement() else { return true };
        let own = whose.entry(id.clone()).or_insert_with(|| e.person().clone()) == e.person();
        if !own {
            let why = "setl_id stood before with another psn_no; take that settlement back (refd_setl_flag 1), and \
                       send this bill under a setl_id of its own";
            let visit =
                if let FileEvent::Claim { claim, .. } = e { claim.visit.id.clone() } else { VisitId::default() };
            let row = Row::of(id.clone(), visit, e.person().clone());
            refused.push(Row { refused: Some(why.to_owned()), ..row });
        }
        own
    });
    refused
}

/// The order in which events are decided.
fn order(e: &FileEvent) -> (NaiveDateTime, Option<&SettlementId>) {
    (e.known(), e.settlement())
}

/// Decides events of one group of persons; `looks_back` says whether to look once more at what lives in the end.
pub(super) fn decide(
    mut events: Vec<FileEvent>,
    mut persons: Together,
    runtime: &Runtime,
    looks_back: bool,
) -> Decided {
    events.sort_by(|a, b| order(a).cmp(&order(b)));
    let again = again(&events);
    let (mut out, mut kept) = (Decided::default(), BTreeMap::new());
    for (event, again) in events.into_iter().zip(again) {
        let copy = match &event {
            FileEvent::Claim { claim, .. } if looks_back => Some(claim.clone()),
            _ => None,
        };
        let row = match (event, again) {
            (_, Again::Same) => {
                out.repeated += 1;
                continue;
            }
            (FileEvent::Claim { settlement, claim, .. }, Again::Corrected) => {
                Some(persons.correct(settlement, claim, runtime))
            }
            (event, _) => persons.decide(event, runtime),
        };
        let Some(row) = row else { continue };
        if let (Some(of), None) = (&row.reverses, &row.refused) {
            kept.remove(of);
        }
        if let (Some(claim), Some(decision)) = (copy, &row.decision) {
            let known = decision.findings.iter().map(|f| f.id.clone()).collect();
            kept.insert(row.setl_id.clone(), Kept { claim, priced: decision.priced.clone(), known });
        }
        out.rows.push(row);
    }
    out.later = persons.look_back(kept, runtime);
    out
}

/// How an event stands to an earlier one of the same number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    First,
    Same,
    Corrected,
}

fn again(events: &[FileEvent]) -> Vec<Again> {
    let mut last: HashMap<&SettlementId, &FileEvent> = HashMap::new();
    let mut of = |e| {
        let Some(earlier) = FileEvent::settlement(e).and_then(|id| last.insert(id, e)) else { return Again::First };
        match (earlier, e) {
            (FileEvent::Claim { claim: a, .. }, FileEvent::Claim { claim: b, .. }) if a == b => Again::Same,
            (FileEvent::Reversal { of: a, .. }, FileEvent::Reversal { of: b, .. }) if a == b => Again::Same,
            _ => Again::Corrected,
        }
    };
    events.iter().map(&mut of).collect()
}

fn claim_row(
    settlement: SettlementId,
    claim: Claim,
    journals: &mut BTreeMap<PersonNo, Journal>,
    runtime: &Runtime,
) -> Row {
    let mut row = Row::of(settlement.clone(), claim.visit.id.clone(), claim.visit.person.clone());
    let Some(journal) = journals.get_mut(&claim.visit.person) else {
        row.refused = Some("psn_no is not in the store; import persons first".to_owned());
        return row;
    };
    let file = journal.file(&claim.visit.id, claim.visit.begin);
    match resolve(claim, file, &runtime.bundle) {
        Ok(facts) => {
            let facts = Arc::new(facts);
            let decision = adjudicate(&facts, &runtime.rules, Stage::During);
            if decision.gives_back() {
                row.refused = Some("NEGATIVE_BILL: refunds exceed charges; reverse the earlier part".to_owned());
                return row;
            }
            journal.settle(settlement, &facts, &decision.priced);
            row.decision = Some(decision);
        }
        Err(e) => row.refused = Some(format!("{}: {e}", e.code())),
    }
    row
}
