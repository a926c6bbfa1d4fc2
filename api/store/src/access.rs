//! Accounts, keys, sessions, and what was signed once. What a role may do is not known here.

use crate::db::{Store, StoreError};
use crate::read::{Snapshot, json};
use crate::rows::time_of;
use crate::sql::{Conn, Options, Row, args, connection_lost};
use chrono::NaiveDateTime;
use dingan_core::codes::InstitutionCode;
use dingan_core::person::CommitNo;
use std::collections::HashMap;
use tokio::sync::Mutex;

/// A person who works here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Name to sign in with.
    pub name: String,
    /// Words of roles.
    pub roles: Vec<String>,
    /// The password's hash, as a PHC string.
    pub password: String,
    /// May not sign in.
    pub disabled: bool,
    /// When it was made.
    pub made_at: NaiveDateTime,
    /// The commit that last changed password or standing: sessions begun before it are over.
    pub changed: CommitNo,
    /// Wrong passwords since the last right one.
    pub failed: i64,
    /// Not tried before then.
    pub locked_until: Option<NaiveDateTime>,
}

/// A program that calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// What it names itself by.
    pub id: String,
    /// The institution it speaks for; empty for none.
    pub institution: InstitutionCode,
    /// How it signs.
    pub family: String,
    /// Words of roles.
    pub roles: Vec<String>,
    /// SHA-256 of its secret, in hexadecimal; empty where the secret is derived.
    pub secret_hash: String,
    /// The public key it signs with, in hexadecimal, where it does.
    pub public_key: String,
    /// What it is for.
    pub note: String,
    /// When it was made.
    pub made_at: NaiveDateTime,
    /// When it was taken back.
    pub revoked_at: Option<NaiveDateTime>,
}

/// Somebody who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the token, in hexadecimal.
    pub token_hash: String,
    /// The account, or `key:` and the key.
    pub holder: String,
    /// The commit it began with; put in by the writer.
    pub commit_no: CommitNo,
    /// When it began.
    pub made_at: NaiveDateTime,
    /// When it ends by itself.
    pub until: NaiveDateTime,
    /// When it was ended.
    pub ended_at: Option<NaiveDateTime>,
}

/// A change of who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessChange {
    /// A new account.
    Account(AccountRow),
    /// Another password; sessions end.
    Password {
        /// The account.
        account: String,
        /// PHC string.
        hash: String,
    },
    /// Other roles.
    Roles {
        /// The account.
        account: String,
        /// All of them.
        roles: Vec<String>,
    },
    /// May no longer come in, or may again; sessions end.
    Disabled {
        /// The account.
        account: String,
        /// Whether it may not.
        disabled: bool,
    },
    /// A wrong password, or a right one (0).
    Failed {
        /// The account.
        account: String,
        /// Wrong ones so far.
        failed: i64,
        /// Not tried before then.
        locked_until: Option<NaiveDateTime>,
    },
    /// A new key.
    Key(KeyRow),
    /// A key taken back.
    Revoked {
        /// The key.
        key: String,
        /// When.
        at: NaiveDateTime,
    },
    /// Somebody signed in.
    Session(SessionRow),
    /// Somebody signed out.
    Ended {
        /// The session.
        token_hash: String,
        /// When.
        at: NaiveDateTime,
    },
}

fn parse_time(table: &'static str, text: &str) -> Result<NaiveDateTime, StoreError> {
    time_of(text).ok_or_else(|| StoreError::damaged(table, "not a time"))
}

fn optional(table: &'static str, text: &str) -> Result<Option<NaiveDateTime>, StoreError> {
    if text.is_empty() { Ok(None) } else { parse_time(table, text).map(Some) }
}

fn account(r: &Row) -> Result<AccountRow, StoreError> {
    Ok(AccountRow {
        name: r.text(0),
        roles: json("account", r.str(1))?,
        password: r.text(2),
        disabled: r.int(3) != 0,
        made_at: parse_time("account", r.str(4))?,
        changed: r.int(5),
        failed: r.int(6),
        locked_until: optional("account", r.str(7))?,
    })
}

impl Snapshot {
    /// Every account, by name.
    pub async fn users(&mut self) -> Result<Vec<AccountRow>, StoreError> {
        let sql = "SELECT name, roles, password, disabled, made_at, changed_at, failed, locked_until FROM account \
                   ORDER BY name";
        self.lease.rows(sql, args![]).await?.iter().map(account).collect()
    }

    /// An account.
    pub async fn user(&mut self, name: &str) -> Result<Option<AccountRow>, StoreError> {
        let sql = "SELECT name, roles, password, disabled, made_at, changed_at, failed, locked_until FROM account \
                   WHERE name = $1";
        self.lease.row(sql, args![name]).await?.map(|r| account(&r)).transpose()
    }

