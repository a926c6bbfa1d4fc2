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
        let mut contents = self.live_contents().await?;
        let count = rows.len();
        let (merged, report) = merge(contents.rows.knowledge.clone(), rows);
        let mut import = ImportReport { rows: count, ..ImportReport::default() };
        if merged != contents.rows.knowledge {
            contents.rows.knowledge = merged;
            import.bundle = Some(self.publish(contents, "import", now).await?);
        }
        Ok((import, report))
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
        let mut contents = self.live_contents().await?;
        let rows = &mut contents.rows.knowledge;
        let unknown: Vec<String> = ids.iter().filter(|id| !rows.iter().any(|r| r.key() == **id)).cloned().collect();
        if !unknown.is_empty() {
            return Ok(unknown);
        }
        for row in rows.iter_mut().filter(|r| ids.contains(&r.key())) {
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
        let noted = json!({"points": ids, "by": word.by});
        self.publish_noting(contents, "confirm knowledge", noted, now).await?;
        Ok(unknown)
    }
}
