//! The lines of a visit, and which living settlement holds each. Which lines a settlement holds stands in its row, of
//! settlements that an older version wrote in rows of its own (`settled_in_rows`).

use crate::db::StoreError;
use crate::packed::lines_of;
use crate::read::{Snapshot, json};
use crate::rows::*;
use crate::sql::{Row, args};
use dingan_core::codes::*;
use dingan_core::money::Money;
use dingan_core::person::{CommitNo, SettledLine};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The parts of a union that give the lines of a visit, as of a commit: all of them, or (`settled`) none where no
/// living settlement holds any.
///
/// Columns: part; five texts; three numbers.
macro_rules! visit_lines_sql {
    (settled, $visit:literal, $as_of:literal) => {
        visit_lines_sql!(
            $visit,
            $as_of,
            concat!(
                " AND EXISTS (SELECT 1 FROM settlement WHERE reverses IS NULL AND mdtrt_id = ",
                $visit,
                " AND commit_no <= ",
                $as_of,
                " AND (reversed_commit IS NULL OR reversed_commit > ",
                $as_of,
                "))"
            )
        )
    };
    ($visit:literal, $as_of:literal) => {
        visit_lines_sql!($visit, $as_of, "")
    };
    ($visit:literal, $as_of:literal, $of_these:expr) => {
        concat!(
            "SELECT CAST(4 AS BIGINT), feedetl_sn, data, CAST(NULL AS TEXT), CAST(NULL AS TEXT), CAST(NULL AS TEXT), \
               commit_no, CAST(NULL AS BIGINT), CAST(NULL AS BIGINT) FROM fee_line WHERE mdtrt_id = ",
            $visit,
            " AND commit_no <= ",
            $as_of,
            " AND (void_commit IS NULL OR void_commit > ",
            $as_of,
            ")",
            $of_these,
            " UNION ALL SELECT 10, x.setl_id, x.feedetl_sn, NULL, NULL, NULL, s.commit_no, x.line_commit, x.amount \
               FROM settled_in_rows x JOIN settlement s ON s.setl_id = x.setl_id WHERE x.mdtrt_id = ",
            $visit,
            " AND s.commit_no <= ",
            $as_of,
            " AND (s.reversed_commit IS NULL OR s.reversed_commit > ",
            $as_of,
            ") UNION ALL SELECT 15, setl_id, lines, NULL, NULL, NULL, commit_no, NULL, NULL \
               FROM settlement WHERE lines IS NOT NULL AND mdtrt_id = ",
            $visit,
            " AND commit_no <= ",
            $as_of,
            " AND (reversed_commit IS NULL OR reversed_commit > ",
            $as_of,
            ")"
        )
    };
}
pub(crate) use visit_lines_sql;

/// Lines of a visit.
pub(crate) struct VisitLines<'r> {
    /// By number, and the commit that brought it.
    lines: HashMap<(LineNo, CommitNo), &'r Row>,
    /// Those that a living settlement holds, in the order they were settled.
    held: Vec<Held>,
}

/// A line that a living settlement holds.
struct Held {
    /// When it was settled.
    commit: CommitNo,
    by: SettlementId,
    line: (LineNo, CommitNo),
    amount: Money,
}

impl<'r> VisitLines<'r> {
    /// Whether a row of a union is one of its parts.
    pub(crate) fn has(r: &Row) -> bool {
        matches!(r.int(0), 4 | 10 | 15)
    }

    /// From those rows of a union that are of its parts.
    pub(crate) fn read(rows: &'r [Row]) -> Result<Self, StoreError> {
        let mut lines = HashMap::new();
        let mut held = Vec::new();
        for r in rows {
            match r.int(0) {
                4 => _ = lines.insert((r.str(1).into(), r.int(6)), r),
                10 => {
                    let line = (r.str(2).into(), r.int(7));
                    held.push(Held { commit: r.int(6), by: r.text(1).into(), line, amount: money(r.int(8)) });
                }
                15 => {
                    let by = SettlementId::from(r.text(1));
                    let of_it =
                        |(no, brought, amount)| Held { commit: r.int(6), by: by.clone(), line: (no, brought), amount };
                    held.extend(lines_of(r.str(2))?.into_iter().map(of_it));
                }
                _ => {}
            }
        }
        held.sort_by(|a, b| (a.commit, &a.line.0).cmp(&(b.commit, &b.line.0)));
        Ok(Self { lines, held })
    }

    /// Those that no living settlement holds, in the order they came.
    pub(crate) fn unsettled(&self) -> Result<Vec<StoredLine>, StoreError> {
        let settled: HashSet<&(LineNo, CommitNo)> = self.held.iter().map(|h| &h.line).collect();
        let open = self.lines.iter().filter(|(key, _)| !settled.contains(key));
        let mut unsettled = open
            .map(|((_, commit_no), r)| Ok(StoredLine { line: json("fee_line", r.str(2))?, commit_no: *commit_no }))
            .collect::<Result<Vec<_>, StoreError>>()?;
        unsettled.sort_by(|a, b| (a.commit_no, &a.line.no).cmp(&(b.commit_no, &b.line.no)));
        Ok(unsettled)
    }

