//! A CSV file as rows of named cells, within bounds and with its problems kept apart.

use super::cell::{self, Reason};
use super::{Read, RowProblem};
use chrono::NaiveDate;
use csv::ByteRecord;
use dingan_core::bundle::Period;
use dingan_core::money::NumberError;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::str::FromStr;

/// The longest row accepted. A quote left open would otherwise swallow the rest of the file.
pub const MAX_RECORD_BYTES: u64 = 64 * 1024;
/// The most rows accepted from one file; a province's register of persons fits.
pub const MAX_ROWS: u64 = 20_000_000;
/// The most problems kept; the last one then says how many were left off.
pub const MAX_PROBLEMS: usize = 10_000;
/// The most columns accepted.
const MAX_COLUMNS: usize = 200;

/// Why a row was refused: the column (or none) and the reason.
#[derive(Debug)]
pub(crate) struct Refused {
    pub column: &'static str,
    pub reason: Reason,
}

/// Collects problems up to [`MAX_PROBLEMS`].
pub(crate) struct Problems {
    file: String,
    sheet: String,
    list: Vec<RowProblem>,
    left_off: u64,
}

impl Problems {
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), sheet: String::new(), list: Vec::new(), left_off: 0 }
    }
    /// What follows is about this sheet of a workbook.
    pub fn sheet(&mut self, name: &str) {
        name.clone_into(&mut self.sheet);
    }
    fn push(&mut self, row: u64, column: &str, reason: impl Into<String>, warning: bool) {
        if self.list.len() < MAX_PROBLEMS {
            let (column, reason) = (column.to_owned(), reason.into());
            let sheet = self.sheet.clone();
            self.list.push(RowProblem { file: self.file.clone(), sheet, row, column, reason, warning });
        } else {
            self.left_off += 1;
        }
    }
    pub fn error(&mut self, row: u64, column: &str, reason: impl Into<String>) {
        self.push(row, column, reason, false);
    }
    pub fn warn(&mut self, row: u64, column: &str, reason: impl Into<String>) {
        self.push(row, column, reason, true);
    }
    pub fn read<T>(mut self, rows: Vec<T>) -> Read<T> {
        if self.left_off > 0 {
            let reason = format!("{} further problems left off", self.left_off);
            let (sheet, column) = (String::new(), String::new());
            self.list.push(RowProblem { file: self.file, sheet, row: 0, column, reason, warning: false });
        }
        Read { rows, problems: self.list }
    }
}

/// A column a layout knows.
pub(crate) struct Column {
    pub name: &'static str,
    pub required: bool,
}

/// The columns of a layout: those that must stand in the header, then those that may.
pub(crate) fn columns(required: &[&'static str], optional: &[&'static str]) -> Vec<Column> {
    let of = |required| move |name: &&'static str| Column { name, required };
    required.iter().map(of(true)).chain(optional.iter().map(of(false))).collect()
}

/// What the CSV reader has been given: counts down while it looks for the end of a row, and sees the end.
struct Guard<R> {
    inner: R,
    state: Rc<GuardState>,
}

#[derive(Default)]
struct GuardState {
    left: Cell<u64>,
    ended: Cell<bool>,
}

impl<R: io::Read> io::Read for Guard<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.state.left.get() == 0 {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let n = self.inner.read(buf)?;
        self.state.left.set(self.state.left.get().saturating_sub(n as u64));
        self.state.ended.set(n == 0);
        Ok(n)
    }
}

/// An open file whose header was read.
pub(crate) struct Table<R: io::Read> {
    reader: csv::Reader<Guard<R>>,
    state: Rc<GuardState>,
    header: Vec<String>,
    header_row: u64,
    index: Vec<(&'static str, usize)>,
}

impl<R: io::Read> Table<R> {
    /// Opens a file and reads its header. None, with the problem told, where that fails.
    pub fn open(input: R, problems: &mut Problems) -> Option<Self> {
        let state = Rc::new(GuardState::default());
        let guard = Guard { inner: input, state: Rc::clone(&state) };
        // rows end with LF alone, since the reader loses count of the lines where they end with CR LF;
        // the CR is trimmed with the other blanks around a cell
        let ends = csv::Terminator::Any(b'\n');
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).terminator(ends).from_reader(guard);
        let mut table = Self { reader, state, header: Vec::new(), header_row: 0, index: Vec::new() };
        let mut record = ByteRecord::new();
        let row = match table.next(&mut record) {
            Ok(Some(row)) => row,
            Ok(None) => {
                problems.error(0, "", "the file is empty; the first row must be the header");
                return None;
            }
            Err(reason) => {
                problems.error(1, "", reason);
                return None;
            }
        };
        table.header_row = row;
        for name in &record {
            let Ok(name) = std::str::from_utf8(name) else {
                problems.error(row, "", not_utf8(&record));
                return None;
            };
            table.header.push(name.trim().to_ascii_lowercase());
        }
        if table.header.len() > MAX_COLUMNS {
            problems.error(row, "", format!("more than {MAX_COLUMNS} columns"));
            return None;
        }
        Some(table)
    }

