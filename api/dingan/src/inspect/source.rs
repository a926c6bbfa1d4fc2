//! The agency's books as the lake's source.

use async_trait::async_trait;
use dingan_core::look::{Key, Rowset, Wanted};
use dingan_core::person::CommitNo;
use dingan_http::agency::Agency;
use dingan_lake::source::{Logged, Reference, Rows, Scan, Source, SourceError, Undecoded};
use dingan_store::{Guard, InspectionRow, LookScan, Snapshot, Write, sifts};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::{Arc, PoisonError};
use tokio::sync::Mutex;

/// Reference data by the hash of its bundle: it is immutable, so the last one is kept.
type Kept = Arc<std::sync::Mutex<Option<(String, Arc<Reference>)>>>;

pub(super) struct Books {
    agency: Agency,
    kept: Kept,
}

impl Books {
    pub(super) fn new(agency: Agency) -> Self {
        Self { agency, kept: Kept::default() }
    }
}

#[async_trait]
impl Source for Books {
    async fn now(&self) -> Result<Arc<dyn Rows>, SourceError> {
        let snapshot = self.agency.store().snapshot_beside().await?;
        let as_of = snapshot.as_of();
        let snapshot = Arc::new(Mutex::new(snapshot));
        Ok(Arc::new(Moment { agency: self.agency.clone(), kept: Arc::clone(&self.kept), snapshot, as_of }))
    }

    async fn log(&self, entry: Logged) -> Result<CommitNo, SourceError> {
        let hash = Sha256::digest(entry.sql.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        let row = InspectionRow {
            at: entry.at,
            who: entry.who,
            named: entry.named,
            sql_hash: hash,
            sql: entry.sql,
            as_of: entry.as_of,
            rows: i64::try_from(entry.rows).unwrap_or(i64::MAX),
            ms: i64::try_from(entry.took.as_millis()).unwrap_or(i64::MAX),
            result: entry.result,
        };
        let detail = json!({
            "sql_hash": row.sql_hash, "as_of": row.as_of, "rows": row.rows, "ms": row.ms, "result": row.result
        });
        let audit = vec![self.agency.acting_as(&row.who).entry("inspect", row.named.as_str(), detail)];
        let write = move |_| Write { kind: "inspection", at: row.at, inspection: Some(row), audit, ..Write::default() };
        Ok(self.agency.store().commit(Guard::default(), Box::new(write)).await?.commit_no)
    }
}

/// The books at one commit.
struct Moment {
    agency: Agency,
    kept: Kept,
    snapshot: Arc<Mutex<Snapshot>>,
    as_of: CommitNo,
}

#[async_trait]
impl Rows for Moment {
    fn as_of(&self) -> CommitNo {
        self.as_of
    }

    fn sifts(&self, rows: Rowset, key: Key) -> bool {
        sifts(rows, key)
    }

    fn scan(&self, wanted: Wanted) -> Box<dyn Scan> {
        Box::new(Pages(LookScan::new(Arc::clone(&self.snapshot), wanted)))
    }

    async fn reference(&self) -> Result<Arc<Reference>, SourceError> {
        let hash = self.agency.live().await?.hash.clone();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, reference)) = kept.filter(|(h, _)| *h == hash) {
            return Ok(reference);
        }
        let reference = Arc::new(Reference::new(self.agency.live_contents().await?.rows));
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((hash, Arc::clone(&reference)));
        Ok(reference)
    }
}

struct Pages(LookScan);

#[async_trait]
impl Scan for Pages {
    async fn next(&mut self) -> Result<Option<Undecoded>, SourceError> {
        let page = self.0.next().await?;
        Ok(page.map(|p| Box::new(move || p.decode().map_err(SourceError::from)) as Undecoded))
    }
}
