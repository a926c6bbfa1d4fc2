//! Reading what is settled: settlements, their lines, findings, ledger, proposals.

use crate::db::StoreError;
use crate::read::{Snapshot, json};
use crate::rows::*;
use crate::sql::{Row, args};
use dingan_core::codes::*;
use dingan_core::money::Money;
use dingan_core::person::CommitNo;

/// One ledger entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    /// `setl_id`.
    pub settlement: SettlementId,
    /// Account.
    pub account: String,
    /// Debit (positive) or credit.
    pub amount: Money,
}

/// What the store holds, for the start page and summaries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Persons.
    pub persons: i64,
    /// Visits.
    pub visits: i64,
    /// Live settlements.
    pub settlements: i64,
    /// Reversed settlements.
    pub reversed: i64,
    /// Open findings.
    pub findings: i64,
}

/// A query of whole settlements.
macro_rules! settlements {
    ($rest:literal) => {
        concat!(
            "SELECT setl_id, commit_no, psn_no, mdtrt_id, fixmedins_code, chrg_bchno, setl_time, year, reverses, \
             reversed_commit, as_of, bundle, msgid, invono, request, shown, amounts, decision FROM settlement ",
            $rest
        )
    };
}

fn settlement(r: &Row) -> Result<StoredSettlement, StoreError> {
    Ok(StoredSettlement {
        id: r.text(0).into(),
        commit_no: r.int(1),
        person: r.text(2).into(),
        visit: r.text(3).into(),
        institution: r.text(4).into(),
        batch: r.text(5),
        time: time_of(r.str(6)).ok_or_else(|| StoreError::damaged("settlement", "time"))?,
        year: i32::try_from(r.int(7)).map_err(|e| StoreError::damaged("settlement", e))?,
        reverses: r.opt_text(8).map(Into::into),
        reversed_commit: r.opt_int(9),
        as_of: r.int(10),
        bundle: r.text(11),
        msgid: r.text(12),
        invoice: r.text(13),
        request: json("settlement", r.str(14))?,
        shown: json("settlement", r.str(15))?,
        amounts: json("settlement", r.str(16))?,
        decision: r.text(17).into_bytes(),
    })
}

impl Snapshot {
    /// A settlement or reversal by its id.
    pub async fn settlement(&mut self, id: &SettlementId) -> Result<Option<StoredSettlement>, StoreError> {
        let row = self.lease.row(settlements!("WHERE setl_id = $1"), args![id.as_str()]).await?;
        row.map(|r| settlement(&r)).transpose()
    }

    /// The settlements of a visit that live, in commit order.
    pub async fn settlements_of_visit(&mut self, visit: &VisitId) -> Result<Vec<StoredSettlement>, StoreError> {
        let sql = settlements!(
            "WHERE mdtrt_id = $1 AND commit_no <= $2 AND reverses IS NULL \
             AND (reversed_commit IS NULL OR reversed_commit > $2) ORDER BY commit_no"
        );
        self.lease.rows(sql, args![visit.as_str(), self.as_of]).await?.iter().map(settlement).collect()
    }

    /// The settlements of a person that live, in commit order.
    pub async fn settlements_of_person(&mut self, person: &PersonNo) -> Result<Vec<StoredSettlement>, StoreError> {
        let sql = settlements!(
            "WHERE psn_no = $1 AND commit_no <= $2 AND reverses IS NULL \
             AND (reversed_commit IS NULL OR reversed_commit > $2) ORDER BY commit_no"
        );
        self.lease.rows(sql, args![person.as_str(), self.as_of]).await?.iter().map(settlement).collect()
    }

    /// Settlements (not reversals) after a commit, in commit order, at most `limit`: for replay.
    pub async fn settlements_after(
        &mut self,
        after: CommitNo,
        limit: i64,
    ) -> Result<Vec<StoredSettlement>, StoreError> {
        let sql = settlements!("WHERE commit_no > $1 AND reverses IS NULL ORDER BY commit_no LIMIT $2");
        self.lease.rows(sql, args![after, limit]).await?.iter().map(settlement).collect()
    }

    /// Findings of a settlement.
    pub async fn findings(&mut self, id: &SettlementId) -> Result<Vec<FindingRow>, StoreError> {
        let rows = self.lease.rows("SELECT run_id, setl_id, psn_no, status, data FROM finding WHERE setl_id = $1 ORDER BY rule_code, finding_id", args![id.as_str()])
        .await?;
        rows.iter()
            .map(|r| {
                Ok(FindingRow {
                    run: r.text(0),
                    settlement: r.text(1).into(),
                    person: r.text(2).into(),
                    status: r.text(3),
                    finding: json("finding", r.str(4))?,
                })
            })
            .collect()
    }

