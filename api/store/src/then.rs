//! How things stood at a moment: the commit, the bundle, and accounts without what settlements moved.

use crate::db::StoreError;
use crate::read::Snapshot;
use crate::rows::{money, time_of, time_text};
use crate::sql::{Row, args};
use chrono::NaiveDateTime;
use dingan_core::money::Money;
use dingan_core::person::CommitNo;

fn commit(row: Option<Row>) -> Result<Option<(CommitNo, NaiveDateTime)>, StoreError> {
    let Some(row) = row else { return Ok(None) };
    let at = time_of(row.str(1)).ok_or_else(|| StoreError::damaged("commit_log", "time"))?;
    Ok(Some((row.int(0), at)))
}

impl Snapshot {
    /// The last commit made at or before a moment, with its own moment; none where the books begin later.
    pub async fn commit_by(&mut self, moment: NaiveDateTime) -> Result<Option<(CommitNo, NaiveDateTime)>, StoreError> {
        let sql = "SELECT commit_no, at FROM commit_log WHERE commit_no = \
                   (SELECT max(c.commit_no) FROM commit_log c WHERE c.at <= $1)";
        commit(self.lease.row(sql, args![time_text(moment)]).await?)
    }

    /// A commit, with the moment it was made.
    pub async fn commit(&mut self, no: CommitNo) -> Result<Option<(CommitNo, NaiveDateTime)>, StoreError> {
        commit(self.lease.row("SELECT commit_no, at FROM commit_log WHERE commit_no = $1", args![no]).await?)
    }

    /// Hash of the bundle in force at this snapshot's commit, as the audit log has it; none for books that are older
    /// than their audit log.
    pub async fn bundle_then(&mut self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT subject FROM audit_log WHERE what = 'publish' AND commit_no <= $1 ORDER BY seq DESC LIMIT 1";
        Ok(self.lease.row(sql, args![self.as_of]).await?.map(|r| r.text(0)))
    }

    /// What settlements added to an account up to this snapshot's commit; a payment from it is negative.
    pub async fn moved_by_settlements(&mut self, account: &str) -> Result<Money, StoreError> {
        let sql = "SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM account_entry \
                   WHERE account = $1 AND commit_no <= $2 AND setl_id <> ''";
        Ok(self.lease.row(sql, args![account, self.as_of]).await?.map_or(Money::ZERO, |r| money(r.int(0))))
    }
}
