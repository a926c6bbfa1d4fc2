//! One value of a message, read by its field.

use super::fields::{Field, Kind, Need};
use super::limits::FREE_CHARS;
use super::notes::{Notes, Problem, Problems, Tolerance};
use super::profile::Rule;
use super::time::{self, TimeError};
use chrono::{NaiveDate, NaiveDateTime};
use dingan_core::money::{Money, NumberError, Price, Quantity, Rate};
use serde_json::Value;
use std::borrow::Cow;

/// A value as read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'v> {
    Empty,
    Text(Cow<'v, str>),
    Money(Money),
    Price(Price),
    Quantity(Quantity),
    Rate(Rate),
    Int(i64),
    Time(NaiveDateTime),
    Date(NaiveDate),
}

impl Cell<'_> {
    /// As text of the wire; none where empty.
    pub fn wire(&self) -> Option<String> {
        Some(match self {
            Self::Empty => return None,
            Self::Text(t) => t.clone().into_owned(),
            Self::Money(m) => m.to_string(),
            Self::Price(p) => p.to_string(),
            Self::Quantity(q) => q.to_string(),
            Self::Rate(r) => r.to_string(),
            Self::Int(i) => i.to_string(),
            Self::Time(t) => time::moment(*t),
            Self::Date(d) => time::day(*d),
        })
    }
}

/// Reads the cells of one row.
pub(crate) struct Cells<'m> {
    pub notes: &'m mut Notes,
    pub problems: &'m mut Problems,
    /// Path of the row.
    pub row: &'m str,
}

