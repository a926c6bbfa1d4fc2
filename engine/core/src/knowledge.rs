//! Knowledge: what rules look up. One row is one published point, about one item or many, or a pair.
//!
//! At the desk a look-up must cost next to nothing, so everything known is found from the item: one
//! look-up a line ([`Knowledge::about`]), after which each table is a search among the few that speak
//! of the item, by a number resolved when rules are compiled ([`Knowledge::table`]).

mod merge;

pub use merge::{MergeReport, merge};

use crate::codes::ItemCode;
use crate::hash::HashMap;
use crate::money::Quantity;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnowledgeRow {
    /// The table: `drug-sex`, `duplicate-pair` …
    pub table: String,
    /// The item it is about.
    pub item: ItemCode,
    /// Further items the same point is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<ItemCode>,
    /// The second item of a pair.
    #[serde(default, skip_serializing_if = "ItemCode::is_empty")]
    pub other: ItemCode,
    /// A number (days, units, age, level).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Quantity>,
    /// The days within which the number holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// A word (sex, window, group).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub word: String,
    /// Diagnoses by code: a prefix (`E11`, `K21.0`) or a span of categories (`C00-C97`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<String>,
    /// Words to look for in the names of diagnoses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// What the item is called in the publication.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What the publication says, word for word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Whether it may found a breach. A point read out of free text may not until a person has
    /// confirmed the reading: before that it yields a suspicion.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub confirmed: bool,
    /// Who confirmed it, when, and why it had to be.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// What the publication calls the point, or what stands for that; empty for rows of one's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// How often the point has been published anew with other content, from 1; 0 for rows of one's own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u32,
    /// Number of the published batch; 0 for rows of one's own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub batch: u32,
    /// Day of publication, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<NaiveDate>,
    /// The points it says it replaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<String>,
    /// The point that replaced it; it is then kept and no longer looked up.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub superseded_by: String,
    /// Where it stands: publication, sheet and row.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form serde asks for")]
fn is_true(b: &bool) -> bool {
    *b
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form serde asks for")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Default for KnowledgeRow {
    fn default() -> Self {
        Self {
            table: String::new(),
            item: ItemCode::default(),
            also: Vec::new(),
            other: ItemCode::default(),
            number: None,
            days: None,
            word: String::new(),
            ranges: Vec::new(),
            names: Vec::new(),
            name: String::new(),
            text: String::new(),
            confirmed: true,
            note: String::new(),
            id: String::new(),
            version: 0,
            batch: 0,
            published: None,
            supersedes: Vec::new(),
            superseded_by: String::new(),
            source: String::new(),
        }
    }
}

impl KnowledgeRow {
    /// The items it is about.
    pub fn items(&self) -> impl Iterator<Item = &ItemCode> {
        std::iter::once(&self.item).chain(&self.also)
    }

    /// Whether it says anything about diagnoses.
    pub fn speaks_of_diagnoses(&self) -> bool {
        !self.ranges.is_empty() || !self.names.is_empty()
    }

    /// Whether a diagnosis is among those it names, by code or by a word of its name.
    pub fn fits(&self, code: &str, name: &str) -> bool {
        self.ranges.iter().any(|r| in_range(r, code)) || self.names.iter().any(|n| name.contains(n.as_str()))
    }
}

/// Whether a diagnosis code lies in a range: below a prefix, or in a span of categories.
fn in_range(range: &str, code: &str) -> bool {
    match range.split_once('-') {
        None => code.starts_with(range),
        Some((from, to)) => code.get(..3).is_some_and(|category| from <= category && category <= to),
    }
}

/// A table of a [`Knowledge`], resolved from its name. It means something only to the one it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(u16);

/// Points by table, in the order they were given.
type Sections = Box<[(TableId, Box<[Arc<KnowledgeRow>]>)]>;

/// Everything known about one item.
#[derive(Debug, Default)]
pub struct About {
    first: Sections,
    second: Sections,
}

impl About {
    /// The points of a table about the item.
    #[inline]
    pub fn points(&self, table: TableId) -> &[Arc<KnowledgeRow>] {
        section(&self.first, table)
    }
    /// The points of a table that name the item as the second of a pair.
    #[inline]
    pub fn pairs(&self, table: TableId) -> &[Arc<KnowledgeRow>] {
        section(&self.second, table)
    }
    /// The tables that have points about the item.
    pub fn tables(&self) -> impl Iterator<Item = TableId> {
        self.first.iter().map(|(t, _)| *t)
    }
    /// The tables that name the item as the second of a pair.
    pub fn pair_tables(&self) -> impl Iterator<Item = TableId> {
        self.second.iter().map(|(t, _)| *t)
    }
}

#[inline]
fn section(sections: &Sections, table: TableId) -> &[Arc<KnowledgeRow>] {
    sections.iter().find(|(t, _)| *t == table).map_or(&[], |(_, points)| points)
}

/// One table by itself.
#[derive(Debug, Default)]
struct Table {
    points: usize,
    items: Vec<ItemCode>,
    seconds: Vec<ItemCode>,
}

/// Knowledge indexed by item. Points that were superseded are left out.
#[derive(Debug, Default)]
pub struct Knowledge {
    names: HashMap<String, TableId>,
    tables: Vec<Table>,
    about: HashMap<ItemCode, About>,
    nothing: About,
}

/// Points of an item while the index is made.
#[derive(Default)]
struct Gathered {
    first: BTreeMap<TableId, Vec<Arc<KnowledgeRow>>>,
    second: BTreeMap<TableId, Vec<Arc<KnowledgeRow>>>,
}

impl Knowledge {
    /// Indexes rows; within a table and item they keep their order.
    pub fn new(rows: impl IntoIterator<Item = KnowledgeRow>) -> Self {
        let mut k = Self::default();
        let mut gathered: HashMap<ItemCode, Gathered> = HashMap::default();
        for row in rows {
            if !row.superseded_by.is_empty() {
                continue;
            }
            let Some(id) = k.intern(&row.table) else { continue };
            let row = Arc::new(row);
            let Some(table) = k.tables.get_mut(usize::from(id.0)) else { continue };
            table.points += 1;
            if !row.other.is_empty() {
                let of_table = gathered.entry(row.other.clone()).or_default().second.entry(id).or_insert_with(|| {
                    table.seconds.push(row.other.clone());
                    Vec::new()
                });
                of_table.push(Arc::clone(&row));
            }
            for item in row.items() {
                let of_table = gathered.entry(item.clone()).or_default().first.entry(id).or_insert_with(|| {
                    table.items.push(item.clone());
                    Vec::new()
                });
                of_table.push(Arc::clone(&row));
            }
        }
        let seal = |m: BTreeMap<TableId, Vec<_>>| m.into_iter().map(|(t, p)| (t, p.into())).collect();
        #[expect(clippy::iter_over_hash_type, reason = "each value is made by itself")]
        for (item, g) in gathered {
            k.about.insert(item, About { first: seal(g.first), second: seal(g.second) });
        }
        k
    }

    /// A number for a table; none beyond 65,536 tables.
    fn intern(&mut self, name: &str) -> Option<TableId> {
        if let Some(id) = self.names.get(name) {
            return Some(*id);
        }
        let id = TableId(u16::try_from(self.tables.len()).ok()?);
        self.tables.push(Table::default());
        self.names.insert(name.to_owned(), id);
        Some(id)
    }

    /// A table by its name; none where it has no points.
    #[inline]
    pub fn table(&self, name: &str) -> Option<TableId> {
        self.names.get(name).copied()
    }
    /// Everything known about an item: what a line is looked up by, once.
    #[inline]
    pub fn about(&self, item: &str) -> &About {
        self.about.get(item).unwrap_or(&self.nothing)
    }
    /// The points of a table about an item.
    #[inline]
    pub fn get(&self, table: &str, item: &ItemCode) -> &[Arc<KnowledgeRow>] {
        self.table(table).map_or(&[], |t| self.about(item.as_str()).points(t))
    }
    /// Whether a table has a point about an item.
    pub fn has(&self, table: &str, item: &ItemCode) -> bool {
        !self.get(table, item).is_empty()
    }
    /// The points of a table that name an item as the second of a pair.
    pub fn pairs_with(&self, table: &str, other: &ItemCode) -> &[Arc<KnowledgeRow>] {
        self.table(table).map_or(&[], |t| self.about(other.as_str()).pairs(t))
    }
    /// Whether a table names an item as the second of a pair.
    pub fn has_pair_with(&self, table: &str, other: &ItemCode) -> bool {
        !self.pairs_with(table, other).is_empty()
    }
    /// The items a table has points about, each once.
    pub fn items(&self, table: &str) -> impl Iterator<Item = &ItemCode> {
        self.named(table).into_iter().flat_map(|t| &t.items)
    }
    /// The items a table names as the second of a pair, each once.
    pub fn seconds(&self, table: &str) -> impl Iterator<Item = &ItemCode> {
        self.named(table).into_iter().flat_map(|t| &t.seconds)
    }
    /// Number of points of a table.
    pub fn len(&self, table: &str) -> usize {
        self.named(table).map_or(0, |t| t.points)
    }
    fn named(&self, table: &str) -> Option<&Table> {
        self.tables.get(usize::from(self.table(table)?.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(table: &str, item: &str) -> KnowledgeRow {
        KnowledgeRow { table: table.to_owned(), item: item.into(), ..KnowledgeRow::default() }
    }

    #[test]
    fn a_point_is_found_from_each_of_its_items_and_from_both_sides_of_a_pair() {
        let k = Knowledge::new([
            KnowledgeRow { also: vec!["B".into(), "C".into()], ..row("drug-sex", "A") },
            KnowledgeRow { other: "B".into(), ..row("duplicate-pair", "A") },
            KnowledgeRow { superseded_by: "x".into(), ..row("drug-course", "A") },
        ]);
        let (sex, pair) = (k.table("drug-sex").unwrap(), k.table("duplicate-pair").unwrap());
        assert!(["A", "B", "C"].iter().all(|i| k.about(i).points(sex).len() == 1));
        assert_eq!((k.about("A").points(pair).len(), k.about("B").points(pair).len()), (1, 0));
        assert_eq!(k.about("B").pairs(pair).first().map(|p| p.item.as_str()), Some("A"));
        assert!(k.about("A").tables().eq([sex, pair]) && k.about("Z").tables().next().is_none());
        assert_eq!((k.len("drug-sex"), k.items("drug-sex").count()), (1, 3));
        assert!(k.table("drug-course").is_none(), "what was superseded is not looked up");
    }

    #[test]
    fn diagnoses_by_prefix_span_and_word() {
        let p = KnowledgeRow {
            ranges: vec!["E11".into(), "K21.0".into(), "C00-C97".into()],
            names: vec!["肝性脑病".into()],
            ..row("drug-indication", "A")
        };
        for (code, name, fits) in [
            ("E11.900", "2型糖尿病", true),
            ("E10.900", "1型糖尿病", false),
            ("K21.001", "反流性食管炎", true),
            ("K21.900", "", false),
            ("C97.x00", "", true),
            ("D00.000", "", false),
            ("K72.903", "慢性肝性脑病", true),
            ("", "", false),
        ] {
            assert_eq!(p.fits(code, name), fits, "{code} {name}");
        }
    }
}
