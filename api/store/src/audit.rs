//! The audit log: who did what. Rows are only added, in the order of commits, and the hash of each covers the one
//! before it, so that a byte changed anywhere, a row taken out or put in between is found by [`Audit::verify`].
//! What is cut off at the end is found by whoever noted a later head.
//!
//! The writer holds the commit counter while it adds rows (ADR 5), on any number of servers, so the chain needs no
//! lock of its own, and a group of changes without an entry costs nothing.

use crate::db::{Location, StoreError};
use crate::pool::Pool;
use crate::rows::time_text;
use crate::sql::{Conn, Options, Row, args};
use chrono::NaiveDateTime;
use dingan_core::person::CommitNo;
use sha2::{Digest, Sha256};

/// The hash before the first row.
const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Rows read at a time.
const PAGE: i64 = 1000;

/// What is put on record with a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditEntry {
    /// Account, key, or user of the command line.
    pub who: String,
    /// What was done: a word of a closed list.
    pub what: &'static str,
    /// To what: a bundle's hash, a settlement, an account.
    pub subject: String,
    /// More, as a JSON object.
    pub detail: String,
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Counts from 1 without gaps.
    pub seq: i64,
    /// The commit it came with.
    pub commit_no: CommitNo,
    /// When, local civil time.
    pub at: String,
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
    /// To what.
    pub subject: String,
    /// More, as a JSON object.
    pub detail: String,
    /// SHA-256 over the hash of the row before and this row's columns, in hexadecimal.
    pub hash: String,
}

impl AuditRow {
    /// SHA-256 of the netstrings (`5:bytes,`) of the hash before and the columns in order.
    fn hash_after(&self, before: &str) -> String {
        let mut h = Sha256::new();
        let (seq, commit_no) = (self.seq.to_string(), self.commit_no.to_string());
        for field in [before, &seq, &commit_no, &self.at, &self.who, &self.what, &self.subject, &self.detail] {
            h.update(field.len().to_string());
            h.update(b":");
            h.update(field.as_bytes());
            h.update(b",");
        }
        h.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// The end of the log: noted elsewhere, it proves later that nothing before it was changed or cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// Number of the last row; 0 where there is none.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

impl AuditHead {
    fn beginning() -> Self {
        Self { seq: 0, hash: BEGINNING.to_owned() }
    }

    /// Reads `SEQ:HASH`.
    pub fn parse(text: &str) -> Option<Self> {
        let (seq, hash) = text.split_once(':')?;
        let good = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        good.then_some(Self { seq: seq.parse().ok().filter(|s| *s >= 0)?, hash: hash.to_ascii_lowercase() })
    }
}

impl std::fmt::Display for AuditHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// A text as both databases can hold it.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The entries of a group of changes as rows after the head, which is moved on. To be called with the counter held.
pub(crate) async fn chain(
    c: &mut Conn,
    entries: Vec<(CommitNo, NaiveDateTime, AuditEntry)>,
) -> Result<Vec<AuditRow>, sqlx::Error> {
    let last = c.rows("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1", args![]).await?;
    let mut head = last.first().map_or_else(AuditHead::beginning, |r| AuditHead { seq: r.int(0), hash: r.text(1) });
    let mut out = Vec::with_capacity(entries.len());
    for (commit_no, at, e) in entries {
        let mut row = AuditRow {
            seq: head.seq + 1,
            commit_no,
            at: time_text(at),
            who: storable(&e.who),
            what: e.what.to_owned(),
            subject: storable(&e.subject),
            detail: storable(&e.detail),
            hash: String::new(),
        };
        row.hash = row.hash_after(&head.hash);
        head = AuditHead { seq: row.seq, hash: row.hash.clone() };
        out.push(row);
    }
    Ok(out)
}

/// What is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// The row's columns, or the one before it, are not those its hash was made of.
    #[error("row {0} is not as it was written: its hash does not fit it and the row before")]
    Hash(i64),
    /// A column holds what was never written there.
    #[error("row after {0} cannot be read: {1}")]
    Unreadable(i64, String),
    /// A row is missing.
    #[error("row {0} is missing")]
    Missing(i64),
    /// The head that was noted is not in the log.
    #[error("the log does not hold the noted head {0}")]
    Head(AuditHead),
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How far the log is whole.
    pub head: AuditHead,
    /// The first thing that is wrong.
    pub broken: Option<Broken>,
}

/// The log, read beside whoever writes it: no lock is taken, nothing is changed.
pub struct Audit {
    pool: Pool,
}

impl Audit {
    /// Opens the log of a store that is there; a server may be serving it.
    pub async fn open(at: &Location) -> Result<Self, StoreError> {
        let options = match at {
            Location::Folder(_) | Location::File(_) => {
                let file = crate::backup::file_of(at)?;
                if !file.exists() {
                    let reason = std::io::ErrorKind::NotFound.into();
                    return Err(StoreError::File { path: file.display().to_string(), reason });
                }
                Options::sqlite(&file)
            }
            Location::Postgres(url) => Options::postgres(url)?,
        };
        Ok(Self { pool: Pool::new(options.read_only(), 1) })
    }

