//! Reading for inspection: rows in pages, as of one commit, with what can be left to the database left to it.
//!
//! All scans of a query share one snapshot, so that they see one state of the books. A page starts where
//! the last one ended (by key, never by offset) and the snapshot is free between two pages.

mod lines;

use crate::db::StoreError;
use crate::read::{Snapshot, json};
use crate::rows::*;
use crate::sql::{Row, Value};
use chrono::NaiveDateTime;
use dingan_core::look::*;
use dingan_core::person::CommitNo;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A statement being put together: text with `$n`, and the values.
#[derive(Default)]
struct Statement {
    text: String,
    values: Vec<Value<'static>>,
}

impl Statement {
    fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }
    fn bind(&mut self, v: Value<'static>) -> &mut Self {
        self.values.push(v);
        // writing to a String does not fail
        let _ = write!(self.text, "${}", self.values.len());
        self
    }
    fn list(&mut self, values: impl IntoIterator<Item = String>) -> &mut Self {
        for (i, v) in values.into_iter().enumerate() {
            self.push(if i == 0 { "(" } else { ", " }).bind(Value::from(v));
        }
        self.push(")")
    }

    async fn rows(self, snapshot: &mut Snapshot) -> Result<Vec<Row>, StoreError> {
        snapshot.lease.rows_of(self.text, self.values).await
    }
}

/// Rows of a page at most.
const PAGE: usize = 2000;

/// A scan that goes on where it stopped.
pub struct LookScan {
    snapshot: Arc<Mutex<Snapshot>>,
    wanted: Wanted,
    /// Rows still allowed.
    left: usize,
    /// Key of the last row handed out.
    after: Option<(String, Value2)>,
    done: bool,
    lines: lines::Ahead,
}

/// The second part of a key.
#[derive(Clone)]
enum Value2 {
    None,
    Text(String),
    Int(i64),
}

/// A page as it was fetched.
pub struct RawPage {
    as_of: CommitNo,
    raw: Raw,
}

enum Raw {
    Lines(lines::LinePage),
    Other(Rowset, Vec<Row>),
}

impl LookScan {
    /// A scan through a snapshot.
    pub fn new(snapshot: Arc<Mutex<Snapshot>>, wanted: Wanted) -> Self {
        let left = wanted.limit.unwrap_or(usize::MAX);
        Self { snapshot, wanted, left, after: None, done: false, lines: lines::Ahead::default() }
    }

    /// The next page; none at the end.
    pub async fn next(&mut self) -> Result<Option<RawPage>, StoreError> {
        if self.done || self.left == 0 {
            return Ok(None);
        }
        let want = self.left.min(PAGE);
        let snapshot = Arc::clone(&self.snapshot);
        let mut snapshot = snapshot.lock().await;
        let as_of = snapshot.as_of();
        if self.wanted.rows == Rowset::Lines {
            let page = self.lines.next(&mut snapshot, &self.wanted, want).await?;
            self.left -= page.as_ref().map_or(0, lines::LinePage::len).min(self.left);
            return Ok(page.map(|page| RawPage { as_of, raw: Raw::Lines(page) }));
        }
        let rows = self.fetch(&mut snapshot, want).await?;
        self.done = rows.len() < want;
        self.left -= rows.len().min(self.left);
        let Some(last) = rows.last() else { return Ok(None) };
        let second = match self.wanted.rows {
            Rowset::Findings => Value2::Text(last.text(1)),
            Rowset::Ledger => Value2::Int(last.int(1)),
            _ => Value2::None,
        };
        self.after = Some((last.text(0), second));
        Ok(Some(RawPage { as_of, raw: Raw::Other(self.wanted.rows, rows) }))
    }