    /// Every key, those taken back too, by id.
    pub async fn keys(&mut self) -> Result<Vec<KeyRow>, StoreError> {
        let sql = "SELECT key_id, fixmedins_code, family, roles, secret_hash, public_key, note, made_at, revoked_at \
                   FROM api_key ORDER BY key_id";
        let rows = self.lease.rows(sql, args![]).await?;
        rows.iter()
            .map(|r| {
                Ok(KeyRow {
                    id: r.text(0),
                    institution: r.str(1).into(),
                    family: r.text(2),
                    roles: json("api_key", r.str(3))?,
                    secret_hash: r.text(4),
                    public_key: r.text(5),
                    note: r.text(6),
                    made_at: parse_time("api_key", r.str(7))?,
                    revoked_at: optional("api_key", r.str(8))?,
                })
            })
            .collect()
    }

    /// A session by the hash of its token.
    pub async fn session(&mut self, token_hash: &str) -> Result<Option<SessionRow>, StoreError> {
        let sql = "SELECT token_hash, holder, commit_no, made_at, until_at, ended_at FROM login_session \
                   WHERE token_hash = $1";
        let Some(r) = self.lease.row(sql, args![token_hash]).await? else { return Ok(None) };
        Ok(Some(SessionRow {
            token_hash: r.text(0),
            holder: r.text(1),
            commit_no: r.int(2),
            made_at: parse_time("login_session", r.str(3))?,
            until: parse_time("login_session", r.str(4))?,
            ended_at: optional("login_session", r.str(5))?,
        }))
    }
}

/// What was signed once, remembered for as long as its time stamp would be accepted again.
///
/// On PostgreSQL it is a table that every server asks, on a connection of its own and without waiting for the disk:
/// a nonce is no fact, and what a crash loses of it is the last fraction of a second. An embedded store has one
/// process, which keeps it in memory; what was signed before it began is not accepted at all.
pub(crate) enum Nonces {
    Memory(Mutex<Seen>),
    Table { options: Options, connection: Mutex<Option<Conn>> },
}

#[derive(Default)]
pub(crate) struct Seen {
    until: HashMap<(String, String), i64>,
    /// How many there may be before old ones are looked for.
    sweep_at: usize,
}

/// How a nonce stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonce {
    /// It is new, and is known from now on.
    First,
    /// It came before.
    Again,
}

impl Nonces {
    pub(crate) fn of(options: &Options) -> Self {
        match options {
            Options::Sqlite(_) => Self::Memory(Mutex::default()),
            Options::Postgres(_) => {
                Self::Table { options: options.clone().without_waiting(), connection: Mutex::default() }
            }
        }
    }
}

impl Store {
    /// Whether nonces of before this process began are forgotten.
    pub fn forgets_nonces(&self) -> bool {
        matches!(&*self.nonces, Nonces::Memory(_))
    }

    /// Takes note of a nonce of a key, to be kept until a time (seconds since 1970); says whether it is new.
    pub async fn first_use(&self, key: &str, nonce: &str, now: i64, until: i64) -> Result<Nonce, StoreError> {
        match &*self.nonces {
            Nonces::Memory(seen) => {
                let mut seen = seen.lock().await;
                if seen.until.len() >= seen.sweep_at {
                    seen.until.retain(|_, u| *u >= now);
                    seen.sweep_at = seen.until.len() * 2 + 1000;
                }
                let old = seen.until.insert((key.to_owned(), nonce.to_owned()), until);
                Ok(if old.is_some_and(|u| u >= now) { Nonce::Again } else { Nonce::First })
            }
            Nonces::Table { options, connection } => {
                let mut held = connection.lock().await;
                let mut tried = false;
                loop {
                    let c = match &mut *held {
                        Some(c) => c,
                        empty => empty.insert(options.connect().await?),
                    };
                    match note(c, key, nonce, now, until).await {
                        Ok(n) => return Ok(n),
                        // whether a statement that broke off was done is not known: then the nonce counts as used
                        Err(e) if connection_lost(&e) && !tried => {
                            *held = None;
                            tried = true;
                        }
                        Err(e) => return Err(e.into()),
                    }
                }
            }
        }
    }
}

async fn note(c: &mut Conn, key: &str, nonce: &str, now: i64, until: i64) -> Result<Nonce, sqlx::Error> {
    let new = c
        .run(
            "INSERT INTO nonce (key_id, nonce, until_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            args![key, nonce, until],
        )
        .await?;
    // now and then, what is too old to be accepted goes
    if new > 0 && until % 61 == 0 {
        c.run("DELETE FROM nonce WHERE until_at < $1", args![now]).await?;
    }
    Ok(if new > 0 { Nonce::First } else { Nonce::Again })
}
