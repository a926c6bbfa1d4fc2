//! Rules: what is checked, as content beside the code, and the host that runs it.
//!
//! A rule is a folder below `library/` ([`library`]): `rule.toml` says what it is ([`manifest`]) and
//! which claims and lines concern it (its selector), `rule.rhai` is the judgement, `rule.md` the page
//! people read, whose examples are its tests ([`case`]). `library/README.md` is the guide for those
//! who write rules.
//!
//! ```
//! use dingan_core::knowledge::Knowledge;
//! use dingan_rules::{RuleLibrary, embedded_sources};
//! use std::sync::Arc;
//!
//! let library = RuleLibrary::compile(&embedded_sources(), Arc::new(Knowledge::default())).unwrap();
//! assert!(library.rule("DG2002").is_some_and(|r| r.title == "分解住院"));
//! ```
//!
//! [`RuleLibrary`] is a [`dingan_core::finding::RuleSet`]: selectors and an index from items to rules
//! decide natively which rules concern a claim; scripts run for what is left, within budgets of
//! operations, depth, data sizes and rows looked at. A rule that fails is recorded and the others go
//! on. The same facts give the same review, in the order of rule codes and lines.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::unreachable,
        clippy::float_arithmetic
    )
)]

pub mod case;
mod closures;
pub mod compile;
pub mod exemption;
mod facts;
mod host;
mod index;
pub mod library;
mod lint;
pub mod manifest;
mod message;
mod natives;
pub mod param;
mod policies;
pub mod trace;
mod values;

pub use compile::RuleLibrary;
pub use exemption::{Exemptions, embedded_exemptions};
pub use library::{RulePage, RuleProblem, RuleSource, embedded_pages, embedded_sources, pages_in, sources_in};
pub use manifest::{RuleMeta, Status};
pub use policies::embedded_policies;
