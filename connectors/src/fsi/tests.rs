//! The interface against a desk that keeps nothing but what it was asked.

mod bounds;
mod case;
mod desk;
mod envelope;
mod filings;
mod garbage;
mod messages;
mod profiles;
mod purchases;
mod review;
mod settlement;
mod tolerance;

use super::{Handled, Profile, handle};
use crate::desk::Desk;
use chrono::{NaiveDate, NaiveDateTime};
use desk::Fake;
use serde_json::{Value, json};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The moment of every test.
fn now() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2026, 3, 5).unwrap().and_hms_milli_opt(8, 7, 6, 123).unwrap()
}

/// The fake never waits.
fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(out) => out,
        Poll::Pending => panic!("the fake desk does not wait"),
    }
}

fn lenient() -> Profile {
    Profile::shipped("default").unwrap()
}

/// A message with the whole header.
fn message(infno: &str, input: Value) -> Value {
    json!({
        "infno": infno,
        "msgid": "H46902100001202603050807060001",
        "mdtrtarea_admvs": "469021",
        "insuplc_admdvs": "469021",
        "recer_sys_code": "FSI",
        "infver": "V1.0",
        "opter_type": "1",
        "opter": "op1",
        "opter_name": "窗口一",
        "inf_time": "2026-03-05 08:07:06",
        "fixmedins_code": "H46902100001",
        "fixmedins_name": "某医院",
        "sign_no": "",
        "input": input,
    })
}

/// An answer as its client sees it.
struct Seen {
    handled: Handled,
    body: Value,
}

impl Seen {
    fn text(&self, key: &str) -> &str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("no {key} in {}", self.body))
    }
    fn at(&self, pointer: &str) -> &Value {
        self.body.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {}", self.body))
    }
    #[track_caller]
    fn ok(self) -> Self {
        assert!(self.handled.ok, "{}", self.body);
        self
    }
    /// (`err_code`, `err_path`) of a failure.
    #[track_caller]
    fn error(&self) -> (&str, &str) {
        assert!(!self.handled.ok, "{}", self.body);
        (self.text("err_code"), self.text("err_path"))
    }
    /// Every problem of a failure.
    fn errors(&self) -> Vec<(String, String)> {
        let list = self.body.get("err_list").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |v: &Value, k: &str| v[k].as_str().unwrap_or_default().to_owned();
        list.iter().map(|e| (text(e, "err_code"), text(e, "err_path"))).collect()
    }
}

fn send_bytes<D: Desk + ?Sized>(desk: &D, profile: &Profile, body: &[u8]) -> Seen {
    let handled = block_on(handle(desk, profile, body, None, now()));
    let body = serde_json::from_slice(&handled.body).expect("an answer is JSON");
    Seen { handled, body }
}

/// Sends a message to a desk under a profile.
fn send(desk: &Fake, profile: &Profile, message: &Value) -> Seen {
    send_bytes(desk, profile, message.to_string().as_bytes())
}

/// Sends an input to a new desk under the lenient profile.
fn ask(infno: &str, input: Value) -> (Fake, Seen) {
    let desk = Fake::new();
    let seen = send(&desk, &lenient(), &message(infno, input));
    (desk, seen)
}
