//! How the rows of changes lie in their tables.

use super::held::InRow;
use super::{
    AccountMove, CommitError, Guard, MessageKey, NewCorrection, NewFeedback, NewFindings, NewSettlement, NewVoid, Write,
};
use crate::access::AccessChange;
use crate::audit::AuditRow;
use crate::clerk::TaskChange;
use crate::db::StoreError;
use crate::lake::InspectionRow;
use crate::lists::{NewReview, StoredList, Verdict};
use crate::packed::{history_text, lines_text};
use crate::rows::*;
use crate::sql::{Conn, Of, Rows, Table, Value};
use chrono::NaiveDateTime;
use dingan_core::codes::*;
use dingan_core::ledger::Posting;
use dingan_core::money::Quantity;
use dingan_core::person::{AccumulatorEntry, CommitNo, Person};

macro_rules! table {
    ($const:ident $name:literal: $($column:ident $of:ident),* ; $then:literal) => {
        static $const: Table = Table {
            name: $name,
            columns: &[$((stringify!($column), Of::$of)),*],
            then: $then,
        };
    };
}

table!(COMMIT "commit_log": commit_no Int, at Text, kind Text; "");
table!(PERSON_BOOK "person_book": psn_no Text, commit_no Int;
    "ON CONFLICT (psn_no) DO UPDATE SET commit_no = excluded.commit_no WHERE person_book.commit_no < excluded.commit_no");
table!(ACCOUNT_BOOK "account_book": account Text, balance Int, commit_no Int;
    "ON CONFLICT (account) DO UPDATE SET balance = excluded.balance, commit_no = excluded.commit_no \
     WHERE account_book.commit_no < excluded.commit_no");
table!(ACCOUNT_ENTRY "account_entry": account Text, commit_no Int, amount Int, balance Int, setl_id Text; "");
table!(PERSON "person": psn_no Text, commit_no Int, data Long; "");
table!(CERT "person_cert": certno Text, psn_no Text; "ON CONFLICT DO NOTHING");
table!(VISIT "visit": mdtrt_id Text, commit_no Int, psn_no Text, fixmedins_code Text, cancelled Int, data Long; "");
table!(LINE "fee_line": mdtrt_id Text, feedetl_sn Text, commit_no Int, chrg_bchno Text, init_feedetl_sn Text, data Long; "");
table!(SETTLEMENT "settlement": setl_id Text, commit_no Int, psn_no Text, mdtrt_id Text, fixmedins_code Text,
    chrg_bchno Text, setl_time Text, year Int, reverses Text, as_of Int, bundle Text, msgid Text, invono Text,
    request Long, shown Long, amounts Long, decision Long, history Long, history_until Text,
    lines Long; "");
table!(SETTLED_LINE "settlement_line": setl_id Text, feedetl_sn Text, mdtrt_id Text, line_commit Int, amount Int; "");
table!(HISTORY "history_line": psn_no Text, fee_time Text, setl_id Text, feedetl_sn Text, mdtrt_id Text, item Text,
    quantity Int, amount Int, supply_days Int; "");
table!(ACCUMULATOR "accumulator_entry": setl_id Text, seq Int, psn_no Text, commit_no Int, acc_key Text, period Text,
    disease Text, insutype Text, mdtrt_id Text, amount Int; "");
table!(LEDGER "ledger_entry": setl_id Text, seq Int, commit_no Int, account Text, amount Int; "");
table!(RUN "review_run": run_id Text, commit_no Int, cause Long, bundle Text, as_of Int, at Text; "ON CONFLICT DO NOTHING");
table!(FINDING "finding": run_id Text, finding_id Text, setl_id Text, mdtrt_id Text, psn_no Text, fixmedins_code Text,
    rule_code Text, rule_version Int, severity Text, stage Text, charge_amt Int, fund_amt Int, psn_amt Int, data Long,
    found_at Text, status Text; "");
table!(FEEDBACK "feedback": fixmedins_code Text, finding_id Text, commit_no Int, before Int, way Text, reason Long; "");
table!(PROPOSAL "proposal": commit_no Int, setl_id Text, psn_no Text, cause Long, data Long; "");
table!(PART "bundle_part": hash Text, kind Text, content Long; "ON CONFLICT DO NOTHING");
table!(BUNDLE "bundle": hash Text, parts Long, made_at Text; "ON CONFLICT DO NOTHING");
table!(MESSAGE "message": fixmedins_code Text, infno Text, msgid Text, input_hash Text, commit_no Int, at Text,
    mdtrt_id Text, setl_id Text, answer Long; "");

