//! Reading: a snapshot of everything a decision needs, at one commit.

use crate::db::{Store, StoreError};
use crate::rows::*;
use chrono::NaiveDateTime;
use dingan_core::codes::*;
use dingan_core::money::{Money, Quantity};
use dingan_core::person::*;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, Transaction};
use std::collections::{HashMap, HashSet};

/// A consistent view of the store as of a commit. Reads through it see nothing that came later.
pub struct Snapshot {
    tx: Transaction<'static, Sqlite>,
    as_of: CommitNo,
}

/// A person with the version of their book.
#[derive(Debug, Clone)]
pub struct PersonState {
    /// The person.
    pub person: Person,
    /// Version of the book, to be compared on commit.
    pub version: i64,
    /// The own account.
    pub own: AccountState,
    /// The family account, where there is one.
    pub family: Option<AccountState>,
}

/// An account with the version of its book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountState {
    /// Name of the account.
    pub account: String,
    /// Balance as of the snapshot.
    pub balance: Money,
    /// Version of the book.
    pub version: i64,
}

/// A visit as of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitState {
    /// The visit.
    pub doc: VisitDoc,
    /// Cancelled by 2202 or 2404.
    pub cancelled: bool,
}

impl Store {
    /// A snapshot of now.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut tx = self.pool.begin().await?;
        let as_of: Option<i64> =
            sqlx::query_scalar("SELECT max(commit_no) FROM commit_log").fetch_one(&mut *tx).await?;
        Ok(Snapshot { tx, as_of: as_of.unwrap_or(0) })
    }

    /// A snapshot as things were known at a commit, for replay.
    pub async fn snapshot_at(&self, as_of: CommitNo) -> Result<Snapshot, StoreError> {
        Ok(Snapshot { tx: self.pool.begin().await?, as_of })
    }
}

