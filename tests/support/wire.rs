//! Messages to the server as a hospital's system sends them, and what comes back.

use anyhow::{Context, bail};
use chrono::NaiveDateTime;
use dingan_connectors::fsi::routes;
use dingan_core::money::Money;
use serde_json::{Value, json};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

/// A hospital's line to the server.
pub struct Wire {
    agent: ureq::Agent,
    base: String,
    sent: Cell<u32>,
}

/// Who sends, to whom the insured belongs, and when.
#[derive(Debug, Clone, Copy)]
pub struct From<'a> {
    /// `fixmedins_code`.
    pub institution: &'a str,
    /// `insuplc_admdvs`.
    pub division: &'a str,
    /// The moment of sending; the server's clock stands there too.
    pub at: NaiveDateTime,
}

/// What a message came to.
#[derive(Debug)]
pub enum Answer {
    /// `output`.
    Done(Value),
    /// `err_code` and the sentence with it.
    Refused(String, String),
}

impl Wire {
    /// To a server.
    pub fn new(address: SocketAddr) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .build()
            .into();
        Self { agent, base: format!("http://{address}"), sent: Cell::new(0) }
    }

    /// Sends a message to the path of its transaction.
    pub fn send(&self, infno: &str, from: From<'_>, input: Value) -> anyhow::Result<Answer> {
        self.sent.set(self.sent.get() + 1);
        let own = routes::find(infno).map(|r| r.path).filter(|p| !p.is_empty());
        let path = own.unwrap_or("rsfComIfsService/callService");
        let body = envelope(infno, from, self.sent.get(), input).to_string();
        let mut answer = self
            .agent
            .post(format!("{}/fsi/api/{path}", self.base))
            .header("content-type", "application/json")
            .send(body.as_bytes())?;
        let text = answer.body_mut().read_to_string()?;
        let body: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
        let said = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        match body.get("infcode").map(ToString::to_string).as_deref() {
            Some("0") => Ok(Answer::Done(body.get("output").cloned().unwrap_or_default())),
            Some("-1") => Ok(Answer::Refused(said("err_code"), said("err_msg"))),
            _ => bail!("{infno}: an answer without infcode: {text}"),
        }
    }

    /// Asks `/api/v1`.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let mut answer = self.agent.get(format!("{}{path}", self.base)).call()?;
        let text = answer.body_mut().read_to_string()?;
        if answer.status() != 200 {
            bail!("GET {path}: {}: {text}", answer.status());
        }
        Ok(serde_json::from_str(&text)?)
    }
}

/// The header with every field of the published table.
fn envelope(infno: &str, from: From<'_>, number: u32, input: Value) -> Value {
    json!({
        "infno": infno,
        "msgid": format!("{}{}{number:04}", from.institution, from.at.format("%Y%m%d%H%M%S")),
        "mdtrtarea_admvs": from.division,
        "insuplc_admdvs": from.division,
        "recer_sys_code": "FSI_SAMPLE",
        "dev_no": "",
        "dev_safe_info": "",
        "cainfo": "",
        "signtype": "",
        "infver": "V1.0",
        "opter_type": "1",
        "opter": "SAMPLE01",
        "opter_name": "样例操作员",
        "inf_time": stamp(from.at),
        "fixmedins_code": from.institution,
        "fixmedins_name": "样例医疗机构",
        "sign_no": "",
        "input": input,
    })
}

/// `yyyy-MM-dd HH:mm:ss`.
pub fn stamp(t: NaiveDateTime) -> String {
    t.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// An amount of an answer, by its digits.
pub fn money(value: &Value, name: &str) -> anyhow::Result<Money> {
    let cell = value.get(name).with_context(|| format!("the answer has no {name}"))?;
    let text = cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
    text.parse().map_err(|e| anyhow::anyhow!("{name} is `{text}`: {e}"))
}

/// A text of an answer.
pub fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str).filter(|t| !t.is_empty());
    found.map(str::to_owned).with_context(|| format!("the answer has no {pointer}"))
}
