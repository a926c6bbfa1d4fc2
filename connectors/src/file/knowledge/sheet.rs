//! A workbook as rows of cells, within bounds: what a file claims to hold is never taken on trust.
//!
//! Cells are read one after the other and never as the rectangle a sheet says it spans, since one cell in
//! the last row and column of an empty sheet would ask for seventeen thousand million of them.

use calamine::{DataRef, Reader, Xlsx};
use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The largest file taken.
pub const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;
/// The most bytes a workbook may unpack to; the administration's largest list unpacks to two million.
const MAX_UNPACKED_BYTES: u64 = 256 * 1024 * 1024;
const MAX_PARTS: usize = 1_000;
const MAX_SHEETS: usize = 64;
/// The most rows and columns of a sheet.
pub const MAX_SHEET_ROWS: usize = 200_000;
const MAX_COLUMNS: u32 = 64;

/// One sheet: its rows that hold anything.
pub(super) struct Sheet {
    pub name: String,
    pub rows: Vec<SheetRow>,
    /// Why the sheet could not be read to its end.
    pub broken: Option<String>,
}

/// A row and its number as the spreadsheet shows it.
pub(super) struct SheetRow {
    pub number: u64,
    pub cells: Vec<Cell>,
}

/// A cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Cell {
    #[default]
    Empty,
    Text(String),
    /// A number, as it would be written.
    Number(String),
    /// What is no value: an error of a formula, a date where none is meant.
    Bad(&'static str),
}

/// Reads every sheet of a workbook.
///
/// # Errors
/// The reason, where the file as a whole cannot be read; nothing of it then counts.
pub(super) fn read_workbook(bytes: &[u8]) -> Result<Vec<Sheet>, String> {
    check_size(bytes)?;
    // a damaged file must do no harm, whatever the reader of the format thinks of it
    catch_unwind(AssertUnwindSafe(|| open(bytes)))
        .unwrap_or_else(|_| Err("the workbook is damaged; the reader gave up on it".to_owned()))
}

/// Unpacks every part once and counts, since the sizes a zip file states may be lies.
fn check_size(bytes: &[u8]) -> Result<(), String> {
    let damaged = |_| "the file is damaged or cut short: not a whole xlsx file".to_owned();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if zip.len() > MAX_PARTS {
        return Err(format!("the file has more than {MAX_PARTS} parts"));
    }
    let mut left = MAX_UNPACKED_BYTES;
    for at in 0..zip.len() {
        let part = zip.by_index(at).map_err(|_| "a part of the file is damaged or encrypted".to_owned())?;
        let name: String = part.name().map(|n| n.chars().take(60).collect()).unwrap_or_default();
        let unpacked = io::copy(&mut io::Read::take(part, left + 1), &mut io::sink())
            .map_err(|_| format!("the part `{name}` of the file is damaged"))?;
        left = left
            .checked_sub(unpacked)
            .ok_or_else(|| format!("the file unpacks to more than {} MiB", MAX_UNPACKED_BYTES >> 20))?;
    }
    Ok(())
}

fn open(bytes: &[u8]) -> Result<Vec<Sheet>, String> {
    let mut book: Xlsx<_> =
        Xlsx::new(Cursor::new(bytes)).map_err(|_| "the file is no workbook, or a damaged one".to_owned())?;
    let names = book.sheet_names();
    if names.len() > MAX_SHEETS {
        return Err(format!("the workbook has more than {MAX_SHEETS} sheets"));
    }
    Ok(names.into_iter().map(|name| read_sheet(&mut book, name)).collect())
}

fn read_sheet(book: &mut Xlsx<Cursor<&[u8]>>, name: String) -> Sheet {
    let mut sheet = Sheet { name, rows: Vec::new(), broken: None };
    if let Err(reason) = read_cells(book, &mut sheet) {
        sheet.broken = Some(reason);
    }
    sheet.rows.retain(|r| r.cells.iter().any(|c| *c != Cell::Empty));
    sheet
}

fn read_cells(book: &mut Xlsx<Cursor<&[u8]>>, sheet: &mut Sheet) -> Result<(), String> {
    let damaged = |_| "the sheet is damaged; nothing after this row could be read".to_owned();
    let mut cells = book.worksheet_cells_reader(&sheet.name).map_err(damaged)?;
    while let Some(cell) = cells.next_cell().map_err(damaged)? {
        let (row, column) = cell.get_position();
        let value = value(cell.get_value());
        if value == Cell::Empty {
            continue;
        }
        if column >= MAX_COLUMNS {
            return Err(format!("the sheet has more than {MAX_COLUMNS} columns"));
        }
        let number = u64::from(row) + 1;
        if sheet.rows.last().is_none_or(|r| r.number != number) {
            if sheet.rows.len() >= MAX_SHEET_ROWS {
                return Err(format!("the sheet has more than {MAX_SHEET_ROWS} rows; the rest was not read"));
            }
            sheet.rows.push(SheetRow { number, cells: Vec::new() });
        }
        let Some(last) = sheet.rows.last_mut() else { continue };
        let at = column as usize;
        if last.cells.len() <= at {
            last.cells.resize(at + 1, Cell::Empty);
        }
        if let Some(place) = last.cells.get_mut(at) {
            *place = value;
        }
    }
    Ok(())
}

fn value(cell: &DataRef<'_>) -> Cell {
    let text = |s: &str| if s.trim().is_empty() { Cell::Empty } else { Cell::Text(s.trim().to_owned()) };
    match cell {
        DataRef::Empty => Cell::Empty,
        DataRef::String(s) => text(s),
        DataRef::SharedString(s) => text(s),
        DataRef::Int(n) => Cell::Number(n.to_string()),
        DataRef::Float(n) => Cell::Number(n.to_string()),
        DataRef::Bool(_) => Cell::Bad("a truth value"),
        DataRef::DateTime(_) | DataRef::DateTimeIso(_) | DataRef::DurationIso(_) => Cell::Bad("a date or time"),
        DataRef::Error(_) => Cell::Bad("the error of a formula"),
    }
}