table!(LIST "settlement_list": setl_list_id Text, commit_no Int, setl_id Text, mdtrt_id Text, psn_no Text,
    fixmedins_code Text, setl_ym Text, known_at Text, returned Int, facts Long, problems Long, document Long; "");
table!(INSPECTION "inspection": commit_no Int, at Text, who Text, named Text, sql_hash Text, sql_text Long, as_of Int,
    row_count Int, ms Int, result Text; "");
table!(MAPPING "item_mapping": fixmedins_code Text, fixmedins_hilist_id Text, list_type Text, med_list_codg Text,
    commit_no Int, begndate Text, enddate Text, withdrawn Int, data Long; "");
table!(AUDIT "audit_log": seq Int, commit_no Int, at Text, who Long, what Text, subject Long, detail Long, hash Text; "");
table!(ACCOUNT "account": name Text, roles Long, password Long, disabled Int, made_at Text, changed_at Int, failed Int,
    locked_until Text; "");
table!(KEY "api_key": key_id Text, fixmedins_code Text, family Text, roles Long, secret_hash Text, public_key Long,
    note Long, made_at Text, revoked_at Text; "");
table!(SESSION "login_session": token_hash Text, holder Text, commit_no Int, made_at Text, until_at Text,
    ended_at Text; "");
table!(TASK "clerk_task": task_id Text, commit_no Int, made_at Text, made_by Text, psn_no Text, amount Int,
    document Long, state Text, decided_by Text, decided_at Text, setl_id Text, kind Text; "");
table!(CORRECTION "correction": corr_id Text, commit_no Int, setl_id Text, psn_no Text, mdtrt_id Text, kind Text,
    corr_time Text, as_of Int, bundle Text, amounts Long, deductible Int, decision Long; "");
table!(VERDICT "finding_verdict": run_id Text, setl_id Text, finding_id Text, commit_no Int, verdict Text; "");

fn text(table: &'static str, v: &impl serde::Serialize) -> Result<String, CommitError> {
    serde_json::to_string(v).map_err(|e| StoreError::damaged(table, e).into())
}

fn utf8(table: &'static str, bytes: &[u8]) -> Result<String, CommitError> {
    String::from_utf8(bytes.to_vec()).map_err(|e| StoreError::damaged(table, e).into())
}

/// A row that is changed in place: a date that ends it, or a setting.
struct Update {
    sql: &'static str,
    args: Vec<Arg>,
    /// How many rows it must find, where a change is wrong that finds fewer.
    rows: Option<u64>,
}

enum Arg {
    Int(i64),
    Text(String),
    List(Vec<String>),
}

/// Everything a group of changes writes, table by table.
#[derive(Default)]
pub(super) struct Changes {
    tables: Vec<Rows>,
    updates: Vec<Update>,
}

impl Changes {
    fn rows(&mut self, table: &'static Table) -> &mut Rows {
        let at = self.tables.iter().position(|r| std::ptr::eq(r.table, table)).unwrap_or_else(|| {
            self.tables.push(Rows::new(table));
            self.tables.len() - 1
        });
        &mut self.tables[at]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.updates.is_empty()
    }

    pub(super) fn append(&mut self, other: Self) {
        for r in other.tables {
            self.rows(r.table).append(r);
        }
        self.updates.extend(other.updates);
    }

