//! The administration's workbooks: one sheet with everything, or one of points and one of their codes.

use super::layouts::{Field, ListLayout, ValueIs};
use super::sheet::{Cell, Sheet, SheetRow};
use super::{Reader, each_once, item_code, reading};
use crate::file::table::Problems;
use dingan_core::codes::ItemCode;
use dingan_core::knowledge::KnowledgeRow;
use dingan_core::money::Quantity;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Rows before the header that are looked through for it.
const ROWS_BEFORE_HEADER: usize = 10;
const MAX_TEXT: usize = 4_000;

/// A sheet whose header was understood.
struct Listing<'s> {
    sheet: &'s Sheet,
    columns: Vec<(Field, usize, &'s str)>,
    rows: &'s [SheetRow],
}

/// Why a row was refused: the header of the column, and the reason.
type Refused = (String, String);

/// Reads every list of a workbook.
pub(super) fn read(file: &str, sheets: &[Sheet], reader: &Reader, problems: &mut Problems) -> Vec<KnowledgeRow> {
    let mut listings = Vec::new();
    for sheet in sheets {
        problems.sheet(&sheet.name);
        if let Some(reason) = &sheet.broken {
            let last = sheet.rows.last().map_or(0, |r| r.number);
            problems.error(last, "", reason.clone());
        }
        if sheet.rows.is_empty() {
            continue;
        }
        match listing(sheet, reader, problems) {
            Some(l) => listings.push(l),
            None => problems.error(0, "", "no header of a known list was found; add its headers to the layouts"),
        }
    }
    let (whole, apart): (Vec<_>, Vec<_>) = listings.into_iter().partition(|l| {
        let says_something = [Field::Value, Field::Text, Field::Window, Field::Number];
        l.has(Field::Code) && says_something.iter().any(|f| l.has(*f))
    });
    let (codes, points): (Vec<_>, Vec<_>) = apart.into_iter().partition(|l| l.has(Field::Code));
    let mut rows = Vec::new();
    for list in &whole {
        problems.sheet(&list.sheet.name);
        read_list(file, list, None, reader, problems, &mut rows);
    }
    let mut by_name = names_of(&codes, problems);
    for list in &points {
        problems.sheet(&list.sheet.name);
        read_list(file, list, Some(&mut by_name), reader, problems, &mut rows);
    }
    for list in &codes {
        problems.sheet(&list.sheet.name);
        let unnamed = by_name.values().filter(|n| !n.used).flat_map(|n| &n.rows);
        for (_, row) in unnamed.filter(|(sheet, _)| *sheet == list.sheet.name) {
            let reason = "no point of the list has this name; the code was left out";
            problems.error(*row, list.header(Field::Name), reason);
        }
    }
    rows
}

/// Finds the header of a sheet.
fn listing<'s>(sheet: &'s Sheet, reader: &Reader, problems: &mut Problems) -> Option<Listing<'s>> {
    for (at, row) in sheet.rows.iter().take(ROWS_BEFORE_HEADER).enumerate() {
        let mut columns = Vec::new();
        let mut unknown = Vec::new();
        for (place, cell) in row.cells.iter().enumerate() {
            let Cell::Text(header) = cell else { continue };
            match reader.layouts.field(header) {
                Some(field) => columns.push((field, place, header.as_str())),
                None => unknown.push(place),
            }
        }
        let has = |f: Field| columns.iter().filter(|(field, ..)| *field == f).count();
        if has(Field::Name) == 0 || columns.len() < 2 {
            continue;
        }
        if let Some((.., twice)) = columns.iter().find(|(f, ..)| has(*f) > 1) {
            problems.error(row.number, twice, "two columns of the header mean the same; the sheet was left out");
            return None;
        }
        for place in unknown {
            problems.warn(row.number, "", format!("column {} is not known and was not read", place + 1));
        }
        return Some(Listing { sheet, columns, rows: sheet.rows.get(at + 1..).unwrap_or_default() });
    }
    None
}

