//! Accounts, roles, keys: who is let in, who is refused and that it is on record.

use crate::program::{dingan, text};
use crate::store_of_a_test::Place;
use chrono::{NaiveDateTime, TimeDelta};
use dingan::demo::settle_in;
use dingan::serve::{Guarded, Running, now, open_at, profile};
use dingan_connectors::sample::County;
use dingan_http::access::{Master, NewKey, Role};
use dingan_store::AuditRow;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A call with headers; status and body.
pub fn call(address: SocketAddr, method: &str, path: &str, headers: &[(&str, String)], body: &str) -> (u16, Value) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true).build().into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let mut answer = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A call to `/api/v1` with a token.
pub fn api(address: SocketAddr, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let headers = [("content-type", "application/json".to_owned()), ("authorization", format!("Bearer {token}"))];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    call(address, method, path, &headers, &body)
}

/// A server whose clock the test sets, with a master secret.
pub struct Office {
    pub runtime: Runtime,
    pub running: Option<Running>,
    pub clock: Arc<Mutex<NaiveDateTime>>,
    pub county: County,
    pub place: Place,
    pub master: Master,
}

impl Office {
    pub fn at(place: Place) -> Self {
        let runtime = Runtime::new().unwrap();
        let county = County::generate(7, 50);
        let clock = Arc::new(Mutex::new(now()));
        let master = Master::open(&place.folder.path().join("master.key"), true).unwrap();
        let running = runtime.block_on(async {
            let agency = open_at(&place.at).await.unwrap();
            settle_in(&agency, &county).await.unwrap();
            start(agency, &clock, &master).await
        });
        Self { runtime, running: Some(running), clock, county, place, master }
    }

    pub fn new() -> Self {
        Self::at(Place::new())
    }

