//! Claims as NDJSON, one bill a line, read as a stream.
//!
//! A line is the visit with the national field names, `diseinfo` and `feedetail` inside. Numbers may stand
//! in quotes or not, and keep their digits either way. A line that cannot be read becomes a
//! [`ClaimProblem`] and the reader goes on with the next.

use super::cell::{self, Reason};
use crate::fsi::scan::{RESERVED_KEY, has_reserved_key};
use chrono::NaiveDateTime;
use dingan_core::claim::{AccountUse, Approval, Circumstances, Claim, Diagnosis, Further, Line, SettleRequest, Visit};
use dingan_core::codes::*;
use dingan_core::money::{NumberError, Price, Quantity, Rate};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fmt;
use std::io::{self, BufRead};
use std::str::FromStr;

/// The longest line accepted: a stay of 50,000 lines of fees takes about 20 MiB.
pub const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// The fields of a fee line that [`Line`] holds; the others go to [`Line::more`] as sent.
const LINE_FIELDS: [&str; 19] = [
    "feedetl_sn",
    "init_feedetl_sn",
    "chrg_bchno",
    "rxno",
    "drord_no",
    "fee_ocur_time",
    "med_list_codg",
    "medins_list_codg",
    "det_item_fee_sumamt",
    "cnt",
    "pric",
    "prd_days",
    "bilg_dept_codg",
    "bilg_dr_codg",
    "hosp_appr_flag",
    "dscg_tkdrug_flag",
    // the visit says these
    "mdtrt_id",
    "psn_no",
    "med_type",
];

/// What a line of the file says. Each may say when it became known (`crte_time`), where that was later than what it
/// speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileEvent {
    /// A bill to settle.
    Claim {
        /// `setl_id`.
        settlement: SettlementId,
        /// The bill.
        claim: Claim,
        /// `crte_time`; none for `setl_time`.
        known: Option<NaiveDateTime>,
    },
    /// A visit that is not settled yet, as registered or as it stood then (neither `setl_id` nor `setl_time`).
    Visit {
        /// The visit.
        visit: Visit,
        /// `crte_time`; none for `begntime`.
        known: Option<NaiveDateTime>,
    },
    /// A settlement taken back (`refd_setl_flag` 1).
    Reversal {
        /// `setl_id` of the reversal.
        settlement: SettlementId,
        /// `init_setl_id`: the settlement it takes back.
        of: SettlementId,
        /// `psn_no`.
        person: PersonNo,
        /// `setl_time`.
        time: NaiveDateTime,
        /// `crte_time`; none for `setl_time`.
        known: Option<NaiveDateTime>,
    },
}

impl FileEvent {
    /// `psn_no`.
    pub fn person(&self) -> &PersonNo {
        match self {
            Self::Claim { claim, .. } => &claim.visit.person,
            Self::Visit { visit, .. } => &visit.person,
            Self::Reversal { person, .. } => person,
        }
    }

    /// `setl_id`; none of a visit.
    pub fn settlement(&self) -> Option<&SettlementId> {
        match self {
            Self::Claim { settlement, .. } | Self::Reversal { settlement, .. } => Some(settlement),
            Self::Visit { .. } => None,
        }
    }

    /// When it became known: when that is not stated, or before what it speaks of, at once.
    pub fn known(&self) -> NaiveDateTime {
        let (known, time) = match self {
            Self::Claim { claim, known, .. } => (known, claim.request.time),
            Self::Visit { visit, known } => (known, visit.begin),
            Self::Reversal { time, known, .. } => (known, *time),
        };
        known.map_or(time, |k| k.max(time))
    }
}

/// Why a line could not be read, without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimProblem {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// JSON pointer to the field; empty for the line as a whole.
    pub pointer: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for ClaimProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ClaimProblem {}

/// A stream of events; blank lines are passed over. Ends after a read error.
pub struct Claims<R> {
    file: String,
    input: R,
    line: u64,
    buffer: Vec<u8>,
    broken: bool,
    max: usize,
}

impl<R: BufRead> Claims<R> {
    /// Reads from `input`; `file` is what problems name.
    pub fn new(file: &str, input: R) -> Self {
        Self { file: file.to_owned(), input, line: 0, buffer: Vec::new(), broken: false, max: MAX_LINE_BYTES }
    }

