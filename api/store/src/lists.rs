//! Settlement lists, and what later runs say of findings.

use crate::db::StoreError;
use crate::read::{Snapshot, json};
use crate::rows::time_of;
use crate::sql::args;
use crate::write::NewFindings;
use chrono::NaiveDateTime;
use dingan_core::claim::SettlementList;
use dingan_core::codes::*;
use std::collections::BTreeMap;

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

impl Snapshot {
    /// The lists of an institution for a month of settlement, of each settlement the last, by settlement.
    pub async fn lists_of_month(
        &mut self,
        institution: &InstitutionCode,
        month: &str,
    ) -> Result<Vec<StoredList>, StoreError> {
        let sql = "SELECT setl_list_id, setl_id, mdtrt_id, psn_no, known_at, returned, facts, problems \
             FROM settlement_list WHERE fixmedins_code = $1 AND setl_ym = $2 AND commit_no <= $3 ORDER BY commit_no";
        let rows = self.lease.rows(sql, args![institution.as_str(), month, self.as_of]).await?;
        let mut last: BTreeMap<SettlementId, StoredList> = BTreeMap::new();
        for r in &rows {
            let list = StoredList {
                id: r.text(0),
                settlement: r.text(1).into(),
                visit: r.text(2).into(),
                person: r.text(3).into(),
                institution: institution.clone(),
                month: month.to_owned(),
                known_at: time_of(r.str(4)).ok_or_else(|| StoreError::damaged("settlement_list", "time"))?,
                returned: r.int(5) != 0,
                facts: json("settlement_list", r.str(6))?,
                problems: r.text(7),
                document: String::new(),
            };
            last.insert(list.settlement.clone(), list);
        }
        Ok(last.into_values().collect())
    }

    /// The open findings of a visit's settlements, each with the settlement it stands under.
    pub async fn open_findings_of_visit(&mut self, visit: &VisitId) -> Result<Vec<(SettlementId, String)>, StoreError> {
        let sql = "SELECT setl_id, finding_id FROM finding WHERE mdtrt_id = $1 AND status = 'open' AND setl_id <> ''";
        let rows = self.lease.rows(sql, args![visit.as_str()]).await?;
        Ok(rows.iter().map(|r| (r.text(0).into(), r.text(1))).collect())
    }
}
