//! Making, changing and closing accounts and keys. Each change is on record with who made it.

use super::role::{Role, RoleError};
use super::secret::{self, Master, SecretError};
use crate::agency::{Agency, AgencyError};
use chrono::NaiveDateTime;
use dingan_connectors::sign::Family;
use dingan_store::{AccessChange, AccountRow, AuditEntry, CommitError, Guard, KeyRow, StoreError, Write};
use serde_json::{Value, json};

/// Why an account or key is not made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// A name that cannot be one.
    #[error("`{0}`: a name has 1 to 64 letters, digits, `-`, `_` or `.`")]
    Name(String),
    /// There already.
    #[error("`{0}` is there already")]
    Exists(String),
    /// Not there.
    #[error("no account or key `{0}`")]
    Unknown(String),
    /// Roles that do not go together.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// A secret that cannot be made.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// What a signing family needs.
    #[error("family {0}: {1}")]
    Family(Family, &'static str),
    /// The store.
    #[error(transparent)]
    Agency(#[from] AgencyError),
}

impl From<StoreError> for AccessError {
    fn from(e: StoreError) -> Self {
        Self::Agency(e.into())
    }
}

impl From<CommitError> for AccessError {
    fn from(e: CommitError) -> Self {
        Self::Agency(e.into())
    }
}

/// A key to be made.
#[derive(Debug, Clone, Default)]
pub struct NewKey {
    /// Its id; a random one where empty.
    pub id: String,
    /// The institution it speaks for.
    pub institution: String,
    /// Words of roles.
    pub roles: Vec<String>,
    /// How it signs.
    pub family: Family,
    /// The caller's SM2 public key, 65 bytes uncompressed in hexadecimal (family D with signatures).
    pub public_key: String,
    /// What it is for.
    pub note: String,
}

fn named(name: &str) -> Result<(), AccessError> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=64).contains(&name.len()) && name.bytes().all(good) {
        Ok(())
    } else {
        Err(AccessError::Name(name.to_owned()))
    }
}

impl Agency {
    /// Makes an account.
    pub async fn add_account(
        &self,
        name: &str,
        roles: &[String],
        password: &str,
        now: NaiveDateTime,
    ) -> Result<(), AccessError> {
        named(name)?;
        let roles = words(&Role::for_account(roles)?);
        if self.store().snapshot().await?.user(name).await?.is_some() {
            return Err(AccessError::Exists(name.to_owned()));
        }
        let account = AccountRow {
            name: name.to_owned(),
            roles: roles.clone(),
            password: hashed(password).await?,
            disabled: false,
            made_at: now,
            changed: 0,
            failed: 0,
            locked_until: None,
        };
        let entry = self.entry("add account", name, json!({"roles": roles}));
        self.change_access(AccessChange::Account(account), entry, now).await
    }

    /// Gives an account another password; its sessions end.
    pub async fn set_password(&self, name: &str, password: &str, now: NaiveDateTime) -> Result<(), AccessError> {
        self.known_account(name).await?;
        let change = AccessChange::Password { account: name.to_owned(), hash: hashed(password).await? };
        self.change_access(change, self.entry("set password", name, Value::Null), now).await
    }

    /// Gives an account other roles, in force at once.
    pub async fn set_roles(&self, name: &str, roles: &[String], now: NaiveDateTime) -> Result<(), AccessError> {
        let before = self.known_account(name).await?.roles;
        let roles = words(&Role::for_account(roles)?);
        let entry = self.entry("set roles", name, json!({"before": before, "roles": roles}));
        self.change_access(AccessChange::Roles { account: name.to_owned(), roles }, entry, now).await
    }

    /// Closes an account, or opens it again; its sessions end.
    pub async fn set_disabled(&self, name: &str, disabled: bool, now: NaiveDateTime) -> Result<(), AccessError> {
        self.known_account(name).await?;
        let what = if disabled { "disable account" } else { "enable account" };
        let change = AccessChange::Disabled { account: name.to_owned(), disabled };
        self.change_access(change, self.entry(what, name, Value::Null), now).await
    }