    #[cfg(test)]
    pub(super) fn with_max(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    fn problem(&self, pointer: String, reason: impl Into<String>) -> ClaimProblem {
        ClaimProblem { file: self.file.clone(), line: self.line, pointer, reason: reason.into() }
    }

    /// Fills the buffer with the next line. False at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        // one byte more than allowed tells a line that is too long from one that just fits
        let read = io::Read::take(&mut self.input, self.max as u64 + 1).read_until(b'\n', &mut self.buffer)?;
        Ok(read > 0)
    }

    /// Passes over what is left of a line that is too long, without keeping it.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let (used, done) = match self.input.fill_buf() {
                Ok([]) => return Ok(()),
                Ok(chunk) => match chunk.iter().position(|b| *b == b'\n') {
                    Some(at) => (at + 1, true),
                    None => (chunk.len(), false),
                },
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            self.input.consume(used);
            if done {
                return Ok(());
            }
        }
    }
}

impl<R: BufRead> Iterator for Claims<R> {
    type Item = Result<FileEvent, ClaimProblem>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.broken {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(e) => {
                    self.broken = true;
                    self.line += 1;
                    return Some(Err(self.problem(String::new(), format!("cannot be read: {}", e.kind()))));
                }
            }
            self.line += 1;
            if self.buffer.len() > self.max && self.buffer.last() != Some(&b'\n') {
                self.broken = self.skip_line().is_err();
                return Some(Err(self.problem(String::new(), format!("longer than {} bytes", self.max))));
            }
            let text = self.buffer.trim_ascii();
            let text = if self.line == 1 { text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text) } else { text };
            if text.is_empty() {
                continue;
            }
            if has_reserved_key(text) {
                return Some(Err(self.problem(String::new(), RESERVED_KEY.to_owned())));
            }
            let event = match serde_json::from_slice::<Value>(text) {
                Ok(value) => event(&value),
                Err(e) => Err(At::here(format!("not JSON: {e}"))),
            };
            return Some(event.map_err(|at| self.problem(at.pointer, at.reason)));
        }
        None
    }
}

/// A reason and where it applies.
#[derive(Debug)]
struct At {
    pointer: String,
    reason: Reason,
}

impl At {
    fn here(reason: impl Into<String>) -> Self {
        Self { pointer: String::new(), reason: reason.into() }
    }
    /// As seen from outside the element `i` of `list`.
    fn inside(self, list: &str, i: usize) -> Self {
        Self { pointer: format!("/{list}/{i}{}", self.pointer), reason: self.reason }
    }
}

/// The fields of one object.
struct Fields<'v>(&'v Map<String, Value>);

impl<'v> Fields<'v> {
    fn of(value: &'v Value) -> Result<Self, At> {
        value.as_object().map(Fields).ok_or_else(|| At::here("not a JSON object"))
    }

    /// The text of a field and how it is read; absent, `null` and `""` are all "not given".
    fn get<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, Reason>) -> Result<Option<T>, At> {
        let at = |reason| At { pointer: format!("/{name}"), reason };
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(s)) if s.trim().is_empty() => Ok(None),
            Some(Value::String(s)) => read(s.trim()).map(Some).map_err(at),
            Some(Value::Number(n)) => read(&n.to_string()).map(Some).map_err(at),
            Some(_) => Err(at("neither text nor number".to_owned())),
        }
    }
    fn need<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, Reason>) -> Result<T, At> {
        self.get(name, read)?.ok_or_else(|| At { pointer: format!("/{name}"), reason: "missing".to_owned() })
    }
    fn code<T: for<'a> From<&'a str>>(&self, name: &str, max: usize) -> Result<Option<T>, At> {
        self.get(name, |s| cell::code(s, max).map(T::from))
    }
    fn need_code<T: for<'a> From<&'a str>>(&self, name: &str, max: usize) -> Result<T, At> {
        self.need(name, |s| cell::code(s, max).map(T::from))
    }
    fn text(&self, name: &str, max: usize) -> Result<String, At> {
        Ok(self.get(name, |s| cell::text(s, max).map(str::to_owned))?.unwrap_or_default())
    }
    fn flag(&self, name: &str) -> Result<bool, At> {
        Ok(self.get(name, cell::flag)?.unwrap_or(false))
    }
    fn need_number<T: FromStr<Err = NumberError>>(&self, name: &str) -> Result<T, At> {
        self.need(name, cell::number)
    }
    /// The elements of a list; a single object stands for a list of one, as some clients send it.
    fn list(&self, name: &str) -> Result<&'v [Value], At> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(one @ Value::Object(_)) => Ok(std::slice::from_ref(one)),
            Some(_) => Err(At { pointer: format!("/{name}"), reason: "not a list".to_owned() }),
        }
    }
}

