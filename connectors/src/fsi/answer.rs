//! The answer envelope (spec Hunan V1.1.27, response).

use super::limits::{SENTENCE_CHARS, cut};
use super::notes::{Failure, Problem};
use super::profile::Profile;
use super::value::{int, object, text};
use chrono::NaiveDateTime;
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers the answers of this process.
static SEQUENCE: AtomicU64 = AtomicU64::new(0);

/// What becomes the envelope.
pub(crate) struct Answer<'a> {
    profile: &'a Profile,
    now: NaiveDateTime,
}

impl<'a> Answer<'a> {
    pub fn new(profile: &'a Profile, now: NaiveDateTime) -> Self {
        Self { profile, now }
    }

    /// A success; `output` null means that the transaction has none.
    pub fn ok(&self, output: Value, warnings: String) -> Vec<u8> {
        let mut envelope = self.envelope(true, &self.profile.success_msg, warnings);
        match (output, self.profile.empty()) {
            (Value::Null, None) => {}
            (Value::Null, Some(empty)) => {
                envelope.insert("output".to_owned(), empty);
            }
            (output, _) => {
                envelope.insert("output".to_owned(), output);
            }
        }
        bytes(envelope)
    }

    /// A failure, with `err_code`, `err_path` and `err_hint` beside the published keys.
    pub fn failed(
        &self,
        failure: &Failure,
        place: impl Fn(Option<&'static str>, Option<usize>) -> String,
        warnings: String,
    ) -> Vec<u8> {
        let (first, all, count) = match failure {
            Failure::Message(problems) => (problems.kept().first().cloned(), problems.kept(), problems.count()),
            Failure::Refused(r, path) => {
                let path = path.clone().unwrap_or_else(|| place(r.field, r.line));
                (Some(Problem::new(r.code, path, r.message.as_str()).hint(r.hint.as_str())), [].as_slice(), 1)
            }
        };
        let first = first.unwrap_or_else(|| Problem::new("UNKNOWN", "", "报文无法处理"));
        let message = match count {
            0 | 1 => first.message.clone(),
            n => {
                let more = format!("（共{n}处问题）");
                format!("{}{more}", cut(&first.message, SENTENCE_CHARS - more.chars().count()))
            }
        };
        let mut envelope = self.envelope(false, &message, warnings);
        if let Some(empty) = self.profile.empty() {
            envelope.insert("output".to_owned(), empty);
        }
        envelope.insert("err_code".to_owned(), text(first.code));
        envelope.insert("err_path".to_owned(), text(first.path));
        envelope.insert("err_hint".to_owned(), text(first.hint));
        if all.len() > 1 {
            let list = all.iter().map(|p| {
                object([
                    ("err_code", text(p.code)),
                    ("err_path", text(p.path.as_str())),
                    ("err_msg", text(p.message.as_str())),
                    ("err_hint", text(p.hint.as_str())),
                ])
            });
            envelope.insert("err_list".to_owned(), Value::Array(list.collect()));
        }
        bytes(envelope)
    }

    fn envelope(&self, ok: bool, message: &str, warnings: String) -> Map<String, Value> {
        let code = if ok { 0 } else { -1 };
        let infcode = if self.profile.infcode_text { text(code.to_string()) } else { int(code) };
        let time = self.now.format("%Y%m%d%H%M%S%3f").to_string();
        let pairs = [
            ("infcode", infcode),
            ("inf_refmsgid", text(self.reference())),
            ("refmsg_time", text(time.as_str())),
            ("respond_time", text(time)),
            ("warn_msg", text(warnings)),
            ("err_msg", text(cut(message, SENTENCE_CHARS))),
        ];
        pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
    }

    /// `inf_refmsgid`: region, second, ten digits of sequence.
    fn reference(&self) -> String {
        let n = SEQUENCE.fetch_add(1, Ordering::Relaxed) % 10_000_000_000;
        format!("{}{}{n:010}", self.profile.region, self.now.format("%Y%m%d%H%M%S"))
    }
}

fn bytes(envelope: Map<String, Value>) -> Vec<u8> {
    serde_json::to_vec(&envelope).unwrap_or_else(|_| br#"{"infcode":-1,"err_msg":"ANSWER_UNWRITABLE"}"#.to_vec())
}