    /// Writes the rows: one statement for all on PostgreSQL, a few for each table on SQLite.
    pub(super) async fn write(&self, c: &mut Conn) -> Result<(), sqlx::Error> {
        // what ends or no longer stands is marked before rows come in that would be found too
        for u in &self.updates {
            let args: Vec<Value<'_>> = u
                .args
                .iter()
                .map(|a| match a {
                    Arg::Int(i) => Value::from(*i),
                    Arg::Text(t) => Value::from(t),
                    Arg::List(l) => Value::from(&l[..]),
                })
                .collect();
            let changed = c.run(u.sql, &args).await?;
            if u.rows.is_some_and(|n| n != changed) {
                // the statement's mistake, not the connection's: of the group's changes, the others are to be written
                return Err(sqlx::Error::InvalidArgument(format!("{changed} rows by {}", u.sql)));
            }
        }
        for (rows, changed) in self.tables.iter().zip(c.insert(&self.tables).await?) {
            // a row that was there already is no mistake where the table says so
            if rows.table.then != "ON CONFLICT DO NOTHING" && usize::try_from(changed) != Ok(rows.len()) {
                return Err(sqlx::Error::InvalidArgument(format!(
                    "{}: {changed} of {} rows",
                    rows.table.name,
                    rows.len()
                )));
            }
        }
        Ok(())
    }

    /// The rows of one change. Its books are moved on by who compared them.
    pub(super) fn of(no: CommitNo, guard: &Guard, w: &Write, in_row: InRow) -> Result<Self, CommitError> {
        let mut c = Self::default();
        let at = time_text(w.at);
        c.rows(&COMMIT).push([no.into(), at.clone().into(), w.kind.into()]);
        for p in &w.persons {
            c.person(no, p)?;
        }
        if let Some((doc, cancelled)) = &w.visit {
            c.visit(no, doc, *cancelled)?;
        }
        if let Some((visit, lines)) = &w.lines {
            c.lines(no, visit, lines)?;
        }
        if let Some(v) = &w.void {
            c.void_lines(no, v);
        }
        if let Some(s) = &w.settlement {
            c.settlement(no, s, in_row)?;
        }
        if let Some(k) = &w.correction {
            c.correction(no, k)?;
        }
        for (id, first, postings) in &w.counter_entries {
            c.ledger(no, id.as_str(), *first, postings);
        }
        if let Some(f) = &w.findings {
            c.findings(no, f, w.at)?;
        }
        if let Some(l) = &w.list {
            c.list(no, l)?;
        }
        if let Some(r) = &w.review {
            c.verdicts(no, r);
            c.findings(no, &r.found, w.at)?;
        }
        if let Some(i) = &w.inspection {
            c.inspection(no, i);
        }
        for a in &w.access {
            c.access(no, a)?;
        }
        for t in &w.tasks {
            c.task(no, t, &at);
        }
        // the last word on a finding counts
        let repeated = |i: usize, f: &NewFeedback| w.feedback[i + 1..].iter().any(|o| o.finding == f.finding);
        for (_, f) in w.feedback.iter().enumerate().filter(|(i, f)| !repeated(*i, f)) {
            c.rows(&FEEDBACK).push([
                f.institution.as_str().into(),
                f.finding.as_str().into(),
                no.into(),
                i64::from(f.before).into(),
                f.way.as_str().into(),
                f.reason.as_str().into(),
            ]);
        }
        for m in &w.mappings {
            let (begin, end) = (m.begin.to_string(), m.end.to_string());
            c.rows(&MAPPING).push([
                m.institution.as_str().into(),
                m.hospital_item.as_str().into(),
                m.list_type.as_str().into(),
                m.item.as_str().into(),
                no.into(),
                begin.as_str().into(),
                end.as_str().into(),
                i64::from(m.withdrawn).into(),
                m.document.as_str().into(),
            ]);
        }
        for (person, cause, difference) in &w.proposals {
            let data = text("proposal", difference)?;
            let setl_id = difference.settlement.as_str();
            let row = [no.into(), setl_id.into(), person.as_str().into(), cause.as_str().into(), data.into()];
            c.rows(&PROPOSAL).push(row);
        }
        if let Some((hash, parts)) = &w.bundle {
            c.bundle(hash, parts, w.at)?;
        }
        for (name, value) in &w.settings {
            c.updates.push(Update {
                sql: "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
                args: vec![Arg::Text(name.clone()), Arg::Text(value.clone())],
                rows: None,
            });
        }
        if let Some(m) = &guard.message {
            let made = w.settlement.as_ref().map(|s| &s.row.id).unwrap_or(&w.message_settlement);
            c.message(no, m, w, made.as_str(), Some(&w.answer));
        }
        if let Some(m) = &guard.cancels {
            c.message(no, m, w, "", None);
        }
        match c.tables.iter().find(|r| r.unfit()) {
            Some(r) => Err(StoreError::damaged(r.table.name, "a NUL character, or a key too long").into()),
            None => Ok(c),
        }
    }

