//! Knowledge: what rules look up. One row is one published point about one item (or a pair).

use crate::codes::ItemCode;
use crate::money::Quantity;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnowledgeRow {
    /// The table: `drug-sex`, `duplicate-pair` …
    pub table: String,
    /// The item it is about.
    pub item: ItemCode,
    /// The second item of a pair.
    #[serde(default, skip_serializing_if = "ItemCode::is_empty")]
    pub other: ItemCode,
    /// A number (days, units, age, level).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Quantity>,
    /// A word (sex, window).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub word: String,
    /// Which publication it comes from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// Knowledge indexed by table and item.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    tables: HashMap<String, HashMap<ItemCode, Vec<KnowledgeRow>>>,
    /// Rows of pairs once more, by table and the second item of the pair.
    pairs: HashMap<String, HashMap<ItemCode, Vec<KnowledgeRow>>>,
}

impl Knowledge {
    /// Indexes rows; within a table and item they keep their order.
    pub fn new(rows: impl IntoIterator<Item = KnowledgeRow>) -> Self {
        let mut k = Self::default();
        for r in rows {
            if !r.other.is_empty() {
                let of_table = k.pairs.entry(r.table.clone()).or_default();
                of_table.entry(r.other.clone()).or_default().push(r.clone());
            }
            k.tables.entry(r.table.clone()).or_default().entry(r.item.clone()).or_default().push(r);
        }
        k
    }
    /// The points of a table about an item.
    pub fn get(&self, table: &str, item: &ItemCode) -> &[KnowledgeRow] {
        self.tables.get(table).and_then(|t| t.get(item)).map_or(&[], Vec::as_slice)
    }
    /// Whether a table has a point about an item.
    pub fn has(&self, table: &str, item: &ItemCode) -> bool {
        self.tables.get(table).is_some_and(|t| t.contains_key(item))
    }
    /// The points of a table that name an item as the second of a pair.
    pub fn pairs_with(&self, table: &str, other: &ItemCode) -> &[KnowledgeRow] {
        self.pairs.get(table).and_then(|t| t.get(other)).map_or(&[], Vec::as_slice)
    }
    /// Whether a table names an item as the second of a pair.
    pub fn has_pair_with(&self, table: &str, other: &ItemCode) -> bool {
        self.pairs.get(table).is_some_and(|t| t.contains_key(other))
    }
    /// The items a table has points about, in no particular order.
    pub fn items(&self, table: &str) -> impl Iterator<Item = &ItemCode> {
        self.tables.get(table).into_iter().flat_map(|t| t.keys())
    }
    /// The items a table names as the second of a pair, in no particular order.
    pub fn seconds(&self, table: &str) -> impl Iterator<Item = &ItemCode> {
        self.pairs.get(table).into_iter().flat_map(|t| t.keys())
    }
    /// Number of points of a table.
    pub fn len(&self, table: &str) -> usize {
        self.tables.get(table).map_or(0, |t| t.values().map(Vec::len).sum())
    }
}
