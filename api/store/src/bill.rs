//! What a decision reads of a person and a bill, in one statement: a settlement waits for the database once, where a
//! statement for each table would make it wait a dozen times.
//!
//! The statement is a union of what the tables give, each row with the number of its part. Parts are put in order here;
//! both databases compare texts byte by byte, as Rust does.

use crate::clerk::{Invoice, on_paper};
use crate::db::{Store, StoreError};
use crate::packed::history_of;
use crate::pool::Lease;
use crate::read::{AccountState, PersonState, Snapshot, VisitState, json, own_account, visit_state};
use crate::rows::*;
use crate::sql::{Row, args};
use crate::visit_lines::{VisitLines, visit_lines_sql};
use chrono::NaiveDateTime;
use dingan_core::claim::SettleRequest;
use dingan_core::codes::*;
use dingan_core::decision::Amounts;
use dingan_core::money::{Money, Quantity};
use dingan_core::person::*;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The parts of a person's file: `$1` person, `$2` visit, `$3` history from, `$4` as of.
///
/// Columns: part; five texts; three numbers.
macro_rules! file_sql {
    ($lines:expr) => {
        concat!($lines, " UNION ALL SELECT 6, mdtrt_id, amounts, NULL, NULL, NULL, commit_no, NULL, NULL \
           FROM settlement WHERE psn_no = $1 AND commit_no <= $4 AND reverses IS NULL \
           AND (reversed_commit IS NULL OR reversed_commit > $4) \
         UNION ALL SELECT 7, acc_key, period, disease, insutype, mdtrt_id, amount, commit_no, seq \
           FROM accumulator_entry WHERE psn_no = $1 AND commit_no <= $4 \
           AND (freed_commit IS NULL OR freed_commit > $4) \
         UNION ALL SELECT 8, v.data, NULL, NULL, NULL, NULL, v.cancelled, NULL, NULL \
           FROM visit v WHERE v.psn_no = $1 AND v.commit_no = \
           (SELECT max(w.commit_no) FROM visit w WHERE w.mdtrt_id = v.mdtrt_id AND w.commit_no <= $4) \
         UNION ALL SELECT 14, mdtrt_id, setl_id, history, NULL, NULL, NULL, NULL, NULL \
           FROM settlement WHERE psn_no = $1 AND history_until >= $3 AND mdtrt_id <> $2 AND commit_no <= $4 \
           AND (reversed_commit IS NULL OR reversed_commit > $4) \
         UNION ALL SELECT 9, h.mdtrt_id, h.setl_id, h.feedetl_sn, h.item, h.fee_time, h.quantity, h.amount, h.supply_days \
           FROM history_line h JOIN settlement s ON s.setl_id = h.setl_id \
           WHERE h.psn_no = $1 AND h.fee_time >= $3 AND h.mdtrt_id <> $2 AND s.commit_no <= $4 \
           AND (s.reversed_commit IS NULL OR s.reversed_commit > $4) \
         UNION ALL SELECT 11, mdtrt_id, facts, NULL, NULL, NULL, commit_no, NULL, NULL \
           FROM settlement_list WHERE psn_no = $1 AND commit_no <= $4 AND returned = 0 \
         UNION ALL SELECT 12, c.mdtrt_id, NULL, NULL, NULL, NULL, c.deductible, NULL, NULL \
           FROM correction c JOIN settlement s ON s.setl_id = c.setl_id \
           WHERE c.psn_no = $1 AND c.commit_no <= $4 AND (s.reversed_commit IS NULL OR s.reversed_commit > $4)")
    };
}

/// A person's file as of a commit.
const FILE: &str = file_sql!(visit_lines_sql!(settled, "$2", "$4"));

/// A bill as it is now: what a snapshot reads, the visit, the person, the lines and settlements of the visit, those that
/// name its invoice, and the person's file. `$4` is beyond every commit, `$5` the person's own account, `$6` the invoice,
/// which may be empty, `$7` the institution.
const BILL: &str = concat!(
    file_sql!(visit_lines_sql!("$2", "$4")),
    " UNION ALL SELECT 0, (SELECT value FROM setting WHERE name = 'live_bundle'), NULL, NULL, NULL, NULL, no, NULL, NULL \
       FROM commit_counter WHERE one = 1 \
     UNION ALL SELECT 1, data, NULL, NULL, NULL, NULL, cancelled, NULL, NULL FROM (SELECT data, cancelled \
       FROM visit WHERE mdtrt_id = $2 AND commit_no <= $4 ORDER BY commit_no DESC LIMIT 1) AS newest \
     UNION ALL SELECT 2, data, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM (SELECT data \
       FROM person WHERE psn_no = $1 AND commit_no <= $4 ORDER BY commit_no DESC LIMIT 1) AS newest \
     UNION ALL SELECT 3, NULL, NULL, NULL, NULL, NULL, balance, NULL, NULL FROM (SELECT balance \
       FROM account_entry WHERE account = $5 AND commit_no <= $4 ORDER BY commit_no DESC LIMIT 1) AS newest \
     UNION ALL SELECT 5, setl_id, chrg_bchno, request, NULL, NULL, commit_no, NULL, NULL \
       FROM settlement WHERE mdtrt_id = $2 AND commit_no <= $4 AND reverses IS NULL \
       AND (reversed_commit IS NULL OR reversed_commit > $4) \
     UNION ALL SELECT 13, setl_id, shown, NULL, NULL, NULL, NULL, NULL, NULL \
       FROM settlement WHERE invono = $6 AND $6 <> '' AND fixmedins_code = $7 AND reverses IS NULL AND reversed_commit IS NULL"
);

