//! The tables inspectors see: national names and columns, and what of them the books hold.

use crate::source::Reference;
use arrow::array::{
    ArrayRef, Date32Builder, Decimal128Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringViewBuilder,
    TimestampMicrosecondBuilder, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use chrono::{NaiveDate, NaiveDateTime};
use dingan_core::look::*;
use dingan_core::money::{Price, Quantity, Rate};
use std::sync::Arc;

mod books;
mod line;
mod reference;
mod settlement;
mod visit;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Yuan with two decimals.
    Amount,
    /// Yuan with six decimals.
    Price,
    /// A quantity with four decimals.
    Quantity,
    /// A share with six decimals.
    Rate,
    /// A whole number.
    Whole,
    /// Local civil time.
    Time,
    /// A day.
    Date,
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "amount" => Self::Amount,
            "price" => Self::Price,
            "quantity" => Self::Quantity,
            "rate" => Self::Rate,
            "whole" => Self::Whole,
            "time" => Self::Time,
            "date" => Self::Date,
            _ => return None,
        })
    }

    /// The Arrow type. Money is decimal, times have no zone.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8View,
            Self::Amount => DataType::Decimal128(18, 2),
            Self::Price => DataType::Decimal128(18, Price::SCALE as i8),
            Self::Quantity => DataType::Decimal128(18, Quantity::SCALE as i8),
            Self::Rate => DataType::Decimal128(10, Rate::SCALE as i8),
            Self::Whole => DataType::Int64,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Date => DataType::Date32,
        }
    }
}

/// One value on its way into a column.
#[derive(Debug)]
pub(crate) enum Cell<'a> {
    Null,
    Text(&'a str),
    Owned(String),
    /// Units of a decimal, or a whole number.
    Units(i64),
    Time(NaiveDateTime),
    Date(NaiveDate),
}

impl<'a> Cell<'a> {
    /// "Not given" is null, as in the databases the tables come from.
    fn text(s: &'a str) -> Self {
        if s.is_empty() { Self::Null } else { Self::Text(s) }
    }
    fn flag(b: bool) -> Self {
        Self::Text(if b { "1" } else { "0" })
    }
    fn date(d: Option<NaiveDate>) -> Self {
        d.map_or(Self::Null, Self::Date)
    }
    fn time(t: Option<NaiveDateTime>) -> Self {
        t.map_or(Self::Null, Self::Time)
    }
    fn or_null(o: Option<Self>) -> Self {
        o.unwrap_or(Self::Null)
    }
}

/// How a column is read off a row.
pub(crate) type Get<R> = for<'a> fn(&'a R, &'a Reference) -> Cell<'a>;

/// A column the books hold: what it costs and how it is read.
pub(crate) struct Held<R: 'static> {
    parts: Parts,
    get: Get<R>,
}

/// Read off the row itself.
pub(crate) fn plain<R>(get: Get<R>) -> Option<Held<R>> {
    Some(Held { parts: Parts::default(), get })
}

/// Asks for the person.
pub(crate) fn person<R>(get: Get<R>) -> Option<Held<R>> {
    Some(Held { parts: Parts { person: true, ..Parts::default() }, get })
}

/// Asks for the visit.
pub(crate) fn with_visit<R>(get: Get<R>) -> Option<Held<R>> {
    Some(Held { parts: Parts { visit: true, ..Parts::default() }, get })
}

/// Asks for both.
pub(crate) fn person_and_visit<R>(get: Get<R>) -> Option<Held<R>> {
    Some(Held { parts: Parts { person: true, visit: true, ..Parts::default() }, get })
}

/// Asks for the decision's split of the line.
pub(crate) fn split<R>(get: Get<R>) -> Option<Held<R>> {
    Some(Held { parts: Parts { split: true, ..Parts::default() }, get })
}

