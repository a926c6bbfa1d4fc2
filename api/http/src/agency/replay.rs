//! Replay: every stored decision rebuilt from the facts of its `as_of` and its bundle, byte for byte.

use super::*;
use dingan_core::adjudicate::adjudicate;
use dingan_core::decision::Decision;
use dingan_core::finding::Stage;
use dingan_core::person::CommitNo;
use dingan_core::resolve::resolve;
use dingan_store::StoredSettlement;

/// Settlements read at a time.
const PAGE: i64 = 200;

/// A decision that did not come out the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedDifference {
    /// `setl_id`, or that of a correction.
    pub settlement: SettlementId,
    /// Where the bytes part, or why it could not be rebuilt.
    pub reason: String,
}

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Decisions rebuilt and equal.
    pub equal: usize,
    /// Decisions that differ.
    pub different: Vec<ReplayedDifference>,
    /// Of those equal, how many another version of the program had decided.
    pub by_other_versions: usize,
    /// Settlements whose ledger postings do not sum to zero.
    pub unbalanced: Vec<SettlementId>,
}

impl ReplayReport {
    fn compare(&mut self, settlement: SettlementId, stored: &[u8], rebuilt: Result<Vec<u8>, String>) {
        let reason = match rebuilt {
            Ok(bytes) if bytes == stored => {
                self.equal += 1;
                return;
            }
            Ok(bytes) => {
                let parts = bytes.iter().zip(stored).position(|(a, b)| a != b);
                let at = parts.unwrap_or(bytes.len().min(stored.len()));
                let shown = stored.get(at.saturating_sub(60)..(at + 60).min(stored.len())).unwrap_or_default();
                format!("bytes part at {at}: …{}…", String::from_utf8_lossy(shown))
            }
            Err(e) => e,
        };
        self.different.push(ReplayedDifference { settlement, reason });
    }
}

impl Agency {
    /// Rebuilds every decision of the store, and what was corrected since. `progress` hears how many are done.
    pub async fn replay(&self, mut progress: impl FnMut(usize) + Send) -> Result<ReplayReport, AgencyError> {
        let mut report =
            ReplayReport { unbalanced: self.store().snapshot().await?.unbalanced().await?, ..ReplayReport::default() };
        let mut after: CommitNo = 0;
        loop {
            let page = self.store().snapshot().await?.settlements_after(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.commit_no;
            for s in page {
                let rebuilt = self.rebuilt(&s).await;
                report.by_other_versions += usize::from(rebuilt.as_ref().is_ok_and(|(b, o)| *o && *b == s.decision));
                report.compare(s.id, &s.decision, rebuilt.map(|(bytes, _)| bytes));
                progress(report.equal + report.different.len());
            }
        }
        after = 0;
        loop {
            let page = self.store().snapshot().await?.corrections_after(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(report) };
            after = last.commit_no;
            for c in page {
                let rebuilt = self.corrected_then(&c).await;
                report.compare(c.id, &c.decision, rebuilt);
                progress(report.equal + report.different.len());
            }
        }
    }

    /// The bytes as this program decides them, under the stored decision's version: a newer program that
    /// decides the same way replays the same. Beside them, whether that version is another.
    async fn rebuilt(&self, s: &StoredSettlement) -> Result<(Vec<u8>, bool), String> {
        let (claim, file, runtime) = self.then(s).await?;
        let engine = serde_json::from_slice::<Decision>(&s.decision).map_err(|e| e.to_string())?.engine;
        tokio::task::spawn_blocking(move || {
            let facts = Arc::new(resolve(claim, file, &runtime.bundle).map_err(|e| e.to_string())?);
            let mut decision = adjudicate(&facts, &runtime.rules, Stage::During);
            let other = engine != decision.engine;
            decision.engine = engine;
            Ok((decision.to_bytes(), other))
        })
        .await
        .map_err(|e| e.to_string())?
    }

    /// What a stored decision was made from: the claim, the person as known then, the bundle.
    pub(super) async fn then(
        &self,
        s: &StoredSettlement,
    ) -> Result<(dingan_core::claim::Claim, dingan_core::person::PersonFile, Arc<Runtime>), String> {
        let said = |r: Refusal| format!("{}: {}", r.code, r.message);
        let mut then = self.store().snapshot_at(s.as_of).await.map_err(|e| e.to_string())?;
        let claim = self.claim_of(&mut then, s).await.map_err(said)?;
        let runtime = self.runtime_of(&mut then, Some(&s.bundle)).await.map_err(|e| e.to_string())?;
        let person = self.person_state(&mut then, &s.person).await.map_err(said)?;
        let file =
            then.person_file(&person, &s.visit, history_from(claim.visit.begin)).await.map_err(|e| e.to_string())?;
        Ok((claim, file, runtime))
    }
}