impl Listing<'_> {
    fn has(&self, field: Field) -> bool {
        self.columns.iter().any(|(f, ..)| *f == field)
    }
    fn header(&self, field: Field) -> &str {
        self.columns.iter().find(|(f, ..)| *f == field).map_or("", |(.., h)| h)
    }
    fn cell<'r>(&self, row: &'r SheetRow, field: Field) -> Option<&'r Cell> {
        let (_, place, _) = self.columns.iter().find(|(f, ..)| *f == field)?;
        row.cells.get(*place).filter(|c| **c != Cell::Empty)
    }
    /// A text, empty where there is none.
    fn text<'r>(&self, row: &'r SheetRow, field: Field) -> Result<&'r str, Refused> {
        let refuse = |reason: String| Err((self.header(field).to_owned(), reason));
        match self.cell(row, field) {
            None | Some(Cell::Empty) => Ok(""),
            Some(Cell::Text(t)) if t.chars().count() > MAX_TEXT => refuse(format!("longer than {MAX_TEXT} characters")),
            Some(Cell::Text(t)) => Ok(t),
            Some(Cell::Number(_)) => refuse("a number where a text is meant; keep the column as text".to_owned()),
            Some(Cell::Bad(what)) => refuse(format!("holds {what}")),
        }
    }
    fn need<'r>(&self, row: &'r SheetRow, field: Field) -> Result<&'r str, Refused> {
        match self.text(row, field)? {
            "" => Err((self.header(field).to_owned(), "empty".to_owned())),
            text => Ok(text),
        }
    }
    fn code(&self, row: &SheetRow, field: Field) -> Result<ItemCode, Refused> {
        item_code(self.need(row, field)?).map_err(|reason| (self.header(field).to_owned(), reason))
    }
    /// The rows that are points: without what closes the list.
    fn points<'r>(&'r self, reader: &'r Reader) -> impl Iterator<Item = &'r SheetRow> {
        self.rows.iter().filter(|r| {
            let first = r.cells.iter().find(|c| **c != Cell::Empty);
            let closes = matches!(first, Some(Cell::Text(t)) if reader.layouts.is_footer(t));
            !(closes && self.cell(r, Field::Code).is_none())
        })
    }
}

/// The codes of one name, where codes have a sheet of their own.
#[derive(Default)]
struct Codes {
    codes: Vec<ItemCode>,
    rows: Vec<(String, u64)>,
    used: bool,
}

