//! An Excel workbook: one sheet, numbers as numbers, codes as text.

use super::{borrowed, cell, failed, formatters};
use crate::error::InspectError;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::FormatOptions;
use rust_xlsxwriter::{Format, Workbook, XlsxError};

/// Rows a sheet holds, the header not counted.
const ROWS: u32 = 1_048_575;

pub(super) struct Sheet {
    book: Workbook,
    next: u32,
}

impl Sheet {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, XlsxError> {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet_with_constant_memory()?;
        let bold = Format::new().set_bold();
        for (i, f) in (0_u16..).zip(schema.fields()) {
            sheet.write_string_with_format(0, i, f.name(), &bold)?;
        }
        Ok(Self { book, next: 1 })
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), InspectError> {
        if self.next as usize + batch.num_rows() > ROWS as usize + 1 {
            let mut e = InspectError::new("FORMAT", format!("a sheet holds {ROWS} rows, and there are more"));
            e.hint = Some("take csv or parquet".to_owned());
            return Err(e);
        }
        let options = FormatOptions::default();
        let formatters = formatters(batch, &options)?;
        let sheet = self.book.worksheet_from_index(0).map_err(failed)?;
        for row in 0..batch.num_rows() {
            for ((i, column), formatter) in (0_u16..).zip(batch.columns()).zip(&formatters) {
                if column.is_null(row) {
                    continue;
                }
                let written = if let Some(text) = borrowed(column, row) {
                    sheet.write_string(self.next, i, text)
                } else if let Some(n) = number(column, row) {
                    sheet.write_number(self.next, i, n)
                } else {
                    sheet.write_string(self.next, i, cell(column, formatter, row).unwrap_or_default())
                };
                written.map_err(failed)?;
            }
            self.next += 1;
        }
        Ok(())
    }

    pub(super) fn end(mut self) -> Result<Vec<u8>, XlsxError> {
        self.book.save_to_buffer()
    }
}

/// A number as the format keeps it, a double: amounts below ninety thousand billion keep their fen.
fn number(column: &dyn Array, row: usize) -> Option<f64> {
    use arrow::datatypes::{Decimal128Type, Float64Type, Int32Type, Int64Type, UInt64Type};
    Some(match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row) as f64,
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row) as f64,
        DataType::Int32 => f64::from(column.as_primitive::<Int32Type>().value(row)),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row),
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value_as_string(row).parse().ok()?,
        _ => return None,
    })
}
