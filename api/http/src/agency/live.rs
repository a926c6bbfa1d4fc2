//! The bundle in force: read, changed, compiled.

use super::*;
use crate::bundles::{BundleError, Contents, Runtime};
use dingan_store::Expect;

/// A bundle about to be put in force.
pub(super) struct Written {
    /// What it is, for the commit log.
    pub(super) kind: &'static str,
    /// What the audit log says of it besides.
    pub(super) noted: Value,
    /// The bundle it was made of, which must still be in force; none where it replaces whatever is.
    pub(super) over: Option<Option<String>>,
}

impl Agency {
    /// Puts a bundle in force in place of whatever is. It is compiled first: one that cannot be used never goes live.
    /// What is made of the bundle in force is changed by [`Self::change_live`], which loses nothing.
    pub async fn publish(
        &self,
        contents: Contents,
        kind: &'static str,
        now: NaiveDateTime,
    ) -> Result<String, AgencyError> {
        let hash = self.put_in_force(contents, Written { kind, noted: Value::Null, over: None }, now).await?;
        hash.ok_or(AgencyError::Commit(CommitError::Store(StoreError::Busy)))
    }

    /// Changes the bundle in force. `change` says what to note of it in the audit log, or none where nothing is to
    /// be changed; it is asked again where somebody else put another bundle in force meanwhile. Answers what it
    /// answered last, and the hash of what is now in force where it changed.
    pub(super) async fn change_live<R: Send>(
        &self,
        kind: &'static str,
        now: NaiveDateTime,
        change: impl Fn(&mut Contents) -> (R, Option<Value>) + Send + Sync,
    ) -> Result<(R, Option<String>), AgencyError> {
        for _ in 0..ATTEMPTS {
            let (read, mut contents) = self.read_live().await?;
            let (answer, noted) = change(&mut contents);
            let Some(noted) = noted else { return Ok((answer, None)) };
            let written = Written { kind, noted, over: Some(Some(read)) };
            if let Some(hash) = self.put_in_force(contents, written, now).await? {
                return Ok((answer, Some(hash)));
            }
        }
        Err(CommitError::Conflict("the bundle in force".to_owned()).into())
    }

    /// The hash; none where the bundle it was made of is in force no longer.
    pub(super) async fn put_in_force(
        &self,
        contents: Contents,
        written: Written,
        now: NaiveDateTime,
    ) -> Result<Option<String>, AgencyError> {
        let Written { kind, noted, over } = written;
        // where others run: the store's writer is among them, and its database does not wait for ever
        let compiled = tokio::task::spawn_blocking(move || {
            let parts = contents.to_parts();
            let hash = parts.hash();
            contents.compile(hash.clone()).map(|runtime| (parts, hash, Arc::new(runtime)))
        });
        let (parts, hash, runtime) = compiled.await.map_err(|e| BundleError::Rules(e.to_string()))??;
        self.remember(&hash, runtime);
        let h = hash.clone();
        let before = match &over {
            Some(read) => read.clone(),
            None => self.store().snapshot().await?.live_bundle().map(str::to_owned),
        };
        let audit = vec![self.entry("publish", hash.as_str(), json!({"kind": kind, "before": before, "noted": noted}))];
        let expects = over.map(Expect::LiveBundle).into_iter().collect();
        let written = self
            .store()
            .commit(
                Guard { expects, ..Guard::default() },
                Box::new(move |_| Write {
                    kind,
                    at: now,
                    bundle: Some((h.clone(), parts)),
                    settings: vec![("live_bundle".to_owned(), h)],
                    audit,
                    ..Write::default()
                }),
            )
            .await;
        match written {
            Ok(_) => Ok(Some(hash)),
            Err(CommitError::Conflict(_)) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The bundle in force.
    pub async fn live(&self) -> Result<Arc<Runtime>, AgencyError> {
        self.runtime_of(&mut self.store().snapshot().await?, None).await
    }

    /// A bundle that is or was in force, by its hash.
    pub async fn bundle(&self, hash: &str) -> Result<Arc<Runtime>, AgencyError> {
        self.runtime_of(&mut self.store().snapshot().await?, Some(hash)).await
    }

    /// The contents of the bundle in force.
    pub async fn live_contents(&self) -> Result<Contents, AgencyError> {
        Ok(self.read_live().await?.1)
    }

    async fn read_live(&self) -> Result<(String, Contents), AgencyError> {
        let mut snap = self.store().snapshot().await?;
        let hash = snap.live_bundle().ok_or(AgencyError::NoBundle)?.to_owned();
        let parts = snap.bundle(&hash).await?.ok_or(AgencyError::NoBundle)?;
        drop(snap);
        let read = tokio::task::spawn_blocking(move || Contents::from_parts(&parts));
        Ok((hash, read.await.map_err(|e| BundleError::Rules(e.to_string()))??))
    }

    /// A bundle by its hash, or the one in force as the snapshot sees it.
    pub(super) async fn runtime_of(
        &self,
        snap: &mut Snapshot,
        hash: Option<&str>,
    ) -> Result<Arc<Runtime>, AgencyError> {
        let hash = match hash {
            Some(h) => h.to_owned(),
            None => snap.live_bundle().ok_or(AgencyError::NoBundle)?.to_owned(),
        };
        let known = || lock(&self.shared.runtimes).get(&hash).map(Arc::clone);
        if let Some(r) = known() {
            return Ok(r);
        }
        // a bundle that another server put in force is compiled once, and who needs it waits for that
        let _compiling = self.shared.compiling.lock().await;
        if let Some(r) = known() {
            return Ok(r);
        }
        let parts = snap.bundle(&hash).await?.ok_or(AgencyError::NoBundle)?;
        let compiled = tokio::task::spawn_blocking({
            let hash = hash.clone();
            move || Contents::from_parts(&parts)?.compile(hash)
        });
        let runtime = Arc::new(compiled.await.map_err(|e| BundleError::Rules(e.to_string()))??);
        self.remember(&hash, Arc::clone(&runtime));
        Ok(runtime)
    }

    /// Keeps a compiled bundle. Old ones are wanted seldom, and can be compiled again.
    fn remember(&self, hash: &str, runtime: Arc<Runtime>) {
        let mut kept = lock(&self.shared.runtimes);
        if kept.len() >= BUNDLES {
            kept.clear();
        }
        kept.insert(hash.to_owned(), runtime);
    }
}