/// Which rows a view is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `mdtrt_d`.
    Visit,
    /// `setl_d`.
    Settlement,
    /// `fee_list_d`.
    Line,
    /// `setl_list_diag_d`: the diagnoses of the settlement list, or of the visit before there is one.
    Diagnosis,
    /// `setl_list_oprn_d`: the operations of the settlement list.
    Operation,
    /// `finding`.
    Finding,
    /// `review_run`.
    Run,
    /// `ledger_entry`.
    Ledger,
    /// `correction`.
    Correction,
    /// `hilist`: the catalogue's items.
    Item,
    /// `hilist_limit`: limit prices.
    Limit,
    /// `hilist_ratio`: self-pay ratios.
    Ratio,
    /// `institution`.
    Institution,
    /// `practitioner`.
    Practitioner,
    /// `knowledge`.
    Knowledge,
    /// `held`: the list of all columns.
    Held,
}

/// A column of a view.
#[derive(Debug, Clone)]
pub struct Column {
    /// National name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it means, in the words of the interface.
    pub meaning: &'static str,
    /// Whether the books hold it; else it is null.
    pub held: bool,
    pub(crate) parts: Parts,
}

/// A view.
#[derive(Debug)]
pub struct View {
    /// Its name.
    pub name: &'static str,
    /// What it is made of.
    pub table: Table,
    /// Its columns.
    pub columns: Vec<Column>,
    /// The same for Arrow.
    pub schema: SchemaRef,
}

const VIEWS: &[(&str, Table, &str)] = &[
    ("mdtrt_d", Table::Visit, include_str!("../columns/mdtrt_d.tsv")),
    ("setl_d", Table::Settlement, include_str!("../columns/setl_d.tsv")),
    ("fee_list_d", Table::Line, include_str!("../columns/fee_list_d.tsv")),
    ("setl_list_diag_d", Table::Diagnosis, include_str!("../columns/setl_list_diag_d.tsv")),
    ("setl_list_oprn_d", Table::Operation, include_str!("../columns/setl_list_oprn_d.tsv")),
    ("finding", Table::Finding, include_str!("../columns/finding.tsv")),
    ("review_run", Table::Run, include_str!("../columns/review_run.tsv")),
    ("ledger_entry", Table::Ledger, include_str!("../columns/ledger_entry.tsv")),
    ("correction", Table::Correction, include_str!("../columns/correction.tsv")),
    ("hilist", Table::Item, include_str!("../columns/hilist.tsv")),
    ("hilist_limit", Table::Limit, include_str!("../columns/hilist_limit.tsv")),
    ("hilist_ratio", Table::Ratio, include_str!("../columns/hilist_ratio.tsv")),
    ("institution", Table::Institution, include_str!("../columns/institution.tsv")),
    ("practitioner", Table::Practitioner, include_str!("../columns/practitioner.tsv")),
    ("knowledge", Table::Knowledge, include_str!("../columns/knowledge.tsv")),
    ("held", Table::Held, include_str!("../columns/held.tsv")),
];

/// Every view.
pub fn views() -> Vec<Arc<View>> {
    VIEWS.iter().map(|(name, table, columns)| Arc::new(View::read(name, *table, columns))).collect()
}

impl View {
    fn read(name: &'static str, table: Table, text: &'static str) -> Self {
        let columns: Vec<Column> = text
            .lines()
            .map(|line| {
                let mut cells = line.split('\t');
                let name = cells.next().unwrap_or_default();
                // an unknown word would be a slip in a file of this crate, which the tests read whole
                let kind = cells.next().and_then(Kind::named).unwrap_or(Kind::Text);
                let parts = table.parts(name);
                let meaning = cells.next().unwrap_or_default();
                Column { name, kind, meaning, held: parts.is_some(), parts: parts.unwrap_or_default() }
            })
            .collect();
        let fields: Vec<Field> = columns.iter().map(|c| Field::new(c.name, c.kind.arrow(), true)).collect();
        Self { name, table, columns, schema: Arc::new(Schema::new(fields)) }
    }

    /// The key by which the store may find rows of a column's value.
    pub(crate) fn key(&self, column: &str) -> Option<Key> {
        // a finding's setl_id is empty where it has none, which reads as null here: equality means the same
        Some(match column {
            "psn_no" => Key::Person,
            "mdtrt_id" => Key::Visit,
            "setl_id" => Key::Settlement,
            "init_setl_id" if self.table == Table::Correction => Key::Settlement,
            "fixmedins_code" => Key::Institution,
            "rule_code" => Key::Rule,
            "run_id" => Key::Run,
            "setl_time" => Key::SettledAt,
            "found_at" => Key::FoundAt,
            _ => return None,
        })
    }