/// A bill as it is now.
pub struct Bill {
    /// The visit.
    pub visit: Option<VisitState>,
    /// The person.
    pub person: Option<PersonState>,
    /// Lines of the visit that no living settlement holds.
    pub unsettled: Vec<StoredLine>,
    /// Settlements of the visit that live, in commit order.
    pub settled: Vec<SettledBill>,
    /// A living settlement on paper that names the invoice.
    pub on_paper: Option<SettlementId>,
    file: FileRows,
    as_of: CommitNo,
    visit_id: VisitId,
    /// From when on its history was read.
    from: NaiveDateTime,
}

/// A living settlement of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledBill {
    /// `setl_id`.
    pub id: SettlementId,
    /// `chrg_bchno`.
    pub batch: String,
    /// How it was asked for.
    pub request: SettleRequest,
}

/// Rows of a person's file, as they came.
#[derive(Default)]
struct FileRows {
    settled: Vec<(CommitNo, VisitId, Amounts)>,
    /// What corrections charged more of the deductible.
    corrected: Vec<(VisitId, Money)>,
    entries: Vec<((CommitNo, i64), AccumulatorEntry)>,
    visits: Vec<VisitState>,
    history: Vec<PastLine>,
    settled_lines: Vec<SettledLine>,
    lists: Vec<(CommitNo, VisitId, Arc<dingan_core::claim::SettlementList>)>,
}