    /// A second server on the same database.
    pub fn beside(&self) -> Running {
        self.runtime.block_on(async {
            let agency = open_at(&self.place.at).await.unwrap();
            start(agency, &self.clock, &self.master).await
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().address
    }

    pub fn agency(&self) -> &dingan_http::agency::Agency {
        self.running.as_ref().unwrap().agency()
    }

    pub fn account(&self, name: &str, roles: &[&str]) {
        let roles: Vec<String> = roles.iter().map(|r| (*r).to_owned()).collect();
        self.runtime.block_on(self.agency().add_account(name, &roles, PASSWORD, now())).unwrap();
    }

    pub fn key(&self, key: NewKey) -> (String, String) {
        self.runtime.block_on(self.agency().add_key(key, Some(&self.master), now())).unwrap()
    }

    fn sign_in(&self, name: &str, password: &str) -> (u16, Value) {
        let body = json!({"name": name, "password": password}).to_string();
        call(self.address(), "POST", "/api/v1/session", &[("content-type", "application/json".to_owned())], &body)
    }

    fn token(&self, name: &str) -> String {
        let (status, answer) = self.sign_in(name, PASSWORD);
        assert_eq!(status, 200, "{answer}");
        answer["token"].as_str().unwrap().to_owned()
    }

    pub fn audit(&self) -> Vec<AuditRow> {
        self.runtime.block_on(async { self.agency().store().snapshot().await.unwrap().audit(0, 10_000).await.unwrap() })
    }

    fn later(&self, minutes: i64) {
        let mut clock = self.clock.lock().unwrap();
        *clock += TimeDelta::minutes(minutes);
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        if let Some(r) = self.running.take() {
            let _ = self.runtime.block_on(r.stop());
        }
    }
}

async fn start(agency: dingan_http::agency::Agency, clock: &Arc<Mutex<NaiveDateTime>>, master: &Master) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hand = Arc::clone(clock);
    let read = move || *hand.lock().unwrap();
    let guarded = Guarded { master: Some(master.clone()), ..Guarded::default() };
    Running::start_guarded(agency, profile("default").unwrap(), listener, Arc::new(read), guarded).await.unwrap()
}

pub const PASSWORD: &str = "a long enough one";

/// Every route with the roles that may take it, and a body it can be asked with.
fn routes() -> Vec<(&'static str, &'static str, Value, Vec<Role>)> {
    use Role::*;
    let cases = vec![Clerk, Reviewer, Inspector, Supervisor];
    let totals = vec![Clerk, Reviewer, Inspector, Supervisor, Administrator];
    vec![
        ("GET", "/", Value::Null, totals.clone()),
        ("GET", "/metrics", Value::Null, totals.clone()),
        ("GET", "/api/v1/ledger", Value::Null, totals.clone()),
        ("GET", "/api/v1/clearing/2026-01", Value::Null, totals),
        ("GET", "/api/v1/clearing/2026-01/460000/440100", Value::Null, cases.clone()),
        ("GET", "/api/v1/manual/proposals", Value::Null, cases.clone()),
        ("GET", "/api/v1/manual/tasks", Value::Null, vec![Clerk]),
        ("POST", "/api/v1/manual/claims", json!({}), vec![Clerk]),
        ("POST", "/api/v1/manual/reversals", json!({}), vec![Clerk]),
        ("POST", "/api/v1/manual/corrections", json!({}), vec![Clerk]),
        ("POST", "/api/v1/manual/deductions", json!({}), vec![Clerk]),
        ("POST", "/api/v1/manual/tasks/R1", json!({}), vec![Clerk]),
        ("GET", "/api/v1/messages/H1/m1", Value::Null, cases.clone()),
        ("GET", "/api/v1/persons/P1/proposals", Value::Null, cases.clone()),
        ("GET", "/api/v1/settlements/S1/explanation", Value::Null, cases.clone()),
        ("GET", "/api/v1/settlements/S1/why/R1", Value::Null, cases),
        ("POST", "/api/v1/inspect", json!({"sql": "SELECT 1 AS one"}), vec![Inspector]),
        ("POST", "/api/v1/rules", json!({"path": "x", "toml": "", "rhai": "", "markdown": ""}), vec![Supervisor]),
        ("GET", "/api/v1/audit", Value::Null, vec![Auditor]),
        ("GET", "/api/v1/accounts", Value::Null, vec![Security]),
        ("POST", "/api/v1/accounts", json!({"name": "x", "roles": ["nobody"]}), vec![Security]),
        ("PATCH", "/api/v1/accounts/nobody", json!({"disabled": true}), vec![Security]),
        ("GET", "/api/v1/keys", Value::Null, vec![Security]),
        ("POST", "/api/v1/keys", json!({"roles": ["nobody"]}), vec![Security]),
        ("DELETE", "/api/v1/keys/nobody", Value::Null, vec![Security]),
        ("POST", "/fsi/api/callService", json!({}), vec![]),
    ]
}

#[test]
fn a_role_without_the_right_is_refused_and_on_record() {
    let office = Office::new();
    for role in Role::ALL.into_iter().filter(|r| *r != Role::His) {
        office.account(role.word(), &[role.word()]);
    }
    for role in Role::ALL.into_iter().filter(|r| *r != Role::His) {
        let token = office.token(role.word());
        for (method, path, body, may) in routes() {
            let before = office.audit().len();
            let (status, answer) = api(office.address(), &token, method, path, &body);
            if may.contains(&role) {
                assert!(![401, 403].contains(&status), "{role} {method} {path}: {status} {answer}");
            } else {
                assert_eq!(status, 403, "{role} {method} {path}: {answer}");
                let rows = office.audit();
                let row = rows.last().unwrap();
                assert_eq!(rows.len(), before + 1, "{role} {method} {path}");
                assert_eq!(row.what, "refuse", "{role} {method} {path}");
                if path.starts_with("/api") {
                    assert_eq!((row.who.as_str(), row.subject.as_str()), (role.word(), &*format!("{method} {path}")));
                    assert_eq!(answer["code"], json!("RIGHT"));
                    assert_eq!(answer["type"], json!("urn:dingan:problem:RIGHT"));
                }
            }
        }
    }
    // nobody without a token, and nobody with one that is none
    for (method, path, body, _) in routes() {
        let plain =
            call(office.address(), method, path, &[("content-type", "application/json".to_owned())], &body.to_string());
        // the start page says where to go
        assert_eq!(plain.0, if path == "/" { 200 } else { 401 }, "{method} {path}: {}", plain.1);
        for token in ["dgs_0000", "dgk_a.b", "x"] {
            assert_eq!(api(office.address(), token, method, path, &body).0, 401, "{method} {path}");
        }
    }
    for open in ["/health", "/ready", "/api/v1/openapi.json"] {
        assert_eq!(call(office.address(), "GET", open, &[], "").0, 200, "{open}");
    }
    let reads = office.audit().into_iter().filter(|r| r.what == "read" && r.subject.contains("/persons/P1/"));
    let who: Vec<String> = reads.map(|r| r.who).collect();
    assert_eq!(who, ["clerk", "reviewer", "inspector", "supervisor"], "each look at a person is on record");
}

/// Once accounts exist, who comes without a token sees where to go, in either language, and nothing of the books.
#[test]
fn the_start_page_says_who_may_do_what() {
    let office = Office::new();
    let page = |path: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut r = agent.get(format!("http://{}{path}", office.address())).call().unwrap();
        (r.status().as_u16(), r.body_mut().read_to_string().unwrap())
    };
    let open = page("/");
    assert!(open.0 == 200 && open.1.contains("参保人"), "{}", open.1);
    office.account("zhang", &["clerk"]);
    // a server looks every two seconds whether anyone is known
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let (status, chinese) = page("/");
    assert_eq!(status, 200);
    let (_, english) = page("/?lang=en");
    for role in Role::ALL {
        assert!(chinese.contains(role.word()) && english.contains(role.word()), "{role}");
    }
    assert!(chinese.contains("谁可以做什么") && english.contains("Who may do what"));
    for told in ["参保人", "bundle", "390100"] {
        assert!(!chinese.contains(told), "{told}");
    }
    let token = office.token("zhang");
    let headers = [("authorization", format!("Bearer {token}"))];
    let (status, whole) = call(office.address(), "GET", "/", &headers, "");
    assert!(status == 200 && whole.to_string().contains("参保人"), "{whole}");
}

