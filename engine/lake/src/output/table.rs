//! A table of text. Widths are those of the first rows; a later, wider cell pushes its line, so that rows
//! come out as they come in.

use super::{Buffer, cell, formatters};
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::FormatOptions;
use std::io::Write;

/// Rows looked at for widths.
const LOOKED_AT: usize = 1000;

/// Widest column.
const WIDEST: usize = 60;

pub(super) struct Table {
    names: Vec<String>,
    right: Vec<bool>,
    /// Rows held back until the widths are known.
    held: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
    rows: u64,
}

impl Table {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let number = |t: &DataType| t.is_numeric() || matches!(t, DataType::Decimal128(..));
        Self {
            names: schema.fields().iter().map(|f| f.name().clone()).collect(),
            right: schema.fields().iter().map(|f| number(f.data_type())).collect(),
            held: Vec::new(),
            widths: None,
            rows: 0,
        }
    }

    pub(super) fn add(&mut self, batch: &RecordBatch, out: &mut Buffer) -> Result<(), Box<dyn std::error::Error>> {
        let options = FormatOptions::default();
        let formatters = formatters(batch, &options)?;
        self.rows += batch.num_rows() as u64;
        for row in 0..batch.num_rows() {
            let line: Vec<String> =
                batch.columns().iter().zip(&formatters).map(|(c, f)| cell(c, f, row).unwrap_or_default()).collect();
            match &self.widths {
                Some(w) => write_line(out, &line, w, &self.right)?,
                None => self.held.push(line),
            }
        }
        if self.widths.is_none() && self.held.len() >= LOOKED_AT {
            self.start(out)?;
        }
        Ok(())
    }

    fn start(&mut self, out: &mut Buffer) -> std::io::Result<()> {
        let widths: Vec<usize> = self
            .names
            .iter()
            .enumerate()
            .map(|(i, name)| self.held.iter().map(|l| width(&l[i])).chain([width(name)]).max().unwrap_or(0).min(WIDEST))
            .collect();
        write_line(out, &self.names, &widths, &vec![false; widths.len()])?;
        let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
        write_line(out, &rule, &widths, &vec![false; widths.len()])?;
        for line in std::mem::take(&mut self.held) {
            write_line(out, &line, &widths, &self.right)?;
        }
        self.widths = Some(widths);
        Ok(())
    }

    pub(super) fn end(mut self, out: &mut Buffer) -> std::io::Result<()> {
        if self.widths.is_none() {
            self.start(out)?;
        }
        writeln!(out, "({} row{})", self.rows, if self.rows == 1 { "" } else { "s" })
    }
}

fn write_line(out: &mut Buffer, cells: &[String], widths: &[usize], right: &[bool]) -> std::io::Result<()> {
    let mut line = String::new();
    for ((c, w), r) in cells.iter().zip(widths).zip(right) {
        if !line.is_empty() {
            line.push_str("  ");
        }
        let pad = " ".repeat(w.saturating_sub(width(c)));
        if *r {
            line.push_str(&pad);
            line.push_str(c);
        } else {
            line.push_str(c);
            line.push_str(&pad);
        }
    }
    writeln!(out, "{}", line.trim_end())
}

/// Columns of a terminal: a Chinese character takes two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if ('\u{1100}'..='\u{ffe6}').contains(&c) { 2 } else { 1 }).sum()
}
