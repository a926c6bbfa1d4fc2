//! Signing in and out. A token is shown once and kept as its hash; it ends by itself, with the account's password,
//! and with the account.

use super::door::{Access, Denied, Who, parsed};
use super::people::AccessError;
use super::secret;
use chrono::{NaiveDateTime, TimeDelta};
use dingan_core::codes::InstitutionCode;
use dingan_store::{AccessChange, SessionRow};
use serde_json::{Value, json};

/// What every token begins with.
pub(super) const PREFIX: &str = "dgs_";

/// How long a user stays signed in.
const USER_TIME: TimeDelta = TimeDelta::hours(8);

/// How long a token of a client (family D) holds.
const CLIENT_TIME: TimeDelta = TimeDelta::hours(2);

/// Wrong passwords in a row before an account is locked.
const TRIES: i64 = 5;

/// How long to wait for one's turn to be tried.
const WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// How long it is locked.
const LOCKED: TimeDelta = TimeDelta::minutes(15);

/// Somebody who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// To be sent as `Authorization: Bearer`.
    pub token: String,
    /// When it ends by itself.
    pub until: NaiveDateTime,
    /// Words of roles.
    pub roles: Vec<String>,
}

impl Access {
    /// Signs a user in. Whatever is wrong, the answer is the same and takes the same time.
    pub async fn sign_in(&self, name: &str, password: &str, now: NaiveDateTime) -> Result<SignedIn, Denied> {
        let wrong = || Denied::Unknown("LOGIN_REFUSED");
        let turn = tokio::time::timeout(WAIT, self.logins().lock()).await;
        let _one_at_a_time = turn.map_err(|_| Denied::Busy)?;
        let account = self.agency().store().snapshot().await?.user(name).await?;
        let hash = account.as_ref().map(|a| a.password.clone());
        let tried = password.to_owned();
        let fits = tokio::task::spawn_blocking(move || secret::password_fits(&tried, hash.as_deref()));
        let fits = fits.await.unwrap_or(false);
        let Some(account) = account else {
            let denied = wrong();
            self.refused(None, &denied, "sign in", now).await;
            return Err(denied);
        };
        let agency = self.agency().acting_as(&account.name);
        let locked = account.locked_until.is_some_and(|t| t > now);
        if account.disabled || locked {
            let why = if account.disabled { "DISABLED" } else { "LOCKED" };
            // a locked account is not tried: that it is would be a way to fill the books
            if account.disabled {
                let entry = agency.entry("refuse", "sign in", json!({"why": why}));
                agency.record(entry, now).await.map_err(Denied::Unavailable)?;
            }
            return Err(wrong());
        }
        if !fits {
            let failed = account.failed + 1;
            let locked_until = (failed >= TRIES).then(|| now + LOCKED);
            let counted = if locked_until.is_some() { 0 } else { failed };
            let change = AccessChange::Failed { account: account.name.clone(), failed: counted, locked_until };
            let detail = json!({"why": "PASSWORD", "failed": failed, "locked": locked_until.is_some()});
            let entry = agency.entry("refuse", "sign in", detail);
            agency.change_access(change, entry, now).await.map_err(unavailable)?;
            return Err(wrong());
        }
        if account.failed > 0 {
            let change = AccessChange::Failed { account: account.name.clone(), failed: 0, locked_until: None };
            let entry = agency.entry("sign in", "", json!({"failed_before": account.failed}));
            agency.change_access(change, entry, now).await.map_err(unavailable)?;
        }
        let (token, until) = self.begin(&account.name, &account.name, USER_TIME, now).await?;
        Ok(SignedIn { token, until, roles: account.roles })
    }

    /// Gives a client of family D a token for its id and secret.
    pub async fn client_token(&self, id: &str, client_secret: &str, now: NaiveDateTime) -> Result<SignedIn, Denied> {
        let key = match self.client(id, client_secret).await {
            Ok(key) => key,
            Err(denied) => {
                self.refused(None, &denied, "client token", now).await;
                return Err(denied);
            }
        };
        let holder = format!("key:{}", key.id);
        let (token, until) = self.begin(&holder, &holder, CLIENT_TIME, now).await?;
        Ok(SignedIn { token, until, roles: key.roles })
    }

    async fn begin(
        &self,
        holder: &str,
        who: &str,
        time: TimeDelta,
        now: NaiveDateTime,
    ) -> Result<(String, NaiveDateTime), Denied> {
        let random = secret::token().map_err(|e| unavailable(e.into()))?;
        let token = format!("{PREFIX}{random}");
        let until = now + time;
        let session = SessionRow {
            token_hash: secret::hash(&token),
            holder: holder.to_owned(),
            commit_no: 0,
            made_at: now,
            until,
            ended_at: None,
        };
        let agency = self.agency().acting_as(who);
        let entry = agency.entry("sign in", "", json!({"until": until.to_string()}));
        agency.change_access(AccessChange::Session(session), entry, now).await.map_err(unavailable)?;
        Ok((token, until))
    }

    /// Whose token it is.
    pub(super) async fn signed_in(&self, token: &str, now: NaiveDateTime) -> Result<Who, Denied> {
        let over = || Denied::Unknown("SESSION_OVER");
        let hash = secret::hash(token);
        let mut snap = self.agency().store().snapshot().await?;
        let session = snap.session(&hash).await?.ok_or_else(over)?;
        if session.ended_at.is_some() || session.until <= now {
            return Err(over());
        }
        if let Some(id) = session.holder.strip_prefix("key:") {
            let who = self.key_of_session(id).await?;
            return Ok(Who { session: hash, ..who });
        }
        let account = snap.user(&session.holder).await?.ok_or_else(over)?;
        if account.disabled || account.changed > session.commit_no {
            return Err(over());
        }
        Ok(Who {
            name: account.name,
            roles: parsed(&account.roles),
            institution: InstitutionCode::default(),
            session: hash,
            anyone: false,
        })
    }

    /// Ends a session.
    pub async fn sign_out(&self, who: &Who, now: NaiveDateTime) -> Result<(), Denied> {
        if who.session.is_empty() {
            return Ok(());
        }
        let agency = self.agency().acting_as(&who.name);
        let change = AccessChange::Ended { token_hash: who.session.clone(), at: now };
        let entry = agency.entry("sign out", "", Value::Null);
        agency.change_access(change, entry, now).await.map_err(unavailable)
    }
}

fn unavailable(e: AccessError) -> Denied {
    match e {
        AccessError::Agency(e) => Denied::Unavailable(e),
        other => {
            tracing::error!(error = %other, "access");
            Denied::Unknown("TRY_AGAIN")
        }
    }
}
