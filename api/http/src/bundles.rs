//! Bundles: the stored parts and what is made of them for decisions.

use dingan_core::bundle::{AreaRow, Bundle, CatalogueRows, Institution, Practitioner, ReferenceRows};
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::policy::{self, BenefitPolicy};
use dingan_rules::{Exemptions, RuleLibrary, RuleProblem, RuleSource};
use dingan_store::BundleParts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A policy file as a bundle keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySource {
    /// File name.
    pub name: String,
    /// Content.
    pub text: String,
}

/// A bundle opened up: rows that can be changed and put together again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Catalogue, institutions, practitioners, areas, knowledge.
    pub rows: ReferenceRows,
    /// Policies.
    pub policies: Vec<PolicySource>,
    /// Rules.
    pub rules: Vec<RuleSource>,
    /// The central list of exemptions, as text.
    pub exemptions: String,
}

/// A bundle ready for decisions.
pub struct Runtime {
    /// Its hash.
    pub hash: String,
    /// Reference data and policies.
    pub bundle: Bundle,
    /// Rules, compiled.
    pub rules: RuleLibrary,
}

/// Why a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A part cannot be read.
    #[error("part `{kind}`: {reason}")]
    Part {
        /// The part.
        kind: String,
        /// Why.
        reason: String,
    },
    /// A policy cannot be used.
    #[error("policy `{name}`: {reason}")]
    Policy {
        /// The file.
        name: String,
        /// Why.
        reason: String,
    },
    /// Rules do not compile.
    #[error("rules: {0}")]
    Rules(String),
}

impl Contents {
    /// What a new store starts from: the policies and rules the program carries, no reference data.
    pub fn initial() -> Self {
        Self {
            rows: ReferenceRows::default(),
            policies: dingan_rules::embedded_policies()
                .into_iter()
                .map(|(name, text)| PolicySource { name, text })
                .collect(),
            rules: dingan_rules::embedded_sources(),
            exemptions: dingan_rules::embedded_exemptions().to_owned(),
        }
    }

    /// The parts as they are stored: the same contents give the same bytes.
    pub fn to_parts(&self) -> BundleParts {
        fn part<T: Serialize>(kind: &str, v: &T) -> (String, Vec<u8>) {
            (kind.to_owned(), serde_json::to_vec(v).unwrap_or_default())
        }
        BundleParts(vec![
            part("areas", &self.rows.areas),
            part("catalogue", &self.rows.catalogue),
            part("exemptions", &self.exemptions),
            part("institutions", &self.rows.institutions),
            part("knowledge", &self.rows.knowledge),
            part("policies", &self.policies),
            part("practitioners", &self.rows.practitioners),
            part("rules", &self.rules),
        ])
    }

    /// Reads stored parts.
    pub fn from_parts(parts: &BundleParts) -> Result<Self, BundleError> {
        fn read<T: DeserializeOwned>(kind: &str, bytes: &[u8]) -> Result<T, BundleError> {
            serde_json::from_slice(bytes)
                .map_err(|e| BundleError::Part { kind: kind.to_owned(), reason: e.to_string() })
        }
        let mut c = Self::default();
        for (kind, bytes) in &parts.0 {
            match kind.as_str() {
                "areas" => c.rows.areas = read::<Vec<AreaRow>>(kind, bytes)?,
                "catalogue" => c.rows.catalogue = read::<CatalogueRows>(kind, bytes)?,
                "institutions" => c.rows.institutions = read::<Vec<Institution>>(kind, bytes)?,
                "knowledge" => c.rows.knowledge = read::<Vec<KnowledgeRow>>(kind, bytes)?,
                "policies" => c.policies = read(kind, bytes)?,
                "practitioners" => c.rows.practitioners = read::<Vec<Practitioner>>(kind, bytes)?,
                "rules" => c.rules = read(kind, bytes)?,
                "exemptions" => c.exemptions = read(kind, bytes)?,
                _ => {
                    return Err(BundleError::Part {
                        kind: kind.clone(),
                        reason: "this program does not know the part; it was written by a newer one".to_owned(),
                    });
                }
            }
        }
        Ok(c)
    }

    /// Makes it ready: policies checked, rules compiled.
    pub fn compile(self, hash: String) -> Result<Runtime, BundleError> {
        let mut policies = Vec::with_capacity(self.policies.len());
        for p in &self.policies {
            let bad = |reason: String| BundleError::Policy { name: p.name.clone(), reason };
            let policy = BenefitPolicy::from_toml(&p.text).map_err(|e| bad(e.to_string()))?;
            if let Some(problem) = policy::check(&policy).into_iter().find(|x| !x.warning) {
                return Err(bad(format!("{}: {}", problem.path, problem.message)));
            }
            policies.push(Arc::new(policy));
        }
        let bundle = Bundle::new(hash.clone(), self.rows, policies);
        let refused = |problems: Vec<RuleProblem>| {
            let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
            BundleError::Rules(list.join("; "))
        };
        let exemptions = Exemptions::from_toml(&self.exemptions).map_err(|p| refused(vec![p]))?;
        let rules =
            RuleLibrary::compile_with(&self.rules, Arc::clone(&bundle.knowledge), &exemptions).map_err(refused)?;
        Ok(Runtime { hash, bundle, rules })
    }
}