fn names_of(lists: &[Listing<'_>], problems: &mut Problems) -> BTreeMap<String, Codes> {
    let mut by_name: BTreeMap<String, Codes> = BTreeMap::new();
    for list in lists {
        problems.sheet(&list.sheet.name);
        for row in list.rows {
            let read = list.need(row, Field::Name).and_then(|name| Ok((name, list.code(row, Field::Code)?)));
            match read {
                Ok((name, code)) => {
                    let of_name = by_name.entry(name.to_owned()).or_default();
                    of_name.codes.push(code);
                    of_name.rows.push((list.sheet.name.clone(), row.number));
                }
                Err((column, reason)) => problems.error(row.number, &column, reason),
            }
        }
    }
    by_name
}

fn read_list(
    file: &str,
    list: &Listing<'_>,
    mut by_name: Option<&mut BTreeMap<String, Codes>>,
    reader: &Reader,
    problems: &mut Problems,
    rows: &mut Vec<KnowledgeRow>,
) {
    let mut seen: BTreeSet<String> = rows.iter().map(|r| r.id.clone()).collect();
    for row in list.points(reader) {
        match point(file, list, row, by_name.as_deref_mut(), reader) {
            Ok(points) => {
                for p in points {
                    if seen.insert(p.id.clone()) {
                        rows.push(p);
                    } else {
                        problems.warn(row.number, "", "says again what a row above says of the same item; left out");
                    }
                }
            }
            Err((column, reason)) => problems.error(row.number, &column, reason),
        }
    }
}

fn point(
    file: &str,
    list: &Listing<'_>,
    row: &SheetRow,
    by_name: Option<&mut BTreeMap<String, Codes>>,
    reader: &Reader,
) -> Result<Vec<KnowledgeRow>, Refused> {
    let name = list.need(row, Field::Name)?;
    let kind = if list.has(Field::Kind) { Some(list.need(row, Field::Kind)?) } else { None };
    let subject = list.header(Field::Name);
    let layout = reader.layouts.list(kind, &[&list.sheet.name, file], subject).ok_or_else(|| {
        let column = if kind.is_some() { list.header(Field::Kind) } else { subject };
        (column.to_owned(), "no list of this kind is known; add one to the layouts".to_owned())
    })?;
    let mut p = KnowledgeRow {
        table: layout.table.clone().unwrap_or_default(),
        name: name.to_owned(),
        text: list.text(row, Field::Text)?.to_owned(),
        version: 1,
        batch: reader.batch.unwrap_or_else(|| batch_of(file)),
        published: reader.published,
        source: format!("{}!{}:{}", base_name(file), list.sheet.name, row.number),
        ..KnowledgeRow::default()
    };
    match by_name {
        None => p.item = list.code(row, Field::Code)?,
        Some(by_name) => {
            let codes = by_name
                .get_mut(name)
                .ok_or_else(|| (subject.to_owned(), "no code of this name stands in the sheet of codes".to_owned()))?;
            codes.used = true;
            let mut codes = each_once(codes.codes.iter().cloned()).into_iter();
            p.item = codes.next().unwrap_or_default();
            p.also = codes.collect();
        }
    }
    if list.has(Field::Other) {
        p.other = list.code(row, Field::Other)?;
    }
    fill_value(list, row, layout, &mut p)?;
    fill_window(list, row, layout, &mut p)?;
    fill_number(list, row, layout, &mut p)?;
    if p.table.is_empty() {
        return Err((list.header(Field::Value).to_owned(), "the list has no table".to_owned()));
    }
    if let Some(what) = layout.reading {
        let column = list.header(if list.has(Field::Text) { Field::Text } else { Field::Name });
        reading::read(what, &mut p, &reader.diagnoses, true).map_err(|reason| (column.to_owned(), reason))?;
    }
    let beside = layout.interval.as_ref().and_then(|table| reading::interval_beside(&p, table));
    let mut points: Vec<KnowledgeRow> = [p].into_iter().chain(beside).collect();
    for p in &mut points {
        p.id = identity(p, layout, list.has(Field::Code));
    }
    Ok(points)
}

fn fill_value(list: &Listing<'_>, row: &SheetRow, layout: &ListLayout, p: &mut KnowledgeRow) -> Result<(), Refused> {
    if layout.value.is_empty() && layout.value_is.is_none() {
        return Ok(());
    }
    let value = list.need(row, Field::Value)?;
    let refuse = |reason: String| (list.header(Field::Value).to_owned(), reason);
    match layout.value_is {
        Some(ValueIs::Word) => value.clone_into(&mut p.word),
        Some(ValueIs::Days) => {
            let days = value.strip_suffix('天').and_then(|d| d.trim().parse::<u32>().ok());
            let days = days.filter(|d| (1..=36_600).contains(d));
            p.number = Some(Quantity::whole(i64::from(days.ok_or_else(|| refuse("not a number of days".to_owned()))?)));
        }
        None => {
            let known = || layout.value.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let meaning = layout.value.get(value).ok_or_else(|| refuse(format!("not one of {}", known())))?;
            if let Some(table) = &meaning.table {
                table.clone_into(&mut p.table);
            }
            meaning.word.clone_into(&mut p.word);
            p.number = meaning.number.map(Quantity::whole);
        }
    }
    Ok(())
}

fn fill_window(list: &Listing<'_>, row: &SheetRow, layout: &ListLayout, p: &mut KnowledgeRow) -> Result<(), Refused> {
    if layout.window.is_empty() {
        return Ok(());
    }
    let word = layout.window.get(list.need(row, Field::Window)?).ok_or_else(|| {
        let known = layout.window.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        (list.header(Field::Window).to_owned(), format!("not one of {known}"))
    })?;
    word.clone_into(&mut p.word);
    Ok(())
}

fn fill_number(list: &Listing<'_>, row: &SheetRow, layout: &ListLayout, p: &mut KnowledgeRow) -> Result<(), Refused> {
    if layout.unit.is_empty() {
        return Ok(());
    }
    let refuse = |reason: &str| (list.header(Field::Number).to_owned(), reason.to_owned());
    let number: Quantity = match list.cell(row, Field::Number) {
        Some(Cell::Number(n) | Cell::Text(n)) => n.parse().map_err(|_| refuse("not a number"))?,
        Some(Cell::Bad(_)) => return Err(refuse("not a number")),
        Some(Cell::Empty) | None => return Err(refuse("empty")),
    };
    if number.is_negative() || number.is_zero() {
        return Err(refuse("not above zero"));
    }
    let unit = list.need(row, Field::Unit)?;
    let word = layout.unit.get(unit).ok_or_else(|| {
        let known = layout.unit.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        (list.header(Field::Unit).to_owned(), format!("not one of {known}"))
    })?;
    word.clone_into(&mut p.word);
    p.number = Some(number);
    Ok(())
}

/// What stands for the number the lists do not give their points: the same from batch to batch, so that a
/// point published anew takes the place of what it was. Made of what the point is about, not of what it says,
/// but for groups, of which an item may be in several.
fn identity(p: &KnowledgeRow, layout: &ListLayout, with_code: bool) -> String {
    let mut h = Sha256::new();
    let group = if layout.value_is == Some(ValueIs::Word) { p.word.as_str() } else { "" };
    let code = if with_code { p.item.as_str() } else { "" };
    for part in [p.table.as_str(), p.name.as_str(), code, p.other.as_str(), group] {
        h.update(part.len().to_le_bytes());
        h.update(part.as_bytes());
    }
    let digest = h.finalize();
    format!("L-{}", digest.iter().take(8).map(|b| format!("{b:02x}")).collect::<String>())
}

fn base_name(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

/// The number of a batch from the name of its file: 第八批-1 is 8. 0 where the name does not say.
pub(super) fn batch_of(file: &str) -> u32 {
    let inner = base_name(file).split_once('第').and_then(|(_, rest)| rest.split_once('批')).map_or("", |(n, _)| n);
    let digit = |c: char| (1..).zip("一二三四五六七八九".chars()).find(|(_, w)| *w == c).map(|(n, _)| n);
    if let Ok(number) = inner.parse() {
        return number;
    }
    let (tens, ones) = inner.split_once('十').map_or((None, inner), |(t, o)| (Some(t), o));
    let ones = match ones.chars().next() {
        None => Some(0),
        Some(c) => digit(c),
    };
    let tens = match tens.map(|t| t.chars().next()) {
        None => Some(0),
        Some(None) => Some(1),
        Some(Some(c)) => digit(c),
    };
    tens.zip(ones).map_or(0, |(t, o)| t * 10 + o)
}

#[cfg(test)]
mod tests {
    use super::batch_of;

    #[test]
    fn batches_by_the_names_of_files() {
        for (name, batch) in [
            ("/x/【第一批】药品规则库(限定性别对象).xlsx", 1),
            ("【第八批-1】项目规则库（限定频次）.xlsx", 8),
            ("【第七批 】项目规则库（重复收费）.xlsx", 7),
            ("第十二批“药品限适应症”.xlsx", 12),
            ("第二十批.xlsx", 20),
            ("第18批.xlsx", 18),
            ("list.xlsx", 0),
        ] {
            assert_eq!(batch_of(name), batch, "{name}");
        }
    }
}