    async fn fetch(&self, snapshot: &mut Snapshot, want: usize) -> Result<Vec<Row>, StoreError> {
        let as_of = snapshot.as_of();
        let parts = self.wanted.parts;
        let mut q = Statement::default();
        q.push("SELECT ");
        let keys: &[&str] = match self.wanted.rows {
            // by settlement, in a module of its own
            Rowset::Lines => return Ok(Vec::new()),
            Rowset::Visits => {
                q.push("v.mdtrt_id, v.commit_no, v.cancelled, v.data, ");
                q.push(if parts.person { "p.data" } else { "NULL" }).push(" FROM visit v ");
                person(&mut q, parts.person, "v", as_of);
                q.push("WHERE v.commit_no = (SELECT max(w.commit_no) FROM visit w WHERE w.mdtrt_id = v.mdtrt_id AND w.commit_no <= ");
                q.bind(Value::Int(as_of)).push(")");
                &["v.mdtrt_id"]
            }
            Rowset::Settlements => {
                q.push(
                    "s.setl_id, s.commit_no, s.psn_no, s.mdtrt_id, s.fixmedins_code, s.setl_time, s.year, s.reverses, \
                     s.reversed_commit, s.msgid, s.invono, s.request, s.shown, s.amounts, ",
                );
                q.push(if parts.visit { "v.data, " } else { "NULL, " });
                q.push(if parts.person { "p.data, " } else { "NULL, " });
                q.push(if parts.list { "t.facts" } else { "NULL" }).push(" FROM settlement s ");
                if parts.list {
                    q.push("LEFT JOIN settlement_list t ON t.psn_no = s.psn_no AND t.setl_id = s.setl_id AND t.commit_no = (");
                    q.push("SELECT max(u.commit_no) FROM settlement_list u WHERE u.psn_no = s.psn_no AND ");
                    q.push("u.setl_id = s.setl_id AND u.returned = 0 AND u.commit_no <= ").bind(Value::Int(as_of));
                    q.push(") ");
                }
                visit(&mut q, parts.visit, as_of);
                person(&mut q, parts.person, "s", as_of);
                q.push("WHERE s.commit_no <= ").bind(Value::Int(as_of));
                &["s.setl_id"]
            }
            Rowset::Findings => {
                q.push(
                    "f.run_id, f.finding_id, r.commit_no, f.setl_id, f.mdtrt_id, f.psn_no, f.fixmedins_code, \
                     f.rule_code, f.rule_version, f.severity, f.stage, f.charge_amt, f.fund_amt, f.psn_amt, f.data, \
                     f.found_at, f.status FROM finding f JOIN review_run r ON r.run_id = f.run_id WHERE r.commit_no <= ",
                );
                q.bind(Value::Int(as_of));
                &["f.run_id", "f.finding_id"]
            }
            Rowset::Runs => {
                q.push(
                    "r.run_id, r.commit_no, r.cause, r.bundle, r.as_of, r.at FROM review_run r WHERE r.commit_no <= ",
                );
                q.bind(Value::Int(as_of));
                &["r.run_id"]
            }
            Rowset::Ledger => {
                q.push("g.setl_id, g.seq, g.commit_no, g.account, g.amount FROM ledger_entry g WHERE g.commit_no <= ");
                q.bind(Value::Int(as_of));
                &["g.setl_id", "g.seq"]
            }
            Rowset::Corrections => {
                q.push(
                    "k.corr_id, k.commit_no, k.setl_id, k.psn_no, k.mdtrt_id, s.fixmedins_code, k.kind, k.corr_time, \
                     s.reversed_commit, (SELECT CAST(sum(g.amount) AS BIGINT) FROM ledger_entry g \
                     WHERE g.setl_id = k.corr_id AND g.commit_no = k.commit_no \
                     AND g.account >= 'fund/' AND g.account < 'fund0'), k.amounts \
                     FROM correction k JOIN settlement s ON s.setl_id = k.setl_id WHERE k.commit_no <= ",
                );
                q.bind(Value::Int(as_of));
                &["k.corr_id"]
            }
        };
        for c in &self.wanted.conditions {
            push_condition(&mut q, self.wanted.rows, c);
        }
        if let Some((first, second)) = &self.after {
            q.push(" AND (").push(&keys.join(", ")).push(") > (").bind(Value::from(first.clone()));
            match second {
                Value2::None => {}
                Value2::Text(t) => drop(q.push(", ").bind(Value::from(t.clone()))),
                Value2::Int(i) => drop(q.push(", ").bind(Value::Int(*i))),
            }
            q.push(")");
        }
        q.push(" ORDER BY ").push(&keys.join(", ")).push(" LIMIT ");
        q.bind(Value::Int(i64::try_from(want).unwrap_or(i64::MAX)));
        q.rows(snapshot).await
    }
}

impl RawPage {
    /// Decodes it.
    pub fn decode(self) -> Result<Page, StoreError> {
        let as_of = self.as_of;
        let (of, rows) = match self.raw {
            Raw::Lines(page) => return Ok(Page::Lines(page.decode(as_of)?)),
            Raw::Other(of, rows) => (of, rows),
        };
        let rows = rows.iter();
        Ok(match of {
            Rowset::Visits => Page::Visits(rows.map(visit_row).collect::<Result<_, _>>()?),
            Rowset::Settlements => Page::Settlements(rows.map(|r| settled_row(r, as_of)).collect::<Result<_, _>>()?),
            Rowset::Lines => Page::Lines(Vec::new()),
            Rowset::Findings => Page::Findings(rows.map(found_row).collect::<Result<_, _>>()?),
            Rowset::Runs => Page::Runs(rows.map(run_row).collect::<Result<_, _>>()?),
            Rowset::Ledger => Page::Ledger(rows.map(ledger_row).collect()),
            Rowset::Corrections => Page::Corrections(rows.map(|r| corrected_row(r, as_of)).collect::<Result<_, _>>()?),
        })
    }
}