    /// Rows after a number, oldest first.
    pub async fn after(&self, seq: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        let sql = "SELECT seq, commit_no, at, who, what, subject, detail, hash FROM audit_log \
                   WHERE seq > $1 ORDER BY seq LIMIT $2";
        let rows = self.pool.lease().await?.rows(sql, args![seq, limit]).await?;
        rows.iter().map(|r| read(r).map_err(|e| StoreError::damaged("audit_log", e))).collect()
    }

    /// The last rows, newest first.
    pub async fn last(&self, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        let sql = "SELECT seq, commit_no, at, who, what, subject, detail, hash FROM audit_log \
                   ORDER BY seq DESC LIMIT $1";
        let rows = self.pool.lease().await?.rows(sql, args![limit]).await?;
        rows.iter().map(|r| read(r).map_err(|e| StoreError::damaged("audit_log", e))).collect()
    }

    /// Checks every row against the one before it, and that a head noted earlier is still in the log.
    pub async fn verify(&self, noted: Option<&AuditHead>) -> Result<Verified, StoreError> {
        let mut head = AuditHead::beginning();
        let mut noted = noted.filter(|n| n.seq > 0);
        loop {
            let sql = "SELECT seq, commit_no, at, who, what, subject, detail, hash FROM audit_log \
                       WHERE seq > $1 ORDER BY seq LIMIT $2";
            let rows = self.pool.lease().await?.rows(sql, args![head.seq, PAGE]).await?;
            for r in &rows {
                let row = match read(r) {
                    Ok(row) => row,
                    Err(e) => {
                        let broken = Some(Broken::Unreadable(head.seq, e.to_string()));
                        return Ok(Verified { head, broken });
                    }
                };
                let next = head.seq + 1;
                if row.seq != next {
                    return Ok(Verified { head, broken: Some(Broken::Missing(next)) });
                }
                if row.hash_after(&head.hash) != row.hash {
                    return Ok(Verified { head, broken: Some(Broken::Hash(next)) });
                }
                head = AuditHead { seq: row.seq, hash: row.hash };
                noted = noted.filter(|n| **n != head);
            }
            if rows.is_empty() {
                let broken = noted.map(|n| Broken::Head(n.clone()));
                return Ok(Verified { head, broken });
            }
        }
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

impl crate::read::Snapshot {
    /// Rows of the audit log after a number, oldest first.
    pub async fn audit(&mut self, seq: i64, limit: i64) -> Result<Vec<AuditRow>, StoreError> {
        let sql = "SELECT seq, commit_no, at, who, what, subject, detail, hash FROM audit_log \
                   WHERE seq > $1 ORDER BY seq LIMIT $2";
        let rows = self.lease.rows(sql, args![seq, limit]).await?;
        rows.iter().map(|r| read(r).map_err(|e| StoreError::damaged("audit_log", e))).collect()
    }
}

/// A row, whatever somebody made of it.
fn read(r: &Row) -> Result<AuditRow, sqlx::Error> {
    Ok(AuditRow {
        seq: r.try_int(0)?,
        commit_no: r.try_int(1)?,
        at: r.try_text(2)?,
        who: r.try_text(3)?,
        what: r.try_text(4)?,
        subject: r.try_text(5)?,
        detail: r.try_text(6)?,
        hash: r.try_text(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> AuditRow {
        AuditRow {
            seq: 1,
            commit_no: 7,
            at: "2026-01-02T03:04:05".to_owned(),
            who: "zhang".to_owned(),
            what: "import".to_owned(),
            subject: "ab".to_owned(),
            detail: "{}".to_owned(),
            hash: String::new(),
        }
    }

    #[test]
    fn the_hash_is_what_the_page_says() {
        // printf '64:%s,1:1,1:7,19:2026-01-02T03:04:05,5:zhang,6:import,2:ab,2:{},' 000…0 | sha256sum
        let want = "c8278ffe0dce3ab201667e2f5d1f86106b24958c02c58bbdaa5135ec02e12ff4";
        assert_eq!(row().hash_after(BEGINNING), want);
    }

    #[test]
    fn bytes_that_move_between_columns_change_the_hash() {
        let moved = AuditRow { what: "importa".to_owned(), subject: "b".to_owned(), ..row() };
        assert_ne!(moved.hash_after(BEGINNING), row().hash_after(BEGINNING));
    }

    #[test]
    fn heads_are_read_as_they_are_written() {
        let head = AuditHead { seq: 12, hash: row().hash_after(BEGINNING) };
        assert_eq!(AuditHead::parse(&head.to_string()), Some(head));
        for bad in ["", "12", "12:ab", "x:0000000000000000000000000000000000000000000000000000000000000000"] {
            assert_eq!(AuditHead::parse(bad), None, "{bad}");
        }
    }
}
