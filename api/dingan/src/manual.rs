//! `dingan manual`: paper claims over a running server, as whoever holds the token; and the amount above which a
//! second person decides, straight in the store.

use crate::cli::{ManualCommand, ServerArg};
use crate::remote::{Remote, refusal};
use crate::serve::{now, open_at};
use anyhow::{Context, bail};
use serde_json::{Value, json};

/// Asks a server; prints what it says, and whether it did what was asked.
fn ask(at: ServerArg, path: &str, body: Option<&Value>) -> anyhow::Result<bool> {
    let mut answer = Remote::from(at).ask(path, body)?;
    let text = answer.body_mut().read_to_string().context("the answer broke off")?;
    if !answer.status().is_success() {
        bail!("{}", refusal(&text));
    }
    say!("{text}");
    Ok(true)
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
        ManualCommand::Tasks { at } => ask(at, "/api/v1/manual/tasks", None),
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
            let set = agency.set_paper_limit(yuan, now()).await;
            agency.store().clone().close().await;
            set?;
            say!("above {yuan} yuan of the funds a second person decides");
            Ok(true)
        }
    }
}