fn json<T: serde::de::DeserializeOwned>(table: &'static str, text: &str) -> Result<T, StoreError> {
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
    /// The commit up to which this snapshot sees.
    pub fn as_of(&self) -> CommitNo {
        self.as_of
    }

    /// Moves to how things were known at an earlier commit; returns where it was. The snapshot stays
    /// one transaction, so nothing is read that was not there when it was taken.
    pub fn go_to(&mut self, as_of: CommitNo) -> CommitNo {
        std::mem::replace(&mut self.as_of, as_of)
    }

    /// A setting, such as the live bundle.
    pub async fn setting(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT value FROM setting WHERE name = $1")
            .bind(name)
            .fetch_optional(&mut *self.tx)
            .await?)
    }

    /// The parts of a bundle.
    pub async fn bundle(&mut self, hash: &str) -> Result<Option<BundleParts>, StoreError> {
        let parts: Option<String> = sqlx::query_scalar("SELECT parts FROM bundle WHERE hash = $1")
            .bind(hash)
            .fetch_optional(&mut *self.tx)
            .await?;
        let Some(parts) = parts else { return Ok(None) };
        let hashes: Vec<String> = json("bundle", &parts)?;
        let mut out = Vec::with_capacity(hashes.len());
        for h in hashes {
            let row = sqlx::query("SELECT kind, content FROM bundle_part WHERE hash = $1")
                .bind(&h)
                .fetch_one(&mut *self.tx)
                .await?;
            out.push((row.get::<String, _>(0), row.get::<Vec<u8>, _>(1)));
        }
        Ok(Some(BundleParts(out)))
    }

    /// The person with the versions of their books.
    pub async fn person(&mut self, no: &PersonNo) -> Result<Option<PersonState>, StoreError> {
        let data: Option<String> = sqlx::query_scalar(
            "SELECT data FROM person WHERE psn_no = $1 AND commit_no <= $2 ORDER BY commit_no DESC LIMIT 1",
        )
        .bind(no.as_str())
        .bind(self.as_of)
        .fetch_optional(&mut *self.tx)
        .await?;
        let Some(data) = data else { return Ok(None) };
        let person: Person = json("person", &data)?;
        let version: Option<i64> = sqlx::query_scalar("SELECT version FROM person_book WHERE psn_no = $1")
            .bind(no.as_str())
            .fetch_optional(&mut *self.tx)
            .await?;
        let own = self.account(own_account(no)).await?;
        let family = match &person.family_account {
            Some(id) => Some(self.account(family_account(id)).await?),
            None => None,
        };
        Ok(Some(PersonState { person, version: version.unwrap_or(0), own, family }))
    }

    /// A family account.
    pub async fn family_account(&mut self, id: &str) -> Result<AccountState, StoreError> {
        self.account(family_account(id)).await
    }

    /// The accounts a settlement moved, as they are now, each with what the settlement added (negative for
    /// a payment).
    pub async fn accounts_moved(&mut self, setl_id: &SettlementId) -> Result<Vec<(AccountState, Money)>, StoreError> {
        let rows = sqlx::query("SELECT account, amount FROM account_entry WHERE setl_id = $1 ORDER BY account, seq")
            .bind(setl_id.as_str())
            .fetch_all(&mut *self.tx)
            .await?;
        let mut out = Vec::with_capacity(rows.len());
        for r in rows {
            out.push((self.account(r.get(0)).await?, money(r.get(1))));
        }
        Ok(out)
    }

    async fn account(&mut self, account: String) -> Result<AccountState, StoreError> {
        let version: Option<i64> = sqlx::query_scalar("SELECT version FROM account_book WHERE account = $1")
            .bind(&account)
            .fetch_optional(&mut *self.tx)
            .await?;
        let balance: Option<i64> =
            sqlx::query_scalar("SELECT sum(amount) FROM account_entry WHERE account = $1 AND commit_no <= $2")
                .bind(&account)
                .bind(self.as_of)
                .fetch_one(&mut *self.tx)
                .await?;
        Ok(AccountState { account, balance: money(balance.unwrap_or(0)), version: version.unwrap_or(0) })
    }

    /// Whom a certificate number belongs or once belonged to, letters in either case.
    pub async fn persons_by_cert(&mut self, cert_no: &str) -> Result<Vec<PersonNo>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar("SELECT psn_no FROM person_cert WHERE certno = $1 ORDER BY psn_no")
            .bind(cert_no.to_uppercase())
            .fetch_all(&mut *self.tx)
            .await?;
        Ok(rows.into_iter().map(PersonNo::from).collect())
    }

    /// A visit.
    pub async fn visit(&mut self, id: &VisitId) -> Result<Option<VisitState>, StoreError> {
        let row = sqlx::query(
            "SELECT data, cancelled FROM visit WHERE mdtrt_id = $1 AND commit_no <= $2 ORDER BY commit_no DESC LIMIT 1",
        )
        .bind(id.as_str())
        .bind(self.as_of)
        .fetch_optional(&mut *self.tx)
        .await?;
        row.map(|r| visit_state(&r)).transpose()
    }

    /// Every visit of a person that was not cancelled.
    pub async fn visits(&mut self, person: &PersonNo) -> Result<Vec<VisitDoc>, StoreError> {
        let rows = sqlx::query(
            "SELECT v.data, v.cancelled FROM visit v \
             WHERE v.psn_no = $1 AND v.commit_no = (SELECT max(w.commit_no) FROM visit w \
                 WHERE w.mdtrt_id = v.mdtrt_id AND w.commit_no <= $2)",
        )
        .bind(person.as_str())
        .bind(self.as_of)
        .fetch_all(&mut *self.tx)
        .await?;
        let mut out = Vec::with_capacity(rows.len());
        for r in rows {
            let v = visit_state(&r)?;
            if !v.cancelled {
                out.push(v.doc);
            }
        }
        out.sort_by(|a, b| (a.visit.begin, &a.visit.id).cmp(&(b.visit.begin, &b.visit.id)));
        Ok(out)
    }

    /// Everything known of a person that a decision on a visit may read. Lines of other visits come
    /// from `history_from` on.
    pub async fn person_file(
        &mut self,
        state: &PersonState,
        visit: &VisitId,
        history_from: NaiveDateTime,
    ) -> Result<PersonFile, StoreError> {
        let no = &state.person.no;
        let settled = self.live_settlements(no).await?;
        let entries = self.entries(no).await?;

        let mut deductible: HashMap<&VisitId, Money> = HashMap::new();
        let mut settled_visits: HashSet<&VisitId> = HashSet::new();
        for (visit, amounts) in &settled {
            settled_visits.insert(visit);
            *deductible.entry(visit).or_default() += amounts.deductible;
        }
        let visits = self
            .visits(no)
            .await?
            .into_iter()
            .filter(|d| d.visit.id != *visit)
            .map(|d| PastVisit {
                settled: settled_visits.contains(&d.visit.id),
                deductible: deductible.get(&d.visit.id).copied().unwrap_or_default(),
                id: d.visit.id,
                institution: d.visit.institution,
                med_type: d.visit.med_type,
                begin: d.visit.begin,
                end: d.visit.end,
                diagnoses: d.visit.diagnoses,
                discharge_way: d.visit.discharge_way,
            })
            .collect();

        Ok(PersonFile {
            as_of: self.as_of,
            person: state.person.clone(),
            balances: Balances {
                own: state.own.balance,
                family: state.family.as_ref().map_or(Money::ZERO, |f| f.balance),
            },
            entries,
            visits,
            lines: self.history(no, visit, history_from).await?,
            settled_lines: self.settled_lines(visit).await?,
            lists: self.lists_of_person(no).await?,
        })
    }

    async fn live_settlements(
        &mut self,
        person: &PersonNo,
    ) -> Result<Vec<(VisitId, dingan_core::decision::Amounts)>, StoreError> {
        let rows = sqlx::query(
            "SELECT mdtrt_id, amounts FROM settlement WHERE psn_no = $1 AND commit_no <= $2 AND reverses IS NULL \
             AND (reversed_commit IS NULL OR reversed_commit > $2) ORDER BY commit_no",
        )
        .bind(person.as_str())
        .bind(self.as_of)
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter().map(|r| Ok((VisitId::from(r.get::<String, _>(0)), json("settlement", r.get(1))?))).collect()
    }

    /// Live accumulator entries of a person, in commit order.
    pub async fn entries(&mut self, person: &PersonNo) -> Result<Vec<AccumulatorEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT acc_key, period, disease, insutype, mdtrt_id, amount FROM accumulator_entry \
             WHERE psn_no = $1 AND commit_no <= $2 AND (freed_commit IS NULL OR freed_commit > $2) \
             ORDER BY commit_no, seq",
        )
        .bind(person.as_str())
        .bind(self.as_of)
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(rows
            .iter()
            .map(|r| AccumulatorEntry {
                key: r.get(0),
                period: r.get(1),
                disease: r.get::<String, _>(2).into(),
                insurance: r.get::<String, _>(3).into(),
                visit: r.get::<String, _>(4).into(),
                amount: money(r.get(5)),
            })
            .collect())
    }

    async fn history(
        &mut self,
        person: &PersonNo,
        visit: &VisitId,
        from: NaiveDateTime,
    ) -> Result<Vec<PastLine>, StoreError> {
        let rows = sqlx::query(
            "SELECT h.mdtrt_id, h.setl_id, h.feedetl_sn, h.item, h.fee_time, h.quantity, h.amount, h.supply_days \
             FROM history_line h JOIN settlement s ON s.setl_id = h.setl_id \
             WHERE h.psn_no = $1 AND h.fee_time >= $2 AND h.mdtrt_id <> $3 AND s.commit_no <= $4 \
             AND (s.reversed_commit IS NULL OR s.reversed_commit > $4) \
             ORDER BY h.fee_time, h.setl_id, h.feedetl_sn",
        )
        .bind(person.as_str())
        .bind(time_text(from))
        .bind(visit.as_str())
        .bind(self.as_of)
        .fetch_all(&mut *self.tx)
        .await?;
        let mut out: Vec<PastLine> = Vec::with_capacity(rows.len());
        for r in rows {
            out.push(PastLine {
                visit: r.get::<String, _>(0).into(),
                settlement: r.get::<String, _>(1).into(),
                no: r.get::<String, _>(2).into(),
                item: r.get::<String, _>(3).into(),
                time: time_of(r.get(4)).ok_or_else(|| StoreError::damaged("history_line", "time"))?,
                quantity: Quantity::from_units(r.get(5)),
                amount: money(r.get(6)),
                supply_days: r.get::<Option<i64>, _>(7).map(Quantity::from_units),
            });
        }
        Ok(dingan_core::journal::net_history(out))
    }

    /// Lines of a visit that live settlements settled.
    pub async fn settled_lines(&mut self, visit: &VisitId) -> Result<Vec<SettledLine>, StoreError> {
        let rows = sqlx::query(
            "SELECT l.data, x.amount, x.setl_id FROM settlement_line x \
             JOIN settlement s ON s.setl_id = x.setl_id \
             JOIN fee_line l ON l.mdtrt_id = x.mdtrt_id AND l.feedetl_sn = x.feedetl_sn AND l.commit_no = x.line_commit \
             WHERE x.mdtrt_id = $1 AND s.commit_no <= $2 AND (s.reversed_commit IS NULL OR s.reversed_commit > $2) \
             ORDER BY s.commit_no, x.feedetl_sn",
        )
        .bind(visit.as_str())
        .bind(self.as_of)
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter()
            .map(|r| {
                Ok(SettledLine {
                    settlement: r.get::<String, _>(2).into(),
                    line: json("fee_line", r.get(0))?,
                    amount: money(r.get(1)),
                })
            })
            .collect()
    }

    /// Lines of a visit that no live settlement holds.
    pub async fn unsettled_lines(&mut self, visit: &VisitId) -> Result<Vec<StoredLine>, StoreError> {
        let rows = sqlx::query(
            "SELECT l.data, l.commit_no FROM fee_line l \
             WHERE l.mdtrt_id = $1 AND l.commit_no <= $2 AND (l.void_commit IS NULL OR l.void_commit > $2) \
             AND NOT EXISTS (SELECT 1 FROM settlement_line x JOIN settlement s ON s.setl_id = x.setl_id \
                 WHERE x.mdtrt_id = l.mdtrt_id AND x.feedetl_sn = l.feedetl_sn AND x.line_commit = l.commit_no \
                 AND s.commit_no <= $2 AND (s.reversed_commit IS NULL OR s.reversed_commit > $2)) \
             ORDER BY l.commit_no, l.feedetl_sn",
        )
        .bind(visit.as_str())
        .bind(self.as_of)
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter().map(|r| Ok(StoredLine { line: json("fee_line", r.get(0))?, commit_no: r.get(1) })).collect()
    }

    /// Those of the named lines that the visit has, settled or not, and every refund of them.
    pub async fn find_lines(&mut self, visit: &VisitId, numbers: &[LineNo]) -> Result<Vec<StoredLine>, StoreError> {
        let mut out = Vec::new();
        for column in ["feedetl_sn", "init_feedetl_sn"] {
            for chunk in numbers.chunks(1000) {
                let mut q = QueryBuilder::<Sqlite>::new("SELECT data, commit_no FROM fee_line WHERE mdtrt_id = ");
                q.push_bind(visit.as_str()).push(" AND commit_no <= ").push_bind(self.as_of);
                q.push(" AND (void_commit IS NULL OR void_commit > ").push_bind(self.as_of);
                q.push(") AND ").push(column).push(" IN (");
                let mut list = q.separated(", ");
                for n in chunk {
                    list.push_bind(n.as_str());
                }
                q.push(")");
                for r in q.build().fetch_all(&mut *self.tx).await? {
                    out.push(StoredLine { line: json("fee_line", r.get(0))?, commit_no: r.get(1) });
                }
            }
        }
        Ok(out)
    }

    /// How many lines a visit has, settled or not.
    pub async fn line_count(&mut self, visit: &VisitId) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM fee_line WHERE mdtrt_id = $1 AND void_commit IS NULL")
            .bind(visit.as_str())
            .fetch_one(&mut *self.tx)
            .await?)
    }

    /// A kept answer.
    pub async fn message(
        &mut self,
        institution: &InstitutionCode,
        infno: &str,
        msgid: &str,
    ) -> Result<Option<MessageRow>, StoreError> {
        Ok(self.messages(institution, msgid).await?.into_iter().find(|m| m.infno == infno))
    }

    /// Every kept answer under a msgid.
    pub async fn messages(
        &mut self,
        institution: &InstitutionCode,
        msgid: &str,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT infno, input_hash, at, mdtrt_id, setl_id, answer FROM message \
             WHERE fixmedins_code = $1 AND msgid = $2 ORDER BY commit_no",
        )
        .bind(institution.as_str())
        .bind(msgid)
        .fetch_all(&mut *self.tx)
        .await?;
        rows.iter().map(message_row).collect()
    }
}

pub(crate) fn message_row(r: &SqliteRow) -> Result<MessageRow, StoreError> {
    Ok(MessageRow {
        infno: r.get(0),
        input_hash: r.get(1),
        at: time_of(r.get(2)).ok_or_else(|| StoreError::damaged("message", "time"))?,
        visit: r.get::<String, _>(3).into(),
        settlement: r.get::<String, _>(4).into(),
        answer: r.get(5),
    })
}

fn visit_state(r: &SqliteRow) -> Result<VisitState, StoreError> {
    Ok(VisitState { doc: json("visit", r.get(0))?, cancelled: r.get::<i64, _>(1) != 0 })
}

impl Snapshot {
    pub(crate) fn connection(&mut self) -> &mut sqlx::SqliteConnection {
        &mut self.tx
    }
}
