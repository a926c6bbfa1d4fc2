//! How the rows of a change lie in their tables.

use super::{AccountMove, CommitError, MessageKey, NewFindings, NewSettlement, NewVoid, Write};
use crate::db::StoreError;
use crate::rows::*;
use chrono::NaiveDateTime;
use dingan_core::codes::*;
use dingan_core::money::Quantity;
use dingan_core::person::{CommitNo, Person};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// Rows of one multi-row insert: SQLite takes 32,766 parameters a statement.
const CHUNK: usize = 1000;

pub(super) fn text(table: &'static str, v: &impl serde::Serialize) -> Result<String, CommitError> {
    serde_json::to_string(v).map_err(|e| StoreError::damaged(table, e).into())
}

pub(super) async fn accounts(
    c: &mut SqliteConnection,
    no: CommitNo,
    moves: &[AccountMove],
    setl_id: &SettlementId,
) -> Result<(), CommitError> {
    // a fixed order of keys, so that two servers never wait for each other in a circle
    let mut moves: Vec<&AccountMove> = moves.iter().collect();
    moves.sort_by(|a, b| a.account.cmp(&b.account));
    for (seq, m) in moves.iter().enumerate() {
        let swapped = if m.version == 0 {
            sqlx::query(
                "INSERT INTO account_book (account, balance, version) VALUES ($1, $2, 1) ON CONFLICT DO NOTHING",
            )
            .bind(&m.account)
            .bind(m.amount.units())
        } else {
            sqlx::query(
                "UPDATE account_book SET balance = balance + $2, version = version + 1 \
                 WHERE account = $1 AND version = $3 AND balance + $2 >= 0",
            )
            .bind(&m.account)
            .bind(m.amount.units())
            .bind(m.version)
        };
        if swapped.execute(&mut *c).await?.rows_affected() != 1 {
            return Err(CommitError::Conflict);
        }
        sqlx::query("INSERT INTO account_entry (account, commit_no, seq, amount, setl_id) VALUES ($1, $2, $3, $4, $5)")
            .bind(&m.account)
            .bind(no)
            .bind(seq as i64)
            .bind(m.amount.units())
            .bind(setl_id.as_str())
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}

pub(super) async fn person(c: &mut SqliteConnection, no: CommitNo, p: &Person) -> Result<(), CommitError> {
    sqlx::query("INSERT INTO person (psn_no, commit_no, data) VALUES ($1, $2, $3)")
        .bind(p.no.as_str())
        .bind(no)
        .bind(text("person", p)?)
        .execute(&mut *c)
        .await?;
    sqlx::query("INSERT INTO person_cert (certno, psn_no) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(p.cert_no.to_uppercase())
        .bind(p.no.as_str())
        .execute(&mut *c)
        .await?;
    Ok(())
}

pub(super) async fn visit(
    c: &mut SqliteConnection,
    no: CommitNo,
    d: &VisitDoc,
    cancelled: bool,
) -> Result<(), CommitError> {
    sqlx::query(
        "INSERT INTO visit (mdtrt_id, commit_no, psn_no, fixmedins_code, cancelled, data) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(d.visit.id.as_str())
    .bind(no)
    .bind(d.visit.person.as_str())
    .bind(d.visit.institution.as_str())
    .bind(i64::from(cancelled))
    .bind(text("visit", d)?)
    .execute(&mut *c)
    .await?;
    Ok(())
}

pub(super) async fn new_lines(
    c: &mut SqliteConnection,
    no: CommitNo,
    visit: &VisitId,
    lines: &[dingan_core::claim::Line],
) -> Result<(), CommitError> {
    for chunk in lines.chunks(CHUNK) {
        let rows: Vec<(&dingan_core::claim::Line, String)> =
            chunk.iter().map(|l| Ok((l, text("fee_line", l)?))).collect::<Result<_, CommitError>>()?;
        QueryBuilder::<Sqlite>::new(
            "INSERT INTO fee_line (mdtrt_id, feedetl_sn, commit_no, chrg_bchno, init_feedetl_sn, data) ",
        )
        .push_values(rows, |mut b, (l, data)| {
            b.push_bind(visit.as_str())
                .push_bind(l.no.as_str())
                .push_bind(no)
                .push_bind(&l.batch)
                .push_bind(l.refund_of.as_ref().map(LineNo::as_str))
                .push_bind(data);
        })
        .build()
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

pub(super) async fn void_lines(c: &mut SqliteConnection, no: CommitNo, v: &NewVoid) -> Result<(), CommitError> {
    for chunk in v.lines.chunks(CHUNK) {
        let mut q = QueryBuilder::<Sqlite>::new("UPDATE fee_line SET void_commit = ");
        q.push_bind(no).push(" WHERE mdtrt_id = ").push_bind(v.visit.as_str());
        q.push(" AND void_commit IS NULL AND feedetl_sn IN (");
        let mut list = q.separated(", ");
        for l in chunk {
            list.push_bind(l.as_str());
        }
        q.push(")");
        q.build().execute(&mut *c).await?;
    }
    Ok(())
}

pub(super) async fn settlement(c: &mut SqliteConnection, no: CommitNo, s: &NewSettlement) -> Result<(), CommitError> {
    let r = &s.row;
    if let Some(original) = &r.reverses {
        let n =
            sqlx::query("UPDATE settlement SET reversed_commit = $1 WHERE setl_id = $2 AND reversed_commit IS NULL")
                .bind(no)
                .bind(original.as_str())
                .execute(&mut *c)
                .await?;
        if n.rows_affected() != 1 {
            return Err(CommitError::Conflict);
        }
        sqlx::query("UPDATE accumulator_entry SET freed_commit = $1 WHERE setl_id = $2 AND freed_commit IS NULL")
            .bind(no)
            .bind(original.as_str())
            .execute(&mut *c)
            .await?;
        sqlx::query("UPDATE finding SET status = 'void' WHERE setl_id = $1 AND status = 'open'")
            .bind(original.as_str())
            .execute(&mut *c)
            .await?;
    }
    sqlx::query(
        "INSERT INTO settlement (setl_id, commit_no, psn_no, mdtrt_id, fixmedins_code, chrg_bchno, setl_time, year, \
         reverses, as_of, bundle, msgid, invono, request, shown, amounts, decision) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(r.id.as_str())
    .bind(no)
    .bind(r.person.as_str())
    .bind(r.visit.as_str())
    .bind(r.institution.as_str())
    .bind(&r.batch)
    .bind(time_text(r.time))
    .bind(i64::from(r.year))
    .bind(r.reverses.as_ref().map(SettlementId::as_str))
    .bind(r.as_of)
    .bind(&r.bundle)
    .bind(&r.msgid)
    .bind(&r.invoice)
    .bind(text("settlement", &r.request)?)
    .bind(text("settlement", &r.shown)?)
    .bind(text("settlement", &r.amounts)?)
    .bind(&r.decision)
    .execute(&mut *c)
    .await?;

    let id = r.id.as_str();
    for chunk in s.lines.chunks(CHUNK) {
        QueryBuilder::<Sqlite>::new(
            "INSERT INTO settlement_line (setl_id, feedetl_sn, mdtrt_id, line_commit, amount) ",
        )
        .push_values(chunk, |mut b, (l, amount)| {
            b.push_bind(id)
                .push_bind(l.line.no.as_str())
                .push_bind(r.visit.as_str())
                .push_bind(l.commit_no)
                .push_bind(amount.units());
        })
        .build()
        .execute(&mut *c)
        .await?;
    }
    for chunk in s.history.chunks(CHUNK) {
        QueryBuilder::<Sqlite>::new(
            "INSERT INTO history_line (psn_no, fee_time, setl_id, feedetl_sn, mdtrt_id, item, quantity, amount, supply_days) ",
        )
        .push_values(chunk, |mut b, l| {
            b.push_bind(r.person.as_str())
                .push_bind(time_text(l.time))
                .push_bind(id)
                .push_bind(l.no.as_str())
                .push_bind(r.visit.as_str())
                .push_bind(l.item.as_str())
                .push_bind(l.quantity.units())
                .push_bind(l.amount.units())
                .push_bind(l.supply_days.map(Quantity::units));
        })
        .build()
        .execute(&mut *c)
        .await?;
    }
    for chunk in s.entries.chunks(CHUNK) {
        QueryBuilder::<Sqlite>::new(
            "INSERT INTO accumulator_entry (setl_id, seq, psn_no, commit_no, acc_key, period, disease, insutype, mdtrt_id, amount) ",
        )
        .push_values(chunk.iter().enumerate(), |mut b, (seq, e)| {
            b.push_bind(id)
                .push_bind(seq as i64)
                .push_bind(r.person.as_str())
                .push_bind(no)
                .push_bind(&e.key)
                .push_bind(&e.period)
                .push_bind(e.disease.as_str())
                .push_bind(e.insurance.as_str())
                .push_bind(e.visit.as_str())
                .push_bind(e.amount.units());
        })
        .build()
        .execute(&mut *c)
        .await?;
    }
    if !s.postings.is_empty() {
        QueryBuilder::<Sqlite>::new("INSERT INTO ledger_entry (setl_id, seq, commit_no, account, amount) ")
            .push_values(s.postings.iter().enumerate(), |mut b, (seq, p)| {
                b.push_bind(id).push_bind(seq as i64).push_bind(no).push_bind(&p.account).push_bind(p.amount.units());
            })
            .build()
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}

pub(super) async fn findings(
    c: &mut SqliteConnection,
    no: CommitNo,
    f: &NewFindings,
    at: NaiveDateTime,
) -> Result<(), CommitError> {
    // a review of many settlements is one run, written settlement by settlement
    sqlx::query(
        "INSERT INTO review_run (run_id, commit_no, cause, bundle, as_of, at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (run_id) DO NOTHING",
    )
    .bind(&f.run)
    .bind(no)
    .bind(&f.cause)
    .bind(&f.bundle)
    .bind(f.as_of)
    .bind(time_text(at))
    .execute(&mut *c)
    .await?;
    for x in &f.findings {
        let word = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
        let severity = serde_json::to_value(x.severity).map_err(|e| StoreError::damaged("finding", e))?;
        let stage = serde_json::to_value(x.stage).map_err(|e| StoreError::damaged("finding", e))?;
        sqlx::query(
            "INSERT INTO finding (run_id, finding_id, setl_id, mdtrt_id, psn_no, fixmedins_code, rule_code, rule_version, \
             severity, stage, charge_amt, fund_amt, psn_amt, data, found_at, status) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'open')",
        )
        .bind(&f.run)
        .bind(&x.id)
        .bind(f.settlement.as_str())
        .bind(f.visit.as_str())
        .bind(f.person.as_str())
        .bind(f.institution.as_str())
        .bind(&x.rule)
        .bind(i64::from(x.version))
        .bind(word(&severity))
        .bind(word(&stage))
        .bind(x.charge.units())
        .bind(x.fund.units())
        .bind(x.person.units())
        .bind(text("finding", x)?)
        .bind(time_text(at))
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

pub(super) async fn bundle(
    c: &mut SqliteConnection,
    hash: &str,
    parts: &BundleParts,
    at: NaiveDateTime,
) -> Result<(), CommitError> {
    let mut hashes = Vec::with_capacity(parts.0.len());
    for (kind, content) in &parts.0 {
        let h = part_hash(kind, content);
        sqlx::query("INSERT INTO bundle_part (hash, kind, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(&h)
            .bind(kind)
            .bind(content)
            .execute(&mut *c)
            .await?;
        hashes.push(h);
    }
    sqlx::query("INSERT INTO bundle (hash, parts, made_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(hash)
        .bind(text("bundle", &hashes)?)
        .bind(time_text(at))
        .execute(&mut *c)
        .await?;
    Ok(())
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

pub(super) async fn message(
    c: &mut SqliteConnection,
    no: CommitNo,
    m: &MessageKey,
    w: &Write,
    setl_id: &str,
    answer: Option<&str>,
) -> Result<(), CommitError> {
    let n = sqlx::query(
        "INSERT INTO message (fixmedins_code, infno, msgid, input_hash, commit_no, at, mdtrt_id, setl_id, answer) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(m.institution.as_str())
    .bind(&m.infno)
    .bind(&m.msgid)
    .bind(&m.input_hash)
    .bind(no)
    .bind(time_text(w.at))
    .bind(w.message_visit.as_str())
    .bind(setl_id)
    .bind(answer)
    .execute(&mut *c)
    .await?;
    if n.rows_affected() == 0 {
        return Err(CommitError::Answered);
    }
    Ok(())
}
