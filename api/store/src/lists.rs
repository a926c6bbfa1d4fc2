//! Settlement lists, and what later runs say of findings.

use crate::db::StoreError;
use crate::read::Snapshot;
use crate::rows::{time_of, time_text};
use crate::write::{CommitError, NewFindings};
use chrono::NaiveDateTime;
use dingan_core::claim::SettlementList;
use dingan_core::codes::*;
use dingan_core::person::CommitNo;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A settlement list as it is stored.
#[derive(Debug, Clone)]
pub struct StoredList {
    /// `setl_list_id`.
    pub id: String,
    /// `setl_id`.
    pub settlement: SettlementId,
    /// `mdtrt_id`.
    pub visit: VisitId,
    /// `psn_no`.
    pub person: PersonNo,
    /// `fixmedins_code`.
    pub institution: InstitutionCode,
    /// `setl_ym`: the month of the settlement.
    pub month: String,
    /// When it became known.
    pub known_at: NaiveDateTime,
    /// Whether quality control sent it back.
    pub returned: bool,
    /// What it adds to the facts.
    pub facts: SettlementList,
    /// What quality control found, JSON.
    pub problems: String,
    /// The input as sent, JSON.
    pub document: String,
}

/// What a run says of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Not found before.
    New,
    /// Found again, the same.
    Confirmed,
    /// Found again, saying something else: the new row stands for the old.
    Changed,
    /// Not found any more.
    Withdrawn,
}

impl Verdict {
    /// As it is stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Confirmed => "confirmed",
            Self::Changed => "changed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The review of one settlement: what it found that is new or changed, and its word on everything.
#[derive(Debug, Clone)]
pub struct NewReview {
    /// The findings that are new or changed, with the run and the settlement.
    pub found: NewFindings,
    /// The run's word, by finding.
    pub verdicts: Vec<(String, Verdict)>,
}

fn json<T: serde::de::DeserializeOwned>(table: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::damaged(table, e))
}

impl Snapshot {
    /// The settlement lists of a person's visits: of each the last that quality control let pass.
    pub async fn lists_of_person(
        &mut self,
        person: &PersonNo,
    ) -> Result<BTreeMap<VisitId, Arc<SettlementList>>, StoreError> {
        let sql = "SELECT mdtrt_id, facts FROM settlement_list \
             WHERE psn_no = $1 AND commit_no <= $2 AND returned = 0 ORDER BY commit_no";
        let rows = sqlx::query(sql).bind(person.as_str()).bind(self.as_of()).fetch_all(self.connection()).await?;
        let list = |r: &SqliteRow| Ok((text(r, 0).into(), Arc::new(json("settlement_list", r.get(1))?)));
        rows.iter().map(list).collect()
    }

    /// The lists of an institution for a month of settlement, of each settlement the last, by settlement.
    pub async fn lists_of_month(
        &mut self,
        institution: &InstitutionCode,
        month: &str,
    ) -> Result<Vec<StoredList>, StoreError> {
        let sql = "SELECT setl_list_id, setl_id, mdtrt_id, psn_no, known_at, returned, facts, problems \
             FROM settlement_list WHERE fixmedins_code = $1 AND setl_ym = $2 AND commit_no <= $3 ORDER BY commit_no";
        let rows = sqlx::query(sql)
            .bind(institution.as_str())
            .bind(month)
            .bind(self.as_of())
            .fetch_all(self.connection())
            .await?;
        let mut last: BTreeMap<SettlementId, StoredList> = BTreeMap::new();
        for r in &rows {
            let list = StoredList {
                id: text(r, 0),
                settlement: text(r, 1).into(),
                visit: text(r, 2).into(),
                person: text(r, 3).into(),
                institution: institution.clone(),
                month: month.to_owned(),
                known_at: time_of(r.get(4)).ok_or_else(|| StoreError::damaged("settlement_list", "time"))?,
                returned: r.get::<i64, _>(5) != 0,
                facts: json("settlement_list", r.get(6))?,
                problems: text(r, 7),
                document: String::new(),
            };
            last.insert(list.settlement.clone(), list);
        }
        Ok(last.into_values().collect())
    }

    /// The open findings of a visit's settlements, each with the settlement it stands under.
    pub async fn open_findings_of_visit(&mut self, visit: &VisitId) -> Result<Vec<(SettlementId, String)>, StoreError> {
        let sql = "SELECT setl_id, finding_id FROM finding WHERE mdtrt_id = $1 AND status = 'open' AND setl_id <> ''";
        let rows = sqlx::query(sql).bind(visit.as_str()).fetch_all(self.connection()).await?;
        Ok(rows.iter().map(|r| (text(r, 0).into(), text(r, 1))).collect())
    }
}

fn text(r: &SqliteRow, column: usize) -> String {
    r.get(column)
}

pub(crate) async fn write_list(c: &mut SqliteConnection, no: CommitNo, l: &StoredList) -> Result<(), CommitError> {
    let facts = serde_json::to_string(&l.facts).map_err(|e| StoreError::damaged("settlement_list", e))?;
    sqlx::query(
        "INSERT INTO settlement_list (setl_list_id, commit_no, setl_id, mdtrt_id, psn_no, fixmedins_code, setl_ym, \
         known_at, returned, facts, problems, document) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&l.id)
    .bind(no)
    .bind(l.settlement.as_str())
    .bind(l.visit.as_str())
    .bind(l.person.as_str())
    .bind(l.institution.as_str())
    .bind(&l.month)
    .bind(time_text(l.known_at))
    .bind(i64::from(l.returned))
    .bind(facts)
    .bind(&l.problems)
    .bind(&l.document)
    .execute(&mut *c)
    .await?;
    Ok(())
}

/// Writes what a run says, and marks the findings that no longer stand as they were: before the new ones are written.
pub(crate) async fn write_verdicts(c: &mut SqliteConnection, no: CommitNo, r: &NewReview) -> Result<(), CommitError> {
    for (finding, verdict) in &r.verdicts {
        if matches!(verdict, Verdict::Changed | Verdict::Withdrawn) {
            sqlx::query("UPDATE finding SET status = $3 WHERE setl_id = $1 AND finding_id = $2 AND status = 'open'")
                .bind(r.found.settlement.as_str())
                .bind(finding)
                .bind(verdict.word())
                .execute(&mut *c)
                .await?;
        }
        sqlx::query(
            "INSERT INTO finding_verdict (run_id, setl_id, finding_id, commit_no, verdict) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&r.found.run)
        .bind(r.found.settlement.as_str())
        .bind(finding)
        .bind(no)
        .bind(verdict.word())
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}
