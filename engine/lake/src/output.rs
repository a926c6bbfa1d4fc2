//! What comes out: a table to look at, CSV, JSON, Parquet, a workbook; written batch by batch.

use crate::error::InspectError;
use crate::inspector::Answer;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

mod table;
mod workbook;

use table::Table;
use workbook::Sheet;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table of text.
    Table,
    /// CSV with a header, UTF-8.
    Csv,
    /// An array of objects.
    Json,
    /// Parquet.
    Parquet,
    /// An Excel workbook.
    Xlsx,
}

impl Format {
    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "table" => Self::Table,
            "csv" => Self::Csv,
            "json" => Self::Json,
            "parquet" => Self::Parquet,
            "xlsx" => Self::Xlsx,
            _ => return None,
        })
    }

    /// The names.
    pub const NAMES: [&str; 5] = ["table", "csv", "json", "parquet", "xlsx"];

    /// For HTTP.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Table => "text/plain; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// Bytes on their way out; the writers of the libraries write here, and what is there is taken away.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

enum Kind {
    Table(Table),
    Csv(Box<arrow::csv::Writer<Buffer>>),
    Json(Box<arrow::json::ArrayWriter<Buffer>>),
    Parquet(Box<ArrowWriter<Buffer>>),
    Xlsx(Box<Sheet>),
}

/// Rows of a Parquet row group.
const ROW_GROUP: usize = 65_536;

/// Writes the rows of one answer.
pub struct Writer {
    kind: Kind,
    buffer: Buffer,
    schema: SchemaRef,
    wrote: bool,
}

fn failed(e: impl std::fmt::Display) -> InspectError {
    InspectError::new("FORMAT", format!("the rows could not be written: {e}"))
}

impl Writer {
    /// A writer for rows of these columns.
    pub fn new(format: Format, schema: &SchemaRef) -> Result<Self, InspectError> {
        let buffer = Buffer::default();
        let kind = match format {
            Format::Table => Kind::Table(Table::new(schema)),
            Format::Csv => Kind::Csv(Box::new(
                arrow::csv::WriterBuilder::new()
                    .with_header(true)
                    .with_timestamp_format("%Y-%m-%d %H:%M:%S".to_owned())
                    .build(buffer.clone()),
            )),
            Format::Json => Kind::Json(Box::new(
                arrow::json::WriterBuilder::new()
                    .with_explicit_nulls(true)
                    .with_timestamp_format("%Y-%m-%d %H:%M:%S".to_owned())
                    .build(buffer.clone()),
            )),
            Format::Parquet => {
                let level = ZstdLevel::try_new(3).map_err(failed)?;
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(level))
                    .set_max_row_group_row_count(Some(ROW_GROUP))
                    .build();
                let writer = ArrowWriter::try_new(buffer.clone(), Arc::clone(schema), Some(properties));
                Kind::Parquet(Box::new(writer.map_err(failed)?))
            }
            Format::Xlsx => Kind::Xlsx(Box::new(Sheet::new(schema).map_err(failed)?)),
        };
        Ok(Self { kind, buffer, schema: Arc::clone(schema), wrote: false })
    }

    /// Takes rows in; gives what is ready to go out.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, InspectError> {
        self.wrote = true;
        match &mut self.kind {
            Kind::Table(t) => t.add(batch, &mut self.buffer).map_err(failed)?,
            Kind::Csv(w) => w.write(batch).map_err(failed)?,
            Kind::Json(w) => w.write(batch).map_err(failed)?,
            Kind::Parquet(w) => w.write(batch).map_err(failed)?,
            Kind::Xlsx(s) => s.add(batch)?,
        }
        Ok(self.buffer.take())
    }

    /// The rest.
    pub fn finish(mut self) -> Result<Vec<u8>, InspectError> {
        // without rows there is still a header
        if !self.wrote && matches!(self.kind, Kind::Csv(_)) {
            let empty = RecordBatch::new_empty(Arc::clone(&self.schema));
            let head = self.write(&empty)?;
            self.buffer.write_all(&head).map_err(failed)?;
        }
        match self.kind {
            Kind::Table(t) => t.end(&mut self.buffer).map_err(failed)?,
            Kind::Csv(_) => {}
            Kind::Json(mut w) => w.finish().map_err(failed)?,
            Kind::Parquet(w) => {
                w.close().map_err(failed)?;
            }
            Kind::Xlsx(s) => return s.end().map_err(failed),
        }
        Ok(self.buffer.take())
    }
}

/// Bytes of an answer as they become ready.
pub struct Written {
    answer: Answer,
    writer: Option<Writer>,
}

impl Written {
    /// Writes an answer in a format.
    pub fn new(answer: Answer, format: Format) -> Result<Self, InspectError> {
        let writer = Writer::new(format, answer.schema())?;
        Ok(Self { answer, writer: Some(writer) })
    }

    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, InspectError> {
        loop {
            let Some(writer) = &mut self.writer else { return Ok(None) };
            let bytes = match self.answer.next().await? {
                Some(batch) => writer.write(&batch)?,
                None => match self.writer.take() {
                    Some(w) => w.finish()?,
                    None => return Ok(None),
                },
            };
            if !bytes.is_empty() {
                return Ok(Some(bytes));
            }
        }
    }
}

/// A cell as text, as a person reads it; none for null.
fn cell(column: &dyn Array, formatter: &ArrayFormatter<'_>, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    let text = formatter.value(row).to_string();
    Some(match column.data_type() {
        DataType::Timestamp(..) => text.replace('T', " "),
        _ => text,
    })
}

/// The text of a text column, without making a copy.
fn borrowed(column: &dyn Array, row: usize) -> Option<&str> {
    match column.data_type() {
        DataType::Utf8View => Some(column.as_string_view().value(row)),
        DataType::Utf8 => Some(column.as_string::<i32>().value(row)),
        _ => None,
    }
}

fn formatters<'a>(
    batch: &'a RecordBatch,
    options: &'a FormatOptions<'a>,
) -> Result<Vec<ArrayFormatter<'a>>, InspectError> {
    batch.columns().iter().map(|c| ArrayFormatter::try_new(c, options)).collect::<Result<_, _>>().map_err(failed)
}
