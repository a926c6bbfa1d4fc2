//! A sample county: real item, drug and diagnosis codes, invented prices, institutions and people.
//!
//! For the demo, the tests and load: [`County::generate`] makes the reference data and the people,
//! [`County::day`] what they do on a day, with abuse planted and marked in some of it, and
//! [`client::run`] plays an encounter through the national interface as a hospital's system would.
//! Everything follows from the seed: the same arguments give the same county on any machine.
//! `connectors/data/README.md` says where the codes come from.

mod bill;
pub mod client;
mod data;
mod day;
mod encounter;
mod people;
pub mod planted;
pub mod population;
mod rng;
mod stay;
#[cfg(test)]
mod tests;
mod visit;

pub use data::SampleDiagnosis;
pub use encounter::{Department, Encounter, Shape};

#[cfg(test)]
pub(crate) use rng::Rng;

use crate::file::PersonImport;
use chrono::NaiveDate;
use dingan_core::bundle::ReferenceRows;

/// A county: what its agency knows before the first claim.
#[derive(Debug, Clone)]
pub struct County {
    /// The seed it was made from.
    pub seed: u64,
    /// Catalogue, institutions, practitioners, areas, knowledge points. Rows hold from 2020 on.
    pub reference: ReferenceRows,
    /// The diagnoses its encounters have.
    pub diagnoses: Vec<SampleDiagnosis>,
    /// The people, with balances; about one in a hundred is insured outside the province.
    pub persons: Vec<PersonImport>,
    /// Whether people insured outside the province have encounters too. Off at first: settling them
    /// takes a policy of their pool.
    pub remote_care: bool,
    world: bill::World,
}

impl County {
    /// Makes a county of so many people.
    pub fn generate(seed: u64, persons: usize) -> Self {
        let data = data::Data::load();
        Self {
            seed,
            reference: data.reference.clone(),
            diagnoses: data.diagnoses.clone(),
            persons: (0..persons).map(|i| people::person(seed, i)).collect(),
            remote_care: false,
            world: bill::World::new(data),
        }
    }

    /// The encounters settled on a day, in the order of settlement: `claims` of them, or one more where
    /// the last two belong together. Of two that offend only together the first may have been settled
    /// some days before. Days can be made in any order and fit each other: nobody has a stay and a visit
    /// at once, nor two stays within six weeks, unless it was planted.
    ///
    /// About one in twelve is a stay, as far as the people suffice: a sixtieth of them may end one on a
    /// day. With more than two claims for three people, some have several visits on the day.
    pub fn day(&self, date: NaiveDate, claims: usize) -> Vec<Encounter> {
        day::day(&self.world, self.seed, &self.persons, date, claims, self.remote_care)
    }
}