impl FileRows {
    /// Takes a row; false where it is of another part. History is read from `from` on.
    fn take(&mut self, r: &Row, from: NaiveDateTime) -> Result<bool, StoreError> {
        match r.int(0) {
            _ if VisitLines::has(r) => {} // which are looked at together
            6 => self.settled.push((r.int(6), r.text(1).into(), json("settlement", r.str(2))?)),
            7 => self.entries.push((
                (r.int(7), r.int(8)),
                AccumulatorEntry {
                    key: r.text(1),
                    period: r.text(2),
                    disease: r.text(3).into(),
                    insurance: r.text(4).into(),
                    visit: r.text(5).into(),
                    amount: money(r.int(6)),
                },
            )),
            8 => self.visits.push(visit_state(r, 1, 6)?),
            9 => self.history.push(PastLine {
                visit: r.text(1).into(),
                settlement: r.text(2).into(),
                no: r.text(3).into(),
                item: r.text(4).into(),
                time: time_of(r.str(5)).ok_or_else(|| StoreError::damaged("history_line", "time"))?,
                quantity: Quantity::from_units(r.int(6)),
                amount: money(r.int(7)),
                supply_days: r.opt_int(8).map(Quantity::from_units),
            }),
            14 => self.history.extend(history_of(r.str(3), &r.text(1).into(), &r.text(2).into(), from)?),
            11 => self.lists.push((r.int(6), r.text(1).into(), Arc::new(json("settlement_list", r.str(2))?))),
            12 => self.corrected.push((r.text(1).into(), money(r.int(6)))),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The file of a decision on a visit.
    fn file(mut self, state: &PersonState, visit: &VisitId) -> PersonFile {
        let mut deductible: HashMap<&VisitId, Money> = HashMap::new();
        let mut settled_visits: HashSet<&VisitId> = HashSet::new();
        for (_, visit, amounts) in &self.settled {
            settled_visits.insert(visit);
            *deductible.entry(visit).or_default() += amounts.deductible;
        }
        for (visit, more) in &self.corrected {
            *deductible.entry(visit).or_default() += *more;
        }
        self.visits.sort_by(|a, b| (a.doc.visit.begin, &a.doc.visit.id).cmp(&(b.doc.visit.begin, &b.doc.visit.id)));
        let visits = self
            .visits
            .into_iter()
            .filter(|v| !v.cancelled && v.doc.visit.id != *visit)
            .map(|VisitState { doc, .. }| PastVisit {
                settled: settled_visits.contains(&doc.visit.id),
                deductible: deductible.get(&doc.visit.id).copied().unwrap_or_default(),
                id: doc.visit.id,
                institution: doc.visit.institution,
                med_type: doc.visit.med_type,
                begin: doc.visit.begin,
                end: doc.visit.end,
                diagnoses: doc.visit.diagnoses,
                discharge_way: doc.visit.discharge_way,
            })
            .collect();
        self.entries.sort_by_key(|(order, _)| *order);
        self.lists.sort_by_key(|(no, ..)| *no);
        PersonFile {
            as_of: state.as_of,
            person: state.person.clone(),
            balances: Balances {
                own: state.own.balance,
                family: state.family.as_ref().map_or(Money::ZERO, |f| f.balance),
            },
            entries: self.entries.into_iter().map(|(_, e)| e).collect(),
            visits,
            lines: dingan_core::journal::net_history(self.history),
            settled_lines: self.settled_lines,
            lists: self.lists.into_iter().map(|(_, visit, list)| (visit, list)).collect(),
        }
    }
}

impl Store {
    /// A bill and what a decision on it may read, as of now. Lines of other visits come from `history_from` on.
    pub async fn bill(
        &self,
        visit: &VisitId,
        person: &PersonNo,
        history_from: NaiveDateTime,
        invoice: &Invoice,
    ) -> Result<(Snapshot, Bill), StoreError> {
        let mut lease: Lease = self.pool.lease().await?;
        let own = own_account(person);
        let from = time_text(history_from);
        let (number, issuer) = (invoice.number.as_str(), invoice.institution.as_str());
        let args = args![person.as_str(), visit.as_str(), from, CommitNo::MAX, &own, number, issuer];
        let rows = lease.rows(BILL, args).await?;
        let mut bill = Bill {
            visit: None,
            person: None,
            unsettled: Vec::new(),
            settled: Vec::new(),
            on_paper: None,
            file: FileRows::default(),
            as_of: 0,
            visit_id: visit.clone(),
            from: history_from,
        };
        let (mut counted, mut live_bundle, mut known, mut balance) = (false, None, None, Money::ZERO);
        let mut settled = Vec::new();
        for r in &rows {
            if bill.file.take(r, history_from)? {
                continue;
            }
            match r.int(0) {
                0 => (counted, bill.as_of, live_bundle) = (true, r.int(6), r.opt_text(1)),
                1 => bill.visit = Some(visit_state(r, 1, 6)?),
                2 => known = Some(json::<Person>("person", r.str(1))?),
                3 => balance = money(r.int(6)),
                13 => bill.on_paper = on_paper(r.str(2)).then(|| r.text(1).into()).or(bill.on_paper),
                _ => {
                    let request = json("settlement", r.str(3))?;
                    settled.push((r.int(6), SettledBill { id: r.text(1).into(), batch: r.text(2), request }));
                }
            }
        }
        if !counted {
            return Err(StoreError::damaged("commit_counter", "the row is gone"));
        }
        let lines = VisitLines::read(&rows)?;
        (bill.unsettled, bill.file.settled_lines) = (lines.unsettled()?, lines.settled()?);
        settled.sort_by_key(|(no, _)| *no);
        bill.settled = settled.into_iter().map(|(_, s)| s).collect();
        let mut snap = Snapshot::of(lease, bill.as_of, live_bundle);
        if let Some(person) = known {
            let family = match &person.family_account {
                Some(id) => Some(snap.family_account(id).await?),
                None => None,
            };
            let own = AccountState { account: own, balance };
            bill.person = Some(PersonState { person, as_of: bill.as_of, own, family });
        }
        Ok((snap, bill))
    }
}

impl Bill {
    /// Everything known of the person that a decision on the bill may read; lines of other visits from
    /// `history_from` on. Reads again where the bill was read from a later day on.
    pub async fn file(
        &mut self,
        snap: &mut Snapshot,
        state: &PersonState,
        history_from: NaiveDateTime,
    ) -> Result<PersonFile, StoreError> {
        if history_from < self.from {
            return snap.person_file(state, &self.visit_id, history_from).await;
        }
        let mut rows = std::mem::take(&mut self.file);
        rows.history.retain(|l| l.time >= history_from);
        Ok(rows.file(state, &self.visit_id))
    }
}

impl Snapshot {
    /// Everything known of a person that a decision on a visit may read. Lines of other visits come
    /// from `history_from` on.
    pub async fn person_file(
        &mut self,
        state: &PersonState,
        visit: &VisitId,
        history_from: NaiveDateTime,
    ) -> Result<PersonFile, StoreError> {
        let from = time_text(history_from);
        let args = args![state.person.no.as_str(), visit.as_str(), from, self.as_of];
        let rows = self.lease.rows(FILE, args).await?;
        let mut file = FileRows { settled_lines: VisitLines::read(&rows)?.settled()?, ..FileRows::default() };
        for r in &rows {
            file.take(r, history_from)?;
        }
        Ok(PersonFile { as_of: self.as_of, ..file.file(state, visit) })
    }
}
