//! What must still hold when changes are written, compared and moved on under the counter's lock.

use super::tables::Changes;
use super::{CommitError, Expect, Guard, Write};
use crate::clerk::{Invoice, TaskChange, on_paper};
use crate::sql::{Conn, Prepared};
use dingan_core::person::CommitNo;
use std::collections::{HashMap, HashSet};

type Key = (String, String, String);

/// What holds now of all that a group's changes were decided on, moved on as they go in.
#[derive(Default)]
pub(super) struct Held {
    messages: HashSet<Key>,
    /// The commit that last changed a person's facts; none for a person nothing was written about.
    persons: HashMap<String, CommitNo>,
    /// Balance, and the commit that last changed it.
    accounts: HashMap<String, (i64, CommitNo)>,
    /// Of the invoices asked for, those that a living settlement names, and whether one on paper does.
    invoices: HashMap<Invoice, bool>,
    /// Of the tasks asked for, those that are there, and their states.
    tasks: HashMap<String, String>,
    /// The bundle in force.
    bundle: Option<String>,
    /// How settlements are written.
    pub(super) in_row: InRow,
}

/// What of a settlement's lines is written in its own row, where servers that look for it elsewhere no longer run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum InRow {
    /// Nothing: servers older than migration 9 may run.
    #[default]
    Nothing,
    /// What later claims see of them: servers older than migration 10 may run.
    History,
    /// Which they are, too.
    Lines,
}

impl InRow {
    /// By the value of setting `history`.
    fn named(word: &str) -> Self {
        match word {
            "lines" => Self::Lines,
            "settlement" => Self::History,
            _ => Self::Nothing,
        }
    }
}

fn key(m: &super::MessageKey) -> Key {
    (m.msgid.clone(), m.institution.as_str().to_owned(), m.infno.clone())
}

/// What every group asks.
pub(super) static BOOKS: Prepared<5> = Prepared {
    name: "books",
    sql: "SELECT CAST(1 AS BIGINT) AS what, msgid, fixmedins_code, infno, CAST(0 AS BIGINT) AS balance, commit_no \
          FROM message WHERE msgid IN (list $1) \
          UNION ALL SELECT 2, psn_no, '', '', 0, commit_no FROM person_book WHERE psn_no IN (list $2) \
          UNION ALL SELECT 3, account, '', '', balance, commit_no FROM account_book WHERE account IN (list $3) \
          UNION ALL SELECT 4, invono, shown, fixmedins_code, 0, 0 FROM settlement \
          WHERE invono IN (list $4) AND reverses IS NULL AND reversed_commit IS NULL \
          UNION ALL SELECT 5, task_id, state, '', 0, 0 FROM clerk_task WHERE task_id IN (list $5) \
          UNION ALL SELECT CASE name WHEN 'history' THEN 7 ELSE 6 END, value, '', '', 0, 0 FROM setting \
          WHERE name IN ('live_bundle', 'history')",
};

/// In a fixed order, each once.
fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut out: Vec<String> = names.collect();
    out.sort();
    out.dedup();
    out
}

impl Held {
    /// Opens the transaction of a group, takes its numbers, and reads what holds of all that its changes were decided
    /// on; gives the last number too.
    pub(super) async fn open(c: &mut Conn, guards: &[Guard]) -> Result<(CommitNo, Self), sqlx::Error> {
        let messages = sorted(guards.iter().flat_map(|g| g.message.iter().chain(&g.cancels)).map(|m| m.msgid.clone()));
        let persons = sorted(guards.iter().flat_map(|g| &g.persons).map(|p| p.as_str().to_owned()));
        let accounts = sorted(guards.iter().flat_map(|g| &g.accounts).map(|a| a.account.clone()));
        let expected = || guards.iter().flat_map(|g| &g.expects);
        let invoices = sorted(expected().filter_map(|e| match e {
            Expect::InvoiceFree(i) | Expect::NotOnPaper(i) => Some(i.number.clone()),
            _ => None,
        }));
        let tasks = sorted(expected().filter_map(|e| match e {
            Expect::TaskWaits(t) | Expect::TaskNew(t) => Some(t.clone()),
            _ => None,
        }));
        let count = i64::try_from(guards.len()).unwrap_or(i64::MAX);
        let (last, rows) = c.begin_counted(count, &BOOKS, &[messages, persons, accounts, invoices, tasks]).await?;
        let mut held = Self::default();
        for r in rows {
            match r.int(0) {
                1 => _ = held.messages.insert((r.text(1), r.text(2), r.text(3))),
                2 => _ = held.persons.insert(r.text(1), r.int(5)),
                3 => _ = held.accounts.insert(r.text(1), (r.int(4), r.int(5))),
                // of other institutions' invoices with the number too, which nobody asks for
                4 => {
                    let invoice = Invoice { institution: r.text(3).into(), number: r.text(1) };
                    held.invoice(invoice, on_paper(r.str(2)));
                }
                5 => _ = held.tasks.insert(r.text(1), r.text(2)),
                6 => held.bundle = Some(r.text(1)),
                _ => held.in_row = InRow::named(r.str(1)),
            }
        }
        Ok((last, held))
    }

