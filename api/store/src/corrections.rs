//! Corrections and deductions, proposals that wait for one, and what pools owe each other.

use crate::db::StoreError;
use crate::read::{Snapshot, json};
use crate::rows::{ProposalRow, money, time_of};
use crate::settled::LedgerLine;
use crate::sql::{Row, args};
use chrono::NaiveDateTime;
use dingan_core::codes::*;
use dingan_core::decision::Amounts;
use dingan_core::money::Money;
use dingan_core::person::CommitNo;

/// What became of a settlement afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorrectionKind {
    /// A proposal was applied.
    Applied,
    /// Taken back from the institution.
    Deduction,
}

impl CorrectionKind {
    /// Its word in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "correction",
            Self::Deduction => "deduction",
        }
    }
}

/// A correction or deduction as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCorrection {
    /// Its own id.
    pub id: SettlementId,
    /// The commit that made it.
    pub commit_no: CommitNo,
    /// `init_setl_id`: the settlement it belongs to.
    pub settlement: SettlementId,
    /// `psn_no`.
    pub person: PersonNo,
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// Which of the two.
    pub kind: CorrectionKind,
    /// When.
    pub time: NaiveDateTime,
    /// Facts were read up to this commit.
    pub as_of: CommitNo,
    /// Hash of the bundle; empty for a deduction, which reads none.
    pub bundle: String,
    /// The settlement's amounts as they stand from now on.
    pub amounts: Amounts,
    /// How it came about, as bytes.
    pub decision: Vec<u8>,
}

/// A proposal nobody has applied, of a settlement that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenProposal {
    /// `psn_no`.
    pub person: PersonNo,
    /// The proposal.
    pub proposal: ProposalRow,
}

/// What a settlement, reversal, correction or deduction posted to the clearing from one pool to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearedRow {
    /// Its id.
    pub id: SettlementId,
    /// The settlement it belongs to, where it is not that itself.
    pub init: Option<SettlementId>,
    /// `settlement`, `reversal`, `correction` or `deduction`.
    pub kind: String,
    /// When it was posted.
    pub at: NaiveDateTime,
    /// `psn_no`.
    pub person: PersonNo,
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// What the first pool owes the second for it; negative where it gets back.
    pub owed: Money,
}

macro_rules! corrections {
    ($rest:literal) => {
        concat!(
            "SELECT corr_id, commit_no, setl_id, psn_no, mdtrt_id, kind, corr_time, as_of, bundle, amounts, decision \
             FROM correction ",
            $rest
        )
    };
}

fn correction(r: &Row) -> Result<StoredCorrection, StoreError> {
    let kinds = [CorrectionKind::Applied, CorrectionKind::Deduction];
    let kind = kinds.into_iter().find(|k| k.word() == r.str(5));
    Ok(StoredCorrection {
        id: r.text(0).into(),
        commit_no: r.int(1),
        settlement: r.text(2).into(),
        person: r.text(3).into(),
        visit: r.text(4).into(),
        kind: kind.ok_or_else(|| StoreError::damaged("correction", "unknown kind"))?,
        time: time_of(r.str(6)).ok_or_else(|| StoreError::damaged("correction", "time"))?,
        as_of: r.int(7),
        bundle: r.text(8),
        amounts: json("correction", r.str(9))?,
        decision: r.text(10).into_bytes(),
    })
}

impl Snapshot {
    /// Corrections and deductions of a settlement, in commit order.
    pub async fn corrections(&mut self, of: &SettlementId) -> Result<Vec<StoredCorrection>, StoreError> {
        let sql = corrections!("WHERE setl_id = $1 AND commit_no <= $2 ORDER BY commit_no");
        self.lease.rows(sql, args![of.as_str(), self.as_of]).await?.iter().map(correction).collect()
    }

    /// Corrections and deductions of a person's settlements, in commit order.
    pub async fn corrections_of_person(&mut self, person: &PersonNo) -> Result<Vec<StoredCorrection>, StoreError> {
        let sql = corrections!("WHERE psn_no = $1 AND commit_no <= $2 ORDER BY commit_no");
        self.lease.rows(sql, args![person.as_str(), self.as_of]).await?.iter().map(correction).collect()
    }

    /// Corrections and deductions after a commit, in commit order, at most `limit`: for replay.
    pub async fn corrections_after(
        &mut self,
        after: CommitNo,
        limit: i64,
    ) -> Result<Vec<StoredCorrection>, StoreError> {
        let sql = corrections!("WHERE commit_no > $1 ORDER BY commit_no LIMIT $2");
        self.lease.rows(sql, args![after, limit]).await?.iter().map(correction).collect()
    }