    /// The rows of the store the view is made of; none where it is made of reference data.
    pub(crate) fn rowset(&self) -> Option<Rowset> {
        Some(match self.table {
            Table::Visit => Rowset::Visits,
            Table::Settlement | Table::Diagnosis | Table::Operation => Rowset::Settlements,
            Table::Line => Rowset::Lines,
            Table::Finding => Rowset::Findings,
            Table::Run => Rowset::Runs,
            Table::Ledger => Rowset::Ledger,
            Table::Correction => Rowset::Corrections,
            _ => return None,
        })
    }

    /// Whether each row of the rowset is one row of the view, so that a limit means the same below.
    pub(crate) fn one_to_one(&self) -> bool {
        !matches!(self.table, Table::Diagnosis | Table::Operation)
    }

    /// What the rows themselves cost, whichever columns are asked for.
    pub(crate) fn own_parts(&self) -> Parts {
        let list = !self.one_to_one();
        Parts { visit: self.table == Table::Diagnosis, list, ..Parts::default() }
    }

    /// The columns of a page.
    pub(crate) fn batch(
        &self,
        page: &Page,
        columns: &[usize],
        schema: &SchemaRef,
        reference: &Reference,
    ) -> Result<RecordBatch, ArrowError> {
        match page {
            Page::Visits(rows) => self.build(rows, visit::held, columns, schema, reference),
            Page::Settlements(rows) if self.table == Table::Diagnosis => {
                self.build(&settlement::diagnoses(rows), settlement::diagnosis, columns, schema, reference)
            }
            Page::Settlements(rows) if self.table == Table::Operation => {
                self.build(&settlement::operations(rows), settlement::operation, columns, schema, reference)
            }
            Page::Settlements(rows) => self.build(rows, settlement::held, columns, schema, reference),
            Page::Lines(rows) => self.build(rows, line::held, columns, schema, reference),
            Page::Findings(rows) => self.build(rows, books::finding, columns, schema, reference),
            Page::Runs(rows) => self.build(rows, books::run, columns, schema, reference),
            Page::Ledger(rows) => self.build(rows, books::ledger, columns, schema, reference),
            Page::Corrections(rows) => self.build(rows, books::correction, columns, schema, reference),
        }
    }

    /// The columns of a view that is made of reference data.
    pub(crate) fn reference(
        &self,
        columns: &[usize],
        schema: &SchemaRef,
        reference: &Reference,
    ) -> Result<RecordBatch, ArrowError> {
        let r = &reference.rows;
        match self.table {
            Table::Item => self.build(&r.catalogue.items, reference::item, columns, schema, reference),
            Table::Limit => self.build(&r.catalogue.limits, reference::limit, columns, schema, reference),
            Table::Ratio => self.build(&r.catalogue.ratios, reference::ratio, columns, schema, reference),
            Table::Institution => self.build(&r.institutions, reference::institution, columns, schema, reference),
            Table::Practitioner => self.build(&r.practitioners, reference::practitioner, columns, schema, reference),
            Table::Knowledge => self.build(&r.knowledge, reference::knowledge, columns, schema, reference),
            Table::Held => self.build(&reference::all_columns(), reference::column, columns, schema, reference),
            _ => Ok(RecordBatch::new_empty(Arc::clone(schema))),
        }
    }

