//! Signing in and out; accounts and keys.

use super::super::App;
use super::super::problem::ApiProblem;
use super::input::{Asked, Code, Codes, Input};
use super::{Answer, Page};
use crate::access::{Denied, NewKey, Who, password};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Form, Json};
use base64ct::{Base64, Encoding as _};
use dingan_connectors::sign::Family;
use dingan_store::{AccountRow, KeyRow};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A name and a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// The account.
    name: String,
    /// Its password.
    password: String,
}

/// A session.
#[derive(Serialize)]
pub(crate) struct Session {
    /// To be sent as `Authorization: Bearer`; it is not shown again.
    token: String,
    /// When it ends by itself, local civil time.
    until: String,
    /// What the account may be.
    roles: Vec<String>,
}

/// Signs in. Wrong passwords are counted and on record; after five the account is locked for 15 minutes.
pub(super) async fn sign_in(State(app): State<App>, Input(given): Input<SignIn>) -> Answer<Session> {
    // a name that cannot be one is not looked for
    if given.name.len() > 64 || given.name.contains('\0') {
        return Err(Denied::Unknown("LOGIN_REFUSED").into());
    }
    let s = app.access.sign_in(&given.name, &given.password, (app.clock)()).await?;
    Ok(Json(Session { token: s.token, until: s.until.to_string(), roles: s.roles }))
}

/// Who the server takes the caller for.
#[derive(Serialize)]
pub(crate) struct Known {
    /// Account, or `key:` and the key.
    name: String,
    /// Words of roles.
    roles: Vec<&'static str>,
    /// The institution a key speaks for.
    fixmedins_code: String,
}

/// Who the server takes the caller for.
pub(super) async fn whoami(Extension(who): Extension<Who>) -> Json<Known> {
    Json(Known {
        roles: who.roles.iter().map(|r| r.word()).collect(),
        fixmedins_code: who.institution.to_string(),
        name: who.name,
    })
}

/// Signs out: the token is worth nothing from now on, on every server.
pub(super) async fn sign_out(State(app): State<App>, Extension(who): Extension<Who>) -> Result<StatusCode, ApiProblem> {
    app.access.sign_out(&who, (app.clock)()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which rows of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Rows after this name; from the first one where not given.
    #[serde(default)]
    after: String,
    /// At most so many.
    #[serde(default = "hundred")]
    limit: u16,
}

fn hundred() -> u16 {
    100
}

impl ListQuery {
    /// The limit, where it may be asked for.
    pub(super) fn limit(&self) -> Result<u16, ApiProblem> {
        match self.limit {
            1..=1000 => Ok(self.limit),
            _ => Err(ApiProblem::bad("QUERY_REFUSED", "limit is 1 to 1000")),
        }
    }

    /// The name, without what no name of the books holds.
    pub(super) fn after(&self) -> &str {
        self.after.split('\0').next().unwrap_or_default()
    }
}

fn page<R, T>(rows: Vec<R>, q: &ListQuery, name: impl Fn(&R) -> &str, item: impl Fn(R) -> T) -> Answer<Page<T>> {
    let limit = usize::from(q.limit()?);
    let mut rest = rows.into_iter().filter(|r| name(r) > q.after()).peekable();
    let taken: Vec<R> = rest.by_ref().take(limit).collect();
    let next = taken.last().filter(|_| rest.peek().is_some()).map(|r| name(r).to_owned());
    Ok(Json(Page { items: taken.into_iter().map(item).collect(), next }))
}

/// An account.
#[derive(Serialize)]
pub(crate) struct Account {
    /// Its name.
    name: String,
    /// Words of roles.
    roles: Vec<String>,
    /// May not sign in.
    disabled: bool,
    /// When it was made, local civil time.
    made_at: String,
    /// Locked until then, after wrong passwords.
    locked_until: Option<String>,
}

impl From<AccountRow> for Account {
    fn from(a: AccountRow) -> Self {
        Self {
            name: a.name,
            roles: a.roles,
            disabled: a.disabled,
            made_at: a.made_at.to_string(),
            locked_until: a.locked_until.map(|t| t.to_string()),
        }
    }
}

/// The accounts, by name.
pub(super) async fn accounts(State(app): State<App>, Asked(q): Asked<ListQuery>) -> Answer<Page<Account>> {
    let rows = app.agency.store().snapshot().await?.users().await?;
    page(rows, &q, |a| &a.name, Account::from)
}

/// An account to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// Its name: letters, digits, `-`, `_`, `.`.
    name: String,
    /// Words of roles; of administrator, security and auditor one at most.
    roles: Vec<String>,
    /// Its password, 12 bytes or more; one is made where not given.
    #[serde(default)]
    password: Option<String>,
}