    /// Those that one holds, in the order they were settled.
    pub(crate) fn settled(&self) -> Result<Vec<SettledLine>, StoreError> {
        let settled = self.held.iter().map(|h| {
            let missing = || StoreError::damaged("settlement", "a settled line is not there");
            let line = json("fee_line", self.lines.get(&h.line).ok_or_else(missing)?.str(2))?;
            Ok(SettledLine { settlement: h.by.clone(), line, amount: h.amount })
        });
        settled.collect()
    }
}

impl Snapshot {
    /// Lines of a visit that no living settlement holds.
    pub async fn unsettled_lines(&mut self, visit: &VisitId) -> Result<Vec<StoredLine>, StoreError> {
        let sql = visit_lines_sql!("$1", "$2");
        let rows = self.lease.rows(sql, args![visit.as_str(), self.as_of]).await?;
        VisitLines::read(&rows)?.unsettled()
    }

    /// The lines a settlement settled, by their numbers.
    pub async fn lines_of_settlement(&mut self, id: &SettlementId) -> Result<Vec<StoredLine>, StoreError> {
        let sql = "SELECT mdtrt_id, lines FROM settlement WHERE setl_id = $1";
        let Some(row) = self.lease.row(sql, args![id.as_str()]).await? else { return Ok(Vec::new()) };
        let rows = match row.opt_text(1) {
            None => {
                let sql = "SELECT l.data, l.commit_no FROM settled_in_rows x JOIN fee_line l ON l.mdtrt_id = x.mdtrt_id \
                           AND l.feedetl_sn = x.feedetl_sn AND l.commit_no = x.line_commit \
                           WHERE x.setl_id = $1 ORDER BY x.feedetl_sn";
                self.lease.rows(sql, args![id.as_str()]).await?
            }
            Some(text) => {
                let brought: HashMap<String, CommitNo> =
                    lines_of(&text)?.into_iter().map(|(no, brought, _)| (no.to_string(), brought)).collect();
                let numbers: Vec<String> = brought.keys().cloned().collect();
                let sql = "SELECT data, commit_no, feedetl_sn FROM fee_line \
                           WHERE mdtrt_id = $1 AND feedetl_sn IN (list $2) ORDER BY feedetl_sn";
                let mut rows = self.lease.rows(sql, args![row.str(0), &numbers[..]]).await?;
                // of a number that was used again, only the line it settled
                rows.retain(|r| brought.get(r.str(2)) == Some(&r.int(1)));
                rows
            }
        };
        rows.iter().map(|r| Ok(StoredLine { line: json("fee_line", r.str(0))?, commit_no: r.int(1) })).collect()
    }

    /// Visits of which a line is settled twice: always none.
    pub(crate) async fn settled_twice(&mut self) -> Result<Vec<String>, StoreError> {
        let mut twice = Vec::new();
        let mut after = String::new();
        loop {
            let sql = "SELECT DISTINCT mdtrt_id FROM settlement \
                       WHERE mdtrt_id > $1 AND reverses IS NULL AND reversed_commit IS NULL ORDER BY mdtrt_id LIMIT 500";
            let visits = self.lease.rows(sql, args![&after]).await?;
            let visits: Vec<String> = visits.iter().map(|r| r.text(0)).collect();
            let Some(last) = visits.last() else { return Ok(twice) };
            let sql = "SELECT mdtrt_id, lines, CAST(NULL AS TEXT), CAST(NULL AS BIGINT) FROM settlement \
                       WHERE mdtrt_id IN (list $1) AND lines IS NOT NULL AND reversed_commit IS NULL \
                       UNION ALL SELECT x.mdtrt_id, NULL, x.feedetl_sn, x.line_commit \
                       FROM settled_in_rows x JOIN settlement s ON s.setl_id = x.setl_id \
                       WHERE x.mdtrt_id IN (list $1) AND s.reversed_commit IS NULL";
            let rows = self.lease.rows(sql, args![&visits[..]]).await?;
            let (mut seen, mut found) = (HashSet::new(), BTreeSet::new());
            for r in &rows {
                let lines = match r.opt_text(1) {
                    Some(text) => lines_of(&text)?.into_iter().map(|(no, brought, _)| (no, brought)).collect(),
                    None => vec![(LineNo::from(r.text(2)), r.int(3))],
                };
                if !lines.into_iter().all(|line| seen.insert((r.str(0), line))) {
                    found.insert(r.text(0));
                }
            }
            twice.extend(found);
            after.clone_from(last);
        }
    }
}