/// The newest version of the person.
fn person(q: &mut Statement, wanted: bool, of: &str, as_of: CommitNo) {
    if wanted {
        q.push("LEFT JOIN person p ON p.psn_no = ")
            .push(of)
            .push(".psn_no AND p.commit_no = (SELECT max(o.commit_no) ");
        q.push("FROM person o WHERE o.psn_no = ").push(of).push(".psn_no AND o.commit_no <= ");
        q.bind(Value::Int(as_of)).push(") ");
    }
}

/// The newest version of the settlement's visit.
fn visit(q: &mut Statement, wanted: bool, as_of: CommitNo) {
    if wanted {
        q.push("LEFT JOIN visit v ON v.mdtrt_id = s.mdtrt_id AND v.commit_no = (SELECT max(w.commit_no) FROM visit w ");
        q.push("WHERE w.mdtrt_id = s.mdtrt_id AND w.commit_no <= ").bind(Value::Int(as_of)).push(") ");
    }
}

/// Where a key lies; none: the condition is not for the database.
fn column(rows: Rowset, key: Key) -> Option<&'static str> {
    Some(match (rows, key) {
        (Rowset::Visits, Key::Person) => "v.psn_no",
        (Rowset::Visits, Key::Visit) => "v.mdtrt_id",
        (Rowset::Visits, Key::Institution) => "v.fixmedins_code",
        (Rowset::Settlements | Rowset::Lines, Key::Person) => "s.psn_no",
        (Rowset::Settlements | Rowset::Lines, Key::Visit) => "s.mdtrt_id",
        (Rowset::Settlements | Rowset::Lines, Key::Settlement) => "s.setl_id",
        (Rowset::Settlements | Rowset::Lines, Key::Institution) => "s.fixmedins_code",
        (Rowset::Settlements, Key::SettledAt) => "s.setl_time",
        (Rowset::Findings, Key::Person) => "f.psn_no",
        (Rowset::Findings, Key::Visit) => "f.mdtrt_id",
        (Rowset::Findings, Key::Settlement) => "f.setl_id",
        (Rowset::Findings, Key::Institution) => "f.fixmedins_code",
        (Rowset::Findings, Key::Rule) => "f.rule_code",
        (Rowset::Findings, Key::Run) => "f.run_id",
        (Rowset::Findings, Key::FoundAt) => "f.found_at",
        (Rowset::Runs, Key::Run) => "r.run_id",
        (Rowset::Ledger, Key::Settlement) => "g.setl_id",
        (Rowset::Corrections, Key::Person) => "k.psn_no",
        (Rowset::Corrections, Key::Visit) => "k.mdtrt_id",
        (Rowset::Corrections, Key::Settlement) => "k.setl_id",
        (Rowset::Corrections, Key::Institution) => "s.fixmedins_code",
        _ => return None,
    })
}

/// Whether a condition on the key can be left to the store for these rows.
pub fn sifts(rows: Rowset, key: Key) -> bool {
    column(rows, key).is_some()
}

fn push_condition(q: &mut Statement, rows: Rowset, c: &Condition) {
    let (Condition::In(key, _) | Condition::From(key, _) | Condition::Until(key, _)) = c;
    let Some(column) = column(rows, *key) else { return };
    q.push(" AND ").push(column);
    match c {
        Condition::In(_, values) if values.is_empty() => {
            q.push(" IS NULL AND 1 = 0");
        }
        Condition::In(_, values) => {
            q.push(" IN ").list(values.iter().cloned());
        }
        Condition::From(_, t) => {
            q.push(" >= ").bind(Value::from(time_text(*t)));
        }
        Condition::Until(_, t) => {
            q.push(" <= ").bind(Value::from(time_text(*t)));
        }
    }
}

fn optional<T: serde::de::DeserializeOwned>(table: &'static str, r: &Row, at: usize) -> Result<Option<T>, StoreError> {
    r.opt_text(at).map(|text| json(table, &text)).transpose()
}

fn time(table: &'static str, r: &Row, at: usize) -> Result<NaiveDateTime, StoreError> {
    time_of(r.str(at)).ok_or_else(|| StoreError::damaged(table, "time"))
}

