//! Reading a node by its table: every tolerance noted, every problem gathered.
//!
//! A transaction reads its nodes into [`Row`]s and takes typed cells from them. A cell that is
//! missing or wrong reads as nothing; the problem is kept here and the message is refused at the
//! end with all of them, so that reading code has no error paths of its own.

use super::cell::{Cell, Cells};
use super::fields::{Count, Need, Table, same_key};
use super::notes::{Notes, Problem, Problems, Tolerance};
use super::profile::{Profile, Rule};
use super::scan::plain_key;
use chrono::{NaiveDate, NaiveDateTime};
use dingan_core::money::{Money, Price, Quantity, Rate};
use serde_json::{Map, Value};

/// Where the rows of a table were read, so that a refusal of the agency can name the place.
#[derive(Debug)]
pub(crate) struct Anchor {
    pub table: &'static Table,
    /// Path of the object, or of the list.
    pub path: String,
    /// For a list: where in it each row stood, since empty elements are passed over.
    pub rows: Option<Vec<usize>>,
}

/// Reads one message.
pub(crate) struct Reader<'m> {
    profile: &'m Profile,
    infno: &'static str,
    pub notes: &'m mut Notes,
    problems: Problems,
    anchors: Vec<Anchor>,
}

/// One object, read by its table.
pub(crate) struct Row<'v> {
    table: &'static Table,
    cells: Vec<Cell<'v>>,
    path: String,
    value: Option<&'v Map<String, Value>>,
}

impl<'m> Reader<'m> {
    pub fn new(profile: &'m Profile, infno: &'static str, notes: &'m mut Notes) -> Self {
        Self { profile, infno, notes, problems: Problems::default(), anchors: Vec::new() }
    }

    pub fn finish(self) -> (Problems, Vec<Anchor>) {
        (self.problems, self.anchors)
    }

    /// Something wrong that no table says.
    pub fn problem(&mut self, code: &'static str, path: String, message: &str, hint: &str) {
        self.problems.push(|| Problem::new(code, path, message).hint(hint));
    }

    /// The root of the message as a row.
    pub fn header<'v>(&mut self, root: &'v Map<String, Value>, table: &'static Table) -> Row<'v> {
        self.row(root, String::new(), table)
    }

    /// The one object of a table in `input`.
    pub fn one<'v>(&mut self, input: &'v Value, table: &'static Table) -> Row<'v> {
        self.one_in(input, "/input", table)
    }

    /// The rows of a table in `input`.
    pub fn many<'v>(&mut self, input: &'v Value, table: &'static Table) -> Vec<Row<'v>> {
        self.many_in(input.as_object(), "/input", table)
    }

    /// The rows of a table below a row.
    pub fn many_below<'v>(&mut self, row: &Row<'v>, table: &'static Table) -> Vec<Row<'v>> {
        self.many_in(row.value, &row.path, table)
    }

    /// The one object of a table below a row.
    pub fn one_below<'v>(&mut self, row: &Row<'v>, table: &'static Table) -> Row<'v> {
        let path = format!("{}/{}", row.path, table.node);
        match member(row.value, table.node) {
            Some((_, value)) if !blank(value) => self.object(value, path, table),
            _ => Row::empty(table, path),
        }
    }

    fn one_in<'v>(&mut self, parent: &'v Value, base: &str, table: &'static Table) -> Row<'v> {
        if table.node.is_empty() {
            return self.root(parent, base, table);
        }
        let path = format!("{base}/{}", table.node);
        let value = match member(parent.as_object(), table.node) {
            Some((key, value)) if !blank(value) => {
                self.key_form(key, table.node, &path);
                value
            }
            _ if left_out(parent, table) => {
                self.notes.note(Tolerance::NodeLeftOut, || path);
                return self.object(parent, base.to_owned(), table);
            }
            _ => {
                if self.requires(table) {
                    self.node_missing(&path);
                }
                return Row::empty(table, path);
            }
        };
        self.object(value, path, table)
    }

    /// A table that stands in `input` itself; clients also put it below `data`.
    fn root<'v>(&mut self, input: &'v Value, base: &str, table: &'static Table) -> Row<'v> {
        match member(input.as_object(), "data") {
            Some((_, data)) if data.is_object() => self.object(data, format!("{base}/data"), table),
            _ => self.object(input, base.to_owned(), table),
        }
    }

