//! Reading: a snapshot of everything a decision needs, at one commit.

use crate::db::{Store, StoreError};
use crate::pool::{Lease, Pool};
use crate::rows::*;
use crate::sql::{Row, args};
use dingan_core::codes::*;
use dingan_core::money::Money;
use dingan_core::person::*;
use std::collections::HashMap;

/// A consistent view of the store as of a commit. It is no transaction: numbers become visible in their order
/// and facts are append-only, so that a statement filtered by the number reads the same whenever it runs.
pub struct Snapshot {
    pub(crate) lease: Lease,
    pub(crate) as_of: CommitNo,
    live_bundle: Option<String>,
}

/// A person with their accounts.
#[derive(Debug, Clone)]
pub struct PersonState {
    /// The person.
    pub person: Person,
    /// Up to which commit they were read, to be compared on commit.
    pub as_of: CommitNo,
    /// The own account.
    pub own: AccountState,
    /// The family account, where there is one.
    pub family: Option<AccountState>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountState {
    /// Name of the account.
    pub account: String,
    /// Balance as of the snapshot.
    pub balance: Money,
}

/// A visit as of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitState {
    /// The visit.
    pub doc: VisitDoc,
    /// Cancelled by 2202 or 2404.
    pub cancelled: bool,
}

impl AccountState {
    fn empty(account: String) -> Self {
        Self { account, balance: Money::ZERO }
    }
}

impl Store {
    /// A snapshot of now.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        snapshot(&self.pool).await
    }

    /// The same on a connection kept for inspection. An embedded store reads on a thread that has the priority of
    /// the thread that first asked.
    pub async fn snapshot_beside(&self) -> Result<Snapshot, StoreError> {
        snapshot(&self.beside).await
    }

    /// A kept answer. It is never changed, so that no snapshot is needed to read it.
    pub async fn message(
        &self,
        institution: &InstitutionCode,
        infno: &str,
        msgid: &str,
    ) -> Result<Option<MessageRow>, StoreError> {
        kept(&mut self.pool.lease().await?, institution, infno, msgid).await
    }

    /// A snapshot as things were known at a commit, for replay.
    pub async fn snapshot_at(&self, as_of: CommitNo) -> Result<Snapshot, StoreError> {
        Ok(Snapshot { as_of, ..self.snapshot().await? })
    }
}

async fn snapshot(pool: &Pool) -> Result<Snapshot, StoreError> {
    let mut lease = pool.lease().await?;
    let row = lease
        .row(
            "SELECT no, (SELECT value FROM setting WHERE name = 'live_bundle') FROM commit_counter WHERE one = 1",
            args![],
        )
        .await?
        .ok_or_else(|| StoreError::damaged("commit_counter", "the row is gone"))?;
    Ok(Snapshot { as_of: row.int(0), live_bundle: row.opt_text(1), lease })
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(table: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::damaged(table, e))
}

/// The name of a person's own account.
pub(crate) fn own_account(person: &PersonNo) -> String {
    format!("own/{person}")
}

/// The name of a family account.
pub(crate) fn family_account(id: &str) -> String {
    format!("family/{id}")
}

impl Snapshot {
    pub(crate) fn of(lease: Lease, as_of: CommitNo, live_bundle: Option<String>) -> Self {
        Self { lease, as_of, live_bundle }
    }

    /// The commit up to which this snapshot sees.
    pub fn as_of(&self) -> CommitNo {
        self.as_of
    }

    /// Moves to how things were known at an earlier commit; returns where it was.
    pub fn go_to(&mut self, as_of: CommitNo) -> CommitNo {
        std::mem::replace(&mut self.as_of, as_of)
    }

    /// Hash of the bundle in force when the snapshot was taken.
    pub fn live_bundle(&self) -> Option<&str> {
        self.live_bundle.as_deref()
    }

