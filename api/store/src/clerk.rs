//! What a clerk began and a second person decides.

use crate::db::StoreError;
use crate::read::Snapshot;
use crate::rows::{Shown, time_of};
use crate::sql::{Row, args};
use chrono::NaiveDateTime;
use dingan_core::codes::{InstitutionCode, PersonNo, SettlementId};
use dingan_core::money::Money;

/// An invoice: each institution numbers its own, and two may have the same number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Invoice {
    /// Who issued it.
    pub institution: InstitutionCode,
    /// `invono`; empty where none is stated.
    pub number: String,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// The request's id.
    pub id: String,
    /// When it was made.
    pub made_at: NaiveDateTime,
    /// Who made it.
    pub made_by: String,
    /// The person it concerns.
    pub person: PersonNo,
    /// What it would have moved of the funds' money when it was made.
    pub amount: Money,
    /// What it asks for: `claim`, `reversal`, `correction` or `deduction`.
    pub kind: String,
    /// The request, JSON.
    pub document: String,
    /// `waiting`, `done` or `refused`.
    pub state: String,
    /// Who decided it; empty while it waits.
    pub decided_by: String,
    /// The settlement, reversal or correction it became; empty for none.
    pub settlement: SettlementId,
}

/// A change of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskChange {
    /// A new one, which waits.
    New(TaskRow),
    /// A second person's word on one that waits.
    Decided {
        /// The task.
        id: String,
        /// `done` or `refused`.
        state: &'static str,
        /// Who decided.
        by: String,
        /// What it became; empty for none.
        settlement: SettlementId,
    },
}

fn task(r: &Row) -> Result<TaskRow, StoreError> {
    Ok(TaskRow {
        id: r.text(0),
        made_at: time_of(r.str(1)).ok_or_else(|| StoreError::damaged("clerk_task", "not a time"))?,
        made_by: r.text(2),
        person: r.str(3).into(),
        amount: Money::fen(r.int(4)),
        document: r.text(5),
        state: r.text(6),
        decided_by: r.text(7),
        settlement: r.str(8).into(),
        kind: r.text(9),
    })
}

impl Snapshot {
    /// A task.
    pub async fn task(&mut self, id: &str) -> Result<Option<TaskRow>, StoreError> {
        let sql = "SELECT task_id, made_at, made_by, psn_no, amount, document, state, decided_by, setl_id, kind \
                   FROM clerk_task WHERE task_id = $1";
        self.lease.row(sql, args![id]).await?.map(|r| task(&r)).transpose()
    }

    /// Tasks in a state, by id, after one.
    pub async fn tasks(&mut self, state: &str, after: &str, limit: i64) -> Result<Vec<TaskRow>, StoreError> {
        let sql = "SELECT task_id, made_at, made_by, psn_no, amount, document, state, decided_by, setl_id, kind \
                   FROM clerk_task WHERE state = $1 AND task_id > $2 ORDER BY task_id LIMIT $3";
        self.lease.rows(sql, args![state, after, limit]).await?.iter().map(task).collect()
    }

    /// Settlements that live and were made for an invoice, and whether on paper.
    pub async fn settlements_of_invoice(&mut self, of: &Invoice) -> Result<Vec<(SettlementId, bool)>, StoreError> {
        let sql = "SELECT setl_id, shown FROM settlement WHERE invono = $1 AND fixmedins_code = $2 AND commit_no <= $3 \
                   AND reverses IS NULL AND (reversed_commit IS NULL OR reversed_commit > $3) ORDER BY setl_id";
        let rows = self.lease.rows(sql, args![&of.number, of.institution.as_str(), self.as_of]).await?;
        Ok(rows.iter().map(|r| (r.str(0).into(), on_paper(r.str(1)))).collect())
    }
}

/// Whether a stored settlement was made from paper, by what it keeps to be shown.
pub(crate) fn on_paper(shown: &str) -> bool {
    serde_json::from_str::<Shown>(shown).is_ok_and(|s| s.centre)
}
