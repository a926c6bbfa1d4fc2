//! Knowledge in the live bundle: points taken in, listed, confirmed.

use super::import::ImportReport;
use super::*;
use dingan_core::knowledge::{KnowledgeRow, MergeReport, merge};

/// A person's word on a point that was read out of free text.
#[derive(Debug, Clone, Default)]
pub struct Confirmation {
    /// Who confirms.
    pub by: String,
    /// Diagnoses by code, where the reading is put right.
    pub ranges: Option<Vec<String>>,
    /// Words of names of diagnoses, where put right.
    pub names: Option<Vec<String>>,
    /// The word, where put right.
    pub word: Option<String>,
    /// The number, where put right.
    pub number: Option<dingan_core::money::Quantity>,
}

impl Agency {
    /// Takes points in. What is known already changes nothing, not even the bundle.
    pub async fn import_knowledge(
        &self,
        rows: Vec<KnowledgeRow>,
        now: NaiveDateTime,
    ) -> Result<(ImportReport, MergeReport), AgencyError> {
        let count = rows.len();
        let change = |c: &mut Contents| {
            let (merged, report) = merge(c.rows.knowledge.clone(), rows.clone());
            let changed = merged != c.rows.knowledge;
            c.rows.knowledge = merged;
            (report, changed.then_some(Value::Null))
        };
        let (report, bundle) = self.change_live("import", now, change).await?;
        Ok((ImportReport { rows: count, bundle, ..ImportReport::default() }, report))
    }

    /// Every point of the live bundle, by id.
    pub async fn knowledge(&self) -> Result<Vec<KnowledgeRow>, AgencyError> {
        Ok(self.live_contents().await?.rows.knowledge)
    }

    /// Confirms points by their ids. Answers the ids that are not known; where there are any, nothing is done.
    pub async fn confirm_knowledge(
        &self,
        ids: &[String],
        word: &Confirmation,
        now: NaiveDateTime,
    ) -> Result<Vec<String>, AgencyError> {
        let change = |c: &mut Contents| {
            let rows = &mut c.rows.knowledge;
            let known = |id: &&String| rows.iter().any(|r| r.key() == **id);
            let unknown: Vec<String> = ids.iter().filter(|id| !known(id)).cloned().collect();
            if !unknown.is_empty() {
                return (unknown, None);
            }
            for row in rows.iter_mut().filter(|r| ids.contains(&r.key())) {
                confirm(row, word, now);
            }
            (unknown, Some(json!({"points": ids, "by": word.by})))
        };
        Ok(self.change_live("confirm knowledge", now, change).await?.0)
    }
}

/// Writes a person's word into a point.
fn confirm(row: &mut KnowledgeRow, word: &Confirmation, now: NaiveDateTime) {
    row.confirmed = true;
    row.note = format!("confirmed by {} on {}", word.by, now.date());
    if let Some(ranges) = &word.ranges {
        row.ranges.clone_from(ranges);
    }
    if let Some(names) = &word.names {
        row.names.clone_from(names);
    }
    if let Some(w) = &word.word {
        row.word.clone_from(w);
    }
    row.number = word.number.or(row.number);
}