    /// A setting, as it is now.
    pub async fn setting(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.lease.row("SELECT value FROM setting WHERE name = $1", args![name]).await?.map(|r| r.text(0)))
    }

    /// The parts of a bundle.
    pub async fn bundle(&mut self, hash: &str) -> Result<Option<BundleParts>, StoreError> {
        let Some(row) = self.lease.row("SELECT parts FROM bundle WHERE hash = $1", args![hash]).await? else {
            return Ok(None);
        };
        let hashes: Vec<String> = json("bundle", row.str(0))?;
        let mut out = Vec::with_capacity(hashes.len());
        for h in hashes {
            let row = self
                .lease
                .row("SELECT kind, content FROM bundle_part WHERE hash = $1", args![&h])
                .await?
                .ok_or_else(|| StoreError::damaged("bundle", "a part is missing"))?;
            out.push((row.text(0), row.text(1).into_bytes()));
        }
        Ok(Some(BundleParts(out)))
    }

    /// The person with their accounts.
    pub async fn person(&mut self, no: &PersonNo) -> Result<Option<PersonState>, StoreError> {
        let row = self
            .lease
            .row(
                "SELECT data FROM person WHERE psn_no = $1 AND commit_no <= $2 ORDER BY commit_no DESC LIMIT 1",
                args![no.as_str(), self.as_of],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let person: Person = json("person", row.str(0))?;
        let names: Vec<String> = [Some(own_account(no)), person.family_account.as_deref().map(family_account)]
            .into_iter()
            .flatten()
            .collect();
        let mut states = self.accounts(names).await?.into_iter();
        let own = states.next().unwrap_or_else(|| AccountState::empty(own_account(no)));
        Ok(Some(PersonState { person, as_of: self.as_of, own, family: states.next() }))
    }

    /// A family account.
    pub async fn family_account(&mut self, id: &str) -> Result<AccountState, StoreError> {
        let name = family_account(id);
        Ok(self.accounts(vec![name.clone()]).await?.pop().unwrap_or_else(|| AccountState::empty(name)))
    }

    /// The accounts a settlement and its corrections moved, as they are now, each with what was added together
    /// (negative for a payment).
    pub async fn accounts_moved(&mut self, ids: &[String]) -> Result<Vec<(AccountState, Money)>, StoreError> {
        let rows = self
            .lease
            .rows(
                "SELECT account, CAST(sum(amount) AS BIGINT) FROM account_entry \
                 WHERE setl_id IN (list $1) AND setl_id <> '' GROUP BY account ORDER BY account",
                args![ids],
            )
            .await?;
        let states = self.accounts(rows.iter().map(|r| r.text(0)).collect()).await?;
        Ok(states.into_iter().zip(rows.iter().map(|r| money(r.int(1)))).collect())
    }

    /// Accounts by name, in the order asked for; one that nothing was ever put in is empty.
    async fn accounts(&mut self, names: Vec<String>) -> Result<Vec<AccountState>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self
            .lease
            .rows(
                "SELECT e.account, e.balance FROM account_entry e WHERE e.account IN (list $1) AND e.commit_no = \
                 (SELECT max(n.commit_no) FROM account_entry n WHERE n.account = e.account AND n.commit_no <= $2)",
                args![&names[..], self.as_of],
            )
            .await?;
        let found: HashMap<&str, i64> = rows.iter().map(|r| (r.str(0), r.int(1))).collect();
        Ok(names
            .iter()
            .map(|n| AccountState {
                account: n.clone(),
                balance: money(found.get(n.as_str()).copied().unwrap_or_default()),
            })
            .collect())
    }

    /// Whom a certificate number belongs or once belonged to, letters in either case.
    pub async fn persons_by_cert(&mut self, cert_no: &str) -> Result<Vec<PersonNo>, StoreError> {
        let sql = "SELECT psn_no FROM person_cert WHERE certno = $1 ORDER BY psn_no";
        let rows = self.lease.rows(sql, args![cert_no.to_uppercase()]).await?;
        Ok(rows.iter().map(|r| PersonNo::from(r.text(0))).collect())
    }

    /// A visit.
    pub async fn visit(&mut self, id: &VisitId) -> Result<Option<VisitState>, StoreError> {
        let row = self.lease.row("SELECT data, cancelled FROM visit WHERE mdtrt_id = $1 AND commit_no <= $2 ORDER BY commit_no DESC LIMIT 1", args![id.as_str(), self.as_of])
        .await?;
        row.map(|r| visit_state(&r, 0, 1)).transpose()
    }

    /// Every visit of a person that was not cancelled.
    pub async fn visits(&mut self, person: &PersonNo) -> Result<Vec<VisitDoc>, StoreError> {
        let rows = self
            .lease
            .rows(
                "SELECT v.data, v.cancelled FROM visit v \
             WHERE v.psn_no = $1 AND v.commit_no = (SELECT max(w.commit_no) FROM visit w \
                 WHERE w.mdtrt_id = v.mdtrt_id AND w.commit_no <= $2)",
                args![person.as_str(), self.as_of],
            )
            .await?;
        let mut out = Vec::with_capacity(rows.len());
        for r in rows {
            let v = visit_state(&r, 0, 1)?;
            if !v.cancelled {
                out.push(v.doc);
            }
        }
        out.sort_by(|a, b| (a.visit.begin, &a.visit.id).cmp(&(b.visit.begin, &b.visit.id)));
        Ok(out)
    }

    /// Live accumulator entries of a person, in commit order.
    pub async fn entries(&mut self, person: &PersonNo) -> Result<Vec<AccumulatorEntry>, StoreError> {
        let rows = self
            .lease
            .rows(
                "SELECT acc_key, period, disease, insutype, mdtrt_id, amount FROM accumulator_entry \
             WHERE psn_no = $1 AND commit_no <= $2 AND (freed_commit IS NULL OR freed_commit > $2) \
             ORDER BY commit_no, seq",
                args![person.as_str(), self.as_of],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|r| AccumulatorEntry {
                key: r.text(0),
                period: r.text(1),
                disease: r.text(2).into(),
                insurance: r.text(3).into(),
                visit: r.text(4).into(),
                amount: money(r.int(5)),
            })
            .collect())
    }

    /// Those of the named lines that the visit has, settled or not, and every refund of them.
    pub async fn find_lines(&mut self, visit: &VisitId, numbers: &[LineNo]) -> Result<Vec<StoredLine>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let numbers: Vec<String> = numbers.iter().map(|n| n.as_str().to_owned()).collect();
        let rows = self
            .lease
            .rows(
                "SELECT data, commit_no FROM fee_line WHERE mdtrt_id = $1 AND feedetl_sn IN (list $3) \
                 AND commit_no <= $2 AND (void_commit IS NULL OR void_commit > $2) \
                 UNION ALL \
                 SELECT data, commit_no FROM fee_line WHERE mdtrt_id = $1 AND init_feedetl_sn IN (list $3) \
                 AND commit_no <= $2 AND (void_commit IS NULL OR void_commit > $2)",
                args![visit.as_str(), self.as_of, &numbers[..]],
            )
            .await?;
        rows.iter().map(|r| Ok(StoredLine { line: json("fee_line", r.str(0))?, commit_no: r.int(1) })).collect()
    }

    /// How many lines a visit has, settled or not.
    pub async fn line_count(&mut self, visit: &VisitId) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM fee_line WHERE mdtrt_id = $1 AND commit_no <= $2 \
                   AND (void_commit IS NULL OR void_commit > $2)";
        let row = self.lease.row(sql, args![visit.as_str(), self.as_of]).await?;
        Ok(row.map_or(0, |r| r.int(0)))
    }

    /// A kept answer.
    pub async fn message(
        &mut self,
        institution: &InstitutionCode,
        infno: &str,
        msgid: &str,
    ) -> Result<Option<MessageRow>, StoreError> {
        kept(&mut self.lease, institution, infno, msgid).await
    }

    /// Every kept answer under a msgid.
    pub async fn messages(
        &mut self,
        institution: &InstitutionCode,
        msgid: &str,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let rows = self
            .lease
            .rows(
                "SELECT infno, input_hash, at, mdtrt_id, setl_id, answer FROM message \
             WHERE fixmedins_code = $1 AND msgid = $2 ORDER BY commit_no",
                args![institution.as_str(), msgid],
            )
            .await?;
        rows.iter().map(message_row).collect()
    }
}

async fn kept(
    lease: &mut Lease,
    institution: &InstitutionCode,
    infno: &str,
    msgid: &str,
) -> Result<Option<MessageRow>, StoreError> {
    let sql = "SELECT infno, input_hash, at, mdtrt_id, setl_id, answer FROM message \
               WHERE msgid = $1 AND fixmedins_code = $2 AND infno = $3";
    let row = lease.row(sql, args![msgid, institution.as_str(), infno]).await?;
    row.map(|r| message_row(&r)).transpose()
}

pub(crate) fn message_row(r: &Row) -> Result<MessageRow, StoreError> {
    Ok(MessageRow {
        infno: r.text(0),
        input_hash: r.text(1),
        at: time_of(r.str(2)).ok_or_else(|| StoreError::damaged("message", "time"))?,
        visit: r.text(3).into(),
        settlement: r.text(4).into(),
        answer: r.opt_text(5),
    })
}

/// A visit of a row that has its document and whether it is cancelled in these columns.
pub(crate) fn visit_state(r: &Row, document: usize, cancelled: usize) -> Result<VisitState, StoreError> {
    Ok(VisitState { doc: json("visit", r.str(document))?, cancelled: r.int(cancelled) != 0 })
}
