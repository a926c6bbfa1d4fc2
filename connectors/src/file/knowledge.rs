//! Knowledge as it is published: the administration's workbooks, points as a JSON list, and rows of one's own
//! as CSV. Which of them a file is, its first bytes tell.

mod layouts;
mod lists;
mod points;
mod reading;
mod sheet;
#[cfg(test)]
mod tests;

use super::Read;
use super::table::Problems;
use chrono::NaiveDate;
use dingan_core::codes::ItemCode;
use dingan_core::knowledge::KnowledgeRow;
use layouts::Layouts;
pub use reading::{Diagnoses, MAX_ICD_BYTES};
pub use sheet::{MAX_FILE_BYTES, MAX_SHEET_ROWS};
use std::collections::HashSet;

/// What a reader of knowledge is told beside the files.
pub struct Reader {
    layouts: Layouts,
    /// Names of diseases for points of free text.
    diagnoses: Diagnoses,
    /// The batch, where the name of the file does not say.
    batch: Option<u32>,
    /// The day of publication, which the workbooks do not state.
    published: Option<NaiveDate>,
}

impl Reader {
    /// A reader of the layouts that come with the program, or of a table of layouts of one's own.
    ///
    /// # Errors
    /// Where a table is not well formed; the sentence says the line.
    pub fn new(layouts: Option<&str>, diagnoses: Diagnoses) -> Result<Self, toml::de::Error> {
        let layouts = Layouts::parse(layouts.unwrap_or(include_str!("knowledge/layouts.toml")))?;
        Ok(Self { layouts, diagnoses, batch: None, published: None })
    }

    /// Says what the files do not.
    #[must_use]
    pub fn published(self, batch: Option<u32>, day: Option<NaiveDate>) -> Self {
        Self { batch, published: day, ..self }
    }

    /// Reads a file. `file` is its name: it stands in problems and may say the batch and the kind of list.
    pub fn read(&self, file: &str, bytes: &[u8]) -> Read<KnowledgeRow> {
        let mut problems = Problems::new(file);
        if bytes.len() > MAX_FILE_BYTES {
            problems.error(0, "", format!("the file has more than {} MiB", MAX_FILE_BYTES >> 20));
            return problems.read(Vec::new());
        }
        let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
        if bytes.starts_with(b"PK") {
            match sheet::read_workbook(bytes) {
                Ok(sheets) => {
                    let rows = lists::read(file, &sheets, self, &mut problems);
                    problems.read(rows)
                }
                Err(reason) => {
                    problems.error(0, "", reason);
                    problems.read(Vec::new())
                }
            }
        } else if first.is_some_and(|b| matches!(b, b'[' | b'{')) {
            let rows = points::read(bytes, self, &mut problems);
            problems.read(rows)
        } else if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
            problems.error(0, "", "an old xls file, or one with a password; save it as xlsx");
            problems.read(Vec::new())
        } else {
            super::reference::read_knowledge(file, bytes)
        }
    }
}

/// Checks the code of an item: letters and digits, as all national codes are.
fn item_code(code: &str) -> Result<ItemCode, String> {
    let code = super::cell::code(code, 50)?;
    if code.is_empty() {
        Err("empty".to_owned())
    } else if !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Err("a code has letters and digits only".to_owned())
    } else {
        Ok(code.into())
    }
}

/// The codes, each once, in their order.
fn each_once(codes: impl IntoIterator<Item = ItemCode>) -> Vec<ItemCode> {
    let mut seen = HashSet::new();
    codes.into_iter().filter(|c| seen.insert(c.clone())).collect()
}
