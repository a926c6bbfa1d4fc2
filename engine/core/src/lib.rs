//! The decision of a claim, pure: no clock, no file, no database, no async.
//!
//! ```text
//! Claim + PersonFile + Bundle ── resolve ──▶ Facts ── adjudicate ──▶ Decision
//! ```
//!
//! `docs/policy.md` describes how a benefit is computed, `ARCHITECTURE.md` how the crates fit.
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

pub mod adjudicate;
pub mod bundle;
pub mod claim;
pub mod codes;
pub mod correction;
pub mod decision;
pub mod explain;
pub mod facts;
pub mod finding;
mod further;
pub mod hash;
pub mod history;
pub mod journal;
pub mod knowledge;
pub mod ledger;
pub mod look;
pub mod money;
pub mod person;
pub mod policy;
pub mod pricing;
pub mod rebuild;
pub mod resolve;
pub mod selector;
pub mod stake;
