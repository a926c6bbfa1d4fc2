//! The national hospital interface (定点医药机构接口), as a receiver (spec Hunan V1.1.27).
//!
//! ```text
//! body ─ scan ─ parse ─ header ─ route ─┬─ change: seen before? ─┐
//!                                       └─ query ────────────────┴─ read ─ desk ─ render ─ answer
//! ```
//!
//! One module per transaction, `t….rs`: its field tables, what it reads into a call of
//! [`Desk`], how the outcome is rendered. [`routes`] lists them. What differs between provinces is
//! data ([`Profile`]). Any input whatever gets an answer envelope; nothing here fails.
//!
//! Clients vary much, so reading is tolerant (`read`, `cell`, `time`) and every tolerance is named
//! in `warn_msg` with the path of the field. Null and `""` both mean absent and are not named. An
//! error carries `err_code`, `err_path` (JSON pointer), `err_hint` and, where there are several
//! problems, `err_list` beside the published keys. No message repeats a value that was sent.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::unreachable,
        clippy::float_arithmetic
    )
)]

mod answer;
mod call;
mod cell;
mod circumstances;
mod d2601;
mod diagnoses;
mod fields;
mod hash;
mod header;
pub mod limits;
mod lines;
mod names;
mod notes;
pub mod profile;
mod read;
mod review_input;
pub mod routes;
pub(crate) mod scan;
mod setlinfo;
mod steps;
mod t100001;
mod t1101;
mod t1312_1319;
mod t1901;
mod t2001;
mod t2101_2102;
mod t2201;
mod t2202_2404;
mod t2203;
mod t2204_2301;
mod t2205_2302;
mod t2206_2304;
mod t2208_2305;
mod t2401;
mod t2402;
mod t2403;
mod t2405;
mod t2501_2507;
mod t2502_2506;
mod t2601;
mod t3101_3102;
mod t3103;
mod t3301_3302;
mod t4101;
mod t4104;
mod t5201;
mod t5203;
mod t5204;
mod t5206;
mod t5301_5304;
mod t9001_9002;
#[cfg(test)]
mod tests;
mod time;
mod value;

pub use profile::{Profile, ProfileError};
pub use routes::infno_of_path;

use crate::desk::{Caller, Desk, REPEATED, Reply};
use answer::Answer;
use call::Call;
use chrono::NaiveDateTime;
use notes::{Failure, Notes, Problem, Tolerance};
use routes::{Mode, Route};
use serde_json::Value;

/// An answered message.
#[derive(Debug, Clone)]
pub struct Handled {
    /// The answer, JSON.
    pub body: Vec<u8>,
    /// The transaction, or `unknown`; from a closed list, so fit for a metric.
    pub infno: String,
    /// Whether it succeeded (`infcode` 0).
    pub ok: bool,
    /// `err_code` of a failure.
    pub code: Option<&'static str>,
    /// Whether nothing was done and the same message may be sent again.
    pub retryable: bool,
}

/// Answers a message. `path_infno` is the transaction that the path of the request names, where it
/// names one; `now` is when it was received, and the only clock there is.
pub async fn handle<D: Desk + ?Sized>(
    desk: &D,
    profile: &Profile,
    body: &[u8],
    path_infno: Option<&str>,
    now: NaiveDateTime,
) -> Handled {
    let answer = Answer::new(profile, now);
    let mut notes = Notes::default();
    let mut call = match open(profile, body, path_infno, now, &mut notes) {
        Ok((route, by, input)) => Call::new(profile, route, by, input, notes),
        Err((route, failure)) => {
            let body =
                answer.failed(&failure, |_, _| String::new(), notes.into_text(Vec::new(), profile.warn_tolerances));
            return handled(body, route.or_else(|| routes::find(path_infno?)), Some(&failure));
        }
    };
    let ran = run(desk, &mut call).await;
    let notes = std::mem::take(&mut call.notes);
    let route = Some(call.route);
    match ran {
        Ok(Reply { output, warnings }) => {
            let body = answer.ok(&output, notes.into_text(warnings, profile.warn_tolerances));
            handled(body, route, None)
        }
        Err(failure) => {
            let warnings = notes.into_text(Vec::new(), profile.warn_tolerances);
            let body = answer.failed(&failure, |field, line| call.place(field, line), warnings);
            handled(body, route, Some(&failure))
        }
    }
}