    /// A living settlement names an invoice.
    fn invoice(&mut self, invoice: Invoice, on_paper: bool) {
        *self.invoices.entry(invoice).or_default() |= on_paper;
    }

    fn holds(&self, fact: &Expect) -> bool {
        match fact {
            Expect::InvoiceFree(i) => !self.invoices.contains_key(i),
            Expect::NotOnPaper(i) => self.invoices.get(i) != Some(&true),
            Expect::TaskWaits(t) => self.tasks.get(t).is_some_and(|state| state == "waiting"),
            Expect::TaskNew(t) => !self.tasks.contains_key(t),
            Expect::LiveBundle(b) => self.bundle == *b,
        }
    }

    /// Whether a change may go in.
    pub(super) fn check(&self, guard: &Guard) -> Result<(), CommitError> {
        if guard.message.iter().chain(&guard.cancels).any(|m| self.messages.contains(&key(m))) {
            return Err(CommitError::Answered);
        }
        let moved = |last: Option<&CommitNo>| last.is_some_and(|no| *no > guard.as_of);
        if let Some(p) = guard.persons.iter().find(|p| moved(self.persons.get(p.as_str()))) {
            return Err(CommitError::Conflict(p.as_str().to_owned()));
        }
        if let Some(e) = guard.expects.iter().find(|e| !self.holds(e)) {
            return Err(CommitError::Conflict(e.to_string()));
        }
        // nobody may draw more than is there, whatever was decided
        let taken = guard.accounts.iter().find(|a| {
            moved(self.accounts.get(&a.account).map(|(_, no)| no)) || self.balance(&a.account) + a.amount.units() < 0
        });
        taken.map_or(Ok(()), |a| Err(CommitError::Conflict(a.account.clone())))
    }

    fn balance(&self, account: &str) -> i64 {
        self.accounts.get(account).map_or(0, |(balance, _)| *balance)
    }

    /// Moves the books on: here, for the changes that follow in the group, and in the rows.
    pub(super) fn swap(&mut self, guard: &Guard, no: CommitNo, write: &Write, rows: &mut Changes) {
        for m in guard.message.iter().chain(&guard.cancels) {
            self.messages.insert(key(m));
        }
        for p in &guard.persons {
            self.persons.insert(p.as_str().to_owned(), no);
            rows.person_book(p, no);
        }
        if let Some(s) = write.settlement.as_ref().filter(|s| s.row.reverses.is_none()) {
            let invoice = Invoice { institution: s.row.institution.clone(), number: s.row.invoice.clone() };
            self.invoice(invoice, s.row.shown.centre);
        }
        for t in &write.tasks {
            let (id, state) = match t {
                TaskChange::New(t) => (&t.id, t.state.as_str()),
                TaskChange::Decided { id, state, .. } => (id, *state),
            };
            self.tasks.insert(id.clone(), state.to_owned());
        }
        if let Some((_, hash)) = write.settings.iter().find(|(name, _)| name == "live_bundle") {
            self.bundle = Some(hash.clone());
        }
        for m in guard.accounts.iter().filter(|m| !m.amount.is_zero()) {
            let balance = self.balance(&m.account) + m.amount.units();
            self.accounts.insert(m.account.clone(), (balance, no));
            rows.account(m, no, balance, write.moves());
        }
    }
}