fn visit_row(r: &Row) -> Result<VisitRow, StoreError> {
    let doc: VisitDoc = json("visit", r.str(3))?;
    Ok(VisitRow {
        commit_no: r.int(1),
        cancelled: r.int(2) != 0,
        visit: doc.visit,
        case_no: doc.case_no,
        person: optional("person", r, 4)?,
    })
}

fn settled_row(r: &Row, as_of: CommitNo) -> Result<SettledRow, StoreError> {
    let shown: Shown = json("settlement", r.str(12))?;
    Ok(SettledRow {
        id: r.text(0).into(),
        commit_no: r.int(1),
        person_no: r.text(2).into(),
        visit_id: r.text(3).into(),
        institution: r.text(4).into(),
        time: time("settlement", r, 5)?,
        year: i32::try_from(r.int(6)).map_err(|e| StoreError::damaged("settlement", e))?,
        reverses: r.opt_text(7).map(Into::into),
        reversed: r.opt_int(8).is_some_and(|c| c <= as_of),
        msgid: r.text(9),
        invoice: r.text(10),
        on_paper: shown.centre,
        request: json("settlement", r.str(11))?,
        person_type: shown.person_type,
        civil_servant: shown.civil_servant,
        division: shown.division,
        days: shown.days,
        amounts: json("settlement", r.str(13))?,
        visit: optional::<VisitDoc>("visit", r, 14)?.map(|d| d.visit),
        person: optional("person", r, 15)?,
        list: optional("settlement_list", r, 16)?,
    })
}

fn found_row(r: &Row) -> Result<FoundRow, StoreError> {
    Ok(FoundRow {
        run: r.text(0),
        id: r.text(1),
        commit_no: r.int(2),
        settlement: r.text(3),
        visit: r.text(4),
        person: r.text(5),
        institution: r.text(6),
        rule: r.text(7),
        version: r.int(8),
        severity: r.text(9),
        stage: r.text(10),
        charge: money(r.int(11)),
        fund: money(r.int(12)),
        psn: money(r.int(13)),
        document: r.text(14),
        at: time("finding", r, 15)?,
        status: r.text(16),
    })
}

fn run_row(r: &Row) -> Result<RunRow, StoreError> {
    Ok(RunRow {
        id: r.text(0),
        commit_no: r.int(1),
        cause: r.text(2),
        bundle: r.text(3),
        as_of: r.int(4),
        at: time("review_run", r, 5)?,
    })
}

fn ledger_row(r: &Row) -> LedgerRow {
    LedgerRow { settlement: r.text(0), seq: r.int(1), commit_no: r.int(2), account: r.text(3), amount: money(r.int(4)) }
}

fn corrected_row(r: &Row, as_of: CommitNo) -> Result<CorrectedRow, StoreError> {
    Ok(CorrectedRow {
        id: r.text(0),
        commit_no: r.int(1),
        settlement: r.text(2),
        person: r.text(3),
        visit: r.text(4),
        institution: r.text(5),
        kind: r.text(6),
        at: time("correction", r, 7)?,
        reversed: r.opt_int(8).is_some_and(|c| c <= as_of),
        funds: money(r.opt_int(9).unwrap_or_default()),
        amounts: json("correction", r.str(10))?,
    })
}

/// One query of an inspector, on record.
#[derive(Debug, Clone)]
pub struct InspectionRow {
    /// When it was asked, local civil time.
    pub at: NaiveDateTime,
    /// Who asked.
    pub who: String,
    /// Name of the investigation, where it was one.
    pub named: String,
    /// The text and its SHA-256.
    pub sql_hash: String,
    /// The text.
    pub sql: String,
    /// The state of the books that was read.
    pub as_of: CommitNo,
    /// Rows handed over.
    pub rows: i64,
    /// How long it took.
    pub ms: i64,
    /// `began`, `ok`, or the code of the error.
    pub result: String,
}

impl Snapshot {
    /// The last queries of inspectors, newest first.
    pub async fn inspections(&mut self, limit: i64) -> Result<Vec<InspectionRow>, StoreError> {
        let mut q = Statement::default();
        q.push("SELECT at, who, named, sql_hash, sql_text, as_of, row_count, ms, result FROM inspection ");
        q.push("ORDER BY commit_no DESC LIMIT ").bind(Value::Int(limit));
        let rows = q.rows(self).await?;
        rows.iter()
            .map(|r| {
                Ok(InspectionRow {
                    at: time("inspection", r, 0)?,
                    who: r.text(1),
                    named: r.text(2),
                    sql_hash: r.text(3),
                    sql: r.text(4),
                    as_of: r.int(5),
                    rows: r.int(6),
                    ms: r.int(7),
                    result: r.text(8),
                })
            })
            .collect()
    }
}
