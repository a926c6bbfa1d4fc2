//! Rules at the agency: publishing one to the bundle in force, and why a rule said what it said of a settlement.

use super::*;
use dingan_core::finding::Stage;
use dingan_core::resolve::resolve;
use dingan_rules::case::{page_problems, run_cases};
use dingan_rules::manifest::incomplete;
use dingan_rules::trace::Why;
use dingan_rules::{RulePage, RuleProblem, RuleSource};

/// Why a rule is not put in force; the rules in force stay as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The rule itself, or its cases.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Rule(Vec<RuleProblem>),
    /// The library with the rule in it, or the store.
    #[error(transparent)]
    Agency(#[from] AgencyError),
}

impl Agency {
    /// Puts a rule in force: its page must be whole, its cases must hold and the library must compile with it. The
    /// bundle in force is a row of the store, so every server decides by it from the next claim on. Answers the
    /// bundle's hash.
    pub async fn publish_rule(
        &self,
        source: RuleSource,
        page: RulePage,
        now: NaiveDateTime,
    ) -> Result<String, PublishError> {
        let meta = source.meta().map_err(|p| PublishError::Rule(vec![p]))?;
        let mut problems = page_problems(&meta, &page);
        problems.extend(incomplete(&meta, &source));
        let (checked, tested) = (source.clone(), page);
        let results = tokio::task::spawn_blocking(move || run_cases(&checked, &tested));
        match results.await.map_err(|e| AgencyError::Metrics(e.to_string()))? {
            Ok(results) => problems.extend(results.into_iter().filter_map(|r| {
                let failure = r.failure?;
                Some(RuleProblem::of_page(&source, r.case.line, format!("{}: {failure}", r.case.title)))
            })),
            Err(problem) => problems.push(problem),
        }
        let change = |c: &mut Contents| {
            let old = c.rules.iter().position(|r| r.meta().is_ok_and(|m| m.code == meta.code));
            let mut problems = problems.clone();
            if let Some(old) = old.and_then(|i| c.rules.get(i)) {
                let before = old.meta().map_or(0, |m| m.version);
                let same = (&old.toml, &old.rhai) == (&source.toml, &source.rhai);
                if !same && meta.version <= before {
                    let message = format!("version {before} of the rule is in force; raise `version` above it");
                    problems.push(RuleProblem::of_manifest(&source, "version", message));
                }
            }
            if !problems.is_empty() {
                return (problems, None);
            }
            if let Some(i) = old {
                c.rules.remove(i);
            }
            c.rules.push(source.clone());
            c.rules.sort();
            (problems, Some(json!({"rule": meta.code, "version": meta.version})))
        };
        let (problems, hash) = self.change_live("rules", now, change).await?;
        hash.ok_or(PublishError::Rule(problems))
    }

    /// Why a rule said what it said of a settlement, on the facts and with the rules of that decision.
    pub async fn why(&self, settlement: &SettlementId, code: &str) -> Outcome<Why> {
        let mut snap = self.snap().await?;
        let unknown = || Refusal::new("SETTLEMENT_UNKNOWN", "未找到该结算ID").at("setl_id");
        let s = snap.settlement(settlement).await.map_err(internal)?.ok_or_else(unknown)?;
        let s = match &s.reverses {
            Some(o) => snap.settlement(o).await.map_err(internal)?.unwrap_or(s),
            None => s,
        };
        drop(snap);
        let (claim, file, runtime) = self.then(&s).await.map_err(internal)?;
        let code = code.to_owned();
        let work = move || {
            let facts = Arc::new(resolve(claim, file, &runtime.bundle).map_err(|e| e.to_string())?);
            Ok::<_, String>(runtime.rules.why(&code, &facts, Stage::During))
        };
        let why = tokio::task::spawn_blocking(work).await.map_err(internal)?.map_err(internal)?;
        why.ok_or_else(|| Refusal::new("RULE_UNKNOWN", "当时的规则库中没有该规则").at("code"))
    }
}