    /// The number the next accumulator row of a settlement gets.
    pub async fn next_entry(&mut self, of: &SettlementId) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM accumulator_entry WHERE setl_id = $1";
        Ok(self.lease.row(sql, args![of.as_str()]).await?.map_or(0, |r| r.int(0)))
    }

    /// The ledger entries under several ids as of the snapshot, in the order of their commits.
    pub async fn ledger_of(&mut self, ids: &[String]) -> Result<Vec<LedgerLine>, StoreError> {
        let sql = "SELECT setl_id, account, amount FROM ledger_entry WHERE setl_id IN (list $1) AND commit_no <= $2 \
             ORDER BY commit_no, seq";
        let rows = self.lease.rows(sql, args![ids, self.as_of]).await?;
        let line = |r: &Row| LedgerLine { settlement: r.text(0).into(), account: r.text(1), amount: money(r.int(2)) };
        Ok(rows.iter().map(line).collect())
    }

    /// Whether a proposal was ever written down for a settlement.
    pub async fn proposed(&mut self, person: &PersonNo, of: &SettlementId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM proposal WHERE psn_no = $1 AND setl_id = $2 AND commit_no <= $3 LIMIT 1";
        Ok(self.lease.row(sql, args![person.as_str(), of.as_str(), self.as_of]).await?.is_some())
    }

    /// The last proposal for each settlement that lives and was not corrected since, oldest first, after one.
    pub async fn open_proposals(
        &mut self,
        after: (CommitNo, &str),
        limit: i64,
    ) -> Result<Vec<OpenProposal>, StoreError> {
        let sql = "SELECT p.psn_no, p.commit_no, p.cause, p.data FROM proposal p \
                   JOIN settlement s ON s.setl_id = p.setl_id \
                   WHERE s.reversed_commit IS NULL \
                   AND NOT EXISTS (SELECT 1 FROM proposal q WHERE q.psn_no = p.psn_no AND q.setl_id = p.setl_id \
                       AND q.commit_no > p.commit_no) \
                   AND NOT EXISTS (SELECT 1 FROM correction c WHERE c.setl_id = p.setl_id AND c.kind = 'correction' \
                       AND c.commit_no > p.commit_no) \
                   AND (p.commit_no, p.setl_id) > ($1, $2) ORDER BY p.commit_no, p.setl_id LIMIT $3";
        let rows = self.lease.rows(sql, args![after.0, after.1, limit]).await?;
        let open = |r: &Row| {
            let proposal =
                ProposalRow { commit_no: r.int(1), cause: r.text(2), difference: json("proposal", r.str(3))? };
            Ok(OpenProposal { person: r.text(0).into(), proposal })
        };
        rows.iter().map(open).collect()
    }

    /// What each pool owes each other of what was posted in a time (from, before): negative where it gets back more.
    pub async fn cleared_totals(&mut self, time: (&str, &str)) -> Result<Vec<(String, i64, Money)>, StoreError> {
        let sql = "SELECT g.account, count(DISTINCT g.setl_id), CAST(-sum(g.amount) AS BIGINT) FROM ledger_entry g \
                   JOIN commit_log c ON c.commit_no = g.commit_no \
                   WHERE g.account >= 'clearing/' AND g.account < 'clearing0' AND c.at >= $1 AND c.at < $2 \
                   GROUP BY g.account ORDER BY g.account";
        let rows = self.lease.rows(sql, args![time.0, time.1]).await?;
        Ok(rows.iter().map(|r| (r.text(0), r.int(1), money(r.int(2)))).collect())
    }

    /// What was posted to one clearing account in a time (from, before), in the order of commits, after one. A reversal
    /// and what it takes with it share a commit.
    pub async fn cleared(
        &mut self,
        account: &str,
        time: (&str, &str),
        after: (CommitNo, &str),
        limit: i64,
    ) -> Result<Vec<(CommitNo, ClearedRow)>, StoreError> {
        let sql = "SELECT g.commit_no, g.setl_id, s.reverses, k.setl_id, k.kind, c.at, \
                       coalesce(s.psn_no, k.psn_no), coalesce(s.mdtrt_id, k.mdtrt_id), \
                       coalesce(s.fixmedins_code, o.fixmedins_code), CAST(-sum(g.amount) AS BIGINT) \
                   FROM ledger_entry g JOIN commit_log c ON c.commit_no = g.commit_no \
                   LEFT JOIN settlement s ON s.setl_id = g.setl_id \
                   LEFT JOIN correction k ON k.corr_id = g.setl_id \
                   LEFT JOIN settlement o ON o.setl_id = k.setl_id \
                   WHERE g.account = $1 AND g.account >= 'clearing/' AND g.account < 'clearing0' \
                   AND (g.commit_no, g.setl_id) > ($4, $5) AND c.at >= $2 AND c.at < $3 \
                   GROUP BY g.commit_no, g.setl_id, s.reverses, k.setl_id, k.kind, c.at, s.psn_no, k.psn_no, \
                       s.mdtrt_id, k.mdtrt_id, s.fixmedins_code, o.fixmedins_code \
                   ORDER BY g.commit_no, g.setl_id LIMIT $6";
        let rows = self.lease.rows(sql, args![account, time.0, time.1, after.0, after.1, limit]).await?;
        let row = |r: &Row| {
            let (reverses, corrects) = (r.opt_text(2), r.opt_text(3));
            let kind = match (r.opt_text(4), &reverses) {
                (Some(kind), _) => kind,
                (None, Some(_)) => "reversal".to_owned(),
                (None, None) => "settlement".to_owned(),
            };
            let cleared = ClearedRow {
                id: r.text(1).into(),
                init: reverses.or(corrects).map(Into::into),
                kind,
                at: time_of(r.str(5)).ok_or_else(|| StoreError::damaged("commit_log", "time"))?,
                person: r.opt_text(6).unwrap_or_default().into(),
                visit: r.opt_text(7).unwrap_or_default().into(),
                institution: r.opt_text(8).unwrap_or_default().into(),
                owed: money(r.int(9)),
            };
            Ok((r.int(0), cleared))
        };
        rows.iter().map(row).collect()
    }
}