/// `rules publish --server` speaks as whoever holds the token.
#[test]
fn rules_are_published_by_who_may() {
    let office = Office::new();
    office.account("zhang", &["clerk"]);
    office.account("wang", &["supervisor"]);
    let source = dingan_rules::embedded_sources().into_iter().next().unwrap();
    let folder = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
        .join("../../rules/library")
        .join(&source.path);
    let server = format!("http://{}", office.address());
    let publish =
        |token: &str| dingan(&["rules", "publish", folder.to_str().unwrap(), "--server", &server, "--token", token]);
    let refused = publish(&office.token("zhang"));
    assert!(refused.status.code() == Some(1) && text(&refused).contains("RIGHT"), "{}", text(&refused));
    let done = publish(&office.token("wang"));
    assert!(done.status.success() && text(&done).contains("is in force"), "{}", text(&done));
    assert!(office.audit().iter().any(|r| r.what == "publish" && r.who == "wang"));
}

#[test]
fn wrong_passwords_lock_an_account_and_sessions_end() {
    let office = Office::new();
    office.account("zhang", &["clerk"]);
    office.account("sec", &["security"]);
    for _ in 0..5 {
        let (status, answer) = office.sign_in("zhang", "not the password");
        assert_eq!((status, &answer["code"]), (401, &json!("LOGIN_REFUSED")));
    }
    assert_eq!(office.sign_in("zhang", PASSWORD).0, 401, "locked");
    let (_, unknown) = office.sign_in("nobody", PASSWORD);
    assert_eq!(unknown, office.sign_in("zhang", PASSWORD).1, "who is there is not told");
    office.later(16);
    let token = office.token("zhang");
    let rows = office.audit();
    let failed: Vec<&AuditRow> = rows.iter().filter(|r| r.subject == "sign in" && r.who == "zhang").collect();
    assert_eq!(failed.len(), 5);
    assert!(failed[4].detail.contains("\"locked\":true"), "{}", failed[4].detail);
    assert!(!rows.iter().any(|r| r.detail.contains("not the password") || r.detail.contains(PASSWORD)));

    let ledger = |token: &str| api(office.address(), token, "GET", "/api/v1/ledger", &Value::Null).0;
    assert_eq!(ledger(&token), 200);
    let (_, me) = api(office.address(), &token, "GET", "/api/v1/session", &Value::Null);
    assert_eq!((&me["name"], &me["roles"]), (&json!("zhang"), &json!(["clerk"])));
    assert_eq!(api(office.address(), &token, "DELETE", "/api/v1/session", &Value::Null).0, 204);
    assert_eq!(ledger(&token), 401, "signed out");

    // another password, other roles, closing: in force at once
    let security = office.token("sec");
    let change = |body: Value| {
        let (status, answer) = api(office.address(), &security, "PATCH", "/api/v1/accounts/zhang", &body);
        assert_eq!(status, 204, "{answer}");
    };
    let token = office.token("zhang");
    change(json!({"roles": ["auditor"]}));
    assert_eq!(ledger(&token), 403, "the role is gone");
    change(json!({"roles": ["clerk"]}));
    assert_eq!(ledger(&token), 200);
    change(json!({"password": "another long one"}));
    assert_eq!(ledger(&token), 401, "another password ends sessions");
    change(json!({"password": PASSWORD}));
    let token = office.token("zhang");
    change(json!({"disabled": true}));
    assert_eq!(ledger(&token), 401, "closed");
    assert_eq!(office.sign_in("zhang", PASSWORD).0, 401, "closed");
    change(json!({"disabled": false}));
    let token = office.token("zhang");
    office.later(8 * 60 + 1);
    assert_eq!(ledger(&token), 401, "a session ends by itself");
    let two = json!({"name": "x1", "roles": ["auditor", "security"]});
    office.later(-9 * 60);
    let security = office.token("sec");
    assert_eq!(api(office.address(), &security, "POST", "/api/v1/accounts", &two).0, 422);
    let short = json!({"name": "x1", "roles": ["auditor"], "password": "short"});
    assert_eq!(api(office.address(), &security, "POST", "/api/v1/accounts", &short).0, 422);
}

