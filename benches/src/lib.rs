//! What the benches share: the sample county as claims in memory.
//!
//! `cargo bench -p dingan-benches --bench decision` asks what a decision costs (resolve, price, each
//! rule, the whole); `--bench settling` what settling online costs, beside a bare synced insert of two
//! rows; `--bench inspection` what the investigations cost over a million generated settlements, beside DuckDB
//! (`inspection.py`). Figures are of one core unless said; compare within one run only.

pub mod books;

use chrono::NaiveDate;
use dingan_connectors::sample::County;
use dingan_core::claim::Claim;
use dingan_core::journal::Journal;
use dingan_core::person::{Balances, PersonFile};
use dingan_http::bundles::{Contents, Runtime};
use std::collections::HashMap;

/// The day the sample claims belong to.
pub fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 6, 15).unwrap_or_default()
}

/// The sample county's bundle, compiled.
pub fn runtime(county: &County) -> Runtime {
    let mut contents = Contents::initial();
    contents.rows = county.reference.clone();
    contents.compile("bench".to_owned()).unwrap_or_else(|e| panic!("the sample bundle compiles: {e}"))
}

/// Claims of a day, each with the person's file (without history).
pub fn claims(county: &County, count: usize) -> Vec<(Claim, PersonFile)> {
    let persons: HashMap<_, _> = county.persons.iter().map(|p| (&p.person.no, p)).collect();
    county
        .day(day(), count)
        .iter()
        .filter_map(|e| {
            let p = persons.get(&e.person.no)?;
            let balances =
                Balances { own: p.own_balance.unwrap_or_default(), family: p.family_balance.unwrap_or_default() };
            let claim = e.claim();
            let file = Journal::new(p.person.clone(), balances).file(&claim.visit.id, claim.visit.begin);
            Some((claim, file))
        })
        .collect()
}
