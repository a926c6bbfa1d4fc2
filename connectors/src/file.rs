//! Files as the agency gets them: CSV with the national field names, claims as NDJSON, and knowledge as it is published.
//!
//! A CSV reader never stops at a bad row: the good rows come back in [`Read::rows`], what was wrong in
//! [`Read::problems`], and the caller decides whether that is enough. A problem names file, row, column
//! and reason and never repeats the cell, since a cell may be a name or an identity number. Each layout
//! has a writer beside its reader; what it writes reads back as the same rows.

mod cell;
mod claims;
mod knowledge;
mod persons;
mod reference;
#[cfg(test)]
mod round_trip;
pub(crate) mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_claims;
mod write;

pub use claims::{ClaimProblem, Claims, FileEvent, MAX_LINE_BYTES};
pub use knowledge::{Diagnoses, MAX_FILE_BYTES, MAX_ICD_BYTES, MAX_SHEET_ROWS, Reader as KnowledgeReader};
pub use persons::{PersonImport, read_persons};
pub use reference::{CatalogueRow, read_areas, read_catalogue, read_institutions, read_knowledge, read_practitioners};
pub use table::{MAX_PROBLEMS, MAX_RECORD_BYTES, MAX_ROWS};
pub use write::{
    WriteError, write_areas, write_event, write_institutions, write_items, write_knowledge, write_limits,
    write_persons, write_practitioners, write_ratios,
};

use std::fmt;

/// What a file gave: the rows that could be read, and what could not.
#[derive(Debug, Clone)]
pub struct Read<T> {
    /// The good rows, in the order of the file.
    pub rows: Vec<T>,
    /// What was wrong, in the order of the file.
    pub problems: Vec<RowProblem>,
}

impl<T> Read<T> {
    /// Whether anything was refused; warnings do not count.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|p| !p.warning)
    }
}

/// Something wrong in a file, said without the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// The file, as the caller named it.
    pub file: String,
    /// The sheet of a workbook; empty for other files.
    pub sheet: String,
    /// The line of the file on which the row begins, from 1; the header is 1. 0 for the whole file.
    pub row: u64,
    /// The column's header; empty where the row or file as a whole is meant.
    pub column: String,
    /// What is wrong and what to do.
    pub reason: String,
    /// Nothing was refused; only worth knowing.
    pub warning: bool,
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if !self.sheet.is_empty() {
            write!(f, "!{}", self.sheet)?;
        }
        if self.row > 0 {
            write!(f, ":{}", self.row)?;
        }
        if !self.column.is_empty() {
            write!(f, ": `{}`", self.column)?;
        }
        write!(f, ": {}{}", if self.warning { "warning: " } else { "" }, self.reason)
    }
}