    fn object<'v>(&mut self, value: &'v Value, path: String, table: &'static Table) -> Row<'v> {
        let value = match value {
            Value::Array(list) => match list.as_slice() {
                [one] => {
                    self.notes.note(Tolerance::ListForObject, || path.clone());
                    one
                }
                _ => {
                    self.problem("ONE_EXPECTED", path.clone(), &format!("{}应为单个对象", table.node), "");
                    return Row::empty(table, path);
                }
            },
            other => other,
        };
        match value.as_object() {
            Some(object) => {
                self.anchors.push(Anchor { table, path: path.clone(), rows: None });
                self.row(object, path, table)
            }
            None => {
                self.problem("FIELD_TYPE", path.clone(), &format!("{}应为对象", table.node), "");
                Row::empty(table, path)
            }
        }
    }

    fn many_in<'v>(
        &mut self,
        parent: Option<&'v Map<String, Value>>,
        base: &str,
        table: &'static Table,
    ) -> Vec<Row<'v>> {
        let path = format!("{base}/{}", table.node);
        let before = self.problems.count();
        let mut rows = Vec::new();
        if let Some((key, value)) = member(parent, table.node).filter(|(_, v)| !blank(v)) {
            self.key_form(key, table.node, &path);
            let mut stood = None;
            match value {
                Value::Array(list) => {
                    let at = stood.insert(Vec::with_capacity(list.len()));
                    for (i, element) in list.iter().enumerate() {
                        if let Some(row) = self.element(element, || format!("{path}/{i}"), table) {
                            rows.push(row);
                            at.push(i);
                        }
                    }
                }
                Value::Object(object) => {
                    if table.count == Count::Many {
                        self.notes.note(Tolerance::ObjectForList, || path.clone());
                    }
                    rows.push(self.row(object, path.clone(), table));
                }
                _ => self.problem("FIELD_TYPE", path.clone(), &format!("{}应为列表", table.node), ""),
            }
            self.anchors.push(Anchor { table, path: path.clone(), rows: stood });
        }
        if rows.is_empty() && self.requires(table) && self.problems.count() == before {
            self.node_missing(&path);
        }
        rows
    }

    fn element<'v>(&mut self, element: &'v Value, path: impl Fn() -> String, table: &'static Table) -> Option<Row<'v>> {
        match element {
            v if blank(v) => self.notes.note(Tolerance::EmptyElement, path),
            Value::Object(object) => return Some(self.row(object, path(), table)),
            _ => self.problem("FIELD_TYPE", path(), &format!("{}的元素应为对象", table.node), ""),
        }
        None
    }

    fn row<'v>(&mut self, object: &'v Map<String, Value>, path: String, table: &'static Table) -> Row<'v> {
        let mut found: Vec<Option<(&'v Value, bool)>> = vec![None; table.fields.len()];
        for (key, value) in object {
            let exact = table.fields.iter().position(|f| f.name == key);
            let at = exact.or_else(|| table.fields.iter().position(|f| same_key(f.name, key)));
            match at.and_then(|at| found.get_mut(at)) {
                Some(Some(_)) if exact.is_none() => {
                    self.notes.note(Tolerance::DuplicateKey, || format!("{path}/{}", plain_key(key.as_bytes())));
                }
                Some(slot) => {
                    if exact.is_none() {
                        self.notes.note(Tolerance::KeyForm, || format!("{path}/{}", plain_key(key.as_bytes())));
                    }
                    *slot = Some((value, exact.is_some()));
                }
                None if table.nested.iter().any(|n| same_key(n, key)) => {}
                None => self.notes.note(Tolerance::UnknownKey, || plain_key(key.as_bytes())),
            }
        }
        let rules = self.profile.rules(self.infno, table);
        let mut cells = Vec::with_capacity(table.fields.len());
        for (i, field) in table.fields.iter().enumerate() {
            let default;
            let rule = match rules.and_then(|r| r.get(i)) {
                Some(rule) => rule,
                None => {
                    default = Rule::of(field, false);
                    &default
                }
            };
            let value = found.get(i).copied().flatten().map(|(v, _)| v);
            let mut cell = Cells { notes: self.notes, problems: &mut self.problems, row: &path };
            cells.push(cell.read(field, rule, value));
        }
        Row { table, cells, path, value: Some(object) }
    }

    fn requires(&self, table: &Table) -> bool {
        table.need == Need::Must || (table.need == Need::Want && self.profile.published)
    }

    fn node_missing(&mut self, path: &str) {
        let node = path.rsplit('/').next().unwrap_or_default();
        self.problem("NODE_MISSING", path.to_owned(), &format!("缺少节点{node}"), "请按接口规范补充该节点后重新发送");
    }

    fn key_form(&mut self, key: &str, name: &str, path: &str) {
        if key != name {
            self.notes.note(Tolerance::KeyForm, || path.to_owned());
        }
    }
}

