//! `dingan manual` and `dingan clearing`: clerk's work and statements over a running server, as whoever holds the token;
//! and the amount above which a second person decides, straight in the store.

use crate::cli::{ManualCommand, ServerArg};
use crate::remote::{Remote, refusal};
use crate::serve::{now, open_at};
use anyhow::{Context, bail};
use serde_json::{Value, json};

/// Asks a server; prints what it says, and whether it did what was asked.
fn ask(at: ServerArg, path: &str, body: Option<&Value>) -> anyhow::Result<bool> {
    say!("{}", answered(&Remote::from(at), path, body)?);
    Ok(true)
}

fn answered(server: &Remote, path: &str, body: Option<&Value>) -> anyhow::Result<String> {
    let mut answer = server.ask(path, body)?;
    let text = answer.body_mut().read_to_string().context("the answer broke off")?;
    if !answer.status().is_success() {
        bail!("{}", refusal(&text));
    }
    Ok(text)
}

/// Prints a row a line, for programs to read.
fn rows(list: &Value) -> anyhow::Result<usize> {
    let rows = list.as_array().context("the answer is not a list")?;
    for row in rows {
        say!("{row}");
    }
    Ok(rows.len())
}

/// Where nothing was printed a person should not wonder whether anything was asked.
fn counted(rows: usize) -> bool {
    if rows == 0 {
        eprintln!("no rows");
    }
    true
}

/// Asks for a list page by page.
fn pages(at: ServerArg, path: &str) -> anyhow::Result<bool> {
    let server = Remote::from(at);
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let text = answered(&server, &format!("{path}?limit=1000{after}"), None)?;
        let page: Value = serde_json::from_str(&text).context("the answer is not JSON")?;
        count += rows(&page["items"])?;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={}", query(next)),
            None => return Ok(counted(count)),
        }
    }
}

/// A text as a part of what stands after `?`.
fn query(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~:".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// `dingan clearing`.
pub(crate) fn clearing(month: &str, pools: Option<(String, String)>, at: ServerArg) -> anyhow::Result<bool> {
    let month = segment(month)?;
    match pools {
        None => {
            let text = answered(&Remote::from(at), &format!("/api/v1/clearing/{month}"), None)?;
            Ok(counted(rows(&serde_json::from_str(&text).context("the answer is not JSON")?)?))
        }
        Some((from, to)) => pages(at, &format!("/api/v1/clearing/{month}/{}/{}", segment(&from)?, segment(&to)?)),
    }
}

/// A path segment of an id, where it can be one.
fn segment(id: &str) -> anyhow::Result<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if id.is_empty() || !id.bytes().all(plain) {
        bail!("`{id}`: an id on the command line has letters, digits, `-`, `_`, `.`");
    }
    Ok(id)
}

/// The command.
pub(crate) async fn run(command: ManualCommand) -> anyhow::Result<bool> {
    match command {
        ManualCommand::Settle { file, at } => {
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let claim: Value = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
            ask(at, "/api/v1/manual/claims", Some(&claim))
        }
        ManualCommand::Reverse { setl_id, id, reason, at } => {
            let body = json!({"id": id, "setl_id": setl_id, "reason": reason});
            ask(at, "/api/v1/manual/reversals", Some(&body))
        }
        ManualCommand::Proposals { at } => pages(at, "/api/v1/manual/proposals"),
        ManualCommand::Correct { setl_id, id, funds_change, at } => {
            let body = json!({"id": id, "setl_id": setl_id, "funds_change": funds_change});
            ask(at, "/api/v1/manual/corrections", Some(&body))
        }
        ManualCommand::Deduct { setl_id, id, amount, reason, at } => {
            let body = json!({"id": id, "setl_id": setl_id, "amount": amount, "reason": reason});
            ask(at, "/api/v1/manual/deductions", Some(&body))
        }
        ManualCommand::Tasks { at } => pages(at, "/api/v1/manual/tasks"),
        ManualCommand::Approve { id, at } => {
            let path = format!("/api/v1/manual/tasks/{}", segment(&id)?);
            ask(at, &path, Some(&json!({"approve": true})))
        }
        ManualCommand::Refuse { id, reason, at } => {
            let path = format!("/api/v1/manual/tasks/{}", segment(&id)?);
            ask(at, &path, Some(&json!({"approve": false, "reason": reason})))
        }
        ManualCommand::Limit { yuan, data } => {
            let agency = open_at(&data.at()).await?;
            let set = agency.set_limit(yuan, now()).await;
            agency.store().clone().close().await;
            set?;
            say!("above {yuan} yuan of the funds a second person decides");
            Ok(true)
        }
    }
}