#[test]
fn keys_are_shown_once_and_taken_back() {
    let office = Office::new();
    office.account("sec", &["security"]);
    let security = office.token("sec");
    let post = |body: Value| api(office.address(), &security, "POST", "/api/v1/keys", &body);
    let (status, made) = post(json!({"roles": ["inspector"], "note": "the tool of the sixth floor"}));
    assert_eq!(status, 201, "{made}");
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let secret = made["secret"].as_str().unwrap();
    let ask = |token: &str| {
        let body = json!({"sql": "SELECT 1 AS one"});
        api(office.address(), token, "POST", "/api/v1/inspect", &body)
    };
    assert_eq!(ask(token), (200, json!([{"one": 1}])));
    assert_eq!(ask(&token[..token.len() - 1]).0, 401);
    // the program asks with it too, and says what it was told without it
    let server = format!("http://{}", office.address());
    let asked = |token: &[&str]| {
        let args = ["inspect", "--server", &server, "--format", "csv", "SELECT 1 AS one"];
        crate::program::dingan(&[&args[..], token].concat())
    };
    assert_eq!(String::from_utf8_lossy(&asked(&["--token", token]).stdout), "one\n1\n");
    let refused = asked(&[]);
    assert_eq!(refused.status.code(), Some(1));
    let text = crate::program::text(&refused);
    assert!(text.starts_with("error: ") && !text.contains('{') && !text.contains(token), "{text}");
    // a file is there only when it is whole
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.csv");
    let out = file.to_str().unwrap();
    assert_eq!(asked(&["--out", out]).status.code(), Some(1));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(asked(&["--token", token, "--out", out]).status.success());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\n1\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let by_header = [("apikey", token.to_owned()), ("content-type", "application/json".to_owned())];
    assert_eq!(call(office.address(), "GET", "/api/v1/ledger", &by_header, "").0, 200);
    let (_, list) = api(office.address(), &security, "GET", "/api/v1/keys", &Value::Null);
    assert_eq!(list["items"][0]["id"], json!(id));
    assert!(!list.to_string().contains(secret), "shown once");
    assert!(!office.audit().iter().any(|r| r.detail.contains(secret)));
    assert!(office.audit().iter().any(|r| r.what == "inspect" && r.who == format!("key:{id}")));
    assert_eq!(api(office.address(), &security, "DELETE", &format!("/api/v1/keys/{id}"), &Value::Null).0, 204);
    assert_eq!(ask(token).0, 401);
    for bad in [
        json!({"roles": ["security"]}),
        json!({"roles": ["his"]}),
        json!({"roles": ["inspector"], "family": "b"}),
        json!({"roles": ["his"], "fixmedins_code": "H1", "family": "d", "id": "short"}),
        json!({"roles": ["his"], "fixmedins_code": "H1", "family": "d", "id": "0123456789abcdef", "public_key": "04"}),
        json!({"roles": ["inspector"], "family": "z"}),
    ] {
        assert_eq!(post(bad.clone()).0, 422, "{bad}");
    }
    // pages
    for n in 0..5 {
        assert_eq!(post(json!({"roles": ["inspector"], "id": format!("page-{n}")})).0, 201);
    }
    let page = |after: &str| {
        let path = format!("/api/v1/keys?limit=2&after={after}");
        api(office.address(), &security, "GET", &path, &Value::Null).1
    };
    let first = page("page-0");
    assert_eq!((&first["items"][0]["id"], &first["next"]), (&json!("page-1"), &json!("page-2")));
    assert_eq!(page("page-3")["next"], Value::Null);
    assert_eq!(api(office.address(), &security, "GET", "/api/v1/keys?limit=0", &Value::Null).0, 400);
}