    /// Whether the header names a column.
    pub fn has(&self, name: &str) -> bool {
        self.header.iter().any(|h| h == name)
    }

    /// Finds the columns of a layout. False, with the problems told, where a required one is missing or
    /// one stands twice; unknown ones are a warning each, since a national table has many more.
    pub fn expect(&mut self, columns: &[Column], problems: &mut Problems) -> bool {
        let mut complete = true;
        let separator = match self.header.as_slice() {
            [only] if only.contains(';') => Some("semicolons"),
            [only] if only.contains('\t') => Some("tabs"),
            _ => None,
        };
        if let Some(found) = separator {
            problems.error(self.header_row, "", format!("the cells are separated by {found}; save with commas"));
            return false;
        }
        for column in columns {
            let mut places = self.header.iter().enumerate().filter(|(_, h)| *h == column.name);
            match (places.next(), places.next()) {
                (Some((at, _)), None) => self.index.push((column.name, at)),
                (Some(_), Some(_)) => {
                    complete = false;
                    problems.error(self.header_row, column.name, "the column stands twice in the header");
                }
                (None, _) if column.required => {
                    complete = false;
                    problems.error(self.header_row, column.name, "the column is missing from the header");
                }
                (None, _) => {}
            }
        }
        // a file without a header begins with somebody's data, which must not be repeated
        if self.index.is_empty() {
            return complete;
        }
        for name in &self.header {
            if !columns.iter().any(|c| c.name == name) {
                let shown = if is_field_name(name) { name.as_str() } else { "" };
                problems.warn(self.header_row, shown, "unknown column, not read");
            }
        }
        complete
    }

    /// Hands every row on. Rows that are refused, or cannot be read at all, become problems.
    pub fn rows(mut self, problems: &mut Problems, mut take: impl FnMut(&Row<'_>) -> Result<(), Refused>) {
        let mut record = ByteRecord::new();
        let mut count = 0;
        loop {
            let line = match self.next(&mut record) {
                Ok(Some(line)) => line,
                Ok(None) => return,
                Err(reason) => {
                    problems.error(self.line(), "", reason);
                    return;
                }
            };
            if record.iter().all(|c| c.trim_ascii().is_empty()) {
                continue;
            }
            count += 1;
            if count > MAX_ROWS {
                problems.error(line, "", format!("more than {MAX_ROWS} rows; split the file"));
                return;
            }
            let cells: Result<Vec<&str>, _> = record.iter().map(std::str::from_utf8).collect();
            let Ok(cells) = cells else {
                problems.error(line, "", not_utf8(&record));
                if looks_gbk(&record) {
                    // the whole file is in the other encoding: one message, not one a row
                    return;
                }
                continue;
            };
            if cells.len() != self.header.len() {
                let reason = format!("{} cells where the header has {}", cells.len(), self.header.len());
                problems.error(line, "", reason);
                continue;
            }
            if let Err(refused) = take(&Row { cells: &cells, index: &self.index }) {
                problems.error(line, refused.column, refused.reason);
            }
        }
    }

    fn line(&self) -> u64 {
        self.reader.position().line()
    }

    /// The next row and the line it begins on.
    fn next(&mut self, record: &mut ByteRecord) -> Result<Option<u64>, Reason> {
        self.state.left.set(MAX_RECORD_BYTES);
        match self.reader.read_byte_record(record) {
            Ok(true) => {
                // counted back from the end of the row: before its start there may be blank lines
                let inside = record.as_slice().iter().filter(|b| **b == b'\n').count() as u64;
                let ended_by_line = u64::from(!self.state.ended.get());
                Ok(Some(self.line().saturating_sub(inside + ended_by_line)))
            }
            Ok(false) => Ok(None),
            Err(e) => Err(match e.kind() {
                csv::ErrorKind::Io(e) if e.kind() == io::ErrorKind::FileTooLarge => {
                    format!("a row longer than {MAX_RECORD_BYTES} bytes; is a quotation mark left open?")
                }
                csv::ErrorKind::Io(e) => format!("cannot be read: {}", e.kind()),
                _ => "not a CSV row".to_owned(),
            }),
        }
    }
}

/// Whether a text has the form of a national field name.
fn is_field_name(s: &str) -> bool {
    s.len() <= 40
        && s.starts_with(|c: char| c.is_ascii_lowercase())
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Reads a file of one layout.
pub(crate) fn read_rows<T>(
    file: &str,
    input: impl io::Read,
    columns: &[Column],
    row: impl Fn(&Row<'_>) -> Result<T, Refused>,
) -> Read<T> {
    let mut problems = Problems::new(file);
    let mut rows = Vec::new();
    if let Some(mut table) = Table::open(input, &mut problems)
        && table.expect(columns, &mut problems)
    {
        table.rows(&mut problems, |r| {
            rows.push(row(r)?);
            Ok(())
        });
    }
    problems.read(rows)
}

/// What to tell of bytes that are not UTF-8.
fn not_utf8(record: &ByteRecord) -> &'static str {
    let bytes = record.as_slice();
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        "not UTF-8 but UTF-16; save the file as UTF-8"
    } else if looks_gbk(record) {
        "not UTF-8 but GBK, it seems; save the file as UTF-8. Nothing below was read"
    } else {
        "not UTF-8; save the file as UTF-8"
    }
}

/// Whether every cell is well-formed GBK and none holds a three-byte sequence of UTF-8, which Chinese
/// text in UTF-8 consists of and text in GBK forms only by accident.
fn looks_gbk(record: &ByteRecord) -> bool {
    let mut pairs = 0;
    for cell in record {
        let mut rest = cell;
        while let [first, tail @ ..] = rest {
            rest = match (first, tail) {
                (0x00..=0x7F, _) => tail,
                (0xE0..=0xEF, [0x80..=0xBF, 0x80..=0xBF, ..]) => return false,
                (0x81..=0xFE, [0x40..=0x7E | 0x80..=0xFE, after @ ..]) => {
                    pairs += 1;
                    after
                }
                _ => return false,
            };
        }
    }
    pairs > 0
}

/// One row by column names.
pub(crate) struct Row<'a> {
    cells: &'a [&'a str],
    index: &'a [(&'static str, usize)],
}