/// An account that was made.
#[derive(Serialize)]
pub(crate) struct MadeAccount {
    /// Its name.
    name: String,
    /// The password, where one was made; it is not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// Makes an account.
pub(super) async fn add_account(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Input(new): Input<NewAccount>,
) -> Result<(StatusCode, Json<MadeAccount>), ApiProblem> {
    let made = match &new.password {
        Some(_) => None,
        None => Some(password().map_err(crate::access::AccessError::from)?),
    };
    let secret = new.password.as_deref().or(made.as_deref()).unwrap_or_default();
    app.agency.acting_as(&who.name).add_account(&new.name, &new.roles, secret, (app.clock)()).await?;
    app.access.forget();
    Ok((StatusCode::CREATED, Json(MadeAccount { name: new.name, password: made })))
}

/// What is changed of an account; what is not named stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountChange {
    /// Closed, or opened again; its sessions end.
    #[serde(default)]
    disabled: Option<bool>,
    /// Other roles, in force at once.
    #[serde(default)]
    roles: Option<Vec<String>>,
    /// Another password; its sessions end.
    #[serde(default)]
    password: Option<String>,
}

/// Changes an account.
pub(super) async fn change_account(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Codes(name): Codes<Code>,
    Input(change): Input<AccountChange>,
) -> Result<StatusCode, ApiProblem> {
    let (agency, now) = (app.agency.acting_as(&who.name), (app.clock)());
    if let Some(roles) = &change.roles {
        agency.set_roles(&name.0, roles, now).await?;
    }
    if let Some(p) = &change.password {
        agency.set_password(&name.0, p, now).await?;
    }
    if let Some(disabled) = change.disabled {
        agency.set_disabled(&name.0, disabled, now).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A key.
#[derive(Serialize)]
pub(crate) struct Key {
    /// What it names itself by.
    id: String,
    /// The institution it speaks for.
    fixmedins_code: String,
    /// How it signs: `a`, `b`, `c`, `d` or `bearer`.
    family: String,
    /// Words of roles.
    roles: Vec<String>,
    /// What it is for.
    note: String,
    /// When it was made, local civil time.
    made_at: String,
    /// When it was taken back.
    revoked_at: Option<String>,
}

impl From<KeyRow> for Key {
    fn from(k: KeyRow) -> Self {
        Self {
            id: k.id,
            fixmedins_code: k.institution.to_string(),
            family: k.family,
            roles: k.roles,
            note: k.note,
            made_at: k.made_at.to_string(),
            revoked_at: k.revoked_at.map(|t| t.to_string()),
        }
    }
}

/// The keys, by id.
pub(super) async fn keys(State(app): State<App>, Asked(q): Asked<ListQuery>) -> Answer<Page<Key>> {
    let rows = app.agency.store().snapshot().await?.keys().await?;
    page(rows, &q, |k| &k.id, Key::from)
}

/// A key to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    /// Its id: letters, digits, `-`, `_`, `.`; a random one where not given.
    #[serde(default)]
    id: String,
    /// The institution it speaks for; with the role `his`.
    #[serde(default)]
    fixmedins_code: String,
    /// Words of roles.
    roles: Vec<String>,
    /// `a`, `b`, `c`, `d` or `bearer`.
    #[serde(default = "bearer")]
    family: String,
    /// The caller's SM2 public key, 65 bytes in hexadecimal; with family `d`.
    #[serde(default)]
    public_key: String,
    /// What it is for.
    #[serde(default)]
    note: String,
}

fn bearer() -> String {
    "bearer".to_owned()
}

/// A key that was made.
#[derive(Serialize)]
pub(crate) struct MadeKey {
    /// What it names itself by.
    id: String,
    /// Its secret; it is not shown again.
    secret: String,
    /// For `bearer`, what to send as `Authorization: Bearer` or `apikey`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// For `d`, the agency's SM2 public key, by which its answers are checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    agency_public_key: Option<String>,
}

/// Makes a key.
pub(super) async fn add_key(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Input(new): Input<KeyRequest>,
) -> Result<(StatusCode, Json<MadeKey>), ApiProblem> {
    let refused = |title: &str| ApiProblem::new(StatusCode::UNPROCESSABLE_ENTITY, "REFUSED", title);
    let family = Family::parse(&new.family).ok_or_else(|| refused("family is one of a, b, c, d, bearer"))?;
    let unfit = |t: &str, most: usize| t.len() > most || t.chars().any(char::is_control);
    if unfit(&new.fixmedins_code, 100) || unfit(&new.note, 800) {
        return Err(refused("fixmedins_code or note is too long, or holds control characters"));
    }
    let new = NewKey {
        id: new.id,
        institution: new.fixmedins_code,
        roles: new.roles,
        family,
        public_key: new.public_key,
        note: new.note,
    };
    let agency = app.agency.acting_as(&who.name);
    let (id, secret) = agency.add_key(new, app.access.master(), (app.clock)()).await?;
    app.access.forget();
    let token = (family == Family::Bearer).then(|| format!("dgk_{id}.{secret}"));
    let agency_public_key = app.access.public_key().filter(|_| family == Family::D);
    Ok((StatusCode::CREATED, Json(MadeKey { id, secret, token, agency_public_key })))
}

/// Takes a key back. Other servers know within two seconds.
pub(super) async fn revoke_key(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Codes(id): Codes<Code>,
) -> Result<StatusCode, ApiProblem> {
    app.agency.acting_as(&who.name).revoke_key(&id.0, (app.clock)()).await?;
    app.access.forget();
    Ok(StatusCode::NO_CONTENT)
}

/// What a client of family D sends for a token.
#[derive(Deserialize)]
pub(super) struct Grant {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

/// `POST /auth/oauth/token`, as family D has it: the client by HTTP Basic, a password grant as a form. User and
/// password are the client's id and secret once more.
pub(super) async fn client_token(
    State(app): State<App>,
    headers: HeaderMap,
    form: Result<Form<Grant>, axum::extract::rejection::FormRejection>,
) -> Response {
    let refused = |status: StatusCode, error: &str| (status, Json(json!({"error": error}))).into_response();
    let Ok(Form(grant)) = form else { return refused(StatusCode::BAD_REQUEST, "invalid_request") };
    if !matches!(grant.grant_type.as_str(), "password" | "client_credentials") {
        return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let basic = headers.get("authorization").and_then(|v| v.to_str().ok());
    let basic = basic.and_then(|v| v.strip_prefix("Basic ")).and_then(|v| Base64::decode_vec(v.trim()).ok());
    let basic = basic.and_then(|b| String::from_utf8(b).ok());
    let client = basic.as_deref().and_then(|b| b.split_once(':')).filter(|(id, _)| id.len() <= 64);
    let Some((id, secret)) = client else { return refused(StatusCode::UNAUTHORIZED, "invalid_client") };
    if grant.grant_type == "password" && (grant.username != id || grant.password != secret) {
        return refused(StatusCode::BAD_REQUEST, "invalid_grant");
    }
    let now = (app.clock)();
    match app.access.client_token(id, secret, now).await {
        Ok(s) => Json(json!({
            "access_token": s.token,
            "token_type": "bearer",
            "expires_in": (s.until - now).num_seconds(),
            "scope": "server",
        }))
        .into_response(),
        Err(Denied::Unavailable(e)) => ApiProblem::below(&e, "client token").into_response(),
        Err(_) => refused(StatusCode::UNAUTHORIZED, "invalid_client"),
    }
}
