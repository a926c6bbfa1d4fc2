//! `dingan audit`: the log read and checked, beside whoever serves the store.

use anyhow::Context;
use dingan_store::{Audit, AuditHead, Location};
use serde_json::{Value, json};

/// Checks the chain; false where it is broken.
pub async fn verify(at: &Location, head: Option<&str>) -> anyhow::Result<bool> {
    let noted = match head {
        Some(text) => {
            Some(AuditHead::parse(text).context("--head: expected SEQ:HASH, as an earlier verify printed it")?)
        }
        None => None,
    };
    let audit = Audit::open(at).await?;
    let verified = audit.verify(noted.as_ref()).await;
    audit.close().await;
    let verified = verified.with_context(|| format!("cannot read the audit log in {at}"))?;
    match verified.broken {
        None => {
            say!("{} rows, each as it was written; head {}", verified.head.seq, verified.head);
            Ok(true)
        }
        Some(broken) => {
            eprintln!("{broken}; whole up to row {}", verified.head.seq);
            Ok(false)
        }
    }
}

/// Lists rows.
pub async fn list(at: &Location, last: i64, after: Option<i64>, as_json: bool) -> anyhow::Result<bool> {
    let audit = Audit::open(at).await?;
    let rows = match after {
        Some(seq) => audit.after(seq, 1_000_000).await,
        None => audit.last(last).await,
    };
    audit.close().await;
    for r in rows.with_context(|| format!("cannot read the audit log in {at}"))? {
        if as_json {
            let detail: Value = serde_json::from_str(&r.detail).unwrap_or_else(|_| Value::from(r.detail.as_str()));
            say!(
                "{}",
                json!({
                    "seq": r.seq, "commit_no": r.commit_no, "at": r.at, "who": r.who, "what": r.what,
                    "subject": r.subject, "detail": detail, "hash": r.hash
                })
            );
        } else {
            say!("{:>6}  {}  {}  {}  {}  {}", r.seq, r.at, r.who, r.what, r.subject, r.detail);
        }
    }
    Ok(true)
}