    fn build<R: 'static>(
        &self,
        rows: &[R],
        held: fn(&str) -> Option<Held<R>>,
        columns: &[usize],
        schema: &SchemaRef,
        reference: &Reference,
    ) -> Result<RecordBatch, ArrowError> {
        let arrays = columns
            .iter()
            .map(|&i| {
                let column = &self.columns[i];
                match held(column.name) {
                    Some(h) => array(column.kind, rows, h.get, reference),
                    None => Ok(new_null_array(&column.kind.arrow(), rows.len())),
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
    }
}

impl Table {
    /// What a column costs; none where the books do not hold it.
    fn parts(self, column: &str) -> Option<Parts> {
        match self {
            Self::Visit => visit::held(column).map(|h| h.parts),
            Self::Settlement => settlement::held(column).map(|h| h.parts),
            Self::Diagnosis => settlement::diagnosis(column).map(|h| h.parts),
            Self::Operation => settlement::operation(column).map(|h| h.parts),
            Self::Line => line::held(column).map(|h| h.parts),
            Self::Finding => books::finding(column).map(|h| h.parts),
            Self::Run => books::run(column).map(|h| h.parts),
            Self::Ledger => books::ledger(column).map(|h| h.parts),
            Self::Correction => books::correction(column).map(|h| h.parts),
            Self::Item => reference::item(column).map(|h| h.parts),
            Self::Limit => reference::limit(column).map(|h| h.parts),
            Self::Ratio => reference::ratio(column).map(|h| h.parts),
            Self::Institution => reference::institution(column).map(|h| h.parts),
            Self::Practitioner => reference::practitioner(column).map(|h| h.parts),
            Self::Knowledge => reference::knowledge(column).map(|h| h.parts),
            Self::Held => reference::column(column).map(|h| h.parts),
        }
    }
}

fn array<R>(kind: Kind, rows: &[R], get: Get<R>, reference: &Reference) -> Result<ArrayRef, ArrowError> {
    let cells = rows.iter().map(|r| get(r, reference));
    let units = |c: Cell<'_>| if let Cell::Units(u) = c { Some(u) } else { None };
    Ok(match kind {
        Kind::Text => {
            let mut b = StringViewBuilder::with_capacity(rows.len());
            for c in cells {
                match c {
                    Cell::Text(s) => b.append_value(s),
                    Cell::Owned(s) => b.append_value(s),
                    Cell::Units(u) => b.append_value(u.to_string()),
                    _ => b.append_null(),
                }
            }
            Arc::new(b.finish())
        }
        Kind::Amount | Kind::Price | Kind::Quantity | Kind::Rate => {
            let mut b = Decimal128Builder::with_capacity(rows.len()).with_data_type(kind.arrow());
            for c in cells {
                b.append_option(units(c).map(i128::from));
            }
            Arc::new(b.finish())
        }
        Kind::Whole => {
            let mut b = Int64Builder::with_capacity(rows.len());
            for c in cells {
                b.append_option(units(c));
            }
            Arc::new(b.finish())
        }
        Kind::Time => {
            let mut b = TimestampMicrosecondBuilder::with_capacity(rows.len());
            for c in cells {
                b.append_option(if let Cell::Time(t) = c { Some(t.and_utc().timestamp_micros()) } else { None });
            }
            Arc::new(b.finish())
        }
        Kind::Date => {
            let mut b = Date32Builder::with_capacity(rows.len());
            for c in cells {
                b.append_option(if let Cell::Date(d) = c { Some(days(d)) } else { None });
            }
            Arc::new(b.finish())
        }
    })
}

/// Days since 1970.
fn days(d: NaiveDate) -> i32 {
    i32::try_from((d - NaiveDate::default()).num_days()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_the_national_tables() {
        let count = |name: &str| {
            let v = views().into_iter().find(|v| v.name == name).unwrap();
            (v.columns.len(), v.columns.iter().filter(|c| c.held).count())
        };
        assert_eq!(count("mdtrt_d").0, 106);
        assert_eq!(count("setl_d").0, 100);
        assert_eq!(count("fee_list_d").0, 82);
        assert_eq!(count("setl_list_diag_d").0, 23);
        assert_eq!(count("setl_list_oprn_d").0, 31);
        assert_eq!(count("finding").0, count("finding").1);
    }

    #[test]
    fn every_kind_is_known_and_every_getter_has_its_column() {
        for (name, _, text) in VIEWS {
            for line in text.lines() {
                let kind = line.split('\t').nth(1);
                assert!(kind.and_then(Kind::named).is_some(), "{name}: {line}");
            }
        }
    }
}
