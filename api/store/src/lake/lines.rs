//! Settled lines, settlement by settlement: which lines one holds stands in its row (or in rows of its own,
//! `settled_in_rows`, where an older version wrote it), and what they are in those of the visit.

use super::{Statement, json, push_condition, visit};
use crate::db::StoreError;
use crate::packed::{Settled, lines_of};
use crate::read::Snapshot;
use crate::rows::*;
use crate::sql::{Row, Value};
use dingan_core::claim::{Line, Visit};
use dingan_core::codes::*;
use dingan_core::decision::LineSplit;
use dingan_core::look::*;
use dingan_core::person::CommitNo;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, OnceLock};

/// Settlements of one statement at most, and as long as nobody knows how many lines they have.
const SETTLEMENTS: usize = 200;
const FEW: usize = 20;

/// A settlement whose lines are handed out. What takes a parse is parsed once, however many pages it goes over.
struct Head {
    id: String,
    commit_no: CommitNo,
    person: PersonNo,
    visit_id: VisitId,
    institution: InstitutionCode,
    reversed_commit: Option<CommitNo>,
    /// How many lines it holds.
    count: usize,
    /// The visit's document, where asked for.
    document: Option<String>,
    visit: OnceLock<Arc<Visit>>,
    /// The stored decision, where asked for.
    decision: OnceLock<String>,
    splits: OnceLock<HashMap<LineNo, LineSplit>>,
}

/// Lines whose settlement was read, and that were not handed out yet.
#[derive(Default)]
pub(super) struct Ahead {
    lines: VecDeque<(Arc<Head>, Settled)>,
    /// The last settlement that was read.
    after: String,
    done: bool,
    /// Settlements and lines read so far: how many settlements to ask for next.
    read: (usize, usize),
}

/// A page of lines as it was fetched.
pub(super) struct LinePage {
    lines: Vec<(Arc<Head>, Settled)>,
    /// Of their visits: visit, number, commit, document.
    found: Vec<Row>,
}

/// Of a stored decision, the lines alone.
#[derive(Deserialize)]
struct Lines {
    lines: Vec<LineSplit>,
}

impl Ahead {
    /// The next page; none at the end.
    pub(super) async fn next(
        &mut self,
        snapshot: &mut Snapshot,
        wanted: &Wanted,
        want: usize,
    ) -> Result<Option<LinePage>, StoreError> {
        while self.lines.len() < want && !self.done {
            self.read_on(snapshot, wanted, want).await?;
        }
        let lines: Vec<_> = self.lines.iter().take(want).cloned().collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let found = documents(snapshot, &lines).await?;
        if wanted.parts.split {
            decisions(snapshot, &lines).await?;
        }
        // who asks again after an error is given the same
        self.lines.drain(..lines.len());
        Ok(Some(LinePage { lines, found }))
    }

    /// Reads which lines the settlements that follow hold.
    async fn read_on(&mut self, snapshot: &mut Snapshot, wanted: &Wanted, want: usize) -> Result<(), StoreError> {
        let as_of = snapshot.as_of();
        // as many as will most likely do
        let (settlements, lines) = self.read;
        let usual = ((want - self.lines.len()) * settlements).checked_div(lines).map_or(FEW, |n| n + 1);
        let most = usual.min(SETTLEMENTS).min(want);
        let mut q = Statement::default();
        q.push("SELECT s.setl_id, s.commit_no, s.psn_no, s.mdtrt_id, s.fixmedins_code, s.reversed_commit, s.lines, ");
        q.push(if wanted.parts.visit { "v.data" } else { "NULL" }).push(" FROM settlement s ");
        visit(&mut q, wanted.parts.visit, as_of);
        q.push("WHERE s.reverses IS NULL AND s.commit_no <= ").bind(Value::Int(as_of));
        for c in &wanted.conditions {
            push_condition(&mut q, Rowset::Lines, c);
        }
        q.push(" AND s.setl_id > ").bind(Value::from(self.after.clone()));
        q.push(" ORDER BY s.setl_id LIMIT ").bind(Value::Int(i64::try_from(most).unwrap_or(i64::MAX)));
        let rows = q.rows(snapshot).await?;
        let in_rows = rows.iter().filter(|r| r.opt_text(6).is_none()).map(|r| r.text(0)).collect();
        let mut in_rows = lines_in_rows(snapshot, in_rows).await?;
        let mut read = Vec::new();
        for r in &rows {
            let mut lines = match r.opt_text(6) {
                Some(text) => lines_of(&text)?,
                None => in_rows.remove(r.str(0)).unwrap_or_default(),
            };
            lines.sort_by(|(a, ..), (b, ..)| a.cmp(b));
            let head = Arc::new(Head {
                id: r.text(0),
                commit_no: r.int(1),
                person: r.text(2).into(),
                visit_id: r.text(3).into(),
                institution: r.text(4).into(),
                reversed_commit: r.opt_int(5),
                count: lines.len(),
                document: r.opt_text(7),
                visit: OnceLock::new(),
                decision: OnceLock::new(),
                splits: OnceLock::new(),
            });
            read.extend(lines.into_iter().map(|line| (Arc::clone(&head), line)));
        }
        self.read = (settlements + rows.len(), self.read.1 + read.len());
        self.lines.extend(read);
        self.done = rows.len() < most;
        if let Some(last) = rows.last() {
            self.after = last.text(0);
        }
        Ok(())
    }
}

