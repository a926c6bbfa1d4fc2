//! Who is calling, and whether they may.

use super::role::{Right, Role};
use super::secret::{self, Master};
use super::session;
use crate::agency::{Agency, AgencyError};
use chrono::NaiveDateTime;
use dingan_connectors::sign::d::OwnKey;
use dingan_connectors::sign::{Claim, Family, SignError};
use dingan_core::codes::InstitutionCode;
use dingan_store::{AuditEntry, KeyRow, Nonce, StoreError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Keys are read anew after this time: one that was taken back elsewhere is refused then.
const ROSTER_TIME: Duration = Duration::from_secs(2);

/// An unknown key makes the keys be read anew, no more often than this and after waiting so long.
const ROSTER_LEAST: Duration = Duration::from_millis(200);

/// Callers nobody knows are put on record so often a minute; the rest are counted.
const STRANGERS: u32 = 60;

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Account, or `key:` and the key.
    pub name: String,
    /// What they are.
    pub roles: Vec<Role>,
    /// The institution they speak for; empty for none.
    pub institution: InstitutionCode,
    /// The hash of their token, where they signed in.
    pub session: String,
    /// Nobody is known here yet, and everything is allowed.
    pub anyone: bool,
}

impl Who {
    fn anyone() -> Self {
        Self {
            name: "loopback".to_owned(),
            roles: Vec::new(),
            institution: InstitutionCode::default(),
            session: String::new(),
            anyone: true,
        }
    }

    fn key(row: &KeyRow) -> Self {
        Self {
            name: format!("key:{}", row.id),
            roles: parsed(&row.roles),
            institution: row.institution.clone(),
            session: String::new(),
            anyone: false,
        }
    }

    /// Whether they have a right.
    pub fn may(&self, right: Right) -> bool {
        self.anyone || self.roles.iter().any(|r| r.may(right))
    }
}

pub(super) fn parsed(words: &[String]) -> Vec<Role> {
    words.iter().filter_map(|w| Role::parse(w).ok()).collect()
}