impl Cells<'_> {
    pub fn read<'v>(&mut self, field: &Field, rule: &Rule, value: Option<&'v Value>) -> Cell<'v> {
        let (text, placeholder) = match value {
            None | Some(Value::Null) => (None, false),
            Some(Value::String(s)) => match s.trim() {
                "" => (None, false),
                "-" | "--" | "null" => {
                    self.note(Tolerance::Placeholder, field);
                    (None, true)
                }
                t => (Some(Cow::Borrowed(t)), false),
            },
            Some(Value::Number(n)) => (Some(Cow::Borrowed(n.as_str())), false),
            Some(Value::Bool(b)) if field.kind == Kind::Text => {
                self.note(Tolerance::Truth, field);
                (Some(Cow::Borrowed(if *b { "1" } else { "0" })), false)
            }
            Some(v @ (Value::Object(_) | Value::Array(_))) if field.kind == Kind::Free => {
                self.note(Tolerance::FreeObject, field);
                (serde_json::to_string(v).ok().map(Cow::Owned), false)
            }
            Some(_) => {
                self.problem("FIELD_TYPE", field, "类型不符", "请按接口规范的类型传送");
                return Cell::Empty;
            }
        };
        let Some(text) = text else {
            // a placeholder says that there is no such thing: enough where only the table asks for it
            if rule.required && !(placeholder && field.need != Need::Must) {
                self.problem("FIELD_REQUIRED", field, "必填", "请补充该字段后重新发送");
            }
            return Cell::Empty;
        };
        self.form(field, value);
        self.convert(field, rule, text)
    }

    /// Notes numbers sent as text and the reverse.
    fn form(&mut self, field: &Field, value: Option<&Value>) {
        let numeric = matches!(field.kind, Kind::Money | Kind::Price | Kind::Quantity | Kind::Rate | Kind::Int);
        match value {
            Some(Value::String(_)) if numeric => self.note(Tolerance::NumberAsText, field),
            Some(Value::Number(_)) if !numeric && field.kind != Kind::Spare => {
                self.note(Tolerance::TextAsNumber, field)
            }
            _ => {}
        }
    }

    fn convert<'v>(&mut self, field: &Field, rule: &Rule, text: Cow<'v, str>) -> Cell<'v> {
        match field.kind {
            Kind::Text | Kind::Spare => self.text(field, rule, text),
            Kind::Free => {
                let limit = usize::from(rule.length).min(FREE_CHARS);
                if self.fits(field, &text, limit) { Cell::Text(text) } else { Cell::Empty }
            }
            Kind::Money => self.number(field, text.parse(), Cell::Money),
            Kind::Price => self.number(field, text.parse(), Cell::Price),
            Kind::Quantity => self.number(field, text.parse(), Cell::Quantity),
            Kind::Rate => self.number(field, text.parse(), Cell::Rate),
            Kind::Int => {
                // through a decimal, so that 1.0 is 1
                let whole = text.parse::<Quantity>().and_then(|q| {
                    if q.units() % Quantity::ONE_UNITS == 0 {
                        Ok(q.units() / Quantity::ONE_UNITS)
                    } else {
                        Err(NumberError::TooManyDecimals(0))
                    }
                });
                self.number(field, whole, Cell::Int)
            }
            Kind::Time | Kind::When | Kind::Date => self.time(field, &text),
        }
    }

    fn text<'v>(&mut self, field: &Field, rule: &Rule, text: Cow<'v, str>) -> Cell<'v> {
        if !self.fits(field, &text, usize::from(rule.length)) {
            return Cell::Empty;
        }
        if rule.codes.is_empty() {
            return Cell::Text(text);
        }
        if rule.codes.contains(&text) {
            return Cell::Text(text);
        }
        // 1 for 01 and the reverse
        let bare = |s: &str| s.trim_start_matches('0').to_owned();
        match rule.codes.iter().find(|c| bare(c) == bare(&text)) {
            Some(code) => {
                self.note(Tolerance::CodeForm, field);
                Cell::Text(Cow::Owned(code.to_string()))
            }
            None => {
                let hint = format!("可用值：{}", rule.codes.join("、"));
                self.problem("CODE_UNKNOWN", field, "的代码不在可用范围内", &hint);
                Cell::Empty
            }
        }
    }

    fn fits(&mut self, field: &Field, text: &str, limit: usize) -> bool {
        if text.len() > limit && text.chars().count() > limit {
            self.problem("FIELD_TOO_LONG", field, &format!("超过{limit}个字符"), "");
            return false;
        }
        if text.contains('\0') {
            self.problem("TEXT_CHARACTER", field, "含有不可用的字符(NUL)", "");
            return false;
        }
        true
    }

    fn number<'v, T>(&mut self, field: &Field, read: Result<T, NumberError>, cell: impl Fn(T) -> Cell<'v>) -> Cell<'v> {
        match read {
            Ok(n) => cell(n),
            Err(e) => {
                let (code, message) = match e {
                    NumberError::Malformed => ("NUMBER_MALFORMED", "不是数值".to_owned()),
                    NumberError::TooManyDecimals(0) => ("NUMBER_DECIMALS", "应为整数".to_owned()),
                    NumberError::TooManyDecimals(n) => ("NUMBER_DECIMALS", format!("小数超过{n}位")),
                    NumberError::OutOfRange => ("NUMBER_RANGE", "数值超出范围".to_owned()),
                };
                self.problem(code, field, &message, "");
                Cell::Empty
            }
        }
    }

    fn time<'v>(&mut self, field: &Field, text: &str) -> Cell<'v> {
        let written = match time::parse(text) {
            Ok(w) => w,
            Err(e) => {
                let (code, message, hint) = match e {
                    TimeError::Malformed => ("TIME_MALFORMED", "不是日期时间", "格式：yyyy-MM-dd HH:mm:ss"),
                    TimeError::Zone => ("TIME_ZONE", "带有时区", "请传北京时间，不带Z或时区"),
                    TimeError::Range => ("TIME_RANGE", "年份超出范围", ""),
                };
                self.problem(code, field, message, hint);
                return Cell::Empty;
            }
        };
        if !written.standard {
            self.note(Tolerance::TimeForm, field);
        }
        match field.kind {
            Kind::Date => {
                if written.has_time {
                    self.note(Tolerance::TimeOnDate, field);
                }
                Cell::Date(written.time.date())
            }
            kind => {
                if !written.has_time && kind == Kind::Time {
                    self.note(Tolerance::DateOnly, field);
                }
                Cell::Time(written.time)
            }
        }
    }

    fn note(&mut self, what: Tolerance, field: &Field) {
        let row = self.row;
        self.notes.note(what, || format!("{row}/{}", field.name));
    }

    fn problem(&mut self, code: &'static str, field: &Field, message: &str, hint: &str) {
        let row = self.row;
        self.problems.push(|| {
            let message = format!("{}({}){message}", field.title, field.name);
            Problem::new(code, format!("{row}/{}", field.name), message).hint(hint)
        });
    }
}
