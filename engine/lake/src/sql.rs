//! SQL as it is written for other databases.

mod functions;
mod operators;
mod rewrite;

pub(crate) use functions::{dual, register};
pub(crate) use operators::DateArithmetic;
pub(crate) use rewrite::rewrite;