/// Why a caller is not let in.
#[derive(Debug)]
#[non_exhaustive]
pub enum Denied {
    /// They did not say who they are.
    Nobody,
    /// What they say is not so: a stable code.
    Unknown(&'static str),
    /// A signature that does not hold.
    Signature(SignError),
    /// They may not do this.
    Right(Right),
    /// It takes a known caller, and nobody is known here yet.
    NotOpen,
    /// Too many sign in at once.
    Busy,
    /// It cannot be found out now.
    Unavailable(AgencyError),
}

impl From<StoreError> for Denied {
    fn from(e: StoreError) -> Self {
        Self::Unavailable(e.into())
    }
}

impl From<SignError> for Denied {
    fn from(e: SignError) -> Self {
        Self::Signature(e)
    }
}

#[derive(Default)]
struct Roster {
    keys: BTreeMap<String, KeyRow>,
    anyone_known: bool,
}

/// The door of a server. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

struct Inner {
    agency: Agency,
    master: Option<Master>,
    own: Option<OwnKey>,
    /// Seconds a signature's time stamp may be off, instead of what the family has.
    window: Option<i64>,
    /// Seconds since 1970 when this server began.
    began: i64,
    /// Once true, it stays so: that all keys were taken back opens nothing.
    guarded: AtomicBool,
    roster: Mutex<Option<(Instant, Arc<Roster>)>>,
    /// One password is tried at a time, which bounds what guessing costs.
    logins: tokio::sync::Mutex<()>,
    strangers: Mutex<Strangers>,
    unix: Box<dyn Fn() -> i64 + Send + Sync>,
}

/// How many strangers came in the current minute.
#[derive(Default)]
struct Strangers {
    minute: i64,
    seen: u32,
}

fn unix_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Access {
    /// The door of a server over an agency. `guarded` closes it even where nobody is known yet.
    pub fn new(agency: Agency, master: Option<Master>, window: Option<u32>, guarded: bool) -> Self {
        let own = master.as_ref().and_then(|m| {
            // a number that is no key of SM2 is as good as never drawn; the next one is taken then
            (0..4).find_map(|n| OwnKey::new(m.derive(&format!("sm2 {n}"))))
        });
        Self {
            inner: Arc::new(Inner {
                agency,
                master,
                own,
                window: window.map(i64::from),
                began: unix_now(),
                guarded: AtomicBool::new(guarded),
                roster: Mutex::default(),
                logins: tokio::sync::Mutex::default(),
                strangers: Mutex::default(),
                unix: Box::new(unix_now),
            }),
        }
    }

    /// The agency behind it.
    pub fn agency(&self) -> &Agency {
        &self.inner.agency
    }

    /// The agency's public key of SM2, for clients of family D.
    pub fn public_key(&self) -> Option<String> {
        self.inner.own.as_ref().map(OwnKey::public)
    }

    pub(crate) fn master(&self) -> Option<&Master> {
        self.inner.master.as_ref()
    }

    pub(crate) fn own_key(&self) -> Option<&OwnKey> {
        self.inner.own.as_ref()
    }

    pub(super) fn logins(&self) -> &tokio::sync::Mutex<()> {
        &self.inner.logins
    }

    async fn roster(&self, at_most: Duration) -> Result<Arc<Roster>, Denied> {
        let kept = self.inner.roster.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, roster)) = kept.filter(|(at, _)| at.elapsed() < at_most) {
            return Ok(roster);
        }
        let mut snap = self.inner.agency.store().snapshot().await?;
        let keys = snap.keys().await?;
        let anyone_known = !keys.is_empty() || !snap.users().await?.is_empty();
        let roster = Roster { keys: keys.into_iter().map(|k| (k.id.clone(), k)).collect(), anyone_known };
        let roster = Arc::new(roster);
        *self.inner.roster.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&roster)));
        Ok(roster)
    }

    /// What is known of keys is read anew at the next call.
    pub fn forget(&self) {
        *self.inner.roster.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether callers must be known: as soon as anyone is.
    pub async fn guarded(&self) -> Result<bool, Denied> {
        if self.inner.guarded.load(Ordering::Acquire) {
            return Ok(true);
        }
        let known = self.roster(ROSTER_TIME).await?.anyone_known;
        if known {
            self.inner.guarded.store(true, Ordering::Release);
        }
        Ok(known)
    }

    /// The keys that fit a condition and were not taken back.
    async fn keys(&self, fits: impl Fn(&KeyRow) -> bool) -> Result<Vec<KeyRow>, Denied> {
        let good =
            |r: &Roster| r.keys.values().filter(|k| k.revoked_at.is_none() && fits(k)).cloned().collect::<Vec<_>>();
        let found = good(&*self.roster(ROSTER_TIME).await?);
        if !found.is_empty() {
            return Ok(found);
        }
        // it may have been made a moment ago; and who guesses may wait
        tokio::time::sleep(ROSTER_LEAST).await;
        Ok(good(&*self.roster(ROSTER_LEAST).await?))
    }

    async fn key(&self, fits: impl Fn(&KeyRow) -> bool) -> Result<Option<KeyRow>, Denied> {
        Ok(self.keys(fits).await?.pop())
    }

    /// Who calls `/api/v1`, by a token, or a key that is sent as it is.
    pub async fn caller(&self, claim: Option<&Claim>, now: NaiveDateTime) -> Result<Who, Denied> {
        if !self.guarded().await? {
            return Ok(Who::anyone());
        }
        match claim {
            None => Err(Denied::Nobody),
            Some(Claim::Bearer(token)) if token.starts_with(session::PREFIX) => self.signed_in(token, now).await,
            Some(Claim::Bearer(token)) => self.bearer(token).await.map(|k| Who::key(&k)),
            Some(_) => Err(Denied::Unknown("SIGNATURE_NOT_HERE")),
        }
    }

    /// A key that was sent as it is: `dgk_ID.SECRET`.
    async fn bearer(&self, token: &str) -> Result<KeyRow, Denied> {
        let (id, secret) =
            token.strip_prefix("dgk_").and_then(|t| t.split_once('.')).ok_or(Denied::Unknown("KEY_UNKNOWN"))?;
        let key = self.key(|k| k.id == id && k.family == Family::Bearer.word()).await?;
        let hash = secret::hash(secret);
        match key {
            Some(k) if secret::same(&k.secret_hash, &hash) => Ok(k),
            _ => Err(Denied::Unknown("KEY_UNKNOWN")),
        }
    }

    /// A client of family D by its id and secret.
    pub(super) async fn client(&self, id: &str, secret: &str) -> Result<KeyRow, Denied> {
        let key = self.key(|k| k.id == id && k.family == Family::D.word()).await?;
        let hash = secret::hash(secret);
        match key {
            Some(k) if secret::same(&k.secret_hash, &hash) => Ok(k),
            _ => Err(Denied::Unknown("KEY_UNKNOWN")),
        }
    }

    /// A key by its id, for a session that began with it.
    pub(super) async fn key_of_session(&self, id: &str) -> Result<Who, Denied> {
        let key = self.key(|k| k.id == id).await?;
        key.map(|k| Who::key(&k)).ok_or(Denied::Unknown("KEY_UNKNOWN"))
    }

    /// Who sent a message of the hospital interface, as far as its headers tell: the keys that may have signed it.
    /// Nothing is proved yet; a stranger is turned away before the message is read.
    pub async fn sender(&self, claim: Option<&Claim>, now: NaiveDateTime) -> Result<Sender, Denied> {
        if !self.guarded().await? {
            return Ok(Sender { who: Who::anyone(), keys: Vec::new() });
        }
        let claim = claim.ok_or(Denied::Nobody)?;
        if let Some(signed_at) = claim.signed_at()? {
            let now = (self.inner.unix)();
            let window = self.inner.window.unwrap_or_else(|| claim.family().window());
            if signed_at.abs_diff(now) > window.unsigned_abs() {
                return Err(SignError::Clock.into());
            }
            // what was signed before this process began could have been used then
            if self.inner.agency.store().forgets_nonces() && signed_at < self.inner.began {
                return Err(SignError::Replayed.into());
            }
        }
        let family = claim.family();
        let keys = match claim {
            Claim::A { key, .. } | Claim::B { key, .. } => {
                self.keys(|k| k.id == *key && k.family == family.word()).await?
            }
            // an institution has several while one takes the place of another
            Claim::C { institution, .. } => {
                self.keys(|k| k.institution.as_str() == institution && k.family == family.word()).await?
            }
            Claim::Bearer(token) if token.starts_with(session::PREFIX) => {
                let who = self.signed_in(token, now).await?;
                let id = who.name.strip_prefix("key:").ok_or(Denied::Right(Right::Send))?.to_owned();
                self.keys(|k| k.id == id).await?
            }
            Claim::Bearer(token) => vec![self.bearer(token).await?],
        };
        let who = Who::key(keys.first().ok_or(Denied::Unknown("KEY_UNKNOWN"))?);
        if who.may(Right::Send) { Ok(Sender { who, keys }) } else { Err(Denied::Right(Right::Send)) }
    }

    /// Whether the message is what the sender signed, and is signed for the first time.
    pub async fn prove(&self, sender: &Sender, claim: Option<&Claim>, body: &[u8]) -> Result<(), Denied> {
        let Some(claim) = claim.filter(|_| !sender.keys.is_empty()) else { return Ok(()) };
        let Some(nonce) = claim.nonce(body) else { return Ok(()) };
        let master = self.inner.master.as_ref().ok_or(Denied::Unknown("NO_MASTER_KEY"))?;
        let mut key = Err(SignError::Mismatch);
        for k in &sender.keys {
            key = claim.verify(&master.secret_of(&k.id), body).map(|()| k);
            if key.is_ok() {
                break;
            }
        }
        let key = key?;
        let now = (self.inner.unix)();
        let window = self.inner.window.unwrap_or_else(|| claim.family().window());
        // a stamp may lie ahead by the window, and is then accepted for as long again
        match self.inner.agency.store().first_use(&key.id, &nonce, now, now + 2 * window).await? {
            Nonce::First => Ok(()),
            Nonce::Again => Err(SignError::Replayed.into()),
        }
    }

    /// Puts a refusal on record. Callers that are not known are put on record up to a number a minute, so that
    /// they cannot fill the books; the first row of the next minute says how many more there were.
    pub async fn refused(&self, who: Option<&Who>, denied: &Denied, what: &str, now: NaiveDateTime) {
        let mut detail = match denied {
            Denied::Unavailable(e) => {
                tracing::error!(error = %e, "who is calling cannot be found out");
                return;
            }
            Denied::Nobody => json!({"why": "NOBODY"}),
            Denied::Unknown(code) => json!({"why": code}),
            Denied::Signature(e) => json!({"why": e.code()}),
            Denied::Right(r) => json!({"why": "RIGHT", "right": r.word()}),
            Denied::NotOpen => json!({"why": "NOT_OPEN"}),
            Denied::Busy => return,
        };
        if who.is_none() {
            let Some(more) = self.stranger() else { return };
            if more > 0
                && let Value::Object(d) = &mut detail
            {
                d.insert("not_recorded_before".to_owned(), Value::from(more));
            }
        }
        let who = who.map_or("unknown", |w| &w.name);
        let entry = self.inner.agency.acting_as(who).entry("refuse", what, detail);
        if let Err(e) = self.inner.agency.record(entry, now).await {
            tracing::error!(error = %e, "a refusal could not be put on record");
        }
    }

    /// Counts a stranger; none where this one is not put on record, else how many were not since the last.
    fn stranger(&self) -> Option<u32> {
        let minute = (self.inner.unix)() / 60;
        let mut s = self.inner.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut more = 0;
        if s.minute != minute {
            more = s.seen.saturating_sub(STRANGERS);
            *s = Strangers { minute, seen: 0 };
        }
        s.seen = s.seen.saturating_add(1);
        (s.seen <= STRANGERS).then_some(more)
    }

    /// Puts on record what a user read of a person. Where it cannot be, nothing may be shown.
    pub async fn reads(&self, who: &Who, what: &str, now: NaiveDateTime) -> Result<(), Denied> {
        if who.anyone {
            return Ok(());
        }
        let entry: AuditEntry = self.inner.agency.acting_as(&who.name).entry("read", what, Value::Null);
        self.inner.agency.record(entry, now).await.map_err(Denied::Unavailable)
    }
}

/// Who sent a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Them.
    pub who: Who,
    /// The keys that may have signed it: one, or several of one institution.
    pub(crate) keys: Vec<KeyRow>,
}