    /// Whether a finding id was ever given to this institution.
    pub async fn finding_known(&mut self, institution: &InstitutionCode, finding: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM finding WHERE finding_id = $1 AND fixmedins_code = $2 LIMIT 1";
        Ok(self.lease.row(sql, args![finding, institution.as_str()]).await?.is_some())
    }

    /// Proposals of a person, newest cause last.
    pub async fn proposals(&mut self, person: &PersonNo) -> Result<Vec<ProposalRow>, StoreError> {
        let rows = self
            .lease
            .rows(
                "SELECT commit_no, cause, data FROM proposal WHERE psn_no = $1 ORDER BY commit_no, setl_id",
                args![person.as_str()],
            )
            .await?;
        rows.iter()
            .map(|r| Ok(ProposalRow { commit_no: r.int(0), cause: r.text(1), difference: json("proposal", r.str(2))? }))
            .collect()
    }

    /// The ledger entries of a settlement or reversal.
    pub async fn ledger(&mut self, id: &SettlementId) -> Result<Vec<LedgerLine>, StoreError> {
        let rows = self
            .lease
            .rows(
                "SELECT setl_id, account, amount FROM ledger_entry WHERE setl_id = $1 ORDER BY seq",
                args![id.as_str()],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|r| LedgerLine { settlement: r.text(0).into(), account: r.text(1), amount: money(r.int(2)) })
            .collect())
    }

    /// The sum of the whole ledger (zero) and of each group of accounts (`fund/390100`, `cash`, …).
    pub async fn ledger_totals(&mut self) -> Result<Vec<(String, Money)>, StoreError> {
        let rows = self
            .lease
            .rows(
                "SELECT account, CAST(sum(amount) AS BIGINT) FROM ledger_entry GROUP BY account ORDER BY account",
                args![],
            )
            .await?;
        let mut out: Vec<(String, Money)> = Vec::new();
        for r in rows {
            let account = r.text(0);
            let group = match account.split('/').collect::<Vec<_>>().as_slice() {
                ["fund", code, ..] => format!("fund/{code}"),
                ["clearing", from, to] => format!("clearing/{from}/{to}"),
                ["account", which, ..] => format!("account/{which}"),
                [first, ..] => (*first).to_owned(),
                [] => String::new(),
            };
            let amount = money(r.int(1));
            match out.iter_mut().find(|(g, _)| *g == group) {
                Some((_, sum)) => *sum += amount,
                None => out.push((group, amount)),
            }
        }
        Ok(out)
    }

    /// Settlements whose postings do not sum to zero: always none.
    pub async fn unbalanced(&mut self) -> Result<Vec<SettlementId>, StoreError> {
        let sql = "SELECT setl_id FROM ledger_entry GROUP BY setl_id HAVING sum(amount) <> 0";
        Ok(self.lease.rows(sql, args![]).await?.iter().map(|r| r.text(0).into()).collect())
    }

    /// Open findings by rule.
    pub async fn findings_by_rule(&mut self) -> Result<Vec<(String, i64, Money)>, StoreError> {
        let rows = self.lease.rows("SELECT rule_code, count(*), CAST(sum(charge_amt) AS BIGINT) FROM finding WHERE status = 'open' AND setl_id <> '' \
             GROUP BY rule_code ORDER BY rule_code", args![])
        .await?;
        Ok(rows.iter().map(|r| (r.text(0), r.int(1), money(r.int(2)))).collect())
    }

    /// What the store holds.
    pub async fn counts(&mut self) -> Result<Counts, StoreError> {
        let row = self
            .lease
            .row(
                "SELECT (SELECT count(*) FROM person_book), (SELECT count(DISTINCT mdtrt_id) FROM visit), \
             (SELECT count(*) FROM settlement WHERE reverses IS NULL AND reversed_commit IS NULL), \
             (SELECT count(*) FROM settlement WHERE reverses IS NOT NULL), \
             (SELECT count(*) FROM finding WHERE status = 'open' AND setl_id <> '')",
                args![],
            )
            .await?
            .ok_or_else(|| StoreError::damaged("settlement", "no counts"))?;
        Ok(Counts {
            persons: row.int(0),
            visits: row.int(1),
            settlements: row.int(2),
            reversed: row.int(3),
            findings: row.int(4),
        })
    }
}
