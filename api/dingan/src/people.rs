//! `dingan user` and `dingan key`: accounts and keys, straight in the store.

use crate::cli::{KeyCommand, UserCommand};
use crate::serve::{master_file, now, open_at};
use anyhow::{Context, bail};
use dingan_connectors::sign::Family;
use dingan_http::access::{Access, Master, NewKey, PASSWORD_MAX, password};
use dingan_http::agency::Agency;
use dingan_store::Location;
use std::future::Future;
use std::io::Read as _;

/// Does something with the agency's books and closes them.
async fn with<T, E, F>(at: &Location, work: impl FnOnce(Agency) -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, E>>,
    E: Into<anyhow::Error>,
{
    let agency = open_at(at).await?;
    let done = work(agency.clone()).await;
    agency.store().clone().close().await;
    done.map_err(Into::into)
}

/// A password from standard input, or one that is made; and whether it was made.
fn chosen(from_stdin: bool) -> anyhow::Result<(String, bool)> {
    if !from_stdin {
        return Ok((password()?, true));
    }
    let mut text = String::new();
    std::io::stdin().take(PASSWORD_MAX as u64 + 2).read_to_string(&mut text).context("standard input")?;
    Ok((text.trim_end_matches(['\r', '\n']).to_owned(), false))
}

/// `dingan user`.
pub(crate) async fn user(command: UserCommand) -> anyhow::Result<bool> {
    match command {
        UserCommand::Add { name, roles, password_stdin, data } => {
            let (password, made) = chosen(password_stdin)?;
            with(&data.at(), async |a| a.add_account(&name, &roles, &password, now()).await).await?;
            say!("account {name} made");
            if made {
                say!("password: {password}");
            }
        }
        UserCommand::List { data } => {
            let users = with(&data.at(), async |a| a.store().snapshot().await?.users().await).await?;
            for u in users {
                let state = if u.disabled { "closed" } else { "open" };
                say!("{}  {}  {state}  made {}", u.name, u.roles.join(","), u.made_at);
            }
        }
        UserCommand::Roles { name, roles, data } => {
            with(&data.at(), async |a| a.set_roles(&name, &roles, now()).await).await?;
            say!("{name}: {}", roles.join(","));
        }
        UserCommand::Disable { name, data } => {
            with(&data.at(), async |a| a.set_disabled(&name, true, now()).await).await?;
            say!("{name} is closed");
        }
        UserCommand::Enable { name, data } => {
            with(&data.at(), async |a| a.set_disabled(&name, false, now()).await).await?;
            say!("{name} is open");
        }
        UserCommand::Passwd { name, password_stdin, data } => {
            let (password, made) = chosen(password_stdin)?;
            with(&data.at(), async |a| a.set_password(&name, &password, now()).await).await?;
            say!("{name} has another password");
            if made {
                say!("password: {password}");
            }
        }
    }
    Ok(true)
}

/// `dingan key`.
pub(crate) async fn key(command: KeyCommand) -> anyhow::Result<bool> {
    match command {
        KeyCommand::Add { institution, roles, family, id, public_key, note, master, data } => {
            let Some(family) = Family::parse(&family) else { bail!("--family {family}: one of a, b, c, d, bearer") };
            let at = data.at();
            let roles = if roles.is_empty() && !institution.is_empty() { vec!["his".to_owned()] } else { roles };
            let agency = open_at(&at).await?;
            // opened first, so that a store that cannot be opened leaves no file behind
            let master = match master_file(master.master_key.as_deref(), &at) {
                Some(file) if family != Family::Bearer => Some(Master::open(&file, true)?),
                _ => None,
            };
            let new = NewKey { id, institution, roles, family, public_key, note };
            let made = agency.add_key(new, master.as_ref(), now()).await;
            let own = Access::new(agency.clone(), master, None, false).public_key();
            agency.store().clone().close().await;
            let (id, secret) = made?;
            say!("key {id} made, family {family}");
            say!("secret: {secret}");
            match family {
                Family::Bearer => say!("send: Authorization: Bearer dgk_{id}.{secret}"),
                Family::D => say!("agency's SM2 public key: {}", own.unwrap_or_default()),
                _ => {}
            }
        }
        KeyCommand::List { data } => {
            let keys = with(&data.at(), async |a| a.store().snapshot().await?.keys().await).await?;
            for k in keys {
                let state = k.revoked_at.map_or_else(|| "in force".to_owned(), |t| format!("taken back {t}"));
                let roles = k.roles.join(",");
                say!(
                    "{}  {}  family {}  {roles}  {state}  made {}  {}",
                    k.id,
                    k.institution,
                    k.family,
                    k.made_at,
                    k.note
                );
            }
        }
        KeyCommand::Revoke { id, data } => {
            with(&data.at(), async |a| a.revoke_key(&id, now()).await).await?;
            say!("key {id} is taken back");
        }
    }
    Ok(true)
}