/// A member by its key, in any form of it.
pub(crate) fn member<'v>(object: Option<&'v Map<String, Value>>, name: &str) -> Option<(&'v str, &'v Value)> {
    let object = object?;
    object.get_key_value(name).or_else(|| object.iter().find(|(k, _)| same_key(k, name))).map(|(k, v)| (k.as_str(), v))
}

/// Null, `""`, `{}` and `[]`: not there.
fn blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(s) => s.trim().is_empty(),
        Value::Object(o) => o.is_empty(),
        Value::Array(a) => a.is_empty(),
        _ => false,
    }
}

/// Whether the fields of the node stand in its parent.
fn left_out(parent: &Value, table: &Table) -> bool {
    let Some(object) = parent.as_object() else { return false };
    table.fields.iter().filter(|f| f.need == Need::Must).any(|f| object.contains_key(f.name))
}

impl<'v> Row<'v> {
    fn empty(table: &'static Table, path: String) -> Self {
        Self { table, cells: Vec::new(), path, value: None }
    }

    fn cell(&self, name: &str) -> &Cell<'v> {
        let at = self.table.fields.iter().position(|f| f.name == name);
        debug_assert!(at.is_some(), "no field {name} in {}", self.table.node);
        at.and_then(|at| self.cells.get(at)).unwrap_or(&Cell::Empty)
    }

    /// The raw member of a nested key.
    pub fn raw(&self, name: &str) -> Option<&'v Value> {
        member(self.value, name).map(|(_, v)| v)
    }
    /// Path of a field of the row.
    pub fn path(&self, name: &str) -> String {
        if name.is_empty() { self.path.clone() } else { format!("{}/{name}", self.path) }
    }
    /// Whether the table of the row has the field at all.
    pub fn has(&self, name: &str) -> bool {
        self.table.fields.iter().any(|f| f.name == name)
    }
    /// Whether the field holds something.
    pub fn given(&self, name: &str) -> bool {
        !matches!(self.cell(name), Cell::Empty)
    }
    /// Text; empty where not given.
    pub fn str(&self, name: &str) -> &str {
        match self.cell(name) {
            Cell::Text(t) => t,
            _ => "",
        }
    }
    /// Text, owned.
    pub fn text(&self, name: &str) -> String {
        self.str(name).to_owned()
    }
    /// One of our code types; empty where not given.
    pub fn id<T: for<'a> From<&'a str>>(&self, name: &str) -> T {
        T::from(self.str(name))
    }
    /// The same where it is given.
    pub fn id_if<T: for<'a> From<&'a str>>(&self, name: &str) -> Option<T> {
        self.given(name).then(|| self.id(name))
    }
    /// Whether a flag is 1.
    pub fn on(&self, name: &str) -> bool {
        self.str(name) == "1"
    }
    /// Yuan.
    pub fn money(&self, name: &str) -> Option<Money> {
        if let Cell::Money(m) = self.cell(name) { Some(*m) } else { None }
    }
    /// Unit price.
    pub fn price(&self, name: &str) -> Option<Price> {
        if let Cell::Price(p) = self.cell(name) { Some(*p) } else { None }
    }
    /// Quantity.
    pub fn quantity(&self, name: &str) -> Option<Quantity> {
        if let Cell::Quantity(q) = self.cell(name) { Some(*q) } else { None }
    }
    /// Ratio.
    pub fn rate(&self, name: &str) -> Option<Rate> {
        if let Cell::Rate(r) = self.cell(name) { Some(*r) } else { None }
    }
    /// Whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        if let Cell::Int(i) = self.cell(name) { Some(*i) } else { None }
    }
    /// Time.
    pub fn time(&self, name: &str) -> Option<NaiveDateTime> {
        if let Cell::Time(t) = self.cell(name) { Some(*t) } else { None }
    }
    /// Date.
    pub fn date(&self, name: &str) -> Option<NaiveDate> {
        if let Cell::Date(d) = self.cell(name) { Some(*d) } else { None }
    }
    /// The fields that hold something, other than those named, as the wire has them.
    pub fn others(&self, taken: &[&str]) -> Map<String, Value> {
        let fields = self.table.fields.iter().zip(&self.cells);
        fields
            .filter(|(f, _)| !taken.contains(&f.name))
            .filter_map(|(f, c)| Some((f.name.to_owned(), Value::String(c.wire()?))))
            .collect()
    }
}