impl<'a> Row<'a> {
    /// The cell without surrounding blanks; empty where the column is absent, and for `null`, which
    /// the national text files write into empty cells.
    pub fn get(&self, column: &'static str) -> &'a str {
        let at = self.index.iter().find(|(name, _)| *name == column).map(|(_, at)| *at);
        match at.and_then(|at| self.cells.get(at)).map_or("", |c| c.trim()) {
            "null" => "",
            cell => cell,
        }
    }

    fn checked<T>(&self, column: &'static str, read: impl FnOnce(&'a str) -> Result<T, Reason>) -> Result<T, Refused> {
        read(self.get(column)).map_err(|reason| Refused { column, reason })
    }

    fn needed<T>(&self, column: &'static str, read: impl FnOnce(&'a str) -> Result<T, Reason>) -> Result<T, Refused> {
        self.checked(column, |c| if c.is_empty() { Err("empty".to_owned()) } else { read(c) })
    }

    fn optional<T>(
        &self,
        column: &'static str,
        read: impl FnOnce(&'a str) -> Result<T, Reason>,
    ) -> Result<Option<T>, Refused> {
        self.checked(column, |c| if c.is_empty() { Ok(None) } else { read(c).map(Some) })
    }

    /// A text of at most `max` characters, possibly empty.
    pub fn text(&self, column: &'static str, max: usize) -> Result<&'a str, Refused> {
        self.checked(column, |c| cell::text(c, max))
    }
    /// A text that must be there.
    pub fn need_text(&self, column: &'static str, max: usize) -> Result<&'a str, Refused> {
        self.needed(column, |c| cell::text(c, max))
    }
    /// A code of at most `max` characters, possibly empty.
    pub fn code(&self, column: &'static str, max: usize) -> Result<&'a str, Refused> {
        self.checked(column, |c| cell::code(c, max))
    }
    /// A code that must be there.
    pub fn need_code(&self, column: &'static str, max: usize) -> Result<&'a str, Refused> {
        self.needed(column, |c| cell::code(c, max))
    }
    /// One of the codes of a list, which must be there.
    pub fn one_of(&self, column: &'static str, list: &[&str]) -> Result<&'a str, Refused> {
        self.needed(column, |c| if list.contains(&c) { Ok(c) } else { Err(format!("not one of {}", list.join(", "))) })
    }
    /// A division that must be there.
    pub fn division(&self, column: &'static str) -> Result<&'a str, Refused> {
        self.needed(column, cell::division)
    }
    /// A day, possibly empty.
    pub fn date(&self, column: &'static str) -> Result<Option<NaiveDate>, Refused> {
        self.optional(column, cell::date)
    }
    /// A day that must be there.
    pub fn need_date(&self, column: &'static str) -> Result<NaiveDate, Refused> {
        self.needed(column, cell::date)
    }
    /// 0 or 1; empty counts as 0.
    pub fn flag(&self, column: &'static str) -> Result<bool, Refused> {
        Ok(self.optional(column, cell::flag)?.unwrap_or(false))
    }
    /// A number, possibly empty.
    pub fn number<T: FromStr<Err = NumberError>>(&self, column: &'static str) -> Result<Option<T>, Refused> {
        self.optional(column, cell::number)
    }
    /// A number that must be there.
    pub fn need_number<T: FromStr<Err = NumberError>>(&self, column: &'static str) -> Result<T, Refused> {
        self.needed(column, cell::number)
    }
    /// A range of days whose first day must be there.
    pub fn range(&self, begin: &'static str, end: &'static str) -> Result<(NaiveDate, Option<NaiveDate>), Refused> {
        let (first, last) = (self.need_date(begin)?, self.date(end)?);
        if last.is_some_and(|l| l < first) {
            return Err(Refused { column: end, reason: format!("before `{begin}`") });
        }
        Ok((first, last))
    }
    /// `begndate` and `enddate`.
    pub fn period(&self) -> Result<Period, Refused> {
        let (begin, end) = self.range("begndate", "enddate")?;
        Ok(Period { begin, end })
    }
}