    pub(super) fn person_book(&mut self, person: &PersonNo, no: CommitNo) {
        self.rows(&PERSON_BOOK).push([person.as_str().into(), no.into()]);
    }

    pub(super) fn account(&mut self, m: &AccountMove, no: CommitNo, balance: i64, setl_id: &str) {
        let account = m.account.as_str();
        self.rows(&ACCOUNT_BOOK).push([account.into(), balance.into(), no.into()]);
        let row = [account.into(), no.into(), m.amount.units().into(), balance.into(), setl_id.into()];
        self.rows(&ACCOUNT_ENTRY).push(row);
    }

    fn person(&mut self, no: CommitNo, p: &Person) -> Result<(), CommitError> {
        self.rows(&PERSON).push([p.no.as_str().into(), no.into(), text("person", p)?.into()]);
        self.rows(&CERT).push([p.cert_no.to_uppercase().into(), p.no.as_str().into()]);
        Ok(())
    }

    fn visit(&mut self, no: CommitNo, d: &VisitDoc, cancelled: bool) -> Result<(), CommitError> {
        self.rows(&VISIT).push([
            d.visit.id.as_str().into(),
            no.into(),
            d.visit.person.as_str().into(),
            d.visit.institution.as_str().into(),
            i64::from(cancelled).into(),
            text("visit", d)?.into(),
        ]);
        Ok(())
    }

    fn lines(&mut self, no: CommitNo, visit: &VisitId, lines: &[dingan_core::claim::Line]) -> Result<(), CommitError> {
        for l in lines {
            self.rows(&LINE).push([
                visit.as_str().into(),
                l.no.as_str().into(),
                no.into(),
                l.batch.as_str().into(),
                l.refund_of.as_ref().map(LineNo::as_str).into(),
                text("fee_line", l)?.into(),
            ]);
        }
        Ok(())
    }

    fn void_lines(&mut self, no: CommitNo, v: &NewVoid) {
        self.updates.push(Update {
            sql: "UPDATE fee_line SET void_commit = $1 WHERE mdtrt_id = $2 AND void_commit IS NULL \
                  AND feedetl_sn IN (list $3)",
            args: vec![
                Arg::Int(no),
                Arg::Text(v.visit.as_str().to_owned()),
                Arg::List(v.lines.iter().map(|l| l.as_str().to_owned()).collect()),
            ],
            rows: u64::try_from(v.lines.len()).ok(),
        });
    }

    fn reversed(&mut self, no: CommitNo, original: &SettlementId) {
        let of = || Arg::Text(original.as_str().to_owned());
        self.updates.push(Update {
            sql: "UPDATE settlement SET reversed_commit = $1 WHERE setl_id = $2 AND reversed_commit IS NULL",
            args: vec![Arg::Int(no), of()],
            rows: Some(1),
        });
        self.free(no, original);
        self.updates.push(Update {
            sql: "UPDATE finding SET status = 'void' WHERE setl_id = $1 AND status = 'open'",
            args: vec![of()],
            rows: None,
        });
    }

