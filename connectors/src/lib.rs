//! One module per outside system: `fsi`, the national hospital interface; `file`, CSV and NDJSON.
//!
//! Wire shapes end here: what leaves this crate is `dingan_core`'s words, and what the agency does
//! with them is behind the trait [`desk::Desk`].

pub mod desk;
pub mod file;
pub mod fsi;
pub mod sample;
pub mod sign;
