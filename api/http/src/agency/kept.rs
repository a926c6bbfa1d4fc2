//! What a trial read, kept for the settlement that follows it.
//!
//! Between a trial (2206, 2303) and its settlement (2207, 2304) lie seconds in which mostly nothing happens to the
//! person. So what the trial read of the bill is kept, and the settlement decides on that without reading again: the
//! commit compares every book anyway, and where one moved on, the settlement is decided once more on a fresh reading.
//! Only a settlement is answered from here, never a refusal: what is in the way may be gone by now.

use super::lock;
use crate::bundles::Runtime;
use dingan_core::codes::{InstitutionCode, PersonNo, VisitId};
use dingan_core::person::{CommitNo, PersonFile};
use dingan_store::{PersonState, StoredLine, VisitDoc};
use hashlink::LinkedHashMap;
use std::sync::{Arc, Mutex};

/// Bills kept at most; the oldest goes first.
const BILLS: usize = 10_000;

/// Lines kept at most with all of them, of the bills and of their persons' histories: some hundred bytes each.
const LINES: usize = 400_000;

/// What a bill is decided on.
#[derive(Clone)]
pub(super) struct Basis {
    pub(super) runtime: Arc<Runtime>,
    pub(super) person: PersonState,
    pub(super) doc: VisitDoc,
    /// Lines of the visit that no living settlement holds.
    pub(super) lines: Vec<StoredLine>,
    /// Whether something of the visit is settled.
    pub(super) settled: bool,
    pub(super) file: PersonFile,
    pub(super) as_of: CommitNo,
}

impl Basis {
    fn weight(&self) -> usize {
        let f = &self.file;
        1 + self.lines.len() + f.lines.len() + f.settled_lines.len() + f.visits.len() + f.entries.len()
    }
}

/// Whose bill it is, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whose {
    pub(super) institution: InstitutionCode,
    pub(super) visit: VisitId,
    pub(super) stay: bool,
}

/// The bases kept, one for a person: what a second bill of the person changes makes the first one's old.
#[derive(Default)]
pub(super) struct Kept(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// The bundle in force when a bill was last read.
    bundle: String,
    bills: LinkedHashMap<PersonNo, (Whose, Basis)>,
    weight: usize,
}

impl Inner {
    fn remove(&mut self, person: &PersonNo) -> Option<(Whose, Basis)> {
        let gone = self.bills.remove(person)?;
        self.weight -= gone.1.weight();
        Some(gone)
    }
}

impl Kept {
    /// Keeps what a trial read.
    pub(super) fn put(&self, whose: Whose, basis: Basis) {
        let weight = basis.weight();
        if weight > LINES / 100 {
            return;
        }
        let mut kept = lock(&self.0);
        kept.remove(&basis.person.person.no);
        while kept.bills.len() >= BILLS || kept.weight + weight > LINES {
            let Some(oldest) = kept.bills.front().map(|(person, _)| person.clone()) else { break };
            kept.remove(&oldest);
        }
        kept.weight += weight;
        kept.bills.insert(basis.person.person.no.clone(), (whose, basis));
    }

    /// What was kept of this bill, once.
    pub(super) fn take(&self, person: &PersonNo, whose: &Whose) -> Option<Basis> {
        let mut kept = lock(&self.0);
        if kept.bills.get(person)?.0 != *whose {
            return None;
        }
        kept.remove(person).map(|(_, basis)| basis)
    }

    /// Something is about to be written about a person.
    pub(super) fn forget(&self, person: &PersonNo) {
        lock(&self.0).remove(person);
    }

    /// This bundle is in force: what was read under another is of no use any more.
    pub(super) fn under(&self, bundle: &str) {
        let mut kept = lock(&self.0);
        if kept.bundle != bundle {
            *kept = Inner { bundle: bundle.to_owned(), ..Inner::default() };
        }
    }
}