#[test]
fn what_one_server_ends_is_over_on_the_other() {
    let Some(place) = Place::postgres() else { return };
    let office = Office::at(place);
    office.account("zhang", &["clerk"]);
    let other = office.beside();
    let token = office.token("zhang");
    let ledger = |address, token: &str| api(address, token, "GET", "/api/v1/ledger", &Value::Null).0;
    assert_eq!((ledger(office.address(), &token), ledger(other.address, &token)), (200, 200));
    let (id, secret) = office.key(NewKey { roles: vec!["inspector".to_owned()], ..NewKey::default() });
    let key = format!("dgk_{id}.{secret}");
    assert_eq!(ledger(other.address, &key), 200, "a key is known wherever it was made");
    office.runtime.block_on(office.agency().revoke_key(&id, now())).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!((ledger(office.address(), &key), ledger(other.address, &key)), (401, 401));
    assert_eq!(api(other.address, &token, "DELETE", "/api/v1/session", &Value::Null).0, 204);
    assert_eq!(ledger(office.address(), &token), 401);
    office.runtime.block_on(other.stop()).unwrap();
}

#[test]
fn the_commands_make_list_and_close_accounts_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let d = folder.path().to_str().unwrap();
    let run = |args: &[&str]| {
        let mut all = args.to_vec();
        all.extend(["--data", d]);
        dingan(&all)
    };
    let added = run(&["user", "add", "li", "--role", "clerk", "--role", "reviewer"]);
    assert!(added.status.success() && text(&added).contains("password: "), "{}", text(&added));
    assert_eq!(run(&["user", "add", "li", "--role", "clerk"]).status.code(), Some(1), "there already");
    let apart = run(&["user", "add", "wang", "--role", "administrator", "--role", "auditor"]);
    assert!(!apart.status.success() && text(&apart).contains("watch each other"), "{}", text(&apart));
    assert!(run(&["user", "disable", "li"]).status.success());
    assert!(text(&run(&["user", "list"])).contains("li  clerk,reviewer  closed"));
    assert!(run(&["user", "enable", "li"]).status.success());
    assert!(run(&["user", "roles", "li", "--role", "inspector"]).status.success());
    assert!(text(&run(&["user", "passwd", "li"])).contains("password: "));
    let key = run(&["key", "add", "--institution", "H46902100001", "--family", "b", "--id", "paas-1"]);
    assert!(key.status.success() && text(&key).contains("secret: "), "{}", text(&key));
    assert!(folder.path().join("master.key").exists());
    assert!(text(&run(&["key", "list"])).contains("paas-1  H46902100001  family b  his  in force"));
    assert!(run(&["key", "revoke", "paas-1"]).status.success());
    assert!(text(&run(&["key", "list"])).contains("taken back"));
    assert!(!run(&["key", "revoke", "paas-1"]).status.success());
    let log = text(&run(&["audit", "list"]));
    for what in
        ["add account", "disable account", "enable account", "set roles", "set password", "add key", "revoke key"]
    {
        assert!(log.contains(what), "{what}: {log}");
    }
    assert!(run(&["audit", "verify"]).status.success());
}
