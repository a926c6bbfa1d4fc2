//! The answer envelope (spec Hunan V1.1.27, response).

use super::limits::{SENTENCE_CHARS, cut};
use super::notes::{Failure, Problem};
use super::profile::Profile;
use super::value::{int, text};
use chrono::NaiveDateTime;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
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
    pub fn ok(&self, output: &RawValue, warnings: String) -> Vec<u8> {
        let empty = self.profile.empty();
        let output = if output.get() == "null" { empty.as_ref().map(Output::Empty) } else { Some(Output::Of(output)) };
        let success = self.profile.success_msg.clone();
        self.envelope(true, success, warnings, output, None).bytes()
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
        let problem = Wrong {
            err_code: first.code,
            err_path: &first.path,
            err_hint: &first.hint,
            err_list: if all.len() > 1 { all.iter().map(Listed::of).collect() } else { Vec::new() },
        };
        let empty = self.profile.empty();
        self.envelope(false, message, warnings, empty.as_ref().map(Output::Empty), Some(problem)).bytes()
    }

    fn envelope<'v>(
        &self,
        ok: bool,
        message: String,
        warnings: String,
        output: Option<Output<'v>>,
        wrong: Option<Wrong<'v>>,
    ) -> Envelope<'v> {
        let code = if ok { 0 } else { -1 };
        let time = self.now.format("%Y%m%d%H%M%S%3f").to_string();
        Envelope {
            infcode: if self.profile.infcode_text { text(code.to_string()) } else { int(code) },
            inf_refmsgid: self.reference(),
            refmsg_time: time.clone(),
            respond_time: time,
            warn_msg: warnings,
            err_msg: cut(&message, SENTENCE_CHARS).to_owned(),
            output,
            wrong,
        }
    }

    /// `inf_refmsgid`: region, second, ten digits of sequence.
    fn reference(&self) -> String {
        let n = SEQUENCE.fetch_add(1, Ordering::Relaxed) % 10_000_000_000;
        format!("{}{}{n:010}", self.profile.region, self.now.format("%Y%m%d%H%M%S"))
    }
}

/// The envelope as it is sent.
#[derive(Serialize)]
struct Envelope<'v> {
    infcode: Value,
    inf_refmsgid: String,
    refmsg_time: String,
    respond_time: String,
    warn_msg: String,
    err_msg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Output<'v>>,
    #[serde(flatten)]
    wrong: Option<Wrong<'v>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Output<'v> {
    Of(&'v RawValue),
    /// What a profile has in place of none.
    Empty(&'v Value),
}

/// What a failure says beside the published keys: the first problem, and all of several.
#[derive(Serialize)]
struct Wrong<'v> {
    err_code: &'static str,
    err_path: &'v str,
    err_hint: &'v str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    err_list: Vec<Listed<'v>>,
}

#[derive(Serialize)]
struct Listed<'v> {
    err_code: &'static str,
    err_path: &'v str,
    err_msg: &'v str,
    err_hint: &'v str,
}

impl<'v> Listed<'v> {
    fn of(p: &'v Problem) -> Self {
        Self { err_code: p.code, err_path: &p.path, err_msg: &p.message, err_hint: &p.hint }
    }
}

impl Envelope<'_> {
    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| br#"{"infcode":-1,"err_msg":"ANSWER_UNWRITABLE"}"#.to_vec())
    }
}