    fn settlement(&mut self, no: CommitNo, s: &NewSettlement, in_row: InRow) -> Result<(), CommitError> {
        let r = &s.row;
        let (id, person, visit) = (r.id.as_str(), r.person.as_str(), r.visit.as_str());
        if let Some(original) = &r.reverses {
            self.reversed(no, original);
        }
        let (history, until) = match in_row {
            InRow::Nothing => (None, None),
            _ => (Some(history_text(&s.history)?), s.history.iter().map(|l| l.time).max()),
        };
        let lines = (in_row == InRow::Lines).then(|| lines_text(&s.lines)).transpose()?;
        self.rows(&SETTLEMENT).push([
            id.into(),
            no.into(),
            person.into(),
            visit.into(),
            r.institution.as_str().into(),
            r.batch.as_str().into(),
            time_text(r.time).into(),
            i64::from(r.year).into(),
            r.reverses.as_ref().map(SettlementId::as_str).into(),
            r.as_of.into(),
            r.bundle.as_str().into(),
            r.msgid.as_str().into(),
            r.invoice.as_str().into(),
            text("settlement", &r.request)?.into(),
            text("settlement", &r.shown)?.into(),
            text("settlement", &r.amounts)?.into(),
            utf8("settlement", &r.decision)?.into(),
            history.into(),
            until.map(time_text).into(),
            lines.into(),
        ]);
        for (line, brought, amount) in s.lines.iter().filter(|_| in_row < InRow::Lines) {
            let row = [id.into(), line.as_str().into(), visit.into(), (*brought).into(), amount.units().into()];
            self.rows(&SETTLED_LINE).push(row);
        }
        for l in s.history.iter().filter(|_| in_row < InRow::History) {
            self.rows(&HISTORY).push([
                person.into(),
                time_text(l.time).into(),
                id.into(),
                l.no.as_str().into(),
                visit.into(),
                l.item.as_str().into(),
                l.quantity.units().into(),
                l.amount.units().into(),
                l.supply_days.map(Quantity::units).into(),
            ]);
        }
        self.entries(no, id, person, 0, &s.entries);
        self.ledger(no, id, 0, &s.postings);
        Ok(())
    }

    fn entries(&mut self, no: CommitNo, setl_id: &str, person: &str, first: i64, entries: &[AccumulatorEntry]) {
        for (seq, e) in (first..).zip(entries) {
            self.rows(&ACCUMULATOR).push([
                setl_id.into(),
                seq.into(),
                person.into(),
                no.into(),
                e.key.as_str().into(),
                e.period.as_str().into(),
                e.disease.as_str().into(),
                e.insurance.as_str().into(),
                e.visit.as_str().into(),
                e.amount.units().into(),
            ]);
        }
    }

    fn ledger(&mut self, no: CommitNo, id: &str, first: i64, postings: &[Posting]) {
        for (seq, p) in (first..).zip(postings) {
            let row = [id.into(), seq.into(), no.into(), p.account.as_str().into(), p.amount.units().into()];
            self.rows(&LEDGER).push(row);
        }
    }

    fn correction(&mut self, no: CommitNo, k: &NewCorrection) -> Result<(), CommitError> {
        let r = &k.row;
        self.rows(&CORRECTION).push([
            r.id.as_str().into(),
            no.into(),
            r.settlement.as_str().into(),
            r.person.as_str().into(),
            r.visit.as_str().into(),
            r.kind.word().into(),
            time_text(r.time).into(),
            r.as_of.into(),
            r.bundle.as_str().into(),
            text("correction", &r.amounts)?.into(),
            k.deductible.units().into(),
            utf8("correction", &r.decision)?.into(),
        ]);
        if let Some((first, entries)) = &k.entries {
            self.free(no, &r.settlement);
            self.entries(no, r.settlement.as_str(), r.person.as_str(), *first, entries);
        }
        self.ledger(no, r.id.as_str(), 0, &k.postings);
        Ok(())
    }

    /// Ends what accumulators have from a settlement.
    fn free(&mut self, no: CommitNo, settlement: &SettlementId) {
        self.updates.push(Update {
            sql: "UPDATE accumulator_entry SET freed_commit = $1 WHERE setl_id = $2 AND freed_commit IS NULL",
            args: vec![Arg::Int(no), Arg::Text(settlement.as_str().to_owned())],
            rows: None,
        });
    }

    fn findings(&mut self, no: CommitNo, f: &NewFindings, at: NaiveDateTime) -> Result<(), CommitError> {
        let at = time_text(at);
        self.rows(&RUN).push([
            f.run.as_str().into(),
            no.into(),
            f.cause.as_str().into(),
            f.bundle.as_str().into(),
            f.as_of.into(),
            at.as_str().into(),
        ]);
        for x in &f.findings {
            // the words a finding's own JSON has
            let word = |v: Result<serde_json::Value, serde_json::Error>| match v {
                Ok(v) => Ok(v.as_str().unwrap_or_default().to_owned()),
                Err(e) => Err(StoreError::damaged("finding", e)),
            };
            self.rows(&FINDING).push([
                f.run.as_str().into(),
                x.id.as_str().into(),
                f.settlement.as_str().into(),
                f.visit.as_str().into(),
                f.person.as_str().into(),
                f.institution.as_str().into(),
                x.rule.as_str().into(),
                i64::from(x.version).into(),
                word(serde_json::to_value(x.severity))?.into(),
                word(serde_json::to_value(x.stage))?.into(),
                x.charge.units().into(),
                x.fund.units().into(),
                x.person.units().into(),
                text("finding", x)?.into(),
                at.as_str().into(),
                "open".into(),
            ]);
        }
        Ok(())
    }

