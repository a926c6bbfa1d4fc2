//! Taking published points into what is known.
//!
//! The outcome does not hang on the order of the files: a point is known by its id, of two publications of
//! one the later batch stands, and what says it replaces another point keeps doing so whichever came first.
//! What was replaced is kept, marked, and no longer looked up.

use super::KnowledgeRow;
use std::collections::BTreeMap;

/// What an import of points did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MergeReport {
    /// Points not known before.
    pub added: usize,
    /// Points published anew with other content, which now stands.
    pub changed: usize,
    /// Points known already.
    pub unchanged: usize,
    /// Points of which a later publication is known; left out.
    pub older: usize,
    /// Points that others say they replace, in all of what is known.
    pub superseded: usize,
}

impl KnowledgeRow {
    /// What the point is known by: its id, or for rows of one's own what they are about.
    pub fn key(&self) -> String {
        if self.id.is_empty() {
            format!("{}/{}/{}/{}", self.table, self.item, self.other, self.word)
        } else {
            self.id.clone()
        }
    }

    /// Whether two publications say the same. What was read out of the text counts only where the texts
    /// differ, or nobody has confirmed the reading: a person's word stands over a later reading of the same text.
    fn says_the_same(&self, known: &Self) -> bool {
        let read = |r: &Self| (r.number, r.days, r.word.clone(), r.ranges.clone(), r.names.clone());
        let as_published = |r: &Self| (r.table.clone(), r.name.clone(), r.text.clone(), r.supersedes.clone());
        let about = |r: &Self| (r.item.clone(), r.also.clone(), r.other.clone());
        let checked = known.confirmed && !known.note.is_empty();
        as_published(self) == as_published(known)
            && about(self) == about(known)
            && (checked || read(self) == read(known))
    }
}

/// Takes new points into the known ones. The rows come out ordered by key.
pub fn merge(known: Vec<KnowledgeRow>, new: Vec<KnowledgeRow>) -> (Vec<KnowledgeRow>, MergeReport) {
    let mut report = MergeReport::default();
    let mut all: BTreeMap<String, KnowledgeRow> = known.into_iter().map(|r| (r.key(), r)).collect();
    for mut row in new {
        let key = row.key();
        let Some(old) = all.get_mut(&key) else {
            report.added = report.added.saturating_add(1);
            all.insert(key, row);
            continue;
        };
        if row.says_the_same(old) {
            report.unchanged = report.unchanged.saturating_add(1);
        } else if row.batch < old.batch {
            report.older = report.older.saturating_add(1);
        } else {
            report.changed = report.changed.saturating_add(1);
            if !row.id.is_empty() {
                row.version = old.version.saturating_add(1);
            }
            *old = row;
        }
    }
    // made anew each time, so that it does not matter which of two publications came first
    all.values_mut().for_each(|r| r.superseded_by.clear());
    let replaced: Vec<(String, String)> =
        all.iter().flat_map(|(key, r)| r.supersedes.iter().map(|old| (old.clone(), key.clone()))).collect();
    for (old, by) in replaced {
        if let Some(row) = all.get_mut(&old)
            && old != by
        {
            row.superseded_by = by;
        }
    }
    let rows: Vec<KnowledgeRow> = all.into_values().collect();
    report.superseded = rows.iter().filter(|r| !r.superseded_by.is_empty()).count();
    (rows, report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(id: &str, batch: u32, text: &str) -> KnowledgeRow {
        let (table, item) = ("t".to_owned(), "A".into());
        KnowledgeRow { table, item, id: id.to_owned(), batch, text: text.to_owned(), version: 1, ..Default::default() }
    }

    #[test]
    fn the_same_import_twice_changes_nothing_and_order_does_not_matter() {
        let first = || vec![point("a", 1, "alt"), point("b", 1, "x")];
        let second = || vec![KnowledgeRow { supersedes: vec!["b".into()], ..point("c", 2, "y") }, point("a", 2, "neu")];
        let (one, _) = merge(Vec::new(), first());
        let (again, report) = merge(one.clone(), first());
        assert_eq!((&again, report.unchanged, report.added), (&one, 2, 0));
        let (forward, report) = merge(one, second());
        assert_eq!((report.changed, report.added, report.superseded), (1, 1, 1));
        let (back, _) = merge(merge(Vec::new(), second()).0, first());
        let content = |rows: &[KnowledgeRow]| {
            rows.iter().map(|r| (r.key(), r.text.clone(), r.superseded_by.clone())).collect::<Vec<_>>()
        };
        assert_eq!(content(&forward), content(&back));
        assert_eq!(forward.iter().find(|r| r.id == "a").map(|r| (r.text.as_str(), r.version)), Some(("neu", 2)));
        let (late, report) = merge(forward.clone(), first());
        assert_eq!((late, report.older, report.unchanged), (forward, 1, 1), "an old batch brings nothing back");
    }

    #[test]
    fn what_a_person_confirmed_stands_until_the_text_changes() {
        let read = |range: &str, text: &str| KnowledgeRow {
            ranges: vec![range.to_owned()],
            confirmed: false,
            note: "read".to_owned(),
            ..point("a", 1, text)
        };
        let mut known = merge(Vec::new(), vec![read("E11", "x")]).0;
        assert_eq!(merge(known.clone(), vec![read("E10", "x")]).1.changed, 1, "a better reading is taken");
        for r in &mut known {
            (r.confirmed, r.note) = (true, "by 1".to_owned());
        }
        let (kept, report) = merge(known.clone(), vec![read("E10", "x")]);
        assert_eq!((&kept, report.unchanged), (&known, 1));
        let (changed, _) = merge(known, vec![read("E10", "y")]);
        assert!(changed.iter().all(|r| !r.confirmed), "another text is to be confirmed anew");
    }
}