/// The lines of settlements that an older version wrote.
async fn lines_in_rows(snapshot: &mut Snapshot, ids: Vec<String>) -> Result<HashMap<String, Vec<Settled>>, StoreError> {
    let mut lines: HashMap<String, Vec<Settled>> = HashMap::new();
    if !ids.is_empty() {
        let mut q = Statement::default();
        q.push("SELECT setl_id, feedetl_sn, line_commit, amount FROM settled_in_rows WHERE setl_id IN ").list(ids);
        for r in q.rows(snapshot).await? {
            lines.entry(r.text(0)).or_default().push((r.text(1).into(), r.int(2), money(r.int(3))));
        }
    }
    Ok(lines)
}

/// The documents of lines, and of what else lies between them.
async fn documents(snapshot: &mut Snapshot, lines: &[(Arc<Head>, Settled)]) -> Result<Vec<Row>, StoreError> {
    // whole visits at once, but for those of a settlement that goes over the page's edge
    let (mut visits, mut ranges) = (Vec::new(), Vec::new());
    for of_one in lines.chunk_by(|(a, _), (b, _)| a.id == b.id) {
        if let ([(head, (first, ..)), ..], [.., (_, (last, ..))]) = (of_one, of_one) {
            if of_one.len() == head.count {
                visits.push(head.visit_id.to_string());
            } else {
                ranges.push((&head.visit_id, first, last));
            }
        }
    }
    visits.sort();
    visits.dedup();
    let mut q = Statement::default();
    let columns = "SELECT mdtrt_id, feedetl_sn, commit_no, data FROM fee_line WHERE mdtrt_id ";
    if !visits.is_empty() {
        q.push(columns).push("IN ").list(visits);
    }
    for (visit, first, last) in ranges {
        q.push(if q.values.is_empty() { "" } else { " UNION ALL " }).push(columns).push("= ");
        q.bind(Value::from(visit.to_string())).push(" AND feedetl_sn >= ").bind(Value::from(first.to_string()));
        q.push(" AND feedetl_sn <= ").bind(Value::from(last.to_string()));
    }
    q.rows(snapshot).await
}

/// Puts the decisions of the settlements of lines beside them.
async fn decisions(snapshot: &mut Snapshot, lines: &[(Arc<Head>, Settled)]) -> Result<(), StoreError> {
    let mut heads: BTreeMap<&str, &Head> = BTreeMap::new();
    for (head, _) in lines.iter().filter(|(head, _)| head.decision.get().is_none()) {
        heads.insert(&head.id, head);
    }
    let ids: Vec<&str> = heads.keys().copied().collect();
    for chunk in ids.chunks(SETTLEMENTS) {
        let mut q = Statement::default();
        q.push("SELECT setl_id, decision FROM settlement WHERE setl_id IN ");
        q.list(chunk.iter().map(|id| (*id).to_owned()));
        for r in q.rows(snapshot).await? {
            if let Some(head) = heads.get(r.str(0)) {
                head.decision.get_or_init(|| r.text(1));
            }
        }
    }
    Ok(())
}

impl Head {
    fn visit(&self) -> Result<Option<Arc<Visit>>, StoreError> {
        let Some(document) = &self.document else { return Ok(None) };
        if self.visit.get().is_none() {
            let parsed = Arc::new(json::<VisitDoc>("visit", document)?.visit);
            self.visit.get_or_init(|| parsed);
        }
        Ok(self.visit.get().cloned())
    }

    fn split(&self, line: &LineNo) -> Result<Option<LineSplit>, StoreError> {
        let Some(decision) = self.decision.get() else { return Ok(None) };
        if self.splits.get().is_none() {
            let parsed: Lines = json("settlement", decision)?;
            self.splits.get_or_init(|| parsed.lines.into_iter().map(|l| (l.no.clone(), l)).collect());
        }
        Ok(self.splits.get().and_then(|s| s.get(line)).cloned())
    }
}

impl LinePage {
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Decodes it.
    pub(super) fn decode(self, as_of: CommitNo) -> Result<Vec<LineRow>, StoreError> {
        let key = |r: &Row| (VisitId::from(r.str(0)), LineNo::from(r.str(1)), r.int(2));
        let found: HashMap<_, &Row> = self.found.iter().map(|r| (key(r), r)).collect();
        let row = |(head, (no, brought, amount)): &(Arc<Head>, Settled)| {
            let key = (head.visit_id.clone(), no.clone(), *brought);
            let missing = || StoreError::damaged("settlement", "a settled line is not there");
            let line: Line = json("fee_line", found.get(&key).ok_or_else(missing)?.str(3))?;
            Ok(LineRow {
                settlement: head.id.as_str().into(),
                amount: *amount,
                commit_no: head.commit_no,
                person_no: head.person.clone(),
                visit_id: head.visit_id.clone(),
                institution: head.institution.clone(),
                reversed: head.reversed_commit.is_some_and(|c| c <= as_of),
                split: head.split(no)?,
                visit: head.visit()?,
                line,
            })
        };
        self.lines.iter().map(row).collect()
    }
}
