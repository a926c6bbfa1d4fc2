//! Reading what is settled: settlements, their lines, findings, ledger, proposals.

use crate::db::StoreError;
use crate::read::Snapshot;
use crate::rows::*;
use dingan_core::codes::*;
use dingan_core::money::Money;
use dingan_core::person::CommitNo;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

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

const SETTLEMENT: &str = "SELECT setl_id, commit_no, psn_no, mdtrt_id, fixmedins_code, chrg_bchno, setl_time, year, \
     reverses, reversed_commit, as_of, bundle, msgid, invono, request, shown, amounts, decision FROM settlement";

fn json<T: serde::de::DeserializeOwned>(table: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::damaged(table, e))
}

fn settlement(r: &SqliteRow) -> Result<StoredSettlement, StoreError> {
    Ok(StoredSettlement {
        id: r.get::<String, _>(0).into(),
        commit_no: r.get(1),
        person: r.get::<String, _>(2).into(),
        visit: r.get::<String, _>(3).into(),
        institution: r.get::<String, _>(4).into(),
        batch: r.get(5),
        time: time_of(r.get(6)).ok_or_else(|| StoreError::damaged("settlement", "time"))?,
        year: i32::try_from(r.get::<i64, _>(7)).map_err(|e| StoreError::damaged("settlement", e))?,
        reverses: r.get::<Option<String>, _>(8).map(Into::into),
        reversed_commit: r.get(9),
        as_of: r.get(10),
        bundle: r.get(11),
        msgid: r.get(12),
        invoice: r.get(13),
        request: json("settlement", r.get(14))?,
        shown: json("settlement", r.get(15))?,
        amounts: json("settlement", r.get(16))?,
        decision: r.get(17),
    })
}

impl Snapshot {
    /// A settlement or reversal by its id.
    pub async fn settlement(&mut self, id: &SettlementId) -> Result<Option<StoredSettlement>, StoreError> {
        let sql = format!("{SETTLEMENT} WHERE setl_id = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(self.connection()).await?;
        row.map(|r| settlement(&r)).transpose()
    }

    /// The settlements of a visit that live, in commit order.
    pub async fn settlements_of_visit(&mut self, visit: &VisitId) -> Result<Vec<StoredSettlement>, StoreError> {
        let sql = format!(
            "{SETTLEMENT} WHERE mdtrt_id = $1 AND reverses IS NULL AND reversed_commit IS NULL ORDER BY commit_no"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(visit.as_str()).fetch_all(self.connection()).await?;
        rows.iter().map(settlement).collect()
    }

    /// The settlements of a person that live, in commit order.
    pub async fn settlements_of_person(&mut self, person: &PersonNo) -> Result<Vec<StoredSettlement>, StoreError> {
        let sql = format!(
            "{SETTLEMENT} WHERE psn_no = $1 AND reverses IS NULL AND reversed_commit IS NULL ORDER BY commit_no"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str()).fetch_all(self.connection()).await?;
        rows.iter().map(settlement).collect()
    }

    /// Settlements (not reversals) after a commit, in commit order, at most `limit`: for replay.
    pub async fn settlements_after(
        &mut self,
        after: CommitNo,
        limit: i64,
    ) -> Result<Vec<StoredSettlement>, StoreError> {
        let sql = format!("{SETTLEMENT} WHERE commit_no > $1 AND reverses IS NULL ORDER BY commit_no LIMIT $2");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(after).bind(limit).fetch_all(self.connection()).await?;
        rows.iter().map(settlement).collect()
    }

    /// The lines a settlement settled.
    pub async fn lines_of_settlement(&mut self, id: &SettlementId) -> Result<Vec<StoredLine>, StoreError> {
        let rows = sqlx::query(
            "SELECT l.data, l.commit_no FROM settlement_line x JOIN fee_line l ON l.mdtrt_id = x.mdtrt_id \
             AND l.feedetl_sn = x.feedetl_sn AND l.commit_no = x.line_commit WHERE x.setl_id = $1 ORDER BY x.feedetl_sn",
        )
        .bind(id.as_str())
        .fetch_all(self.connection())
        .await?;
        rows.iter().map(|r| Ok(StoredLine { line: json("fee_line", r.get(0))?, commit_no: r.get(1) })).collect()
    }

    /// Findings of a settlement.
    pub async fn findings(&mut self, id: &SettlementId) -> Result<Vec<FindingRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT run_id, setl_id, psn_no, status, data FROM finding WHERE setl_id = $1 ORDER BY rule_code, finding_id",
        )
        .bind(id.as_str())
        .fetch_all(self.connection())
        .await?;
        rows.iter()
            .map(|r| {
                Ok(FindingRow {
                    run: r.get(0),
                    settlement: r.get::<String, _>(1).into(),
                    person: r.get::<String, _>(2).into(),
                    status: r.get(3),
                    finding: json("finding", r.get(4))?,
                })
            })
            .collect()
    }