    fn list(&mut self, no: CommitNo, l: &StoredList) -> Result<(), CommitError> {
        self.rows(&LIST).push([
            l.id.as_str().into(),
            no.into(),
            l.settlement.as_str().into(),
            l.visit.as_str().into(),
            l.person.as_str().into(),
            l.institution.as_str().into(),
            l.month.as_str().into(),
            time_text(l.known_at).into(),
            i64::from(l.returned).into(),
            text("settlement_list", &l.facts)?.into(),
            l.problems.as_str().into(),
            l.document.as_str().into(),
        ]);
        Ok(())
    }

    pub(super) fn audit(&mut self, rows: Vec<AuditRow>) {
        for r in rows {
            tracing::info!(seq = r.seq, hash = r.hash, what = r.what, "audit");
            self.rows(&AUDIT).push([
                r.seq.into(),
                r.commit_no.into(),
                r.at.into(),
                r.who.into(),
                r.what.into(),
                r.subject.into(),
                r.detail.into(),
                r.hash.into(),
            ]);
        }
    }

    fn task(&mut self, no: CommitNo, change: &TaskChange, at: &str) {
        match change {
            TaskChange::New(t) => self.rows(&TASK).push([
                t.id.as_str().into(),
                no.into(),
                time_text(t.made_at).into(),
                t.made_by.as_str().into(),
                t.person.as_str().into(),
                t.amount.units().into(),
                t.document.as_str().into(),
                t.state.as_str().into(),
                "".into(),
                "".into(),
                "".into(),
                t.kind.as_str().into(),
            ]),
            TaskChange::Decided { id, state, by, settlement } => self.updates.push(Update {
                sql: "UPDATE clerk_task SET state = $1, decided_by = $2, decided_at = $3, setl_id = $4 \
                      WHERE task_id = $5 AND state = 'waiting'",
                args: vec![
                    Arg::Text((*state).to_owned()),
                    Arg::Text(by.clone()),
                    Arg::Text(at.to_owned()),
                    Arg::Text(settlement.as_str().to_owned()),
                    Arg::Text(id.clone()),
                ],
                rows: None,
            }),
        }
    }

    fn access(&mut self, no: CommitNo, change: &AccessChange) -> Result<(), CommitError> {
        let update = |sql, args| Update { sql, args, rows: None };
        let t = |s: &str| Arg::Text(s.to_owned());
        match change {
            AccessChange::Account(a) => self.rows(&ACCOUNT).push([
                a.name.as_str().into(),
                text("account", &a.roles)?.into(),
                a.password.as_str().into(),
                i64::from(a.disabled).into(),
                time_text(a.made_at).into(),
                no.into(),
                a.failed.into(),
                a.locked_until.map_or_else(String::new, time_text).into(),
            ]),
            AccessChange::Key(k) => self.rows(&KEY).push([
                k.id.as_str().into(),
                k.institution.as_str().into(),
                k.family.as_str().into(),
                text("api_key", &k.roles)?.into(),
                k.secret_hash.as_str().into(),
                k.public_key.as_str().into(),
                k.note.as_str().into(),
                time_text(k.made_at).into(),
                k.revoked_at.map_or_else(String::new, time_text).into(),
            ]),
            AccessChange::Session(s) => self.rows(&SESSION).push([
                s.token_hash.as_str().into(),
                s.holder.as_str().into(),
                no.into(),
                time_text(s.made_at).into(),
                time_text(s.until).into(),
                "".into(),
            ]),
            AccessChange::Password { account, hash } => self.updates.push(update(
                "UPDATE account SET password = $1, changed_at = $2, failed = 0, locked_until = '' WHERE name = $3",
                vec![t(hash), Arg::Int(no), t(account)],
            )),
            AccessChange::Roles { account, roles } => self.updates.push(update(
                "UPDATE account SET roles = $1 WHERE name = $2",
                vec![Arg::Text(text("account", roles)?), t(account)],
            )),
            AccessChange::Disabled { account, disabled } => self.updates.push(update(
                "UPDATE account SET disabled = $1, changed_at = $2 WHERE name = $3",
                vec![Arg::Int(i64::from(*disabled)), Arg::Int(no), t(account)],
            )),
            AccessChange::Failed { account, failed, locked_until } => self.updates.push(update(
                "UPDATE account SET failed = $1, locked_until = $2 WHERE name = $3",
                vec![Arg::Int(*failed), Arg::Text(locked_until.map_or_else(String::new, time_text)), t(account)],
            )),
            AccessChange::Revoked { key, at } => self.updates.push(update(
                "UPDATE api_key SET revoked_at = $1 WHERE key_id = $2 AND revoked_at = ''",
                vec![Arg::Text(time_text(*at)), t(key)],
            )),
            AccessChange::Ended { token_hash, at } => self.updates.push(update(
                "UPDATE login_session SET ended_at = $1 WHERE token_hash = $2 AND ended_at = ''",
                vec![Arg::Text(time_text(*at)), t(token_hash)],
            )),
        }
        Ok(())
    }