    /// Makes a key; gives its id and its secret, which is not to be had again. `master` is what the secrets of
    /// signing keys are derived from.
    pub async fn add_key(
        &self,
        new: NewKey,
        master: Option<&Master>,
        now: NaiveDateTime,
    ) -> Result<(String, String), AccessError> {
        let id = if new.id.is_empty() { secret::short_id()? } else { new.id };
        named(&id)?;
        let roles = words(&Role::for_key(&new.roles, &new.institution)?);
        if self.store().snapshot().await?.keys().await?.iter().any(|k| k.id == id) {
            return Err(AccessError::Exists(id));
        }
        let refused = |why| Err(AccessError::Family(new.family, why));
        if new.family != Family::Bearer && new.institution.is_empty() {
            return refused("signs messages of the hospital interface, so it needs --institution");
        }
        if !new.public_key.is_empty() {
            if new.family != Family::D {
                return refused("takes no public key");
            }
            if dingan_connectors::sign::public_key(&id, &new.public_key).is_none() {
                return refused("the public key must be an SM2 point, 65 bytes (04…) in hexadecimal");
            }
        }
        if new.family == Family::D && id.len() != 16 {
            return refused("the id is the key of SM4, so it has 16 bytes");
        }
        let (secret, secret_hash) = match (new.family.derived(), master) {
            (false, _) => {
                let s = secret::token()?;
                let hash = secret::hash(&s);
                (s, hash)
            }
            (true, Some(m)) => (m.secret_of(&id), String::new()),
            (true, None) => return refused("needs a master secret (--master-key FILE)"),
        };
        let key = KeyRow {
            id: id.clone(),
            institution: new.institution.as_str().into(),
            family: new.family.word().to_owned(),
            roles: roles.clone(),
            secret_hash,
            public_key: new.public_key,
            note: new.note,
            made_at: now,
            revoked_at: None,
        };
        let detail = json!({"roles": roles, "fixmedins_code": new.institution, "family": key.family});
        let entry = self.entry("add key", id.as_str(), detail);
        self.change_access(AccessChange::Key(key), entry, now).await?;
        Ok((id, secret))
    }

    /// Takes a key back; servers know within seconds.
    pub async fn revoke_key(&self, id: &str, now: NaiveDateTime) -> Result<(), AccessError> {
        let keys = self.store().snapshot().await?.keys().await?;
        if !keys.iter().any(|k| k.id == id && k.revoked_at.is_none()) {
            return Err(AccessError::Unknown(id.to_owned()));
        }
        let change = AccessChange::Revoked { key: id.to_owned(), at: now };
        self.change_access(change, self.entry("revoke key", id, Value::Null), now).await
    }

    async fn known_account(&self, name: &str) -> Result<AccountRow, AccessError> {
        let found = self.store().snapshot().await?.user(name).await?;
        found.ok_or_else(|| AccessError::Unknown(name.to_owned()))
    }

    pub(super) async fn change_access(
        &self,
        change: AccessChange,
        entry: AuditEntry,
        now: NaiveDateTime,
    ) -> Result<(), AccessError> {
        let write =
            move |_| Write { kind: "access", at: now, access: vec![change], audit: vec![entry], ..Write::default() };
        self.store().commit(Guard::default(), Box::new(write)).await?;
        Ok(())
    }
}

fn words(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|r| r.word().to_owned()).collect()
}

/// Hashing a password takes a core for a while, on purpose.
async fn hashed(password: &str) -> Result<String, AccessError> {
    let password = password.to_owned();
    let hashed = tokio::task::spawn_blocking(move || secret::hash_password(&password)).await;
    Ok(hashed.map_err(|e| SecretError::Hash(e.to_string()))??)
}
