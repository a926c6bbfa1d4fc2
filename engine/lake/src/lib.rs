//! Looking back: SQL over what was settled and flagged.
//!
//! [`view`] knows the tables by their national names, [`provider`] hands them to DataFusion row by row from a
//! [`source::Source`] (the store, as it is now), [`Inspector`] runs a query within its limits, [`output`]
//! writes what comes out. The Parquet files of the lake will stand beside the source in the same views: files
//! up to a commit, the source above it.

mod error;
mod guard;
mod inspector;
pub mod named;
pub mod output;
mod provider;
pub mod source;
mod sql;
pub mod view;

pub use error::InspectError;
pub use inspector::{Answer, Asked, Inspector, Limits};