    fn inspection(&mut self, no: CommitNo, i: &InspectionRow) {
        self.rows(&INSPECTION).push([
            no.into(),
            time_text(i.at).into(),
            i.who.as_str().into(),
            i.named.as_str().into(),
            i.sql_hash.as_str().into(),
            i.sql.as_str().into(),
            i.as_of.into(),
            i.rows.into(),
            i.ms.into(),
            i.result.as_str().into(),
        ]);
    }

    /// What a run says, and the mark on findings that no longer stand as they were.
    fn verdicts(&mut self, no: CommitNo, r: &NewReview) {
        for (finding, verdict) in &r.verdicts {
            let setl_id = r.found.settlement.as_str();
            if matches!(verdict, Verdict::Changed | Verdict::Withdrawn) {
                self.updates.push(Update {
                    sql: "UPDATE finding SET status = $3 WHERE setl_id = $1 AND finding_id = $2 AND status = 'open'",
                    args: vec![
                        Arg::Text(setl_id.to_owned()),
                        Arg::Text(finding.clone()),
                        Arg::Text(verdict.word().to_owned()),
                    ],
                    rows: None,
                });
            }
            let row = [
                r.found.run.as_str().into(),
                setl_id.into(),
                finding.as_str().into(),
                no.into(),
                verdict.word().into(),
            ];
            self.rows(&VERDICT).push(row);
        }
    }

    fn bundle(&mut self, hash: &str, parts: &BundleParts, at: NaiveDateTime) -> Result<(), CommitError> {
        let mut hashes = Vec::with_capacity(parts.0.len());
        for (kind, content) in &parts.0 {
            let h = part_hash(kind, content);
            let content = utf8("bundle_part", content)?;
            self.rows(&PART).push([h.as_str().into(), kind.as_str().into(), content.into()]);
            hashes.push(h);
        }
        self.rows(&BUNDLE).push([hash.into(), text("bundle", &hashes)?.into(), time_text(at).into()]);
        Ok(())
    }

    fn message(&mut self, no: CommitNo, m: &MessageKey, w: &Write, setl_id: &str, answer: Option<&str>) {
        self.rows(&MESSAGE).push([
            m.institution.as_str().into(),
            m.infno.as_str().into(),
            m.msgid.as_str().into(),
            m.input_hash.as_str().into(),
            no.into(),
            time_text(w.at).into(),
            w.message_visit.as_str().into(),
            setl_id.into(),
            answer.into(),
        ]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn part_hash(kind: &str, content: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let mut h = Sha256::new();
    h.update(kind.as_bytes());
    h.update([0]);
    h.update(content);
    hex(&h.finalize())
}

impl BundleParts {
    /// The bundle's hash: over the hashes of its parts in order of kind.
    pub fn hash(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut h = Sha256::new();
        for (kind, content) in &self.0 {
            h.update(part_hash(kind, content).as_bytes());
        }
        hex(&h.finalize())
    }
}