    /// Whether a finding id was ever given to this institution.
    pub async fn finding_known(&mut self, institution: &InstitutionCode, finding: &str) -> Result<bool, StoreError> {
        let n: i64 = sqlx::query_scalar("SELECT count(*) FROM finding WHERE finding_id = $1 AND fixmedins_code = $2")
            .bind(finding)
            .bind(institution.as_str())
            .fetch_one(self.connection())
            .await?;
        Ok(n > 0)
    }

    /// Proposals of a person, newest cause last.
    pub async fn proposals(&mut self, person: &PersonNo) -> Result<Vec<ProposalRow>, StoreError> {
        let rows =
            sqlx::query("SELECT commit_no, cause, data FROM proposal WHERE psn_no = $1 ORDER BY commit_no, setl_id")
                .bind(person.as_str())
                .fetch_all(self.connection())
                .await?;
        rows.iter()
            .map(|r| Ok(ProposalRow { commit_no: r.get(0), cause: r.get(1), difference: json("proposal", r.get(2))? }))
            .collect()
    }

    /// The ledger entries of a settlement or reversal.
    pub async fn ledger(&mut self, id: &SettlementId) -> Result<Vec<LedgerLine>, StoreError> {
        let rows = sqlx::query("SELECT setl_id, account, amount FROM ledger_entry WHERE setl_id = $1 ORDER BY seq")
            .bind(id.as_str())
            .fetch_all(self.connection())
            .await?;
        Ok(rows
            .iter()
            .map(|r| LedgerLine {
                settlement: r.get::<String, _>(0).into(),
                account: r.get(1),
                amount: money(r.get(2)),
            })
            .collect())
    }

    /// The sum of the whole ledger (zero) and of each group of accounts (`fund/390100`, `cash`, …).
    pub async fn ledger_totals(&mut self) -> Result<Vec<(String, Money)>, StoreError> {
        let rows = sqlx::query("SELECT account, sum(amount) FROM ledger_entry GROUP BY account ORDER BY account")
            .fetch_all(self.connection())
            .await?;
        let mut out: Vec<(String, Money)> = Vec::new();
        for r in rows {
            let account: String = r.get(0);
            let group = match account.split('/').collect::<Vec<_>>().as_slice() {
                ["fund", code, ..] => format!("fund/{code}"),
                ["clearing", from, to] => format!("clearing/{from}/{to}"),
                ["account", which, ..] => format!("account/{which}"),
                [first, ..] => (*first).to_owned(),
                [] => String::new(),
            };
            let amount = money(r.get(1));
            match out.iter_mut().find(|(g, _)| *g == group) {
                Some((_, sum)) => *sum += amount,
                None => out.push((group, amount)),
            }
        }
        Ok(out)
    }

    /// Settlements whose postings do not sum to zero: always none.
    pub async fn unbalanced(&mut self) -> Result<Vec<SettlementId>, StoreError> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT setl_id FROM ledger_entry GROUP BY setl_id HAVING sum(amount) <> 0")
                .fetch_all(self.connection())
                .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Open findings by rule.
    pub async fn findings_by_rule(&mut self) -> Result<Vec<(String, i64, Money)>, StoreError> {
        let rows = sqlx::query(
            "SELECT rule_code, count(*), sum(charge_amt) FROM finding WHERE status = 'open' AND setl_id <> '' \
             GROUP BY rule_code ORDER BY rule_code",
        )
        .fetch_all(self.connection())
        .await?;
        Ok(rows.iter().map(|r| (r.get(0), r.get(1), money(r.get(2)))).collect())
    }

    /// What the store holds.
    pub async fn counts(&mut self) -> Result<Counts, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM person_book), (SELECT count(DISTINCT mdtrt_id) FROM visit), \
             (SELECT count(*) FROM settlement WHERE reverses IS NULL AND reversed_commit IS NULL), \
             (SELECT count(*) FROM settlement WHERE reverses IS NOT NULL), \
             (SELECT count(*) FROM finding WHERE status = 'open' AND setl_id <> '')",
        )
        .fetch_one(self.connection())
        .await?;
        Ok(Counts {
            persons: row.get(0),
            visits: row.get(1),
            settlements: row.get(2),
            reversed: row.get(3),
            findings: row.get(4),
        })
    }
}