fn event(value: &Value) -> Result<FileEvent, At> {
    let f = Fields::of(value)?;
    let known = f.get("crte_time", cell::date_time)?;
    let given = |name: &str| f.get(name, |_| Ok(())).map(|g| g.is_some());
    if !given("setl_id")? && !given("setl_time")? && !given("refd_setl_flag")? {
        // a bill without its number is a bill that cannot be read, and no visit
        return match f.list("feedetail")? {
            [] => Ok(FileEvent::Visit { visit: visit(&f)?, known }),
            _ => Err(At { pointer: "/setl_id".to_owned(), reason: "missing".to_owned() }),
        };
    }
    let settlement = f.need_code("setl_id", 30)?;
    let time = f.need("setl_time", cell::date_time)?;
    let initial: Option<SettlementId> = f.code("init_setl_id", 30)?;
    let refund = f.flag("refd_setl_flag")?;
    let at_initial = |reason: &str| At { pointer: "/init_setl_id".to_owned(), reason: reason.to_owned() };
    if refund {
        let of = initial.ok_or_else(|| at_initial("missing, though `refd_setl_flag` is 1"))?;
        return Ok(FileEvent::Reversal { settlement, of, person: f.need_code("psn_no", 30)?, time, known });
    }
    if initial.is_some() {
        // a correction linked to an earlier settlement is no plain bill: reading it as one would pay twice
        return Err(at_initial("given, though `refd_setl_flag` is not 1"));
    }
    let claim = Claim { visit: visit(&f)?, lines: lines(&f)?, request: request(&f, time)? };
    Ok(FileEvent::Claim { settlement, claim, known })
}

fn request(f: &Fields<'_>, time: NaiveDateTime) -> Result<SettleRequest, At> {
    let account_use = f.get("acct_used_flag", |s| match s {
        "0" => Ok(AccountUse::None),
        "1" => Ok(AccountUse::Own),
        "2" => Ok(AccountUse::Family),
        _ => Err("not one of 0, 1, 2".to_owned()),
    })?;
    let by_quota = f.get("psn_setlway", |s| match s.trim_start_matches('0') {
        "1" => Ok(false),
        "2" => Ok(true),
        _ => Err("neither 01 nor 02".to_owned()),
    })?;
    Ok(SettleRequest {
        time,
        account_use: account_use.unwrap_or_default(),
        mid_stay: f.flag("mid_setl_flag")?,
        by_quota: by_quota.unwrap_or(false),
    })
}

fn visit(f: &Fields<'_>) -> Result<Visit, At> {
    let med_type = f.need("med_type", |s| {
        let med_type = MedType::from(cell::code(s, 6)?);
        if med_type.kind().is_some() { Ok(med_type) } else { Err("not a known kind of visit".to_owned()) }
    })?;
    let begin = f.need("begntime", cell::date_time)?;
    let end = f.get("endtime", |s| match cell::date_time(s)? {
        end if end < begin => Err("before `begntime`".to_owned()),
        end => Ok(end),
    })?;
    let third_party_share = f.get("ttp_pay_prop", |s| match cell::number::<Rate>(s)? {
        r if r.is_negative() || r > Rate::ONE => Err("not between 0 and 1".to_owned()),
        r => Ok(r),
    })?;
    Ok(Visit {
        id: f.need_code("mdtrt_id", 30)?,
        person: f.need_code("psn_no", 30)?,
        institution: f.need_code("fixmedins_code", 30)?,
        insurance: f.need_code("insutype", 6)?,
        med_type,
        begin,
        end,
        disease: f.code("dise_codg", 30)?.unwrap_or_default(),
        diagnoses: diagnoses(f)?,
        department: f.text("adm_dept_codg", 30)?,
        bed: f.text("adm_bed", 30)?,
        discharge_way: f.code("dscg_way", 3)?.unwrap_or_default(),
        death: f.get("die_date", cell::date)?,
        referred_from: f.code("refl_old_mdtrt_id", 30)?,
        third_party_share: third_party_share.unwrap_or_default(),
        insured_at: f.code("insuplc_admdvs", 6)?.unwrap_or_default(),
        circumstances: Circumstances {
            emergency: f.flag("emergency_flag")?,
            injury: f.flag("TRUM_FLAG")?,
            third_party: f.flag("REL_TTP_FLAG")?,
            birth: f.code("matn_type", 6)?.unwrap_or_default(),
            birth_control: f.code("birctrl_type", 6)?.unwrap_or_default(),
        },
    })
}