fn handled(body: Vec<u8>, route: Option<&'static Route>, failure: Option<&Failure>) -> Handled {
    let code = failure.map(|f| match f {
        Failure::Message(problems) => problems.kept().first().map_or("UNKNOWN", |p| p.code),
        Failure::Refused(r, _) => r.code,
    });
    Handled {
        body,
        infno: route.map_or("unknown", |r| r.infno).to_owned(),
        ok: failure.is_none(),
        code,
        retryable: failure.is_some_and(Failure::retryable),
    }
}

/// A message as it may go to its transaction, or the failure with the transaction where it was known.
type Opened = Result<(&'static Route, Caller, Value), (Option<&'static Route>, Failure)>;

/// Everything before the transaction: bytes, JSON, header, route, input.
fn open(profile: &Profile, body: &[u8], path_infno: Option<&str>, now: NaiveDateTime, notes: &mut Notes) -> Opened {
    let nowhere = |p: Problem| (None, Failure::from(p));
    let text = std::str::from_utf8(body).map_err(|e| {
        let at = e.valid_up_to();
        nowhere(
            Problem::new("NOT_UTF8", "", format!("报文不是UTF-8编码（第{at}字节起）"))
                .hint("疑似GBK编码，请以UTF-8发送"),
        )
    })?;
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => {
            notes.note(Tolerance::ByteOrderMark, String::new);
            rest
        }
        None => text,
    };
    scan::check(text, "", &profile.limits, notes).map_err(nowhere)?;
    let root: Value = serde_json::from_str(text).map_err(|e| {
        let message = format!("报文不是合法的JSON（第{}行第{}列）", e.line(), e.column());
        nowhere(Problem::new("JSON_MALFORMED", "", message).hint("请检查该处前后的引号、逗号与括号是否成对"))
    })?;
    let Value::Object(mut root) = root else {
        return Err(nowhere(Problem::new("JSON_NOT_OBJECT", "", "报文应为JSON对象")));
    };
    let header =
        header::read(profile, &root, notes).map_err(|(infno, p)| (routes::find(&infno), Failure::Message(p)))?;
    let route = route(&header.infno, path_infno).map_err(nowhere)?;
    let there = |p: Problem| (Some(route), Failure::from(p));
    if header.msgid.is_empty() {
        if route.mode == Mode::Change {
            return Err(there(
                Problem::new("MSGID_MISSING", "/msgid", "发送方报文ID(msgid)必填")
                    .hint("msgid是防止重复处理的依据：每笔交易唯一，重发时不变"),
            ));
        }
        notes.say("缺少msgid，查询仍予处理");
    }
    let key = read::member(Some(&root), "input").map(|(key, _)| key.to_owned());
    let input = key.and_then(|key| root.remove(&key));
    let input = call::input(profile, input, notes).map_err(there)?;
    let by = Caller {
        institution: header.institution.into(),
        infno: route.infno.to_owned(),
        msgid: header.msgid,
        input_hash: hash::of(&input),
        operator: header.operator,
        insured_at: header.insured_at.into(),
        now,
    };
    Ok((route, by, input))
}

/// The transaction; the path, where it names one, must name the same.
fn route(infno: &str, path_infno: Option<&str>) -> Result<&'static Route, Problem> {
    let shown = shown(infno);
    if let Some(path) = path_infno
        && path != infno
        && routes::find(path).zip(routes::find(infno)).is_none_or(|(a, b)| a.base != b.base)
    {
        let path = self::shown(path);
        let message = format!("请求地址对应交易{path}，报文infno为{shown}，两者不一致");
        return Err(Problem::new("INFNO_PATH_MISMATCH", "/infno", message).hint("请核对请求地址与infno"));
    }
    routes::find(infno).ok_or_else(|| {
        Problem::new("INFNO_UNKNOWN", "/infno", format!("本系统不支持交易{shown}"))
            .hint("请核对交易编号，或联系经办机构确认支持的交易")
    })
}

/// A transaction number as it may be shown: what does not look like one could be anything.
fn shown(infno: &str) -> &str {
    if infno.len() <= 10 && infno.bytes().all(|b| b.is_ascii_alphanumeric()) { infno } else { "?" }
}

/// A change seen before is answered as then; anything else goes to its transaction.
async fn run<D: Desk + ?Sized>(desk: &D, call: &mut Call<'_>) -> call::Ran {
    let _admitted = desk.admit(&call.by).await?;
    if call.route.mode == Mode::Change
        && let Some(mut reply) = desk.answered(&call.by).await?
    {
        reply.warnings.insert(0, REPEATED.to_owned());
        return Ok(reply);
    }
    routes::dispatch(desk, call).await
}