fn diagnoses(f: &Fields<'_>) -> Result<Vec<Diagnosis>, At> {
    let mut found: Vec<Diagnosis> = Vec::new();
    for (i, value) in f.list("diseinfo")?.iter().enumerate() {
        let one = diagnosis(value, i).map_err(|at| at.inside("diseinfo", i))?;
        // admission and discharge number their diagnoses each for itself
        if found.iter().any(|d| (d.at_discharge, d.order) == (one.at_discharge, one.order)) {
            let at = At { pointer: "/diag_srt_no".to_owned(), reason: "stands twice".to_owned() };
            return Err(at.inside("diseinfo", i));
        }
        found.push(one);
    }
    found.sort_by_key(|d| (d.at_discharge, d.order));
    Ok(found)
}

fn diagnosis(value: &Value, at: usize) -> Result<Diagnosis, At> {
    let f = Fields::of(value)?;
    let order = f.get("diag_srt_no", |s| s.parse::<u16>().map_err(|_| "not a whole number".to_owned()))?;
    let discharge = f.get("inout_diag_type", |s| match s {
        "1" => Ok(false),
        "2" => Ok(true),
        _ => Err("neither 1 nor 2".to_owned()),
    })?;
    Ok(Diagnosis {
        code: f.need_code("diag_code", 30)?,
        name: f.text("diag_name", 300)?,
        main: f.flag("maindiag_flag")?,
        order: order.unwrap_or_else(|| u16::try_from(at + 1).unwrap_or(u16::MAX)),
        at_discharge: discharge.unwrap_or(false),
    })
}

fn lines(f: &Fields<'_>) -> Result<Vec<Line>, At> {
    let list = f.list("feedetail")?;
    let mut seen = HashSet::with_capacity(list.len());
    let mut lines = Vec::with_capacity(list.len());
    for (i, value) in list.iter().enumerate() {
        let line = line(value).map_err(|at| at.inside("feedetail", i))?;
        if !seen.insert(line.no.clone()) {
            let at = At { pointer: "/feedetl_sn".to_owned(), reason: "stands twice".to_owned() };
            return Err(at.inside("feedetail", i));
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(At { pointer: "/feedetail".to_owned(), reason: "missing or empty".to_owned() });
    }
    Ok(lines)
}

fn not_negative_days(s: &str) -> Result<Quantity, Reason> {
    match cell::number::<Quantity>(s)? {
        days if days.is_negative() => Err("below zero".to_owned()),
        days => Ok(days),
    }
}

fn not_negative_price(s: &str) -> Result<Price, Reason> {
    match cell::number::<Price>(s)? {
        price if price.is_negative() => Err("below zero; a refund has a negative `cnt`".to_owned()),
        price => Ok(price),
    }
}

fn line(value: &Value) -> Result<Line, At> {
    let f = Fields::of(value)?;
    let approval = f.get("hosp_appr_flag", |s| match s {
        "0" => Ok(Approval::NotNeeded),
        "1" => Ok(Approval::Approved),
        "2" => Ok(Approval::Refused),
        _ => Err("not one of 0, 1, 2".to_owned()),
    })?;
    let order_no = match f.text("rxno", 40)? {
        none if none.is_empty() => f.text("drord_no", 40)?,
        prescription => prescription,
    };
    let more: Map<String, Value> =
        f.0.iter().filter(|(k, _)| !LINE_FIELDS.contains(&k.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect();
    Ok(Line {
        no: f.need_code("feedetl_sn", 30)?,
        refund_of: f.code("init_feedetl_sn", 30)?,
        batch: f.text("chrg_bchno", 30)?,
        order_no,
        time: f.need("fee_ocur_time", cell::date_time)?,
        item: f.need_code("med_list_codg", 50)?,
        hospital_item: f.text("medins_list_codg", 150)?,
        amount: f.need_number("det_item_fee_sumamt")?,
        quantity: f.need_number("cnt")?,
        price: f.need("pric", not_negative_price)?,
        // an absent number goes over the wire as 0
        supply_days: f.get("prd_days", not_negative_days)?.filter(|d| !d.is_zero()),
        department: f.text("bilg_dept_codg", 30)?,
        practitioner: f.code("bilg_dr_codg", 30)?.unwrap_or_default(),
        approval: approval.unwrap_or_default(),
        take_home: f.flag("dscg_tkdrug_flag")?,
        more: Further::of(more),
    })
}
